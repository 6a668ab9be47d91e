//! The command line: names and help texts; what they mean is in [`crate::commands`].

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand};

use crate::{
    commands::{
        activity_log::ActivityLogArgs,
        attach::AttachArgs,
        az_env::AzEnvArgs,
        completion::CompletionArgs,
        create::CreateArgs,
        delete::DeleteArgs,
        dns_setup::DnsSetupArgs,
        exec::ExecArgs,
        export::ExportArgs,
        image::ImageArgs,
        list::ListArgs,
        logs::LogsArgs,
        principal::{SpArgs, UserArgs},
        show::ShowArgs,
        smb_setup::SmbSetupArgs,
        start::StartArgs,
        stop::StopArgs,
        top::TopArgs,
    },
    endpoint,
    output::Format,
};

/// Run container groups on your own hosts with the API of Azure Container Instances
#[derive(Debug, Parser)]
#[command(
    name = "wharf",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    infer_subcommands = false,
    after_long_help = "\
Examples:
  wharf create hello --image mcr.microsoft.com/azuredocs/aci-helloworld --ports 80
  wharf create -f group.yaml
  wharf list
  wharf logs -f hello
  wharf exec -it hello -- sh
  wharf show hello -o json --query properties.ipAddress.ip
  wharf delete hello --yes"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Globals {
    /// Write data in this format
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        help_heading = "Global options"
    )]
    pub(crate) output: Format,
    /// Select from the document with a `JMESPath` expression
    #[arg(long, global = true, value_name = "JMESPATH", help_heading = "Global options")]
    pub(crate) query: Option<String>,
    /// Use this resource group [default: default, made on first use; list: all]
    #[arg(
        short = 'g',
        long,
        global = true,
        env = "WHARF_RESOURCE_GROUP",
        value_name = "NAME",
        help_heading = "Global options"
    )]
    pub(crate) resource_group: Option<String>,
    /// Use this subscription [default: the first that the daemon lists]
    #[arg(
        long,
        global = true,
        env = "WHARF_SUBSCRIPTION",
        value_name = "ID",
        help_heading = "Global options"
    )]
    pub(crate) subscription: Option<String>,
    /// Reach the daemon at `unix:///path` or `https://host:port`
    #[arg(long, global = true, env = "WHARF_ENDPOINT", default_value = endpoint::DEFAULT, value_name = "URL", help_heading = "Global options")]
    pub(crate) endpoint: String,
    /// Read the bearer token from a file (or set `WHARF_TOKEN`)
    #[arg(
        long,
        global = true,
        env = "WHARF_TOKEN_FILE",
        value_name = "FILE",
        help_heading = "Global options"
    )]
    pub(crate) token_file: Option<Utf8PathBuf>,
    /// Trust only the certificate authorities in this PEM file
    #[arg(
        long,
        global = true,
        env = "WHARF_CA",
        value_name = "FILE",
        help_heading = "Global options"
    )]
    pub(crate) ca: Option<Utf8PathBuf>,
    /// Show each request on stderr
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) verbose: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create or update a container group
    Create(Box<CreateArgs>),
    /// List container groups
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show a container group
    Show(ShowArgs),
    /// Print the output of a container
    Logs(LogsArgs),
    /// Run a command in a running container
    Exec(ExecArgs),
    /// Show what a container writes from now on
    Attach(AttachArgs),
    /// Start a container group that is stopped or has ended
    Start(StartArgs),
    /// Stop a container group
    Stop(StopArgs),
    /// Restart all containers of a group
    Restart(StartArgs),
    /// Delete container groups
    #[command(visible_alias = "rm")]
    Delete(DeleteArgs),
    /// Write a container group as YAML that `create --file` reads
    Export(ExportArgs),
    /// Show what running containers use
    Top(TopArgs),
    /// Manage the image store
    Image(ImageArgs),
    /// Manage service principals: programs that can log in
    Sp(SpArgs),
    /// Manage users: people who can log in
    User(UserArgs),
    /// Show who asked for which change with which result
    ActivityLog(ActivityLogArgs),
    /// Print what a shell has to set so that `az` works with this daemon and is logged in
    AzEnv(AzEnvArgs),
    /// Have this host resolve the names of container groups
    DnsSetup(DnsSetupArgs),
    /// Have this host's Samba serve the file shares of storage accounts to people
    SmbSetup(SmbSetupArgs),
    /// Check the host and everything that the daemon has made on it
    Doctor,
    /// Print the version
    Version,
    /// Print a completion script
    Completion(CompletionArgs),
}
