//! The token issuer as OAuth 2 and `OpenID` Connect clients know it (client-contract.md).

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;
use wharf_model::Error;

use crate::{app::App, http::ApiError};

pub(crate) mod authorize;
pub(crate) mod device_code;
pub(crate) mod device_page;
pub(crate) mod keys;
pub(crate) mod openid_configuration;
pub(crate) mod token;

/// The tenant in a path that names one.
type InTenant = Option<axum::extract::Path<String>>;

/// An error in OAuth's own form.
#[derive(Debug)]
pub(crate) struct OAuthError {
    status: StatusCode,
    error: &'static str,
    /// Entra's number, which clients look for.
    number: u32,
    message: String,
}

impl OAuthError {
    fn new(error: &'static str, number: u32, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, number, message: message.into() }
    }

    fn invalid_request(message: impl Into<String>) -> Self {
        Self::new("invalid_request", 900_144, message)
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let body = Json(json!({
            "error": self.error,
            "error_description": format!("AADSTS{}: {}", self.number, self.message),
            "error_codes": [self.number],
        }));
        (self.status, body).into_response()
    }
}

/// What the handlers here fail with: OAuth's errors, or the daemon's own.
#[derive(Debug)]
pub(crate) enum Failure {
    OAuth(OAuthError),
    Own(Error),
}

impl From<OAuthError> for Failure {
    fn from(error: OAuthError) -> Self {
        Self::OAuth(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::OAuth(error) => error.into_response(),
            Self::Own(error) => ApiError(error).into_response(),
        }
    }
}

/// Refuses a tenant that is not ours.
fn check_tenant(app: &App, tenant: &InTenant) -> Result<(), OAuthError> {
    match tenant {
        Some(axum::extract::Path(name)) if !app.identity.is_tenant(name) => {
            Err(OAuthError::new("invalid_request", 90_002, format!("Tenant '{name}' not found.")))
        }
        Some(_) | None => Ok(()),
    }
}

/// Who issues tokens, as a client that came by this path knows it.
fn issuer(app: &App, tenant: &InTenant, base: &str) -> String {
    match tenant {
        Some(_) => format!("{base}/{}/v2.0", app.identity.tenant()),
        None => format!("{base}/adfs"),
    }
}

/// The service that a client wants to reach: `resource`, or what stands before `/.default` in the
/// first scope that is not `OpenID`'s own.
fn resource(resource: Option<&str>, scope: Option<&str>) -> Option<String> {
    const OPENID: &[&str] = &["openid", "profile", "email", "offline_access"];
    let of_scope = |scope: &str| {
        let service = scope.split_whitespace().find(|scope| !OPENID.contains(scope))?;
        let cut = service.strip_suffix(".default").or_else(|| {
            let (service, _) = service.rsplit_once('/')?;
            Some(service)
        });
        Some(cut.unwrap_or(service).trim_end_matches('/').to_owned() + "/")
    };
    let given = resource.filter(|resource| !resource.is_empty()).map(str::to_owned);
    given.or_else(|| scope.and_then(of_scope))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_what_the_scope_begins_with() {
        let of = |scope| resource(None, Some(scope));
        assert_eq!(of("https://h:1//.default offline_access").unwrap(), "https://h:1/");
        assert_eq!(of("openid https://h:1/.default").unwrap(), "https://h:1/");
        assert_eq!(of("https://h:1/graph/.default").unwrap(), "https://h:1/graph/");
        assert_eq!(of("https://h:1/user_impersonation").unwrap(), "https://h:1/");
        assert_eq!(of("openid profile"), None);
        assert_eq!(resource(Some("https://r"), Some("https://h/.default")).unwrap(), "https://r");
    }
}
