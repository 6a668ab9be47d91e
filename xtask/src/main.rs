//! Every developer command: `cargo xtask --help`.

mod bench;
mod crash;
mod docs;
mod layers;

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};

/// Developer commands of Wharf
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Check that crates depend only on what layers.toml allows
    Layers,
    /// Check that the documents name only what exists
    Docs,
    /// Format everything
    Fmt,
    /// Run clippy as CI does
    Lint,
    /// Check licences, bans and sources with cargo-deny, if it is installed
    Deny,
    /// Measure the budgets beside crun and podman, with the release build
    Bench {
        /// Measure only this part
        part: Option<Part>,
        /// Create so many groups for throughput, memory and restart
        #[arg(long, default_value_t = 200)]
        groups: usize,
    },
    /// Time crun and podman, as a part of `bench`
    #[command(hide = true)]
    Peers,
    /// Kill the daemon at random moments and at every fail point, and check what is left
    Crash {
        /// At least so many times
        #[arg(long, default_value_t = 200)]
        count: u32,
    },
    /// Everything that CI runs
    Ci,
}

/// A part of the measurements that can be had alone.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Part {
    /// Pulls, beside skopeo, podman and containerd
    Images,
    /// The network's share, throughput, connections that must hold
    Network,
    /// Shares: files in a container beside the host's, REST beside nginx and Azurite
    Files,
}

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "a tool for developers")]
fn report(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}

fn run(task: &Task) -> Result<()> {
    match task {
        Task::Layers => layers::check(),
        Task::Docs => docs::check(),
        Task::Fmt => call("cargo", &["fmt", "--all"]),
        Task::Lint => {
            call("cargo", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
        }
        Task::Deny => call("cargo", &["deny", "check", "bans", "licenses", "sources"]),
        Task::Bench { part: None, groups } => bench::run(*groups),
        Task::Bench { part: Some(Part::Network), groups } => bench::network::run(*groups),
        Task::Bench { part: Some(Part::Files), .. } => bench::files::run(),
        Task::Bench { part: Some(Part::Images), .. } => bench::images::run(),
        Task::Peers => bench::peers::tell(),
        Task::Crash { count } => crash::run(*count),
        Task::Ci => call("scripts/test", &[]),
    }
}

fn call(program: &str, args: &[&str]) -> Result<()> {
    let status = Command::new(program)
        .args(args)
        .status()
        .with_context(|| format!("run {program} {}", args.join(" ")))?;
    if !status.success() {
        bail!("{program} {} failed", args.join(" "));
    }
    Ok(())
}
