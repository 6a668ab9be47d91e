//! Bearer tokens, whose owners have roles.

use crate::{
    client::Answer,
    server::{ACCOUNT, SECURE, Server},
};

impl Server {
    fn with_token(&self, token: &str, method: &str, path: &str, more: &[(&str, &str)]) -> Answer {
        let authorization = format!("Bearer {token}");
        let mut headers = vec![
            ("authorization", authorization.as_str()),
            ("x-ms-version", "2024-11-04"),
            ("x-ms-file-request-intent", "backup"),
            (SECURE, "yes"),
        ];
        headers.retain(|(name, _)| more.iter().all(|(given, _)| given != name));
        headers.extend(more.iter().filter(|(_, value)| !value.is_empty()));
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers: Vec<_> = headers.iter().map(own).collect();
        self.exchange(method, &format!("/{ACCOUNT}{path}"), &headers, b"")
    }
}

#[test]
fn a_token_opens_what_its_roles_allow() {
    let server = Server::with_share();
    server.upload("/data/file", b"content");
    assert_eq!(server.with_token("reader", "GET", "/data/file", &[]).expect(200).body, b"content");
    server.with_token("reader", "GET", "/data?restype=directory&comp=list", &[]).expect(200);
    server.with_token("reader", "GET", "/?comp=list", &[]).expect(200);
    let forbidden = (403, "AuthorizationPermissionMismatch");
    assert_eq!(server.with_token("reader", "DELETE", "/data/file", &[]).error(), forbidden);
    assert_eq!(
        server.with_token("reader", "DELETE", "/data?restype=share", &[]).error(),
        forbidden
    );
    let stranger = server.with_token("stranger", "GET", "/data/file", &[]);
    assert_eq!(stranger.error(), (401, "InvalidAuthenticationInfo"));
    server.with_token("owner", "DELETE", "/data/file", &[]).expect(202);
}

#[test]
fn a_token_comes_by_tls_and_with_its_intent() {
    let server = Server::with_share();
    let plain = server.with_token("owner", "GET", "/?comp=list", &[(SECURE, "")]);
    assert_eq!(plain.error(), (403, "AuthenticationFailed"));
    let aimless = [("x-ms-file-request-intent", "")];
    let aimless = server.with_token("owner", "GET", "/?comp=list", &aimless);
    assert_eq!(aimless.error(), (400, "MissingRequiredHeader"));
}

#[test]
fn a_token_copies_and_renames_what_it_may_read_and_remove() {
    let server = Server::with_share();
    server.upload("/data/file", b"content");
    let source = format!("{}/data/file", server.endpoint());
    let copy = [("x-ms-copy-source", source.as_str())];
    server.with_token("owner", "PUT", "/data/copy", &copy).expect(202);
    let other = source.replace(ACCOUNT, "remotestore");
    let refused = server.with_token("owner", "PUT", "/data/c", &[("x-ms-copy-source", &other)]);
    assert_eq!(refused.error(), (404, "CannotVerifyCopySource"));
    let rename = [("x-ms-file-rename-source", source.as_str())];
    let refused = server.with_token("reader", "PUT", "/data/new?comp=rename", &rename);
    assert_eq!(refused.error(), (403, "AuthorizationPermissionMismatch"));
    server.with_token("owner", "PUT", "/data/new?comp=rename", &rename).expect(200);
}
