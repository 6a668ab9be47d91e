//! `wharf list`.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

use crate::{
    client::Client,
    context::{Context, versioned},
    error::CliError,
    group, output,
    table::Table,
};

/// Questions under way at once.
const AT_ONCE: usize = 16;

/// Arguments.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Lists of the API carry no state; the table asks for each group, `-o json` prints the list as it is.

Examples:
  wharf list
  wharf list -g web -o tsv --query '[].name'")]
pub(crate) struct ListArgs {}

/// Lists the groups of the resource group that was named, else of the subscription.
pub(crate) async fn run(context: &Context, _: &ListArgs) -> Result<(), CliError> {
    let client = context.client().await?;
    let groups = client.list(&versioned(&context.groups_path().await?)).await?;
    if !context.output.is_readable() {
        return context.output.document(&Value::Array(groups));
    }
    let mut groups: Vec<Value> = stream::iter(groups)
        .map(|group| whole(client, group))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    groups.sort_by(|a, b| {
        let key = |group| (resource_group(group), group::text(group, "/name"));
        key(a).cmp(&key(b))
    });
    output::text(&table(&groups, context.now()).render())
}

/// The group with its instance view; as listed when it has gone meanwhile.
async fn whole(client: &Client, listed: Value) -> Result<Value, CliError> {
    let Some(id) = group::text(&listed, "/id") else { return Ok(listed) };
    match client.get(&versioned(id)).await {
        Err(error) if error.is_not_found() => Ok(listed),
        other => other,
    }
}

fn resource_group(group: &Value) -> Option<&str> {
    group::text(group, "/id").and_then(group::resource_group_of)
}

fn table(groups: &[Value], now: jiff::Timestamp) -> Table {
    let mut table = Table::new(&[
        "NAME",
        "RESOURCE GROUP",
        "STATE",
        "IMAGE",
        "IP:PORTS",
        "CPU/MEM",
        "RESTARTS",
        "AGE",
    ]);
    for group in groups {
        table.row(vec![
            group::text(group, "/name").unwrap_or_default().to_owned(),
            resource_group(group).unwrap_or_default().to_owned(),
            group::state(group).to_owned(),
            group::images(group).join(","),
            group::address(group),
            group::size(group),
            group::restarts(group).map(|count| count.to_string()).unwrap_or_default(),
            group::age(now, group::first_seen(group)),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Real answers of the real service.
    #[test]
    fn recorded_groups_become_rows() {
        let groups: Vec<Value> =
            serde_json::from_str(include_str!("../../tests/fixtures/groups.json")).unwrap();
        let now = "2023-06-01T00:00:00Z".parse().unwrap();
        insta::assert_snapshot!(table(&groups, now).render());
    }
}
