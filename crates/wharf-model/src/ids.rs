//! Identifiers as types, so that one cannot be passed where another is meant.
//!
//! ARM names compare without regard to case and print as given ([`Name`] is the only place that
//! knows). [`GroupId`] is ours: every kernel name of a group is derived from it.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An ARM name: compares, orders and hashes without regard to ASCII case, prints as given.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// Takes the text as it is; syntax rules differ by resource type and live in `wharf-arm`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as the caller wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form used for comparing and as database key.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}
impl Eq for Name {}
impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}
impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.folded().cmp(&other.folded())
    }
}
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Where a resource group lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ResourceGroupKey {
    /// The subscription's id, normally a GUID.
    pub subscription: Name,
    /// The resource group's name.
    pub name: Name,
}

/// Where users find a container group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupKey {
    /// The resource group it is in.
    pub resource_group: ResourceGroupKey,
    /// The container group's name.
    pub name: Name,
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.resource_group.name, self.name)
    }
}

/// Where users find a resource of any type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ResourceKey {
    /// The resource group it is in.
    pub resource_group: ResourceGroupKey,
    /// Its type, such as `Microsoft.ManagedIdentity/userAssignedIdentities`.
    pub kind: Name,
    /// Its name; `parent/child` for the resource of a resource.
    pub name: Name,
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.resource_group.name, self.kind, self.name)
    }
}

/// The name of a container or init container: `[a-z0-9]([-a-z0-9]*[a-z0-9])?`, at most 63
/// characters (semantics.md §2), hence safe as a file name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContainerName(String);

impl ContainerName {
    /// `None` unless the text obeys the naming rule.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
        let edge = |b: &u8| *b != b'-';
        let valid = (1..=63).contains(&bytes.len())
            && bytes.iter().all(inner)
            && bytes.first().is_some_and(edge)
            && bytes.last().is_some_and(edge);
        valid.then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

fn base32(mut bits: u64, length: usize) -> String {
    let mut text = String::with_capacity(length);
    for _ in 0..length {
        text.push(char::from(ALPHABET[(bits & 31) as usize]));
        bits >>= 5;
    }
    text
}

fn is_base32(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| ALPHABET.contains(&b))
}

/// Wharf's own id of one container group: 10 lower-case base-32 characters (50 random bits).
///
/// All kernel objects and files of a group are named after it, so that a half-made thing can be
/// found by looking. Never reused, not even by a group of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupId(String);

impl GroupId {
    /// Length of the text form, in bytes.
    pub const LENGTH: usize = 10;

    /// Derives an id from random bits.
    pub fn from_bits(bits: u64) -> Self {
        Self(base32(bits, Self::LENGTH))
    }

    /// `None` unless the text is an id (used when scanning directories).
    pub fn parse(text: &str) -> Option<Self> {
        is_base32(text, Self::LENGTH).then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of one Wharf installation (one data directory): 4 lower-case base-32 characters.
///
/// Part of every kernel name, so that several daemons live on one host without seeing each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(String);

impl InstanceId {
    /// Length of the text form, in bytes.
    pub const LENGTH: usize = 4;

    /// Derives an id from random bits.
    pub fn from_bits(bits: u64) -> Self {
        Self(base32(bits, Self::LENGTH))
    }

    /// `None` unless the text is an id.
    pub fn parse(text: &str) -> Option<Self> {
        is_base32(text, Self::LENGTH).then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Counts accepted changes of a group, from 1; every effect carries the one it serves.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl Generation {
    /// The generation after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of a long-running operation, as it appears in its polling URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperationId(pub Uuid);

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ignore_case_and_print_as_given() {
        assert_eq!(Name::new("MyGroup"), Name::new("mygroup"));
        assert_eq!(Name::new("MyGroup").to_string(), "MyGroup");
    }

    #[test]
    fn container_names_follow_the_published_rule() {
        for good in ["a", "web-1", &"x".repeat(63)] {
            assert!(ContainerName::parse(good).is_some(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a/b", "..", &"x".repeat(64)] {
            assert!(ContainerName::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn group_ids_survive_their_text_form() {
        let id = GroupId::from_bits(0x1234_5678_9abc_def0);
        assert_eq!(GroupId::parse(id.as_str()), Some(id));
        assert!(GroupId::parse("../../etc/").is_none());
    }
}
