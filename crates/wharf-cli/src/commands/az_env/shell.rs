//! What a shell has to set, in its own language.

use camino::{Utf8Path, Utf8PathBuf};
use clap::ValueEnum;

use super::profile::{BUNDLE, variable};

/// The shells that are written for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Shell {
    /// bash, zsh, dash and other descendants of the Bourne shell
    #[default]
    Bash,
    /// fish
    Fish,
    /// `PowerShell`
    Pwsh,
}

/// The statements.
pub(super) fn exports(shell: Shell, directory: &Utf8Path, authority: &str) -> String {
    let bundle = directory.join(BUNDLE);
    let mut variables = vec![
        ("AZURE_CONFIG_DIR", directory.to_string()),
        ("AZURE_CORE_COLLECT_TELEMETRY", "no".to_owned()),
        ("REQUESTS_CA_BUNDLE", bundle.to_string()),
        ("SSL_CERT_FILE", bundle.to_string()),
        ("WEBSOCKET_CLIENT_CA_BUNDLE", bundle.to_string()),
        ("NODE_EXTRA_CA_CERTS", bundle.to_string()),
        ("ARM_METADATA_HOSTNAME", authority.to_owned()),
    ];
    if let Some(extensions) = extensions(directory) {
        variables.push(("AZURE_EXTENSION_DIR", extensions.to_string()));
    }
    variables.iter().map(|(name, value)| statement(shell, name, value)).collect()
}

/// Where the user's own extensions of `az` are, which a directory of its own would hide.
fn extensions(directory: &Utf8Path) -> Option<Utf8PathBuf> {
    let own = variable("AZURE_EXTENSION_DIR");
    let profile = variable("AZURE_CONFIG_DIR").filter(|path| path != directory);
    let profile = profile.or_else(|| Some(variable("HOME")?.join(".azure")));
    own.or_else(|| Some(profile?.join("cliextensions")))
}

fn statement(shell: Shell, name: &str, value: &str) -> String {
    match shell {
        Shell::Bash => format!("export {name}='{}'\n", value.replace('\'', r"'\''")),
        Shell::Fish => {
            let value = value.replace('\\', r"\\").replace('\'', r"\'");
            format!("set -gx {name} '{value}'\n")
        }
        Shell::Pwsh => format!("$Env:{name} = '{}'\n", value.replace('\'', "''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_ends_its_quotes() {
        let value = r"/it's\here $(x)";
        assert_eq!(statement(Shell::Bash, "A", value), "export A='/it'\\''s\\here $(x)'\n");
        assert_eq!(statement(Shell::Fish, "A", value), "set -gx A '/it\\'s\\\\here $(x)'\n");
        assert_eq!(statement(Shell::Pwsh, "A", value), "$Env:A = '/it''s\\here $(x)'\n");
    }

    #[test]
    fn all_that_clients_need_is_set() {
        let text = exports(Shell::Bash, Utf8Path::new("/p"), "h:1");
        for name in [
            "AZURE_CONFIG_DIR='/p'",
            "AZURE_CORE_COLLECT_TELEMETRY='no'",
            "AZURE_EXTENSION_DIR=",
            "REQUESTS_CA_BUNDLE='/p/ca-bundle.pem'",
            "SSL_CERT_FILE='/p/ca-bundle.pem'",
            "WEBSOCKET_CLIENT_CA_BUNDLE='/p/ca-bundle.pem'",
            "NODE_EXTRA_CA_CERTS='/p/ca-bundle.pem'",
            "ARM_METADATA_HOSTNAME='h:1'",
        ] {
            assert!(text.contains(&format!("export {name}")), "{name}");
        }
    }
}
