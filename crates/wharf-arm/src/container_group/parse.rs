//! The top of a PUT body.

use serde_json::{Map, Value, json};
use wharf_model::{
    Error, GroupKey,
    change::Proposal,
    spec::{GroupSpec, OsType, RestartPolicy},
};

use super::{
    containers, credentials, dns, echoed, exposure, placement, subnet, unsupported, versions,
    volumes,
};
use crate::{ApiVersion, location, node::Node, resource_group};

/// Properties that are refused while they hold anything, and why.
const REFUSED: &[(&str, &str)] = &[
    ("networkProfile", "name the subnet in 'subnetIds', in an api-version from 2021-07-01 on"),
    ("containerGroupProfile", "a profile is made from no other one"),
    ("standbyPoolProfile", "standby pools come later"),
    ("confidentialComputeProperties", "there are no confidential hosts"),
    ("secretReferences", "key vault references come later"),
    ("identityAcls", "every container of a group has all its identities"),
];

/// The tags of a group whose body named none: they are left out of its document.
const NO_TAGS: &str = "null";

/// Reads the body of a PUT. What the version does not know is ignored.
pub fn parse(body: &Value, key: &GroupKey, version: ApiVersion) -> Result<Proposal, Error> {
    let body = &versions::known(body, version);
    let root = Node::root(body);
    root.object()?;
    check_name(key)?;
    let location = location(&root)?;
    let properties = root.require("properties")?;
    properties.object()?;
    check_refused(&properties)?;
    let placement = placement::parse(&root, &properties, key)?;
    let os_type = os_type(&properties)?;
    let (containers, container_documents) = containers::parse(&properties, key)?;
    let (inits, init_documents) = containers::parse_inits(&properties, key, &containers)?;
    let (subnet, subnet_document) = subnet::parse(&properties)?;
    let (ip_address, ip_document) =
        exposure::parse(&properties, key, &containers, subnet.as_ref())?;
    let (volumes, volume_documents) = volumes::parse(&properties)?;
    volumes::check_mounts(inits.iter().chain(&containers), &volumes, key)?;
    let (registry_credentials, credential_documents) = credentials::parse(&root, &properties, key)?;
    let (dns, dns_document) = dns::parse(&properties)?;
    let restart_policy = restart_policy(&properties)?;
    let mut echo = Map::new();
    echo.insert("sku".to_owned(), json!("Standard"));
    echo.insert("containers".to_owned(), json!(container_documents));
    echo.insert("initContainers".to_owned(), json!(init_documents));
    if !credential_documents.is_empty() {
        echo.insert("imageRegistryCredentials".to_owned(), json!(credential_documents));
    }
    echo.insert("restartPolicy".to_owned(), json!(restart_policy_name(restart_policy)));
    for (name, document) in
        [("ipAddress", ip_document), ("subnetIds", subnet_document), ("dnsConfig", dns_document)]
    {
        if let Some(document) = document {
            echo.insert(name.to_owned(), document);
        }
    }
    echo.insert("osType".to_owned(), json!("Linux"));
    if !volume_documents.is_empty() {
        echo.insert("volumes".to_owned(), json!(volume_documents));
    }
    echoed::parse(&properties, &mut echo)?;
    if let Some(priority) = placement.priority {
        echo.insert("priority".to_owned(), json!(priority));
    }
    let mut document = json!({ "properties": echo });
    if let Some(zones) = placement.zones {
        document["zones"] = zones;
    }
    let tags = root.get("tags").map(|node| resource_group::tags(&node)).transpose()?;
    let spec = GroupSpec {
        os_type,
        restart_policy,
        init_containers: inits,
        containers,
        volumes,
        registry_credentials,
        ip_address,
        dns,
        subnet,
    };
    let tags = tags.unwrap_or_else(|| NO_TAGS.to_owned());
    Ok(Proposal { location, spec, document: document.to_string(), tags })
}

/// Reads the body of a PATCH: only tags take effect, and are replaced as a whole; `None` when the
/// body has none.
pub fn parse_patch(body: &Value) -> Result<Option<String>, Error> {
    resource_group::parse(body).map(|parsed| parsed.tags)
}

fn location(root: &Node<'_>) -> Result<String, Error> {
    let Some(node) = root.get("location") else {
        let message = "The location property is required for this definition.";
        return Err(Error::invalid("LocationRequired", message, "location"));
    };
    let location = location::normalise(node.text()?);
    if location.is_empty() || !location.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(node.invalid("must be the name of a region: letters and digits"));
    }
    Ok(location)
}

fn check_name(key: &GroupKey) -> Result<(), Error> {
    let name = key.name.as_str();
    if wharf_model::ContainerName::parse(name).is_some() {
        return Ok(());
    }
    Err(Error::invalid(
        "InvalidContainerGroupName",
        format!(
            "The container group name '{name}' is invalid. The container group name must contain \
             no more than 63 characters and must match the regex \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?' (e.g. 'my-name')."
        ),
        "name",
    ))
}

fn check_refused(properties: &Node<'_>) -> Result<(), Error> {
    let is_empty = |value: &Value| match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Null => true,
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    for (name, why) in REFUSED {
        if let Some(node) = properties.get(name).filter(|node| !is_empty(node.value)) {
            return Err(unsupported(&node.path, why));
        }
    }
    for timeout in ["provisioningTimeoutInSeconds", "isCustomProvisioningTimeout"] {
        if let Some(node) = properties.get(timeout) {
            return Err(Error::invalid(
                "CustomProvisioningTimeoutInSecondsNotSuppported",
                format!("The property '{timeout}' cannot be set."),
                &node.path,
            ));
        }
    }
    Ok(())
}

fn os_type(properties: &Node<'_>) -> Result<OsType, Error> {
    let Some(node) = properties.get("osType") else { return Err(invalid_os_type("<null>")) };
    match node.one_of(&["Linux", "Windows"]) {
        Some("Linux") => Ok(OsType::Linux),
        Some(_) => Err(Error::invalid(
            "OsTypeNotSupported",
            "The 'osType' 'Windows' is not supported: this Wharf has no Windows node. Use 'Linux'.",
            &node.path,
        )),
        None => Err(invalid_os_type("<null>")),
    }
}

/// The real service writes `<null>` for the group's name (semantics.md §2).
fn invalid_os_type(group: &str) -> Error {
    Error::invalid(
        "InvalidOsType",
        format!(
            "The 'osType' for container group '{group}' is invalid. The value must be one of \
             'Windows,Linux'."
        ),
        "properties.osType",
    )
}

fn restart_policy(properties: &Node<'_>) -> Result<RestartPolicy, Error> {
    let Some(node) = properties.get("restartPolicy") else { return Ok(RestartPolicy::Always) };
    match node.one_of(&["Always", "OnFailure", "Never"]) {
        Some("Always") => Ok(RestartPolicy::Always),
        Some("OnFailure") => Ok(RestartPolicy::OnFailure),
        Some(_) => Ok(RestartPolicy::Never),
        None => Err(Error::invalid(
            "InvalidRestartPolicy",
            format!(
                "The 'restartPolicy' {} is invalid. The value must be one of \
                 'Always,OnFailure,Never'.",
                node.value
            ),
            &node.path,
        )),
    }
}

fn restart_policy_name(policy: RestartPolicy) -> &'static str {
    match policy {
        RestartPolicy::Always => "Always",
        RestartPolicy::OnFailure => "OnFailure",
        RestartPolicy::Never => "Never",
    }
}
