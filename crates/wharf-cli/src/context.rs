//! What every command works with: the client, the output, and the names that flags leave out.

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use wharf_model::clock::{Clock, SystemClock};

use crate::{
    args::Globals,
    client::{Client, escape},
    error::CliError,
    output::Output,
};

/// Version of `Microsoft.Resources`.
const RESOURCES: &str = "2024-11-01";
/// The resource group when none is named.
const DEFAULT_GROUP: &str = "default";
/// The region of a daemon that nobody configured one for.
const UNCONFIGURED_LOCATION: &str = "local";

/// The surroundings of one command.
#[derive(Debug)]
pub(crate) struct Context {
    /// Flags of every command.
    pub(crate) globals: Globals,
    /// Where data go.
    pub(crate) output: Output,
    client: OnceCell<Client>,
    subscription: OnceCell<String>,
    clock: SystemClock,
}

impl Context {
    /// Connects to nothing yet.
    pub(crate) fn new(globals: Globals) -> Self {
        let output = Output { format: globals.output, query: globals.query.clone() };
        let (client, subscription) = (OnceCell::new(), OnceCell::new());
        Self { globals, output, client, subscription, clock: SystemClock }
    }

    /// The client, made on first use.
    pub(crate) async fn client(&self) -> Result<&Client, CliError> {
        self.client.get_or_try_init(|| async { Client::new(&self.globals) }).await
    }

    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Name of the resource group.
    pub(crate) fn resource_group(&self) -> &str {
        self.globals.resource_group.as_deref().unwrap_or(DEFAULT_GROUP)
    }

    /// The subscription in use.
    pub(crate) async fn subscription(&self) -> Result<&str, CliError> {
        let found = self.subscription.get_or_try_init(|| async {
            if let Some(id) = &self.globals.subscription {
                return Ok(id.clone());
            }
            let path = "/subscriptions?api-version=2022-12-01";
            let list = self.client().await?.get(path).await?;
            list.pointer("/value/0/subscriptionId")
                .and_then(Value::as_str)
                .map(str::to_owned)
                .ok_or_else(|| CliError::NotFound("the daemon lists no subscription".into()))
        });
        found.await.map(String::as_str)
    }

    /// Path of all container groups of the resource group that was named, else of the subscription.
    pub(crate) async fn groups_path(&self) -> Result<String, CliError> {
        let scope = match &self.globals.resource_group {
            Some(_) => self.resource_group_path().await?,
            None => format!("/subscriptions/{}", escape(self.subscription().await?)),
        };
        Ok(format!("{scope}/providers/Microsoft.ContainerInstance/containerGroups"))
    }

    /// Path of a container group, without a query.
    pub(crate) async fn group_path(&self, name: &str) -> Result<String, CliError> {
        let scope = self.resource_group_path().await?;
        let name = escape(name);
        Ok(format!("{scope}/providers/Microsoft.ContainerInstance/containerGroups/{name}"))
    }

    /// Path of the resource group, which is its id.
    pub(crate) async fn resource_group_path(&self) -> Result<String, CliError> {
        let subscription = escape(self.subscription().await?);
        let group = escape(self.resource_group());
        Ok(format!("/subscriptions/{subscription}/resourceGroups/{group}"))
    }

    /// A container group.
    pub(crate) async fn group(&self, name: &str) -> Result<Value, CliError> {
        let path = self.group_path(name).await?;
        self.client().await?.get(&versioned(&path)).await
    }

    /// Makes the resource group when there is none and returns its location.
    pub(crate) async fn ensure_resource_group(
        &self,
        location: Option<&str>,
    ) -> Result<String, CliError> {
        let client = self.client().await?;
        let path = format!("{}?api-version={RESOURCES}", self.resource_group_path().await?);
        let group = match client.get(&path).await {
            Err(error) if error.is_code("ResourceGroupNotFound") => {
                let location = match location {
                    Some(location) => location.to_owned(),
                    None => self.default_location().await?,
                };
                client.put(&path, &json!({ "location": location })).await?.body
            }
            other => other?,
        };
        group.get("location").and_then(Value::as_str).map(str::to_owned).ok_or_else(|| {
            CliError::Internal(format!(
                "resource group '{}' has no location",
                self.resource_group()
            ))
        })
    }

    /// The region that the daemon names first is its own; one that names none has the region it
    /// has when nobody configures one.
    async fn default_location(&self) -> Result<String, CliError> {
        let subscription = escape(self.subscription().await?);
        let path = format!("/subscriptions/{subscription}/locations?api-version=2022-12-01");
        let list = match self.client().await?.get(&path).await {
            Err(error) if error.is_not_found() => Value::Null,
            other => other?,
        };
        let name = list.pointer("/value/0/name").and_then(Value::as_str);
        Ok(name.unwrap_or(UNCONFIGURED_LOCATION).to_owned())
    }

    /// The flags that a suggested command needs to reach the same group.
    pub(crate) fn flags_for_suggestions(&self) -> String {
        let group = self.globals.resource_group.as_deref().filter(|group| *group != DEFAULT_GROUP);
        group.map(|group| format!(" -g {group}")).unwrap_or_default()
    }
}

/// A path of container groups with the version that this client speaks.
pub(crate) fn versioned(path: &str) -> String {
    format!("{path}?api-version={}", wharf_arm::ApiVersion::LATEST.as_str())
}
