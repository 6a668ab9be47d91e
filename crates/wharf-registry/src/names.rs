//! Names of registries, repositories, tags and content: what the specification allows, and by that
//! also safe components of a path.

use std::fmt;

use aws_lc_rs::digest;

use crate::error::{Code, RegistryError};

/// Longest name of a repository.
const REPOSITORY_MAX: usize = 255;
/// Longest tag.
const TAG_MAX: usize = 128;

/// Whether this can be the name of a registry: 5 to 50 letters and digits.
pub(crate) fn is_registry(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (5..=50).contains(&name.len()) && name.bytes().all(is_plain)
}

/// Refuses what cannot be the name of a repository.
pub(crate) fn check_repository(name: &str) -> Result<(), RegistryError> {
    if name.len() <= REPOSITORY_MAX && name.split('/').all(is_component) {
        return Ok(());
    }
    let rule = "A repository has lower case letters and digits in parts, separated by /, ., _, __ or hyphens.";
    Err(RegistryError::because(Code::NameInvalid, rule))
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
pub(crate) fn is_component(part: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_separator =
        |run: &str| matches!(run, "" | "." | "_" | "__") || run.bytes().all(|byte| byte == b'-');
    part.starts_with(is_plain) && part.ends_with(is_plain) && part.split(is_plain).all(is_separator)
}

/// Whether this can be a tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
pub(crate) fn is_tag(tag: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    tag.len() <= TAG_MAX
        && tag.bytes().all(is_inner)
        && tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
}

/// The SHA-256 or SHA-512 of some content, as lower case hexadecimal digits: their number tells which.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Digest(String);

impl Digest {
    pub(crate) fn parse(text: &str) -> Result<Self, RegistryError> {
        let found = text.split_once(':').and_then(|(name, hex)| {
            let digest = Self::of_hex(hex)?;
            (digest.name() == name).then_some(digest)
        });
        found.ok_or_else(|| {
            let rule =
                "A digest is sha256: and 64, or sha512: and 128 lower case hexadecimal digits.";
            RegistryError::because(Code::DigestInvalid, rule)
        })
    }

    /// The digest that a file is called by.
    pub(crate) fn of_hex(hex: &str) -> Option<Self> {
        let is_hex = |b: u8| b.is_ascii_digit() || matches!(b, b'a'..=b'f');
        let is_digest = matches!(hex.len(), 64 | 128) && hex.bytes().all(is_hex);
        is_digest.then(|| Self(hex.to_owned()))
    }

    pub(crate) fn of(digest: &digest::Digest) -> Self {
        let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
        let bytes = digest.as_ref().iter();
        Self(bytes.flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
    }

    /// The SHA-256 of some bytes.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        Self::of(&digest::digest(&digest::SHA256, bytes))
    }

    /// The same kind of digest of some bytes.
    pub(crate) fn like(&self, bytes: &[u8]) -> Self {
        Self::of(&digest::digest(self.algorithm(), bytes))
    }

    pub(crate) fn algorithm(&self) -> &'static digest::Algorithm {
        if self.0.len() == 64 { &digest::SHA256 } else { &digest::SHA512 }
    }

    fn name(&self) -> &'static str {
        if self.0.len() == 64 { "sha256" } else { "sha512" }
    }

    pub(crate) fn hex(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name(), self.0)
    }
}

/// How a manifest is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    Tag(String),
    Digest(Digest),
}

impl Reference {
    pub(crate) fn parse(text: &str) -> Result<Self, RegistryError> {
        if text.contains(':') {
            return Digest::parse(text).map(Self::Digest);
        }
        if is_tag(text) {
            return Ok(Self::Tag(text.to_owned()));
        }
        let rule = "A tag has at most 128 letters, digits, '.', '_' and '-'.";
        Err(RegistryError::because(Code::ManifestInvalid, rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_its_directory() {
        for good in ["a", "team/app", "a.b/c_d/e__f/g---h", "0/1"] {
            assert!(check_repository(good).is_ok(), "{good}");
        }
        let long = "a".repeat(256);
        for bad in [
            "", "..", "../x", "a/../b", "a//b", "/a", "a/", "A", "_tags", "a/_blobs", "a..b",
            "a___b", "-a", "a-", ".a", "a\0b", "a b", "%2e%2e", &long,
        ] {
            assert_eq!(check_repository(bad).unwrap_err().code(), Code::NameInvalid, "{bad}");
        }
        for bad in ["", ".", "..", "../x", ".tmp1", "-a", "a/b", &long] {
            assert!(Reference::parse(bad).is_err(), "{bad}");
        }
        let digest = format!("sha256:{}", "a1".repeat(32));
        assert_eq!(Digest::parse(&digest).unwrap().to_string(), digest);
        let long = format!("sha512:{}", "a1".repeat(64));
        assert_eq!(Digest::parse(&long).unwrap().to_string(), long);
        for bad in ["sha256:..", "sha512:00", &long[..71], &digest[..70], &digest.to_uppercase()] {
            assert_eq!(Digest::parse(bad).unwrap_err().code(), Code::DigestInvalid, "{bad}");
        }
        assert!(is_registry("myown1") && !is_registry("..") && !is_registry("My-Own"));
    }
}
