//! The sign-in page of the authorization code grant (RFC 6749 §4.1, PKCE required): for the portal,
//! and for programs on the user's own machine (RFC 8252), such as `az login`.

use axum::{
    Form,
    extract::{
        Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::{HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{Html, IntoResponse as _, Response},
};
use serde::Deserialize;
use wharf_model::access::PrincipalKind;

use super::{Failure, InTenant, check_tenant, resource};
use crate::{app::App, http::Base, identity::codes::Grant};

const STYLE: &str = include_str!("sign_in.css");

/// What the client asks for.
#[derive(Clone, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    redirect_uri: String,
    #[serde(default)]
    response_type: String,
    #[serde(default)]
    code_challenge: String,
    #[serde(default)]
    code_challenge_method: String,
    state: Option<String>,
    scope: Option<String>,
    resource: Option<String>,
    nonce: Option<String>,
    #[serde(default)]
    login_hint: String,
}

/// What the user entered, with what the client asked for.
#[derive(Deserialize)]
pub(crate) struct Entered {
    #[serde(flatten)]
    asked: Asked,
    username: String,
    password: String,
}

/// GET: the form.
pub(crate) async fn show(
    State(app): State<App>,
    tenant: InTenant,
    Base(base): Base,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Failure> {
    check_tenant(&app, &tenant)?;
    let Ok(Query(asked)) = asked else {
        return Ok(refused("The address of this page is not complete."));
    };
    Ok(match complaint(&asked, &base) {
        Some(complaint) => refused(complaint),
        None => form(StatusCode::OK, &asked, &asked.login_hint, ""),
    })
}

/// POST: what the user entered; the code goes to the client by way of the browser.
pub(crate) async fn submit(
    State(app): State<App>,
    tenant: InTenant,
    Base(base): Base,
    entered: Result<Form<Entered>, FormRejection>,
) -> Result<Response, Failure> {
    check_tenant(&app, &tenant)?;
    let Ok(Form(Entered { asked, username, password })) = entered else {
        return Ok(refused("The form was not complete."));
    };
    if let Some(complaint) = complaint(&asked, &base) {
        return Ok(refused(complaint));
    }
    let user = app.identity.log_in(PrincipalKind::User, username.trim(), &password).await?;
    let Some(user) = user else {
        tracing::info!("a login on the sign-in page failed");
        let message = "User name or password is wrong.";
        return Ok(form(StatusCode::UNAUTHORIZED, &asked, &username, message));
    };
    let grant = Grant {
        user: user.id,
        client: asked.client_id.clone(),
        redirect_uri: asked.redirect_uri.clone(),
        challenge: asked.code_challenge.clone(),
        resource: resource(asked.resource.as_deref(), asked.scope.as_deref()),
        nonce: asked.nonce.clone(),
    };
    let Some(code) = app.identity.codes().give(app.identity.now(), grant) else {
        let message = "Too many logins are under way; try again later.";
        return Ok(form(StatusCode::SERVICE_UNAVAILABLE, &asked, &username, message));
    };
    let state = asked.state.as_deref().map(|state| format!("&state={}", escape(state)));
    let separator = if asked.redirect_uri.contains('?') { '&' } else { '?' };
    let target =
        format!("{}{separator}code={code}{}", asked.redirect_uri, state.unwrap_or_default());
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, target)]).into_response())
}

/// Why a request gets no form. Nothing is sent to an address that is not known to be the client's.
fn complaint(asked: &Asked, base: &str) -> Option<&'static str> {
    if asked.client_id.is_empty() || asked.client_id.len() > 128 {
        return Some("The application did not say who it is (client_id).");
    }
    if !is_allowed(&asked.redirect_uri, base) {
        return Some(
            "The application asked to be answered at an address that is neither the portal's nor \
             on this machine (redirect_uri).",
        );
    }
    if asked.response_type != "code" {
        return Some("The application asked for something else than a code (response_type).");
    }
    let is_challenge = asked.code_challenge.len() == 43 && asked.code_challenge_method == "S256";
    (!is_challenge).then_some("The application sent no proof key (code_challenge, S256).")
}

