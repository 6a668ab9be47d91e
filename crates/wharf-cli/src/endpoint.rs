//! Where the daemon listens, as users write it.

use std::fmt;

use camino::Utf8PathBuf;

use crate::error::CliError;

/// The daemon on this host with its default run directory.
pub(crate) const DEFAULT: &str = "unix:///run/wharf/wharf.sock";

/// How to reach the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A socket on this host: the kernel tells the daemon who asks.
    Unix(Utf8PathBuf),
    /// Scheme and authority, no path: a token tells who asks.
    Https(String),
}

impl Endpoint {
    /// Understands `unix://PATH`, an absolute path and `https://HOST[:PORT]`.
    pub(crate) fn parse(text: &str) -> Result<Self, CliError> {
        let hint = "write unix:///path/to/wharf.sock or https://host:port";
        let wrong = || CliError::usage_hint(format!("'{text}' is not an endpoint"), hint);
        if let Some(path) =
            text.strip_prefix("unix://").or_else(|| text.starts_with('/').then_some(text))
        {
            let path = Utf8PathBuf::from(path);
            return if path.is_absolute() { Ok(Self::Unix(path)) } else { Err(wrong()) };
        }
        if text.starts_with("http://") {
            let message = format!("'{text}' would send the token in the clear");
            return Err(CliError::usage_hint(message, hint));
        }
        let url = reqwest::Url::parse(text).map_err(|_| wrong())?;
        let plain = url.path() == "/"
            && url.query().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if url.scheme() != "https" || url.host_str().is_none() || !plain {
            return Err(wrong());
        }
        Ok(Self::Https(url.origin().ascii_serialization()))
    }

    /// What request URLs begin with. On a socket the authority means nothing to the transport.
    pub(crate) fn base(&self) -> &str {
        match self {
            Self::Unix(_) => "http://localhost",
            Self::Https(base) => base,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{path}"),
            Self::Https(base) => f.write_str(base),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_and_https_are_understood_and_nothing_else() {
        assert_eq!(Endpoint::parse(DEFAULT).unwrap().to_string(), DEFAULT);
        assert_eq!(Endpoint::parse("/a/b").unwrap(), Endpoint::Unix("/a/b".into()));
        let https = Endpoint::parse("https://Example.org:8443/").unwrap();
        assert_eq!(https.base(), "https://example.org:8443");
        for wrong in ["http://localhost:1", "unix://relative", "https://u:p@h", "https://h/x", "h"]
        {
            assert_eq!(Endpoint::parse(wrong).unwrap_err().exit_code(), 2, "{wrong}");
        }
    }
}
