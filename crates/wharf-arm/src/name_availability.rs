//! `checkNameAvailability`: what the types whose names are for the whole host have in common.

use serde_json::{Value, json};
use wharf_model::Error;

use crate::node::Node;

/// The name that a body asks for.
pub fn asked(body: &Value) -> Result<String, Error> {
    let root = Node::root(body);
    root.object()?;
    Ok(root.require("name")?.text()?.to_owned())
}

/// The answer: the name can be had, unless there is a reason, with its message.
pub(crate) fn answer(refusal: Option<(&str, String)>) -> Value {
    match refusal {
        None => json!({ "nameAvailable": true }),
        Some((reason, message)) => {
            json!({ "nameAvailable": false, "reason": reason, "message": message })
        }
    }
}
