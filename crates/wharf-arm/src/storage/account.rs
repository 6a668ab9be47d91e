//! `Microsoft.Storage/storageAccounts`.

use serde_json::{Map, Value, json};
use wharf_model::{Error, ResourceKey};

use super::STORAGE_ACCOUNT;
use crate::{
    container_group::unsupported, location, node::Node, resource_group, resource_id, time,
};

const KINDS: [&str; 5] = ["StorageV2", "Storage", "FileStorage", "BlobStorage", "BlockBlobStorage"];

const SKUS: [&str; 14] = [
    "Standard_LRS",
    "Standard_GRS",
    "Standard_RAGRS",
    "Standard_ZRS",
    "Standard_GZRS",
    "Standard_RAGZRS",
    "Premium_LRS",
    "Premium_ZRS",
    "StandardV2_LRS",
    "StandardV2_GRS",
    "StandardV2_ZRS",
    "StandardV2_GZRS",
    "PremiumV2_LRS",
    "PremiumV2_ZRS",
];

/// Told back as they were sent.
const ECHOED: [&str; 13] = [
    "accessTier",
    "allowBlobPublicAccess",
    "allowCrossTenantReplication",
    "allowedCopyScope",
    "defaultToOAuthAuthentication",
    "dnsEndpointType",
    "encryption",
    "largeFileSharesState",
    "minimumTlsVersion",
    "publicNetworkAccess",
    "routingPreference",
    "supportsHttpsTrafficOnly",
    "networkAcls",
];

/// A validated PUT or PATCH body.
#[derive(Clone, Debug)]
pub struct Parsed {
    location: Option<String>,
    tags: Option<String>,
    sku: Option<&'static str>,
    kind: Option<&'static str>,
    switches: Map<String, Value>,
}

/// Reads the body of a PUT.
pub fn parse(body: &Value) -> Result<Parsed, Error> {
    let parsed = parse_patch(body)?;
    let root = Node::root(body);
    if parsed.location.is_none() {
        let message = "The location property is required for this definition.";
        return Err(Error::invalid("LocationRequired", message, "location"));
    }
    root.require("sku")?.require("name")?;
    root.require("kind")?;
    Ok(parsed)
}

/// Reads the body of a PATCH: what it does not name stays.
pub fn parse_patch(body: &Value) -> Result<Parsed, Error> {
    let root = Node::root(body);
    root.object()?;
    let sku = root.get("sku").and_then(|sku| sku.get("name"));
    let location = root.get("location").map(|node| node.text().map(location::normalise));
    let tags = root.get("tags").map(|node| resource_group::tags(&node));
    let properties = root.get("properties");
    Ok(Parsed {
        location: location.transpose()?,
        tags: tags.transpose()?,
        sku: sku.map(|node| one_of(&node, &SKUS)).transpose()?,
        kind: root.get("kind").map(|node| one_of(&node, &KINDS)).transpose()?,
        switches: properties.map(|node| switches(&node)).transpose()?.unwrap_or_default(),
    })
}

fn one_of(node: &Node<'_>, known: &[&'static str]) -> Result<&'static str, Error> {
    let text = node.text()?;
    let found = known.iter().find(|known| known.eq_ignore_ascii_case(text)).copied();
    found.ok_or_else(|| node.invalid(&format!("must be one of {}", known.join(", "))))
}

fn switches(properties: &Node<'_>) -> Result<Map<String, Value>, Error> {
    let is_on = |name: &str| properties.get(name).filter(|node| node.boolean().unwrap_or(false));
    for name in ["isHnsEnabled", "isNfsV3Enabled", "isSftpEnabled", "isLocalUserEnabled"] {
        if let Some(node) = is_on(name) {
            return Err(unsupported(&node.path, "storage accounts have file shares only"));
        }
    }
    if let Some(node) = properties.get("allowSharedKeyAccess")
        && !node.boolean()?
    {
        return Err(unsupported(&node.path, "file shares are opened with keys"));
    }
    let default = properties.get("networkAcls").and_then(|acls| acls.get("defaultAction"));
    if let Some(node) = default
        && !node.text()?.eq_ignore_ascii_case("Allow")
    {
        return Err(unsupported(&node.path, "the host's firewall decides who reaches it"));
    }
    let found = ECHOED.iter().filter_map(|name| Some((*name, properties.get(name)?)));
    Ok(found.map(|(name, node)| (name.to_owned(), node.value.clone())).collect())
}

/// An account as it is stored: region, tags, and the rest.
pub type Stored = (String, String, Value);

