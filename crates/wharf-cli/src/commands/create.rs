//! `wharf create`.

use std::fmt;

use camino::Utf8PathBuf;
use clap::ValueEnum;
use serde_json::{Value, json};

use crate::{
    body, client,
    context::{Context, versioned},
    error::CliError,
    group, output,
    progress::{Progress, wait},
    template,
};

/// Arguments, with the names that `az container create` gives them.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  wharf create hello --image mcr.microsoft.com/azuredocs/aci-helloworld --ports 80
  wharf create job --image alpine --restart-policy Never --command-line \"sh -c 'echo hi; exit 3'\"
  wharf create db --image postgres -e POSTGRES_USER=me --secure-environment-variables POSTGRES_PASSWORD=…
  wharf create -f group.yaml --no-wait")]
pub(crate) struct CreateArgs {
    /// Name of the container group, and of its container
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Name of the container group, as in az
    #[arg(
        short = 'n',
        long = "name",
        value_name = "NAME",
        conflicts_with = "name",
        hide_short_help = true
    )]
    name_flag: Option<String>,
    /// Create from a YAML file as `az container create --file` takes it; `-` reads standard input
    #[arg(short, long, value_name = "FILE", conflicts_with_all = [
        "image", "cpu", "memory", "ports", "protocol", "dns_name_label", "ip_address",
        "environment_variables", "secure_environment_variables", "command_line", "restart_policy",
        "os_type", "tags", "registry_login_server", "registry_username", "acr_identity",
        "azure_file_volume_share_name", "secrets", "gitrepo_url",
    ])]
    file: Option<Utf8PathBuf>,
    /// Return when the daemon has accepted the group
    #[arg(long)]
    no_wait: bool,
    /// Run this image
    #[arg(long)]
    pub(crate) image: Option<String>,
    /// Give the container this many processors
    #[arg(long, default_value_t = 1.0, value_name = "CORES")]
    pub(crate) cpu: f64,
    /// Give the container this much memory in GB
    #[arg(long, default_value_t = 1.5, value_name = "GB")]
    pub(crate) memory: f64,
    /// Open these ports; makes the group public
    #[arg(long, num_args = 1.., value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) ports: Vec<u16>,
    /// Use this protocol on the ports
    #[arg(long, value_enum, ignore_case = true, default_value_t = Protocol::Tcp)]
    pub(crate) protocol: Protocol,
    /// Give the public address this name in the region's domain
    #[arg(long, value_name = "LABEL")]
    pub(crate) dns_name_label: Option<String>,
    /// Give the group this kind of address
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) ip_address: Option<IpAddress>,
    /// Set environment variables (can be repeated)
    #[arg(short, long, num_args = 1.., value_name = "KEY=VALUE")]
    pub(crate) environment_variables: Vec<String>,
    /// Set environment variables that are never shown again (can be repeated)
    #[arg(long, num_args = 1.., value_name = "KEY=VALUE")]
    pub(crate) secure_environment_variables: Vec<String>,
    /// Run this command line in place of the image's; quotes work as in a shell, nothing else does
    #[arg(long, value_name = "COMMAND")]
    pub(crate) command_line: Option<String>,
    /// Restart containers that have ended
    #[arg(long, value_enum, ignore_case = true, default_value_t = RestartPolicy::Always)]
    pub(crate) restart_policy: RestartPolicy,
    /// Run on this system
    #[arg(long, value_enum, ignore_case = true, default_value_t = OsType::Linux, hide_short_help = true)]
    pub(crate) os_type: OsType,
    /// Create in this region [default: that of the file or of the resource group]
    #[arg(short, long, value_name = "REGION")]
    location: Option<String>,
    /// Tag the group
    #[arg(long, num_args = 0.., value_name = "KEY=VALUE")]
    pub(crate) tags: Vec<String>,
    /// Log in to this registry [default: that of the image]
    #[arg(long, value_name = "HOST")]
    pub(crate) registry_login_server: Option<String>,
    /// Log in with this name
    #[arg(long, value_name = "USER")]
    pub(crate) registry_username: Option<String>,
    /// Log in with this password
    #[arg(long, value_name = "PASSWORD", env = "WHARF_REGISTRY_PASSWORD", hide_env_values = true)]
    pub(crate) registry_password: Option<String>,
    /// Log in with a token of this user-assigned identity, which the group gets as well
    #[arg(long, value_name = "ID", conflicts_with = "registry_username")]
    pub(crate) acr_identity: Option<String>,
    /// Mount this file share
    #[arg(long, value_name = "SHARE", requires_all = ["azure_file_volume_account_name", "azure_file_volume_mount_path"], help_heading = "Volumes")]
    pub(crate) azure_file_volume_share_name: Option<String>,
    /// Take the share from this storage account
    #[arg(
        long,
        value_name = "ACCOUNT",
        requires = "azure_file_volume_share_name",
        help_heading = "Volumes"
    )]
    pub(crate) azure_file_volume_account_name: Option<String>,
    /// Use this key of the storage account
    #[arg(
        long,
        value_name = "KEY",
        env = "WHARF_STORAGE_KEY",
        hide_env_values = true,
        help_heading = "Volumes"
    )]
    pub(crate) azure_file_volume_account_key: Option<String>,
    /// Mount the share here
    #[arg(
        long,
        value_name = "PATH",
        requires = "azure_file_volume_share_name",
        help_heading = "Volumes"
    )]
    pub(crate) azure_file_volume_mount_path: Option<String>,
    /// Make a file of each secret
    #[arg(long, num_args = 1.., value_name = "KEY=VALUE", requires = "secrets_mount_path", help_heading = "Volumes")]
    pub(crate) secrets: Vec<String>,
    /// Mount the secrets here
    #[arg(long, value_name = "PATH", requires = "secrets", help_heading = "Volumes")]
    pub(crate) secrets_mount_path: Option<String>,
    /// Clone this repository into a volume
    #[arg(long, value_name = "URL", requires = "gitrepo_mount_path", help_heading = "Volumes")]
    pub(crate) gitrepo_url: Option<String>,
    /// Clone into this directory of the volume
    #[arg(long, value_name = "DIR", default_value = ".", help_heading = "Volumes")]
    pub(crate) gitrepo_dir: String,
    /// Check out this commit
    #[arg(long, value_name = "COMMIT", requires = "gitrepo_url", help_heading = "Volumes")]
    pub(crate) gitrepo_revision: Option<String>,
    /// Mount the repository here
    #[arg(long, value_name = "PATH", requires = "gitrepo_url", help_heading = "Volumes")]
    pub(crate) gitrepo_mount_path: Option<String>,
}

