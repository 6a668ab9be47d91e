//! The file shares of this host: accounts are in the store, their shares in directories.

use std::{error::Error as StdError, io, sync::Arc};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use camino::{Utf8Path, Utf8PathBuf};
use wharf_arm::storage::{STORAGE_ACCOUNT, keys::Keys};
use wharf_files::{Account, Accounts, Code, FilesError, Shares, Verdict};
use wharf_model::{Error, error::chain, group::Power, spec::AzureFile, spec::VolumeSource};
use wharf_runtime::volumes::share::{self, ShareError, Whereabouts};
use wharf_smb::Server;
use wharf_store::{Filter, Resource, Store, StoreError};

use crate::{app::secret, config::SmbConfig, identity::Identity};

/// Accounts and shares together. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct FileShares {
    pub(crate) shares: Arc<Shares>,
    store: Store,
    smb: Arc<SmbConfig>,
}

impl FileShares {
    pub(crate) fn open(root: &Utf8Path, store: Store, smb: SmbConfig) -> Result<Self, FilesError> {
        let shares = Arc::new(Shares::open(root.as_std_path())?);
        Ok(Self { shares, store, smb: Arc::new(smb) })
    }

    /// Does what blocks where that holds nobody up.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shares) -> Result<T, FilesError> + Send + 'static,
    ) -> Result<T, Error> {
        let shares = Arc::clone(&self.shares);
        tokio::task::spawn_blocking(move || work(&shares))
            .await
            .map_err(|error| Error::internal(error.to_string()))?
            .map_err(|error| failed(&error))
    }

    /// Removes what is kept for accounts that are not there any more.
    pub(crate) async fn sweep(&self) -> Result<(), Error> {
        let store = self.store.clone();
        self.blocking(move |shares| {
            for account in shares.accounts()? {
                // What cannot be looked up is kept.
                if let Ok(None) = store.unique_resource(STORAGE_ACCOUNT, &account) {
                    shares.delete_account(&account)?;
                }
            }
            Ok(())
        })
        .await
    }

    /// What is wrong with what is kept for shares.
    pub(crate) async fn check(&self) -> Result<Vec<String>, Error> {
        let store = self.store.clone();
        // What cannot be looked up is not complained about.
        let is_account = move |account: &str| {
            !matches!(store.unique_resource(STORAGE_ACCOUNT, account), Ok(None))
        };
        self.blocking(move |shares| shares.check(is_account)).await
    }

    /// The name of a running group that has a share of this account mounted: this one, or any.
    pub(crate) fn user_of(
        &self,
        account: &Resource,
        share: Option<&str>,
    ) -> Result<Option<String>, StoreError> {
        let subscription = account.key.resource_group.subscription.clone();
        let name = account.key.name.as_str();
        let groups = self.store.list_groups(&Filter::Subscription(subscription), None, u32::MAX)?;
        let uses = |source: &VolumeSource| match source {
            VolumeSource::AzureFile(used) => {
                used.account == name && share.is_none_or(|share| share == used.share)
            }
            _ => false,
        };
        let found = groups.into_iter().find(|group| {
            group.power == Power::Running
                && group.spec.volumes.iter().any(|volume| uses(&volume.source))
        });
        Ok(found.map(|group| group.key.name.as_str().to_owned()))
    }
}

/// A refusal by the shares, as the management API tells it.
fn failed(error: &FilesError) -> Error {
    let code = error.code();
    let kind = match code.status() {
        404 => wharf_model::ErrorKind::NotFound,
        409 => wharf_model::ErrorKind::Conflict,
        400 => wharf_model::ErrorKind::InvalidParameter,
        // That is how the service tells of a disk without room, too.
        403 => wharf_model::ErrorKind::StorageFull,
        _ => return Error::internal(chain(error)),
    };
    let message = match error {
        FilesError::Refused { message, .. } => message.clone().into_owned(),
        FilesError::Source { .. } | FilesError::File { .. } => code.message().to_owned(),
    };
    Error::new(kind, code.name(), message)
}

/// What the file service asks about accounts, and about bearers of tokens.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    pub(crate) files: FileShares,
    pub(crate) identity: Identity,
}

