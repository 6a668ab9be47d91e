//! Which shares there are.

use super::{Listing, Query, Share, Shares, entries};
use crate::{
    error::{Code, FilesError},
    names::{check_account, check_share},
};

impl Shares {
    /// Shares of an account by name. An account that has none is not an error.
    pub fn list(&self, account: &str, query: &Query) -> Result<Listing, FilesError> {
        let max = query.max.unwrap_or(usize::MAX);
        check_account(account)?;
        let mut names = entries(&self.root.join(account))?;
        let is_left = |name: &String| marker(name, None) >= query.marker;
        names.retain(|name| name.starts_with(&query.prefix) && is_left(name));
        names.retain(|name| check_share(name).is_ok());
        let mut shares = Vec::new();
        for name in names {
            for share in self.with_snapshots(account, &name, query)? {
                let place = marker(&share.name, share.snapshot.as_deref());
                if place < query.marker {
                    continue;
                }
                if shares.len() == max {
                    return Ok(Listing { shares, next_marker: Some(place) });
                }
                shares.push(share);
            }
        }
        Ok(Listing { shares, next_marker: None })
    }

    /// A share after its snapshots, if those are asked for and the share is not gone.
    fn with_snapshots(
        &self,
        account: &str,
        name: &str,
        query: &Query,
    ) -> Result<Vec<Share>, FilesError> {
        let base = match self.show(account, name) {
            Ok(base) => base,
            Err(error) if error.code() == Code::ShareNotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut all = if query.snapshots { self.snapshots(account, name)? } else { Vec::new() };
        all.push(base);
        Ok(all)
    }
}

/// Where a share is in the list: after its snapshots, and before what its name only begins.
fn marker(name: &str, snapshot: Option<&str>) -> String {
    format!("{name}!{}", snapshot.unwrap_or("~"))
}
