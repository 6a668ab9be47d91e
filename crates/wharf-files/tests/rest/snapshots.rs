//! Snapshots over HTTP.

use std::fs;

use crate::server::Server;

const SHARE: &str = "/data?restype=share";

/// Makes a snapshot of `data`; its name, to be put behind a query.
fn snapshot(server: &Server) -> String {
    let made = server.send("PUT", "/data?restype=share&comp=snapshot", &[], b"").expect(201);
    assert!(made.header("etag").is_some() && made.header("last-modified").is_some());
    format!("sharesnapshot={}", made.header("x-ms-snapshot").unwrap())
}

#[test]
fn a_snapshot_is_read_as_its_share_was() {
    let server = Server::with_share();
    let headers =
        [("x-ms-content-length", "6"), ("x-ms-meta-k", "v"), ("x-ms-content-type", "a/b")];
    server.send("PUT", "/data/dir?restype=directory", &[], b"").expect(201);
    let made = server.send("PUT", "/data/dir/file", &headers, b"").expect(201);
    let range = [("x-ms-range", "bytes=0-5"), ("x-ms-write", "update")];
    server.send("PUT", "/data/dir/file?comp=range", &range, b"before").expect(201);
    let of = snapshot(&server);
    server.send("PUT", "/data/dir/file?comp=range", &range, b"after!").expect(201);
    server.send("PUT", "/data/dir/new", &headers, b"").expect(201);
    let read = server.send("GET", &format!("/data/dir/file?{of}"), &[], b"").expect(200);
    assert_eq!((read.text().as_str(), read.header("x-ms-meta-k")), ("before", Some("v")));
    assert_eq!(read.header("content-type"), Some("a/b"));
    assert_eq!(
        read.header("x-ms-file-creation-time"),
        made.header("x-ms-file-creation-time"),
        "the copy was made later"
    );
    let listed = format!("/data/dir?restype=directory&comp=list&{of}");
    let listed = server.send("GET", &listed, &[], b"").expect(200).text();
    assert!(listed.contains("<Name>file</Name>") && !listed.contains("new"), "{listed}");
    let time = of.replace("sharesnapshot=", "ShareSnapshot=\"");
    assert!(listed.contains(&time), "{listed}");
    for path in [
        "/data/dir?restype=directory&",
        "/data/dir/file?comp=metadata&",
        "/data/dir/file?comp=rangelist&",
    ] {
        server.send("GET", &format!("{path}{of}"), &[], b"").expect(200);
    }
    let missing = server.send("GET", &format!("/data/dir/new?{of}"), &[], b"");
    assert_eq!(missing.error(), (404, "ResourceNotFound"));
    let unknown = "/data/dir/file?sharesnapshot=2020-01-01T00:00:00.0000000Z";
    let unknown = server.send("GET", unknown, &[], b"");
    assert_eq!(unknown.error(), (404, "ShareSnapshotNotFound"));
}

#[test]
fn what_is_in_a_snapshot_is_not_changed() {
    let server = Server::with_share();
    fs::write(server.tree("data").join("file"), "before").unwrap();
    let of = snapshot(&server);
    let length = [("x-ms-content-length", "1")];
    let refused = (400, "ShareSnapshotOperationNotSupported");
    for (method, path) in [
        ("PUT", "/data?restype=share&comp=metadata"),
        ("PUT", "/data?restype=share&comp=snapshot"),
        ("PUT", "/data/dir?restype=directory"),
        ("PUT", "/data/file?x=y"),
        ("PUT", "/data/file?comp=range"),
        ("PUT", "/data/file?comp=properties"),
        ("DELETE", "/data/file?x=y"),
    ] {
        let answer = server.send(method, &format!("{path}&{of}"), &length, b"");
        assert_eq!(answer.error(), refused, "{method} {path}");
    }
    let source = format!("{}/data/file?{of}", server.endpoint());
    let headers = [("x-ms-file-rename-source", source.as_str())];
    let renamed = server.send("PUT", "/data/other?comp=rename", &headers, b"");
    assert_eq!(renamed.error(), refused);
    assert_eq!(fs::read(server.tree("data").join("file")).unwrap(), b"before");
}

#[test]
fn a_file_is_restored_by_a_copy() {
    let server = Server::with_share();
    let file = server.tree("data").join("file");
    fs::write(&file, "before").unwrap();
    let of = snapshot(&server);
    fs::write(&file, "a mistake").unwrap();
    let source = format!("{}/data/file?{of}", server.endpoint());
    server.send("PUT", "/data/file", &[("x-ms-copy-source", &source)], b"").expect(202);
    assert_eq!(fs::read(&file).unwrap(), b"before");
}

#[test]
fn a_share_is_deleted_with_its_snapshots_if_that_is_said() {
    let server = Server::with_share();
    let (first, second) = (snapshot(&server), snapshot(&server));
    assert_ne!(first, second);
    let listed = server.send("GET", "/?comp=list&include=snapshots", &[], b"").expect(200).text();
    let name = first.replace("sharesnapshot=", "");
    assert!(listed.contains(&format!("<Name>data</Name><Snapshot>{name}</Snapshot>")), "{listed}");
    assert_eq!(listed.matches("<Share>").count(), 3, "{listed}");
    server.send("GET", &format!("{SHARE}&{first}"), &[], b"").expect(200);
    let include = [("x-ms-delete-snapshots", "include")];
    let wrong = server.send("DELETE", &format!("{SHARE}&{first}"), &include, b"");
    assert_eq!(wrong.error(), (400, "InvalidHeaderValue"));
    server.send("DELETE", &format!("{SHARE}&{first}"), &[], b"").expect(202);
    let nothing = server.send("DELETE", &format!("{SHARE}&sharesnapshot="), &include, b"");
    assert_eq!(nothing.error(), (400, "InvalidQueryParameterValue"));
    assert_eq!(server.send("DELETE", SHARE, &[], b"").error(), (409, "ShareHasSnapshots"));
    server.send("DELETE", SHARE, &include, b"").expect(202);
    assert_eq!(server.send("GET", SHARE, &[], b"").error(), (404, "ShareNotFound"));
}
