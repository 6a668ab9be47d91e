//! `Microsoft.ContainerInstance/containerGroupProfiles`.

use axum::extract::Path;
use serde::Deserialize;
use serde_json::Value;
use wharf_arm::{
    ApiVersion,
    profile::{self, Bodies, PROFILE, Profile, Revision},
};
use wharf_model::{Error, Name, ResourceKey};
use wharf_store::Resource;

use crate::{app::App, deployments::Calls};

pub(crate) mod create_or_update;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod get_revision;
pub(crate) mod list_by_resource_group;
pub(crate) mod list_by_subscription;
pub(crate) mod list_revisions;
pub(crate) mod update;

/// The path of a profile.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ProfilePath {
    subscription: String,
    resource_group: String,
    profile: String,
}

type AtProfile = Path<ProfilePath>;

impl ProfilePath {
    fn key(&self, app: &App) -> Result<ResourceKey, Error> {
        let resource_group = app.resource_group(&self.subscription, &self.resource_group)?;
        let (kind, name) = (Name::from(PROFILE), Name::new(&self.profile));
        Ok(ResourceKey { resource_group, kind, name })
    }
}

/// The profile of that name, or the 404 that says so.
async fn find(app: &App, key: &ResourceKey) -> Result<(Resource, Profile), Error> {
    let found = app.found(key).await?;
    let record = record(&found)?;
    Ok((found, record))
}

fn record(resource: &Resource) -> Result<Profile, Error> {
    serde_json::from_str(&resource.content.document)
        .map_err(|error| Error::internal(format!("the record of {}: {error}", resource.key)))
}

fn bodies(resource: &Resource) -> Bodies {
    let secret = resource.content.secret.as_deref().unwrap_or_default();
    serde_json::from_slice(secret).unwrap_or_default()
}

fn document(
    resource: &Resource,
    profile: &Profile,
    revision: &Revision,
    version: ApiVersion,
) -> Value {
    let tags = serde_json::from_str(&resource.content.tags).unwrap_or_default();
    let place = (resource.content.location.as_str(), &tags);
    profile::render(&resource.key, place, profile, revision, version)
}

/// The document of the latest revision.
fn latest(resource: &Resource, version: ApiVersion) -> Result<Value, Error> {
    let profile = record(resource)?;
    let revision = profile.revision(None);
    let revision =
        revision.ok_or_else(|| Error::internal(format!("{} has no revision", resource.key)))?;
    Ok(document(resource, &profile, revision, version))
}

/// The body of a group with what its profile gives, and the profile's revision; `None` for a group
/// without one. Whoever asks must be allowed to read the profile.
pub(crate) async fn expand(
    app: &App,
    calls: &Calls,
    body: &Value,
    version: ApiVersion,
) -> Result<Option<(Value, profile::Reference, u32)>, Error> {
    let Some(reference) = profile::reference(body)? else { return Ok(None) };
    profile::check_version(version)?;
    let id = wharf_arm::resource_id::resource(&reference.key);
    calls.allowed(&id, version.as_str()).await?;
    let (resource, profile) = find(app, &reference.key).await?;
    let revision = profile.revision(reference.revision).ok_or_else(|| {
        let number = reference.revision.unwrap_or_default().to_string();
        profile::revision_not_found(&reference.key, &number)
    })?;
    let bodies = bodies(&resource);
    let kept = bodies
        .get(&revision.number)
        .ok_or_else(|| Error::internal(format!("{} lost a revision", resource.key)))?;
    let merged = profile::merge(body, revision, kept)?;
    Ok(Some((merged, reference, revision.number)))
}
