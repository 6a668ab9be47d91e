//! Files: made, filled, read, changed, copied, renamed and removed.

use std::{fs, os::unix::fs::FileExt as _};

use crate::{
    client::{Answer, signature},
    server::{ACCOUNT, Server},
};

impl Server {
    fn make(&self, path: &str, size: usize, headers: &[(&str, &str)]) -> Answer {
        let size = size.to_string();
        let mut all = vec![("x-ms-type", "file"), ("x-ms-content-length", size.as_str())];
        all.retain(|(name, _)| headers.iter().all(|(given, _)| given != name));
        all.extend_from_slice(headers);
        self.send("PUT", path, &all, b"")
    }

    fn put_range(&self, path: &str, first: usize, bytes: &[u8]) -> Answer {
        let range = format!("bytes={first}-{}", first + bytes.len() - 1);
        let headers = [("x-ms-range", range.as_str()), ("x-ms-write", "update")];
        self.send("PUT", &format!("{path}?comp=range"), &headers, bytes)
    }

    /// Makes a file with this content.
    pub(crate) fn upload(&self, path: &str, bytes: &[u8]) {
        self.make(path, bytes.len(), &[]).expect(201);
        if !bytes.is_empty() {
            self.put_range(path, 0, bytes).expect(201);
        }
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, b"")
    }
}

#[test]
fn what_is_written_is_read_by_clients_and_containers() {
    let server = Server::with_share();
    server.upload("/data/hello.txt", b"hello world");
    assert_eq!(fs::read(server.tree("data").join("hello.txt")).unwrap(), b"hello world");
    let read = server.get("/data/hello.txt", &[]).expect(200);
    assert_eq!(read.body, b"hello world");
    assert_eq!(read.header("content-length"), Some("11"));
    assert_eq!(read.header("content-type"), Some("application/octet-stream"));
    assert_eq!(read.header("x-ms-type"), Some("File"));
    fs::write(server.tree("data").join("made.txt"), b"by a container").unwrap();
    let read = server.get("/data/made.txt", &[]).expect(200);
    assert_eq!(read.body, b"by a container");
    assert_eq!(read.header("x-ms-file-attributes"), Some("Archive"));
}

#[test]
fn a_new_file_is_for_any_user_and_full_of_nothing() {
    use std::os::unix::fs::MetadataExt as _;
    let server = Server::with_share();
    let made = server.make("/data/big", 1 << 30, &[]).expect(201);
    let about = fs::metadata(server.tree("data").join("big")).unwrap();
    assert_eq!((about.len(), about.mode() & 0o777), (1 << 30, 0o777));
    assert!(about.blocks() < 64, "{}", about.blocks());
    for header in ["etag", "last-modified", "x-ms-file-id", "x-ms-file-creation-time"] {
        assert!(made.header(header).is_some(), "{header}");
    }
    assert_eq!(made.header("x-ms-file-parent-id"), Some("0"));
    let ranges = server.get("/data/big?comp=rangelist", &[]).expect(200);
    assert!(ranges.text().ends_with("<Ranges></Ranges>"), "{}", ranges.text());
}

#[test]
fn properties_and_metadata_are_kept() {
    let server = Server::with_share();
    let headers = [
        ("x-ms-content-type", "text/plain"),
        ("x-ms-cache-control", "no-store"),
        ("x-ms-content-md5", "XrY7u+Ae7tCTyyK7j1rNww=="),
        ("x-ms-meta-owner", "me"),
        ("x-ms-file-attributes", "Hidden|Temporary"),
        ("x-ms-file-creation-time", "2020-01-02T03:04:05.6789012Z"),
        ("x-ms-file-last-write-time", "2021-01-02T03:04:05.6789012Z"),
        ("x-ms-file-permission", "Inherit"),
    ];
    server.make("/data/a", 3, &headers).expect(201);
    let shown = server.send("HEAD", "/data/a", &[], b"").expect(200);
    for (header, value) in [
        ("content-type", "text/plain"),
        ("cache-control", "no-store"),
        ("content-md5", "XrY7u+Ae7tCTyyK7j1rNww=="),
        ("x-ms-meta-owner", "me"),
        ("x-ms-file-attributes", "Hidden|Temporary"),
        ("x-ms-file-creation-time", "2020-01-02T03:04:05.6789012Z"),
        ("x-ms-file-last-write-time", "2021-01-02T03:04:05.6789012Z"),
        ("content-length", "3"),
    ] {
        assert_eq!(shown.header(header), Some(value), "{header}");
    }
    let other = [("x-ms-meta-other", "you")];
    server.send("PUT", "/data/a?comp=metadata", &other, b"").expect(200);
    let shown = server.get("/data/a?comp=metadata", &[]).expect(200);
    assert_eq!(
        (shown.header("x-ms-meta-owner"), shown.header("x-ms-meta-other")),
        (None, Some("you"))
    );
    let longer = [("x-ms-content-length", "10"), ("x-ms-file-attributes", "preserve")];
    server.send("PUT", "/data/a?comp=properties", &longer, b"").expect(200);
    let kind = [("x-ms-content-type", "text/html")];
    server.send("PUT", "/data/a?comp=properties", &kind, b"").expect(200);
    let shown = server.send("HEAD", "/data/a", &[], b"").expect(200);
    assert_eq!(
        (shown.header("content-length"), shown.header("content-type")),
        (Some("10"), Some("text/html"))
    );
    assert_eq!((shown.header("cache-control"), shown.header("content-md5")), (None, None));
    assert_eq!(shown.header("x-ms-file-attributes"), Some("Hidden|Temporary"));
}

