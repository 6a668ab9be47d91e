//! Directories: made, listed, changed, renamed and removed.

use std::{fs, os::unix::ffi::OsStrExt as _};

use crate::server::Server;

impl Server {
    fn directory(&self, path: &str) {
        self.send("PUT", &format!("{path}?restype=directory"), &[], b"").expect(201);
    }

    fn list(&self, path: &str, more: &str) -> String {
        self.send("GET", &format!("{path}?restype=directory&comp=list{more}"), &[], b"")
            .expect(200)
            .text()
    }
}

/// The names in a list, in order.
fn names(list: &str) -> Vec<String> {
    let parts = list.split("<Name>").skip(1);
    parts.map(|part| part.split('<').next().unwrap_or_default().to_owned()).collect()
}

fn next(list: &str) -> Option<String> {
    let (_, rest) = list.split_once("<NextMarker>")?;
    Some(rest.split('<').next()?.to_owned())
}

#[test]
fn a_directory_lives_from_creation_to_deletion() {
    let server = Server::with_share();
    let headers =
        [("x-ms-meta-k", "v"), ("x-ms-file-last-write-time", "2021-01-02T03:04:05.0000000Z")];
    let made = server.send("PUT", "/data/dir?restype=directory", &headers, b"").expect(201);
    assert_eq!(made.header("x-ms-file-attributes"), Some("Directory"));
    let again = server.send("PUT", "/data/DIR?restype=directory", &[], b"");
    assert_eq!(again.error(), (409, "ResourceAlreadyExists"));
    let orphan = server.send("PUT", "/data/no/dir?restype=directory", &[], b"");
    assert_eq!(orphan.error(), (404, "ParentNotFound"));
    let shown = server.send("GET", "/data/dir?restype=directory", &[], b"").expect(200);
    assert_eq!(shown.header("x-ms-meta-k"), Some("v"));
    assert_eq!(shown.header("x-ms-file-last-write-time"), Some("2021-01-02T03:04:05.0000000Z"));
    let other = [("x-ms-meta-other", "w")];
    server.send("PUT", "/data/dir?restype=directory&comp=metadata", &other, b"").expect(200);
    let flags = [("x-ms-file-attributes", "Hidden|Directory")];
    server.send("PUT", "/data/dir?restype=directory&comp=properties", &flags, b"").expect(200);
    let shown = server.send("HEAD", "/data/dir?restype=directory", &[], b"").expect(200);
    assert_eq!((shown.header("x-ms-meta-k"), shown.header("x-ms-meta-other")), (None, Some("w")));
    assert_eq!(shown.header("x-ms-file-attributes"), Some("Hidden|Directory"));
    server.upload("/data/dir/file", b"x");
    let full = server.send("DELETE", "/data/dir?restype=directory", &[], b"");
    assert_eq!(full.error(), (409, "DirectoryNotEmpty"));
    server.send("DELETE", "/data/dir/file", &[], b"").expect(202);
    server.send("DELETE", "/data/dir?restype=directory", &[], b"").expect(202);
    let gone = server.send("GET", "/data/dir?restype=directory", &[], b"");
    assert_eq!(gone.error(), (404, "ResourceNotFound"));
}

#[test]
fn the_root_of_a_share_is_a_directory_that_cannot_be_removed() {
    let server = Server::with_share();
    let root = server.send("GET", "/data?restype=directory", &[], b"").expect(200);
    assert_eq!(root.header("x-ms-file-parent-id"), Some("0"));
    for method in ["PUT", "DELETE"] {
        let refused = server.send(method, "/data?restype=directory", &[], b"");
        assert_eq!(refused.error(), (400, "InvalidUri"));
    }
    let gone = server.send("GET", "/none?restype=directory&comp=list", &[], b"");
    assert_eq!(gone.error(), (404, "ShareNotFound"));
}

#[test]
fn lists_come_in_pages_by_name_whatever_the_case() {
    let server = Server::with_share();
    for name in ["b", "A", "c", "D"] {
        server.upload(&format!("/data/{name}"), b"12345");
    }
    server.directory("/data/Bin");
    let first = server.list("/data", "&maxresults=3");
    assert_eq!(names(&first), ["A", "b", "Bin"]);
    let marker = next(&first).unwrap();
    let second = server.list("/data", &format!("&maxresults=3&marker={marker}"));
    assert_eq!((names(&second), next(&second)), (vec!["c".to_owned(), "D".to_owned()], None));
    assert_eq!(names(&server.list("/data", "&prefix=B")), ["b", "Bin"]);
    assert!(first.contains("<Content-Length>5</Content-Length>"), "{first}");
    let wrong = server.send("GET", "/data?restype=directory&comp=list&marker=%21", &[], b"");
    assert_eq!(wrong.error(), (400, "OutOfRangeQueryParameterValue"));
}

