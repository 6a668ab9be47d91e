//! ARM resource ids in their canonical casing (operations.md A.2).

use wharf_model::{GroupKey, Name, ResourceGroupKey, ResourceKey};

/// The type of a container group.
pub const CONTAINER_GROUP: &str = "Microsoft.ContainerInstance/containerGroups";

/// The id of a resource group.
pub fn resource_group(key: &ResourceGroupKey) -> String {
    format!("/subscriptions/{}/resourceGroups/{}", key.subscription, key.name)
}

/// The id of a container group.
pub fn container_group(key: &GroupKey) -> String {
    format!("{}/providers/{CONTAINER_GROUP}/{}", resource_group(&key.resource_group), key.name)
}

/// The id of a resource of any type: `ns/a/b` named `x/y` is at `ns/a/x/b/y`.
pub fn resource(key: &ResourceKey) -> String {
    let (namespace, kinds) = key.kind.as_str().split_once('/').unwrap_or((key.kind.as_str(), ""));
    let mut id = format!("{}/providers/{namespace}", resource_group(&key.resource_group));
    for (kind, name) in kinds.split('/').zip(key.name.as_str().split('/')) {
        id.push('/');
        id.push_str(kind);
        id.push('/');
        id.push_str(name);
    }
    id
}

/// The resource that an id names; `None` when it is not the id of a resource in a resource group.
pub fn parse(id: &str) -> Option<ResourceKey> {
    let parts: Vec<&str> = id.strip_prefix('/')?.split('/').collect();
    let [subscriptions, subscription, groups, group, providers, namespace, rest @ ..] =
        parts.as_slice()
    else {
        return None;
    };
    let is_whole = subscriptions.eq_ignore_ascii_case("subscriptions")
        && groups.eq_ignore_ascii_case("resourceGroups")
        && providers.eq_ignore_ascii_case("providers")
        && !rest.is_empty()
        && rest.len().is_multiple_of(2)
        && parts.iter().all(|part| !part.is_empty());
    if !is_whole {
        return None;
    }
    let every_second = |from: usize| rest.iter().skip(from).step_by(2).copied();
    let kinds: Vec<&str> = std::iter::once(*namespace).chain(every_second(0)).collect();
    let names: Vec<&str> = every_second(1).collect();
    Some(ResourceKey {
        resource_group: ResourceGroupKey {
            subscription: Name::from(*subscription),
            name: Name::from(*group),
        },
        kind: Name::new(kinds.join("/")),
        name: Name::new(names.join("/")),
    })
}

/// Path segments with a fixed spelling, which requests write in any case.
const SEGMENTS: &[&str] = &[
    "subscriptions",
    "resourceGroups",
    "providers",
    "Microsoft.ContainerInstance",
    "Microsoft.Resources",
    "Microsoft.Network",
    "Microsoft.Authorization",
    "permissions",
    "roleAssignments",
    "roleDefinitions",
    "Microsoft.Insights",
    "Microsoft.ManagedIdentity",
    "userAssignedIdentities",
    "containerGroups",
    "containerGroupProfiles",
    "revisions",
    "usages",
    "capabilities",
    "cachedImages",
    "outboundNetworkDependenciesEndpoints",
    "serviceAssociationLinks",
    "virtualNetworks",
    "subnets",
    "Microsoft.Storage",
    "storageAccounts",
    "fileServices",
    "shares",
    "listKeys",
    "regenerateKey",
    "checkNameAvailability",
    "CheckDnsNameAvailability",
    "Microsoft.ContainerRegistry",
    "registries",
    "listCredentials",
    "listUsages",
    "regenerateCredential",
    "networkSecurityGroups",
    "securityRules",
    "defaultSecurityRules",
    "resources",
    "register",
    "unregister",
    "deployments",
    "operationStatuses",
    "validate",
    "whatIf",
    "exportTemplate",
    "cancel",
    "containers",
    "locations",
    "operations",
    "operationResults",
    "Microsoft.Insights",
    "metrics",
    "metricDefinitions",
    "logs",
    "exec",
    "attach",
    "start",
    "stop",
    "restart",
    "tenants",
];

/// The path with single slashes and the fixed segments in canonical casing. Names, which sit at
/// every second place, are left as they are.
pub fn canonical_path(path: &str) -> String {
    let mut canonical = String::with_capacity(path.len());
    let mut is_name = false;
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        let fixed = SEGMENTS.iter().find(|known| known.eq_ignore_ascii_case(segment));
        canonical.push('/');
        match fixed {
            // A name may be spelled like a segment: what follows a segment that takes one is it.
            Some(fixed) if !is_name => {
                canonical.push_str(fixed);
                is_name = takes_name(fixed);
            }
            _ => {
                canonical.push_str(segment);
                is_name = false;
            }
        }
    }
    if canonical.is_empty() { "/".to_owned() } else { canonical }
}

fn takes_name(segment: &str) -> bool {
    matches!(
        segment,
        "subscriptions"
            | "resourceGroups"
            | "containerGroups"
            | "containerGroupProfiles"
            | "revisions"
            | "deployments"
            | "operationStatuses"
            | "serviceAssociationLinks"
            | "virtualNetworks"
            | "subnets"
            | "storageAccounts"
            | "registries"
            | "fileServices"
            | "shares"
            | "networkSecurityGroups"
            | "securityRules"
            | "defaultSecurityRules"
            | "containers"
            | "locations"
            | "operations"
            | "operationResults"
            | "roleAssignments"
            | "roleDefinitions"
            | "userAssignedIdentities"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_without_regard_to_case_and_names_are_kept() {
        assert_eq!(
            canonical_path(
                "/SUBSCRIPTIONS/Abc/resourcegroups/Stop/providers/microsoft.containerinstance//\
                 containergroups/Logs/CONTAINERS/Start/Logs"
            ),
            "/subscriptions/Abc/resourceGroups/Stop/providers/Microsoft.ContainerInstance/\
             containerGroups/Logs/containers/Start/logs"
        );
        assert_eq!(canonical_path("//"), "/");
    }

    #[test]
    fn ids_are_read_as_they_are_written() {
        let text = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/\
                    subnets/a";
        let key = parse(text).unwrap();
        assert_eq!(key.kind.as_str(), "Microsoft.Network/virtualNetworks/subnets");
        assert_eq!(key.name.as_str(), "v/a");
        assert_eq!(resource(&key), text);
        assert_eq!(parse(&text.to_uppercase()), Some(key));
        for bad in ["", "/", "x", "/subscriptions/s/resourceGroups/g", "/a/s/b/g/c/n/t/x"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