#[test]
fn making_a_file_again_empties_it() {
    let server = Server::with_share();
    server.make("/data/a", 5, &[("x-ms-meta-old", "x")]).expect(201);
    server.put_range("/data/a", 0, b"12345").expect(201);
    server.make("/data/A", 2, &[]).expect(201);
    let read = server.get("/data/a", &[]).expect(200);
    assert_eq!((read.body.as_slice(), read.header("x-ms-meta-old")), (&[0, 0][..], None));
    assert_eq!(fs::read_dir(server.tree("data")).unwrap().count(), 1);
}

#[test]
fn ranges_are_read_written_and_cleared() {
    let server = Server::with_share();
    server.upload("/data/a", b"0123456789");
    let part =
        server.get("/data/a", &[("x-ms-range", "bytes=2-4"), ("range", "bytes=0-0")]).expect(206);
    assert_eq!(
        (part.body.as_slice(), part.header("content-range")),
        (&b"234"[..], Some("bytes 2-4/10"))
    );
    let part = server.get("/data/a", &[("range", "bytes=8-")]).expect(206);
    assert_eq!(part.body, b"89");
    let sum = [("x-ms-range", "bytes=0-3"), ("x-ms-range-get-content-md5", "true")];
    let part = server.get("/data/a", &sum).expect(206);
    assert_eq!(part.header("content-md5"), Some("62L2uTBttXXC1ZaxJ5YnpA=="));
    assert_eq!(server.get("/data/a", &[("range", "bytes=10-")]).error(), (416, "InvalidRange"));
    assert_eq!(server.get("/data/a", &[("range", "bytes=x")]).error(), (400, "InvalidHeaderValue"));
    let clear = [("x-ms-range", "bytes=3-5"), ("x-ms-write", "clear")];
    server.send("PUT", "/data/a?comp=range", &clear, b"").expect(201);
    assert_eq!(server.get("/data/a", &[]).body, b"012\0\0\x006789");
    assert_eq!(server.put_range("/data/a", 8, b"xyz").error(), (416, "InvalidRange"));
    assert_eq!(server.put_range("/data/none", 0, b"x").error(), (404, "ResourceNotFound"));
    let short = [("x-ms-range", "bytes=0-5"), ("x-ms-write", "update")];
    let refused = server.send("PUT", "/data/a?comp=range", &short, b"x");
    assert_eq!(refused.error(), (400, "InvalidHeaderValue"));
}

#[test]
fn ranges_that_hold_data_are_listed() {
    let server = Server::with_share();
    server.make("/data/a", 1 << 20, &[]).expect(201);
    server.put_range("/data/a", 8192, &[1; 4096]).expect(201);
    let list = server.get("/data/a?comp=rangelist", &[]).expect(200);
    assert!(
        list.text()
            .ends_with("<Ranges><Range><Start>8192</Start><End>12287</End></Range></Ranges>")
    );
    assert_eq!(list.header("x-ms-content-length"), Some("1048576"));
    let none = server.get("/data/a?comp=rangelist", &[("x-ms-range", "bytes=0-4095")]).expect(200);
    assert!(none.text().ends_with("<Ranges></Ranges>"));
}

#[test]
fn wrong_checksums_change_nothing() {
    let server = Server::with_share();
    server.upload("/data/a", b"hello");
    let put = |sum: &str| {
        let headers = [("x-ms-range", "bytes=0-4"), ("x-ms-write", "update"), ("content-md5", sum)];
        server.send("PUT", "/data/a?comp=range", &headers, b"HELLO")
    };
    assert_eq!(put("XUFAKrxLKna5cZ2REBfFkg==").error(), (400, "Md5Mismatch"));
    assert_eq!(put("nonsense").error(), (400, "InvalidMd5"));
    assert_eq!(server.get("/data/a", &[]).body, b"hello");
    // The right one is what the server itself tells.
    let told = server.put_range("/data/a", 0, b"HELLO").expect(201);
    put(told.header("content-md5").unwrap()).expect(201);
}

