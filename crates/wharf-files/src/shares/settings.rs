//! What is known about a share.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Code, FilesError},
    names::check_metadata,
};

/// GiB that a share may have at most.
pub const MAX_QUOTA: u32 = 102_400;
/// Stored access policies that a share may have at most.
const POLICIES_MAX: usize = 5;
const POLICY_ID_MAX: usize = 64;

/// Which kind of storage an owner prefers; it is kept and told, and changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessTier {
    /// The usual one.
    #[default]
    TransactionOptimized,
    /// For general purposes.
    Hot,
    /// For archives.
    Cool,
    /// On fast disks.
    Premium,
}

impl AccessTier {
    /// The name in requests and responses.
    pub fn name(self) -> &'static str {
        match self {
            Self::TransactionOptimized => "TransactionOptimized",
            Self::Hot => "Hot",
            Self::Cool => "Cool",
            Self::Premium => "Premium",
        }
    }

    /// The tier of this name, in any casing.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::TransactionOptimized, Self::Hot, Self::Cool, Self::Premium]
            .into_iter()
            .find(|tier| tier.name().eq_ignore_ascii_case(name))
    }
}

/// How a share may be mounted. Wharf has SMB only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// As Windows shares.
    #[default]
    #[serde(rename = "SMB")]
    Smb,
}

/// What an owner decides about a share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// GiB that its files may occupy.
    pub quota: u32,
    /// Names and values of the owner's own; names in lower case.
    pub metadata: BTreeMap<String, String>,
    /// Which kind of storage.
    pub access_tier: AccessTier,
    /// How it may be mounted.
    pub enabled_protocols: Protocol,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            quota: 5120,
            metadata: BTreeMap::new(),
            access_tier: AccessTier::default(),
            enabled_protocols: Protocol::default(),
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), FilesError> {
        if !(1..=MAX_QUOTA).contains(&self.quota) {
            let range = format!("The quota of a share is 1 to {MAX_QUOTA} GiB.");
            return Err(FilesError::because(Code::InvalidHeaderValue, range));
        }
        check_metadata(&self.metadata)
    }
}

/// A stored access policy, which signatures can name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccessPolicy {
    /// Its name.
    pub id: String,
    /// From when on, as the client wrote it.
    pub start: Option<String>,
    /// Until when.
    pub expiry: Option<String>,
    /// For what: letters out of `rcwdl`.
    pub permission: Option<String>,
}

/// A share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// Its name.
    pub name: String,
    /// Of a snapshot: when it was made, in the words by which it is asked for. It is kept by this name.
    #[serde(skip)]
    pub snapshot: Option<String>,
    /// What its owner decides.
    #[serde(flatten)]
    pub settings: Settings,
    /// Its stored access policies.
    #[serde(default)]
    pub policies: Vec<AccessPolicy>,
    /// Another one after each change; without quotes.
    pub etag: String,
    /// When it was changed.
    pub last_modified: Timestamp,
    /// When its quota was changed.
    pub quota_changed: Timestamp,
    /// When its tier was changed.
    pub tier_changed: Timestamp,
    /// When it was made.
    pub created: Timestamp,
}

impl Share {
    pub(crate) fn new(name: &str, settings: Settings, now: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            snapshot: None,
            settings,
            policies: Vec::new(),
            etag: etag(now, None),
            last_modified: now,
            quota_changed: now,
            tier_changed: now,
            created: now,
        }
    }

    pub(crate) fn apply(&mut self, change: Change, now: Timestamp) -> Result<(), FilesError> {
        if let Some(quota) = change.quota {
            self.settings.quota = quota;
            self.quota_changed = now;
        }
        if let Some(tier) = change.access_tier {
            self.settings.access_tier = tier;
            self.tier_changed = now;
        }
        if let Some(metadata) = change.metadata {
            self.settings.metadata = metadata;
        }
        if let Some(policies) = change.policies {
            check_policies(&policies)?;
            self.policies = policies;
        }
        self.etag = etag(now, Some(&self.etag));
        self.last_modified = now;
        self.settings.check()
    }
}

fn check_policies(policies: &[AccessPolicy]) -> Result<(), FilesError> {
    let long = policies.iter().any(|policy| policy.id.len() > POLICY_ID_MAX);
    if long || policies.len() > POLICIES_MAX {
        let limits =
            "A share has up to five stored access policies, with ids of up to 64 characters.";
        return Err(FilesError::because(Code::InvalidInput, limits));
    }
    Ok(())
}

/// Ticks of 100 ns since the year 1, as Azure's look; always another than the one before.
pub(super) fn etag(now: Timestamp, before: Option<&str>) -> String {
    const UNIX_EPOCH: i128 = 621_355_968_000_000_000;
    let ticks = now.as_nanosecond() / 100 + UNIX_EPOCH;
    let before = before.and_then(|tag| i128::from_str_radix(tag.trim_start_matches("0x"), 16).ok());
    let ticks = before.map_or(ticks, |before| ticks.max(before + 1));
    format!("0x{ticks:X}")
}

/// What a change of a share can change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// GiB.
    pub quota: Option<u32>,
    /// All metadata there is to be.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Which kind of storage.
    pub access_tier: Option<AccessTier>,
    /// All stored access policies there are to be.
    pub policies: Option<Vec<AccessPolicy>>,
}

/// What came of making a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It was made.
    New(Share),
    /// One of this name is there, and stays as it was.
    AlreadyThere(Share),
}

/// Which shares to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// How their names begin.
    pub prefix: String,
    /// From where on: what the page before told.
    pub marker: String,
    /// Whether snapshots are listed, too.
    pub snapshots: bool,
    /// How many at most.
    pub max: Option<usize>,
}

/// Some shares by name; snapshots come before their share, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The shares.
    pub shares: Vec<Share>,
    /// Where the next page begins, if there is one.
    pub next_marker: Option<String>,
}
