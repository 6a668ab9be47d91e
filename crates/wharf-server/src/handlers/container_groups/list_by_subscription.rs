//! GET all groups of a subscription, without instance views.

use axum::{
    extract::{Path, Query, State},
    http::Uri,
    response::Response,
};
use wharf_store::Filter;

use super::page::{Params, page};
use crate::{
    app::App,
    http::{ApiResult, Base, Version},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(subscription): Path<String>,
    Version(version): Version,
    Query(params): Query<Params>,
    base: Base,
    uri: Uri,
) -> ApiResult<Response> {
    let filter = Filter::Subscription(app.subscription(&subscription)?);
    Ok(page(&app, filter, &params, (&base, uri.path()), version).await?)
}