#[test]
fn readers_can_ask_for_what_has_changed() {
    let server = Server::with_share();
    server.upload("/data/a", b"one");
    let first = server.get("/data/a", &[]).expect(200);
    let tag = first.header("etag").unwrap().to_owned();
    assert_eq!(server.get("/data/a", &[("if-none-match", &tag)]).status, 304);
    assert_eq!(server.send("HEAD", "/data/a", &[("if-none-match", &tag)], b"").status, 304);
    server.get("/data/a", &[("if-match", &tag)]).expect(200);
    let file = fs::OpenOptions::new().write(true).open(server.tree("data").join("a")).unwrap();
    file.write_all_at(b"two", 0).unwrap();
    assert_eq!(server.get("/data/a", &[("if-match", &tag)]).error(), (412, "ConditionNotMet"));
    assert_eq!(server.get("/data/a", &[("if-none-match", &tag)]).expect(200).body, b"two");
    let date = first.header("last-modified").unwrap();
    let later = "Fri, 02 Jan 2099 03:04:05 GMT";
    assert_eq!(server.get("/data/a", &[("if-modified-since", later)]).status, 304);
    server.get("/data/a", &[("if-unmodified-since", later)]).expect(200);
    assert!(date.ends_with("GMT"));
}

#[test]
fn a_read_only_file_stays_as_it_is() {
    let server = Server::with_share();
    server.upload("/data/a", b"keep");
    let flags = [("x-ms-file-attributes", "ReadOnly")];
    server.send("PUT", "/data/a?comp=properties", &flags, b"").expect(200);
    let refused = (409, "ReadOnlyAttribute");
    assert_eq!(server.put_range("/data/a", 0, b"lose").error(), refused);
    assert_eq!(server.send("DELETE", "/data/a", &[], b"").error(), refused);
    assert_eq!(server.make("/data/a", 0, &[]).error(), refused);
    let flags = [("x-ms-file-attributes", "None")];
    server.send("PUT", "/data/a?comp=properties", &flags, b"").expect(200);
    server.send("DELETE", "/data/a", &[], b"").expect(202);
    assert_eq!(server.get("/data/a", &[]).error(), (404, "ResourceNotFound"));
}

#[test]
fn a_copy_has_content_properties_and_holes() {
    use std::os::unix::fs::MetadataExt as _;
    let server = Server::with_share();
    server.send("PUT", "/other?restype=share", &[], b"").expect(201);
    server
        .make("/data/a", 1 << 24, &[("x-ms-meta-k", "v"), ("x-ms-content-type", "text/x")])
        .expect(201);
    server.put_range("/data/a", 1 << 20, b"island").expect(201);
    let source = format!("{}/data/a", server.endpoint());
    let copied = server.send("PUT", "/other/b", &[("x-ms-copy-source", &source)], b"").expect(202);
    assert_eq!(copied.header("x-ms-copy-status"), Some("success"));
    let shown = server.send("HEAD", "/other/b", &[], b"").expect(200);
    assert_eq!(
        (shown.header("x-ms-meta-k"), shown.header("content-type")),
        (Some("v"), Some("text/x"))
    );
    assert_eq!(shown.header("x-ms-copy-id"), copied.header("x-ms-copy-id"));
    assert_eq!(shown.header("x-ms-copy-source"), Some(source.as_str()));
    let (from, to) = (server.tree("data").join("a"), server.tree("other").join("b"));
    assert_eq!(fs::read(from).unwrap(), fs::read(&to).unwrap());
    assert!(fs::metadata(to).unwrap().blocks() < 64);
    let abort = [("x-ms-copy-action", "abort")];
    let refused = server.send("PUT", "/other/b?comp=copy&copyid=x", &abort, b"");
    assert_eq!(refused.error(), (409, "NoPendingCopyOperation"));
    for source in ["https://example.org/a/b/c", "nonsense", "http://127.0.0.1:1/devstore/data/a"] {
        let refused = server.send("PUT", "/other/c", &[("x-ms-copy-source", source)], b"");
        assert_eq!(refused.error(), (404, "CannotVerifyCopySource"), "{source}");
    }
}

#[test]
fn a_range_can_come_from_another_file() {
    let server = Server::with_share();
    server.upload("/data/a", b"0123456789");
    server.upload("/data/b", b"..........");
    let bare = format!("{}/data/a", server.endpoint());
    let signed = format!("{bare}?{}", signature("/data/a"));
    let mut headers = [
        ("x-ms-copy-source", bare.as_str()),
        ("x-ms-source-range", "bytes=2-4"),
        ("x-ms-range", "bytes=5-7"),
        ("x-ms-write", "update"),
    ];
    let refused = server.send("PUT", "/data/b?comp=range", &headers, b"");
    assert_eq!(refused.error(), (404, "CannotVerifyCopySource"));
    let why = refused.header("x-ms-copy-source-error-code");
    assert_eq!(why, Some("NoAuthenticationInformation"));
    headers[0].1 = &signed;
    server.send("PUT", "/data/b?comp=range", &headers, b"").expect(201);
    assert_eq!(server.get("/data/b", &[]).body, b".....234..");
}

