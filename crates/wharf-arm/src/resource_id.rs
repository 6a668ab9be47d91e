//! ARM resource ids in their canonical casing (operations.md A.2).

use wharf_model::{GroupKey, ResourceGroupKey};

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

/// Path segments with a fixed spelling, which requests write in any case.
const SEGMENTS: &[&str] = &[
    "subscriptions",
    "resourceGroups",
    "providers",
    "Microsoft.ContainerInstance",
    "containerGroups",
    "containers",
    "locations",
    "operations",
    "operationResults",
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
            | "containers"
            | "locations"
            | "operations"
            | "operationResults"
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
}
