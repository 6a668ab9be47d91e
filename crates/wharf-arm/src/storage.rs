//! `Microsoft.Storage`: the part that file shares need. Accounts with their keys, and the shares of
//! their file service (issue 7; Storage resource provider, 2025-08-01).
//!
//! What has an effect here is checked; switches without one are told back; what would promise
//! something that Wharf does not do is refused by name.

pub mod account;
pub mod keys;
pub mod share;

use serde_json::{Value, json};
use wharf_model::{Error, ErrorKind, ResourceKey};

use crate::{name_availability, resource_id};

/// The type of a storage account.
pub const STORAGE_ACCOUNT: &str = "Microsoft.Storage/storageAccounts";
/// The type of the file service of an account.
pub const FILE_SERVICE: &str = "Microsoft.Storage/storageAccounts/fileServices";
/// The type of a share.
pub const FILE_SHARE: &str = "Microsoft.Storage/storageAccounts/fileServices/shares";

/// Accounts are the first part of paths, beside these.
const RESERVED: [&str; 17] = [
    "adfs",
    "attach",
    "common",
    "consumers",
    "device",
    "exec",
    "graph",
    "healthz",
    "metadata",
    "metrics",
    "organizations",
    "portal",
    "providers",
    "readyz",
    "subscriptions",
    "tenants",
    "wharf",
];

/// 3 to 24 lower-case letters and digits.
pub fn check_name(name: &str) -> Result<(), Error> {
    match complaint(name) {
        None => Ok(()),
        Some((code, message)) => Err(Error::invalid(code, message, "accountName")),
    }
}

fn complaint(name: &str) -> Option<(&'static str, String)> {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if !(3..=24).contains(&name.len()) || !name.bytes().all(is_plain) {
        let message = format!(
            "{name} is not a valid storage account name. Storage account name must be between 3 and \
             24 characters in length and use numbers and lower-case letters only."
        );
        return Some(("AccountNameInvalid", message));
    }
    let message = || format!("The storage account name {name} is reserved.");
    RESERVED.contains(&name).then(|| ("ReservedResourceName", message()))
}

/// Another account has the name, in whichever resource group.
pub fn already_taken(name: &str) -> Error {
    let message = format!("The storage account named {name} is already taken.");
    Error::new(ErrorKind::Conflict, "StorageAccountAlreadyTaken", message)
}

/// Whether a name can be had.
pub fn availability(name: &str, is_taken: bool) -> Value {
    let taken = || is_taken.then(|| ("AlreadyExists", already_taken(name).message));
    let refused = complaint(name).map(|(code, message)| match code {
        "AccountNameInvalid" => (code, message),
        _ => ("AlreadyExists", message),
    });
    name_availability::answer(refused.or_else(taken))
}

/// The file service of an account, which can be looked at only.
pub fn file_service(account: &ResourceKey) -> Value {
    json!({
        "id": format!("{}/fileServices/default", resource_id::resource(account)),
        "name": "default",
        "type": FILE_SERVICE,
        "sku": { "name": "Standard_LRS", "tier": "Standard" },
        "properties": {
            "cors": { "corsRules": [] },
            "shareDeleteRetentionPolicy": { "enabled": false, "days": 0 },
            "protocolSettings": { "smb": {} },
        },
    })
}

#[cfg(test)]
mod tests {
    use wharf_model::ResourceGroupKey;

    use super::*;

    pub(super) fn key() -> ResourceKey {
        let resource_group = ResourceGroupKey { subscription: "s".into(), name: "g".into() };
        ResourceKey { resource_group, kind: STORAGE_ACCOUNT.into(), name: "acct".into() }
    }

    #[test]
    fn names_are_for_the_whole_host_and_do_not_hide_other_paths() {
        assert!(check_name("acct1").is_ok());
        for bad in ["ab", "Acct", "a-b", "a.b", "..", &"a".repeat(25)] {
            assert_eq!(check_name(bad).unwrap_err().code, "AccountNameInvalid", "{bad}");
        }
        assert_eq!(check_name("portal").unwrap_err().code, "ReservedResourceName");
        assert_eq!(availability("acct1", false), json!({ "nameAvailable": true }));
        assert_eq!(availability("acct1", true)["reason"], "AlreadyExists");
        assert_eq!(availability("A", false)["reason"], "AccountNameInvalid");
    }
}
