//! How the daemon is set up: flags, `WHARF_*` variables and a file, read once into one type.

mod error;
mod registries;
mod smb;

use std::{net::SocketAddr, time::Duration};

use camino::Utf8PathBuf;
use clap::Parser;
use ipnet::{Ipv4Net, Ipv6Net};
use serde::Deserialize;
use wharf_image::{ImagePolicy, Keeping, RegistryConfig};
use wharf_model::{
    network::{Ipv6Pool, Pools},
    security::{Policy, capability},
};

pub(crate) use error::ConfigError;
use registries::RegistryArgs;
use smb::SmbArgs;

pub(crate) use smb::SmbConfig;

/// Run the daemon
///
/// Every flag can also stand in the configuration file (with underscores) and in the environment
/// as `WHARF_*`; a flag wins over the environment, the environment over the file.
#[derive(Clone, Debug, Parser)]
#[command(name = "serve")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag on its own")]
pub struct ServeArgs {
    /// Keep what survives reboots here [default: /var/lib/wharf]
    #[arg(long, env = "WHARF_DATA_DIR", value_name = "DIR")]
    data_dir: Option<Utf8PathBuf>,
    /// Keep sockets and journals here [default: /run/wharf]
    #[arg(long, env = "WHARF_RUN_DIR", value_name = "DIR")]
    run_dir: Option<Utf8PathBuf>,
    /// Answer HTTPS here [default: 127.0.0.1:8443]
    #[arg(long, env = "WHARF_LISTEN", value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Read settings from this TOML file
    #[arg(long, env = "WHARF_CONFIG", value_name = "FILE")]
    config: Option<Utf8PathBuf>,
    /// Give container groups public addresses from this range [default: 10.203.0.0/16]
    #[arg(long, env = "WHARF_ADDRESS_POOL", value_name = "CIDR")]
    address_pool: Option<Ipv4Net>,
    /// Give groups without a public address theirs from this range, and this host its own
    /// [default: that of public addresses]
    #[arg(long, env = "WHARF_PRIVATE_POOL", value_name = "CIDR")]
    private_pool: Option<Ipv4Net>,
    /// Give groups outside of virtual networks IPv6 addresses of this range as well
    #[arg(long, env = "WHARF_IPV6_POOL", value_name = "CIDR")]
    ipv6_pool: Option<Ipv6Net>,
    /// Answer for the public addresses of groups on this link, of whose network they are a part
    #[arg(long, env = "WHARF_UPLINK", value_name = "LINK")]
    uplink: Option<String>,
    /// Publish the open ports of groups with a public address at this host's own addresses as well
    #[arg(long, env = "WHARF_PUBLISH_PORTS")]
    publish_ports: bool,
    /// Lead `https://<name of a group>` here to the group
    #[arg(long, env = "WHARF_INGRESS_LISTEN", value_name = "ADDR:PORT")]
    ingress_listen: Option<SocketAddr>,
    /// Show clients of groups this certificate (PEM, with those that vouch for it)
    /// [default: one of Wharf's CA for each name]
    #[arg(long, env = "WHARF_INGRESS_CERTIFICATE", value_name = "FILE")]
    ingress_certificate: Option<Utf8PathBuf>,
    /// The key of that certificate (PEM)
    #[arg(long, env = "WHARF_INGRESS_KEY", value_name = "FILE")]
    ingress_key: Option<Utf8PathBuf>,
    /// Offer this region by default [default: local]
    #[arg(long, env = "WHARF_LOCATION", value_name = "NAME")]
    location: Option<String>,
    /// End DNS names of groups with this [default: azurecontainer.wharf.internal]
    #[arg(long, env = "WHARF_DNS_SUFFIX", value_name = "DOMAIN")]
    dns_suffix: Option<String>,
    /// Give containers so many seconds to end after SIGTERM [default: 10]
    #[arg(long, env = "WHARF_GRACE_SECONDS", value_name = "SECONDS")]
    grace_seconds: Option<u64>,
    #[command(flatten)]
    registries: RegistryArgs,
    #[command(flatten)]
    smb: SmbArgs,
    /// Hold the answer to a create for so many milliseconds if that is enough to start the group
    /// [default: 200]
    #[arg(long, env = "WHARF_HOLD_MILLISECONDS", value_name = "MILLISECONDS")]
    hold_milliseconds: Option<u64>,
    /// Let groups reserve so many times the host's CPUs [default: 4]
    #[arg(long, env = "WHARF_CPU_OVERCOMMIT", value_name = "FACTOR")]
    cpu_overcommit: Option<f64>,
    /// Let groups reserve so many times the memory that groups may use [default: 1]
    #[arg(long, env = "WHARF_MEMORY_OVERCOMMIT", value_name = "FACTOR")]
    memory_overcommit: Option<f64>,
    /// Accept so many running groups at most [default: any number]
    #[arg(long, env = "WHARF_GROUP_QUOTA", value_name = "COUNT")]
    group_quota: Option<u64>,
    /// Let all groups together reserve so many CPUs at most [default: those of the host]
    #[arg(long, env = "WHARF_CORE_QUOTA", value_name = "COUNT")]
    core_quota: Option<u64>,
    /// Let one group have so many MiB on the disk: writable layers, volumes and logs
    /// [default: 51200]
    #[arg(long, env = "WHARF_DISK_QUOTA_MB", value_name = "MIB")]
    disk_quota_mb: Option<u64>,
    /// Let root in containers be the host's root, as on hosts that cannot map users
    #[arg(long, env = "WHARF_NO_USER_NAMESPACES")]
    no_user_namespaces: bool,
    /// Let containers be privileged: root on the host in all but name
    #[arg(long, env = "WHARF_ALLOW_PRIVILEGED")]
    allow_privileged: bool,
    /// Let containers add this capability, or ALL, besides the harmless ones (can be repeated)
    #[arg(long, env = "WHARF_ALLOW_CAPABILITY", value_name = "NAME", value_delimiter = ',')]
    allow_capability: Vec<String>,
    /// Log this much: error, warn, info, debug or trace, also per module [default: info]
    #[arg(long, env = "WHARF_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// Remove what the daemon keeps on the host (links, firewall table, cgroups) and exit; only when
    /// there is no group left
    #[arg(long)]
    pub(crate) uninstall: bool,
    /// Take this for the host's boot id; for tests of reboots
    #[arg(long, env = "WHARF_BOOT_ID", hide = true)]
    boot_id: Option<String>,
}

