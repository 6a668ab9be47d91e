//! Storage accounts, which somebody else keeps.

use std::fmt;

/// What a request has to agree with.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its keys, decoded; a request is signed with any of them.
    pub keys: Vec<Vec<u8>>,
    /// Requests without TLS are refused.
    pub https_only: bool,
    /// Whether keys, and signatures made with them, are accepted at all.
    pub shared_key_access: bool,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What becomes of a bearer token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is good, and its owner may do this.
    Allowed,
    /// It is good, and its owner may not.
    Forbidden,
    /// It is no good token.
    Unknown,
}

/// Whoever knows the accounts.
pub trait Accounts: Send + Sync + 'static {
    /// Whether the owner of this token may perform this action of Azure's roles, such as
    /// `Microsoft.Storage/storageAccounts/fileServices/fileShares/files/read`, in the account.
    /// Called on a thread that may block. Without an answer of its own no token is good.
    fn token(
        &self,
        account: &str,
        token: &str,
        action: &str,
    ) -> Result<Verdict, Box<dyn std::error::Error + Send + Sync>> {
        let _ = (account, token, action);
        Ok(Verdict::Unknown)
    }

    /// Who has a share mounted, in words, so that it is not taken away. Called on a thread that may
    /// block. Without an answer of its own nobody has.
    fn user(
        &self,
        account: &str,
        share: &str,
    ) -> Result<Option<String>, Box<dyn std::error::Error + Send + Sync>> {
        let _ = (account, share);
        Ok(None)
    }

    /// The account of this name. Called on a thread that may block.
    fn account(
        &self,
        name: &str,
    ) -> Result<Option<Account>, Box<dyn std::error::Error + Send + Sync>>;
}
