//! Resource providers: which types there are, in which versions (`/providers`).
//!
//! Clients take the first version that is no preview for generic requests (`az resource`), so the
//! list is newest first.

use serde_json::{Value, json};
use wharf_model::{Error, ErrorKind, Name};

use crate::{api_version, location::Location};

/// A resource type of a namespace.
#[derive(Clone, Copy, Debug)]
struct Type {
    name: &'static str,
    /// Oldest first; empty for those of `Microsoft.ContainerInstance`.
    versions: &'static [&'static str],
    /// Whether its resources have a place.
    is_regional: bool,
}

/// A namespace and its types.
#[derive(Clone, Copy, Debug)]
pub struct Provider {
    /// Such as `Microsoft.ContainerInstance`.
    pub namespace: &'static str,
    types: &'static [Type],
}

const RESOURCES: &[&str] = &[
    "2016-06-01",
    "2018-05-01",
    "2019-10-01",
    "2020-06-01",
    "2020-10-01",
    "2021-01-01",
    "2021-04-01",
    "2022-09-01",
    "2022-12-01",
    "2023-07-01",
    "2024-03-01",
    "2024-11-01",
    "2025-04-01",
];

const NETWORK: &[&str] = &[
    "2018-11-01",
    "2019-11-01",
    "2020-11-01",
    "2021-05-01",
    "2022-01-01",
    "2022-07-01",
    "2023-04-01",
    "2023-09-01",
    "2023-11-01",
    "2024-01-01",
    "2024-05-01",
    "2024-07-01",
    "2025-01-01",
    "2025-07-01",
];

const STORAGE: &[&str] = &[
    "2018-11-01",
    "2019-04-01",
    "2019-06-01",
    "2021-01-01",
    "2021-04-01",
    "2021-09-01",
    "2022-05-01",
    "2022-09-01",
    "2023-01-01",
    "2023-05-01",
    "2024-01-01",
    "2025-01-01",
    "2025-06-01",
    "2025-08-01",
];

const REGISTRY: &[&str] = &[
    "2019-05-01",
    "2021-09-01",
    "2022-12-01",
    "2023-07-01",
    "2025-04-01",
    "2025-11-01",
    "2026-09-01-preview",
];

