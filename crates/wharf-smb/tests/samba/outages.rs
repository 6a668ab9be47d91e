//! Servers that refuse, are not there, go, come back, or say nothing.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::FileExt as _,
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use crate::{
    Test,
    mounted::{Mounted, wish},
    server::{Samba, wait_until},
};

pub(crate) const TESTS: &[Test] = &[
    ("outages::a_refusal_says_what_is_wrong", refusals),
    ("outages::a_server_that_comes_back_is_used_again_by_files_that_are_open", restart),
    ("outages::what_may_have_been_lost_with_a_session_is_told_once", lost),
    ("outages::a_dead_server_is_an_error_at_once", dead),
    ("outages::a_silent_server_is_an_error_after_a_while", silent),
    ("outages::a_mount_whose_process_is_killed_is_cleared", killed),
];

/// Longer than anything takes that is bounded, on a machine that has other things to do.
const LIMIT: Duration = Duration::from_mins(2);

fn refusals() {
    let mut samba = Samba::start();
    let mut wrong = wish(&samba, "docs");
    "d3Jvbmc=".clone_into(&mut wrong.key);
    let said = Mounted::refused(&wrong);
    let denied = "mount error(13): Permission denied: the server refused the key of account";
    assert!(said.starts_with(denied), "{said}");
    let said = Mounted::refused(&wish(&samba, "nothing"));
    assert!(said.starts_with("mount error(2): No such file or directory: the server"), "{said}");
    let server = wharf_smb::Server::parse(&format!("{}/docs", samba.address())).unwrap();
    let mut nowhere = wish(&samba, "docs");
    nowhere.location = server.locate("nowhere").unwrap();
    let said = Mounted::refused(&nowhere);
    assert!(said.starts_with("mount error(2): No such file or directory"), "{said}");
    samba.kill();
    let said = Mounted::refused(&wish(&samba, "docs"));
    assert!(said.starts_with("mount error(112): Host is down"), "{said}");
}

fn restart() {
    let mut samba = Samba::start();
    let mount = Mounted::new(&wish(&samba, "docs"));
    let mut open = File::create(mount.file("log")).unwrap();
    open.write_all(b"before ").unwrap();
    open.sync_all().unwrap();
    samba.kill();
    samba.up();
    open.write_all(b"after").unwrap();
    open.sync_all().unwrap();
    drop(open);
    assert_eq!(fs::read_to_string(mount.file("log")).unwrap(), "before after");
    fs::write(mount.file("new"), "new").unwrap();
    assert_eq!(fs::read_to_string(samba.file("new")).unwrap(), "new");
    assert!(mount.log().contains("again"), "{}", mount.log());
}

fn lost() {
    let mut samba = Samba::start();
    let mount = Mounted::new(&wish(&samba, "docs"));
    let mut open = File::create(mount.file("f")).unwrap();
    open.write_all(b"perhaps lost").unwrap();
    samba.kill();
    samba.up();
    assert!(open.sync_all().is_err(), "nobody knows whether it is on the disk");
    open.write_all_at(b"written anew", 0).unwrap();
    open.sync_all().unwrap();
    // What is there now is another file.
    samba.kill();
    fs::rename(samba.file("f"), samba.file("elsewhere")).unwrap();
    fs::write(samba.file("f"), "another").unwrap();
    samba.up();
    assert!(open.write_all_at(b"x", 0).is_err());
    assert_eq!(fs::read_to_string(samba.file("f")).unwrap(), "another");
}

fn dead() {
    let mut samba = Samba::start();
    fs::write(samba.file("f"), "x").unwrap();
    let mount = Mounted::new(&wish(&samba, "docs"));
    let open = File::open(mount.file("f")).unwrap();
    samba.kill();
    let begun = Instant::now();
    let mut byte = [0; 1];
    assert!(open.read_at(&mut byte, 0).is_err());
    for _ in 0..5 {
        assert!(fs::write(mount.file("g"), "").is_err());
    }
    assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
    // A container that starts looks at the mount itself.
    assert!(fs::metadata(mount.file("")).unwrap().is_dir());
    samba.up();
    assert!(wait_until(|| fs::write(mount.file("g"), "back").is_ok()), "it is not used again");
    assert_eq!(fs::read_to_string(samba.file("g")).unwrap(), "back");
}

fn silent() {
    let samba = Samba::start();
    fs::write(samba.file("f"), "x").unwrap();
    let mount = Mounted::new(&wish(&samba, "docs"));
    samba.signal(Signal::SIGSTOP);
    let begun = Instant::now();
    let asking: Vec<_> = (0..8)
        .map(|number| {
            let path = mount.file(&format!("g{number}"));
            thread::spawn(move || fs::write(path, "").unwrap_err().kind())
        })
        .collect();
    for asked in asking {
        let kind = asked.join().unwrap();
        assert!(kind != ErrorKind::NotFound, "{kind}");
    }
    assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
    samba.signal(Signal::SIGCONT);
    assert!(wait_until(|| fs::read(mount.file("f")).is_ok()), "it is not used again");
}

fn killed() {
    let samba = Samba::start();
    fs::write(samba.file("f"), "x").unwrap();
    let mount = Mounted::new(&wish(&samba, "docs"));
    let open = OpenOptions::new().read(true).write(true).open(mount.file("f")).unwrap();
    samba.signal(Signal::SIGSTOP);
    let waiting = thread::spawn(move || open.write_all_at(b"y", 0).is_err());
    // Ending the mount ends everything that waits for the server.
    let begun = Instant::now();
    mount.place.clear().unwrap();
    assert!(waiting.join().unwrap(), "written to nobody");
    assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
    assert!(!mount.place.is_mounted() && samba.file("f").is_file());
    samba.signal(Signal::SIGCONT);
}
