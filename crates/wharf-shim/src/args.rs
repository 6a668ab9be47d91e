//! The command line of `wharf shim`: written by the daemon, not by people.

use std::ffi::OsString;

use camino::Utf8PathBuf;
use wharf_model::{GroupId, InstanceId};

use crate::paths::Layout;

/// What a shim is told at its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Args {
    /// Where things are.
    pub(crate) layout: Layout,
    /// Whose shim it is.
    pub(crate) id: GroupId,
    /// The group's host name.
    pub(crate) hostname: String,
}

/// A command line that is not one of a shim.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ArgsError {
    /// Not a flag of a shim.
    #[error("unexpected argument {0:?}")]
    Unexpected(OsString),
    /// A flag without a value, or with one that it cannot have.
    #[error("flag {0} is missing or wrong")]
    Flag(&'static str),
}

/// Reads what follows `wharf shim`.
pub(crate) fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Args, ArgsError> {
    let (mut data_dir, mut run_dir, mut instance, mut group, mut hostname) =
        (None, None, None, None, None);
    while let Some(flag) = args.next() {
        let place = match flag.to_str() {
            Some("--data-dir") => &mut data_dir,
            Some("--run-dir") => &mut run_dir,
            Some("--instance") => &mut instance,
            Some("--group") => &mut group,
            Some("--hostname") => &mut hostname,
            _ => return Err(ArgsError::Unexpected(flag)),
        };
        *place = args.next().and_then(|value| value.into_string().ok());
    }
    let path = |value: Option<String>, name| {
        value.map(Utf8PathBuf::from).filter(|p| p.is_absolute()).ok_or(ArgsError::Flag(name))
    };
    let instance = instance.as_deref().and_then(InstanceId::parse);
    Ok(Args {
        layout: Layout {
            data_dir: path(data_dir, "--data-dir")?,
            run_dir: path(run_dir, "--run-dir")?,
            instance: instance.ok_or(ArgsError::Flag("--instance"))?,
        },
        id: group.as_deref().and_then(GroupId::parse).ok_or(ArgsError::Flag("--group"))?,
        hostname: hostname.ok_or(ArgsError::Flag("--hostname"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(words: &str) -> Result<Args, ArgsError> {
        parse(words.split_whitespace().map(OsString::from))
    }

    const GOOD: &str = "--data-dir /d --run-dir /r --instance abcd --group abcdefghij --hostname h";

    #[test]
    fn all_flags_are_needed() {
        let args = parse_words(GOOD).unwrap();
        assert_eq!((args.id.as_str(), args.hostname.as_str()), ("abcdefghij", "h"));
        for flag in ["--data-dir /d", "--run-dir /r", "--instance abcd", "--group abcdefghij"] {
            assert!(parse_words(&GOOD.replace(flag, "")).is_err(), "{flag}");
        }
    }

    #[test]
    fn names_that_could_lead_elsewhere_are_refused() {
        for (good, bad) in [("abcdefghij", "../../abcd"), ("/r", "r"), ("abcd ", "/bcd ")] {
            assert!(parse_words(&GOOD.replace(good, bad)).is_err(), "{bad}");
        }
    }
}
