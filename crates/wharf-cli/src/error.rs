//! What can go wrong for a user, with the exit codes that scripts rely on, and the one function
//! that prints it.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use camino::Utf8Path;

/// The API answered with an error.
pub(crate) const API: u8 = 1;
/// The command line or a file it names is wrong.
pub(crate) const USAGE: u8 = 2;
/// What was asked for does not exist.
pub(crate) const NOT_FOUND: u8 = 3;
/// Nobody answers.
pub(crate) const NO_CONNECTION: u8 = 4;
/// A mistake of this program.
pub(crate) const INTERNAL: u8 = 70;

/// An error of the API as in its envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// HTTP status; 0 for a failed operation.
    pub(crate) status: u16,
    /// ARM code.
    pub(crate) code: String,
    /// Text for people.
    pub(crate) message: String,
    /// Which part of the request.
    pub(crate) target: Option<String>,
    /// `x-ms-request-id`.
    pub(crate) request_id: Option<String>,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The API refused or failed.
    #[error("{}: {}", .0.code, one_line(&.0.message))]
    Api(ApiError),
    /// There is no such thing, found out without an API error.
    #[error("{0}")]
    NotFound(String),
    /// The command line or a file is wrong.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The daemon does not answer.
    #[error("cannot reach the daemon at {endpoint}: {reason}")]
    Connection {
        /// Where.
        endpoint: String,
        /// Why, with all causes.
        reason: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Whoever read the output has gone; no reason to complain.
    #[error("broken pipe")]
    BrokenPipe,
    /// Output could not be written.
    #[error("cannot write {subject}: {source}")]
    Output {
        /// `output` or a path.
        subject: String,
        /// Why; part of the text, since this is where it is printed.
        source: io::Error,
    },
    /// A mistake of this program or of the daemon.
    #[error("{0}")]
    Internal(String),
}

impl CliError {
    /// A usage error without a hint.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: None }
    }

    /// A usage error with a hint.
    pub(crate) fn usage_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: Some(hint.into()) }
    }

    /// A file that could not be written.
    pub(crate) fn output(path: &Utf8Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Output { subject: path.to_string(), source }
    }

    /// Whether the API says that the thing does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Api(ApiError { status: 404, .. }) | Self::NotFound(_))
    }

    /// Whether it is this ARM code.
    pub(crate) fn is_code(&self, code: &str) -> bool {
        matches!(self, Self::Api(error) if error.code.eq_ignore_ascii_case(code))
    }

    /// The process's exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Api(ApiError { status: 404, .. }) | Self::NotFound(_) => NOT_FOUND,
            Self::Api(_) | Self::Output { .. } => API,
            Self::Usage { .. } => USAGE,
            Self::Connection { .. } => NO_CONNECTION,
            Self::BrokenPipe => 0,
            Self::Internal(_) => INTERNAL,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Usage { hint, .. } | Self::Connection { hint, .. } => hint.clone(),
            Self::Api(error) => hint_for_code(&error.code, error.status).map(str::to_owned),
            Self::NotFound(_) => hint_for_code("ResourceNotFound", 404).map(str::to_owned),
            Self::BrokenPipe | Self::Output { .. } | Self::Internal(_) => None,
        }
    }

    fn request_id(&self, verbose: bool) -> Option<&str> {
        match self {
            Self::Api(error) if verbose || error.status >= 500 => error.request_id.as_deref(),
            _ => None,
        }
    }
}

impl From<io::Error> for CliError {
    fn from(source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::BrokenPipe {
            Self::BrokenPipe
        } else {
            Self::Output { subject: "output".into(), source }
        }
    }
}

/// What a user can do about an error of the API.
fn hint_for_code(code: &str, status: u16) -> Option<&'static str> {
    Some(match code {
        "ResourceNotFound" => {
            "see `wharf list` for the groups that exist; choose a resource group with -g"
        }
        "ResourceGroupNotFound" => "resource groups are made by the first `wharf create -g NAME`",
        "ContainerNotFound" => "see `wharf show NAME` for the containers of the group",
        "ContainerLogNotAvailable" => {
            "the container has not started; follow it with `wharf logs -f NAME`, or see `wharf show NAME`"
        }
        "InaccessibleImage" => {
            "check the name, or bring the image in with `wharf image pull` or `wharf image import`"
        }
        "RegistryErrorResponse" => "check that the registry answers, then try again",
        "ContainerGroupTransitioning" => "wait for the other operation to end, then try again",
        "ContainerGroupStopped" => "start it with `wharf start NAME`",
        "InvalidContainerGroupUpdate" => "delete the group first, then create it again",
        "DnsNameLabelNotAvailable" => "choose another --dns-name-label",
        "ServiceUnavailable" if status == 409 => "ask for less with --cpu and --memory",
        _ => match status {
            401 => "set WHARF_TOKEN or pass --token-file",
            403 => "use an identity that may do this",
            507 => "free disk space; `wharf image prune` removes unused images",
            _ => return None,
        },
    })
}

/// Messages of several lines would break the promise of one line per error.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text of an error as users see it.
pub(crate) fn render(error: &CliError, verbose: bool) -> String {
    let target = match error {
        CliError::Api(ApiError { target: Some(target), .. }) => format!(" (at {target})"),
        _ => String::new(),
    };
    let hint = error.hint().map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
    let id = error.request_id(verbose).map(|id| format!("request id: {id}\n")).unwrap_or_default();
    format!("error: {error}{target}\n{hint}{id}")
}

/// Prints an error; nothing else does.
pub(crate) fn report(error: &CliError, verbose: bool) -> ExitCode {
    if !matches!(error, CliError::BrokenPipe) {
        // Nobody is left to be told when stderr is gone.
        drop(io::stderr().write_all(render(error, verbose).as_bytes()));
    }
    ExitCode::from(error.exit_code())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(status: u16, code: &str) -> CliError {
        let message = "it is\n  bad".to_owned();
        let request_id = Some("42".to_owned());
        CliError::Api(ApiError { status, code: code.into(), message, target: None, request_id })
    }

    #[test]
    fn every_kind_has_its_exit_code() {
        let connection =
            CliError::Connection { endpoint: "x".into(), reason: "y".into(), hint: None };
        let output = CliError::from(io::Error::from(io::ErrorKind::StorageFull));
        let pipe = CliError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        let table = [
            (api(400, "InvalidOsType"), 1),
            (api(500, "InternalServerError"), 1),
            (api(404, "ResourceNotFound"), 3),
            (CliError::NotFound("no".into()), 3),
            (CliError::usage("no"), 2),
            (connection, 4),
            (output, 1),
            (pipe, 0),
            (CliError::Internal("no".into()), 70),
        ];
        for (error, code) in table {
            assert_eq!(error.exit_code(), code, "{error}");
        }
    }

    #[test]
    fn errors_are_one_line_with_a_hint_and_internal_ones_name_the_request() {
        insta::assert_snapshot!(render(&api(404, "ResourceNotFound"), false), @r"
        error: ResourceNotFound: it is bad
        hint: see `wharf list` for the groups that exist; choose a resource group with -g
        ");
        insta::assert_snapshot!(render(&api(500, "InternalServerError"), false), @r"
        error: InternalServerError: it is bad
        request id: 42
        ");
        insta::assert_snapshot!(render(&api(400, "InvalidOsType"), false), @"error: InvalidOsType: it is bad");
    }
}
