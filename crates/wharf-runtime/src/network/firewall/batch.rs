//! Giving `nft` a batch.

use std::process::Stdio;

use tokio::{io::AsyncWriteExt as _, process::Command};

use super::NetworkError;

/// Runs one batch, all or nothing.
pub(super) async fn nft(table: &str, batch: &str) -> Result<(), NetworkError> {
    if batch.is_empty() {
        return Ok(());
    }
    let failed = |reason: String| NetworkError::Firewall { table: table.to_owned(), reason };
    let run = async {
        let mut child = Command::new("nft")
            .args(["-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(batch.as_bytes()).await?;
        }
        child.wait_with_output().await
    };
    let output = run.await.map_err(|error| failed(format!("run nft: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
