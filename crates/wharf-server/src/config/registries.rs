//! What the administrator says about registries and images.

use std::time::Duration;

use camino::Utf8PathBuf;
use jiff::SignedDuration;
use wharf_image::{
    CertificateAuthority, ImagePolicy, Keeping, Mirror, Pattern, PublicKey, RegistryConfig, Signed,
};

use super::{ConfigError, File, all};

/// Flags about registries.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct RegistryArgs {
    /// Speak to this registry without TLS (can be repeated)
    #[arg(
        long,
        env = "WHARF_INSECURE_REGISTRY",
        value_name = "HOST[:PORT]",
        value_delimiter = ','
    )]
    insecure_registry: Vec<String>,
    /// Believe the certificate authorities in a PEM file about this registry (can be repeated)
    #[arg(long, env = "WHARF_REGISTRY_CA", value_name = "HOST[:PORT]=FILE", value_delimiter = ',')]
    registry_ca: Vec<String>,
    /// Ask a mirror first for images of a registry that need no credentials (can be repeated)
    #[arg(
        long,
        env = "WHARF_REGISTRY_MIRROR",
        value_name = "HOST[:PORT]=URL",
        value_delimiter = ','
    )]
    registry_mirror: Vec<String>,
    /// Pull with the credentials in this config.json of docker for groups that bring none
    #[arg(long, env = "WHARF_DOCKER_CONFIG", value_name = "FILE")]
    docker_config: Option<Utf8PathBuf>,
    /// Remove unused images when the image store's disk is filled so far [default: 85]
    #[arg(long, env = "WHARF_IMAGE_DISK_PERCENT", value_name = "PERCENT")]
    image_disk_percent: Option<u8>,
    /// Remove images that were unused for so many hours [default: only when the disk fills]
    #[arg(long, env = "WHARF_IMAGE_MAX_AGE_HOURS", value_name = "HOURS")]
    image_max_age_hours: Option<u32>,
    /// Wait so many seconds for a silent registry [default: 15]
    #[arg(long, env = "WHARF_REGISTRY_TIMEOUT_SECONDS", value_name = "SECONDS")]
    registry_timeout_seconds: Option<u64>,
    /// Refuse images that are named by tag: all with '*', or those of a registry, or of repositories
    /// whose names begin so (can be repeated)
    #[arg(
        long,
        env = "WHARF_REQUIRE_DIGEST",
        value_name = "*|HOST[:PORT][/NAME]",
        value_delimiter = ','
    )]
    require_digest: Vec<String>,
    /// Refuse images without a cosign signature by one of the public keys in a PEM file; the longest
    /// name that fits decides (can be repeated)
    #[arg(
        long,
        env = "WHARF_REQUIRE_SIGNATURE",
        value_name = "*|HOST[:PORT][/NAME]=FILE",
        value_delimiter = ','
    )]
    require_signature: Vec<String>,
}

impl RegistryArgs {
    pub(super) fn keeping(&self, file: &File) -> Keeping {
        let high_percent = self.image_disk_percent.or(file.image_disk_percent).unwrap_or(85);
        let hours = self.image_max_age_hours.or(file.image_max_age_hours);
        Keeping {
            high_percent,
            low_percent: high_percent.saturating_sub(5),
            max_age: hours.map(|hours| SignedDuration::from_hours(hours.into())),
            min_age: SignedDuration::from_mins(2),
        }
    }

    pub(super) fn policy(&self, file: &mut File) -> Result<ImagePolicy, ConfigError> {
        let by_digest = all(self.require_digest.clone(), file.require_digest.take()).into_iter();
        let by_digest = by_digest.map(|text| pattern("require_digest", text));
        let setting = "require_signature";
        let signature = all(self.require_signature.clone(), file.require_signature.take());
        let mut signed: Vec<Signed> = Vec::new();
        for (text, file) in pairs(setting, signature, |text, file| (text, file))? {
            let pattern = pattern(setting, text)?;
            let keys = PublicKey::read(file.as_str().into()).map_err(ConfigError::Keys)?;
            match signed.iter_mut().find(|known| known.pattern == pattern) {
                Some(known) => known.keys.extend(keys),
                None => signed.push(Signed { pattern, keys }),
            }
        }
        Ok(ImagePolicy { by_digest: by_digest.collect::<Result<_, _>>()?, signed })
    }

    pub(super) fn or(self, file: &mut File) -> Result<RegistryConfig, ConfigError> {
        let absolute = |path: Utf8PathBuf| camino::absolute_utf8(&path).unwrap_or(path);
        let authorities = all(self.registry_ca, file.registry_ca.take());
        let mirrors = all(self.registry_mirror, file.registry_mirror.take());
        let seconds = self.registry_timeout_seconds.or(file.registry_timeout_seconds);
        Ok(RegistryConfig {
            insecure: all(self.insecure_registry, file.insecure_registry.take()),
            authorities: pairs("registry_ca", authorities, |registry, file| {
                CertificateAuthority { registry, file: absolute(file.into()) }
            })?,
            mirrors: pairs("registry_mirror", mirrors, |registry, url| Mirror { registry, url })?,
            docker_config: self.docker_config.or_else(|| file.docker_config.take()).map(absolute),
            read_timeout: Duration::from_secs(seconds.unwrap_or(15)),
            ..RegistryConfig::default()
        })
    }
}

fn pattern(setting: &'static str, value: String) -> Result<Pattern, ConfigError> {
    Pattern::new(&value).ok_or(ConfigError::Pattern { setting, value })
}

/// Settings of the form `HOST[:PORT]=…`.
fn pairs<T>(
    setting: &'static str,
    values: Vec<String>,
    make: impl Fn(String, String) -> T,
) -> Result<Vec<T>, ConfigError> {
    let pair = |value: String| match value.split_once('=') {
        Some((registry, rest)) if !registry.is_empty() && !rest.is_empty() => {
            Ok(make(registry.to_owned(), rest.to_owned()))
        }
        _ => Err(ConfigError::Pair { setting, value }),
    };
    values.into_iter().map(pair).collect()
}
