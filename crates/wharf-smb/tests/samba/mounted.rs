//! A share that is mounted for a test.

use std::{
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

use camino::Utf8PathBuf;
use wharf_smb::{Answer, Place, Server, Via, Wish};

use crate::server::{ACCOUNT, KEY, Samba, wait_until};

/// A mount of one's own.
pub(crate) struct Mounted {
    _dir: tempfile::TempDir,
    pub(crate) place: Place,
}

/// What is wished of a server as long as nothing else is.
pub(crate) fn wish(samba: &Samba, share: &str) -> Wish {
    let server = Server::parse(&samba.address()).unwrap();
    Wish {
        location: server.locate(share).unwrap(),
        account: ACCOUNT.to_owned(),
        key: KEY.to_owned(),
        read_only: false,
        via: Via::Fuse,
    }
}

impl Mounted {
    /// Mounts, which must succeed.
    pub(crate) fn new(wish: &Wish) -> Self {
        match Self::attempt(wish) {
            (mounted, Answer::Mounted(Via::Fuse)) => mounted,
            (_, answer) => panic!("{answer:?}"),
        }
    }

    /// Mounts, which must be refused.
    pub(crate) fn refused(wish: &Wish) -> String {
        match Self::attempt(wish) {
            (mounted, Answer::Refused(refusal)) => {
                // The process that held the lock is still ending, perhaps.
                assert!(wait_until(|| !mounted.place.is_mounted()), "mounted and refused");
                refusal.to_string()
            }
            (_, answer) => panic!("{answer:?}"),
        }
    }

    fn attempt(wish: &Wish) -> (Self, Answer) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().canonicalize().unwrap()).unwrap();
        let place = Place::at(path.join("place"));
        place.make().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("smb-mount")
            .current_dir(place.dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(place.log()).unwrap())
            .spawn()
            .unwrap();
        let text = serde_json::to_string(wish).unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let answer = serde_json::from_reader(child.stdout.take().unwrap()).unwrap();
        thread::spawn(move || child.wait());
        (Self { _dir: dir, place }, answer)
    }

    /// A file of the mount.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.place.root().as_std_path().join(name)
    }

    /// What the process that serves it says.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.place.log()).unwrap()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.place.clear().unwrap();
        assert!(!self.place.dir().exists() && !self.place.is_mounted());
    }
}
