//! PUT: 201 for a new group, 200 for one that was there (operations.md A.4).

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use wharf_model::{
    Error, GroupKey, backend::Backend as _, capacity, change, security, spec::GroupSpec,
};

use super::{AtGroup, host_ports, identity, polling};
use crate::{
    app::App,
    auth::Caller,
    deployments::Calls,
    dns_label,
    handlers::{profiles, subnets},
    http::{ApiResult, Base, Body, Version},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtGroup,
    Version(version): Version,
    Extension(caller): Extension<Caller>,
    (base, calls, headers): (Base, Calls, HeaderMap),
    Body(body): Body,
) -> ApiResult<Response> {
    let key = path.key(&app)?;
    let made_from = profiles::expand(&app, &calls, &body, version).await?;
    let body = made_from.as_ref().map_or(&body, |(merged, ..)| merged);
    let mut proposal = wharf_arm::container_group::parse(body, &key, version)?;
    if let Some((_, profile, revision)) = &made_from {
        proposal.document = wharf_arm::profile::mark(&proposal.document, profile, *revision);
        wharf_arm::profile::mount_config_maps(body, &mut proposal.spec)?;
    }
    security::check(&proposal.spec, &app.settings.security)?;
    if let Some(address) = &mut proposal.spec.ip_address {
        address.dns_label_hash =
            dns_label::hash(address.dns_label_scope, &app.settings.tenant, &key);
    }
    // A missing resource group is told before anything slow is done.
    let home = &key.resource_group;
    app.scope(home.subscription.as_str(), Some(home.name.as_str())).await?;
    if let Some(subnet) = &proposal.spec.subnet {
        subnets::check_may_join(&app, &caller, &key, subnet).await?;
    }
    check_capacity(&app, &proposal.location, &proposal.spec)?;
    host_ports::check(&app, &key, &proposal.spec).await?;
    // Only who may assign an identity can make Wharf use it.
    let assigned = identity::assigned(&app, &caller, &key, body, &mut proposal).await?;
    // Until the group is in the store nothing else says that its images are in use.
    let names: Vec<String> = proposal.spec.all_containers().map(|c| c.image.clone()).collect();
    let _kept = app.images.keep(names.iter().map(String::as_str));
    check_images(&app, &key, &proposal.spec).await?;
    identity::attach(&app, &key, assigned.as_ref(), &mut proposal).await?;
    let accepted = app.accept(&key, move |current| change::put(current, proposal)).await;
    identity::tidy(&app, &key, body).await?;
    let accepted = accepted?;
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

/// A group that asks for more than the whole host is told before anything slow is done; what others
/// have reserved counts in the transaction that accepts it.
fn check_capacity(app: &App, location: &str, spec: &GroupSpec) -> Result<(), Error> {
    let nobody = capacity::Total::default();
    capacity::check(&app.settings.capacity, nobody, capacity::requests(spec), location)
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
