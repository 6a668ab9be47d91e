//! The two keys of a storage account.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;
use wharf_model::Error;

use crate::{node::Node, time};

/// Bytes of a key, as Azure's have.
pub const KEY_LENGTH: usize = 64;

/// One key: 64 random bytes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// In base64.
    pub value: String,
    /// When it was made.
    pub created: Timestamp,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<key of {}>", self.created)
    }
}

/// Both keys of an account, by their place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys(pub [Key; 2]);

impl Key {
    /// A key of these bytes.
    pub fn new(bytes: &[u8; KEY_LENGTH], created: Timestamp) -> Self {
        Self { value: BASE64_STANDARD.encode(bytes), created }
    }
}

impl Keys {
    /// What `listKeys` and `regenerateKey` answer.
    pub fn render(&self) -> Value {
        let one = |(number, key): (usize, &Key)| {
            json!({
                "keyName": format!("key{}", number + 1),
                "value": key.value,
                "permissions": "FULL",
                "creationTime": time::millis(key.created),
            })
        };
        json!({ "keys": self.0.iter().enumerate().map(one).collect::<Vec<_>>() })
    }

    /// The keys as the storage service needs them.
    pub fn bytes(&self) -> [Vec<u8>; 2] {
        self.0.each_ref().map(|key| BASE64_STANDARD.decode(&key.value).unwrap_or_default())
    }
}

/// Which key is to be made anew, by its place.
pub fn parse_regenerate(body: &Value) -> Result<usize, Error> {
    let root = Node::root(body);
    root.object()?;
    let node = root.require("keyName")?;
    match node.text()?.to_ascii_lowercase().as_str() {
        "key1" => Ok(0),
        "key2" => Ok(1),
        _ => Err(node.invalid("must be 'key1' or 'key2'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_in_base64_and_never_printed() {
        let at: Timestamp = "2026-01-02T10:00:30Z".parse().unwrap();
        let keys = Keys([Key::new(&[0; KEY_LENGTH], at), Key::new(&[255; KEY_LENGTH], at)]);
        let document = keys.render();
        assert_eq!(document["keys"][1]["keyName"], "key2");
        assert_eq!(document["keys"][0]["value"].as_str().unwrap().len(), 88);
        assert_eq!(keys.bytes()[1], vec![255; KEY_LENGTH]);
        assert!(!format!("{keys:?}").contains("AAAA"));
        assert_eq!(parse_regenerate(&json!({ "keyName": "Key2" })).unwrap(), 1);
        let error = parse_regenerate(&json!({ "keyName": "kerb1" })).unwrap_err();
        assert_eq!(error.target.as_deref(), Some("keyName"));
    }
}
