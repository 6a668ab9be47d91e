//! Azure file share volumes (semantics.md §11).

use serde_json::{Value, json};
use wharf_model::{Error, spec::AzureFile};

use super::unsupported;
use crate::node::Node;

/// Which share, and how it is told back: without the key.
pub(super) fn parse(node: &Node<'_>) -> Result<(AzureFile, Value), Error> {
    for name in ["storageAccountKeyReference", "userAssignedIdentityClientId"] {
        if let Some(node) = node.get(name) {
            return Err(unsupported(&node.path, "shares are opened with the account's key"));
        }
    }
    let share = text(node, "shareName")?;
    let account = text(node, "storageAccountName")?;
    // Whether it is the right one is seen at every mount: keys change.
    let key = text(node, "storageAccountKey")?;
    let mut document = json!({ "shareName": share, "storageAccountName": account });
    let read_only = node.get("readOnly").map(|node| node.boolean()).transpose()?;
    if let Some(read_only) = read_only {
        document["readOnly"] = json!(read_only);
    }
    Ok((AzureFile { account, share, key, read_only: read_only.unwrap_or(false) }, document))
}

fn text(node: &Node<'_>, name: &str) -> Result<String, Error> {
    let node = node.require(name)?;
    let text = node.text()?.trim();
    if text.is_empty() {
        return Err(node.invalid("must not be empty"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_told_back_without_its_key() {
        let body = json!({
            "shareName": "data",
            "storageAccountName": "acct",
            "storageAccountKey": "cGxhbnRlZA==",
            "readOnly": "true",
        });
        let (share, document) = parse(&Node::root(&body)).unwrap();
        assert!(share.read_only && share.key == "cGxhbnRlZA==");
        let told = json!({ "shareName": "data", "storageAccountName": "acct", "readOnly": true });
        assert_eq!(document, told);
        assert!(!format!("{share:?}").contains("cGxh"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let given = json!({ "shareName": "data", "storageAccountName": "acct" });
        let error = parse(&Node::root(&given)).unwrap_err();
        assert_eq!(error.target.as_deref(), Some("storageAccountKey"));
    }
}
