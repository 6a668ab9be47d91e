//! Groups made from a profile: the reference in a group's body, and the body that comes of it.

use serde_json::{Map, Value, json};
use wharf_model::{Error, Name, ResourceGroupKey, ResourceKey};

use super::{PROFILE, Revision};
use crate::{node::Node, resource_id, whatif};

/// Properties of a group that a profile does not have: a group may add them.
const OF_GROUPS: &[&str] = &[
    "dnsConfig",
    "identityAcls",
    "networkProfile",
    "secretReferences",
    "standbyPoolProfile",
    "subnetIds",
];

/// Members of documents that are told and not asked.
const READ_ONLY: &[&str] = &[
    "containerGroupProfile",
    "fqdn",
    "instanceView",
    "ip",
    "isCreatedFromStandbyPool",
    "isCustomProvisioningTimeout",
    "provisioningState",
    "provisioningTimeoutInSeconds",
];

/// What a group says it is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The profile.
    pub key: ResourceKey,
    /// Its revision; the latest one if not said.
    pub revision: Option<u32>,
}

/// The profile that the body of a group names, if it does.
pub fn reference(body: &Value) -> Result<Option<Reference>, Error> {
    let root = Node::root(body);
    let found = root.get("properties").and_then(|node| node.get("containerGroupProfile"));
    let Some(node) = found.filter(|node| node.value != &json!({})) else { return Ok(None) };
    let id = node.require("id")?;
    let text = id.text()?;
    let parts: Vec<&str> = text.trim_matches('/').split('/').collect();
    let key = match parts[..] {
        [subscriptions, subscription, groups, group, providers, namespace, kind, name]
            if subscriptions.eq_ignore_ascii_case("subscriptions")
                && groups.eq_ignore_ascii_case("resourceGroups")
                && providers.eq_ignore_ascii_case("providers")
                && PROFILE.eq_ignore_ascii_case(&format!("{namespace}/{kind}")) =>
        {
            let (subscription, group) = (Name::new(subscription), Name::new(group));
            let resource_group = ResourceGroupKey { subscription, name: group };
            ResourceKey { resource_group, kind: Name::from(PROFILE), name: Name::new(name) }
        }
        _ => return Err(id.invalid("is not the id of a container group profile")),
    };
    let revision = match node.get("revision") {
        None => None,
        Some(number) => {
            let parsed = number.loose_text()?.parse::<u32>().ok().filter(|number| *number > 0);
            Some(parsed.ok_or_else(|| number.invalid("must be the number of a revision"))?)
        }
    };
    Ok(Some(Reference { key, revision }))
}

/// The body of a group with all that its profile gives. What it says as well must be the same:
/// only the configuration maps of containers are its own.
pub fn merge(request: &Value, revision: &Revision, body: &Value) -> Result<Value, Error> {
    let mut properties = body["properties"].clone();
    let known = &revision.document["properties"];
    let given = Node::root(request).require("properties")?;
    for (name, node) in given.entries()? {
        let is = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        if name.eq_ignore_ascii_case("containers") {
            merge_containers(&node, known, &mut properties)?;
        } else if is(OF_GROUPS) {
            properties[name] = node.value.clone();
        } else if !is(READ_ONLY) {
            check_same(&node.path, node.value, member(known, name))?;
        }
    }
    let mut merged = request.clone();
    merged["properties"] = properties;
    if Node::root(request).get("zones").is_none()
        && let Some(zones) = body.get("zones")
    {
        merged["zones"] = zones.clone();
    }
    Ok(merged)
}

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let members = value.as_object()?;
    members.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The value without what is told and not asked.
