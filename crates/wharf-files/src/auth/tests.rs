use std::net::{IpAddr, Ipv4Addr};

use aws_lc_rs::hmac;
use axum::http::Request;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};

use super::{Grant, Need, authorize, shared_key::string_to_sign};
use crate::{
    accounts::Account,
    error::Code,
    request::{Call, Target},
    shares::{AccessPolicy, Change, Settings, Shares},
    times::{http_date, parse_http_date, parse_iso},
};

const NAME: &str = "myaccount";
const KEY: &[u8] = b"a key of many bytes";
const READ: Need = Need { kind: 'o', any: "r", file: true };
const WRITE: Need = Need { kind: 'o', any: "w", file: true };
const LIST: Need = Need { kind: 'c', any: "l", file: false };

fn account() -> Account {
    let keys = vec![b"the other key".to_vec(), KEY.to_vec()];
    Account { name: NAME.to_owned(), keys, https_only: false, shared_key_access: true }
}

fn now() -> Timestamp {
    parse_iso("2026-01-02T03:04:05Z").unwrap()
}

fn call(method: &str, uri: &str, headers: &[(&str, &str)]) -> Call {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let path = parts.uri.path().to_owned();
    let peer = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));
    let target = Target { account: NAME.to_owned(), path, peer, secure: false };
    Call::new(target, parts).unwrap()
}

fn by_bytes(one: &str, other: &str) -> std::cmp::Ordering {
    one.cmp(other)
}

fn sign(text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, KEY);
    STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}

/// Asks with `Shares` that hold one share with one policy.
fn ask(call: &Call, account: &Account, now: Timestamp) -> Result<Grant, Code> {
    let dir = tempfile::tempdir().unwrap();
    let shares = Shares::open(dir.path()).unwrap();
    shares.create(NAME, "data", Settings::default()).unwrap();
    let policy = AccessPolicy {
        id: "readers".to_owned(),
        start: None,
        expiry: Some("2026-02-01".to_owned()),
        permission: Some("r".to_owned()),
    };
    let change = Change { policies: Some(vec![policy]), ..Change::default() };
    shares.update(NAME, "data", change).unwrap();
    authorize(call, account, &shares, now).map_err(|error| error.code())
}

#[test]
fn the_documented_example_of_a_read_is_signed_as_documented() {
    let uri = "https://myaccount.file.core.windows.net/mycontainer?restype=container&comp=metadata&timeout=20";
    let headers = [("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT"), ("x-ms-version", "2015-02-21")];
    let text = string_to_sign(&call("GET", uri, &headers), false, by_bytes);
    let documented = "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n\
                      x-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\n\
                      restype:container\ntimeout:20";
    assert_eq!(text, documented);
}

#[test]
fn the_documented_example_of_a_lite_signature_is_signed_as_documented() {
    let headers = [
        ("content-type", "text/plain; charset=UTF-8"),
        ("x-ms-date", "Sun, 20 Sep 2009 20:36:40 GMT"),
        ("x-ms-meta-m1", "v1"),
        ("x-ms-meta-m2", "v2"),
    ];
    let text = string_to_sign(
        &call("PUT", "/mycontainer/hello.txt?comp=range&x=y", &headers),
        true,
        by_bytes,
    );
    let documented = "PUT\n\ntext/plain; charset=UTF-8\n\nx-ms-date:Sun, 20 Sep 2009 20:36:40 GMT\n\
                      x-ms-meta-m1:v1\nx-ms-meta-m2:v2\n/myaccount/mycontainer/hello.txt?comp=range";
    assert_eq!(text, documented);
}

