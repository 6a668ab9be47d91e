//! Credentials for private registries (semantics.md §14).

use serde_json::{Value, json};
use wharf_model::{
    Error, GroupKey,
    spec::{RegistryCredential, RegistryLogin},
};

use super::unsupported;
use crate::{managed_identity, node::Node};

/// The credentials and how they are told back, without passwords. `root` is the whole body: an
/// identity that pulls must be one of the group's own.
pub(super) fn parse(
    root: &Node<'_>,
    properties: &Node<'_>,
    key: &GroupKey,
) -> Result<(Vec<RegistryCredential>, Vec<Value>), Error> {
    let mut parsed = Vec::new();
    let mut documents = Vec::new();
    for node in properties.list("imageRegistryCredentials")? {
        let server = server(&node, key)?;
        if let Some(reference) = node.get("passwordReference") {
            return Err(unsupported(&reference.path, "key vault references come later"));
        }
        let identity = node.get("identity").filter(|identity| !is_blank(identity));
        let (username, password) = (node.get("username"), node.get("password"));
        let mut document = json!({ "server": server, "isDelegatedIdentity": false });
        let login = match (identity, username, password) {
            (Some(identity), None, None) => {
                check_identity(root, &identity, key)?;
                let identity = identity.text()?.to_owned();
                document["identity"] = json!(identity);
                if let Some(url) = node.get("identityUrl").filter(|url| !is_blank(url)) {
                    document["identityUrl"] = json!(url.text()?);
                }
                RegistryLogin::Identity { identity, principal: None }
            }
            (Some(_), _, _) => return Err(ambiguous(&node, &server, key)),
            (None, Some(username), Some(password)) => {
                let username = username.text()?.to_owned();
                document["username"] = json!(username);
                RegistryLogin::Password { username, password: password.text()?.to_owned() }
            }
            (None, _, _) => return Err(no_type(&node, &server, key)),
        };
        documents.push(document);
        parsed.push(RegistryCredential { server, login });
    }
    Ok((parsed, documents))
}

/// Clients send `""` for what they do not mean.
fn is_blank(node: &Node<'_>) -> bool {
    node.value.as_str().is_some_and(str::is_empty)
}

fn server(node: &Node<'_>, key: &GroupKey) -> Result<String, Error> {
    let server = node.require("server")?;
    let name = server.text()?;
    let (host, port) = name.rsplit_once(':').unwrap_or((name, "443"));
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_[]:".contains(c);
    if !host.is_empty() && host.chars().all(fits) && port.parse::<u16>().is_ok() {
        return Ok(name.to_owned());
    }
    Err(Error::invalid(
        "InvalidImageRegistryServer",
        format!(
            "The server '{name}' in the 'imageRegistryCredentials' of container group '{}' is \
             invalid. It should be a valid host name without protocol.",
            key.name
        ),
        &server.path,
    ))
}

fn check_identity(root: &Node<'_>, identity: &Node<'_>, key: &GroupKey) -> Result<(), Error> {
    let wanted = identity.text()?;
    let own = managed_identity::parse_wanted(root.value)?.unwrap_or_default().user_assigned;
    if own.iter().any(|id| id.eq_ignore_ascii_case(wanted)) {
        return Ok(());
    }
    Err(Error::invalid(
        "InvalidImageRegistryIdentity",
        format!(
            "The identity '{wanted}' in the 'imageRegistryCredentials' of container group '{}' is \
             invalid. It must be a user-assigned identity of the container group.",
            key.name
        ),
        &identity.path,
    ))
}

fn ambiguous(node: &Node<'_>, server: &str, key: &GroupKey) -> Error {
    Error::invalid(
        "AmbiguousImageResitryCredentialType",
        format!(
            "The credential for server '{server}' in the 'imageRegistryCredentials' of container \
             group '{}' is ambiguous. Either 'username' and 'password' or 'identity' can be given.",
            key.name
        ),
        &node.path,
    )
}

fn no_type(node: &Node<'_>, server: &str, key: &GroupKey) -> Error {
    Error::invalid(
        "InvalidImageRegistryCredentialType",
        format!(
            "The credential for server '{server}' in the 'imageRegistryCredentials' of container \
             group '{}' is invalid. Either 'username' and 'password' or 'identity' must be given.",
            key.name
        ),
        &node.path,
    )
}
