//! From recorded answers to bodies that can be sent here, and from sent bodies to accepted ones.

use serde_json::{Map, Value, json};

use crate::{
    accepted::Found,
    harness::{Daemon, arm::Answer},
};

/// Images of the recordings and examples, and the quickstart images that take their place: a
/// service for a service, a task for a task, and no two services on one port.
const IMAGES: &[(&str, &str)] = &[
    ("sonatype/nexus3", "aci-helloworld"),
    ("tomcat", "aci-helloworld"),
    ("nginx", "aci-tutorial-sidecar"),
    ("ubuntu:xenial", "aci-wordcount"),
    ("alpine:latest", "aci-wordcount"),
    ("seanmckenna/aci-hellofiles", "aci-helloworld"),
    ("microsoft/aci-helloworld", "aci-helloworld"),
    ("microsoft/aci-tutorial-sidecar", "aci-tutorial-sidecar"),
];

/// The same document with local images, everywhere.
pub(crate) fn localise(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(image)) = members.get_mut("image") {
                let known = IMAGES.iter().find(|(theirs, _)| theirs == image);
                let ours = known.map_or("aci-helloworld", |(_, ours)| ours);
                *image = format!("mcr.microsoft.com/azuredocs/{ours}");
            }
            // A script of a repository that is not here.
            if members
                .get("command")
                .is_some_and(|command| command.to_string().contains("/mnt/repo"))
            {
                members.insert("command".to_owned(), json!(["true"]));
            }
            // Its files are not here either.
            if members.remove("gitRepo").is_some() {
                members.insert("emptyDir".to_owned(), json!({}));
            }
            members.values_mut().for_each(localise);
        }
        Value::Array(items) => items.iter_mut().for_each(localise),
        _ => {}
    }
}

/// The body that a recorded group must have been made with: its answer without what the service
/// added, with the secrets that it keeps to itself.
pub(crate) fn body_of(group: &Value) -> Value {
    let mut body = Map::new();
    for (name, value) in group.as_object().unwrap() {
        if !["id", "name", "type"].contains(&name.as_str()) {
            body.insert(name.clone(), value.clone());
        }
    }
    let mut body = Value::Object(body);
    for member in ["principalId", "tenantId"] {
        if let Some(identity) = body["identity"].as_object_mut() {
            identity.remove(member);
        }
    }
    if let Some(ids) = body.pointer_mut("/identity/userAssignedIdentities") {
        ids.as_object_mut().unwrap().values_mut().for_each(|id| *id = json!({}));
    }
    let properties = body["properties"].as_object_mut().unwrap();
    properties.remove("provisioningTimeoutInSeconds");
    properties.remove("isCustomProvisioningTimeout");
    body
}

/// Makes the shares that a body mounts, and gives it the key of their account.
fn make_shares(wharf: &Daemon, path: &str, body: &mut Value) {
    let subscription = path.split('/').nth(2).unwrap();
    let home = format!("/subscriptions/{subscription}/resourceGroups/files");
    let volumes = body.pointer_mut("/properties/volumes").and_then(Value::as_array_mut);
    let shares = volumes.into_iter().flatten().filter_map(|volume| volume.get_mut("azureFile"));
    for share in shares.filter(|share| share.get("storageAccountName").is_some()) {
        let account = share["storageAccountName"].as_str().unwrap().to_lowercase();
        let name = share["shareName"].as_str().unwrap().to_lowercase();
        let at = format!("{home}/providers/Microsoft.Storage/storageAccounts/{account}");
        let send = |method, path: &str, body: &Value| {
            wharf.arm(method, &format!("{path}?api-version=2021-04-01"), Some(body))
        };
        send("PUT", &home, &json!({ "location": "westus" }));
        let body = json!({
            "location": "westus", "kind": "StorageV2", "sku": { "name": "Standard_LRS" } });
        send("PUT", &at, &body);
        send("PUT", &format!("{at}/fileServices/default/shares/{name}"), &json!({}));
        let keys = send("POST", &format!("{at}/listKeys"), &json!({}));
        share["storageAccountKey"] = keys.at("/keys/0/value").clone();
    }
}

/// PUTs a body. What is refused as not supported is taken out, one property after the other, and
/// noted. Returns the answer and the paths that were taken out.
pub(crate) fn put(
    wharf: &Daemon,
    place: &str,
    path: &str,
    mut body: Value,
    found: &mut Vec<Found>,
) -> (Answer, Vec<String>) {
    make_shares(wharf, path, &mut body);
    let mut refused = Vec::new();
    loop {
        let answer = wharf.arm("PUT", path, Some(&body));
        let target = answer.at("/error/target").as_str().unwrap_or_default().to_owned();
        if answer.code() != "FeatureNotSupported" || refused.contains(&target) {
            return (answer, refused);
        }
        let what = format!("refused {}", without_numbers(&target));
        found.push(Found { place: place.to_owned(), what });
        remove(&mut body, &target);
        refused.push(target);
    }
}

/// A path such as `properties.volumes[0].azureFile` without its numbers.
fn without_numbers(path: &str) -> String {
    path.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// Takes a member out, if it is there. A volume without a source is an emptyDir.
pub(crate) fn remove(body: &mut Value, path: &str) {
    let pointer = format!("/{}", path.replace(['.', '['], "/").replace(']', ""));
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    if let Some(Value::Object(members)) = body.pointer_mut(parent) {
        members.retain(|key, _| !key.eq_ignore_ascii_case(name));
        if path.starts_with("properties.volumes[") {
            members.insert("emptyDir".to_owned(), json!({}));
        }
    }
}
