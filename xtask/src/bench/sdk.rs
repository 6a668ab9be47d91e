//! What a program with the Python SDK feels: `begin_create_or_update().result()`.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result, ensure};

use super::daemon::{Daemon, IMAGE};

/// Median and 95th percentile in milliseconds, or why it was not measured.
pub(super) fn measure(daemon: &Daemon, samples: usize) -> Result<(f64, f64)> {
    let python = python()?;
    let certificate_authority = daemon.data_dir().join("tls/ca.pem");
    let token = std::fs::read_to_string(daemon.data_dir().join("admin.token"))?;
    let output = Command::new(&python)
        .args(["crates/wharf/tests/clients/python/sdk.py", "latency", &samples.to_string()])
        .env("WHARF_URL", format!("https://{}", daemon.address))
        .env("WHARF_SUBSCRIPTION", &daemon.subscription)
        .env("WHARF_LOCATION", "local")
        .env("WHARF_IMAGE", IMAGE)
        .env("WHARF_TOKEN", token.trim())
        .env("REQUESTS_CA_BUNDLE", certificate_authority)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .with_context(|| format!("run {}", python.display()))?;
    let told = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    let seconds: Result<Vec<f64>, _> = told.split_whitespace().map(str::parse).collect();
    match seconds.with_context(|| format!("{told:?} are no seconds"))?[..] {
        [median, p95] => Ok((median * 1e3, p95 * 1e3)),
        _ => anyhow::bail!("two numbers were expected, not {told:?}"),
    }
}

/// Where `scripts/clients` has put the SDK; it is installed there if it is not.
fn python() -> Result<PathBuf> {
    let output = Command::new("scripts/clients").arg("sdk").output().context("scripts/clients")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let root = String::from_utf8(output.stdout)?;
    Ok(PathBuf::from(root.trim()).join("sdk/bin/python"))
}
