//! A body that has a property, and the same body without it.

use serde_json::{Value, json};

/// Values by the end of a path; the first that fits counts. Without one: `"x1"`.
const VALUES: &[(&str, &str)] = &[
    ("requests.cpu", "2"),
    ("requests.memoryInGB", "2"),
    ("limits.cpu", "1.5"),
    ("limits.memoryInGB", "1.8"),
    ("gpu.count", "1"),
    ("gpu.sku", "\"V100\""),
    (".port", "81"),
    ("ports[].protocol", "\"UDP\""),
    ("scheme", "\"https\""),
    ("httpGet.path", "\"/y\""),
    ("httpHeaders[].name", "\"Accept\""),
    ("command[]", "\"true\""),
    ("Seconds", "7"),
    ("livenessProbe.successThreshold", "1"),
    ("successThreshold", "2"),
    ("failureThreshold", "5"),
    ("revision", "\"abc\""),
    ("readOnly", "true"),
    ("privileged", "true"),
    ("allowPrivilegeEscalation", "true"),
    ("add[]", "\"CHOWN\""),
    ("drop[]", "\"CHOWN\""),
    ("runAsUser", "1000"),
    ("runAsGroup", "1000"),
    ("seccompProfile", "\"eyJkZWZhdWx0QWN0aW9uIjoiU0NNUF9BQ1RfQUxMT1cifQ==\""),
    ("keyValuePairs", "{\"k\":\"v\"}"),
    ("mountPath", "\"/other\""),
    ("volumeMounts[].name", "\"v\""),
    ("volumes[].name", "\"v2\""),
    ("emptyDir", "{}"),
    ("secret", "{\"k\":\"djE=\"}"),
    ("secretReference", "{\"k\":\"r\"}"),
    ("repository", "\"https://example.com/r.git\""),
    ("directory", "\"there\""),
    ("server", "\"registry.example.com\""),
    (
        "imageRegistryCredentials[].identity",
        "\"/subscriptions/s/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i\"",
    ),
    ("identityUrl", "\"https://example.com\""),
    (
        "subnetIds[].id",
        "\"/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v/subnets/a\"",
    ),
    ("ipAddress.ip", "\"10.0.0.9\""),
    ("dnsNameLabel", "\"label-1\""),
    ("ipAddress.type", "\"Public\""),
    ("restartPolicy", "\"Never\""),
    ("osType", "\"Linux\""),
    ("nameServers[]", "\"10.0.0.1\""),
    ("zones[]", "\"1\""),
    ("properties.sku", "\"Standard\""),
    ("properties.priority", "\"Regular\""),
    ("logType", "\"ContainerInsights\""),
    ("metadata", "{\"k\":\"v\"}"),
    ("vaultBaseUrl", "\"https://v.vault.azure.net\""),
    ("containers[].properties.image", "\"other\""),
    ("settings", "{\"k\":\"v\"}"),
    ("protectedSettings", "{\"k\":\"v\"}"),
    ("failContainerGroupCreateOnReuseFailure", "true"),
];

