//! The page on which a user enters the code of another device.

use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};
use serde::Deserialize;
use wharf_model::access::PrincipalKind;

use super::Failure;
use crate::app::App;

/// No script, no frame around it, and forms go back here only.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

#[derive(Deserialize)]
pub(crate) struct Entered {
    code: String,
    username: String,
    password: String,
}

/// GET: the form.
pub(crate) async fn show() -> Response {
    page(StatusCode::OK, "", true)
}

/// POST: what the user entered.
pub(crate) async fn submit(
    State(app): State<App>,
    form: Result<Form<Entered>, FormRejection>,
) -> Result<Response, Failure> {
    let Ok(Form(entered)) = form else {
        return Ok(page(StatusCode::BAD_REQUEST, "Fill in all fields.", true));
    };
    let user = app
        .identity
        .log_in(PrincipalKind::User, entered.username.trim(), &entered.password)
        .await?;
    let Some(user) = user else {
        tracing::info!("a login on the device page failed");
        return Ok(page(StatusCode::UNAUTHORIZED, "User name or password is wrong.", true));
    };
    if !app.identity.devices().approve(app.identity.now(), &entered.code, user.id) {
        return Ok(page(StatusCode::BAD_REQUEST, "There is no such code, or no longer.", true));
    }
    Ok(page(StatusCode::OK, "You are signed in. You can close this page.", false))
}

fn page(status: StatusCode, message: &str, has_form: bool) -> Response {
    let form = if has_form {
        "<form method=\"post\" action=\"/device\"><label>Code <input name=\"code\" \
         autocomplete=\"off\" required autofocus></label><label>User name <input \
         name=\"username\" autocomplete=\"username\" required></label><label>Password <input \
         name=\"password\" type=\"password\" autocomplete=\"current-password\" required></label>\
         <button>Sign in</button></form>"
    } else {
        ""
    };
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Sign in to Wharf</title><style>body{{font:1rem \
         sans-serif;max-width:22rem;margin:4rem auto;padding:0 1rem}}label{{display:block;margin:\
         1rem 0}}input{{display:block;width:100%;font:inherit;padding:.4rem;box-sizing:\
         border-box}}button{{font:inherit;padding:.5rem 1rem}}</style><h1>Sign in to Wharf</h1>\
         <p role=\"status\">{message}</p>{form}</html>"
    );
    let headers =
        [(header::CONTENT_SECURITY_POLICY, POLICY), (header::REFERRER_POLICY, "no-referrer")];
    (status, headers, Html(html)).into_response()
}
