//! The routes that need no token: health, the addresses of this cloud, and the token issuer.

use axum::routing::{get, post};

use super::table::Routes;
use crate::handlers::{
    health, metadata,
    oauth::{authorize, device_code, device_page, keys, openid_configuration, token},
    portal, sessions,
};

/// A client that is told of `…/adfs` makes up paths in three styles: AD FS' own, Entra's below it,
/// and Entra's.
pub(super) fn routes() -> Routes {
    let mut router = Routes::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        // Whoever comes here has the password of the one session at that address.
        .route("/exec/{session}", get(sessions::open::handle))
        .route("/attach/{session}", get(sessions::open::handle))
        .route("/metadata/endpoints", get(metadata::endpoints::handle))
        .route("/adfs/.well-known/openid-configuration", get(openid_configuration::handle))
        .route("/adfs/discovery/keys", get(keys::handle))
        .route("/adfs/oauth2/token", post(token::handle))
        .route("/adfs/oauth2/devicecode", post(device_code::handle))
        .route("/adfs/oauth2/authorize", get(authorize::show).post(authorize::submit))
        .route("/", get(portal::root))
        .route("/portal", get(portal::page))
        .route("/portal/{*path}", get(portal::file))
        .route("/device", get(device_page::show).post(device_page::submit));
    for root in ["/adfs/{tenant}", "/{tenant}"] {
        let below = |rest: &str| format!("{root}/{rest}");
        router = router
            .route(
                &below("v2.0/.well-known/openid-configuration"),
                get(openid_configuration::handle),
            )
            .route(&below(".well-known/openid-configuration"), get(openid_configuration::handle))
            .route(&below("discovery/v2.0/keys"), get(keys::handle))
            .route(&below("discovery/keys"), get(keys::handle));
        for version in ["oauth2/v2.0", "oauth2"] {
            router = router
                .route(&below(&format!("{version}/token")), post(token::handle))
                .route(&below(&format!("{version}/devicecode")), post(device_code::handle))
                .route(
                    &below(&format!("{version}/authorize")),
                    get(authorize::show).post(authorize::submit),
                );
        }
    }
    router
}
