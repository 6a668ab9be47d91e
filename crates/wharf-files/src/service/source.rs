//! Files that a request takes from: named by an address, somewhere in this Wharf.

use axum::http::{Request, Uri};

use super::{Context, operation::READ_FILES};
use crate::{
    auth::{self, Grant, Need},
    error::{Code, FilesError},
    request::{Call, Target},
    tree::Node,
};

const READ: Need = Need { kind: 'o', any: "r", file: true };
const DELETE_FILES: &str = "Microsoft.Storage/storageAccounts/fileServices/fileShares/files/delete";
const MOVE: Need = Need { kind: 'o', any: "dw", file: false };

/// The account, share and path of an address.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) call: Call,
}

impl Source {
    /// Takes an address apart, and finds out whether the sender may read there.
    pub(super) fn find(context: &Context, address: &str) -> Result<Self, FilesError> {
        let source = Self::parse(context, address)?;
        source.check(context, READ).map_err(FilesError::of_source)?;
        Ok(source)
    }

    /// The same, but the address itself has to be signed: a key of the account is not enough.
    pub(super) fn find_signed(context: &Context, address: &str) -> Result<Self, FilesError> {
        let source = Self::parse(context, address)?;
        source.check_signature(context, READ).map_err(FilesError::of_source)?;
        Ok(source)
    }

    /// The same for what is to be moved away.
    pub(super) fn find_to_move(context: &Context, address: &str) -> Result<Self, FilesError> {
        let source = Self::parse(context, address)?;
        if source.call.target.account != context.account.name
            || source.call.share != context.call.share
        {
            let message = "What is renamed stays in its share.";
            return Err(FilesError::because(Code::InvalidInput, message));
        }
        if source.call.snapshot().is_some() {
            return Err(Code::ShareSnapshotOperationNotSupported.into());
        }
        source.check(context, MOVE).map_err(FilesError::of_source)?;
        Ok(source)
    }

    fn parse(context: &Context, address: &str) -> Result<Self, FilesError> {
        let elsewhere = || {
            let message = "The source has to be a file of this Wharf.";
            FilesError::because(Code::CannotVerifyCopySource, message)
        };
        let uri: Uri = address.parse().map_err(|_| elsewhere())?;
        let call = &context.call;
        let own = call.uri.authority().map(ToString::to_string);
        let own = own.or_else(|| call.header("host").map(str::to_owned)).unwrap_or_default();
        let theirs = uri.authority().map(ToString::to_string).unwrap_or_default();
        let theirs = theirs.as_str();
        let (account, path) = match theirs.split_once(".file.") {
            // The account is in the name of the host. That may have any ending: clients make it up
            // from what they know of the cloud.
            Some((account, _)) => (account.to_owned(), uri.path().to_owned()),
            None if own == theirs => {
                let all = uri.path().trim_start_matches('/');
                let (account, path) = all.split_once('/').ok_or_else(elsewhere)?;
                (account.to_owned(), format!("/{path}"))
            }
            None => return Err(elsewhere()),
        };
        let target = Target { account, path, ..call.target.clone() };
        let mut request = Request::builder().method("GET").uri(uri);
        if call.says_true("x-ms-source-allow-trailing-dot") {
            request = request.header("x-ms-allow-trailing-dot", "true");
        }
        let (parts, ()) = request.body(()).map_err(|_| elsewhere())?.into_parts();
        Ok(Self { call: Call::new(target, parts)? })
    }

    fn check(&self, context: &Context, need: Need) -> Result<(), FilesError> {
        let account = &self.call.target.account;
        let own = *account == context.account.name;
        if own && context.grant == Grant::Owner {
            return Ok(());
        }
        match super::bearer(&context.call) {
            Some(token) if own && !self.call.query.contains_key("sig") => {
                let action = if need == READ { READ_FILES } else { DELETE_FILES };
                super::check_token(&*context.accounts, &context.call, token, action)
            }
            _ => self.check_signature(context, need),
        }
    }

    fn check_signature(&self, context: &Context, need: Need) -> Result<(), FilesError> {
        let account = &self.call.target.account;
        let unknown = || FilesError::from(Code::CannotVerifyCopySource);
        let found = context.accounts.account(account).map_err(|_| Code::InternalError)?;
        let found = found.ok_or_else(unknown)?;
        match auth::authorize(&self.call, &found, &context.shares, context.now)? {
            Grant::Signed(scope) => scope.check(need),
            Grant::Owner | Grant::Token => Ok(()),
        }
    }

    /// The file there.
    pub(super) fn file(&self, context: &Context) -> Result<Node, FilesError> {
        let place = self.call.tree(&context.shares)?.file(&self.call.path)?;
        place.node.ok_or_else(|| Code::ResourceNotFound.into())
    }
}
