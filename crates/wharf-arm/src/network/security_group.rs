//! `Microsoft.Network/networkSecurityGroups`.

use serde_json::{Value, json};
use uuid::Uuid;
use wharf_model::{
    Error,
    network::{NamedRule, SecurityGroup, SubnetKey},
};

use super::{About, SECURITY_GROUP, location, object, security_rule, tags};
use crate::{node::Node, resource_id};

/// A validated PUT body.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The region.
    pub location: String,
    /// A JSON object of strings.
    pub tags: String,
    rules: Vec<NamedRule>,
}

/// Reads the body of a PUT.
pub fn parse(body: &Value) -> Result<Parsed, Error> {
    let root = Node::root(body);
    root.object()?;
    let rules = match root.get("properties") {
        Some(properties) => properties.list("securityRules")?,
        None => Vec::new(),
    };
    let rules =
        rules.iter().map(|rule| security_rule::parse(rule, None)).collect::<Result<_, _>>()?;
    Ok(Parsed { location: location(&root)?, tags: tags(&root)?, rules })
}

impl Parsed {
    /// The security group as it shall be, if that can be; `guid` is for a new one.
    pub fn group(self, before: Option<&SecurityGroup>, guid: Uuid) -> Result<SecurityGroup, Error> {
        let guid = before.map_or(guid, |before| before.guid);
        let group = SecurityGroup { guid, rules: self.rules };
        group.check().map(|()| group)
    }
}

/// The document of a security group that guards some subnets.
pub fn render(about: About<'_>, group: &SecurityGroup, subnets: &[SubnetKey]) -> Value {
    let (key, etag) = (about.key, about.etag);
    let rules: Vec<Value> =
        group.rules.iter().map(|rule| security_rule::render(key, rule, etag)).collect();
    let mut properties = json!({
        "provisioningState": "Succeeded",
        "resourceGuid": group.guid,
        "securityRules": rules,
        "defaultSecurityRules": security_rule::defaults(key, etag),
    });
    if !subnets.is_empty() {
        let id = |at: &SubnetKey| json!({ "id": format!("{}/subnets/{}", resource_id::resource(&at.network), at.name) });
        properties["subnets"] = subnets.iter().map(id).collect();
    }
    json!({
        "name": key.name.as_str(),
        "id": resource_id::resource(key),
        "etag": etag,
        "type": SECURITY_GROUP,
        "location": about.location,
        "tags": object(about.tags),
        "properties": properties,
    })
}