/// Values are written as the API writes them and read in any case.
macro_rules! api_values {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
        pub(crate) enum $name { $($(#[$variant_doc])* #[value(name = $text)] $variant),* }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $text),* })
            }
        }
    };
}

api_values! {
    /// Transport protocol of ports.
    Protocol { Tcp = "TCP", Udp = "UDP" }
}
api_values! {
    /// Kind of address.
    IpAddress { Public = "Public", Private = "Private" }
}
api_values! {
    /// When containers are started again.
    RestartPolicy { Always = "Always", OnFailure = "OnFailure", Never = "Never" }
}
api_values! {
    /// Operating system.
    OsType { Linux = "Linux", Windows = "Windows" }
}

/// Creates the group and waits until its containers have started.
pub(crate) async fn run(context: &Context, args: &CreateArgs) -> Result<(), CliError> {
    let file = args.file.as_deref().map(template::read).transpose()?;
    let name = name(args, file.as_ref())?;
    if file.is_none() {
        // Mistakes in the flags are told before anything is made.
        body::from_flags(args, &name, "")?;
    }
    let in_file = file.as_ref().and_then(|file| group::text(file, "/location"));
    let named = args.location.as_deref().or(in_file);
    let of_group = context.ensure_resource_group(named).await?;
    let location = named.map_or(of_group, str::to_owned);
    let (document, version) = match file {
        Some(mut file) => {
            let version = group::text(&file, "/apiVersion").map(str::to_owned);
            file["name"] = json!(name);
            file["location"] = json!(location);
            (file, version)
        }
        None => (body::from_flags(args, &name, &location)?, None),
    };
    let path = context.group_path(&name).await?;
    let put = match version {
        Some(version) => format!("{path}?api-version={}", client::escape(&version)),
        None => versioned(&path),
    };
    let client = context.client().await?;
    let images = group::images(&document);
    let mut progress = Progress::new(format!("creating {name}")).pulling(&images);
    let answer = client.put(&put, &document).await?;
    let group = if args.no_wait {
        answer.body
    } else {
        wait(client, &answer, &mut progress).await?;
        client.get(&versioned(&path)).await?
    };
    drop(progress);
    print(context, &name, &group)
}

