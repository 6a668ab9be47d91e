//! One file per command: its arguments, which are its help text, and what it does.

pub(crate) mod activity_log;
pub(crate) mod attach;
pub(crate) mod az_env;
pub(crate) mod completion;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod dns_setup;
pub(crate) mod doctor;
pub(crate) mod exec;
pub(crate) mod export;
pub(crate) mod image;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod principal;
pub(crate) mod restart;
pub(crate) mod show;
pub(crate) mod smb_setup;
pub(crate) mod start;
pub(crate) mod stop;
pub(crate) mod top;
pub(crate) mod version;

use std::process::ExitCode;

use crate::{args::Command, context::Context, error::CliError};

/// Runs a command.
pub(crate) async fn run(
    context: &Context,
    command: Command,
    whole: clap::Command,
) -> Result<ExitCode, CliError> {
    match command {
        Command::Create(args) => create::run(context, &args).await?,
        Command::List(args) => list::run(context, &args).await?,
        Command::Show(args) => show::run(context, &args).await?,
        Command::Logs(args) => logs::run(context, &args).await?,
        Command::Exec(args) => return exec::run(context, &args).await,
        Command::Attach(args) => attach::run(context, &args).await?,
        Command::Start(args) => start::run(context, &args).await?,
        Command::Stop(args) => stop::run(context, &args).await?,
        Command::Restart(args) => restart::run(context, &args).await?,
        Command::Delete(args) => delete::run(context, &args).await?,
        Command::Export(args) => export::run(context, &args).await?,
        Command::Image(args) => image::run(context, &args).await?,
        Command::Top(args) => top::run(context, &args).await?,
        Command::Sp(args) => principal::run_sp(context, &args).await?,
        Command::User(args) => principal::run_user(context, &args).await?,
        Command::ActivityLog(args) => activity_log::run(context, &args).await?,
        Command::AzEnv(args) => az_env::run(context, &args).await?,
        Command::DnsSetup(args) => dns_setup::run(context, &args).await?,
        Command::SmbSetup(args) => smb_setup::run(context, &args).await?,
        Command::Doctor => return doctor::run(context).await,
        Command::Version => version::run(context)?,
        Command::Completion(args) => completion::run(&args, whole)?,
    }
    Ok(ExitCode::SUCCESS)
}
