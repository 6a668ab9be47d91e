//! The first look at a request: is it for the file shares of a storage account, for a registry of
//! images, or for the API?
//!
//! Storage has other paths, other rights and other errors than ARM, and its requests are signed as
//! they were sent, so nothing may touch them before. An account is named by the host
//! (`<account>.file.core.<suffix>`), or by the first part of the path as Azurite has it; no path of
//! the API begins like the name of one. A registry is named by the host (`<name>.azurecr.<suffix>`),
//! or after `/v2/` by the first part of the repository.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderValue, Uri, header, uri::Authority},
    response::{IntoResponse as _, Response},
};
use tower::ServiceExt as _;
use wharf_files::{Service, Target};

use super::{
    drain,
    router::{rewrite, router},
};
use crate::{app::App, auth::Peer, deployments::Routes, file_shares::Judge, names};

/// What follows the name of a tenant.
const OF_TENANTS: [&str; 4] = [".well-known", "discovery", "oauth2", "v2.0"];

/// Everything that answers requests. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Front {
    router: Router,
    files: Service,
    registries: wharf_registry::Service,
    zones: Zones,
}

/// What names end with.
#[derive(Clone, Debug)]
struct Zones {
    /// Of file services: `file.core.<suffix>`.
    files: String,
    /// Of login servers: `azurecr.<suffix>`.
    registries: String,
}

/// Whom a request is for.
#[derive(Debug, PartialEq, Eq)]
enum Addressee {
    /// The files of a storage account.
    Account {
        account: String,
        /// Within it.
        path: String,
    },
    Registry(wharf_registry::Target),
    Api,
}

impl Front {
    pub(crate) fn new(app: App) -> Self {
        let shares = Arc::clone(&app.files.shares);
        let judge = Judge { files: app.files.clone(), identity: app.identity.clone() };
        let suffix = names::suffix(&app.settings.render.dns_suffix);
        Self {
            files: Service::new(shares, Arc::new(judge)),
            registries: app.registries.service(&app.identity),
            zones: Zones {
                files: format!("{}.{suffix}", names::FILES),
                registries: format!("{}.{suffix}", names::REGISTRIES),
            },
            router: router(app),
        }
    }

    pub(super) async fn answer(
        self,
        request: Request,
        (peer, address): (Peer, IpAddr),
    ) -> Response {
        let addressee = self.zones.addressee(host(&request), request.uri());
        let mut response = match addressee {
            Addressee::Account { account, path } => {
                let secure = matches!(peer, Peer::Remote);
                let target = Target { account, path, peer: address, secure };
                drain::after(request, |request| self.files.handle(target, request)).await
            }
            Addressee::Registry(target) => {
                drain::after(request, |request| self.registries.handle(target, request)).await
            }
            Addressee::Api => return self.of_the_api(request, peer).await,
        };
        confine(response.headers_mut());
        response
    }

    async fn of_the_api(self, request: Request, peer: Peer) -> Response {
        let mut request = rewrite(request);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(Routes(self.router.clone()));
        self.router.oneshot(request).await.into_response()
    }
}

impl Zones {
    /// A host that is a service's own decides; else the path does.
    fn addressee(&self, host: &str, uri: &Uri) -> Addressee {
        let path = uri.path();
        if let Some(account) = names::before(&self.files, host) {
            return Addressee::Account { account, path: path.to_owned() };
        }
        if let Some(name) = names::before(&self.registries, host) {
            return Addressee::Registry(wharf_registry::Target::Named(name));
        }
        // What begins with `/v2/` is the distribution API, and these are where its tokens are given.
        let is_token = matches!(path, "/oauth2/token" | "/oauth2/exchange");
        if path == "/v2" || path.starts_with("/v2/") || is_token {
            return Addressee::Registry(wharf_registry::Target::InPath);
        }
        by_path(uri).map_or(Addressee::Api, |(account, path)| Addressee::Account { account, path })
    }
}

/// A file may be a page, and comes from where the portal comes from: a browser that is led to it must not
/// let it run there.
fn confine(headers: &mut HeaderMap) {
    let policy = HeaderValue::from_static("default-src 'none'; sandbox");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// The host that a request names, without its port.
fn host(request: &Request) -> &str {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = request.uri().authority().map(Authority::as_str).or(host).unwrap_or_default();
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

fn by_path(uri: &Uri) -> Option<(String, String)> {
    let rest = uri.path().strip_prefix('/')?;
    let mut parts = rest.split('/');
    let account = parts.next()?;
    wharf_arm::storage::check_name(account).ok()?;
    // A tenant may look like an account, but these parts are not of accounts.
    if parts.next().is_some_and(|part| OF_TENANTS.contains(&part)) {
        return None;
    }
    Some((account.to_owned(), rest[account.len()..].to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_in_shares_cannot_act_as_the_portal() {
        let mut headers = HeaderMap::new();
        confine(&mut headers);
        assert!(headers["content-security-policy"].to_str().unwrap().ends_with("sandbox"));
        assert_eq!(headers["x-content-type-options"], "nosniff");
    }

    #[test]
    fn a_host_of_a_service_decides_before_the_path_does() {
        let zones = Zones { files: "file.core.x".to_owned(), registries: "azurecr.x".to_owned() };
        let of = |host: &str, path: &str| zones.addressee(host, &path.parse().unwrap());
        let files = |account: &str, path: &str| Addressee::Account {
            account: account.to_owned(),
            path: path.to_owned(),
        };
        let named = || Addressee::Registry(wharf_registry::Target::Named("own".to_owned()));
        let in_path = || Addressee::Registry(wharf_registry::Target::InPath);
        for path in ["/v2/dir/file", "/oauth2/token", "/share"] {
            assert_eq!(of("acct.file.core.x", path), files("acct", path), "{path}");
        }
        for path in ["/v2/a/manifests/b", "/oauth2/exchange", "/acr/v1/_catalog", "/"] {
            assert_eq!(of("own.azurecr.x", path), named(), "{path}");
        }
        for path in ["/v2/", "/v2", "/v2/own/a/tags/list", "/oauth2/token"] {
            assert_eq!(of("127.0.0.1", path), in_path(), "{path}");
        }
        assert_eq!(of("127.0.0.1", "/acct1/share"), files("acct1", "/share"));
        assert_eq!(of("127.0.0.1", "/subscriptions/x"), Addressee::Api);
        assert_eq!(of("azurecr.x", "/subscriptions/x"), Addressee::Api);
    }

    #[test]
    fn accounts_are_named_by_host_or_path_and_the_api_is_left_alone() {
        let path = |text: &str| by_path(&text.parse().unwrap());
        let found = |account: &str, path: &str| Some((account.to_owned(), path.to_owned()));
        assert_eq!(path("/acct1/share/a%20b?x=y"), found("acct1", "/share/a%20b"));
        assert_eq!(path("/acct1?comp=list"), found("acct1", ""));
        for api in [
            "/",
            "/subscriptions",
            "/providers/x",
            "/adfs/oauth2/token",
            "/portal/",
            "/v2/",
            "/v2/own/app/manifests/1",
            "/exec/abc",
            "/attach/abc",
            "/healthz",
            "/readyz",
            "/metrics",
            "/device",
            "/wharf/v1/watch",
            "/SUBSCRIPTIONS/x",
            "/tenants",
            "/metadata/endpoints",
            "/6a1b1c9e-0d0e-4a5f-8d41-6b1f6b1e8a11/oauth2/v2.0/token",
            "/contoso/oauth2/token",
            "/common/oauth2/token",
        ] {
            assert_eq!(path(api), None, "{api}");
        }
    }
}
