//! What the administrator demands of images besides that they can be had: that they are named by
//! digest, that somebody has signed them. Nothing unless it is said.

use crate::{reference::canonical, signature::PublicKey, store::Image};

/// Which images a demand is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// `*` for all images; otherwise a registry, or the beginning of a repository's name in one, up
    /// to a `/` (`docker.io/library`, `lab.example:5000/team/app`). `None` for what is neither.
    pub fn new(text: &str) -> Option<Self> {
        let (registry, rest) = text.split_once('/').unwrap_or((text, ""));
        let is_name = |part: &str| !part.is_empty() && !part.contains([':', '@', ' ']);
        let is_fine = text == "*"
            || (!registry.is_empty()
                && !registry.contains(['@', ' ', '*'])
                && (text == registry || rest.split('/').all(is_name)));
        is_fine.then(|| Self(normal(text)))
    }

    /// How closely it names an image, given by a full reference; `None` when it does not.
    fn closeness(&self, whole: &str) -> Option<usize> {
        if self.0 == "*" {
            return Some(0);
        }
        let whole = normal(whole);
        let rest = whole.strip_prefix(self.0.as_str())?;
        let is_end = rest.starts_with(['/', '@']) || (rest.starts_with(':') && !rest.contains('/'));
        is_end.then_some(self.0.len())
    }
}

/// A name that begins with a registry, which is written in one way.
fn normal(name: &str) -> String {
    let (registry, rest) = name.split_once('/').unwrap_or((name, ""));
    if rest.is_empty() { canonical(registry) } else { format!("{}/{rest}", canonical(registry)) }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Images of a pattern have to be signed with one of these keys.
#[derive(Clone, Debug)]
pub struct Signed {
    /// Which images.
    pub pattern: Pattern,
    /// Any of these will do.
    pub keys: Vec<PublicKey>,
}

/// What the administrator demands of images.
#[derive(Clone, Debug, Default)]
pub struct ImagePolicy {
    /// Images that have to be named by digest.
    pub by_digest: Vec<Pattern>,
    /// Images that have to be signed; the pattern that names an image most closely decides.
    pub signed: Vec<Signed>,
}

/// What an image breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It is named by tag.
    #[error(
        "images of '{pattern}' have to be named by digest on this host (policy require-digest)"
    )]
    Tag {
        /// What the policy is about.
        pattern: String,
    },
    /// It has no signature.
    #[error(
        "images of '{pattern}' have to be signed on this host (policy require-signature), and \
         {digest} is not"
    )]
    Unsigned {
        /// What the policy is about.
        pattern: String,
        /// Of the manifest.
        digest: String,
    },
    /// It has signatures, and none of them counts.
    #[error(
        "images of '{pattern}' have to be signed on this host (policy require-signature), and no \
         signature of {digest} counts: {reason}"
    )]
    BadSignature {
        /// What the policy is about.
        pattern: String,
        /// Of the manifest.
        digest: String,
        /// What is wrong with the last one.
        reason: String,
    },
}

impl ImagePolicy {
    /// Whether an image may have such a name: a full reference.
    pub(crate) fn check_name(&self, whole: &str) -> Result<(), PolicyError> {
        if whole.contains('@') {
            return Ok(());
        }
        match closest(self.by_digest.iter(), |pattern| pattern, whole) {
            Some(pattern) => Err(PolicyError::Tag { pattern: pattern.to_string() }),
            None => Ok(()),
        }
    }

    /// Whose signature an image needs.
    pub(crate) fn signers(&self, whole: &str) -> Option<&Signed> {
        closest(self.signed.iter(), |signed| &signed.pattern, whole)
    }

    /// Whether an image that is here is as it should be, as far as that is known.
    pub(crate) fn is_met_by(&self, image: &Image) -> bool {
        let is_signed = |wanted: &Signed| {
            wanted.keys.iter().any(|key| image.signed_by.contains(key.fingerprint()))
        };
        self.check_name(&image.reference).is_ok()
            && self.signers(&image.reference).is_none_or(is_signed)
    }
}

fn closest<'a, T>(
    all: impl Iterator<Item = &'a T>,
    pattern: impl Fn(&T) -> &Pattern,
    whole: &str,
) -> Option<&'a T> {
    let close = all.filter_map(|one| Some((pattern(one).closeness(whole)?, one)));
    close.max_by_key(|(closeness, _)| *closeness).map(|(_, one)| one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).unwrap()
    }

    #[test]
    fn a_pattern_ends_where_a_part_of_the_name_ends() {
        for (text, whole, fits) in [
            ("*", "docker.io/library/nginx:latest", true),
            ("docker.io", "docker.io/library/nginx:latest", true),
            ("docker.io/library", "docker.io/library/nginx:latest", true),
            ("docker.io/library/nginx", "docker.io/library/nginx:latest", true),
            ("docker.io/library/nginx", "docker.io/library/nginx@sha256:00", true),
            ("docker.io/library/ngin", "docker.io/library/nginx:latest", false),
            ("docker.io/lib", "docker.io/library/nginx:latest", false),
            ("lab.example", "lab.example:5000/app:1", false),
            ("lab.example:5000", "lab.example:5000/app:1", true),
            ("lab.example:50", "lab.example:5000/app:1", false),
            ("lab.example", "lab.example.evil/app:1", false),
            ("lab.example", "LAB.example:443/app:1", true),
            ("index.docker.io/library", "docker.io/library/nginx:latest", true),
        ] {
            assert_eq!(pattern(text).closeness(whole).is_some(), fits, "{text} {whole}");
        }
        for text in ["", "/", "a/", "a//b", "a/b:1", "a/b@sha256:0", "a/b c", "a*"] {
            assert_eq!(Pattern::new(text), None, "{text}");
        }
    }

    #[test]
    fn the_closest_pattern_decides_who_must_have_signed() {
        let signed = |text| Signed { pattern: pattern(text), keys: Vec::new() };
        let policy = ImagePolicy {
            by_digest: vec![pattern("lab.example")],
            signed: vec![signed("lab.example/team"), signed("*"), signed("lab.example")],
        };
        let of = |whole| policy.signers(whole).unwrap().pattern.to_string();
        assert_eq!(of("lab.example/team/app:1"), "lab.example/team");
        assert_eq!(of("lab.example/teams/app:1"), "lab.example");
        assert_eq!(of("docker.io/library/nginx:latest"), "*");
        assert!(policy.check_name("lab.example/a@sha256:00").is_ok());
        assert!(policy.check_name("docker.io/library/a:1").is_ok());
        let refused = policy.check_name("lab.example/a:1").unwrap_err().to_string();
        assert!(refused.contains("'lab.example'") && refused.contains("require-digest"));
    }
}
