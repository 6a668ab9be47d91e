//! Shares and the account's service.

use crate::server::{ACCOUNT, Server};

const CREATE: &str = "/data?restype=share";

#[test]
fn a_share_lives_from_creation_to_deletion() {
    let server = Server::start();
    let headers =
        [("x-ms-share-quota", "7"), ("x-ms-meta-owner", "me"), ("x-ms-access-tier", "hot")];
    let created = server.send("PUT", CREATE, &headers, b"").expect(201);
    assert_eq!(server.send("PUT", CREATE, &[], b"").error(), (409, "ShareAlreadyExists"));
    let shown = server.send("GET", CREATE, &[], b"").expect(200);
    assert_eq!(shown.header("etag"), created.header("etag"));
    assert_eq!(shown.header("x-ms-share-quota"), Some("7"));
    assert_eq!(shown.header("x-ms-meta-owner"), Some("me"));
    assert_eq!(shown.header("x-ms-access-tier"), Some("Hot"));
    let bigger = [("x-ms-share-quota", "8")];
    server.send("PUT", "/data?restype=share&comp=properties", &bigger, b"").expect(200);
    let other = [("x-ms-meta-other", "you")];
    server.send("PUT", "/data?restype=share&comp=metadata", &other, b"").expect(200);
    let shown = server.send("HEAD", "/data?restype=share&comp=metadata", &[], b"").expect(200);
    assert_eq!(
        (shown.header("x-ms-share-quota"), shown.header("x-ms-meta-owner")),
        (Some("8"), None)
    );
    assert_eq!(shown.header("x-ms-meta-other"), Some("you"));
    server.send("DELETE", CREATE, &[], b"").expect(202);
    assert_eq!(server.send("GET", CREATE, &[], b"").error(), (404, "ShareNotFound"));
    let gone = server.send("HEAD", CREATE, &[], b"");
    assert_eq!((gone.error(), gone.body.len()), ((404, "ShareNotFound"), 0));
}

#[test]
fn every_answer_says_who_and_when_and_which_version() {
    let server = Server::start();
    let headers = [("x-ms-client-request-id", "mine"), ("x-ms-version", "2021-08-06")];
    for path in ["/?comp=list", "/none?restype=share"] {
        let answer = server.send("GET", path, &headers, b"");
        assert_eq!(answer.header("x-ms-version"), Some("2021-08-06"));
        assert_eq!(answer.header("x-ms-client-request-id"), Some("mine"));
        assert_eq!(answer.header("x-ms-request-id").map(str::len), Some(36));
        assert!(answer.header("date").is_some_and(|date| date.ends_with(" GMT")));
        assert!(answer.header("server").is_some());
    }
}

#[test]
fn errors_are_documents() {
    let server = Server::start();
    let answer = server.send("GET", "/none?restype=share", &[], b"");
    let text = answer.text();
    assert!(text.contains("<Code>ShareNotFound</Code><Message>The specified share"), "{text}");
    assert!(text.contains(answer.header("x-ms-request-id").unwrap()), "{text}");
    let nobody = server.exchange("GET", &format!("/{ACCOUNT}/?comp=list"), &[], b"");
    assert_eq!(nobody.error(), (401, "NoAuthenticationInformation"));
    assert!(nobody.header("www-authenticate").is_some());
    let forged = [("authorization".to_owned(), format!("SharedKey {ACCOUNT}:AAAA"))];
    let forged = server.exchange("GET", &format!("/{ACCOUNT}/?comp=list"), &forged, b"");
    assert_eq!(forged.error(), (403, "AuthenticationFailed"));
    assert!(forged.text().contains("<AuthenticationErrorDetail>"));
    let unknown = server.exchange("GET", "/nobody/?comp=list", &[], b"");
    assert_eq!(unknown.error(), (404, "ResourceNotFound"));
}

#[test]
fn what_is_wrong_is_refused_and_what_is_missing_is_named() {
    let server = Server::start();
    server.send("PUT", CREATE, &[], b"").expect(201);
    let quota = [("x-ms-share-quota", "0")];
    let nfs = [("x-ms-enabled-protocols", "NFS")];
    let version = [("x-ms-version", "2009-09-19")];
    let long = format!("/{}?restype=share", "x".repeat(64));
    for (method, path, headers, expected) in [
        ("PUT", "/UPPER?restype=share", &[][..], (400, "InvalidResourceName")),
        ("PUT", &long, &[], (400, "OutOfRangeInput")),
        ("PUT", "/other?restype=share", &quota, (400, "InvalidHeaderValue")),
        ("PUT", "/other?restype=share", &nfs, (400, "UnsupportedHeader")),
        ("GET", CREATE, &version, (400, "InvalidHeaderValue")),
        ("GET", "/?comp=list&maxresults=0", &[], (400, "OutOfRangeQueryParameterValue")),
        ("GET", "/data?restype=share&sharesnapshot=x", &[], (404, "ShareSnapshotNotFound")),
        ("PUT", "/data?restype=share&comp=lease", &[], (501, "NotImplemented")),
        ("PUT", "/data?restype=share&comp=nonsense", &[], (400, "InvalidUri")),
        ("PATCH", CREATE, &[], (405, "UnsupportedHttpVerb")),
    ] {
        assert_eq!(server.send(method, path, headers, b"").error(), expected, "{method} {path}");
    }
}

