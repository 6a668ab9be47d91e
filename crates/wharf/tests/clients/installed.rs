//! Where `scripts/clients` has put the clients.

use std::path::{Path, PathBuf};

/// This directory: the scripts that drive the clients are here.
pub(crate) const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");

/// The clients, or why they cannot be used.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    root: PathBuf,
}

impl Installed {
    /// The same place as `scripts/clients` has.
    pub(crate) fn find() -> Self {
        let var = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let cache = var("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| {
            let home = var("HOME").map(PathBuf::from);
            home.map(|home| home.join(".cache"))
        });
        let root = var("WHARF_CLIENTS").map(PathBuf::from);
        let root = root.unwrap_or_else(|| cache.unwrap_or_default().join("wharf/clients"));
        Self { root }
    }

    /// Python with the SDK and schemathesis.
    pub(crate) fn sdk(&self) -> Result<PathBuf, String> {
        self.at("sdk/bin")
    }

    /// The Azure CLI.
    pub(crate) fn az(&self) -> Result<PathBuf, String> {
        self.at("az/bin")
    }

    /// The JavaScript SDK: a directory with `node_modules`.
    pub(crate) fn js(&self) -> Result<PathBuf, String> {
        self.at("js")
    }

    fn at(&self, rest: &str) -> Result<PathBuf, String> {
        let client = Path::new(rest).iter().next().unwrap_or_default();
        if self.root.join(client).join(".complete").exists() {
            return Ok(self.root.join(rest));
        }
        Err(format!("not installed in {}: run scripts/clients", self.root.display()))
    }
}