const fn regional(name: &'static str, versions: &'static [&'static str]) -> Type {
    Type { name, versions, is_regional: true }
}

const fn global(name: &'static str, versions: &'static [&'static str]) -> Type {
    Type { name, versions, is_regional: false }
}

/// What this Wharf has.
pub const PROVIDERS: &[Provider] = &[
    Provider {
        namespace: "Microsoft.ContainerInstance",
        types: &[
            regional("containerGroups", api_version::CONTAINER_INSTANCE),
            regional("containerGroupProfiles", api_version::PROFILES),
            regional("locations", api_version::CONTAINER_INSTANCE),
            regional("locations/capabilities", api_version::CONTAINER_INSTANCE),
            regional("locations/cachedImages", api_version::CONTAINER_INSTANCE),
            regional("locations/usages", api_version::CONTAINER_INSTANCE),
            regional("locations/operations", api_version::CONTAINER_INSTANCE),
            global("serviceAssociationLinks", api_version::CONTAINER_INSTANCE),
            global("operations", api_version::CONTAINER_INSTANCE),
        ],
    },
    Provider {
        namespace: "Microsoft.ContainerRegistry",
        types: &[regional("registries", REGISTRY), global("checkNameAvailability", REGISTRY)],
    },
    Provider {
        namespace: "Microsoft.Resources",
        types: &[
            global("deployments", RESOURCES),
            global("deployments/operations", RESOURCES),
            global("locations", RESOURCES),
            global("providers", RESOURCES),
            global("resourceGroups", RESOURCES),
            global("resources", RESOURCES),
            global("subscriptions", RESOURCES),
            global("subscriptions/resourceGroups", RESOURCES),
            global("tenants", RESOURCES),
        ],
    },
    Provider {
        namespace: "Microsoft.ManagedIdentity",
        types: &[regional(
            "userAssignedIdentities",
            &["2018-11-30", "2023-01-31", "2024-11-30", "2025-05-31-preview"],
        )],
    },
    Provider {
        namespace: "Microsoft.Network",
        types: &[
            regional("virtualNetworks", NETWORK),
            regional("virtualNetworks/subnets", NETWORK),
            regional("networkSecurityGroups", NETWORK),
            regional("networkSecurityGroups/securityRules", NETWORK),
            regional("locations/CheckDnsNameAvailability", NETWORK),
        ],
    },
    Provider {
        namespace: "Microsoft.Storage",
        types: &[
            regional("storageAccounts", STORAGE),
            regional("storageAccounts/fileServices", STORAGE),
            regional("storageAccounts/fileServices/shares", STORAGE),
            global("checkNameAvailability", STORAGE),
        ],
    },
    Provider {
        namespace: "Microsoft.Authorization",
        types: &[
            global("roleAssignments", &["2015-07-01", "2018-01-01-preview", "2022-04-01"]),
            global("roleDefinitions", &["2015-07-01", "2018-01-01-preview", "2022-04-01"]),
        ],
    },
];

/// The provider of a namespace, in any case.
pub fn find(namespace: &str) -> Result<&'static Provider, Error> {
    let found = PROVIDERS.iter().find(|known| known.namespace.eq_ignore_ascii_case(namespace));
    found.ok_or_else(|| {
        let message = format!("The resource namespace '{namespace}' is invalid.");
        Error::new(ErrorKind::NotFound, "InvalidResourceNamespace", message)
    })
}

/// Whether there are resources of a type such as `Microsoft.ContainerInstance/containerGroups`.
pub fn check_type(kind: &str) -> Result<(), Error> {
    let (namespace, name) = kind.split_once('/').unwrap_or((kind, ""));
    let provider = find(namespace)?;
    if provider.types.iter().any(|known| known.name.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    let message = format!(
        "The resource type '{name}' could not be found in the namespace '{}'.",
        provider.namespace
    );
    Err(Error::invalid("InvalidResourceType", message, "type"))
}

/// The newest version of a type such as `Microsoft.ContainerInstance/containerGroups` that is no
/// preview.
pub fn newest_version(kind: &str) -> Option<&'static str> {
    let (namespace, name) = kind.split_once('/')?;
    let types = find(namespace).ok()?.types;
    let found = types.iter().find(|known| known.name.eq_ignore_ascii_case(name))?;
    found.versions.iter().rev().find(|version| !version.ends_with("preview")).copied()
}

/// Providers are part of the daemon.
pub fn not_unregistered(provider: &Provider) -> Error {
    let message = format!(
        "The resource provider '{}' is built into Wharf and is always registered.",
        provider.namespace
    );
    Error::new(ErrorKind::Conflict, "ProviderCannotBeUnregistered", message)
}

/// The document of a provider; of a subscription, or of all.
pub fn render(provider: &Provider, subscription: Option<&Name>, location: &Location) -> Value {
    let types: Vec<Value> = provider.types.iter().map(|kind| render_type(kind, location)).collect();
    let scope = subscription.map(|id| format!("/subscriptions/{id}")).unwrap_or_default();
    let mut document = json!({
        "id": format!("{scope}/providers/{}", provider.namespace),
        "namespace": provider.namespace,
        "resourceTypes": types,
    });
    if subscription.is_some() {
        document["registrationPolicy"] = json!("RegistrationFree");
        document["registrationState"] = json!("Registered");
    }
    document
}

fn render_type(kind: &Type, location: &Location) -> Value {
    let versions: Vec<&str> = kind.versions.iter().rev().copied().collect();
    let locations: Vec<String> =
        if kind.is_regional { vec![location.display_name()] } else { Vec::new() };
    let default = versions.iter().find(|version| !version.ends_with("preview"));
    json!({
        "resourceType": kind.name,
        "locations": locations,
        "apiVersions": versions,
        "defaultApiVersion": default,
        "capabilities": "None",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_newest_first_and_types_are_found_in_any_case() {
        let location = Location::new("West US");
        let provider = find("microsoft.containerinstance").unwrap();
        let document = render(provider, Some(&Name::new("s")), &location);
        assert_eq!(document["id"], "/subscriptions/s/providers/Microsoft.ContainerInstance");
        let groups = &document["resourceTypes"][0];
        assert_eq!(groups["resourceType"], "containerGroups");
        assert_eq!(groups["apiVersions"][0], "2025-09-01");
        assert_eq!(groups["locations"], json!(["West US"]));
        let newest = newest_version("microsoft.resources/DEPLOYMENTS");
        assert_eq!(newest, Some("2025-04-01"));
        assert_eq!(find("Microsoft.Nothing").unwrap_err().code, "InvalidResourceNamespace");
        for provider in PROVIDERS {
            for kind in provider.types {
                let mut sorted = kind.versions.to_vec();
                sorted.sort_unstable();
                assert_eq!(sorted, kind.versions, "{}", kind.name);
            }
        }
    }
}
