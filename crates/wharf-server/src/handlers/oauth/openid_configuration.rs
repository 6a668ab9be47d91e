//! GET what an `OpenID` Connect client has to know of the issuer.

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::{InTenant, OAuthError, check_tenant, issuer};
use crate::{app::App, http::Base};

pub(crate) async fn handle(
    State(app): State<App>,
    tenant: InTenant,
    Base(base): Base,
) -> Result<Json<Value>, OAuthError> {
    check_tenant(&app, &tenant)?;
    let (oauth, keys) = match &tenant {
        Some(_) => {
            let root = format!("{base}/{}", app.identity.tenant());
            (format!("{root}/oauth2/v2.0"), format!("{root}/discovery/v2.0/keys"))
        }
        None => (format!("{base}/adfs/oauth2"), format!("{base}/adfs/discovery/keys")),
    };
    Ok(Json(json!({
        "issuer": issuer(&app, &tenant, &base),
        "authorization_endpoint": format!("{oauth}/authorize"),
        "token_endpoint": format!("{oauth}/token"),
        "device_authorization_endpoint": format!("{oauth}/devicecode"),
        "jwks_uri": keys,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "grant_types_supported": [
            "authorization_code",
            "client_credentials",
            "password",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    })))
}
