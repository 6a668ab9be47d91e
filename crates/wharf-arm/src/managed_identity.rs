//! `Microsoft.ManagedIdentity/userAssignedIdentities`, and the `identity` of other resources
//! (semantics.md §13).

use serde_json::{Map, Value, json};
use uuid::Uuid;
use wharf_model::{Error, access::Principal};

use crate::node::Node;

/// The type of a user-assigned identity.
pub const USER_ASSIGNED: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";

/// Which identities a resource shall have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// One of its own, which goes with it.
    pub has_system: bool,
    /// Ids of user-assigned identities, as sent.
    pub user_assigned: Vec<String>,
}

/// Reads `identity` of a body; `None` when there is none, or it says `None`.
pub fn parse_wanted(body: &Value) -> Result<Option<Wanted>, Error> {
    let Some(node) = Node::root(body).get("identity") else { return Ok(None) };
    node.object()?;
    let kind = node.require("type")?;
    let words: Vec<String> =
        kind.text()?.split(',').map(|word| word.trim().to_ascii_lowercase()).collect();
    let (has_system, has_user) =
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["none"] => return Ok(None),
            ["systemassigned"] => (true, false),
            ["userassigned"] => (false, true),
            ["systemassigned", "userassigned"] | ["userassigned", "systemassigned"] => (true, true),
            _ => {
                return Err(kind.invalid(
                    "must be 'SystemAssigned', 'UserAssigned', 'SystemAssigned, UserAssigned' or \
                     'None'",
                ));
            }
        };
    let given = node.get("userAssignedIdentities");
    // Also entries that are null are meant.
    let given = given.as_ref().map(Node::object).transpose()?;
    let user_assigned: Vec<String> =
        given.into_iter().flatten().map(|(id, _)| id.clone()).collect();
    if has_user == user_assigned.is_empty() {
        let path = "identity.userAssignedIdentities";
        let message = if has_user {
            "The property 'identity.userAssignedIdentities' must name an identity when the type \
             has 'UserAssigned'."
        } else {
            "The property 'identity.userAssignedIdentities' must be empty when the type does not \
             have 'UserAssigned'."
        };
        return Err(Error::invalid("InvalidIdentityValues", message, path));
    }
    Ok(Some(Wanted { has_system, user_assigned }))
}

/// The identities that a resource has, as it is told: the keys as they were sent. The tenant is
/// told without a system identity as well (recorded traffic, semantics.md §13).
pub fn render_block(
    system: Option<&Principal>,
    user_assigned: &[(String, Principal)],
    tenant: &str,
) -> Value {
    let kind = match (system.is_some(), user_assigned.is_empty()) {
        (true, true) => "SystemAssigned",
        (true, false) => "SystemAssigned, UserAssigned",
        (false, _) => "UserAssigned",
    };
    let mut block = Map::new();
    if let Some(system) = system {
        block.insert("principalId".to_owned(), json!(system.id));
    }
    block.insert("tenantId".to_owned(), json!(tenant));
    block.insert("type".to_owned(), json!(kind));
    if !user_assigned.is_empty() {
        let ids = user_assigned.iter().map(|(id, principal)| {
            let ids = json!({ "principalId": principal.id, "clientId": principal.login });
            (id.clone(), ids)
        });
        block.insert("userAssignedIdentities".to_owned(), Value::Object(ids.collect()));
    }
    Value::Object(block)
}

/// Checks the name of a user-assigned identity.
pub fn check_name(name: &str) -> Result<(), Error> {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if (3..=128).contains(&name.len()) && begins_well && name.chars().all(is_inner) {
        return Ok(());
    }
    let message = format!(
        "The resource name '{name}' is invalid. It has 3 to 128 letters, digits, '-' and '_', and \
         begins with a letter or digit."
    );
    Err(Error::invalid("InvalidResourceName", message, "name"))
}

/// The document of a user-assigned identity.
pub fn render(
    id: &str,
    name: &str,
    (location, tags): (&str, &str),
    (principal, client): (Uuid, &str),
    tenant: &str,
) -> Value {
    json!({
        "id": id,
        "name": name,
        "type": USER_ASSIGNED,
        "location": location,
        "tags": serde_json::from_str::<Value>(tags).unwrap_or_else(|_| json!({})),
        "properties": {
            "tenantId": tenant,
            "principalId": principal,
            "clientId": client,
            "isolationScope": "None",
        },
    })
}

/// A resource shall have an identity that does not exist.
pub fn assigned_not_found(id: &str) -> Error {
    let message = format!(
        "Failed to perform resource identity operation. The user-assigned identity '{id}' was not \
         found."
    );
    Error::invalid("FailedIdentityOperation", message, "identity.userAssignedIdentities")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(block: &Value) -> Result<Option<Wanted>, Error> {
        parse_wanted(&json!({ "identity": block }))
    }

    #[test]
    fn all_spellings_of_the_type_are_understood() {
        assert_eq!(wanted(&json!({ "type": "None" })).unwrap(), None);
        assert_eq!(parse_wanted(&json!({})).unwrap(), None);
        let system = wanted(&json!({ "type": "systemassigned" })).unwrap().unwrap();
        assert!(system.has_system && system.user_assigned.is_empty());
        let ids = json!({ "/a": {}, "/b": null });
        let both = json!({ "type": "UserAssigned,SystemAssigned", "userAssignedIdentities": ids });
        let both = wanted(&both).unwrap().unwrap();
        assert_eq!((both.has_system, both.user_assigned.len()), (true, 2));
        for (block, target) in [
            (json!({ "type": "Mine" }), "identity.type"),
            (json!({ "type": "UserAssigned" }), "identity.userAssignedIdentities"),
            (
                json!({ "type": "SystemAssigned", "userAssignedIdentities": { "/a": {} } }),
                "identity.userAssignedIdentities",
            ),
        ] {
            assert_eq!(wanted(&block).unwrap_err().target.as_deref(), Some(target));
        }
    }
}