#[test]
fn files_are_renamed_and_replaced_only_if_wanted() {
    let server = Server::with_share();
    server.upload("/data/a", b"a");
    server.upload("/data/b", b"b");
    let source = format!("{}/data/a", server.endpoint());
    let plain = [("x-ms-file-rename-source", source.as_str())];
    let refused = server.send("PUT", "/data/b?comp=rename", &plain, b"");
    assert_eq!(refused.error(), (409, "ResourceAlreadyExists"));
    let replace = [
        plain[0],
        ("x-ms-file-rename-replace-if-exists", "true"),
        ("x-ms-content-type", "text/new"),
    ];
    server.send("PUT", "/data/b?comp=rename", &replace, b"").expect(200);
    let read = server.get("/data/b", &[]).expect(200);
    assert_eq!((read.body.as_slice(), read.header("content-type")), (&b"a"[..], Some("text/new")));
    assert_eq!(server.get("/data/a", &[]).error(), (404, "ResourceNotFound"));
    let source = format!("{}/data/b", server.endpoint());
    let upper = [("x-ms-file-rename-source", source.as_str())];
    server.send("PUT", "/data/B?comp=rename", &upper, b"").expect(200);
    assert!(server.tree("data").join("B").exists());
    let elsewhere = format!("{}/other/b", server.endpoint());
    let elsewhere = [("x-ms-file-rename-source", elsewhere.as_str())];
    assert_eq!(
        server.send("PUT", "/data/c?comp=rename", &elsewhere, b"").error(),
        (400, "InvalidInput")
    );
}

#[test]
fn what_wharf_cannot_keep_is_refused() {
    let server = Server::with_share();
    for (header, value, code) in [
        ("x-ms-file-permission", "O:S-1-5-21D:", "UnsupportedHeader"),
        ("x-ms-file-permission-key", "12*34", "FileInvalidPermissionKey"),
        ("x-ms-mode", "0644", "UnsupportedHeader"),
        ("x-ms-file-attributes", "Sparkling", "InvalidHeaderValue"),
        ("x-ms-content-length", "5000000000000", "OutOfRangeInput"),
    ] {
        assert_eq!(server.make("/data/a", 1, &[(header, value)]).error().1, code, "{header}");
    }
    let lease = server.send("PUT", "/data/a?comp=lease", &[("x-ms-lease-action", "acquire")], b"");
    assert_eq!(lease.error(), (501, "NotImplemented"));
    assert_eq!(server.get("/data/a", &[]).error(), (404, "ResourceNotFound"));
}

#[test]
fn nobody_holds_a_handle() {
    let server = Server::with_share();
    server.upload("/data/a", b"a");
    for path in ["/data", "/data/a"] {
        let list = server.get(&format!("{path}?comp=listhandles"), &[]).expect(200);
        assert!(list.text().contains("<Entries />"), "{}", list.text());
        let close = [("x-ms-handle-id", "*")];
        let closed =
            server.send("PUT", &format!("{path}?comp=forceclosehandles"), &close, b"").expect(200);
        assert_eq!(closed.header("x-ms-number-of-handles-closed"), Some("0"));
    }
    assert_eq!(server.get("/data/b?comp=listhandles", &[]).error(), (404, "ResourceNotFound"));
}

#[test]
fn the_quota_of_a_share_ends_uploads() {
    let server = Server::start();
    server.send("PUT", "/data?restype=share", &[("x-ms-share-quota", "1")], b"").expect(201);
    let ballast = fs::File::create(server.tree("data").join("ballast")).unwrap();
    rustix::fs::fallocate(&ballast, rustix::fs::FallocateFlags::empty(), 0, (1 << 30) - 65536)
        .unwrap();
    server.make("/data/a", 1 << 20, &[]).expect(201);
    assert_eq!(
        server.put_range("/data/a", 0, &vec![1; 1 << 20]).error(),
        (403, "ShareSizeLimitReached")
    );
    server.put_range("/data/a", 0, &[1; 16384]).expect(201);
    fs::remove_file(server.tree("data").join("ballast")).unwrap();
    server.put_range("/data/a", 0, &vec![1; 1 << 20]).expect(201);
    assert_eq!(
        server.shares.list(ACCOUNT, &wharf_files::Query::default()).unwrap().shares.len(),
        1
    );
}
