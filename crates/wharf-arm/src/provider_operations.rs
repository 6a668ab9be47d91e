//! `GET /providers/Microsoft.ContainerInstance/operations`: what can be allowed to somebody.

use serde_json::{Value, json};

const OPERATIONS: &[(&str, &str, &str)] = &[
    ("containerGroups/read", "Container Group", "Get all container groups."),
    ("containerGroups/write", "Container Group", "Create or update a specific container group."),
    ("containerGroups/delete", "Container Group", "Delete the specific container group."),
    ("containerGroups/restart/action", "Container Group", "Restarts a specific container group."),
    ("containerGroups/stop/action", "Container Group", "Stops a specific container group."),
    ("containerGroups/start/action", "Container Group", "Starts a specific container group."),
    (
        "containerGroups/containers/logs/read",
        "Logs of a container",
        "Get logs for a specific container.",
    ),
    (
        "containerGroups/containers/exec/action",
        "Exec into a container",
        "Exec into a specific container.",
    ),
    (
        "containerGroups/containers/attach/action",
        "Attach to a container",
        "Attach to a specific container.",
    ),
    (
        "containerGroups/outboundNetworkDependenciesEndpoints/read",
        "Outbound network dependencies",
        "List the endpoints that a container group depends on.",
    ),
    ("containerGroupProfiles/read", "Container Group Profile", "Get all profiles."),
    ("containerGroupProfiles/write", "Container Group Profile", "Create or update a profile."),
    ("containerGroupProfiles/delete", "Container Group Profile", "Delete a profile."),
    (
        "containerGroupProfiles/revisions/read",
        "Revision of a Container Group Profile",
        "Get the revisions of a profile.",
    ),
    ("locations/usages/read", "Usage", "Get the usage for a specific region."),
    ("locations/capabilities/read", "Capabilities", "Get the capabilities of a region."),
    ("locations/cachedImages/read", "Cached Images", "Get the cached images of a region."),
    ("locations/operations/read", "Operation", "Get a long-running operation of a region."),
    (
        "serviceassociationlinks/delete",
        "Service Association Link",
        "Delete the service association link that container groups left in a subnet.",
    ),
    ("register/action", "Microsoft Container Instance", "Registers the subscription."),
];

/// The list.
pub fn render() -> Value {
    let entry = |(name, resource, description): &(&str, &str, &str)| {
        json!({
            "name": format!("Microsoft.ContainerInstance/{name}"),
            "display": {
                "provider": "Microsoft Container Instance",
                "resource": resource,
                "operation": description.trim_end_matches('.'),
                "description": description,
            },
            "origin": "User",
        })
    };
    json!({ "value": OPERATIONS.iter().map(entry).collect::<Vec<_>>() })
}
