//! The top of a PUT body.

use serde_json::{Map, Value, json};
use wharf_model::{
    Error, GroupKey,
    change::Proposal,
    spec::{DnsSpec, GroupSpec, OsType, RegistryCredential, RestartPolicy},
};

use super::{containers, exposure, unsupported, volumes};
use crate::{ApiVersion, location, node::Node, resource_group};

/// Properties that are refused while they hold anything, and why.
const REFUSED: &[(&str, &str)] = &[
    ("subnetIds", "virtual networks come later"),
    ("networkProfile", "virtual networks come later"),
    ("containerGroupProfile", "container group profiles come later"),
    ("standbyPoolProfile", "standby pools come later"),
    ("confidentialComputeProperties", "there are no confidential hosts"),
    ("secretReferences", "key vault references come later"),
    ("identityAcls", "managed identities come later"),
];

/// Reads the body of a PUT. `_version` is where dated differences of input belong; so far none
/// matters, since unknown properties are ignored.
pub fn parse(body: &Value, key: &GroupKey, _version: ApiVersion) -> Result<Proposal, Error> {
    let root = Node::root(body);
    root.object()?;
    check_name(key)?;
    let location = location::normalise(root.require("location")?.text()?);
    let properties = root.require("properties")?;
    properties.object()?;
    check_refused(&root, &properties)?;
    let os_type = os_type(&properties)?;
    let (containers, container_documents) = containers::parse(&properties, key)?;
    let (inits, init_documents) = containers::parse_inits(&properties, key, &containers)?;
    let (ip_address, ip_document) = exposure::parse(&properties, key, &containers)?;
    let (volumes, volume_documents) = volumes::parse(&properties)?;
    volumes::check_mounts(inits.iter().chain(&containers), &volumes, key)?;
    let (registry_credentials, credential_documents) = credentials(&properties, key)?;
    let (dns, dns_document) = dns(&properties)?;
    let restart_policy = restart_policy(&properties)?;
    let mut echo = Map::new();
    echo.insert("sku".to_owned(), json!("Standard"));
    echo.insert("containers".to_owned(), json!(container_documents));
    echo.insert("initContainers".to_owned(), json!(init_documents));
    if !credential_documents.is_empty() {
        echo.insert("imageRegistryCredentials".to_owned(), json!(credential_documents));
    }
    echo.insert("restartPolicy".to_owned(), json!(restart_policy_name(restart_policy)));
    for (name, document) in [("ipAddress", ip_document), ("dnsConfig", dns_document)] {
        if let Some(document) = document {
            echo.insert(name.to_owned(), document);
        }
    }
    echo.insert("osType".to_owned(), json!("Linux"));
    if !volume_documents.is_empty() {
        echo.insert("volumes".to_owned(), json!(volume_documents));
    }
    echo_only(&properties, &mut echo);
    let mut document = json!({ "properties": echo });
    if let Some(zones) = root.get("zones") {
        document["zones"] = zones.value.clone();
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
    };
    let tags = tags.unwrap_or_else(|| "{}".to_owned());
    Ok(Proposal { location, spec, document: document.to_string(), tags })
}

/// Reads the body of a PATCH: only tags take effect, and are replaced as a whole; `None` when the
/// body has none.
pub fn parse_patch(body: &Value) -> Result<Option<String>, Error> {
    resource_group::parse(body).map(|parsed| parsed.tags)
}

fn check_name(key: &GroupKey) -> Result<(), Error> {
    let name = key.name.as_str();
    if wharf_model::ContainerName::parse(&name.to_ascii_lowercase()).is_some() {
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

fn check_refused(root: &Node<'_>, properties: &Node<'_>) -> Result<(), Error> {
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
    if let Some(kind) = root.get("identity").and_then(|identity| identity.get("type"))
        && kind.one_of(&["None"]).is_none()
    {
        return Err(unsupported("identity", "managed identities come later"));
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
    if let Some(sku) = properties.get("sku")
        && sku.one_of(&["Standard", "NotSpecified"]).is_none()
    {
        return Err(unsupported(&sku.path, "there is only the SKU 'Standard'"));
    }
    if let Some(priority) = properties.get("priority")
        && priority.one_of(&["Regular"]).is_none()
    {
        return Err(unsupported(&priority.path, "there is only the priority 'Regular'"));
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

fn credentials(
    properties: &Node<'_>,
    key: &GroupKey,
) -> Result<(Vec<RegistryCredential>, Vec<Value>), Error> {
    let mut parsed = Vec::new();
    let mut documents = Vec::new();
    for node in properties.list("imageRegistryCredentials")? {
        let server = node.require("server")?;
        let name = server.text()?;
        if name.contains("://") || name.is_empty() || name.contains('/') {
            return Err(Error::invalid(
                "InvalidImageRegistryServer",
                format!(
                    "The image registry server '{name}' in container group '{}' is invalid. It \
                     should be a valid host name without protocol.",
                    key.name
                ),
                &server.path,
            ));
        }
        if let Some(identity) = node.get("identity").or_else(|| node.get("passwordReference")) {
            return Err(unsupported(&identity.path, "managed identities come later"));
        }
        let username = node.require("username")?.text()?.to_owned();
        let password = node.require("password")?.text()?.to_owned();
        documents.push(json!({
            "server": name, "username": username, "isDelegatedIdentity": false,
        }));
        parsed.push(RegistryCredential { server: name.to_owned(), username, password });
    }
    Ok((parsed, documents))
}

fn dns(properties: &Node<'_>) -> Result<(Option<DnsSpec>, Option<Value>), Error> {
    let Some(node) = properties.get("dnsConfig") else { return Ok((None, None)) };
    let mut name_servers = Vec::new();
    for server in node.require("nameServers")?.items()? {
        let text = server.text()?;
        if text.parse::<std::net::IpAddr>().is_err() {
            return Err(server.invalid("must be an IP address"));
        }
        name_servers.push(text.to_owned());
    }
    let text = |name: &str| -> Result<Option<String>, Error> {
        let Some(node) = node.get(name) else { return Ok(None) };
        let text = node.text()?;
        if text.contains(['\n', '\r']) {
            return Err(node.invalid("must be one line"));
        }
        Ok(Some(text.to_owned()))
    };
    let (search_domains, options) = (text("searchDomains")?, text("options")?);
    let mut document = json!({ "nameServers": name_servers });
    for (name, value) in [("searchDomains", &search_domains), ("options", &options)] {
        if let Some(value) = value {
            document[name] = json!(value);
        }
    }
    Ok((Some(DnsSpec { name_servers, search_domains, options }), Some(document)))
}

/// Properties that are told back and have no effect yet (semantics.md §18, §19).
fn echo_only(properties: &Node<'_>, echo: &mut Map<String, Value>) {
    for name in ["diagnostics", "encryptionProperties", "extensions", "priority"] {
        if let Some(node) = properties.get(name) {
            echo.insert(name.to_owned(), without_secrets(node.value));
        }
    }
}

/// The value without members that hold secrets, at any depth.
fn without_secrets(value: &Value) -> Value {
    const SECRETS: &[&str] = &["workspaceKey", "protectedSettings", "password", "key"];
    match value {
        Value::Object(members) => {
            let is_secret = |name: &str| SECRETS.iter().any(|s| s.eq_ignore_ascii_case(name));
            let kept = members.iter().filter(|(name, _)| !is_secret(name));
            kept.map(|(name, value)| (name.clone(), without_secrets(value))).collect()
        }
        Value::Array(items) => items.iter().map(without_secrets).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}