#[test]
fn values_of_one_parameter_are_sorted_and_the_path_stays_encoded() {
    let call = call("GET", "/my%20share/a%2Bb?include=snapshots&include=metadata&Comp=LIST", &[]);
    let text = string_to_sign(&call, false, by_bytes);
    let end = "/myaccount/my%20share/a%2Bb\ncomp:LIST\ninclude:metadata,snapshots";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn a_length_of_zero_is_signed_as_the_version_says() {
    for (version, line) in [("2015-02-21", ""), ("2024-11-04", "")] {
        let headers = [("content-length", "0"), ("x-ms-version", version)];
        let text = string_to_sign(&call("PUT", "/share", &headers), false, by_bytes);
        assert_eq!(text.split('\n').nth(3), Some(line));
    }
}

fn signed_with_key(path: &str, date: Timestamp, change: impl Fn(&str) -> String) -> Call {
    let date = http_date(date);
    let headers = [("x-ms-date", date.as_str()), ("x-ms-version", "2024-11-04")];
    let text = string_to_sign(&call("GET", path, &headers), false, by_bytes);
    let authorization = format!("SharedKey {NAME}:{}", sign(&change(&text)));
    let mut headers = headers.to_vec();
    headers.push(("authorization", &authorization));
    call("GET", path, &headers)
}

#[test]
fn either_key_opens_and_nothing_else_does() {
    let plain = |text: &str| text.to_owned();
    let good = signed_with_key("/data/file", now(), plain);
    assert_eq!(ask(&good, &account(), now()), Ok(Grant::Owner));
    let tampered = signed_with_key("/data/file", now(), |text| text.replace("GET", "PUT"));
    assert_eq!(ask(&tampered, &account(), now()), Err(Code::AuthenticationFailed));
    let other = Account { keys: vec![b"another".to_vec()], ..account() };
    assert_eq!(ask(&good, &other, now()), Err(Code::AuthenticationFailed));
    let none = Account { keys: vec![], ..account() };
    assert_eq!(ask(&good, &none, now()), Err(Code::AuthenticationFailed));
    let stranger = Account { name: "stranger".to_owned(), ..account() };
    assert_eq!(ask(&good, &stranger, now()), Err(Code::AuthenticationFailed));
}

#[test]
fn a_request_is_good_for_a_quarter_of_an_hour() {
    for (minutes, good) in [(14, true), (-14, true), (16, false), (-16, false)] {
        let date = now() + SignedDuration::from_mins(minutes);
        let call = signed_with_key("/data/file", date, str::to_owned);
        assert_eq!(ask(&call, &account(), now()).is_ok(), good, "{minutes}");
    }
    let call = call("GET", "/data", &[("authorization", "SharedKey myaccount:AAAA")]);
    assert_eq!(ask(&call, &account(), now()), Err(Code::AuthenticationFailed));
    assert!(parse_http_date("yesterday").is_none());
}

#[test]
fn what_the_account_forbids_is_refused() {
    let good = signed_with_key("/data/file", now(), str::to_owned);
    let https = Account { https_only: true, ..account() };
    assert_eq!(ask(&good, &https, now()), Err(Code::AccountRequiresHttps));
    let keyless = Account { shared_key_access: false, ..account() };
    assert_eq!(ask(&good, &keyless, now()), Err(Code::KeyBasedAuthenticationNotPermitted));
    let nobody = call("GET", "/data", &[]);
    assert_eq!(ask(&nobody, &account(), now()), Err(Code::NoAuthenticationInformation));
    let bearer = call("GET", "/data", &[("authorization", "Bearer abc")]);
    assert_eq!(ask(&bearer, &account(), now()), Err(Code::InvalidAuthenticationInfo));
}

/// A signature of the account with these fields changed after signing.
fn account_sas(fields: &[(&str, &str)], tampered: &[(&str, &str)]) -> Call {
    let usual = [
        ("sp", "rl"),
        ("ss", "f"),
        ("srt", "sco"),
        ("st", "2026-01-01"),
        ("se", "2026-01-03T00:00:00Z"),
        ("sip", ""),
        ("spr", "https,http"),
        ("sv", "2024-11-04"),
        ("ses", ""),
    ];
    let chosen = |name: &str, usual| {
        fields.iter().find(|(field, _)| *field == name).map_or(usual, |(_, value)| *value)
    };
    let fields: Vec<_> = usual.iter().map(|(name, value)| (*name, chosen(name, *value))).collect();
    let text = fields.iter().map(|(_, value)| *value).chain([""]).collect::<Vec<_>>().join("\n");
    signed(&format!("{NAME}\n{text}"), &fields, tampered, "/data/dir/file")
}

/// A signature of a share or a file.
fn share_sas(
    resource: &str,
    fields: &[(&str, &str)],
    tampered: &[(&str, &str)],
    path: &str,
) -> Call {
    let order =
        ["sp", "st", "se", "", "si", "sip", "spr", "sv", "rscc", "rscd", "rsce", "rscl", "rsct"];
    let value = |name: &str| match name {
        "" => format!("/file/{NAME}{resource}"),
        _ => fields
            .iter()
            .find(|(field, _)| *field == name)
            .map_or("", |(_, value)| value)
            .to_owned(),
    };
    let text = order.map(value).join("\n");
    signed(&text, fields, tampered, path)
}

fn signed(text: &str, fields: &[(&str, &str)], tampered: &[(&str, &str)], path: &str) -> Call {
    let signature = sign(text);
    let mut query = format!("sig={}", signature.replace('+', "%2B").replace('=', "%3D"));
    for (name, value) in fields {
        let value =
            tampered.iter().find(|(field, _)| field == name).map_or(*value, |(_, value)| *value);
        if !value.is_empty() {
            query.extend(["&", name, "=", &value.replace(':', "%3A")]);
        }
    }
    call("GET", &format!("{path}?{query}"), &[])
}

fn may(call: &Call, need: Need) -> Result<(), Code> {
    match ask(call, &account(), now())? {
        Grant::Signed(scope) => scope.check(need).map_err(|error| error.code()),
        Grant::Owner | Grant::Token => Ok(()),
    }
}

#[test]
fn a_signature_of_the_account_allows_what_it_says() {
    let good = account_sas(&[], &[]);
    assert_eq!(may(&good, READ), Ok(()));
    assert_eq!(may(&good, LIST), Ok(()));
    assert_eq!(may(&good, WRITE), Err(Code::AuthorizationPermissionMismatch));
    let acl = Need { kind: 'c', any: "", file: false };
    assert_eq!(may(&good, acl), Err(Code::AuthorizationPermissionMismatch));
    for (field, value, code) in [
        ("ss", "bqt", Code::AuthorizationServiceMismatch),
        ("srt", "sc", Code::AuthorizationResourceTypeMismatch),
        ("sip", "10.0.0.8", Code::AuthorizationSourceIPMismatch),
        ("sip", "10.0.0.8-10.0.0.20", Code::AuthorizationSourceIPMismatch),
        ("spr", "https", Code::AuthorizationProtocolMismatch),
        ("se", "2026-01-02T03:04:05Z", Code::AuthenticationFailed),
        ("st", "2026-01-02T03:04:06Z", Code::AuthenticationFailed),
        ("se", "", Code::AuthenticationFailed),
        ("se", "later", Code::AuthenticationFailed),
        ("spr", "ftp", Code::AuthenticationFailed),
        ("sip", "everybody", Code::AuthenticationFailed),
        ("sv", "2014-02-14", Code::AuthenticationFailed),
    ] {
        assert_eq!(may(&account_sas(&[(field, value)], &[]), READ), Err(code), "{field}={value}");
    }
    for sip in ["10.0.0.7", "10.0.0.1-10.0.0.7"] {
        assert_eq!(may(&account_sas(&[("sip", sip)], &[]), READ), Ok(()), "{sip}");
    }
}

#[test]
fn nothing_in_a_signature_can_be_changed() {
    for (field, value) in [
        ("sp", "rwdl"),
        ("ss", "bfqt"),
        ("srt", "o"),
        ("st", "2025-01-01"),
        ("se", "2036-01-01"),
        ("spr", "https"),
        ("sv", "2023-11-03"),
    ] {
        let call = account_sas(&[], &[(field, value)]);
        assert_eq!(may(&call, READ), Err(Code::AuthenticationFailed), "{field}");
    }
}

#[test]
fn a_signature_of_a_share_is_for_what_is_in_it() {
    let fields = [("sr", "s"), ("sp", "rl"), ("se", "2026-01-03"), ("sv", "2024-11-04")];
    let good = share_sas("/data", &fields, &[], "/data/dir/file");
    assert_eq!(may(&good, READ), Ok(()));
    assert_eq!(may(&good, LIST), Ok(()));
    let share = Need { kind: 'c', any: "r", file: false };
    assert_eq!(may(&good, share), Err(Code::AuthorizationPermissionMismatch));
    let elsewhere = share_sas("/data", &fields, &[], "/other/dir/file");
    assert_eq!(may(&elsewhere, READ), Err(Code::AuthenticationFailed));
    let wider = share_sas("/data", &fields, &[("sp", "rwdl")], "/data/dir/file");
    assert_eq!(may(&wider, READ), Err(Code::AuthenticationFailed));
}

#[test]
fn a_signature_of_a_file_is_for_that_file() {
    let fields = [("sr", "f"), ("sp", "r"), ("se", "2026-01-03"), ("sv", "2024-11-04")];
    let good = share_sas("/data/dir/file", &fields, &[], "/data/dir/file");
    assert_eq!(may(&good, READ), Ok(()));
    assert_eq!(may(&good, LIST), Err(Code::AuthorizationPermissionMismatch));
    let other = share_sas("/data/dir/file", &fields, &[], "/data/dir/other");
    assert_eq!(may(&other, READ), Err(Code::AuthenticationFailed));
    let as_share = share_sas("/data/dir/file", &fields, &[("sr", "s")], "/data/dir/file");
    assert_eq!(may(&as_share, READ), Err(Code::AuthenticationFailed));
}

#[test]
fn a_signature_may_name_a_policy_of_the_share() {
    let fields = [("sr", "s"), ("si", "readers"), ("sv", "2024-11-04")];
    let good = share_sas("/data", &fields, &[], "/data/file");
    assert_eq!(may(&good, READ), Ok(()));
    assert_eq!(may(&good, WRITE), Err(Code::AuthorizationPermissionMismatch));
    let late = parse_iso("2026-02-01").unwrap();
    assert_eq!(ask(&good, &account(), late), Err(Code::AuthenticationFailed));
    for fields in [
        [("sr", "s"), ("si", "writers"), ("sv", "2024-11-04"), ("st", "")],
        [("sr", "s"), ("si", "readers"), ("sv", "2024-11-04"), ("sp", "rw")],
    ] {
        let call = share_sas("/data", &fields, &[], "/data/file");
        assert_eq!(may(&call, READ), Err(Code::AuthenticationFailed));
    }
}

#[test]
fn a_parameter_twice_is_refused() {
    let good = account_sas(&[], &[]);
    let uri = format!("{}&sp=rwdl", good.uri);
    assert_eq!(may(&call("GET", &uri, &[]), READ), Err(Code::AuthenticationFailed));
}
