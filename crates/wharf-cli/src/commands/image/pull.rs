//! `wharf image pull`.

use std::time::Instant;

use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::{
    client,
    context::Context,
    error::{ApiError, CliError},
    group, output,
    progress::{Progress, pull_state},
};

/// Arguments.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  wharf image pull registry.example/team/app:1
  WHARF_REGISTRY_PASSWORD=… wharf image pull registry.example/app --registry-username me")]
pub(super) struct PullArgs {
    /// Name of the image
    reference: String,
    /// Log in with this name
    #[arg(long, value_name = "USER", requires = "registry_password")]
    registry_username: Option<String>,
    /// Log in with this password
    #[arg(long, value_name = "PASSWORD", env = "WHARF_REGISTRY_PASSWORD", hide_env_values = true)]
    registry_password: Option<String>,
}

/// Pulls an image and prints its whole reference.
pub(super) async fn run(context: &Context, args: &PullArgs) -> Result<(), CliError> {
    let mut request = json!({ "reference": args.reference });
    if let (Some(username), Some(password)) = (&args.registry_username, &args.registry_password) {
        request["username"] = json!(username);
        request["password"] = json!(password);
    }
    let progress = Progress::new(format!("pulling {}", args.reference));
    let client = context.client().await?;
    let mut lines = client.post_lines("/wharf/v1/images/pull", &request).await?;
    let mut image = None;
    let mut rate = Rate::default();
    while let Some(line) = lines.next().await {
        let line = line?;
        if line.get("error").is_some() {
            return Err(CliError::Api(failed(&line)));
        }
        if let Some(found) = line.get("image") {
            image = Some(found.clone());
        } else if let Some(step) = line.get("progress") {
            progress.state(&pull_state(step, rate.of(step)));
        }
    }
    drop(progress);
    // A stream that was cut must not pass for a pull.
    let image = image.ok_or_else(|| {
        CliError::Internal("the daemon stopped talking before the image was here".into())
    })?;
    if !context.output.is_readable() {
        return context.output.document(&image);
    }
    output::text(&format!("{}\n", group::text(&image, "/reference").unwrap_or(&args.reference)))
}

/// The stream has begun with 200, so the status has to be told from the code.
fn failed(line: &Value) -> ApiError {
    let error = client::api_error(line, 0);
    let status = if error.code == "ImageNotFound" { 404 } else { 0 };
    ApiError { status, ..error }
}

/// How fast bytes came since the first step.
#[derive(Default)]
struct Rate {
    began: Option<(Instant, u64)>,
}

impl Rate {
    #[expect(clippy::cast_precision_loss, reason = "it is rounded anyway")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not below zero")]
    fn of(&mut self, step: &Value) -> Option<u64> {
        let bytes = step.get("bytes_fetched").and_then(Value::as_u64).unwrap_or(0);
        let (began, before) = *self.began.get_or_insert_with(|| (Instant::now(), bytes));
        let seconds = began.elapsed().as_secs_f64();
        if seconds < 0.5 {
            return None;
        }
        Some(((bytes.saturating_sub(before)) as f64 / seconds) as u64)
    }
}
