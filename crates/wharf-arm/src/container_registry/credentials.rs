//! The admin user of a registry: the registry's name with either of two passwords.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wharf_model::{Error, ErrorKind};

use crate::node::Node;

/// Random bytes of a password, which has 52 characters as Azure's have.
pub const PASSWORD_LENGTH: usize = 39;

/// Both passwords, by their place.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passwords(pub [String; 2]);

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<passwords>")
    }
}

/// A password of these bytes.
pub fn password(bytes: &[u8; PASSWORD_LENGTH]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

impl Passwords {
    /// What `listCredentials` and `regenerateCredential` answer.
    pub fn render(&self, registry: &str) -> Value {
        let [one, two] = &self.0;
        json!({
            "username": registry,
            "passwords": [
                { "name": "password", "value": one },
                { "name": "password2", "value": two },
            ],
        })
    }
}

/// Which password is to be made anew, by its place.
pub fn parse_regenerate(body: &Value) -> Result<usize, Error> {
    let root = Node::root(body);
    root.object()?;
    let node = root.require("name")?;
    match node.text()?.to_ascii_lowercase().as_str() {
        "password" => Ok(0),
        "password2" => Ok(1),
        _ => Err(node.invalid("must be 'password' or 'password2'")),
    }
}

/// Credentials of an admin user who may not use the registry.
pub fn not_enabled(registry: &str) -> Error {
    let message = format!("The admin user of the registry {registry} is not enabled.");
    Error::new(ErrorKind::InvalidParameter, "UnAuthorizedForCredentialOperations", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_told_by_name_and_never_printed() {
        let passwords =
            Passwords([password(&[7; PASSWORD_LENGTH]), password(&[8; PASSWORD_LENGTH])]);
        let document = passwords.render("myown");
        assert_eq!(document["passwords"][1]["name"], "password2");
        assert_eq!(passwords.0[0].len(), 52);
        assert!(!format!("{passwords:?}").contains(&passwords.0[0]));
        assert_eq!(parse_regenerate(&json!({ "name": "Password2" })).unwrap(), 1);
        assert!(parse_regenerate(&json!({ "name": "password3" })).is_err());
    }
}
