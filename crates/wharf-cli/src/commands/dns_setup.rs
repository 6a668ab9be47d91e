//! `wharf dns-setup`.

use std::process::{Command, ExitStatus};

use camino::Utf8Path;
use clap::ValueEnum;

use crate::{context::Context, error::CliError, group, output};

/// Arguments.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  wharf dns-setup
  sudo wharf dns-setup --apply
  wharf dns-setup --for dnsmasq > /etc/dnsmasq.d/wharf.conf")]
pub(crate) struct DnsSetupArgs {
    /// Set up this resolver [default: the one that the host has]
    #[arg(long = "for", value_name = "RESOLVER")]
    resolver: Option<Resolver>,
    /// Write the file and have the resolver read it, instead of printing it
    #[arg(long)]
    apply: bool,
}

/// What resolves names on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Resolver {
    /// systemd-resolved
    SystemdResolved,
    /// dnsmasq
    Dnsmasq,
    /// The C library alone, with `/etc/resolv.conf`
    ResolvConf,
}

/// Prints or applies what makes the host resolve the names of groups.
pub(crate) async fn run(context: &Context, args: &DnsSetupArgs) -> Result<(), CliError> {
    let document = context.client().await?.get("/wharf/v1/dns").await?;
    let member = |pointer: &str| {
        let missing = || CliError::Internal(format!("the daemon's answer has no {pointer}"));
        group::text(&document, pointer).map(str::to_owned).ok_or_else(missing)
    };
    let (server, suffix) = (member("/server")?, member("/suffix")?);
    let resolver = args.resolver.unwrap_or_else(detect);
    let present = match resolver {
        Resolver::ResolvConf => fs_err::read_to_string(resolver.path()).unwrap_or_default(),
        Resolver::SystemdResolved | Resolver::Dnsmasq => String::new(),
    };
    let text = resolver.text(&server, &suffix, &present);
    if !args.apply {
        output::note(&format!("for {}", resolver.path()));
        return output::text(&text);
    }
    output::host_file(resolver.path(), &text)?;
    resolver.reload()?;
    output::note(&format!("names below {suffix} are resolved by {server} ({})", resolver.path()));
    Ok(())
}

fn detect() -> Resolver {
    if Utf8Path::new("/run/systemd/resolve/stub-resolv.conf").exists() {
        Resolver::SystemdResolved
    } else if Utf8Path::new("/etc/dnsmasq.d").is_dir() {
        Resolver::Dnsmasq
    } else {
        Resolver::ResolvConf
    }
}

impl Resolver {
    fn path(self) -> &'static Utf8Path {
        Utf8Path::new(match self {
            Self::SystemdResolved => "/etc/systemd/resolved.conf.d/wharf.conf",
            Self::Dnsmasq => "/etc/dnsmasq.d/wharf.conf",
            Self::ResolvConf => "/etc/resolv.conf",
        })
    }

    fn text(self, server: &str, suffix: &str, present: &str) -> String {
        match self {
            Self::SystemdResolved => format!("[Resolve]\nDNS={server}\nDomains=~{suffix}\n"),
            Self::Dnsmasq => format!("server=/{suffix}/{server}\n"),
            // Ours goes first and passes on what it does not know to those behind it.
            Self::ResolvConf => {
                let own = format!("nameserver {server}");
                let others = present.lines().filter(|line| line.trim() != own);
                others.fold(format!("{own}\n"), |text, line| text + line + "\n")
            }
        }
    }

    fn reload(self) -> Result<(), CliError> {
        let unit = match self {
            Self::SystemdResolved => "systemd-resolved",
            Self::Dnsmasq => "dnsmasq",
            Self::ResolvConf => return Ok(()),
        };
        let done = Command::new("systemctl").args(["restart", unit]).status();
        if done.is_ok_and(|status: ExitStatus| status.success()) {
            return Ok(());
        }
        Err(CliError::usage_hint(
            format!("{} is written, but {unit} could not be restarted", self.path()),
            format!("restart {unit} yourself"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resolver_is_told_in_its_own_words_and_only_once() {
        let text = |resolver: Resolver, present| resolver.text("10.203.0.1", "a.internal", present);
        let resolved = text(Resolver::SystemdResolved, "");
        assert_eq!(resolved, "[Resolve]\nDNS=10.203.0.1\nDomains=~a.internal\n");
        assert_eq!(text(Resolver::Dnsmasq, ""), "server=/a.internal/10.203.0.1\n");
        let once = text(Resolver::ResolvConf, "nameserver 192.0.2.1\nsearch lan\n");
        assert_eq!(once, "nameserver 10.203.0.1\nnameserver 192.0.2.1\nsearch lan\n");
        assert_eq!(text(Resolver::ResolvConf, &once), once);
    }
}
