//! Names of accounts and shares: what Azure allows, and by that also safe components of a path.

use crate::error::{Code, FilesError};

const SHARE_RULE: &str = "A share name has 3 to 63 lower case letters, digits and single hyphens, \
                          and begins and ends with a letter or digit.";
const METADATA_MAX: usize = 8 << 10;

/// Refuses what cannot be the name of an account.
pub(crate) fn check_account(name: &str) -> Result<(), FilesError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if (3..=24).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    let rule = "An account name has 3 to 24 lower case letters and digits.";
    Err(FilesError::because(Code::InvalidResourceName, rule))
}

/// Refuses what cannot be the name of a share.
pub(crate) fn check_share(name: &str) -> Result<(), FilesError> {
    if !(3..=63).contains(&name.len()) {
        return Err(FilesError::because(Code::OutOfRangeInput, SHARE_RULE));
    }
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let ends = name.starts_with('-') || name.ends_with('-');
    if ends || name.contains("--") || !name.bytes().all(plain) {
        return Err(FilesError::because(Code::InvalidResourceName, SHARE_RULE));
    }
    Ok(())
}

/// Refuses metadata that could not be sent back as headers, or is too much.
pub(crate) fn check_metadata<'a>(
    metadata: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Result<(), FilesError> {
    let mut total = 0;
    for (key, value) in metadata {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let first = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let printable = value.bytes().all(|b| (0x20..0x7f).contains(&b) || b == b'\t');
        if !first || !key.chars().all(inner) || !printable {
            return Err(Code::InvalidMetadata.into());
        }
        total += key.len() + value.len();
    }
    if total > METADATA_MAX { Err(Code::MetadataTooLarge.into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::{check_account, check_share};

    #[test]
    fn share_names_follow_the_rules_of_azure() {
        let long = "a".repeat(63);
        for good in ["abc", "a1-b2", "123", long.as_str()] {
            assert!(check_share(good).is_ok(), "{good}");
        }
        let longer = "a".repeat(64);
        for bad in
            ["", "ab", "Abc", "a--b", "-ab", "ab-", "a_b", "a.b", "..", "a/b", "äbc", &longer]
        {
            assert!(check_share(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn account_names_cannot_be_paths() {
        assert!(check_account("devstore1").is_ok());
        for bad in ["", ".", "..", ".tmp", "a/b", "Abc", "ab", "a-b"] {
            assert!(check_account(bad).is_err(), "{bad}");
        }
    }
}
