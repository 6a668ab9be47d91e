//! `Microsoft.Resources/deployments` of a resource group.

use axum::extract::Path;
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_arm::{
    deployment::{Deployment, Parsed},
    resource_id,
    template::{Context, DEPLOYMENT, Template},
};
use wharf_model::{Error, Name, ResourceKey};
use wharf_store::Resource;

use crate::{app::App, deployments};

pub(crate) mod cancel;
pub(crate) mod create_or_update;
pub(crate) mod delete;
pub(crate) mod exists;
pub(crate) mod export_template;
pub(crate) mod get;
pub(crate) mod get_operation_status;
pub(crate) mod list_by_resource_group;
pub(crate) mod list_by_subscription;
pub(crate) mod list_operations;
pub(crate) mod validate;
pub(crate) mod what_if;

/// The path of a deployment.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct DeploymentPath {
    subscription: String,
    resource_group: String,
    deployment: String,
}

type AtDeployment = Path<DeploymentPath>;

impl DeploymentPath {
    fn key(&self, app: &App) -> Result<ResourceKey, Error> {
        let resource_group = app.resource_group(&self.subscription, &self.resource_group)?;
        let (kind, name) = (Name::from(DEPLOYMENT), Name::new(&self.deployment));
        Ok(ResourceKey { resource_group, kind, name })
    }
}

/// The deployment of that name with its record, or the 404 that says so.
async fn find(app: &App, key: &ResourceKey) -> Result<(Resource, Deployment), Error> {
    let found = app.resource(key).await?.ok_or_else(|| wharf_arm::deployment::not_found(key))?;
    let record = deployments::record(&found)?;
    Ok((found, record))
}

/// The document of a stored deployment.
fn document(app: &App, resource: &Resource) -> Result<Value, Error> {
    let record = deployments::record(resource)?;
    let tags = serde_json::from_str(&resource.content.tags).unwrap_or_default();
    Ok(wharf_arm::deployment::render(&resource.key, &record, &tags, app.clock.now()))
}

/// Reads the template of a request, in its resource group, and plans its resources.
async fn plan(app: &App, key: &ResourceKey, parsed: &Parsed) -> Result<Template, Error> {
    wharf_arm::deployment::check_name(key.name.as_str())?;
    let home = key.resource_group.clone();
    let home = app
        .read(move |store| store.resource_group(&home))
        .await?
        .ok_or_else(|| wharf_arm::error::resource_group_not_found(&key.resource_group))?;
    let subscription = super::subscriptions::document(&app.settings);
    let mut deployment = json!({
        "name": key.name.as_str(),
        "properties": {
            "template": parsed.template,
            "parameters": {},
            "mode": "Incremental",
            "provisioningState": "Accepted",
        },
    });
    deployment["id"] = json!(resource_id::resource(key));
    let suffix = &app.settings.render.dns_suffix;
    let context = Context {
        resource_group: super::resource_groups::document(&home),
        tenant: json!({ "tenantId": app.settings.tenant, "displayName": "Wharf" }),
        environment: json!({ "name": "Wharf", "suffixes": {
            "storage": super::metadata::endpoints::storage(&app.settings.address, suffix),
        } }),
        subscription,
        deployment,
        now: app.clock.now(),
        seed: uuid::Uuid::new_v4(),
    };
    let template = Template::new(&parsed.template, &parsed.parameters, context)?;
    for planned in template.resources() {
        wharf_arm::provider::check_type(&planned.kind)?;
    }
    Ok(template)
}