impl Parsed {
    /// The account as it shall be, given what is there.
    pub fn apply(&self, before: Option<&Stored>) -> Stored {
        let (location, tags, mut document) = before.cloned().unwrap_or_else(|| {
            let fresh = json!({ "sku": SKUS[0], "kind": KINDS[0], "switches": {} });
            (self.location.clone().unwrap_or_default(), "{}".to_owned(), fresh)
        });
        if let Some(sku) = self.sku {
            document["sku"] = json!(sku);
        }
        if let Some(kind) = self.kind {
            document["kind"] = json!(kind);
        }
        for (name, value) in &self.switches {
            document["switches"][name] = value.clone();
        }
        (location, self.tags.clone().unwrap_or(tags), document)
    }
}

/// The document of an account; `base` is how the client reaches the daemon.
pub fn render(
    key: &ResourceKey,
    (location, tags, document): &Stored,
    created: jiff::Timestamp,
    base: &str,
) -> Value {
    let text = |name: &str| document[name].as_str().unwrap_or_default();
    let created = time::millis(created);
    let created_key = json!({ "key1": created, "key2": created });
    let mut properties = json!({
        "keyCreationTime": created_key,
        "provisioningState": "Succeeded",
        "creationTime": created,
        "primaryEndpoints": { "file": format!("{base}/{}/", key.name) },
        "primaryLocation": location,
        "statusOfPrimary": "available",
        "supportsHttpsTrafficOnly": true,
        "encryption": {
            "keySource": "Microsoft.Storage",
            "services": { "file": { "enabled": true, "keyType": "Account" } },
        },
    });
    for (name, value) in document["switches"].as_object().into_iter().flatten() {
        properties[name] = value.clone();
    }
    let sku = text("sku");
    let tier = if sku.starts_with("Premium") { "Premium" } else { "Standard" };
    json!({
        "id": resource_id::resource(key),
        "name": key.name.as_str(),
        "type": STORAGE_ACCOUNT,
        "location": location,
        "tags": serde_json::from_str::<Value>(tags).unwrap_or_else(|_| json!({})),
        "sku": { "name": sku, "tier": tier },
        "kind": text("kind"),
        "properties": properties,
    })
}

#[cfg(test)]
mod tests {
    use super::{super::tests::key, *};

    #[test]
    fn what_az_sends_makes_an_account_and_a_patch_changes_what_it_names() {
        // az-requests.md: `az storage account create`.
        let body = json!({
            "sku": { "name": "standard_lrs" }, "kind": "StorageV2", "location": "East US",
            "properties": { "encryption": { "keySource": "Microsoft.Storage",
                "services": { "blob": {} } }, "minimumTlsVersion": "TLS1_2" },
        });
        let made = parse(&body).unwrap().apply(None);
        let patch = json!({ "tags": { "a": 1 }, "sku": { "name": "Premium_LRS" } });
        let stored = parse_patch(&patch).unwrap().apply(Some(&made));
        let at = "2026-01-02T10:00:30Z".parse().unwrap();
        let document = render(&key(), &stored, at, "https://127.0.0.1:8443");
        assert_eq!(document["location"], "eastus");
        assert_eq!(document["sku"], json!({ "name": "Premium_LRS", "tier": "Premium" }));
        assert_eq!(document["tags"], json!({ "a": "1" }));
        let properties = &document["properties"];
        assert_eq!(properties["minimumTlsVersion"], "TLS1_2");
        assert_eq!(properties["primaryEndpoints"]["file"], "https://127.0.0.1:8443/acct/");
    }

    #[test]
    fn what_would_promise_too_much_is_refused_by_name() {
        let body = |properties: Value| {
            json!({ "sku": { "name": "Standard_LRS" }, "kind": "StorageV2", "location": "x",
                "properties": properties })
        };
        for (properties, target) in [
            (json!({ "isHnsEnabled": true }), "properties.isHnsEnabled"),
            (json!({ "allowSharedKeyAccess": false }), "properties.allowSharedKeyAccess"),
            (
                json!({ "networkAcls": { "defaultAction": "Deny" } }),
                "properties.networkAcls.defaultAction",
            ),
        ] {
            let error = parse(&body(properties)).unwrap_err();
            assert_eq!(error.target.as_deref(), Some(target));
        }
        let error = parse(&json!({ "location": "x", "kind": "StorageV2" })).unwrap_err();
        assert_eq!(error.target.as_deref(), Some("sku"));
    }
}
