//! `wharf smb-setup`: shares of storage accounts for people, by this host's own Samba.

mod apply;
mod config;

use camino::Utf8PathBuf;
use serde_json::Value;

use self::config::{Account, File, Login};
use crate::{client::Client, context::Context, error::CliError, group, output};

const VERSION: &str = "api-version=2023-05-01";

/// Arguments.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  wharf smb-setup
  sudo wharf smb-setup --apply
  sudo wharf smb-setup --apply --account keeper
  smbclient -U keeper //HOST/data

Run it again when accounts, shares or keys have changed.")]
pub(crate) struct SmbSetupArgs {
    /// Serve the shares of this account only (can be repeated) [default: of all]
    #[arg(long, value_name = "NAME")]
    account: Vec<String>,
    /// Where the daemon keeps its data
    #[arg(long, env = "WHARF_DATA_DIR", value_name = "DIR", default_value = "/var/lib/wharf")]
    data_dir: Utf8PathBuf,
    /// Write the files, make the users and have Samba read them, instead of printing that
    #[arg(long)]
    apply: bool,
}

/// Prints or applies what makes Samba serve the shares.
pub(crate) async fn run(context: &Context, args: &SmbSetupArgs) -> Result<(), CliError> {
    let client = context.client().await?;
    let accounts = accounts(context, client, &args.account).await?;
    let files = config::files(&accounts, &args.data_dir);
    if !args.apply {
        return output::text(&printed(&accounts, &files));
    }
    apply::apply(&logins(client, &accounts).await?, &files)?;
    for account in &accounts {
        for share in &account.shares {
            output::note(&format!("//HOST/{share} is open to {} with a key", account.name));
        }
    }
    Ok(())
}

async fn accounts(
    context: &Context,
    client: &Client,
    wanted: &[String],
) -> Result<Vec<Account>, CliError> {
    let subscription = context.subscription().await?;
    let path = format!(
        "/subscriptions/{subscription}/providers/Microsoft.Storage/storageAccounts?{VERSION}"
    );
    let mut found = Vec::new();
    for document in client.list(&path).await? {
        let (Some(name), Some(id)) =
            (group::text(&document, "/name"), group::text(&document, "/id"))
        else {
            continue;
        };
        if !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == name) {
            continue;
        }
        let shares = client.list(&format!("{id}/fileServices/default/shares?{VERSION}")).await?;
        let name_of = |share: &Value| group::text(share, "/name").map(str::to_owned);
        let shares = shares.iter().filter_map(name_of).collect();
        found.push(Account { id: id.to_owned(), name: name.to_owned(), shares });
    }
    let is_there = |wanted: &&String| found.iter().any(|account| account.name == **wanted);
    if let Some(missing) = wanted.iter().find(|wanted| !is_there(wanted)) {
        return Err(CliError::NotFound(format!("there is no storage account '{missing}'")));
    }
    Ok(found)
}

/// Keys are asked for only by who may be told, and only where they are needed.
async fn logins<'a>(client: &Client, accounts: &'a [Account]) -> Result<Vec<Login<'a>>, CliError> {
    let mut logins = Vec::with_capacity(accounts.len());
    for account in accounts {
        let path = format!("{}/listKeys?{VERSION}", account.id);
        let answer = client.post(&path, None).await?.body;
        logins.push(Login { account, key: first_key(&account.name, &answer)? });
    }
    Ok(logins)
}

/// An answer without a key must not become a password that everybody knows.
fn first_key(account: &str, answer: &Value) -> Result<String, CliError> {
    let key = group::text(answer, "/keys/0/value").filter(|key| !key.is_empty());
    let missing = || format!("the daemon's answer has no key of storage account '{account}'");
    key.map(str::to_owned).ok_or_else(|| CliError::Internal(missing()))
}

fn printed(accounts: &[Account], files: &[File]) -> String {
    let files = files.iter().map(|file| format!("# {}\n{}\n", file.path, file.text));
    let add = config::USER_ADD.join(" ");
    let users = accounts.iter().map(Account::user);
    let users = users.map(|user| format!("useradd {add} {user}\nsmbpasswd -a {user}\n"));
    let (conf, include) = (config::SMB_CONF, config::INCLUDE);
    files
        .chain([
            format!("# At the end of {conf}:\n{include}\n\n"),
            "# As root, for each account; smbpasswd asks for the account's key:\n".to_owned(),
        ])
        .chain(users)
        .chain(["smbcontrol all reload-config\n".to_owned()])
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn without_a_key_there_is_no_password() {
        let key = |answer: &Value| first_key("keeper", answer);
        assert_eq!(key(&json!({ "keys": [{ "value": "c2VjcmV0" }] })).unwrap(), "c2VjcmV0");
        for answer in [json!({}), json!({ "keys": [] }), json!({ "keys": [{ "value": "" }] })] {
            assert_eq!(
                key(&answer).unwrap_err().to_string(),
                "the daemon's answer has no key of storage account 'keeper'"
            );
        }
    }
}