/// The portal itself, or a program that listens on the user's own machine.
fn is_allowed(redirect_uri: &str, base: &str) -> bool {
    let Ok(uri) = redirect_uri.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default();
    let is_plain = !redirect_uri.contains(['#', '@', '\\', '\r', '\n', ' ']);
    let is_portal = redirect_uri.strip_prefix(base).is_some_and(|path| path == "/portal/");
    let is_here =
        uri.scheme_str() == Some("http") && matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    is_plain && (is_portal || is_here)
}

fn form(status: StatusCode, asked: &Asked, username: &str, message: &str) -> Response {
    let hidden = [
        ("client_id", Some(&asked.client_id)),
        ("redirect_uri", Some(&asked.redirect_uri)),
        ("response_type", Some(&asked.response_type)),
        ("code_challenge", Some(&asked.code_challenge)),
        ("code_challenge_method", Some(&asked.code_challenge_method)),
        ("state", asked.state.as_ref()),
        ("scope", asked.scope.as_ref()),
        ("resource", asked.resource.as_ref()),
        ("nonce", asked.nonce.as_ref()),
    ];
    let sent = hidden.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let inputs: Vec<String> = sent
        .map(|(name, value)| {
            format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", html(value))
        })
        .collect();
    let hidden = inputs.concat();
    let username = html(username);
    let alert =
        if message.is_empty() { String::new() } else { format!("<p role=\"alert\">{message}</p>") };
    let body = format!(
        "{alert}<form method=\"post\">{hidden}<label>User name<input name=\"username\" \
         value=\"{username}\" autocomplete=\"username\" required autofocus></label>\
         <label>Password<input name=\"password\" type=\"password\" \
         autocomplete=\"current-password\" required></label><button>Sign in</button></form>\
         <p class=\"hint\">No account yet? Whoever runs this host makes one with\
         <code>wharf user create NAME@wharf.internal --role Owner</code></p>"
    );
    page(status, &body, &asked.redirect_uri)
}

fn refused(message: &str) -> Response {
    let body =
        format!("<p role=\"alert\">{message}</p><p><a href=\"/portal/\">To the portal</a></p>");
    page(StatusCode::BAD_REQUEST, &body, "")
}

fn page(status: StatusCode, body: &str, redirect_uri: &str) -> Response {
    let origin = redirect_uri
        .parse::<Uri>()
        .ok()
        .and_then(|uri| Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?)));
    // The answer to the form leads to the client, which must be allowed too.
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self' {}; \
         frame-ancestors 'none'; base-uri 'none'",
        origin.unwrap_or_default()
    );
    let document = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>Sign in to Wharf</title>\
         <style>{STYLE}</style><main><h1>Wharf</h1><p>Sign in</p>{body}</main></html>"
    );
    let mut response = (status, Html(document)).into_response();
    let headers = response.headers_mut();
    let fixed = [
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cache-control"), "no-store"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn escape(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| {
        if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_go_to_the_portal_and_to_this_machine_only() {
        let base = "https://h:8443";
        for good in ["https://h:8443/portal/", "http://localhost:5000", "http://127.0.0.1:1/x"] {
            assert!(is_allowed(good, base), "{good}");
        }
        for bad in [
            "",
            "x",
            "https://h:8443/",
            "https://h:8443/portal/../x",
            "https://h:8443.evil/portal/",
            "http://localhost.evil/",
            "http://localhost:1@evil/",
            "http://evil/?http://localhost/",
            "https://localhost/",
            "http://localhost/#x",
        ] {
            assert!(!is_allowed(bad, base), "{bad}");
        }
    }

    #[test]
    fn what_a_client_sends_is_text_on_the_page_and_in_the_address() {
        assert_eq!(html("<a \"&"), "&lt;a &quot;&amp;");
        assert_eq!(escape("a&b=c d/é"), "a%26b%3Dc%20d%2F%C3%A9");
    }
}
