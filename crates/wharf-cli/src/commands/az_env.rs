//! `wharf az-env`: after `eval "$(wharf az-env)"` the unmodified `az` works with this daemon and
//! is logged in. What it needs lies in a directory of its own; the user's real Azure profile is
//! neither read nor changed.

mod profile;
mod shell;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::json;

use self::{
    profile::{Login, Place},
    shell::Shell,
};
use crate::{client::Client, context::Context, error::CliError, group, output, secret};

/// Arguments.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  eval \"$(wharf az-env)\"
  wharf az-env --shell fish | source
  wharf az-env --shell pwsh | Out-String | Invoke-Expression
  WHARF_CLIENT_SECRET=… wharf az-env --client-id 1234… --endpoint https://wharf.example:8443")]
pub(crate) struct AzEnvArgs {
    /// Write for this shell
    #[arg(long, value_enum, default_value_t, value_name = "SHELL")]
    shell: Shell,
    /// Keep the profile here [default: ~/.config/wharf/azure/HOST-PORT]
    #[arg(long, value_name = "DIR")]
    directory: Option<Utf8PathBuf>,
    /// Log in as this service principal instead of one made for the purpose
    #[arg(long, value_name = "ID", requires = "client_secret")]
    client_id: Option<String>,
    /// Its secret
    #[arg(long, value_name = "SECRET", env = "WHARF_CLIENT_SECRET", hide_env_values = true)]
    client_secret: Option<String>,
}

/// Writes the profile and prints what the shell has to set.
pub(crate) async fn run(context: &Context, args: &AzEnvArgs) -> Result<(), CliError> {
    let mut client = Client::new(&context.globals)?;
    let given = match (&args.client_id, &args.client_secret) {
        (Some(id), Some(secret)) => Some(Login { client: id.clone(), secret: secret.clone() }),
        _ => None,
    };
    if let Some(given) = &given {
        let token = client.service_principal_token(&given.client, &given.secret).await?;
        client.set_token(token);
    }
    let place = place(&client).await?;
    let directory = match &args.directory {
        Some(directory) => profile::absolute(directory)?,
        None => profile::default_directory(&place)?,
    };
    profile::make_private(&directory)?;
    let login = match given {
        Some(given) => given,
        None => login(&client, &directory, &place).await?,
    };
    profile::write(&directory, &place, &login)?;
    output::text(&shell::exports(args.shell, &directory, &place.authority()))
}

async fn place(client: &Client) -> Result<Place, CliError> {
    let document = client.get("/wharf/v1/environment").await?;
    let text = |name: &str| {
        group::text(&document, name).map(str::to_owned).ok_or_else(|| {
            CliError::Internal(format!("the daemon's answer lacks '{}'", &name[1..]))
        })
    };
    // Who came by another name than the daemon's own stays with it.
    let address = match client.https_base() {
        Some(base) => base.to_owned(),
        None => text("/resourceManager")?,
    };
    Ok(Place {
        address,
        tenant: text("/tenantId")?,
        subscription: text("/subscriptionId")?,
        storage: text("/storageSuffix")?,
        registries: text("/registrySuffix")?,
        certificate_authority: text("/certificateAuthority")?,
    })
}

/// The service principal of an earlier call if it still works, else a new one.
async fn login(client: &Client, directory: &Utf8Path, place: &Place) -> Result<Login, CliError> {
    if let Some(known) = profile::read_login(directory, &place.tenant) {
        match client.service_principal_token(&known.client, &known.secret).await {
            Ok(_) => return Ok(known),
            Err(CliError::Api(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let user = std::env::var("USER").unwrap_or_else(|_| "somebody".to_owned());
    let secret = secret::random();
    let body = json!({
        "displayName": format!("az-env of {user} in {directory}"),
        "secret": secret,
        "role": "Owner",
    });
    let made = client.post("/wharf/v1/identity/servicePrincipals", Some(&body)).await?.body;
    let client = group::text(&made, "/clientId").map(str::to_owned);
    let client = client
        .ok_or_else(|| CliError::Internal("the daemon's answer lacks the client id".to_owned()))?;
    profile::forget_tokens(directory)?;
    Ok(Login { client, secret })
}
