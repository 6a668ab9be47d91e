//! GET how much of the host is used: groups against addresses, and cores that running groups ask
//! for against the host's.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use wharf_arm::location::{Usage, normalise};
use wharf_model::group::{Group, Power};
use wharf_store::Filter;

use crate::{
    app::App,
    http::{ApiResult, Version},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path((subscription, location)): Path<(String, String)>,
    Version(_): Version,
) -> ApiResult<Response> {
    let subscription = app.subscription(&subscription)?;
    let filter = Filter::Subscription(subscription.clone());
    let groups = app.read(move |store| store.list_groups(&filter, None, u32::MAX)).await?;
    let addresses = app.store.address_count();
    let location = normalise(&location);
    let usages = [
        Usage {
            name: "ContainerGroups",
            display_name: "Container Groups",
            current: groups.len() as u64,
            limit: app.settings.capacity.groups.map_or(addresses, |quota| quota.min(addresses)),
        },
        Usage {
            name: "StandardCores",
            display_name: "Standard Cores",
            current: cores(&groups),
            limit: app
                .settings
                .capacity
                .cores
                .unwrap_or(app.settings.capacity.host.cpu_millis / 1000),
        },
    ];
    let documents: Vec<_> =
        usages.iter().map(|usage| usage.render(&subscription, &location)).collect();
    Ok(Json(wharf_arm::list::page(&documents, None)).into_response())
}

/// Cores that running groups ask for, the last one begun counted whole.
fn cores(groups: &[Group]) -> u64 {
    let running = groups.iter().filter(|group| group.power == Power::Running);
    let requests = running.flat_map(|group| &group.spec.containers).filter_map(|c| c.resources);
    let millis: u64 = requests.map(|resources| u64::from(resources.requests.cpu_millis)).sum();
    millis.div_ceil(1000)
}