#[test]
fn the_account_may_be_in_the_name_of_the_host() {
    let server = Server::with_share();
    let host = server.endpoint_by_host().replace("http://", "");
    let listed = server.send_to(&host, "", "GET", "/?comp=list", &[], b"").expect(200).text();
    assert!(listed.contains(&format!("ServiceEndpoint=\"{}/\"", server.endpoint_by_host())));
    assert!(listed.contains("<Name>data</Name>"), "{listed}");
    let shown = server.send_to(&host, "", "GET", "/data?restype=share", &[], b"");
    shown.expect(200);
}

#[test]
fn shares_are_listed_by_pages() {
    let server = Server::start();
    for name in ["app-1", "app-2", "app-3", "other"] {
        let headers = [("x-ms-meta-n", "<&>")];
        server.send("PUT", &format!("/{name}?restype=share"), &headers, b"").expect(201);
    }
    let first =
        server.send("GET", "/?comp=list&prefix=app&maxresults=2", &[], b"").expect(200).text();
    assert!(first.contains("<NextMarker>app-3!~</NextMarker>"), "{first}");
    assert!(first.contains(&format!("ServiceEndpoint=\"{}/\"", server.endpoint())), "{first}");
    let second = server
        .send("GET", "/?comp=list&prefix=app&marker=app-3!~&include=metadata", &[], b"")
        .text();
    assert!(
        second.contains("<NextMarker />") && second.contains("<n>&lt;&amp;&gt;</n>"),
        "{second}"
    );
    assert!(!second.contains("other"), "{second}");
}

#[test]
fn access_policies_are_kept() {
    let server = Server::start();
    server.send("PUT", CREATE, &[], b"").expect(201);
    let acl = "/data?restype=share&comp=acl";
    let policy = "<SignedIdentifiers><SignedIdentifier><Id>a</Id><AccessPolicy><Start>2026-01-01</Start>\
                  <Expiry>2027-01-01</Expiry><Permission>rl</Permission></AccessPolicy></SignedIdentifier>\
                  </SignedIdentifiers>";
    server.send("PUT", acl, &[], policy.as_bytes()).expect(200);
    let shown = server.send("GET", acl, &[], b"").expect(200).text();
    assert!(shown.ends_with(policy), "{shown}");
    assert_eq!(server.send("PUT", acl, &[], b"<nonsense").error(), (400, "InvalidXmlDocument"));
    server.send("PUT", acl, &[], b"").expect(200);
    let shown = server.send("GET", acl, &[], b"").text();
    assert!(shown.ends_with("<SignedIdentifiers></SignedIdentifiers>"), "{shown}");
}

#[test]
fn service_properties_are_kept_part_by_part() {
    let server = Server::start();
    let path = "/?restype=service&comp=properties";
    let cors = "<CorsRule><AllowedOrigins>*</AllowedOrigins></CorsRule>";
    let text = format!("<StorageServiceProperties><Cors>{cors}</Cors></StorageServiceProperties>");
    server.send("PUT", path, &[], text.as_bytes()).expect(202);
    let text = "<StorageServiceProperties><ProtocolSettings><SMB/></ProtocolSettings></StorageServiceProperties>";
    server.send("PUT", path, &[], text.as_bytes()).expect(202);
    let shown = server.send("GET", path, &[], b"").expect(200).text();
    assert!(
        shown.contains(cors) && shown.contains("<SMB/>") && shown.contains("<HourMetrics>"),
        "{shown}"
    );
    assert_eq!(
        server.shares.list(ACCOUNT, &wharf_files::Query::default()).unwrap().shares.len(),
        0
    );
}

#[test]
fn the_share_tells_what_it_holds() {
    let server = Server::start();
    server.send("PUT", CREATE, &[], b"").expect(201);
    std::fs::write(server.tree("data").join("file"), vec![1; 8192]).unwrap();
    let shown = server.send("GET", "/data?restype=share&comp=stats", &[], b"").expect(200).text();
    assert!(shown.contains("<ShareUsageBytes>8192</ShareUsageBytes>"), "{shown}");
}