/// The configuration file: the flags that are not given.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data_dir: Option<Utf8PathBuf>,
    run_dir: Option<Utf8PathBuf>,
    listen: Option<SocketAddr>,
    address_pool: Option<Ipv4Net>,
    private_pool: Option<Ipv4Net>,
    ipv6_pool: Option<Ipv6Net>,
    uplink: Option<String>,
    publish_ports: Option<bool>,
    ingress_listen: Option<SocketAddr>,
    ingress_certificate: Option<Utf8PathBuf>,
    ingress_key: Option<Utf8PathBuf>,
    location: Option<String>,
    dns_suffix: Option<String>,
    grace_seconds: Option<u64>,
    insecure_registry: Option<Vec<String>>,
    registry_ca: Option<Vec<String>>,
    registry_mirror: Option<Vec<String>>,
    docker_config: Option<Utf8PathBuf>,
    image_disk_percent: Option<u8>,
    image_max_age_hours: Option<u32>,
    registry_timeout_seconds: Option<u64>,
    smb_server: Option<Vec<String>>,
    smb_suffix: Option<String>,
    smb_client: Option<String>,
    require_digest: Option<Vec<String>>,
    require_signature: Option<Vec<String>>,
    hold_milliseconds: Option<u64>,
    cpu_overcommit: Option<f64>,
    memory_overcommit: Option<f64>,
    group_quota: Option<u64>,
    core_quota: Option<u64>,
    disk_quota_mb: Option<u64>,
    no_user_namespaces: Option<bool>,
    allow_privileged: Option<bool>,
    allow_capability: Option<Vec<String>>,
    log: Option<String>,
}

