//! The headers that every ARM answer carries (operations.md A.3).

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::Response,
};
use uuid::Uuid;

use crate::app::App;

/// Of answers that do not say themselves how long they keep.
const UNKEPT: &[(&str, &str)] =
    &[("cache-control", "no-cache"), ("pragma", "no-cache"), ("expires", "-1")];
const FIXED: &[(&str, &str)] = &[
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
];

/// What is left of Azure's hourly allowance after one request. Wharf has no such limit, so it never
/// shrinks; some clients expect to be told.
const ALLOWANCES: [(&str, &str); 3] = [
    ("x-ms-ratelimit-remaining-subscription-reads", "11999"),
    ("x-ms-ratelimit-remaining-subscription-writes", "1199"),
    ("x-ms-ratelimit-remaining-subscription-deletes", "14999"),
];

/// The same of the writes of container groups, in an hour and in five minutes.
const GROUP_ALLOWANCES: [(&str, &str); 2] = [
    ("x-ms-ratelimit-remaining-subscription-resource-requests-pt1h", "299"),
    ("x-ms-ratelimit-remaining-subscription-resource-requests-pt5m", "99"),
];

/// As Azure writes it, to the blank.
const JSON: &str = "application/json; charset=utf-8";
/// What ties a request to others, for handlers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Correlation(pub(crate) String);

/// Adds the fixed headers, a request id, and the client's own ids back.
pub(super) async fn add(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let (correlation, client) = ids_of(request.headers());
    let allowances = allowances(request.method(), request.uri().path());
    let id = Uuid::new_v4();
    let text = correlation.as_ref().and_then(|value| value.to_str().ok()).map(str::to_owned);
    request.extensions_mut().insert(Correlation(text.unwrap_or_else(|| id.to_string())));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let unkept = if headers.contains_key(header::CACHE_CONTROL) { &[] } else { UNKEPT };
    for (name, value) in unkept.iter().chain(FIXED) {
        headers
            .entry(HeaderName::from_static(name))
            .or_insert_with(|| HeaderValue::from_static(value));
    }
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json") {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    }
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert("x-ms-correlation-request-id", correlation.unwrap_or_else(|| id.clone()));
        headers.insert("x-ms-request-id", id);
    }
    for (name, value) in allowances {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let time = app.clock.now().strftime("%Y%m%dT%H%M%SZ");
    let route = format!("{}:{time}:{id}", app.settings.location.to_uppercase());
    if let Ok(route) = HeaderValue::from_str(&route) {
        headers.insert("x-ms-routing-request-id", route);
    }
    if let Some(client) = client {
        headers.insert("x-ms-client-request-id", client);
    }
    response
}

/// The allowances that a request draws on.
fn allowances(method: &Method, path: &str) -> Vec<(&'static str, &'static str)> {
    let [reads, writes, deletes] = ALLOWANCES;
    if !path.starts_with("/subscriptions") {
        return Vec::new();
    }
    let is_group_write = path.contains("/providers/Microsoft.ContainerInstance/containerGroups/")
        && (method == Method::PUT || method == Method::DELETE);
    let own = match *method {
        Method::GET | Method::HEAD => reads,
        Method::DELETE => deletes,
        _ => writes,
    };
    let of_group = GROUP_ALLOWANCES.into_iter().filter(|_| is_group_write);
    std::iter::once(own).chain(of_group).collect()
}

/// The correlation id, and the client's own id if it wants that back.
fn ids_of(headers: &HeaderMap) -> (Option<HeaderValue>, Option<HeaderValue>) {
    let wants_back = headers
        .get("x-ms-return-client-request-id")
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    let client = headers.get("x-ms-client-request-id").filter(|_| wants_back);
    (headers.get("x-ms-correlation-request-id").cloned(), client.cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_request_has_its_allowance() {
        let group = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerInstance/\
                     containerGroups/c";
        let names = |method: Method, path: &str| -> Vec<&str> {
            let of = |(name, _): (&'static str, _)| name.rsplit('-').next().unwrap();
            allowances(&method, path).into_iter().map(of).collect()
        };
        assert_eq!(names(Method::GET, group), ["reads"]);
        assert_eq!(names(Method::PUT, group), ["writes", "pt1h", "pt5m"]);
        assert_eq!(names(Method::DELETE, group), ["deletes", "pt1h", "pt5m"]);
        assert_eq!(names(Method::POST, "/subscriptions/s/providers/x/register"), ["writes"]);
        assert!(names(Method::GET, "/healthz").is_empty());
    }
}