/// What must stand beside properties below a path.
const BESIDE: &[(&str, &str)] = &[
    ("livenessProbe.httpGet", r#"{"port": 80, "path": "/x"}"#),
    ("readinessProbe.httpGet", r#"{"port": 80, "path": "/x"}"#),
    ("httpGet.httpHeaders[]", r#"{"name": "A", "value": "b"}"#),
    ("livenessProbe", r#"{"exec": {"command": ["sh"]}}"#),
    ("readinessProbe", r#"{"exec": {"command": ["sh"]}}"#),
    ("environmentVariables[]", r#"{"name": "A"}"#),
    ("volumeMounts[]", r#"{"name": "v", "mountPath": "/v"}"#),
    ("gitRepo", r#"{"repository": "https://example.com/a.git"}"#),
    ("azureFile", r#"{"shareName": "s", "storageAccountName": "a", "storageAccountKey": "a2V5"}"#),
    (
        "imageRegistryCredentials[]",
        r#"{"server": "r.example.com", "username": "u", "password": "p"}"#,
    ),
    ("logAnalytics", r#"{"workspaceId": "w", "workspaceKey": "a2V5"}"#),
    (
        "encryptionProperties",
        r#"{"vaultBaseUrl": "https://a.vault.azure.net", "keyName": "k", "keyVersion": "1"}"#,
    ),
    ("dnsConfig", r#"{"nameServers": ["10.0.0.2"]}"#),
    ("extensions[]", r#"{"name": "e", "properties": {"extensionType": "t", "version": "1"}}"#),
    (
        "subnetIds[]",
        r#"{"id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v/subnets/b"}"#,
    ),
    ("initContainers[]", r#"{"name": "i", "properties": {"image": "i"}}"#),
    ("properties.volumes[]", r#"{"name": "w"}"#),
    ("properties.ipAddress", r#"{"type": "Public", "ports": [{"port": 80}]}"#),
];

/// The body without the property, and with it.
pub(crate) fn bodies(path: &str) -> (Value, Value) {
    let mut body = base();
    let mut beside: Vec<_> =
        BESIDE.iter().filter_map(|(below, text)| at(path, below).map(|to| (to, text))).collect();
    beside.sort_by_key(|(to, _)| to.len());
    for (to, text) in beside {
        let more: Value = serde_json::from_str(text).unwrap();
        let place = place(&mut body, &to);
        for (name, value) in more.as_object().unwrap() {
            let has_rival = path.contains(".httpGet") && name == "exec";
            if place.get(name).is_none() && !has_rival {
                place[name] = value.clone();
            }
        }
    }
    adapt(path, &mut body);
    let text =
        VALUES.iter().find(|(end, _)| path.ends_with(end)).map_or("\"x1\"", |(_, text)| text);
    let mut with = body.clone();
    *place(&mut with, path) = serde_json::from_str(text).unwrap();
    if let Some(port) = path.strip_prefix("properties.ipAddress.ports[]") {
        // Open ports are those of a container.
        *place(&mut with, &format!("properties.containers[].properties.ports[]{port}")) =
            serde_json::from_str(text).unwrap();
    }
    remove(&mut body, path);
    (body, with)
}

/// Takes a property out.
pub(crate) fn remove(body: &mut Value, path: &str) {
    let path = path.trim_end_matches("[]");
    let (parent, name) = match path.rsplit_once('.') {
        Some((parent, name)) => (place(body, parent), name),
        None => (body, path),
    };
    if let Some(parent) = parent.as_object_mut() {
        parent.remove(name);
    }
}

fn base() -> Value {
    json!({
        "location": "westus",
        "properties": {
            "osType": "Linux",
            "containers": [{ "name": "c", "properties": {
                "image": "nginx",
                "ports": [{ "port": 80 }],
                "resources": { "requests": { "cpu": 1, "memoryInGB": 1 } },
            } }, { "name": "d", "properties": {
                "image": "nginx",
                "resources": { "requests": { "cpu": 2, "memoryInGB": 2 } },
            } }],
            "volumes": [{ "name": "v" }],
        },
    })
}

/// What two properties cannot have at once.
fn adapt(path: &str, body: &mut Value) {
    let credential = |body: &mut Value, gone: &[&str]| {
        let place = place(body, "properties.imageRegistryCredentials[]");
        for name in gone {
            place.as_object_mut().unwrap().remove(*name);
        }
    };
    if path.starts_with("properties.imageRegistryCredentials[].identity") {
        credential(body, &["username", "password"]);
        *place(body, "identity") = json!({ "type": "UserAssigned", "userAssignedIdentities":
            { "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i": {} } });
        if path.ends_with("Url") {
            let id = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i";
            *place(body, "properties.imageRegistryCredentials[].identity") = json!(id);
        }
    } else if path.ends_with("passwordReference") {
        credential(body, &["password"]);
    }
    if path.ends_with("autoGeneratedDomainNameLabelScope") {
        *place(body, "properties.ipAddress.dnsNameLabel") = json!("label-1");
    }
}

/// The path up to where `below` ends in it.
fn at(path: &str, below: &str) -> Option<String> {
    let (before, after) = path.split_once(below)?;
    let is_whole = after.is_empty() || after.starts_with('.') || after.starts_with("[]");
    (is_whole && (before.is_empty() || before.ends_with('.'))).then(|| format!("{before}{below}"))
}

/// The value at a path, made where it is not there; `[]` is the first item.
fn place<'a>(body: &'a mut Value, path: &str) -> &'a mut Value {
    let mut value = body;
    for part in path.split('.') {
        let name = part.trim_end_matches("[]");
        value = &mut value[name];
        if part.ends_with("[]") {
            if value.as_array().is_none_or(Vec::is_empty) {
                *value = json!([{}]);
            }
            value = &mut value[0];
        } else if value.is_null() {
            *value = json!({});
        }
    }
    value
}