fn asked(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let is_asked =
                |name: &str| !READ_ONLY.iter().any(|known| known.eq_ignore_ascii_case(name));
            let kept = members.iter().filter(|(name, _)| is_asked(name));
            kept.map(|(name, value)| (name.clone(), asked(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(asked).collect(),
        other => other.clone(),
    }
}

fn check_same(path: &str, given: &Value, known: Option<&Value>) -> Result<(), Error> {
    match whatif::first_difference(path, &asked(given), known) {
        None => Ok(()),
        Some(path) => Err(Error::invalid(
            "InvalidContainerGroupProfileProperty",
            format!(
                "The property '{path}' differs from the container group profile that the container \
                 group is made from. Leave it out, or make a new revision of the profile."
            ),
            &path,
        )),
    }
}

fn merge_containers(node: &Node<'_>, known: &Value, properties: &mut Value) -> Result<(), Error> {
    let Some(Value::Array(targets)) = member_mut(properties, "containers") else { return Ok(()) };
    let documents = known["containers"].as_array().cloned().unwrap_or_default();
    for container in node.items()? {
        let name = container.require("name")?;
        let text = name.text()?;
        let same = |other: &Value| member(other, "name").and_then(Value::as_str) == Some(text);
        // `az` names the container after the group, whatever the profile calls its only one.
        let at = targets.iter().position(same).or_else(|| (targets.len() == 1).then_some(0));
        let Some(at) = at else {
            return Err(Error::invalid(
                "InvalidContainerGroupProfileProperty",
                format!("The container group profile has no container named '{text}'."),
                &name.path,
            ));
        };
        let Some(given) = container.get("properties") else { continue };
        let known = documents.get(at).and_then(|document| document.get("properties"));
        for (name, node) in given.entries()? {
            if name.eq_ignore_ascii_case("configMap") {
                let target = member_mut(&mut targets[at], "properties");
                if let Some(target) = target.filter(|_| has_entries(&node)) {
                    target["configMap"] = node.value.clone();
                }
            } else if !READ_ONLY.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                check_same(&node.path, node.value, known.and_then(|known| member(known, name)))?;
            }
        }
    }
    Ok(())
}

/// Whether a configuration map says anything; `az` always sends an empty one.
fn has_entries(node: &Node<'_>) -> bool {
    let pairs = node.get("keyValuePairs");
    pairs.is_some_and(|pairs| pairs.value.as_object().is_some_and(|pairs| !pairs.is_empty()))
}

fn member_mut<'a>(value: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    let members = value.as_object_mut()?;
    members.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The stored document of a group with a note of what it was made from.
pub fn mark(document: &str, reference: &Reference, number: u32) -> String {
    let mut parsed: Value = serde_json::from_str(document).unwrap_or_default();
    parsed["properties"]["containerGroupProfile"] =
        json!({ "id": resource_id::resource(&reference.key), "revision": number });
    parsed.to_string()
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{key, profile},
        *,
    };

    #[test]
    fn a_group_takes_all_from_its_profile_and_may_add_a_configuration() {
        let (profile, bodies) = profile();
        let revision = profile.revision(None).unwrap();
        let map = json!({ "keyValuePairs": { "a": "b" } });
        let request = |properties: Value| {
            json!({ "location": "westus", "properties": {
                "containerGroupProfile": { "id": resource_id::resource(&key()), "revision": 2 },
                "containers": [{ "name": "group", "properties": properties }],
            }})
        };
        let merged = merge(&request(json!({ "configMap": map })), revision, &bodies[&2]).unwrap();
        let container = &merged["properties"]["containers"][0];
        assert_eq!(container["name"], "web");
        assert_eq!(container["properties"]["configMap"], map);
        assert_eq!(container["properties"]["environmentVariables"][0]["secureValue"], "planted");
        assert_eq!(merged["zones"], json!(["1"]));
        let same = json!({ "image": "redis", "ports": [], "resources": {
            "requests": { "memoryInGB": 1.5, "cpu": 1.0 } }, "instanceView": { "x": 1 } });
        assert!(merge(&request(same), revision, &bodies[&2]).is_ok());
        let error =
            merge(&request(json!({ "image": "nginx" })), revision, &bodies[&2]).unwrap_err();
        assert_eq!(error.target.as_deref(), Some("properties.containers[0].properties.image"));
    }

    #[test]
    fn references_are_read_in_any_case_and_checked() {
        let of = |id: &str, revision: Value| {
            reference(&json!({ "properties": {
                "containerGroupProfile": { "ID": id, "revision": revision } } }))
        };
        let id = resource_id::resource(&key()).to_lowercase();
        assert_eq!(of(&id, json!(2)).unwrap().unwrap().key, key());
        assert_eq!(of(&id, Value::Null).unwrap().unwrap().revision, None);
        assert!(of(&id, json!(0)).is_err() && of("/subscriptions/x", json!(1)).is_err());
        assert_eq!(reference(&json!({ "properties": {} })).unwrap(), None);
    }
}
