//! `Microsoft.Network`: the part that container groups live in. Virtual networks with their subnets,
//! and network security groups with their rules (semantics.md §12.3).
//!
//! What has an effect here is read into the model; switches without one are told back; what would
//! promise something that Wharf does not do is refused by name.

pub mod security_group;
pub mod security_rule;
pub mod subnet;
pub mod virtual_network;

use ipnet::Ipv4Net;
use serde_json::{Map, Value};
use wharf_model::{Error, ErrorKind, Name, ResourceKey};

use crate::{container_group::unsupported, node::Node, resource_id};

/// The type of a virtual network.
pub const VIRTUAL_NETWORK: &str = "Microsoft.Network/virtualNetworks";
/// The type of a subnet.
pub const SUBNET: &str = "Microsoft.Network/virtualNetworks/subnets";
/// The type of a network security group.
pub const SECURITY_GROUP: &str = "Microsoft.Network/networkSecurityGroups";
/// The type of a rule of a network security group.
pub const SECURITY_RULE: &str = "Microsoft.Network/networkSecurityGroups/securityRules";
/// The type of a rule that every network security group has.
pub const DEFAULT_RULE: &str = "Microsoft.Network/networkSecurityGroups/defaultSecurityRules";

/// What a resource is known by, besides what it is.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Where it is, as the user wrote it.
    pub key: &'a ResourceKey,
    /// Its region.
    pub location: &'a str,
    /// Its tags: a JSON object of strings.
    pub tags: &'a str,
    /// Changes with every change.
    pub etag: &'a str,
}

/// Up to 80 of word characters, `.` and `-`, with a word character at both ends.
pub fn check_name(name: &str) -> Result<(), Error> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let fits = (1..=80).contains(&name.len())
        && name.chars().all(|c| is_word(c) || c == '.' || c == '-')
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(is_word);
    if fits {
        return Ok(());
    }
    let message = format!(
        "Resource name {name} is invalid. The name can be up to 80 characters long. It must begin \
         with a word character, and it must end with a word character or with '_'. The name may \
         contain word characters or '.', '-', '_'."
    );
    Err(Error::invalid("InvalidResourceName", message, "name"))
}

/// There is no such part of a resource that is there.
pub fn part_not_found(kind: &str, name: &Name) -> Error {
    let message = format!("The {kind} '{name}' was not found.");
    Error::new(ErrorKind::NotFound, "NotFound", message)
}

/// What a resource refers to is not there.
pub fn reference_not_found(key: &ResourceKey) -> Error {
    let id = resource_id::resource(key);
    let message = format!(
        "Resource {id} was not found. Please make sure that the referenced resource exists."
    );
    Error::invalid("InvalidResourceReference", message, "id")
}

/// A network security group guards a subnet and cannot be deleted.
pub fn security_group_in_use(key: &ResourceKey, subnet: &wharf_model::network::SubnetKey) -> Error {
    let message = format!(
        "Network security group {} cannot be deleted because it is in use by the following \
         resources: {}/subnets/{}. In order to delete the Network security group, remove the \
         association with the resource(s).",
        resource_id::resource(key),
        resource_id::resource(&subnet.network),
        subnet.name
    );
    Error::invalid("InUseNetworkSecurityGroupCannotBeDeleted", message, "name")
}

/// The region of a body, which must name one.
fn location(root: &Node<'_>) -> Result<String, Error> {
    let Some(node) = root.get("location") else {
        let message = "The location property is required for this definition.";
        return Err(Error::invalid("LocationRequired", message, "location"));
    };
    Ok(crate::location::normalise(node.text()?))
}

/// The tags of a body.
fn tags(root: &Node<'_>) -> Result<String, Error> {
    let tags = root.get("tags").map(|node| crate::resource_group::tags(&node)).transpose()?;
    Ok(tags.unwrap_or_else(|| "{}".to_owned()))
}

/// A range of addresses: `10.0.0.0/24`, with nothing behind the prefix.
fn range(node: &Node<'_>) -> Result<Ipv4Net, Error> {
    let text = node.text()?.trim();
    if text.contains(':') {
        return Err(unsupported(&node.path, "virtual networks have IPv4 addresses only"));
    }
    let Ok(range) = text.parse::<Ipv4Net>() else {
        let message = format!(
            "Address prefix {text} is not formatted correctly. It should follow CIDR notation, for \
             example 10.0.0.0/24."
        );
        return Err(Error::invalid("InvalidAddressPrefixFormat", message, &node.path));
    };
    if range.trunc() == range {
        return Ok(range);
    }
    let message = format!(
        "The address prefix {text} has an invalid CIDR notation. For the given prefix length, the \
         address prefix should be {}.",
        range.trunc()
    );
    Err(Error::invalid("InvalidCIDRNotation", message, &node.path))
}

/// Refuses properties that hold anything and would have no effect.
fn refuse(node: &Node<'_>, names: &[&str], why: &str) -> Result<(), Error> {
    for name in names {
        let holds = |value: &Value| match value {
            Value::Array(items) => !items.is_empty(),
            Value::Object(members) => !members.is_empty(),
            Value::Bool(is_on) => *is_on,
            Value::Null => false,
            Value::Number(_) | Value::String(_) => true,
        };
        if let Some(given) = node.get(name).filter(|given| holds(given.value)) {
            return Err(unsupported(&given.path, why));
        }
    }
    Ok(())
}

/// Switches that are told back as they were sent.
fn echoed(node: &Node<'_>, names: &[&str]) -> Map<String, Value> {
    let found = names.iter().filter_map(|name| Some((*name, node.get(name)?)));
    found.map(|(name, node)| (name.to_owned(), node.value.clone())).collect()
}

/// What was put together by [`echoed`], as an object again.
fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

/// The id of another resource in a member `{"id": …}`, of a type.
fn reference(node: &Node<'_>, kind: &str) -> Result<ResourceKey, Error> {
    let id = node.require("id")?;
    let key = resource_id::parse(id.text()?).filter(|key| key.kind == Name::from(kind));
    key.map(|key| ResourceKey { kind: Name::from(kind), ..key })
        .ok_or_else(|| id.invalid(&format!("is not the id of a resource of type '{kind}'")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wharf_model::ResourceGroupKey;

    use super::*;

    pub(super) fn key(kind: &str, name: &str) -> ResourceKey {
        let resource_group = ResourceGroupKey { subscription: "s".into(), name: "g".into() };
        ResourceKey { resource_group, kind: kind.into(), name: name.into() }
    }

    #[test]
    fn ranges_are_told_what_is_wrong_with_them() {
        let code = |text: &str| {
            let value = json!(text);
            range(&Node::root(&value)).map_or_else(|error| error.code, |_| "")
        };
        assert_eq!(code("10.0.0.0/24"), "");
        assert_eq!(code("10.0.0.1/24"), "InvalidCIDRNotation");
        assert_eq!(code("fd00::/64"), "FeatureNotSupported");
        for bad in ["10.0.0.0", "10.0.0.0/33", "x", ""] {
            assert_eq!(code(bad), "InvalidAddressPrefixFormat", "{bad}");
        }
    }

    #[test]
    fn names_follow_azures_rule() {
        for good in ["a", "v-1", "A_b.c_", &"x".repeat(80)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "a b", "a/b", &"x".repeat(81)] {
            assert_eq!(check_name(bad).unwrap_err().code, "InvalidResourceName", "{bad}");
        }
    }
}