#[test]
fn a_list_can_say_more() {
    let server = Server::with_share();
    server.directory("/data/dir");
    server.upload("/data/dir/file", b"x");
    let list = server.list("/data/dir", "&include=Timestamps,ETag,Attributes,PermissionKey");
    let shown = server.send("HEAD", "/data/dir/file", &[], b"").expect(200);
    for (element, header) in [
        ("CreationTime", "x-ms-file-creation-time"),
        ("LastWriteTime", "x-ms-file-last-write-time"),
        ("ChangeTime", "x-ms-file-change-time"),
        ("Last-Modified", "last-modified"),
        ("Attributes", "x-ms-file-attributes"),
        ("PermissionKey", "x-ms-file-permission-key"),
        ("FileId", "x-ms-file-id"),
    ] {
        let text = format!("<{element}>{}</{element}>", shown.header(header).unwrap());
        assert!(list.contains(&text), "{text} {list}");
    }
    assert!(list.contains("ShareName=\"data\" DirectoryPath=\"dir\""), "{list}");
}

#[test]
fn names_that_are_no_xml_are_encoded() {
    let server = Server::with_share();
    let odd = [&b"bell\x07"[..], b"\xff\xfe", "ümläut <&>".as_bytes()];
    for name in odd {
        fs::write(server.tree("data").join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
    }
    let list = server.list("/data", "");
    assert!(list.contains("<Name Encoded=\"true\">bell%07</Name>"), "{list}");
    assert!(list.contains("<Name Encoded=\"true\">%FF%FE</Name>"), "{list}");
    assert!(list.contains("<Name>ümläut &lt;&amp;&gt;</Name>"), "{list}");
    for path in ["/data/bell%07", "/data/%ff%fe", "/data/%C3%9CML%C3%84UT%20%3C%26%3E"] {
        server.send("GET", path, &[], b"").expect(200);
    }
}

#[test]
fn directories_are_renamed_with_what_is_in_them() {
    let server = Server::with_share();
    server.directory("/data/from");
    server.directory("/data/there");
    server.upload("/data/from/file", b"x");
    let source = format!("{}/data/From", server.endpoint());
    let headers = [("x-ms-file-rename-source", source.as_str())];
    let rename = |to: &str| {
        server.send("PUT", &format!("{to}?restype=directory&comp=rename"), &headers, b"")
    };
    assert_eq!(rename("/data/there").error(), (409, "ResourceAlreadyExists"));
    assert_eq!(rename("/data/from/within").error(), (400, "InvalidInput"));
    let as_file = server.send("PUT", "/data/to?comp=rename", &headers, b"");
    assert_eq!(as_file.error(), (409, "ResourceTypeMismatch"));
    rename("/data/to").expect(200);
    assert_eq!(server.send("GET", "/data/to/file", &[], b"").expect(200).body, b"x");
    assert_eq!(names(&server.list("/data", "")), ["there", "to"]);
}

#[test]
fn a_file_is_no_directory_and_a_directory_no_file() {
    let server = Server::with_share();
    server.directory("/data/dir");
    server.upload("/data/file", b"x");
    for (method, path, expected) in [
        ("GET", "/data/dir", (404, "ResourceNotFound")),
        ("DELETE", "/data/dir", (404, "ResourceNotFound")),
        ("GET", "/data/file?restype=directory", (404, "ResourceNotFound")),
        ("DELETE", "/data/file?restype=directory", (404, "ResourceNotFound")),
        ("PUT", "/data/file?restype=directory", (409, "ResourceTypeMismatch")),
        ("GET", "/data/file/below", (404, "ParentNotFound")),
    ] {
        assert_eq!(server.send(method, path, &[], b"").error(), expected, "{method} {path}");
    }
    let size = [("x-ms-content-length", "1")];
    assert_eq!(server.send("PUT", "/data/dir", &size, b"").error(), (409, "ResourceTypeMismatch"));
}

#[test]
fn names_are_found_in_any_case_and_the_exact_one_first() {
    let server = Server::with_share();
    for (name, content) in [("Read.Me", "1"), ("read.me", "2"), ("ÄRGER", "3"), ("\u{212a}", "4")]
    {
        fs::write(server.tree("data").join(name), content).unwrap();
    }
    for (path, content) in [
        ("Read.Me", "1"),
        ("read.me", "2"),
        ("READ.ME", "1"),
        ("%C3%A4rger", "3"),
        ("k", "4"),
        ("K", "4"),
    ] {
        let read = server.send("GET", &format!("/data/{path}"), &[], b"").expect(200);
        assert_eq!(read.text(), content, "{path}");
    }
}
