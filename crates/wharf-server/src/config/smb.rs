//! What the administrator says about shares of other hosts.

use std::collections::BTreeMap;

use wharf_smb::{Server, Via};

use super::{ConfigError, File, all};

/// Where Azure has the file shares of an account.
const AZURE: &str = "file.core.windows.net";

/// Flags about SMB servers.
#[derive(Clone, Debug, clap::Args)]
#[expect(clippy::struct_field_names, reason = "they are the names of the flags")]
pub(super) struct SmbArgs {
    /// Find the shares of a storage account that is not Wharf's on this SMB server: by their own
    /// names, or as folders in a share of it (can be repeated)
    #[arg(
        long,
        env = "WHARF_SMB_SERVER",
        value_name = "ACCOUNT=HOST[:PORT][/SHARE[/FOLDER]]",
        value_delimiter = ','
    )]
    smb_server: Vec<String>,
    /// Find those of other accounts on the SMB server ACCOUNT.DOMAIN; `none`: nowhere
    /// [default: file.core.windows.net]
    #[arg(long, env = "WHARF_SMB_SUFFIX", value_name = "DOMAIN")]
    smb_suffix: Option<String>,
    /// Mount shares of other hosts by the kernel's SMB client or by FUSE: kernel, fuse or auto, the
    /// kernel if it has one [default: auto]
    #[arg(long, env = "WHARF_SMB_CLIENT", value_name = "CLIENT")]
    smb_client: Option<String>,
}

/// Where shares of other hosts are, and how they are mounted.
#[derive(Clone, Debug)]
pub(crate) struct SmbConfig {
    pub(crate) servers: BTreeMap<String, Server>,
    /// The domain of the servers of all other accounts.
    pub(crate) suffix: Option<String>,
    pub(crate) client: Via,
}

impl SmbArgs {
    pub(super) fn or(self, file: &mut File) -> Result<SmbConfig, ConfigError> {
        let servers = all(self.smb_server, file.smb_server.take());
        let servers = servers.into_iter().map(server).collect::<Result<_, _>>()?;
        let suffix = self.smb_suffix.or_else(|| file.smb_suffix.take());
        let suffix = suffix.unwrap_or_else(|| AZURE.to_owned());
        let client = self.smb_client.or_else(|| file.smb_client.take());
        let client = match client.as_deref().unwrap_or("auto") {
            "auto" => Via::Auto,
            "kernel" => Via::Kernel,
            "fuse" => Via::Fuse,
            other => return Err(ConfigError::SmbClient(other.to_owned())),
        };
        Ok(SmbConfig { servers, suffix: (suffix != "none").then_some(suffix), client })
    }
}

fn server(value: String) -> Result<(String, Server), ConfigError> {
    let parsed = value.split_once('=').and_then(|(account, server)| {
        let server = Server::parse(server)?;
        (!account.is_empty()).then(|| (account.to_owned(), server))
    });
    parsed.ok_or(ConfigError::SmbServer(value))
}
