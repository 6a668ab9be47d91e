//! `wharf activity-log`: who asked for which change with which result.

use serde_json::Value;

use crate::{client::escape, context::Context, error::CliError, group, output, table::Table};

/// Arguments.
#[derive(clap::Args, Debug)]
pub(crate) struct ActivityLogArgs {
    /// Show what this client id or user name asked for
    #[arg(long, value_name = "LOGIN")]
    caller: Option<String>,
    /// Show what belongs to this correlation id
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
    /// Show at most so many entries
    #[arg(long, default_value_t = 50, value_name = "NUMBER")]
    max_events: usize,
}

/// Prints the entries, newest first.
pub(crate) async fn run(context: &Context, args: &ActivityLogArgs) -> Result<(), CliError> {
    let terms = [
        ("resourceGroupName", &context.globals.resource_group),
        ("caller", &args.caller),
        ("correlationId", &args.correlation_id),
    ];
    let terms = terms
        .iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} eq '{value}'")));
    let filter = terms.collect::<Vec<_>>().join(" and ");
    let path = format!(
        "/subscriptions/{}/providers/Microsoft.Insights/eventtypes/management/values\
         ?api-version=2015-04-01&$filter={}",
        escape(context.subscription().await?),
        escape(&filter)
    );
    let mut entries = context.client().await?.list(&path).await?;
    entries.truncate(args.max_events);
    if !context.output.is_readable() {
        return context.output.document(&Value::Array(entries));
    }
    let mut table = Table::new(&["TIME", "CALLER", "ACTION", "RESOURCE", "RESULT"]);
    for entry in &entries {
        let get = |pointer: &str| group::text(entry, pointer).unwrap_or_default().to_owned();
        let result = format!("{} {}", get("/status/value"), get("/subStatus/value"));
        let resource = get("/resourceId");
        let name = resource.rsplit('/').next().unwrap_or_default().to_owned();
        let action = get("/operationName/value");
        table.row(vec![get("/eventTimestamp"), get("/caller"), action, name, result]);
    }
    output::text(&table.render())
}
