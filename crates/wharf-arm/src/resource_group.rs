//! `Microsoft.Resources/resourceGroups`.

use serde_json::{Value, json};
use wharf_model::{Error, ResourceGroupKey};

use crate::{location, node::Node, resource_id};

/// A validated PUT or PATCH body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The region; `None` in a PATCH.
    pub location: Option<String>,
    /// A JSON object of strings; `None` when the body names no tags.
    pub tags: Option<String>,
}

/// 1 to 90 of letters, digits, `-_.()`, not ending in a dot.
pub fn check_name(name: &str) -> Result<(), Error> {
    let fits = |c: char| c.is_alphanumeric() || "-_.()".contains(c);
    if (1..=90).contains(&name.chars().count()) && name.chars().all(fits) && !name.ends_with('.') {
        return Ok(());
    }
    Err(Error::invalid(
        "InvalidResourceGroup",
        format!(
            "The provided resource group name '{name}' has these invalid characters or is too \
             long. The name can only be a letter, digit, '-', '.', '(', ')' or '_', at most 90 \
             characters, and must not end with '.'."
        ),
        "resourceGroupName",
    ))
}

/// Reads a body.
pub fn parse(body: &Value) -> Result<Parsed, Error> {
    let root = Node::root(body);
    root.object()?;
    let location = root.get("location").map(|node| node.text().map(location::normalise));
    let tags = root.get("tags").map(|node| tags(&node));
    Ok(Parsed { location: location.transpose()?, tags: tags.transpose()? })
}

/// Tags as a JSON object of strings: at most 50 (ARM), values as text.
pub(crate) fn tags(node: &Node<'_>) -> Result<String, Error> {
    let mut tags = serde_json::Map::new();
    for (key, value) in node.entries()? {
        tags.insert(key.to_owned(), json!(value.loose_text()?));
    }
    if tags.len() > 50 {
        return Err(Error::invalid(
            "InvalidTags",
            format!("{} tags were given; a resource can have 50 at most.", tags.len()),
            &node.path,
        ));
    }
    Ok(Value::Object(tags).to_string())
}

/// The document of a resource group.
pub fn render(key: &ResourceGroupKey, location: &str, tags: &str, is_deleting: bool) -> Value {
    let state = if is_deleting { "Deleting" } else { "Succeeded" };
    json!({
        "id": resource_id::resource_group(key),
        "name": key.name.as_str(),
        "type": "Microsoft.Resources/resourceGroups",
        "location": location,
        "tags": serde_json::from_str::<Value>(tags).unwrap_or_else(|_| json!({})),
        "properties": { "provisioningState": state },
    })
}
