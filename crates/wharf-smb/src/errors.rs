//! What a server's refusals are to those who use files.

use nix::libc;
use smb2::{Error, ErrorKind, types::status::NtStatus};

use crate::wish::Refusal;

/// An error number of the kernel.
pub(crate) type Errno = i32;

/// Whether the session is of no use any more.
pub(crate) fn is_lost(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionLost
            | ErrorKind::TimedOut
            | ErrorKind::SessionExpired
            | ErrorKind::Io
            | ErrorKind::InvalidData
            | ErrorKind::SignatureInvalid
    ) || matches!(
        error.status(),
        Some(
            NtStatus::USER_SESSION_DELETED
                | NtStatus::NETWORK_NAME_DELETED
                | NtStatus::NETWORK_SESSION_EXPIRED
        )
    )
}

/// Whether nobody answered in time, so that trying again would only take longer.
pub(crate) fn is_silence(error: &Error) -> bool {
    matches!(error, Error::ServerUnresponsive { .. }) || error.kind() == ErrorKind::TimedOut
}

/// What a file's user is told.
pub(crate) fn errno(error: &Error) -> Errno {
    if let Some(errno) = error.status().and_then(of_status) {
        return errno;
    }
    match error.kind() {
        ErrorKind::AccessDenied | ErrorKind::AuthRequired => libc::EACCES,
        ErrorKind::NotFound => libc::ENOENT,
        ErrorKind::AlreadyExists => libc::EEXIST,
        ErrorKind::SharingViolation => libc::EBUSY,
        ErrorKind::IsADirectory => libc::EISDIR,
        ErrorKind::NotADirectory => libc::ENOTDIR,
        ErrorKind::DiskFull => libc::ENOSPC,
        ErrorKind::Unsupported => libc::EOPNOTSUPP,
        _ => libc::EIO,
    }
}

fn of_status(status: NtStatus) -> Option<Errno> {
    Some(match status {
        NtStatus::DIRECTORY_NOT_EMPTY => libc::ENOTEMPTY,
        NtStatus::DELETE_PENDING => libc::EBUSY,
        NtStatus::CANNOT_DELETE => libc::EPERM,
        NtStatus::OBJECT_NAME_INVALID | NtStatus::INVALID_PARAMETER => libc::EINVAL,
        NtStatus::FILE_LOCK_CONFLICT => libc::EAGAIN,
        NtStatus::NOT_SUPPORTED | NtStatus::NOT_IMPLEMENTED => libc::EOPNOTSUPP,
        // STATUS_QUOTA_EXCEEDED and STATUS_NOT_SAME_DEVICE.
        NtStatus(0xC000_0044) => libc::EDQUOT,
        NtStatus(0xC000_00D4) => libc::EXDEV,
        _ => return None,
    })
}

/// What the one who wanted the mount is told.
pub(crate) fn refusal(error: &Error, account: &str, place: &str) -> Refusal {
    let (errno, reason) = match (error.kind(), error.status()) {
        (_, Some(NtStatus::BAD_NETWORK_NAME)) => {
            (libc::ENOENT, format!("No such file or directory: the server has no share {place}"))
        }
        (ErrorKind::AuthRequired | ErrorKind::GuestSessionRefused, _) => (
            libc::EACCES,
            format!("Permission denied: the server refused the key of account '{account}'"),
        ),
        (ErrorKind::AccessDenied, _) => {
            (libc::EACCES, format!("Permission denied: account '{account}' may not use {place}"))
        }
        (ErrorKind::NotFound, _) => {
            (libc::ENOENT, format!("No such file or directory: {place} is not there"))
        }
        (ErrorKind::TimedOut, _) => (libc::ETIMEDOUT, format!("Connection timed out: {place}")),
        (ErrorKind::ConnectionLost | ErrorKind::Io, _) => {
            let why = connect_failure(error);
            (libc::EHOSTDOWN, format!("Host is down: {place} cannot be reached{why}"))
        }
        (ErrorKind::InvalidData, _) => {
            (libc::EOPNOTSUPP, format!("Operation not supported: {place}: {error}"))
        }
        _ => (libc::EIO, format!("Input/output error: {place}: {error}")),
    };
    Refusal { errno, reason }
}

fn connect_failure(error: &Error) -> String {
    match error {
        Error::ConnectFailed { attempts, .. } => {
            let kinds = attempts.iter().map(|attempt| match attempt.error_kind {
                Some(kind) => kind.to_string(),
                None => "no answer".to_owned(),
            });
            let kinds: Vec<String> = kinds.collect();
            if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) }
        }
        Error::Io(source) => format!(" ({source})"),
        _ => String::new(),
    }
}
