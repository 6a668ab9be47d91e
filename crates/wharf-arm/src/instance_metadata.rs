//! What containers are told at `169.254.169.254`, as the instance metadata service of Azure tells it.

use serde_json::{Value, json};
use wharf_model::group::Group;

use crate::resource_id;

/// The facts about the asker's own group.
pub fn instance(group: &Group) -> Value {
    let tags: Value = serde_json::from_str(&group.tags).unwrap_or_else(|_| json!({}));
    let tag = |(name, value): (&String, &Value)| {
        (name.clone(), value.as_str().unwrap_or_default().to_owned())
    };
    let tags: Vec<_> = tags.as_object().into_iter().flatten().map(tag).collect();
    let joined: Vec<_> = tags.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    let list: Vec<_> =
        tags.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let own = group.address.map(|address| address.to_string()).unwrap_or_default();
    let private = group.private.as_ref().map(|place| place.address.to_string());
    let is_public = private.is_none() && group.spec.ip_address.is_some();
    let home = &group.key.resource_group;
    json!({
        "compute": {
            "azEnvironment": "Wharf",
            "location": group.location,
            "name": group.key.name.as_str(),
            "osType": "Linux",
            "provider": "Microsoft.ContainerInstance",
            "resourceGroupName": home.name.as_str(),
            "resourceId": resource_id::container_group(&group.key),
            "subscriptionId": home.subscription.as_str(),
            "tags": joined.join(";"),
            "tagsList": list,
        },
        "network": { "interface": [{ "ipv4": { "ipAddress": [{
            "privateIpAddress": private.as_ref().unwrap_or(&own),
            "publicIpAddress": if is_public { own.as_str() } else { "" },
        }] } }] },
    })
}

/// A refusal: `{"error","error_description"}`.
pub fn refusal(description: &str) -> Value {
    json!({ "error": "invalid_request", "error_description": description })
}
