//! `Microsoft.ContainerRegistry/registries`: registries of one's own.
//!
//! What has an effect here is checked; switches without one are told back; what would promise
//! something that Wharf does not do is refused by name.

pub mod credentials;

use serde_json::{Map, Value, json};
use wharf_model::{Error, ErrorKind, ResourceKey};

use crate::{
    container_group::unsupported, location, name_availability, node::Node, resource_group,
    resource_id, time,
};

/// The type of a registry.
pub const REGISTRY: &str = "Microsoft.ContainerRegistry/registries";

const SKUS: [&str; 3] = ["Basic", "Standard", "Premium"];

/// Told back as they were sent.
const ECHOED: [&str; 6] = [
    "publicNetworkAccess",
    "networkRuleBypassOptions",
    "zoneRedundancy",
    "metadataSearch",
    "roleAssignmentMode",
    "networkRuleBypassAllowedForTasks",
];

/// Refused unless they are off, and why.
const REFUSED: [(&str, &str); 3] = [
    ("anonymousPullEnabled", "whoever pulls has to log in"),
    ("dataEndpointEnabled", "blobs come from the login server"),
    ("encryption", "blobs are kept as they were sent"),
];

/// 5 to 50 letters and digits.
pub fn check_name(name: &str) -> Result<(), Error> {
    match complaint(name) {
        None => Ok(()),
        Some(message) => Err(Error::invalid("InvalidResourceName", message, "registryName")),
    }
}

fn complaint(name: &str) -> Option<String> {
    if (5..=50).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    Some(format!(
        "The registry name {name} is invalid: it must have 5 to 50 characters, letters and digits only."
    ))
}

/// Another registry has the name, in whichever resource group.
pub fn already_taken(name: &str) -> Error {
    let message = format!("The registry {name} is already in use.");
    Error::new(ErrorKind::Conflict, "AlreadyInUse", message)
}

/// Whether a name can be had.
pub fn availability(name: &str, is_taken: bool) -> Value {
    let taken = || is_taken.then(|| ("AlreadyExists", already_taken(name).message));
    let invalid = complaint(name).map(|message| ("Invalid", message));
    name_availability::answer(invalid.or_else(taken))
}

/// A validated PUT or PATCH body.
#[derive(Clone, Debug)]
pub struct Parsed {
    location: Option<String>,
    tags: Option<String>,
    sku: Option<&'static str>,
    admin: Option<bool>,
    switches: Map<String, Value>,
}

/// Reads the body of a PUT.
pub fn parse(body: &Value) -> Result<Parsed, Error> {
    let parsed = parse_patch(body)?;
    if parsed.location.is_none() {
        let message = "The location property is required for this definition.";
        return Err(Error::invalid("LocationRequired", message, "location"));
    }
    Node::root(body).require("sku")?.require("name")?;
    Ok(parsed)
}

/// Reads the body of a PATCH: what it does not name stays.
pub fn parse_patch(body: &Value) -> Result<Parsed, Error> {
    let root = Node::root(body);
    root.object()?;
    let location = root.get("location").map(|node| node.text().map(location::normalise));
    let tags = root.get("tags").map(|node| resource_group::tags(&node));
    let sku = root.get("sku").and_then(|sku| sku.get("name"));
    let properties = root.get("properties");
    let admin = properties.as_ref().and_then(|properties| properties.get("adminUserEnabled"));
    Ok(Parsed {
        location: location.transpose()?,
        tags: tags.transpose()?,
        sku: sku.map(|node| known_sku(&node)).transpose()?,
        admin: admin.map(|node| node.boolean()).transpose()?,
        switches: properties.map(|node| switches(&node)).transpose()?.unwrap_or_default(),
    })
}

