//! POST: gives tokens to who says credibly who they are.

use axum::{
    Form, Json,
    extract::{State, rejection::FormRejection},
    http::StatusCode,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_model::access::{Principal, PrincipalKind};

use super::{Failure, InTenant, OAuthError, check_tenant, issuer, resource};
use crate::{
    app::App,
    http::Base,
    identity::{audience, device::Poll},
};

/// What is asked for. Has no `Debug`: it holds secrets.
#[derive(Deserialize)]
pub(crate) struct Request {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    username: Option<String>,
    password: Option<String>,
    refresh_token: Option<String>,
    device_code: Option<String>,
    code: Option<String>,
    code_verifier: Option<String>,
    redirect_uri: Option<String>,
    scope: Option<String>,
    resource: Option<String>,
}

/// Who gets tokens, through which client, for which service.
struct Grant {
    principal: Principal,
    client: String,
    resource: Option<String>,
    nonce: Option<String>,
}

impl Grant {
    fn new(principal: Principal, client: String, resource: Option<String>) -> Self {
        Self { principal, client, resource, nonce: None }
    }
}

pub(crate) async fn handle(
    State(app): State<App>,
    tenant: InTenant,
    Base(base): Base,
    form: Result<Form<Request>, FormRejection>,
) -> Result<Json<Value>, Failure> {
    check_tenant(&app, &tenant)?;
    let Form(request) = form.map_err(|error| OAuthError::invalid_request(error.body_text()))?;
    let grant = match request.grant_type.as_deref() {
        Some("client_credentials") => client_credentials(&app, &request).await?,
        Some("password") => password(&app, &request).await?,
        Some("refresh_token") => refresh_token(&app, &request).await?,
        Some("authorization_code") => authorization_code(&app, &request).await?,
        Some("urn:ietf:params:oauth:grant-type:device_code" | "device_code") => {
            device_code(&app, &request).await?
        }
        other => {
            let message = format!("The grant type '{}' is not supported.", other.unwrap_or(""));
            let error = OAuthError::new("unsupported_grant_type", 70_003, message);
            return Err(error.into());
        }
    };
    let issuer = issuer(&app, &tenant, &base);
    tracing::info!(principal = %grant.principal.id, client = grant.client, "gave a token");
    Ok(Json(answer(&app, &grant, (&base, &issuer), request.scope.as_deref())?))
}

fn required<'a>(value: Option<&'a String>, name: &str) -> Result<&'a str, OAuthError> {
    value.map(String::as_str).filter(|value| !value.is_empty()).ok_or_else(|| {
        OAuthError::invalid_request(format!(
            "The request body must contain the following parameter: '{name}'."
        ))
    })
}

/// The service in the request itself.
fn requested(request: &Request) -> Option<String> {
    resource(request.resource.as_deref(), request.scope.as_deref())
}

async fn client_credentials(app: &App, request: &Request) -> Result<Grant, Failure> {
    let client = required(request.client_id.as_ref(), "client_id")?;
    let secret = required(request.client_secret.as_ref(), "client_secret")?;
    let principal = app.identity.log_in(PrincipalKind::ServicePrincipal, client, secret).await?;
    let principal = principal.ok_or_else(|| OAuthError {
        status: StatusCode::UNAUTHORIZED,
        ..OAuthError::new(
            "invalid_client",
            7_000_215,
            format!("Invalid client secret provided for, or no application with, the identifier '{client}'."),
        )
    })?;
    let client = principal.login.clone();
    Ok(Grant::new(principal, client, requested(request)))
}

async fn password(app: &App, request: &Request) -> Result<Grant, Failure> {
    let username = required(request.username.as_ref(), "username")?;
    let password = required(request.password.as_ref(), "password")?;
    let client = required(request.client_id.as_ref(), "client_id")?.to_owned();
    let principal = app.identity.log_in(PrincipalKind::User, username, password).await?;
    let principal = principal.ok_or_else(|| {
        let message = "Error validating credentials due to invalid username or password.";
        OAuthError::new("invalid_grant", 50_126, message)
    })?;
    Ok(Grant::new(principal, client, requested(request)))
}

