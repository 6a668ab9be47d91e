//! What a container may put into a share, and what a client may ask for, to get out of it.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt as _, symlink},
        net::UnixListener,
    },
    time::{Duration, Instant},
};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::server::Server;

const SECRET: &[u8] = b"a secret of the host";

/// A share with a file of the host beside it.
fn tempted() -> Server {
    let server = Server::with_share();
    fs::write(server.dir().join("secret"), SECRET).unwrap();
    server
}

#[test]
fn no_path_leads_out_of_a_share() {
    let server = tempted();
    server.send("PUT", "/data/dir?restype=directory", &[], b"").expect(201);
    for path in [
        "/data/../secret",
        "/data/../../../secret",
        "/data/dir/../../../../secret",
        "/data/%2e%2e/%2e%2e/%2e%2e/secret",
        "/data/..%2f..%2f..%2fsecret",
        "/data/dir%2f..%2f..%2fshare.json",
        "/data/.%2e/share.json",
        "/data/..%00/secret",
        "/data/secret%00",
        "/data/...",
        "/data/./dir",
    ] {
        for method in ["GET", "HEAD", "DELETE", "PUT"] {
            let headers = [("x-ms-content-length", "1")];
            let answer = server.send(method, path, &headers, b"");
            assert_eq!(answer.error(), (400, "InvalidResourceName"), "{method} {path}");
        }
    }
    assert_eq!(server.send("GET", "/data/share.json", &[], b"").error(), (404, "ResourceNotFound"));
    assert_eq!(server.send("GET", "/..%2fdata/x", &[], b"").error(), (400, "InvalidResourceName"));
    assert_eq!(server.send("GET", "/.tmp/x", &[], b"").error().0, 400);
    assert_eq!(fs::read(server.dir().join("secret")).unwrap(), SECRET);
}

#[test]
fn no_source_of_a_copy_or_rename_leads_out_of_a_share() {
    let server = tempted();
    for path in ["/data/../../../secret", "/data/..%2f..%2f..%2fsecret", "/data/%2e%2e/share.json"]
    {
        let source = format!("{}{path}", server.endpoint());
        let copy = server.send("PUT", "/data/a", &[("x-ms-copy-source", &source)], b"");
        assert_eq!(copy.error(), (400, "InvalidResourceName"), "{path}");
        let rename =
            server.send("PUT", "/data/a?comp=rename", &[("x-ms-file-rename-source", &source)], b"");
        assert_eq!(rename.error(), (400, "InvalidResourceName"), "{path}");
    }
}

#[test]
fn links_are_not_followed_not_listed_and_not_written_through() {
    let server = tempted();
    let tree = server.tree("data");
    let secret = server.dir().join("secret");
    symlink(&secret, tree.join("file")).unwrap();
    symlink(server.dir(), tree.join("dir")).unwrap();
    symlink("/proc/self/root", tree.join("root")).unwrap();
    symlink("dangling", tree.join("nothing")).unwrap();
    symlink(".", tree.join("here")).unwrap();
    let missing = ["ResourceNotFound", "ParentNotFound"];
    for path in [
        "/data/file",
        "/data/dir/secret",
        "/data/root/etc/passwd",
        "/data/nothing",
        "/data/here/file",
        "/data/FILE",
    ] {
        for method in ["GET", "HEAD", "DELETE"] {
            let answer = server.send(method, path, &[], b"");
            assert!(missing.contains(&answer.error().1), "{method} {path} {:?}", answer.error());
        }
        let size = [("x-ms-content-length", "1")];
        let written = server.send("PUT", path, &size, b"");
        assert!(matches!(written.error().1, "ResourceTypeMismatch" | "ParentNotFound"), "{path}");
    }
    let list = server.send("GET", "/data?restype=directory&comp=list", &[], b"").expect(200).text();
    assert!(!list.contains("<Name>"), "{list}");
    let through = server.send("GET", "/data/dir?restype=directory&comp=list", &[], b"");
    assert_eq!(through.error(), (404, "ResourceNotFound"));
    server.upload("/data/mine", b"x");
    let source = format!("{}/data/mine", server.endpoint());
    let replace = [
        ("x-ms-file-rename-source", source.as_str()),
        ("x-ms-file-rename-replace-if-exists", "true"),
    ];
    let renamed = server.send("PUT", "/data/file?comp=rename", &replace, b"");
    assert_eq!(renamed.error(), (409, "ResourceTypeMismatch"));
    assert_eq!(fs::read(secret).unwrap(), SECRET);
    assert!(!tree.join("dangling").exists());
}