/// How much groups may reserve of the host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CapacityConfig {
    pub(crate) cpu_overcommit: f64,
    pub(crate) memory_overcommit: f64,
    pub(crate) group_quota: Option<u64>,
    pub(crate) core_quota: Option<u64>,
}

/// The HTTPS front of groups.
#[derive(Clone, Debug)]
pub(crate) struct IngressConfig {
    pub(crate) listen: SocketAddr,
    /// The user's certificate and key.
    pub(crate) files: Option<(Utf8PathBuf, Utf8PathBuf)>,
}

/// The daemon's settings.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) data_dir: Utf8PathBuf,
    pub(crate) run_dir: Utf8PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) pools: Pools,
    pub(crate) ipv6: Option<Ipv6Pool>,
    pub(crate) uplink: Option<String>,
    pub(crate) publishes_ports: bool,
    pub(crate) ingress: Option<IngressConfig>,
    pub(crate) location: String,
    pub(crate) dns_suffix: String,
    pub(crate) grace: Duration,
    pub(crate) registries: RegistryConfig,
    pub(crate) smb: SmbConfig,
    pub(crate) image_policy: ImagePolicy,
    pub(crate) keeping: Keeping,
    pub(crate) hold: Duration,
    pub(crate) capacity: CapacityConfig,
    pub(crate) disk_quota_bytes: u64,
    pub(crate) user_namespaces: bool,
    pub(crate) security: Policy,
    pub(crate) log: String,
    pub(crate) boot_id: Option<String>,
    pub(crate) is_uninstalling: bool,
}

impl Config {
    /// Reads everything there is to read.
    pub(crate) fn load(args: ServeArgs) -> Result<Self, ConfigError> {
        let mut file = match &args.config {
            None => File::default(),
            Some(path) => read(path)?,
        };
        let absolute = |path: Utf8PathBuf| camino::absolute_utf8(&path).unwrap_or(path);
        let seconds = |given: Option<u64>, default| Duration::from_secs(given.unwrap_or(default));
        let keeping = args.registries.keeping(&file);
        let image_policy = args.registries.policy(&mut file)?;
        let registries = args.registries.or(&mut file)?;
        let smb = args.smb.or(&mut file)?;
        let capacity = CapacityConfig {
            cpu_overcommit: args.cpu_overcommit.or(file.cpu_overcommit).unwrap_or(4.0),
            memory_overcommit: args.memory_overcommit.or(file.memory_overcommit).unwrap_or(1.0),
            group_quota: args.group_quota.or(file.group_quota),
            core_quota: args.core_quota.or(file.core_quota),
        };
        check_factors(capacity)?;
        let public = args.address_pool.or(file.address_pool).unwrap_or_else(default_pool);
        let private = args.private_pool.or(file.private_pool).map(|pool| pool.trunc());
        let pools = Pools { public: public.trunc(), private };
        check_pools(&pools)?;
        let ipv6 = match args.ipv6_pool.or(file.ipv6_pool) {
            Some(range) => Some(Ipv6Pool::new(range).ok_or(ConfigError::Ipv6Pool(range))?),
            None => None,
        };
        let ingress = ingress(
            args.ingress_listen.or(file.ingress_listen),
            args.ingress_certificate.or(file.ingress_certificate).map(absolute),
            args.ingress_key.or(file.ingress_key).map(absolute),
        )?;
        let allowed = all(args.allow_capability, file.allow_capability);
        let is_known =
            |name: &String| name.eq_ignore_ascii_case("ALL") || capability(name).is_some();
        if let Some(unknown) = allowed.iter().find(|name| !is_known(name)) {
            return Err(ConfigError::Capability(unknown.clone()));
        }
        let allows_privileged = args.allow_privileged || file.allow_privileged.unwrap_or(false);
        let security = Policy { allows_privileged, capabilities: allowed };
        let data_dir = args.data_dir.or(file.data_dir).unwrap_or_else(|| "/var/lib/wharf".into());
        let run_dir = args.run_dir.or(file.run_dir).unwrap_or_else(|| "/run/wharf".into());
        Ok(Self {
            data_dir: absolute(data_dir),
            run_dir: absolute(run_dir),
            listen: args
                .listen
                .or(file.listen)
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8443))),
            pools,
            ipv6,
            uplink: args.uplink.or(file.uplink),
            ingress,
            publishes_ports: args.publish_ports || file.publish_ports.unwrap_or(false),
            location: args.location.or(file.location).unwrap_or_else(|| "local".to_owned()),
            dns_suffix: args
                .dns_suffix
                .or(file.dns_suffix)
                .unwrap_or_else(|| "azurecontainer.wharf.internal".to_owned()),
            grace: seconds(args.grace_seconds.or(file.grace_seconds), 10),
            registries,
            smb,
            image_policy,
            keeping,
            hold: Duration::from_millis(
                args.hold_milliseconds.or(file.hold_milliseconds).unwrap_or(200),
            ),
            capacity,
            disk_quota_bytes: args
                .disk_quota_mb
                .or(file.disk_quota_mb)
                .unwrap_or(50 << 10)
                .saturating_mul(1 << 20),
            user_namespaces: !(args.no_user_namespaces || file.no_user_namespaces.unwrap_or(false)),
            security,
            log: args.log.or(file.log).unwrap_or_else(|| "info".to_owned()),
            boot_id: args.boot_id,
            is_uninstalling: args.uninstall,
        })
    }
}