impl Accounts for Judge {
    fn account(&self, name: &str) -> Result<Option<Account>, Box<dyn StdError + Send + Sync>> {
        let Some(found) = self.files.store.unique_resource(STORAGE_ACCOUNT, name)? else {
            return Ok(None);
        };
        let keys: Keys = secret(&found).map_err(|_| "the keys of an account are unreadable")?;
        Ok(Some(Account {
            name: found.key.name.as_str().to_owned(),
            keys: keys.bytes().to_vec(),
            // The socket is root's, and there is no other way without TLS.
            https_only: false,
            shared_key_access: true,
        }))
    }

    fn user(
        &self,
        account: &str,
        share: &str,
    ) -> Result<Option<String>, Box<dyn StdError + Send + Sync>> {
        let Some(account) = self.files.store.unique_resource(STORAGE_ACCOUNT, account)? else {
            return Ok(None);
        };
        let user = self.files.user_of(&account, Some(share))?;
        Ok(user.map(|group| format!("the container group '{group}'")))
    }

    fn token(
        &self,
        account: &str,
        token: &str,
        action: &str,
    ) -> Result<Verdict, Box<dyn StdError + Send + Sync>> {
        let store = &self.files.store;
        let Ok(id) = self.identity.verify_for_storage(token) else { return Ok(Verdict::Unknown) };
        let Some(account) = store.unique_resource(STORAGE_ACCOUNT, account)? else {
            return Ok(Verdict::Unknown);
        };
        if store.principal(id)?.is_none() {
            return Ok(Verdict::Unknown);
        }
        let scope = wharf_arm::resource_id::resource(&account.key);
        let grants = crate::app::grants(store, id)?;
        // What is in shares is data; the shares themselves are resources as for ARM.
        let may = if action.contains("/fileShares/files/") {
            grants.allow_on_data(action, &scope)
        } else {
            grants.allow(action, &scope)
        };
        Ok(if may { Verdict::Allowed } else { Verdict::Forbidden })
    }
}

impl share::FileShares for FileShares {
    fn find(&self, wanted: &AzureFile) -> Result<Whereabouts, ShareError> {
        let AzureFile { account, share, key, .. } = wanted;
        let look = |source: Box<dyn StdError + Send + Sync>| ShareError::Look {
            share: share.clone(),
            source,
        };
        let found = self
            .store
            .unique_resource(STORAGE_ACCOUNT, account)
            .map_err(|error| look(error.into()))?;
        let Some(found) = found else { return self.elsewhere(account, share) };
        let keys: Keys =
            secret(&found).map_err(|_| look("the keys of the account are unreadable".into()))?;
        let given = BASE64_STANDARD.decode(key).unwrap_or_default();
        if !keys.bytes().iter().any(|key| verify_slices_are_equal(key, &given).is_ok()) {
            return Err(ShareError::WrongKey { account: account.clone() });
        }
        match self.shares.tree(found.key.name.as_str(), share) {
            Ok(tree) => Utf8PathBuf::from_path_buf(tree)
                .map(Whereabouts::Here)
                .map_err(|_| look(io::Error::other("its path is not UTF-8").into())),
            Err(error) if matches!(error.code(), Code::InternalError) => Err(look(error.into())),
            Err(_) => Err(ShareError::NoShare { account: account.clone(), share: share.clone() }),
        }
    }
}

impl FileShares {
    /// Where a share of an account is that is not of this host: where the configuration says, else
    /// where Azure would have it.
    fn elsewhere(&self, account: &str, share: &str) -> Result<Whereabouts, ShareError> {
        let no_account = || ShareError::NoAccount { account: account.to_owned() };
        let configured = self.smb.servers.get(account);
        let guessed = || {
            let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            let suffix = self.smb.suffix.as_ref().filter(|_| account.chars().all(is_name))?;
            Some(Server::of_host(format!("{account}.{suffix}")))
        };
        let server = configured.cloned().or_else(guessed).ok_or_else(no_account)?;
        let location = server.locate(share).ok_or_else(|| ShareError::NoName {
            account: account.to_owned(),
            share: share.to_owned(),
        })?;
        Ok(Whereabouts::Elsewhere { location, is_configured: configured.is_some() })
    }
}
