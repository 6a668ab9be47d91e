//! Principals as `/wharf/v1/identity` shows them: Wharf's own, small stand-in for Microsoft Graph.
//!
//! Secrets only come in, chosen by the client; none is ever in an answer.

use serde_json::{Value, json};
use wharf_model::{
    Error, ErrorKind,
    access::{Principal, PrincipalKind},
};

use crate::{node::Node, time};

/// Below this a secret of a program is not a random one.
const SECRET_MIN: usize = 32;
const PASSWORD_MIN: usize = 8;
const TEXT_MAX: usize = 256;

/// A principal to be made. Has no `Debug`: it holds a secret.
#[expect(missing_debug_implementations, reason = "it holds a secret")]
pub struct NewPrincipal {
    /// The user name; programs get a client id.
    pub user_name: Option<String>,
    /// What people call it.
    pub name: String,
    /// What it proves itself with.
    pub secret: String,
    /// The role to give it, by name or id, and where.
    pub role: Option<(String, Option<String>)>,
}

/// The kind of principal that a collection holds.
pub fn kind(collection: &str) -> Option<PrincipalKind> {
    match collection.to_ascii_lowercase().as_str() {
        "serviceprincipals" => Some(PrincipalKind::ServicePrincipal),
        "users" => Some(PrincipalKind::User),
        "managedidentities" => Some(PrincipalKind::ManagedIdentity),
        _ => None,
    }
}

/// Reads the request for a new principal.
pub fn parse_new(kind: PrincipalKind, body: &Value) -> Result<NewPrincipal, Error> {
    let root = Node::root(body);
    root.object()?;
    let user_name = match kind {
        PrincipalKind::User => Some(user_name(&root.require("userPrincipalName")?)?),
        PrincipalKind::ServicePrincipal | PrincipalKind::ManagedIdentity => None,
    };
    let name = match (root.get("displayName"), &user_name) {
        (Some(name), _) => bounded(&name, 1..=TEXT_MAX)?,
        (None, Some(user_name)) => user_name.clone(),
        (None, None) => bounded(&root.require("displayName")?, 1..=TEXT_MAX)?,
    };
    let role = root.get("role").map(|role| bounded(&role, 1..=TEXT_MAX)).transpose()?;
    let scope = root.get("scope").map(|scope| scope.text().map(str::to_owned)).transpose()?;
    let role = role.map(|role| (role, scope));
    Ok(NewPrincipal { user_name, name, secret: parse_secret(kind, body)?, role })
}

/// Reads the secret in a request.
pub fn parse_secret(kind: PrincipalKind, body: &Value) -> Result<String, Error> {
    let min = if kind == PrincipalKind::User { PASSWORD_MIN } else { SECRET_MIN };
    bounded(&Node::root(body).require("secret")?, min..=TEXT_MAX)
}

fn bounded(node: &Node<'_>, length: std::ops::RangeInclusive<usize>) -> Result<String, Error> {
    let text = node.text()?;
    if length.contains(&text.chars().count()) {
        return Ok(text.to_owned());
    }
    Err(node.invalid(&format!("must have {} to {} characters", length.start(), length.end())))
}

fn user_name(node: &Node<'_>) -> Result<String, Error> {
    let text = bounded(node, 1..=TEXT_MAX)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-._'@+".contains(c);
    if text.chars().all(is_name) {
        return Ok(text);
    }
    Err(node.invalid("must consist of ASCII letters, digits and the characters -._'@+"))
}

/// There is no such principal.
pub fn not_found(login: &str) -> Error {
    let message = format!("There is no principal '{login}'.");
    Error::new(ErrorKind::NotFound, "PrincipalNotFound", message)
}

/// The document of a principal.
pub fn render(principal: &Principal) -> Value {
    let (kind, login) = match principal.kind {
        PrincipalKind::ServicePrincipal => ("ServicePrincipal", "clientId"),
        PrincipalKind::User => ("User", "userPrincipalName"),
        PrincipalKind::ManagedIdentity => ("ManagedIdentity", "clientId"),
    };
    let mut document = json!({
        "id": principal.id,
        "type": kind,
        login: principal.login,
        "displayName": principal.name,
        "createdDateTime": time::seconds(principal.created_at),
    });
    if let Some(resource) = &principal.resource {
        document["resourceId"] = json!(resource);
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_a_least_length_and_are_named_not_shown_when_refused() {
        let body = |secret: &str| json!({ "displayName": "ci", "secret": secret });
        let parse = |secret: &str| parse_new(PrincipalKind::ServicePrincipal, &body(secret));
        assert!(parse(&"x".repeat(32)).is_ok());
        let error = parse("too-short").err().unwrap();
        assert_eq!(error.target.as_deref(), Some("secret"));
        assert!(!error.message.contains("too-short"));
        let user = json!({ "userPrincipalName": "a b", "secret": "12345678" });
        let error = parse_new(PrincipalKind::User, &user).err().unwrap();
        assert_eq!(error.target.as_deref(), Some("userPrincipalName"));
    }
}