/// What flags say and what the file says, of settings that can be repeated.
fn all(mut given: Vec<String>, more: Option<Vec<String>>) -> Vec<String> {
    given.extend(more.unwrap_or_default());
    given
}

fn check_factors(capacity: CapacityConfig) -> Result<(), ConfigError> {
    for (name, factor) in [
        ("cpu_overcommit", capacity.cpu_overcommit),
        ("memory_overcommit", capacity.memory_overcommit),
    ] {
        if !factor.is_finite() || factor <= 0.0 {
            return Err(ConfigError::Factor { name });
        }
    }
    Ok(())
}

fn ingress(
    listen: Option<SocketAddr>,
    certificate: Option<Utf8PathBuf>,
    key: Option<Utf8PathBuf>,
) -> Result<Option<IngressConfig>, ConfigError> {
    let files = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => return Err(ConfigError::IngressFiles),
    };
    match listen {
        Some(listen) => Ok(Some(IngressConfig { listen, files })),
        None if files.is_some() => Err(ConfigError::IngressFiles),
        None => Ok(None),
    }
}

fn check_pools(pools: &Pools) -> Result<(), ConfigError> {
    let public = pools.public;
    match pools.private {
        Some(private) if public.contains(&private) || private.contains(&public) => {
            Err(ConfigError::Pools { public, private })
        }
        Some(_) | None => Ok(()),
    }
}

fn default_pool() -> Ipv4Net {
    Ipv4Net::new_assert(std::net::Ipv4Addr::new(10, 203, 0, 0), 16)
}

fn read(path: &Utf8PathBuf) -> Result<File, ConfigError> {
    let text = fs_err::read_to_string(path)
        .map_err(|source| ConfigError::Read { path: path.clone(), source })?;
    toml::from_str(&text)
        .map_err(|source| ConfigError::Parse { path: path.clone(), source: Box::new(source) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(args: &[&str]) -> Result<Config, ConfigError> {
        Config::load(ServeArgs::parse_from([&["serve"], args].concat()))
    }

    #[test]
    fn flags_win_over_the_file_and_unknown_keys_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wharf.toml");
        let file = path.to_str().unwrap();
        std::fs::write(&path, "location = \"lab\"\ngrace_seconds = 3\n").unwrap();
        let config = load(&["--config", file, "--location", "here"]).unwrap();
        assert_eq!((config.location.as_str(), config.grace.as_secs()), ("here", 3));
        std::fs::write(&path, "graze_seconds = 3\n").unwrap();
        let error = wharf_model::error::chain(&load(&["--config", file]).unwrap_err());
        assert!(error.contains("graze_seconds"), "{error}");
    }
}
