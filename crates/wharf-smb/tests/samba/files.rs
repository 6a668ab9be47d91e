//! What can be done with files.

use std::{
    fs::{self, File, FileTimes, OpenOptions},
    io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt},
    time::{Duration, SystemTime},
};

use crate::{
    Test,
    mounted::{Mounted, wish},
    server::{KEY, Samba, wait_until},
};

pub(crate) const TESTS: &[Test] = &[
    ("files::what_is_written_is_read_here_and_there", written_and_read),
    ("files::appending_and_truncating_change_the_length", lengths),
    ("files::a_file_takes_the_place_of_another_whether_that_is_open_or_not", replaced),
    ("files::what_is_removed_while_it_is_open_can_be_used_until_it_is_closed", removed_while_open),
    ("files::directories_are_made_listed_renamed_and_removed", directories),
    ("files::names_that_servers_forbid_are_names_all_the_same", names),
    ("files::a_large_file_goes_there_and_back", large),
    ("files::times_and_modes_are_taken_as_by_the_kernels_client", times),
    ("files::nothing_is_written_to_a_read_only_mount", read_only),
    ("files::a_folder_can_be_mounted_and_nothing_beside_it_is_seen", folder),
    ("files::the_key_is_told_to_nobody", key_is_hidden),
];

fn written_and_read() {
    let samba = Samba::start();
    let mount = Mounted::new(&wish(&samba, "docs"));
    fs::write(mount.file("here"), "from here").unwrap();
    assert_eq!(fs::read_to_string(samba.file("here")).unwrap(), "from here");
    fs::write(samba.file("there"), "from there").unwrap();
    assert_eq!(fs::read_to_string(mount.file("there")).unwrap(), "from there");
    // What changes there is seen when the file is opened again.
    fs::write(samba.file("there"), "and changed").unwrap();
    assert_eq!(fs::read_to_string(mount.file("there")).unwrap(), "and changed");
    assert_eq!(fs::read(mount.file("nowhere")).unwrap_err().kind(), ErrorKind::NotFound);
    let again = OpenOptions::new().write(true).create_new(true).open(mount.file("here"));
    assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyExists);
    let holes = File::create(mount.file("holes")).unwrap();
    holes.write_all_at(b"end", 1 << 20).unwrap();
    holes.sync_all().unwrap();
    let content = fs::read(mount.file("holes")).unwrap();
    assert!(content.len() == (1 << 20) + 3 && content[..1 << 20].iter().all(|byte| *byte == 0));
    assert!(nix::sys::statvfs::statvfs(&mount.file("")).unwrap().blocks() > 0);
}

fn lengths() {
    let samba = Samba::start();
    let mount = Mounted::new(&wish(&samba, "docs"));
    fs::write(mount.file("log"), "one\n").unwrap();
    let mut first = OpenOptions::new().append(true).open(mount.file("log")).unwrap();
    let mut second = OpenOptions::new().append(true).open(mount.file("log")).unwrap();
    for number in 0..50 {
        writeln!(first, "first {number}").unwrap();
        writeln!(second, "second {number}").unwrap();
    }
    let text = fs::read_to_string(samba.file("log")).unwrap();
    assert_eq!(text.lines().count(), 101);
    assert!(text.ends_with("first 49\nsecond 49\n"), "{text}");
    let file = OpenOptions::new().write(true).open(mount.file("log")).unwrap();
    file.set_len(3).unwrap();
    assert_eq!(fs::read_to_string(samba.file("log")).unwrap(), "one");
    file.set_len(6).unwrap();
    assert_eq!(fs::read(mount.file("log")).unwrap(), b"one\0\0\0");
    fs::write(mount.file("log"), "").unwrap();
    assert_eq!(fs::metadata(mount.file("log")).unwrap().len(), 0);
    nix::unistd::truncate(&mount.file("log"), 10).unwrap();
    assert_eq!(fs::metadata(samba.file("log")).unwrap().len(), 10);
}

