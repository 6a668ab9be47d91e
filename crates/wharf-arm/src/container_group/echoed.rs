//! Properties that are checked and told back and have no effect yet (semantics.md §18, §19).
//!
//! What is told back is listed member by member, so that no secret comes back under a name that
//! nobody thought of.

use serde_json::{Map, Value, json};
use wharf_model::Error;

use crate::node::Node;

const LOG_TYPES: &[&str] = &["ContainerInsights", "ContainerInstanceLogs"];

/// Adds them to the echo.
pub(super) fn parse(properties: &Node<'_>, echo: &mut Map<String, Value>) -> Result<(), Error> {
    let mut add = |name: &str, parse: fn(&Node<'_>) -> Result<Value, Error>| {
        if let Some(node) = properties.get(name) {
            echo.insert(name.to_owned(), parse(&node)?);
        }
        Ok(())
    };
    add("diagnostics", diagnostics)?;
    add("encryptionProperties", encryption)?;
    add("extensions", extensions)
}

/// `workspaceKey` and `workspaceResourceId` are write-only. The key is not asked for: an exported
/// document has none and can be sent again.
fn diagnostics(node: &Node<'_>) -> Result<Value, Error> {
    node.object()?;
    let Some(workspace) = node.get("logAnalytics") else { return Ok(json!({})) };
    let mut document = Map::new();
    document.insert("workspaceId".to_owned(), json!(workspace.require("workspaceId")?.text()?));
    for secret in ["workspaceKey", "workspaceResourceId"] {
        workspace.get(secret).map(|node| node.text()).transpose()?;
    }
    if let Some(kind) = workspace.get("logType") {
        let known = kind.one_of(LOG_TYPES);
        let known = known.ok_or_else(|| kind.invalid("is not a known type of log"))?;
        document.insert("logType".to_owned(), json!(known));
    }
    if let Some(metadata) = workspace.get("metadata") {
        document.insert("metadata".to_owned(), texts(&metadata)?);
    }
    Ok(json!({ "logAnalytics": document }))
}

fn encryption(node: &Node<'_>) -> Result<Value, Error> {
    let mut document = Map::new();
    for name in ["vaultBaseUrl", "keyName", "keyVersion"] {
        document.insert(name.to_owned(), json!(node.require(name)?.text()?));
    }
    if let Some(identity) = node.get("identity") {
        document.insert("identity".to_owned(), json!(identity.text()?));
    }
    Ok(Value::Object(document))
}

fn extensions(node: &Node<'_>) -> Result<Value, Error> {
    node.items()?.iter().map(extension).collect()
}

/// `protectedSettings` are write-only; `settings` are the extension's own business.
fn extension(node: &Node<'_>) -> Result<Value, Error> {
    let name = node.require("name")?.text()?;
    let mut properties = Map::new();
    if let Some(node) = node.get("properties") {
        for name in ["extensionType", "version"] {
            properties.insert(name.to_owned(), json!(node.require(name)?.text()?));
        }
        if let Some(settings) = node.get("settings") {
            properties.insert("settings".to_owned(), settings.value.clone());
        }
    }
    Ok(json!({ "name": name, "properties": properties }))
}

/// An object of strings.
pub(super) fn texts(node: &Node<'_>) -> Result<Value, Error> {
    node.entries()?
        .iter()
        .map(|(key, value)| Ok(((*key).to_owned(), value.loose_text()?.into())))
        .collect::<Result<Map<_, _>, Error>>()
        .map(Value::Object)
}
