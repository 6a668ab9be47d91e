//! The Azure Files REST service.

mod answer;
mod content;
mod copy;
mod directory;
mod file;
mod handles;
mod headers;
mod operation;
mod properties;
mod rename;
mod share;
mod source;

use std::sync::Arc;

use axum::{
    body::Body,
    http::{Request, Response},
};

use jiff::Timestamp;

use self::{
    answer::{Answer, Reply},
    operation::Operation,
};
use crate::{
    accounts::{Account, Accounts, Verdict},
    auth::{self, Grant},
    clock::Clock,
    error::{Code, FilesError},
    request::{Call, Target},
    shares::Shares,
    tree::Tree,
};

/// Answers requests.
#[derive(Clone)]
pub struct Service {
    shares: Arc<Shares>,
    accounts: Arc<dyn Accounts>,
    clock: Clock,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("shares", &self.shares).finish_non_exhaustive()
    }
}

/// A request whose sender may do what it asks for.
struct Context {
    call: Call,
    grant: Grant,
    shares: Arc<Shares>,
    account: Account,
    accounts: Arc<dyn Accounts>,
    now: Timestamp,
}

impl Service {
    /// A service for these shares.
    pub fn new(shares: Arc<Shares>, accounts: Arc<dyn Accounts>) -> Self {
        Self::with_clock(shares, accounts, Clock::system())
    }

    /// The same with another clock.
    pub fn with_clock(shares: Arc<Shares>, accounts: Arc<dyn Accounts>, clock: Clock) -> Self {
        Self { shares, accounts, clock }
    }

    /// Answers one request. Its URI has to be as the client sent it, because it is signed.
    pub async fn handle(&self, target: Target, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let reply = Reply::begin(&parts, self.clock.now());
        match self.answer(target, parts, body).await {
            Ok(answer) => reply.send(answer),
            Err(error) => reply.refuse(&error),
        }
    }

    async fn answer(
        &self,
        target: Target,
        parts: axum::http::request::Parts,
        body: Body,
    ) -> Result<Answer, FilesError> {
        let call = Call::new(target, parts)?;
        call.version()?;
        let service = self.clone();
        let (context, operation) = blocking(move || service.authorize(call)).await?;
        operation.run(context, body).await
    }

    fn authorize(&self, call: Call) -> Result<(Arc<Context>, Operation), FilesError> {
        let now = self.clock.now();
        let account = self.accounts.account(&call.target.account).map_err(|error| {
            tracing::error!(error = &*error as &dyn std::error::Error, "an account cannot be read");
            Code::InternalError
        })?;
        let account = account.ok_or_else(|| {
            FilesError::because(Code::ResourceNotFound, "The specified account does not exist.")
        })?;
        let (grant, operation) = if let Some(token) = bearer(&call) {
            let operation = Operation::of(&call)?;
            check_token(&*self.accounts, &call, token, operation.action())?;
            (Grant::Token, operation)
        } else {
            let grant = auth::authorize(&call, &account, &self.shares, now)?;
            (grant, Operation::of(&call)?)
        };
        if let Grant::Signed(scope) = &grant {
            scope.check(operation.need())?;
        }
        let (shares, accounts) = (Arc::clone(&self.shares), Arc::clone(&self.accounts));
        let context = Context { call, grant, shares, account, accounts, now };
        Ok((Arc::new(context), operation))
    }
}

fn bearer(call: &Call) -> Option<&str> {
    call.header("authorization")?.strip_prefix("Bearer ").map(str::trim)
}

/// Refuses a token whose owner may not do this.
fn check_token(
    accounts: &dyn Accounts,
    call: &Call,
    token: &str,
    action: &str,
) -> Result<(), FilesError> {
    if !call.target.secure {
        return Err(Code::AuthenticationFailed.into());
    }
    if call.header("x-ms-file-request-intent").is_none_or(|intent| intent != "backup") {
        let message = "With a token, x-ms-file-request-intent has to be backup.";
        return Err(FilesError::because(Code::MissingRequiredHeader, message));
    }
    let verdict = accounts.token(&call.target.account, token, action).map_err(|error| {
        tracing::error!(error = &*error as &dyn std::error::Error, "a token cannot be checked");
        Code::InternalError
    })?;
    match verdict {
        Verdict::Allowed => Ok(()),
        Verdict::Forbidden => Err(Code::AuthorizationPermissionMismatch.into()),
        Verdict::Unknown => Err(Code::InvalidAuthenticationInfo.into()),
    }
}

impl Call {
    /// What is in the share or the snapshot that an address names.
    fn tree(&self, shares: &Shares) -> Result<Tree, FilesError> {
        let (account, share) = (&self.target.account, self.share.as_deref().unwrap_or_default());
        Tree::open(&match self.snapshot() {
            Some(snapshot) => shares.snapshot_tree(account, share, snapshot)?,
            None => shares.tree(account, share)?,
        })
    }
}

impl Context {
    /// What is in the share that the request is about.
    fn tree(&self) -> Result<Tree, FilesError> {
        self.call.tree(&self.shares)
    }

    /// Counts bytes that are about to be written.
    fn reserve(&self, bytes: u64) -> Result<(), FilesError> {
        self.shares.reserve(&self.account.name, self.share()?, bytes)
    }
}

/// Runs what may block on a thread that may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FilesError> + Send + 'static,
) -> Result<T, FilesError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Code::InternalError.into()))
}
