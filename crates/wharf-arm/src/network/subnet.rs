//! `Microsoft.Network/virtualNetworks/subnets`, alone and in the body of their network.

use serde_json::{Map, Value, json};
use wharf_model::{Error, Name, ResourceKey, network::Subnet};

use super::{SECURITY_GROUP, SUBNET, check_name, echoed, object, range, reference, refuse};
use crate::{container_group::unsupported, node::Node, resource_id};

/// Whom a subnet must be given over to before container groups can be in it.
const CONTAINER_GROUPS: &str = "Microsoft.ContainerInstance/containerGroups";

/// Switches without an effect here.
const ECHOED: &[&str] = &[
    "privateEndpointNetworkPolicies",
    "privateLinkServiceNetworkPolicies",
    "defaultOutboundAccess",
];

/// Reads the body of a PUT, or an item of a network's list, which says its own name.
pub fn parse_body(body: &Value, name: &Name) -> Result<Subnet, Error> {
    parse(&Node::root(body), Some(name))
}

pub(super) fn parse(node: &Node<'_>, name: Option<&Name>) -> Result<Subnet, Error> {
    node.object()?;
    let name = match name {
        Some(name) => name.clone(),
        None => Name::new(node.require("name")?.text()?),
    };
    check_name(name.as_str())?;
    let properties = node.require("properties")?;
    properties.object()?;
    refuse(
        &properties,
        &[
            "routeTable",
            "natGateway",
            "serviceEndpoints",
            "serviceEndpointPolicies",
            "ipAllocations",
        ],
        "packets of a subnet go the way that Wharf gives them",
    )?;
    let many = properties.list("addressPrefixes")?;
    let range = match (properties.get("addressPrefix"), many.as_slice()) {
        (Some(one), _) => range(&one)?,
        (None, [one]) => range(one)?,
        (None, []) => {
            let message =
                format!("Subnet {name} must have an 'addressPrefix', or one of 'addressPrefixes'.");
            return Err(Error::invalid("MissingAddressPrefix", message, &properties.path));
        }
        (None, [_, second, ..]) => {
            return Err(unsupported(&second.path, "a subnet has one address prefix"));
        }
    };
    let mut kept = echoed(&properties, ECHOED);
    if properties.get("addressPrefix").is_none() {
        kept.insert("addressPrefixes".to_owned(), json!([range.to_string()]));
    }
    let mut delegations = Vec::new();
    for item in properties.list("delegations")? {
        let service = item.require("properties")?.require("serviceName")?.text()?.to_owned();
        let name = item.get("name").map(|name| name.text()).transpose()?.unwrap_or("0");
        delegations.push(json!({ "name": name, "serviceName": service }));
    }
    let is_groups = |delegation: &Value| {
        delegation["serviceName"].as_str().is_some_and(|s| s.eq_ignore_ascii_case(CONTAINER_GROUPS))
    };
    let is_delegated = delegations.iter().any(is_groups);
    kept.insert("delegations".to_owned(), json!(delegations));
    let guard = properties.get("networkSecurityGroup").filter(|node| node.value != &json!({}));
    let security_group = guard.map(|node| reference(&node, SECURITY_GROUP)).transpose()?;
    let echoed = Value::Object(kept).to_string();
    Ok(Subnet { name, range, is_delegated, security_group, echoed })
}

/// The document of a subnet of a network.
pub fn render(network: &ResourceKey, subnet: &Subnet, etag: &str) -> Value {
    let id = format!("{}/subnets/{}", resource_id::resource(network), subnet.name);
    let mut kept = object(&subnet.echoed);
    let delegations = kept.remove("delegations").unwrap_or_default();
    let mut properties = Map::new();
    properties.insert("provisioningState".to_owned(), json!("Succeeded"));
    if !kept.contains_key("addressPrefixes") {
        properties.insert("addressPrefix".to_owned(), json!(subnet.range.to_string()));
    }
    if let Some(guard) = &subnet.security_group {
        let id = resource_id::resource(guard);
        properties.insert("networkSecurityGroup".to_owned(), json!({ "id": id }));
    }
    let delegation = |given: &Value| {
        let name = given["name"].as_str().unwrap_or_default();
        json!({
            "name": name,
            "id": format!("{id}/delegations/{name}"),
            "etag": etag,
            "properties": {
                "provisioningState": "Succeeded",
                "serviceName": given["serviceName"],
                "actions": ["Microsoft.Network/virtualNetworks/subnets/action"],
            },
            "type": "Microsoft.Network/virtualNetworks/subnets/delegations",
        })
    };
    let delegations: Vec<Value> =
        delegations.as_array().into_iter().flatten().map(delegation).collect();
    properties.insert("delegations".to_owned(), json!(delegations));
    properties.extend(kept);
    json!({
        "name": subnet.name.as_str(),
        "id": id,
        "etag": etag,
        "properties": properties,
        "type": SUBNET,
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::{VIRTUAL_NETWORK, tests::key},
        *,
    };

    fn read(properties: &Value) -> Result<Subnet, Error> {
        parse_body(&json!({ "properties": properties }), &"s1".into())
    }

    #[test]
    fn what_az_sends_is_read_and_can_be_sent_back() {
        let body = json!({
            "addressPrefix": "10.0.0.0/24",
            "delegations": [{ "name": "0", "properties": { "serviceName": CONTAINER_GROUPS } }],
            "privateEndpointNetworkPolicies": "Disabled",
            "networkSecurityGroup": { "id": resource_id::resource(&key(SECURITY_GROUP, "n")) },
        });
        let subnet = read(&body).unwrap();
        assert!(subnet.is_delegated);
        assert_eq!(subnet.security_group, Some(key(SECURITY_GROUP, "n")));
        let document = render(&key(VIRTUAL_NETWORK, "v1"), &subnet, "W/\"1\"");
        assert!(document["id"].as_str().unwrap().ends_with("/virtualNetworks/v1/subnets/s1"));
        assert_eq!(document["properties"]["privateEndpointNetworkPolicies"], "Disabled");
        assert_eq!(parse_body(&document, &"s1".into()).unwrap(), subnet);
        let list = read(&json!({ "addressPrefixes": ["10.0.0.0/24"] })).unwrap();
        assert!(!list.is_delegated);
        let document = render(&key(VIRTUAL_NETWORK, "v1"), &list, "");
        assert_eq!(document["properties"]["addressPrefixes"], json!(["10.0.0.0/24"]));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let code = |properties: Value| read(&properties).unwrap_err().code;
        assert_eq!(code(json!({})), "MissingAddressPrefix");
        let two = json!({ "addressPrefixes": ["10.0.0.0/24", "10.0.1.0/24"] });
        assert_eq!(code(two), "FeatureNotSupported");
        let route = json!({ "addressPrefix": "10.0.0.0/24", "routeTable": { "id": "/x" } });
        assert_eq!(code(route), "FeatureNotSupported");
        let guard =
            json!({ "addressPrefix": "10.0.0.0/24", "networkSecurityGroup": { "id": "/x" } });
        assert_eq!(code(guard), "InvalidRequestContent");
    }
}
