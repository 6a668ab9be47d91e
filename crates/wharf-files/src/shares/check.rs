//! Whether what is kept for shares is whole, and nothing else is kept.

use std::{fs, path::Path};

use jiff::{SignedDuration, Timestamp};

use super::{
    ABOUT, PROPERTIES, Shares, TEMPORARY, TREE, entries,
    snapshots::{SNAPSHOTS, is_time},
};
use crate::{
    error::{Code, FilesError},
    names::{check_account, check_share},
};

/// Half-done work is older than this only when nobody is at it any more. Copying or removing a share
/// can take long.
const STALE: SignedDuration = SignedDuration::from_hours(24);

impl Shares {
    /// What is wrong with what is kept, one line each. `is_account` knows the accounts there are.
    pub fn check(&self, is_account: impl Fn(&str) -> bool) -> Result<Vec<String>, FilesError> {
        let mut wrong = Vec::new();
        for name in entries(&self.root)? {
            if name == TEMPORARY {
                wrong.extend(self.stale()?);
            } else if check_account(&name).is_err() {
                wrong.push(format!("'{name}' is kept beside the shares and is no account"));
            } else if is_account(&name) {
                wrong.extend(self.check_account(&name)?);
            } else {
                wrong.push(format!("shares are kept for storage account '{name}', which is gone"));
            }
        }
        Ok(wrong)
    }

    fn check_account(&self, account: &str) -> Result<Vec<String>, FilesError> {
        let place = self.root.join(account);
        let mut wrong = Vec::new();
        for name in entries(&place)?.into_iter().filter(|name| name != PROPERTIES) {
            if check_share(&name).is_err() {
                wrong.push(format!("'{name}' is kept for account '{account}' and is no share"));
                continue;
            }
            let place = place.join(&name);
            match defect(&place) {
                Some(what) => wrong.push(format!("share '{name}' of '{account}' {what}")),
                None => wrong.extend(check_snapshots(&place, account, &name)?),
            }
        }
        Ok(wrong)
    }

    fn stale(&self) -> Result<Vec<String>, FilesError> {
        let temporary = self.temporary();
        let now = self.clock.now();
        let is_stale = |name: &String| {
            let modified = fs::symlink_metadata(temporary.join(name)).and_then(|m| m.modified());
            let modified = modified.ok().and_then(|time| Timestamp::try_from(time).ok());
            modified.is_some_and(|at| now.duration_since(at) > STALE)
        };
        let names = entries(&temporary)?.into_iter().filter(is_stale);
        Ok(names.map(|name| format!("'{name}' is left over from a share or a change")).collect())
    }
}

/// What is wrong with a share or snapshot that is kept at a place. One that is gone by now is none
/// the worse.
fn defect(place: &Path) -> Option<String> {
    let what = match Shares::read(place) {
        Err(error) if error.code() == Code::ShareNotFound => format!("has no {ABOUT}"),
        Err(error) => format!("cannot be read: {error}"),
        Ok(_) if place.join(TREE).is_dir() => return None,
        Ok(_) => "has no directory".to_owned(),
    };
    place.try_exists().unwrap_or(true).then_some(what)
}

fn check_snapshots(place: &Path, account: &str, share: &str) -> Result<Vec<String>, FilesError> {
    let place = place.join(SNAPSHOTS);
    let wrong = entries(&place)?.into_iter().filter_map(|name| {
        let subject = format!("snapshot '{name}' of share '{share}' of '{account}'");
        if !is_time(&name) {
            return Some(format!("{subject} has no time for its name"));
        }
        defect(&place.join(&name)).map(|what| format!("{subject} {what}"))
    });
    Ok(wrong.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Settings, clock::Clock};

    #[test]
    fn what_is_not_as_it_should_be_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let shares = Shares::open(dir.path()).unwrap();
        for share in ["whole", "unknown", "empty"] {
            shares.create("acct", share, Settings::default()).unwrap();
        }
        shares.create("gone", "data", Settings::default()).unwrap();
        let there = |name: &str| name == "acct";
        assert_eq!(shares.check(|_| true).unwrap(), [""; 0]);
        let path = |name: &str| dir.path().join(name);
        fs::remove_file(path("acct/unknown/share.json")).unwrap();
        fs::remove_dir(path("acct/empty/tree")).unwrap();
        fs::write(path("acct/A.txt"), "").unwrap();
        fs::write(path("LOST"), "").unwrap();
        fs::write(path(".tmp/half"), "").unwrap();
        let found = shares.check(there).unwrap();
        assert_eq!(
            found,
            [
                "'LOST' is kept beside the shares and is no account",
                "'A.txt' is kept for account 'acct' and is no share",
                "share 'empty' of 'acct' has no directory",
                "share 'unknown' of 'acct' has no share.json",
                "shares are kept for storage account 'gone', which is gone",
            ]
        );
        let later = Clock::system().now() + SignedDuration::from_hours(25);
        let old = Shares { clock: Clock::new(move || later), ..shares };
        let stale = "'half' is left over from a share or a change".to_owned();
        assert!(old.check(there).unwrap().contains(&stale));
    }
}
