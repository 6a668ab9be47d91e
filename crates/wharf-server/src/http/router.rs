//! Which path is which operation.

use axum::{
    Json, Router,
    extract::Request,
    http::Uri,
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use futures::FutureExt as _;
use serde_json::json;
use wharf_arm::resource_id::canonical_path;
use wharf_model::{Error, ErrorKind};

use super::{ApiError, access, authorization, drain, headers, public, routes, table::Routes};
use crate::{
    app::App,
    handlers::{
        container_groups as groups, dns, doctor, images, metrics, operations, resource_groups,
        subscriptions, tenants, watch,
    },
};

/// All routes. Paths arrive in canonical casing: see [`rewrite`].
pub(crate) fn router(app: App) -> Router {
    let group = "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/\
                 Microsoft.ContainerInstance/containerGroups/{group}";
    let in_group = |rest: &str| format!("{group}/{rest}");
    let provider = "/subscriptions/{subscription}/providers/Microsoft.ContainerInstance";
    let protected = Routes::new()
        .route(
            group,
            get(groups::get::handle)
                .put(groups::create_or_update::handle)
                .patch(groups::update::handle)
                .delete(groups::delete::handle),
        )
        .route(&in_group("providers/Microsoft.Insights/metrics"), get(metrics::list::handle))
        .route(
            &in_group("providers/Microsoft.Insights/metricDefinitions"),
            get(metrics::definitions::handle),
        )
        .route(&in_group("start"), post(groups::start::handle))
        .route(&in_group("stop"), post(groups::stop::handle))
        .route(&in_group("restart"), post(groups::restart::handle))
        .route(&in_group("containers/{container}/logs"), get(groups::logs::handle))
        .route(&in_group("containers/{container}/exec"), post(groups::exec::handle))
        .route(&in_group("containers/{container}/attach"), post(groups::attach::handle))
        .route(
            "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/\
             Microsoft.ContainerInstance/containerGroups",
            get(groups::list_by_resource_group::handle),
        )
        .route(&format!("{provider}/containerGroups"), get(groups::list_by_subscription::handle))
        .route(
            &format!("{provider}/locations/{{location}}/operations/{{operation}}"),
            get(operations::get::handle),
        )
        .route("/tenants", get(tenants::list::handle))
        .route("/subscriptions", get(subscriptions::list::handle))
        .route("/subscriptions/{subscription}", get(subscriptions::get::handle))
        .route("/subscriptions/{subscription}/resourceGroups", get(resource_groups::list::handle))
        .route(
            "/subscriptions/{subscription}/resourceGroups/{resource_group}",
            get(resource_groups::get::handle)
                .head(resource_groups::exists::handle)
                .put(resource_groups::create_or_update::handle)
                .patch(resource_groups::update::handle)
                .delete(resource_groups::delete::handle),
        )
        .merge(routes::all())
        .merge(authorization::routes())
        .route("/wharf/v1/images", get(images::list::handle))
        .route("/wharf/v1/images/inspect", get(images::inspect::handle))
        .route("/wharf/v1/images/pull", post(images::pull::handle))
        .route("/wharf/v1/images/pulls", get(images::pulls::handle))
        .route("/wharf/v1/images/export", get(images::export::handle))
        .route("/wharf/v1/images/import", post(images::import::handle))
        .route("/wharf/v1/images/prune", post(images::prune::handle))
        .route("/wharf/v1/usage", get(metrics::usage::handle))
        .route("/metrics", get(metrics::prometheus::handle))
        .route("/wharf/v1/watch", get(watch::handle))
        .route("/wharf/v1/dns", get(dns::handle))
        .route("/wharf/v1/doctor", get(doctor::handle));
    let (protected, protected_paths) = protected.into_parts();
    let (public, public_paths) = public::routes().into_parts();
    let table = json!({ "protected": protected_paths, "public": public_paths });
    let protected = protected
        .route("/wharf/v1/routes", get(move || std::future::ready(Json(table.clone()))))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .layer(from_fn_with_state(app.clone(), access::guard));
    public
        .merge(protected)
        .layer(from_fn(catch_panics))
        .layer(from_fn(drain::read_to_end))
        .layer(from_fn_with_state(app.clone(), headers::add))
        .with_state(app)
}

/// Gives a path its canonical casing. Must run before routing, hence around the router.
pub(crate) fn rewrite(mut request: Request) -> Request {
    let uri = request.uri();
    let path = canonical_path(uri.path());
    if path == uri.path() {
        return request;
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = format!("{path}{query}").parse().ok();
    if let Ok(rewritten) = Uri::from_parts(parts) {
        *request.uri_mut() = rewritten;
    }
    request
}

/// A panic costs one request, not the daemon.
async fn catch_panics(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    match std::panic::AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            ApiError(Error::internal(format!("a panic while serving {path}"))).into_response()
        }
    }
}

async fn not_found(request: Request) -> ApiError {
    let message = format!("No resource or operation is at '{}'.", request.uri().path());
    ApiError(Error::new(ErrorKind::NotFound, "ResourceNotFound", message))
}

async fn method_not_allowed(request: Request) -> ApiError {
    let message =
        format!("'{}' does not support the method {}.", request.uri().path(), request.method());
    ApiError(Error::new(ErrorKind::MethodNotAllowed, "MethodNotAllowed", message))
}