#[test]
fn pipes_sockets_and_devices_hang_nobody() {
    let server = tempted();
    let tree = server.tree("data");
    mknodat(CWD, tree.join("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let _socket = UnixListener::bind(tree.join("socket")).unwrap();
    let zero = rustix::fs::makedev(1, 5);
    mknodat(CWD, tree.join("device"), FileType::CharacterDevice, Mode::RWXU, zero).ok();
    let began = Instant::now();
    for path in ["/data/pipe", "/data/socket", "/data/device"] {
        for method in ["GET", "HEAD", "DELETE"] {
            assert_eq!(
                server.send(method, path, &[], b"").error(),
                (404, "ResourceNotFound"),
                "{path}"
            );
        }
        let range = [("x-ms-range", "bytes=0-0"), ("x-ms-write", "update")];
        let written = server.send("PUT", &format!("{path}?comp=range"), &range, b"x");
        assert_eq!(written.error(), (404, "ResourceNotFound"), "{path}");
        assert_eq!(server.send("GET", &format!("{path}/below"), &[], b"").error().0, 404);
    }
    let list = server.send("GET", "/data?restype=directory&comp=list", &[], b"").expect(200).text();
    assert!(!list.contains("<Name>"), "{list}");
    server.send("GET", "/data?restype=share&comp=stats", &[], b"").expect(200);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn what_containers_write_into_attributes_is_not_believed() {
    let server = tempted();
    let path = server.tree("data").join("file");
    fs::write(&path, "x").unwrap();
    let set = |value: &str| {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(&path, "user.wharf.file", value.as_bytes(), flags).unwrap();
    };
    for nonsense in ["", "{", "[]", "{\"metadata\":7}"] {
        set(nonsense);
        server.send("GET", "/data/file", &[], b"").expect(200);
    }
    set(
        r#"{"metadata":{"k":"v\r\nx-evil: 1","a b":"c"},"content":{"content-type":"a\nb"},"flags":"<x>"}"#,
    );
    let shown = server.send("GET", "/data/file", &[], b"").expect(200);
    assert_eq!((shown.header("x-evil"), shown.header("x-ms-meta-k")), (None, None));
    let list = server.send("GET", "/data?restype=directory&comp=list&include=attributes", &[], b"");
    assert!(list.text().contains("<Attributes>&lt;x&gt;</Attributes>"), "{}", list.text());
}

#[test]
fn long_names_and_much_metadata_are_refused() {
    let server = tempted();
    let name = format!("/data/{}", "n".repeat(256));
    let size = [("x-ms-content-length", "1")];
    let refused = server.send("PUT", &name, &size, b"");
    assert_eq!(refused.error(), (400, "InvalidFileOrDirectoryPathName"));
    let deep = format!("/data{}", "/d".repeat(300));
    assert_eq!(
        server.send("GET", &deep, &[], b"").error(),
        (400, "InvalidFileOrDirectoryPathName")
    );
    let much = "m".repeat(7000);
    let headers = [size[0], ("x-ms-meta-m", much.as_str())];
    let refused = server.send("PUT", "/data/a", &headers, b"");
    assert!(
        matches!(refused.error(), (201, _) | (400, "MetadataTooLarge")),
        "{:?}",
        refused.error()
    );
    if refused.status == 400 {
        assert_eq!(server.send("GET", "/data/a", &[], b"").error(), (404, "ResourceNotFound"));
    }
    for name in ["a%5Cb", "a%3Ab", "a%2Ab", "a%3Fb", "a%22b", "a%7Cb", "a%01b"] {
        let refused = server.send("PUT", &format!("/data/{name}"), &size, b"");
        assert_eq!(refused.error(), (400, "InvalidResourceName"), "{name}");
    }
}

#[test]
fn bodies_that_are_too_large_are_refused() {
    let server = tempted();
    server.upload("/data/a", b"x");
    let range = [("x-ms-range", "bytes=0-4194304"), ("x-ms-write", "update")];
    let refused = server.send("PUT", "/data/a?comp=range", &range, b"");
    assert_eq!(refused.error(), (413, "RequestBodyTooLarge"));
}

#[test]
fn what_a_container_forbids_itself_is_still_served() {
    let server = tempted();
    let path = server.tree("data").join("closed");
    fs::write(&path, "x").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    assert_eq!(server.send("GET", "/data/closed", &[], b"").expect(200).body, b"x");
}

#[test]
fn a_directory_that_is_swapped_for_a_link_all_the_time_leads_nowhere() {
    let server = tempted();
    let tree = server.tree("data");
    fs::create_dir(tree.join("flip")).unwrap();
    fs::write(tree.join("flip/secret"), b"harmless").unwrap();
    symlink(server.dir(), tree.join("flop")).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (directory, link) = (tree.join("flip"), tree.join("flop"));
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let exchange = rustix::fs::RenameFlags::EXCHANGE;
                rustix::fs::renameat_with(CWD, &directory, CWD, &link, exchange).unwrap();
            }
        });
        for _ in 0..300 {
            let answer = server.send("GET", "/data/flip/secret", &[], b"");
            assert_ne!(answer.body, SECRET);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
