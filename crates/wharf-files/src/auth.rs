//! Who may do what: keys and signatures.

mod collation;
mod sas;
mod shared_key;

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;

pub(crate) use self::sas::{Need, Scope};
use crate::{
    accounts::Account,
    error::{Code, FilesError},
    request::Call,
    shares::Shares,
};

/// What the sender of a request may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// Whoever has a key may do everything.
    Owner,
    /// Whoever has a token may do what the roles say, which have been asked.
    Token,
    /// What a signature allows.
    Signed(Scope),
}

/// Finds out who sent a request, and what that one may do.
pub(crate) fn authorize(
    call: &Call,
    account: &Account,
    shares: &Shares,
    now: Timestamp,
) -> Result<Grant, FilesError> {
    if account.https_only && !call.target.secure {
        return Err(Code::AccountRequiresHttps.into());
    }
    let signed = call.query.contains_key("sig");
    let header = call.headers.get("authorization").map(|value| value.to_str().unwrap_or_default());
    if !account.shared_key_access && (signed || header.is_some()) {
        return Err(Code::KeyBasedAuthenticationNotPermitted.into());
    }
    match header {
        Some(header) => shared_key::verify(call, account, header, now).map(|()| Grant::Owner),
        None if signed => sas::verify(call, account, shares, now).map(Grant::Signed),
        None => Err(Code::NoAuthenticationInformation.into()),
    }
}

/// Whether one of the account's keys made this signature. Takes the same time for every wrong one.
fn is_signed(account: &Account, signature: &str, text: &str) -> bool {
    let Ok(tag) = STANDARD.decode(signature) else { return false };
    let verify = |key: &Vec<u8>| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        hmac::verify(&key, text.as_bytes(), &tag).is_ok()
    };
    account.keys.iter().map(verify).fold(false, |found, one| found | one)
}

fn failed(detail: impl Into<String>) -> FilesError {
    FilesError::detailed(Code::AuthenticationFailed, detail)
}

#[cfg(test)]
mod tests;
