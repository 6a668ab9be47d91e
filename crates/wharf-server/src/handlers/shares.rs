//! `Microsoft.Storage/storageAccounts/fileServices/shares`: shares by the management API.

use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use wharf_arm::storage::share::{self, Shown};
use wharf_files::{AccessTier, Share};
use wharf_model::Error;
use wharf_store::Resource;

use crate::app::App;

pub(crate) mod create_or_update;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod update;

fn document(account: &Resource, found: &Share, used: Option<u64>) -> Value {
    let shown = Shown {
        name: &found.name,
        snapshot: found.snapshot.as_deref(),
        quota: found.settings.quota,
        metadata: &found.settings.metadata,
        tier: found.settings.access_tier.name(),
        etag: &found.etag,
        last_modified: found.last_modified,
        used,
    };
    share::render(&account.key, &shown)
}

/// What the query asks for besides the usual.
#[derive(Debug, Deserialize)]
pub(crate) struct Expand {
    /// Words in any casing, separated by commas.
    #[serde(rename = "$expand", default)]
    words: String,
}

impl Expand {
    fn has(&self, word: &str) -> bool {
        self.words.split(',').any(|one| one.trim().eq_ignore_ascii_case(word))
    }
}

/// Which snapshot of the share a request is about; `None`: the share itself. Whoever means a
/// snapshot and names none does not mean the share.
fn snapshot(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let Some(value) = headers.get("x-ms-snapshot") else { return Ok(None) };
    match value.to_str().map(str::trim) {
        Ok(time) if !time.is_empty() => Ok(Some(time.to_owned())),
        _ => {
            let (what, rule) = ("the header x-ms-snapshot", "is the time of a snapshot");
            Err(share::unknown_value("InvalidHeaderValue", what, rule))
        }
    }
}

fn tier(parsed: &share::Parsed) -> Result<Option<AccessTier>, Error> {
    let Some(name) = &parsed.tier else { return Ok(None) };
    let path = "properties.accessTier";
    let message = format!("The property '{path}' has the value '{name}', which is no access tier.");
    let found = AccessTier::parse(name);
    found.map(Some).ok_or_else(|| Error::invalid("InvalidHeaderValue", message, path))
}

/// Refuses to take away what a running group has mounted: a share of the account, or any.
pub(crate) async fn check_unused(
    app: &App,
    account: &Resource,
    name: Option<&str>,
) -> Result<(), Error> {
    let (files, wanted) = (app.files.clone(), account.clone());
    let share = name.map(ToOwned::to_owned);
    let user = app.read(move |_| files.user_of(&wanted, share.as_deref())).await?;
    match user {
        None => Ok(()),
        Some(group) => Err(share::in_use(name.unwrap_or(account.key.name.as_str()), &group)),
    }
}
