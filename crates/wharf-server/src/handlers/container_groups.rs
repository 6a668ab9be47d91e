//! `Microsoft.ContainerInstance/containerGroups`.

use axum::{
    extract::Path,
    http::{HeaderMap, HeaderName, HeaderValue, header},
};
use serde::Deserialize;
use wharf_model::{
    ContainerName, Error, GroupKey, Name,
    group::{Group, Power},
    operation::Operation,
};

use crate::{app::App, http::Base};

pub(crate) mod attach;
pub(crate) mod create_or_update;
pub(crate) mod delete;
pub(crate) mod exec;
pub(crate) mod get;
mod host_ports;
pub(crate) mod identity;
pub(crate) mod list_by_resource_group;
pub(crate) mod list_by_subscription;
pub(crate) mod logs;
pub(crate) mod outbound_network_dependencies;
mod page;
pub(crate) mod restart;
pub(crate) mod start;
pub(crate) mod stop;
pub(crate) mod update;

/// The path of a container group.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct GroupPath {
    subscription: String,
    resource_group: String,
    group: String,
}

impl GroupPath {
    pub(crate) fn key(&self, app: &App) -> Result<GroupKey, Error> {
        let resource_group = app.resource_group(&self.subscription, &self.resource_group)?;
        Ok(GroupKey { resource_group, name: Name::new(&self.group) })
    }
}

type AtGroup = Path<GroupPath>;

/// The path of something of a container.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ContainerPath {
    subscription: String,
    resource_group: String,
    group: String,
    container: String,
}

impl ContainerPath {
    /// The group and the container in it, or the 404 that says which is missing.
    async fn find(&self, app: &App) -> Result<(Group, ContainerName), Error> {
        let resource_group = app.resource_group(&self.subscription, &self.resource_group)?;
        let key = GroupKey { resource_group, name: Name::new(&self.group) };
        let group = app.group(&key).await?;
        let name = ContainerName::parse(&self.container.to_ascii_lowercase())
            .filter(|name| group.spec.container(name).is_some())
            .ok_or_else(|| wharf_arm::error::container_not_found(&self.container, &key))?;
        Ok((group, name))
    }

    /// The same, if the container runs as far as is recorded.
    async fn find_running(&self, app: &App) -> Result<(Group, ContainerName), Error> {
        let (group, name) = self.find(app).await?;
        if group.power == Power::Stopped {
            return Err(wharf_model::change::stopped(&group));
        }
        if group.status.containers.get(&name).is_none_or(|status| !status.is_running()) {
            return Err(wharf_arm::exec::not_running(&self.container, &group.key));
        }
        Ok((group, name))
    }
}

/// Where to poll, and how soon: clients of Azure wait 30 s without a hint, and prefer
/// `Retry-After`, in whole seconds, over the hint in milliseconds (client-contract.md).
fn polling(
    app: &App,
    base: &Base,
    operation: &Operation,
    client: Option<&HeaderValue>,
) -> HeaderMap {
    let subscription = &operation.key.resource_group.subscription;
    let url =
        wharf_arm::operation::url(&base.0, subscription, &app.settings.location, &operation.id);
    let mut headers = retry_hint(client);
    if let Ok(url) = HeaderValue::from_str(&url) {
        headers.insert(HeaderName::from_static("azure-asyncoperation"), url);
    }
    headers
}

/// Terraform and other Go clients read only `Retry-After`; the Python and JavaScript ones know
/// milliseconds.
pub(super) fn retry_hint(client: Option<&HeaderValue>) -> HeaderMap {
    let agent = client.and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let mut headers = HeaderMap::new();
    if agent.contains("azsdk-go") || agent.contains("Terraform") || agent.contains("Go-http") {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    } else {
        let name = HeaderName::from_static("x-ms-retry-after-ms");
        headers.insert(name, HeaderValue::from_static("50"));
    }
    headers
}
