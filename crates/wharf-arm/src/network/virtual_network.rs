//! `Microsoft.Network/virtualNetworks`.

use serde_json::{Map, Value, json};
use uuid::Uuid;
use wharf_model::{
    Error,
    network::{Subnet, VirtualNetwork},
};

use super::{About, VIRTUAL_NETWORK, echoed, location, object, range, refuse, subnet, tags};
use crate::{node::Node, resource_id};

/// Switches without an effect here.
const ECHOED: &[&str] = &["enableDdosProtection", "enableVmProtection", "flowTimeoutInMinutes"];

/// A validated PUT body.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The region.
    pub location: String,
    /// A JSON object of strings.
    pub tags: String,
    ranges: Vec<ipnet::Ipv4Net>,
    /// `None`: those that are there stay.
    subnets: Option<Vec<Subnet>>,
    echoed: String,
}

/// Reads the body of a PUT.
pub fn parse(body: &Value) -> Result<Parsed, Error> {
    let root = Node::root(body);
    root.object()?;
    let properties = root.require("properties")?;
    properties.object()?;
    let ranges = properties.require("addressSpace")?.list("addressPrefixes")?;
    let ranges: Vec<_> = ranges.iter().map(range).collect::<Result<_, _>>()?;
    if ranges.is_empty() {
        let message = "A virtual network must have an address prefix.";
        let target = "properties.addressSpace.addressPrefixes";
        return Err(Error::invalid("InvalidVirtualNetworkAddressSpace", message, target));
    }
    refuse(
        &properties,
        &["virtualNetworkPeerings", "ddosProtectionPlan", "bgpCommunities", "ipAllocations"],
        "virtual networks of Wharf stand for themselves",
    )?;
    if let Some(options) = properties.get("dhcpOptions") {
        refuse(&options, &["dnsServers"], "name servers are set in the 'dnsConfig' of a group")?;
    }
    if let Some(encryption) = properties.get("encryption") {
        refuse(&encryption, &["enabled"], "packets within a host are not encrypted")?;
    }
    let subnets = properties.get("subnets").map(|node| {
        let items = node.items()?;
        items.iter().map(|item| subnet::parse(item, None)).collect::<Result<Vec<_>, Error>>()
    });
    Ok(Parsed {
        location: location(&root)?,
        tags: tags(&root)?,
        ranges,
        subnets: subnets.transpose()?,
        echoed: Value::Object(echoed(&properties, ECHOED)).to_string(),
    })
}

impl Parsed {
    /// The subnets that the body names.
    pub fn subnets(&self) -> &[Subnet] {
        self.subnets.as_deref().unwrap_or_default()
    }

    /// The network as it shall be; `guid` is for a new one.
    pub fn network(self, before: Option<&VirtualNetwork>, guid: Uuid) -> VirtualNetwork {
        let kept = before.map(|before| before.subnets.clone()).unwrap_or_default();
        VirtualNetwork {
            guid: before.map_or(guid, |before| before.guid),
            ranges: self.ranges,
            subnets: self.subnets.unwrap_or(kept),
            echoed: self.echoed,
        }
    }
}

/// The document of a virtual network.
pub fn render(about: About<'_>, network: &VirtualNetwork) -> Value {
    let subnets: Vec<Value> =
        network.subnets.iter().map(|part| subnet::render(about.key, part, about.etag)).collect();
    let ranges: Vec<String> = network.ranges.iter().map(ToString::to_string).collect();
    let mut properties = Map::new();
    for (name, value) in [
        ("provisioningState", json!("Succeeded")),
        ("resourceGuid", json!(network.guid)),
        ("addressSpace", json!({ "addressPrefixes": ranges })),
        ("subnets", json!(subnets)),
        ("virtualNetworkPeerings", json!([])),
        ("enableDdosProtection", json!(false)),
    ] {
        properties.insert(name.to_owned(), value);
    }
    properties.extend(object(&network.echoed));
    json!({
        "name": about.key.name.as_str(),
        "id": resource_id::resource(about.key),
        "etag": about.etag,
        "type": VIRTUAL_NETWORK,
        "location": about.location,
        "tags": object(about.tags),
        "properties": properties,
    })
}

#[cfg(test)]
mod tests {
    use super::{super::tests::key, *};

    #[test]
    fn a_network_is_told_as_it_was_sent() {
        let body = json!({ "location": "East US", "properties": {
            "addressSpace": { "addressPrefixes": ["10.1.0.0/16"] },
            "enableDdosProtection": false, "enableVmProtection": false,
            "subnets": [{ "name": "default", "properties": { "addressPrefix": "10.1.0.0/24" } }],
        }});
        let parsed = parse(&body).unwrap();
        assert_eq!((parsed.location.as_str(), parsed.tags.as_str()), ("eastus", "{}"));
        let network = parsed.network(None, Uuid::nil());
        let key = key(VIRTUAL_NETWORK, "v2");
        let about = About { key: &key, location: "eastus", tags: "{}", etag: "W/\"1\"" };
        let document = render(about, &network);
        assert_eq!(
            document["properties"]["subnets"][0]["properties"]["addressPrefix"],
            "10.1.0.0/24"
        );
        assert_eq!(document["properties"]["enableVmProtection"], false);
        // What is not named stays, also when the document itself is sent back.
        let mut again = document.clone();
        again["properties"].as_object_mut().unwrap().remove("subnets");
        let kept = parse(&again).unwrap().network(Some(&network), Uuid::max());
        assert_eq!(kept, network);
        assert_eq!(parse(&document).unwrap().network(Some(&network), Uuid::max()), network);
    }

    #[test]
    fn what_would_promise_too_much_is_refused() {
        let code = |more: Value| {
            let mut body = json!({ "location": "x", "properties": {
                "addressSpace": { "addressPrefixes": ["10.1.0.0/16"] } }});
            for (name, value) in more.as_object().unwrap() {
                body["properties"][name] = value.clone();
            }
            parse(&body).map_or_else(|error| error.code, |_| "")
        };
        assert_eq!(code(json!({})), "");
        assert_eq!(code(json!({ "dhcpOptions": { "dnsServers": [] } })), "");
        for more in [
            json!({ "dhcpOptions": { "dnsServers": ["10.0.0.1"] } }),
            json!({ "virtualNetworkPeerings": [{ "name": "p" }] }),
            json!({ "encryption": { "enabled": true } }),
        ] {
            assert_eq!(code(more), "FeatureNotSupported");
        }
        let none = json!({ "addressSpace": { "addressPrefixes": [] } });
        assert_eq!(code(none), "InvalidVirtualNetworkAddressSpace");
    }
}
