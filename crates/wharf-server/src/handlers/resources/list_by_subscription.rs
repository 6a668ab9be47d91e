//! GET all resources of a subscription.

use axum::{
    extract::{Path, Query, State},
    http::Uri,
    response::Response,
};
use wharf_store::Filter;

use super::{Params, page};
use crate::{
    app::App,
    http::{ApiResult, Base, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(subscription): Path<String>,
    _: ResourcesVersion,
    Query(params): Query<Params>,
    base: Base,
    uri: Uri,
) -> ApiResult<Response> {
    let scope = Filter::Subscription(app.subscription(&subscription)?);
    Ok(page(&app, scope, &params, (&base, &uri)).await?)
}
