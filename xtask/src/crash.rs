//! `cargo xtask crash`: the crash tests, many more rounds of them than `make test` does.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// Kills the daemon at least so many times, at random moments and at every fail point.
pub(crate) fn run(count: u32) -> Result<()> {
    let status = Command::new("cargo")
        .args(["test", "-p", "wharf", "--features", "failpoints", "--test", "crash"])
        .args(["--", "--nocapture", "--test-threads=2"])
        .env("WHARF_CRASHES", count.to_string())
        .status()
        .context("run cargo test")?;
    if !status.success() {
        bail!("a crash lost or leaked something");
    }
    Ok(())
}
