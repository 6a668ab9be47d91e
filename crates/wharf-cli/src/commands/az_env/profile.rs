//! The files of an `az` that is registered, logged in and trusts the daemon
//! (`client-contract.md`); with them no `az cloud register`, `set` or `login` is needed.

use std::io::{self, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err::os::unix::fs::OpenOptionsExt as _;
use serde_json::{Value, json};

use crate::error::CliError;

/// The file with the certificates to trust.
pub(super) const BUNDLE: &str = "ca-bundle.pem";
const LOGIN: &str = "service_principal_entries.json";
/// Where systems keep the certificates that they trust.
const SYSTEM_BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Where the daemon is and what it has.
#[derive(Debug)]
pub(super) struct Place {
    /// `https://host:port`.
    pub(super) address: String,
    pub(super) tenant: String,
    pub(super) subscription: String,
    /// What names of storage services end with.
    pub(super) storage: String,
    /// What login servers of registries end with.
    pub(super) registries: String,
    /// PEM.
    pub(super) certificate_authority: String,
}

impl Place {
    /// `host:port`.
    pub(super) fn authority(&self) -> String {
        self.address.trim_start_matches("https://").trim_end_matches('/').to_owned()
    }
}

/// A service principal. Has no `Debug`: it holds a secret.
pub(super) struct Login {
    pub(super) client: String,
    pub(super) secret: String,
}

/// A path that stays valid in another directory.
pub(super) fn absolute(path: &Utf8Path) -> Result<Utf8PathBuf, CliError> {
    let absolute = std::path::absolute(path).map_err(CliError::output(path))?;
    Utf8PathBuf::from_path_buf(absolute)
        .map_err(|path| CliError::usage(format!("{} is not UTF-8", path.display())))
}

/// One directory for each daemon that a user works with.
pub(super) fn default_directory(place: &Place) -> Result<Utf8PathBuf, CliError> {
    let base = match variable("XDG_CONFIG_HOME") {
        Some(base) => base,
        None => home()?.join(".config"),
    };
    let name = place.authority().replace(['[', ']'], "").replace(':', "-");
    Ok(base.join("wharf/azure").join(name))
}

/// The user's directory.
fn home() -> Result<Utf8PathBuf, CliError> {
    variable("HOME").ok_or_else(|| {
        CliError::usage_hint("HOME is not set", "say with --directory where to keep the profile")
    })
}

/// An absolute path in the environment.
pub(super) fn variable(name: &str) -> Option<Utf8PathBuf> {
    let path = std::env::var(name).ok().map(Utf8PathBuf::from);
    path.filter(|path| path.is_absolute())
}

/// Makes the directory, which only its user may read: it holds a secret.
pub(super) fn make_private(directory: &Utf8Path) -> Result<(), CliError> {
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs_err::create_dir_all(directory)
        .and_then(|()| fs_err::set_permissions(directory, private))
        .map_err(CliError::output(directory))
}

/// The login of an earlier call, if it was for this tenant.
pub(super) fn read_login(directory: &Utf8Path, tenant: &str) -> Option<Login> {
    let text = fs_err::read_to_string(directory.join(LOGIN)).ok()?;
    let entries: Value = serde_json::from_str(&text).ok()?;
    let entry = entries.as_array()?.iter().find(|entry| entry["tenant"] == tenant)?;
    let text = |name: &str| entry[name].as_str().map(str::to_owned);
    Some(Login { client: text("client_id")?, secret: text("client_secret")? })
}

/// Removes what another daemon at the same address may have given.
pub(super) fn forget_tokens(directory: &Utf8Path) -> Result<(), CliError> {
    for name in ["msal_token_cache.json", "msal_token_cache.bin", "msal_http_cache.bin"] {
        let path = directory.join(name);
        match fs_err::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(CliError::output(&path)(error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Writes all files.
pub(super) fn write(directory: &Utf8Path, place: &Place, login: &Login) -> Result<(), CliError> {
    let entries = json!([{
        "client_id": login.client,
        "tenant": place.tenant,
        "client_secret": login.secret,
    }]);
    let bundle = bundle(directory, &place.certificate_authority);
    for (name, text) in [
        ("clouds.config", clouds(place)),
        ("config", CONFIG.to_owned()),
        ("azureProfile.json", subscriptions(directory, place, login)),
        (LOGIN, entries.to_string()),
        (BUNDLE, bundle),
    ] {
        let path = directory.join(name);
        write_private(&path, &text).map_err(CliError::output(&path))?;
    }
    Ok(())
}

/// Whole or not at all, for an `az` that runs meanwhile.
fn write_private(path: &Utf8Path, text: &str) -> io::Result<()> {
    let temporary = Utf8PathBuf::from(format!("{path}.{}", std::process::id()));
    let mut file = fs_err::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(text.as_bytes())?;
    fs_err::rename(&temporary, path)
}

const CONFIG: &str = "\
[cloud]
name = Wharf
[core]
collect_telemetry = no
encrypt_token_cache = false
instance_discovery = false
";

fn clouds(place: &Place) -> String {
    let Place { address, storage, registries, .. } = place;
    format!(
        "[Wharf]\n\
         endpoint_resource_manager = {address}/\n\
         endpoint_management = {address}/\n\
         endpoint_active_directory = {address}/adfs\n\
         endpoint_active_directory_resource_id = {address}/\n\
         endpoint_active_directory_graph_resource_id = {address}/graph\n\
         endpoint_microsoft_graph_resource_id = {address}/graph/\n\
         suffix_storage_endpoint = {storage}\n\
         suffix_acr_login_server_endpoint = .{registries}\n"
    )
}

/// What `az` knows of the subscription. Its own settings in the file are kept.
fn subscriptions(directory: &Utf8Path, place: &Place, login: &Login) -> String {
    let known = fs_err::read_to_string(directory.join("azureProfile.json")).unwrap_or_default();
    // `az` writes a byte order mark.
    let known: Value =
        serde_json::from_str(known.trim_start_matches('\u{feff}')).unwrap_or_else(|_| json!({}));
    let installation =
        known["installationId"].as_str().map_or_else(crate::secret::id, str::to_owned);
    json!({
        "installationId": installation,
        "subscriptions": [{
            "id": place.subscription,
            "name": "Wharf",
            "state": "Enabled",
            "isDefault": true,
            "tenantId": place.tenant,
            "homeTenantId": place.tenant,
            "environmentName": "Wharf",
            "managedByTenants": [],
            "user": { "name": login.client, "type": "servicePrincipal" },
        }],
    })
    .to_string()
}

/// The certificates that the user trusts anyway, and the daemon's authority.
fn bundle(directory: &Utf8Path, authority: &str) -> String {
    let chosen = ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"].into_iter().filter_map(variable);
    let system = SYSTEM_BUNDLES.iter().map(Utf8PathBuf::from);
    // Not what an earlier call has written.
    let mut others = chosen.chain(system).filter(|path| !path.starts_with(directory));
    let roots = others.find_map(|path| fs_err::read_to_string(path).ok());
    let roots = roots.map(|roots| roots.trim_end().to_owned() + "\n").unwrap_or_default();
    format!("{roots}{}\n", authority.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_private_and_a_second_call_finds_the_login() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(temporary.path()).unwrap().join("p");
        let place = Place {
            address: "https://127.0.0.1:8443".into(),
            tenant: "t".into(),
            subscription: "s".into(),
            storage: "core.x.internal:8443".into(),
            registries: "azurecr.x.internal:8443".into(),
            certificate_authority: "-----BEGIN CERTIFICATE-----\nx".into(),
        };
        assert_eq!(place.authority(), "127.0.0.1:8443");
        make_private(&directory).unwrap();
        let login = Login { client: "c".into(), secret: "planted".into() };
        write(&directory, &place, &login).unwrap();
        let mode = |path: &Utf8Path| {
            std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o777
        };
        assert_eq!(mode(&directory), 0o700);
        for entry in directory.read_dir_utf8().unwrap() {
            assert_eq!(mode(entry.unwrap().path()), 0o600);
        }
        let found = read_login(&directory, "t").unwrap();
        assert_eq!((found.client.as_str(), found.secret.as_str()), ("c", "planted"));
        assert!(read_login(&directory, "other").is_none());
        let bundle = fs_err::read_to_string(directory.join(BUNDLE)).unwrap();
        assert!(bundle.ends_with("-----BEGIN CERTIFICATE-----\nx\n"));
        let id =
            |text: &str| serde_json::from_str::<Value>(text).unwrap()["installationId"].clone();
        let first = subscriptions(&directory, &place, &login);
        assert_eq!(id(&first), id(&subscriptions(&directory, &place, &login)));
        let clouds = fs_err::read_to_string(directory.join("clouds.config")).unwrap();
        assert!(clouds.contains("endpoint_active_directory = https://127.0.0.1:8443/adfs\n"));
        assert!(clouds.ends_with("_login_server_endpoint = .azurecr.x.internal:8443\n"));
    }
}
