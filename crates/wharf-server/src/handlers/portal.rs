//! The portal: files that `make build` has put into `portal/dist`, embedded in the program. A
//! build without them serves a page that says how to get them.

use std::borrow::Cow;

use axum::{
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse as _, Redirect, Response},
};
use rust_embed::RustEmbed;
use wharf_model::{Error, ErrorKind};

use crate::http::{ApiError, ApiResult};

/// Everything comes from here; Fluent UI makes its style sheets at run time.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; font-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// Names of files in `assets` hold a hash of what is in them.
const FOREVER: &str = "public, max-age=31536000, immutable";
const MISSING: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Wharf</title>\
    <h1>This build of Wharf has no portal</h1><p>The program was built without the portal's files. \
    Build it with <code>make build</code>, which needs Node.js 20 or newer and installs it on Debian \
    and Ubuntu, and start the daemon again.</p></html>";

#[derive(RustEmbed)]
#[folder = "../../portal/dist"]
#[allow_missing = true]
struct Files;

/// GET `/`: browsers want the portal.
pub(crate) async fn root(headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("text/html")) {
        return Redirect::temporary("/portal/").into_response();
    }
    let message = "Nothing is at '/'. The portal is at '/portal/'.";
    ApiError(Error::new(ErrorKind::NotFound, "ResourceNotFound", message)).into_response()
}

/// GET `/portal`.
pub(crate) async fn page(headers: HeaderMap) -> Response {
    match embedded("index.html", &headers) {
        Some(response) => response,
        None => with_policy((StatusCode::NOT_FOUND, Html(MISSING)).into_response()),
    }
}

/// GET a file of the portal; what is none is a place within the page.
pub(crate) async fn file(Path(path): Path<String>, headers: HeaderMap) -> ApiResult {
    if let Some(response) = embedded(&path, &headers) {
        return Ok(response);
    }
    if path.starts_with("assets/") {
        let message = format!("The portal has no file '{path}'.");
        return Err(Error::new(ErrorKind::NotFound, "ResourceNotFound", message).into());
    }
    Ok(page(headers).await)
}

fn embedded(path: &str, headers: &HeaderMap) -> Option<Response> {
    let kind = content_type(path)?;
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let accepts = |name: &str| accepted.is_some_and(|accepted| accepted.contains(name));
    let packed = [("br", ".br"), ("gzip", ".gz")].into_iter().find_map(|(name, end)| {
        let file = accepts(name).then(|| Files::get(&format!("{path}{end}")))??;
        Some((Some(name), file))
    });
    let (encoding, file) = packed.or_else(|| Some((None, Files::get(path)?)))?;
    let body = match file.data {
        Cow::Borrowed(bytes) => bytes.into_response(),
        Cow::Owned(bytes) => bytes.into_response(),
    };
    let mut response = with_policy(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if path.starts_with("assets/") {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(FOREVER));
    }
    Some(response)
}

fn with_policy(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Only what a build of the portal consists of is served.
fn content_type(path: &str) -> Option<&'static str> {
    Some(match path.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        _ => return None,
    })
}
