//! `Microsoft.Storage/storageAccounts/fileServices/shares`: the shares of an account as the
//! management API tells of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use wharf_model::{Error, ErrorKind, ResourceKey};

use super::FILE_SHARE;
use crate::{container_group::unsupported, node::Node, resource_id, time};

/// What a body says of a share; `None`: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// GiB.
    pub quota: Option<u32>,
    /// All metadata.
    pub metadata: Option<BTreeMap<String, String>>,
    /// The name of an access tier.
    pub tier: Option<String>,
}

/// Reads the body of a PUT or PATCH.
pub fn parse(body: &Value) -> Result<Parsed, Error> {
    let root = Node::root(body);
    root.object()?;
    let Some(properties) = root.get("properties") else { return Ok(Parsed::default()) };
    if let Some(node) = properties.get("enabledProtocols")
        && !node.text()?.eq_ignore_ascii_case("SMB")
    {
        return Err(unsupported(&node.path, "shares are 'SMB'"));
    }
    let quota = properties.get("shareQuota").map(|node| {
        let number = node.loose_text()?.parse::<u32>().ok().filter(|n| (1..=102_400).contains(n));
        number.ok_or_else(|| node.invalid("must be 1 to 102400 GiB"))
    });
    let metadata = properties.get("metadata").map(|node| {
        let pairs = node.entries()?;
        let one = |(name, value): &(&str, Node<'_>)| Ok(((*name).to_owned(), value.loose_text()?));
        pairs.iter().map(one).collect::<Result<BTreeMap<_, _>, Error>>()
    });
    let tier = properties.get("accessTier").map(|node| node.text().map(ToOwned::to_owned));
    Ok(Parsed {
        quota: quota.transpose()?,
        metadata: metadata.transpose()?,
        tier: tier.transpose()?,
    })
}

/// A share that is there.
#[derive(Clone, Debug)]
pub struct Shown<'a> {
    /// Its name.
    pub name: &'a str,
    /// Of a snapshot: when it was made.
    pub snapshot: Option<&'a str>,
    /// GiB.
    pub quota: u32,
    /// Its metadata.
    pub metadata: &'a BTreeMap<String, String>,
    /// The name of its access tier.
    pub tier: &'a str,
    /// Without quotes.
    pub etag: &'a str,
    /// When it was changed.
    pub last_modified: Timestamp,
    /// Bytes that its files have, if that was asked.
    pub used: Option<u64>,
}

/// The document of a share.
pub fn render(account: &ResourceKey, share: &Shown<'_>) -> Value {
    let etag = format!("\"{}\"", share.etag);
    let mut properties = json!({
        "shareQuota": share.quota,
        "enabledProtocols": "SMB",
        "accessTier": share.tier,
        "lastModifiedTime": time::seconds(share.last_modified),
        "leaseState": "available",
        "leaseStatus": "unlocked",
    });
    if !share.metadata.is_empty() {
        properties["metadata"] = json!(share.metadata);
    }
    if let Some(time) = share.snapshot {
        properties["snapshotTime"] = json!(time);
    }
    if let Some(used) = share.used {
        properties["shareUsageBytes"] = json!(used);
    }
    json!({
        "id": format!("{}/fileServices/default/shares/{}", resource_id::resource(account), share.name),
        "name": share.name,
        "type": FILE_SHARE,
        "etag": etag,
        "properties": properties,
    })
}

/// There is no such share.
pub fn not_found(name: &str) -> Error {
    let message = format!("The specified share '{name}' does not exist.");
    Error::new(ErrorKind::NotFound, "ShareNotFound", message)
}

/// A part of a request, besides its body, says what it cannot.
pub fn unknown_value(code: &'static str, what: &str, rule: &str) -> Error {
    let message = format!("The value of {what} is not understood: it {rule}.");
    Error::new(ErrorKind::InvalidParameter, code, message)
}

/// A group that runs has the share mounted.
pub fn in_use(name: &str, group: &str) -> Error {
    let message = format!(
        "The share '{name}' cannot be deleted: the container group '{group}' has it mounted. Stop \
         or delete the container group first."
    );
    Error::new(ErrorKind::Conflict, "ShareInUse", message)
}

#[cfg(test)]
mod tests {
    use super::{super::tests::key, *};

    #[test]
    fn a_share_is_read_and_told() {
        let body = json!({ "properties": {
            "shareQuota": "5", "accessTier": "Hot", "metadata": { "a": "b" }, "rootSquash": null } });
        let parsed = parse(&body).unwrap();
        assert_eq!((parsed.quota, parsed.tier.as_deref()), (Some(5), Some("Hot")));
        let metadata = parsed.metadata.unwrap();
        let shown = Shown {
            name: "data",
            snapshot: Some("2026-01-02T10:00:30.0000000Z"),
            quota: 5,
            metadata: &metadata,
            tier: "Hot",
            etag: "0x1",
            last_modified: "2026-01-02T10:00:30Z".parse().unwrap(),
            used: Some(7),
        };
        let document = render(&key(), &shown);
        assert!(
            document["id"].as_str().unwrap().ends_with("acct/fileServices/default/shares/data")
        );
        assert_eq!(document["properties"]["metadata"]["a"], "b");
        assert_eq!(document["properties"]["snapshotTime"], "2026-01-02T10:00:30.0000000Z");
        for (properties, target) in [
            (json!({ "shareQuota": 0 }), "properties.shareQuota"),
            (json!({ "enabledProtocols": "NFS" }), "properties.enabledProtocols"),
        ] {
            let error = parse(&json!({ "properties": properties })).unwrap_err();
            assert_eq!(error.target.as_deref(), Some(target));
        }
    }
}