/// As in `az`: the file's name and the argument's must agree.
fn name(args: &CreateArgs, file: Option<&Value>) -> Result<String, CliError> {
    let given = args.name.as_deref().or(args.name_flag.as_deref());
    match (given, file.and_then(|file| group::text(file, "/name"))) {
        (Some(given), Some(in_file)) if given != in_file => {
            Err(CliError::usage(format!("the name is '{given}' here and '{in_file}' in the file")))
        }
        (Some(name), _) | (None, Some(name)) => Ok(name.to_owned()),
        (None, None) => Err(CliError::usage_hint(
            "the container group has no name",
            "pass NAME, or write `name:` in the file",
        )),
    }
}

fn print(context: &Context, name: &str, group: &Value) -> Result<(), CliError> {
    if !context.output.is_readable() {
        return context.output.document(group);
    }
    output::text(&summary(name, group))?;
    output::note(&suggestions(name, group, &context.flags_for_suggestions()));
    Ok(())
}

fn summary(name: &str, group: &Value) -> String {
    let lines = [
        ("image", group::images(group).join(", ")),
        ("ip", group::address(group)),
        ("fqdn", group::text(group, "/properties/ipAddress/fqdn").unwrap_or_default().to_owned()),
    ];
    let shown = lines.into_iter().filter(|(_, value)| !value.is_empty());
    let shown: Vec<String> =
        shown.map(|(label, value)| format!("  {label:<6} {value}\n")).collect();
    format!("{name}: {}\n{}", group::state(group), shown.concat())
}

fn suggestions(name: &str, group: &Value, flags: &str) -> String {
    let ip = group::text(group, "/properties/ipAddress/ip");
    let ports = group::ports(group, "/properties/ipAddress/ports");
    let tcp = ports.iter().find_map(|port| port.strip_suffix("/TCP"));
    let curl = match (ip, tcp) {
        (Some(ip), Some(port)) => format!("\n  curl http://{ip}:{port}/"),
        _ => String::new(),
    };
    let container = match group::container_names(group).as_slice() {
        [first, _, ..] => format!(" --container {first}"),
        _ => String::new(),
    };
    format!(
        "next:{curl}\n  wharf show {name}{flags}\n  wharf logs -f {name}{container}{flags}\n  \
         wharf delete {name}{flags}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_tells_what_to_do_next() {
        let group = json!({ "properties": {
            "provisioningState": "Succeeded", "instanceView": { "state": "Running" },
            "containers": [{ "name": "a", "properties": { "image": "x" } },
                { "name": "b", "properties": { "image": "x" } }],
            "ipAddress": { "ip": "10.0.0.4", "ports": [{ "port": 80, "protocol": "TCP" }],
                "fqdn": "web.here" } } });
        insta::assert_snapshot!(summary("web", &group) + &suggestions("web", &group, " -g other"), @r"
        web: Running
          image  x
          ip     10.0.0.4:80
          fqdn   web.here
        next:
          curl http://10.0.0.4:80/
          wharf show web -g other
          wharf logs -f web --container a -g other
          wharf delete web -g other
        ");
    }
}
