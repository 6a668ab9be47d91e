//! `wharf sp` and `wharf user`: who can log in, through the daemon's own `/wharf/v1/identity`.
//! Secrets are chosen here and sent once; the daemon never tells one.

use serde_json::{Value, json};

use crate::{
    client::escape, context::Context, error::CliError, group, output, secret, table::Table,
};

const PROGRAMS: &str = "/wharf/v1/identity/servicePrincipals";
const USERS: &str = "/wharf/v1/identity/users";

/// Arguments of `wharf sp`.
#[derive(clap::Args, Debug)]
pub(crate) struct SpArgs {
    #[command(subcommand)]
    command: SpCommand,
}

/// What to do with service principals.
#[derive(Debug, clap::Subcommand)]
enum SpCommand {
    /// Create a service principal and print its credentials, which are shown once
    Create {
        /// What people call it
        name: String,
        #[command(flatten)]
        role: RoleArgs,
    },
    /// List the service principals
    #[command(visible_alias = "ls")]
    List,
    /// Delete a service principal; its tokens are void at once
    #[command(visible_alias = "rm")]
    Delete {
        /// Client id or object id
        id: String,
    },
    /// Replace the secret of a service principal and print the new one
    ResetSecret {
        /// Client id or object id
        id: String,
    },
}

/// Arguments of `wharf user`.
#[derive(clap::Args, Debug)]
pub(crate) struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

/// What to do with users.
#[derive(Debug, clap::Subcommand)]
enum UserCommand {
    /// Create a user; the password is read from stdin
    Create {
        /// User name, such as ann@wharf.internal
        name: String,
        /// Full name
        #[arg(long, value_name = "TEXT")]
        display_name: Option<String>,
        #[command(flatten)]
        role: RoleArgs,
    },
    /// List the users
    #[command(visible_alias = "ls")]
    List,
    /// Delete a user; the user's tokens are void at once
    #[command(visible_alias = "rm")]
    Delete {
        /// User name or object id
        name: String,
    },
    /// Replace the password of a user by the one on stdin
    ResetPassword {
        /// User name or object id
        name: String,
    },
}

/// What a new principal may do.
#[derive(clap::Args, Debug)]
struct RoleArgs {
    /// Give this role: Owner, Contributor, Reader, another role's name or id [default: none]
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// Give it at this scope [default: the subscription, or the resource group named by -g]
    #[arg(long, value_name = "ID", requires = "role")]
    scope: Option<String>,
}

/// Runs a subcommand of `wharf sp`.
pub(crate) async fn run_sp(context: &Context, args: &SpArgs) -> Result<(), CliError> {
    match &args.command {
        SpCommand::Create { name, role } => {
            let secret = secret::random();
            let body = json!({ "displayName": name, "secret": secret });
            let made = create(context, PROGRAMS, body, role).await?;
            credentials(context, &made, &secret).await
        }
        SpCommand::List => list(context, PROGRAMS, "clientId").await,
        SpCommand::Delete { id } => delete(context, PROGRAMS, id).await,
        SpCommand::ResetSecret { id } => {
            let secret = secret::random();
            let changed = reset(context, PROGRAMS, id, &secret).await?;
            credentials(context, &changed, &secret).await
        }
    }
}

/// Runs a subcommand of `wharf user`.
pub(crate) async fn run_user(context: &Context, args: &UserArgs) -> Result<(), CliError> {
    match &args.command {
        UserCommand::Create { name, display_name, role } => {
            let mut body = json!({ "userPrincipalName": name, "secret": secret::from_stdin()? });
            if let Some(display_name) = display_name {
                body["displayName"] = json!(display_name);
            }
            let made = create(context, USERS, body, role).await?;
            show(context, &made, "userPrincipalName")
        }
        UserCommand::List => list(context, USERS, "userPrincipalName").await,
        UserCommand::Delete { name } => delete(context, USERS, name).await,
        UserCommand::ResetPassword { name } => {
            reset(context, USERS, name, &secret::from_stdin()?).await.map(|_| ())
        }
    }
}

async fn create(
    context: &Context,
    collection: &str,
    mut body: Value,
    args: &RoleArgs,
) -> Result<Value, CliError> {
    if let Some(role) = &args.role {
        body["role"] = json!(role);
        body["scope"] = match (&args.scope, &context.globals.resource_group) {
            (Some(scope), _) => json!(scope),
            (None, Some(_)) => json!(context.resource_group_path().await?),
            (None, None) => Value::Null,
        };
    }
    Ok(context.client().await?.post(collection, Some(&body)).await?.body)
}

async fn reset(
    context: &Context,
    collection: &str,
    login: &str,
    secret: &str,
) -> Result<Value, CliError> {
    let path = format!("{collection}/{}/resetSecret", escape(login));
    let body = json!({ "secret": secret });
    Ok(context.client().await?.post(&path, Some(&body)).await?.body)
}

async fn delete(context: &Context, collection: &str, login: &str) -> Result<(), CliError> {
    let path = format!("{collection}/{}", escape(login));
    context.client().await?.delete(&path).await.map(|_| ())
}

async fn list(context: &Context, collection: &str, login: &str) -> Result<(), CliError> {
    let principals = context.client().await?.list(collection).await?;
    if !context.output.is_readable() {
        return context.output.document(&Value::Array(principals));
    }
    let mut table = Table::new(&["NAME", "LOGIN", "OBJECT ID", "CREATED"]);
    for principal in &principals {
        let get =
            |name: &str| group::text(principal, &format!("/{name}")).unwrap_or_default().to_owned();
        table.row(vec![get("displayName"), get(login), get("id"), get("createdDateTime")]);
    }
    output::text(&table.render())
}

fn show(context: &Context, principal: &Value, login: &str) -> Result<(), CliError> {
    if !context.output.is_readable() {
        return context.output.document(principal);
    }
    let name = group::text(principal, &format!("/{login}")).unwrap_or_default();
    output::text(&format!("{name}\n"))
}

/// The one time that a secret is shown: by the program that chose it.
async fn credentials(context: &Context, principal: &Value, secret: &str) -> Result<(), CliError> {
    let place = context.client().await?.get("/wharf/v1/environment").await?;
    let document = json!({
        "clientId": principal["clientId"],
        "clientSecret": secret,
        "displayName": principal["displayName"],
        "objectId": principal["id"],
        "subscriptionId": place["subscriptionId"],
        "tenantId": place["tenantId"],
    });
    if context.output.is_readable() {
        return output::text(&output::yaml(&document)?);
    }
    context.output.document(&document)
}