async fn refresh_token(app: &App, request: &Request) -> Result<Grant, Failure> {
    let token = required(request.refresh_token.as_ref(), "refresh_token")?.to_owned();
    let identity = app.identity.clone();
    let redeemed = app.blocking(move |_| identity.redeem(&token)).await??;
    let (principal, refresh) = redeemed.ok_or_else(|| {
        let message = "The provided refresh token is not valid or has expired.";
        OAuthError::new("invalid_grant", 70_000, message)
    })?;
    if request.client_id.as_ref().is_some_and(|client| *client != refresh.client) {
        let message = "The refresh token was given to another client.";
        return Err(OAuthError::new("invalid_grant", 70_000, message).into());
    }
    let resource = requested(request).or(refresh.resource);
    Ok(Grant::new(principal, refresh.client, resource))
}

async fn device_code(app: &App, request: &Request) -> Result<Grant, Failure> {
    let code = required(request.device_code.as_ref().or(request.code.as_ref()), "device_code")?;
    let (user, login) = match app.identity.devices().poll(app.identity.now(), code) {
        Poll::Approved(user, login) => (user, login),
        Poll::Waiting => {
            let message = "The user has not signed in on the other device yet.";
            return Err(OAuthError::new("authorization_pending", 70_016, message).into());
        }
        Poll::Gone => {
            let message = "The device code is not known, was used, or has expired.";
            return Err(OAuthError::new("expired_token", 70_020, message).into());
        }
    };
    let principal = still_there(app, user).await?;
    Ok(Grant::new(principal, login.client, requested(request).or(login.resource)))
}

async fn authorization_code(app: &App, request: &Request) -> Result<Grant, Failure> {
    let code = required(request.code.as_ref(), "code")?;
    let client = required(request.client_id.as_ref(), "client_id")?;
    let redirect_uri = required(request.redirect_uri.as_ref(), "redirect_uri")?;
    let verifier = required(request.code_verifier.as_ref(), "code_verifier")?;
    let proof = (client, redirect_uri, verifier);
    let given = app.identity.codes().redeem(app.identity.now(), code, proof).ok_or_else(|| {
        let message = "The authorization code is not known, was used, has expired, or was given to \
                       another client, address or verifier.";
        OAuthError::new("invalid_grant", 70_008, message)
    })?;
    let principal = still_there(app, given.user).await?;
    let resource = requested(request).or(given.resource);
    Ok(Grant { nonce: given.nonce, ..Grant::new(principal, given.client, resource) })
}

async fn still_there(app: &App, user: uuid::Uuid) -> Result<Principal, Failure> {
    let principal = app.read(move |store| store.principal(user)).await?;
    Ok(principal.ok_or_else(|| {
        OAuthError::new("invalid_grant", 50_034, "The user account does not exist any more.")
    })?)
}

fn answer(
    app: &App,
    grant: &Grant,
    (base, issuer): (&str, &str),
    scope: Option<&str>,
) -> Result<Value, wharf_model::Error> {
    let Grant { principal, client, resource, nonce } = grant;
    let audience = audience(resource.as_deref(), &[base]);
    let access = app.identity.access_token(principal, client, &audience)?;
    let lifetime = access.until - access.from;
    let mut answer = json!({
        "token_type": "Bearer",
        "expires_in": lifetime - 1,
        "ext_expires_in": lifetime - 1,
        "expires_on": access.until.to_string(),
        "resource": resource.as_deref().unwrap_or(&audience),
        "access_token": access.token,
    });
    if principal.kind == PrincipalKind::User {
        let account = json!({ "uid": principal.id, "utid": app.identity.tenant() });
        let refresh = app.identity.refresh_token(principal, client, resource.as_deref())?;
        answer["scope"] = json!(scope.unwrap_or_default());
        answer["refresh_token"] = json!(refresh);
        answer["id_token"] =
            json!(app.identity.id_token(principal, client, (issuer, nonce.as_deref()))?);
        answer["client_info"] = json!(URL_SAFE_NO_PAD.encode(account.to_string()));
    }
    Ok(answer)
}