fn replaced() {
    let samba = Samba::start();
    let mount = Mounted::new(&wish(&samba, "docs"));
    for name in ["old", "new"] {
        fs::write(mount.file(name), name).unwrap();
    }
    fs::rename(mount.file("new"), mount.file("old")).unwrap();
    assert_eq!(fs::read_to_string(mount.file("old")).unwrap(), "new");
    assert!(!samba.file("new").exists());
    // As programs save files: the old content stays for who has it open.
    let mut open = File::open(mount.file("old")).unwrap();
    fs::write(mount.file("newer"), "newer").unwrap();
    fs::rename(mount.file("newer"), mount.file("old")).unwrap();
    assert_eq!(fs::read_to_string(mount.file("old")).unwrap(), "newer");
    let mut before = String::new();
    open.read_to_string(&mut before).unwrap();
    assert_eq!(before, "new");
    drop(open);
    // And the one that is open keeps its handle under the new name.
    let mut open = OpenOptions::new().append(true).open(mount.file("old")).unwrap();
    fs::rename(mount.file("old"), mount.file("moved")).unwrap();
    open.write_all(b" and more").unwrap();
    drop(open);
    assert_eq!(fs::read_to_string(samba.file("moved")).unwrap(), "newer and more");
    let names: Vec<_> = fs::read_dir(samba.file("")).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

fn removed_while_open() {
    let samba = Samba::start();
    let mount = Mounted::new(&wish(&samba, "docs"));
    let path = mount.file("scratch");
    let mut options = OpenOptions::new();
    let mut open = options.read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    open.write_all(b"kept").unwrap();
    fs::remove_file(&path).unwrap();
    assert!(!path.exists() && fs::read_dir(mount.file("")).unwrap().next().is_none());
    // The name is free at once.
    fs::write(&path, "another").unwrap();
    open.write_all(b" content").unwrap();
    open.seek(SeekFrom::Start(0)).unwrap();
    let mut content = String::new();
    open.read_to_string(&mut content).unwrap();
    assert_eq!((content.as_str(), open.metadata().unwrap().len()), ("kept content", 12));
    drop(open);
    assert_eq!(fs::read_to_string(&path).unwrap(), "another");
    fs::remove_file(&path).unwrap();
    // Closing is not waited for by the kernel.
    let is_empty = || fs::read_dir(samba.file("")).unwrap().next().is_none();
    assert!(wait_until(is_empty), "something is left");
    for number in 0..50 {
        let name = mount.file("again");
        fs::write(&name, number.to_string()).unwrap();
        fs::remove_file(&name).unwrap();
    }
}

fn directories() {
    let samba = Samba::start();
    let mount = Mounted::new(&wish(&samba, "docs"));
    fs::create_dir_all(mount.file("a/b/c")).unwrap();
    fs::write(mount.file("a/b/c/deep"), "x").unwrap();
    assert_eq!(fs::remove_dir(mount.file("a")).unwrap_err().kind(), ErrorKind::DirectoryNotEmpty);
    let again = fs::create_dir(mount.file("a")).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    fs::rename(mount.file("a/b"), mount.file("z")).unwrap();
    assert_eq!(fs::read_to_string(mount.file("z/c/deep")).unwrap(), "x");
    // An empty directory may be replaced, as everywhere on Linux.
    fs::rename(mount.file("z"), mount.file("a")).unwrap();
    assert!(samba.file("a/c/deep").is_file());
    fs::create_dir(mount.file("many")).unwrap();
    for number in 0..1500 {
        fs::write(samba.file(&format!("many/a file with a name of some length {number}")), "")
            .unwrap();
    }
    let mut found = 0;
    for entry in fs::read_dir(mount.file("many")).unwrap() {
        assert!(entry.unwrap().metadata().unwrap().is_file());
        found += 1;
    }
    assert_eq!(found, 1500);
    fs::remove_dir_all(mount.file("many")).unwrap();
    fs::remove_dir_all(mount.file("a")).unwrap();
    assert_eq!(fs::read_dir(samba.file("")).unwrap().count(), 0);
}

fn names() {
    let samba = Samba::start();
    let mount = Mounted::new(&wish(&samba, "docs"));
    let names = ["who?", "a:b", "a\\b", "trailing ", "dot.", "äöü 漢字", "<>|\"*", "..."];
    for name in names {
        fs::write(mount.file(name), name).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let mut found: Vec<String> = fs::read_dir(mount.file(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort_unstable();
    let mut wanted = names.map(ToOwned::to_owned).to_vec();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
    for name in names {
        assert_eq!(fs::read_to_string(mount.file(name)).unwrap(), name);
    }
    let long = fs::write(mount.file(&"n".repeat(256)), "").unwrap_err();
    assert_eq!(long.kind(), ErrorKind::InvalidFilename);
    let link = std::os::unix::fs::symlink("/etc/passwd", mount.file("link")).unwrap_err();
    assert_eq!(link.kind(), ErrorKind::PermissionDenied);
    // The server follows its own links, or not; none is followed here.
    std::os::unix::fs::symlink("/etc/hostname", samba.file("there")).unwrap();
    assert!(fs::read(mount.file("there")).is_err());
}

fn large() {
    const MIB: usize = 1 << 20;
    let samba = Samba::start();
    let mount = Mounted::new(&wish(&samba, "docs"));
    let block = |number: usize| {
        let mut block = vec![0_u8; MIB];
        let mut state = u64::try_from(number).unwrap().wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        for word in block.chunks_exact_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        block
    };
    let mut file = File::create(mount.file("large")).unwrap();
    for number in 0..192 {
        file.write_all(&block(number)).unwrap();
    }
    file.sync_all().unwrap();
    drop(file);
    let (mut here, mut there) =
        (File::open(mount.file("large")).unwrap(), File::open(samba.file("large")).unwrap());
    let mut read = vec![0; MIB];
    for number in 0..192 {
        for file in [&mut here, &mut there] {
            file.read_exact(&mut read).unwrap();
            assert!(read == block(number), "block {number} differs");
        }
    }
    let past = OpenOptions::new().write(true).open(mount.file("large")).unwrap();
    past.write_all_at(b"far", 5 << 30).unwrap();
    past.sync_all().unwrap();
    assert_eq!(fs::metadata(samba.file("large")).unwrap().len(), (5 << 30) + 3);
}

fn times() {
    let samba = Samba::start();
    let mount = Mounted::new(&wish(&samba, "docs"));
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let mut file = File::create(mount.file("f")).unwrap();
    file.write_all(b"x").unwrap();
    file.set_times(FileTimes::new().set_modified(then)).unwrap();
    drop(file);
    assert_eq!(fs::metadata(samba.file("f")).unwrap().modified().unwrap(), then);
    let found = fs::metadata(mount.file("f")).unwrap();
    assert_eq!((found.modified().unwrap(), found.uid(), found.mode()), (then, 0, 0o100_777));
    fs::set_permissions(mount.file("f"), PermissionsExt::from_mode(0o600)).unwrap();
    std::os::unix::fs::chown(mount.file("f"), Some(7), Some(8)).unwrap();
    let found = fs::metadata(mount.file("f")).unwrap();
    assert_eq!((found.uid(), found.mode()), (0, 0o100_777));
}

fn read_only() {
    let samba = Samba::start();
    fs::write(samba.file("f"), "read me").unwrap();
    let mut wish = wish(&samba, "docs");
    wish.read_only = true;
    let mount = Mounted::new(&wish);
    assert_eq!(fs::read_to_string(mount.file("f")).unwrap(), "read me");
    for done in [fs::write(mount.file("g"), ""), fs::remove_file(mount.file("f"))] {
        assert_eq!(done.unwrap_err().kind(), ErrorKind::ReadOnlyFilesystem);
    }
}

fn folder() {
    let samba = Samba::start();
    fs::create_dir_all(samba.file("teams/one")).unwrap();
    fs::write(samba.file("teams/one/f"), "of one").unwrap();
    fs::write(samba.file("teams/beside"), "").unwrap();
    let server = wharf_smb::Server::parse(&format!("{}/docs/teams", samba.address())).unwrap();
    let mut wish = wish(&samba, "docs");
    wish.location = server.locate("one").unwrap();
    let mount = Mounted::new(&wish);
    let names: Vec<_> =
        fs::read_dir(mount.file("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["f"]);
    fs::rename(mount.file("f"), mount.file("g")).unwrap();
    assert_eq!(fs::read_to_string(samba.file("teams/one/g")).unwrap(), "of one");
}

fn key_is_hidden() {
    let samba = Samba::start();
    let mount = Mounted::new(&wish(&samba, "docs"));
    let pid = mount.place.served_by().unwrap();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let line = mounts.lines().find(|line| line.contains(mount.place.dir().as_str())).unwrap();
    assert!(line.contains("fuse.smb") && line.contains("/docs"), "{line}");
    let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap();
    for text in [line.as_bytes().to_vec(), read("cmdline"), read("environ")] {
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(!text.contains(KEY), "{text}");
    }
    assert!(!mount.log().contains(KEY));
    let status = String::from_utf8(read("status")).unwrap();
    assert!(status.contains("Uid:\t65534\t65534\t65534\t65534"), "{status}");
    assert!(status.contains("CapEff:\t0000000000000000"), "{status}");
}
