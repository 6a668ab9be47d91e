//! What is wrong with settings.

use camino::Utf8PathBuf;
use ipnet::{Ipv4Net, Ipv6Net};
use wharf_image::ImageError;

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("read configuration file {path}")]
    Read {
        /// Which file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A factor that is none.
    #[error("{name} must be a number above 0")]
    Factor {
        /// Which setting.
        name: &'static str,
    },
    /// Ranges that are not apart.
    #[error("private_pool {private} overlaps address_pool {public}; they must be apart")]
    Pools {
        /// For public addresses.
        public: Ipv4Net,
        /// For the others.
        private: Ipv4Net,
    },
    /// A range without room.
    #[error("ipv6_pool {0} is too small; a prefix of 96 bits at most is needed")]
    Ipv6Pool(Ipv6Net),
    /// Half a front.
    #[error("ingress_certificate and ingress_key go together, and with ingress_listen")]
    IngressFiles,
    /// A capability that does not exist.
    #[error("allow_capability: there is no capability \"{0}\"")]
    Capability(String),
    /// An SMB server that is none.
    #[error("smb_server: \"{0}\" is not ACCOUNT=HOST[:PORT][/SHARE[/FOLDER…]]")]
    SmbServer(String),
    /// A client that is none.
    #[error("smb_client: \"{0}\" is not auto, kernel or fuse")]
    SmbClient(String),
    /// A pair that is none.
    #[error("{setting}: \"{value}\" is not HOST[:PORT]=…")]
    Pair {
        /// Which setting.
        setting: &'static str,
        /// What was given.
        value: String,
    },
    /// A pattern of images that is none.
    #[error(
        "{setting}: \"{value}\" is neither '*' nor a registry, nor the beginning of a repository's \
         name in one"
    )]
    Pattern {
        /// Which setting.
        setting: &'static str,
        /// What was given.
        value: String,
    },
    /// Keys that cannot be used.
    #[error("require_signature")]
    Keys(#[source] ImageError),
    /// The file is not what it should be.
    #[error("configuration file {path}")]
    Parse {
        /// Which file.
        path: Utf8PathBuf,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
}