fn known_sku(node: &Node<'_>) -> Result<&'static str, Error> {
    let text = node.text()?;
    let found = SKUS.iter().find(|known| known.eq_ignore_ascii_case(text)).copied();
    found.ok_or_else(|| node.invalid(&format!("must be one of {}", SKUS.join(", "))))
}

fn switches(properties: &Node<'_>) -> Result<Map<String, Value>, Error> {
    for (name, why) in REFUSED {
        if let Some(node) = properties.get(name)
            && !is_off(node.value)
        {
            return Err(unsupported(&node.path, why));
        }
    }
    if let Some(node) = properties.get("roleAssignmentMode")
        && !node.text()?.eq_ignore_ascii_case("LegacyRegistryPermissions")
    {
        return Err(unsupported(&node.path, "roles are given for whole registries"));
    }
    let default = properties.get("networkRuleSet").and_then(|rules| rules.get("defaultAction"));
    if let Some(node) = default
        && !node.text()?.eq_ignore_ascii_case("Allow")
    {
        return Err(unsupported(&node.path, "the host's firewall decides who reaches it"));
    }
    let found = ECHOED.iter().filter_map(|name| Some((*name, properties.get(name)?)));
    Ok(found.map(|(name, node)| (name.to_owned(), node.value.clone())).collect())
}

fn is_off(value: &Value) -> bool {
    let status = value.get("status").and_then(Value::as_str);
    value.is_null() || *value == json!(false) || status == Some("disabled")
}

/// A registry as it is stored: region, tags, and the rest.
pub type Stored = (String, String, Value);

impl Parsed {
    /// The registry as it shall be, given what is there.
    pub fn apply(&self, before: Option<&Stored>) -> Stored {
        let (location, tags, mut document) = before.cloned().unwrap_or_else(|| {
            let fresh = json!({ "sku": SKUS[0], "admin": false, "switches": {} });
            (self.location.clone().unwrap_or_default(), "{}".to_owned(), fresh)
        });
        if let Some(sku) = self.sku {
            document["sku"] = json!(sku);
        }
        if let Some(admin) = self.admin {
            document["admin"] = json!(admin);
        }
        for (name, value) in &self.switches {
            document["switches"][name] = value.clone();
        }
        (location, self.tags.clone().unwrap_or(tags), document)
    }
}

/// Whether the admin user of a stored registry may use it.
pub fn has_admin(document: &Value) -> bool {
    document["admin"] == json!(true)
}

/// The document of a registry; `zone` is what login servers end with.
pub fn render(
    key: &ResourceKey,
    (location, tags, document): &Stored,
    created: jiff::Timestamp,
    zone: &str,
) -> Value {
    let sku = document["sku"].as_str().unwrap_or_default();
    let mut properties = json!({
        "loginServer": format!("{}.{zone}", key.name.as_str().to_ascii_lowercase()),
        "creationDate": time::millis(created),
        "provisioningState": "Succeeded",
        "adminUserEnabled": has_admin(document),
        "anonymousPullEnabled": false,
        "dataEndpointEnabled": false,
        "dataEndpointHostNames": [],
        "encryption": { "status": "disabled" },
        "privateEndpointConnections": [],
        "policies": {
            "quarantinePolicy": { "status": "disabled" },
            "trustPolicy": { "type": "Notary", "status": "disabled" },
            "retentionPolicy": { "days": 7, "status": "disabled" },
            "exportPolicy": { "status": "enabled" },
        },
        "publicNetworkAccess": "Enabled",
        "networkRuleBypassOptions": "AzureServices",
        "zoneRedundancy": "Disabled",
    });
    for (name, value) in document["switches"].as_object().into_iter().flatten() {
        properties[name] = value.clone();
    }
    json!({
        "id": resource_id::resource(key),
        "name": key.name.as_str(),
        "type": REGISTRY,
        "location": location,
        "tags": serde_json::from_str::<Value>(tags).unwrap_or_else(|_| json!({})),
        "sku": { "name": sku, "tier": sku },
        "properties": properties,
    })
}

/// What `listUsages` answers; there are no webhooks.
pub fn usages(size: u64, limit: u64) -> Value {
    let usage = |name: &str, current: u64, limit: u64, unit: &str| json!({ "name": name, "limit": limit, "currentValue": current, "unit": unit });
    json!({ "value": [usage("Size", size, limit, "Bytes"), usage("Webhooks", 0, 0, "Count")] })
}

#[cfg(test)]
mod tests {
    use wharf_model::ResourceGroupKey;

    use super::*;

    #[test]
    fn what_az_sends_makes_a_registry_and_a_patch_changes_what_it_names() {
        // `az acr create --sku Basic`, `az acr update --admin-enabled true`.
        let body = json!({ "location": "East US", "sku": { "name": "basic" }, "properties": {
            "adminUserEnabled": false, "anonymousPullEnabled": false, "zoneRedundancy": "Disabled" } });
        let made = parse(&body).unwrap().apply(None);
        assert!(!has_admin(&made.2));
        let patch = json!({ "properties": { "adminUserEnabled": true }, "tags": { "a": 1 } });
        let stored = parse_patch(&patch).unwrap().apply(Some(&made));
        let resource_group = ResourceGroupKey { subscription: "s".into(), name: "g".into() };
        let key = ResourceKey { resource_group, kind: REGISTRY.into(), name: "MyOwn".into() };
        let at = "2026-01-02T10:00:30Z".parse().unwrap();
        let document = render(&key, &stored, at, "azurecr.wharf.internal:8443");
        assert_eq!(document["sku"], json!({ "name": "Basic", "tier": "Basic" }));
        assert_eq!(document["location"], "eastus");
        let properties = &document["properties"];
        assert_eq!(properties["loginServer"], "myown.azurecr.wharf.internal:8443");
        assert_eq!(properties["adminUserEnabled"], true);
    }

    #[test]
    fn what_would_promise_too_much_is_refused_by_name() {
        for (properties, target) in [
            (json!({ "anonymousPullEnabled": true }), "properties.anonymousPullEnabled"),
            (json!({ "encryption": { "status": "enabled" } }), "properties.encryption"),
            (
                json!({ "networkRuleSet": { "defaultAction": "Deny" } }),
                "properties.networkRuleSet.defaultAction",
            ),
        ] {
            let body =
                json!({ "sku": { "name": "Basic" }, "location": "x", "properties": properties });
            assert_eq!(parse(&body).unwrap_err().target.as_deref(), Some(target));
        }
        let body = json!({ "sku": { "name": "Classic" }, "location": "x" });
        assert_eq!(parse(&body).unwrap_err().target.as_deref(), Some("sku.name"));
    }

    #[test]
    fn names_are_letters_and_digits() {
        assert!(check_name("myown1").is_ok());
        for bad in ["abcd", "my-own", "my.own", "../own", &"a".repeat(51)] {
            assert_eq!(check_name(bad).unwrap_err().code, "InvalidResourceName", "{bad}");
        }
        assert_eq!(availability("myown1", true)["reason"], "AlreadyExists");
        assert_eq!(availability("a", false)["reason"], "Invalid");
    }
}
