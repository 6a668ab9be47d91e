//! PUT: 201 for a new group, 200 for one that was there (operations.md A.4).

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use wharf_model::{
    Error, GroupKey,
    backend::Backend as _,
    change,
    spec::{Amount, GroupSpec},
};

use super::{AtGroup, polling};
use crate::{
    app::App,
    deployments::Calls,
    handlers::profiles,
    http::{ApiResult, Base, Body, Version},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtGroup,
    Version(version): Version,
    (base, calls): (Base, Calls),
    headers: HeaderMap,
    Body(body): Body,
) -> ApiResult<Response> {
    let key = path.key(&app)?;
    let made_from = profiles::expand(&app, &calls, &body, version).await?;
    let body = made_from.as_ref().map_or(&body, |(merged, ..)| merged);
    let mut proposal = wharf_arm::container_group::parse(body, &key, version)?;
    if let Some((_, profile, revision)) = &made_from {
        proposal.document = wharf_arm::profile::mark(&proposal.document, profile, *revision);
    }
    check_home(&app, &key).await?;
    check_capacity(&app, &proposal.location, &proposal.spec)?;
    check_images(&app, &key, &proposal.spec).await?;
    let accepted = app.accept(&key, move |current| change::put(current, proposal)).await?;
    let document = app.document(&accepted.group, version).await?;
    let status = if accepted.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let Some(operation) = accepted.operation else {
        return Ok((status, Json(document)).into_response());
    };
    // With its images here a group is up before the client's first look, which comes at once.
    let (id, generation) = (&accepted.group.id, accepted.group.generation);
    app.controller.wait_settled(id, generation, app.settings.hold).await;
    let polling = polling(&app, &base, &operation, headers.get(header::USER_AGENT));
    Ok((status, polling, Json(document)).into_response())
}

/// A missing resource group is told before anything slow is done.
async fn check_home(app: &App, key: &GroupKey) -> Result<(), Error> {
    let wanted = key.resource_group.clone();
    match app.read(move |store| store.resource_group(&wanted)).await? {
        Some(_) => Ok(()),
        None => Err(wharf_arm::error::resource_group_not_found(&key.resource_group)),
    }
}

/// One group that asks for more than the whole host is refused; what others use does not count.
fn check_capacity(app: &App, location: &str, spec: &GroupSpec) -> Result<(), Error> {
    let requests = spec.containers.iter().filter_map(|c| c.resources).map(|r| r.requests);
    let total = requests.fold(Amount { cpu_millis: 0, memory_bytes: 0 }, |sum, one| Amount {
        cpu_millis: sum.cpu_millis.saturating_add(one.cpu_millis),
        memory_bytes: sum.memory_bytes.saturating_add(one.memory_bytes),
    });
    let (cpu_millis, memory_bytes) = app.settings.capacity;
    if total.cpu_millis > cpu_millis || total.memory_bytes > memory_bytes {
        return Err(wharf_arm::error::too_big(location, total.cpu_millis, total.memory_bytes));
    }
    Ok(())
}

/// Every image must be here or be offered by its registry (semantics.md §6).
async fn check_images(app: &App, key: &GroupKey, spec: &GroupSpec) -> Result<(), Error> {
    let mut images: Vec<&str> = spec.all_containers().map(|c| c.image.as_str()).collect();
    images.sort_unstable();
    images.dedup();
    let backend = app.controller.backend();
    let checks = images.into_iter().map(|image| async move {
        backend
            .check_image(image, &spec.registry_credentials)
            .await
            .map_err(|refusal| wharf_arm::error::image_refused(&refusal, key))
    });
    futures::future::try_join_all(checks).await.map(drop)
}
