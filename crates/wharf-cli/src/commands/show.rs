//! `wharf show`.

use jiff::Timestamp;
use serde_json::Value;

use crate::{context::Context, error::CliError, group, output, table::Table};

/// Events that are shown, newest last.
const LAST_EVENTS: usize = 10;

/// Arguments.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Examples:
  wharf show hello
  wharf show hello -o json --query properties.ipAddress.ip")]
pub(crate) struct ShowArgs {
    /// Name of the container group
    name: String,
}

/// Shows a group.
pub(crate) async fn run(context: &Context, args: &ShowArgs) -> Result<(), CliError> {
    let group = context.group(&args.name).await?;
    if !context.output.is_readable() {
        return context.output.document(&group);
    }
    output::text(&render(&group, context.now()))
}

fn render(group: &Value, now: Timestamp) -> String {
    let mut text = heading(group, now);
    text.push_str("\nContainers\n");
    text.push_str(&indent(&containers(group, now).render()));
    let events = events(group, now);
    if !events.is_empty() {
        text.push_str("\nEvents\n");
        text.push_str(&indent(&events));
    }
    text
}

fn heading(group: &Value, now: Timestamp) -> String {
    let get = |pointer: &str| group::text(group, pointer).unwrap_or_default().to_owned();
    let id = get("/id");
    let tags = group.pointer("/tags").and_then(Value::as_object);
    let tags = tags.map(|tags| {
        let tag = |(key, value): (&String, &Value)| {
            format!("{key}={}", value.as_str().unwrap_or_default())
        };
        tags.iter().map(tag).collect::<Vec<_>>().join(" ")
    });
    let lines = [
        ("Name", get("/name")),
        ("Resource group", group::resource_group_of(&id).unwrap_or_default().to_owned()),
        ("Location", get("/location")),
        ("State", group::state(group).to_owned()),
        ("Provisioning", get("/properties/provisioningState")),
        ("Address", group::address(group)),
        ("FQDN", get("/properties/ipAddress/fqdn")),
        ("Restart policy", get("/properties/restartPolicy")),
        ("CPU/MEM", group::size(group)),
        ("Tags", tags.unwrap_or_default()),
        ("Age", group::age(now, group::first_seen(group))),
    ];
    let shown = lines.into_iter().filter(|(_, value)| !value.is_empty());
    shown.map(|(label, value)| format!("{label:<15} {value}\n")).collect::<Vec<_>>().concat()
}

fn containers(group: &Value, now: Timestamp) -> Table {
    let mut table =
        Table::new(&["NAME", "STATE", "DETAIL", "EXIT", "RESTARTS", "SINCE", "IMAGE", "PORTS"]);
    for (is_init, container) in group::all_containers(group) {
        let name = group::text(container, "/name").unwrap_or_default();
        let view = container.pointer("/properties/instanceView").unwrap_or(&Value::Null);
        let number =
            |pointer: &str| view.pointer(pointer).map(Value::to_string).unwrap_or_default();
        let since = group::text(view, "/currentState/finishTime")
            .or_else(|| group::text(view, "/currentState/startTime"))
            .and_then(|at| at.parse().ok());
        table.row(vec![
            if is_init { format!("{name} (init)") } else { name.to_owned() },
            group::text(view, "/currentState/state").unwrap_or_default().to_owned(),
            group::text(view, "/currentState/detailStatus").unwrap_or_default().to_owned(),
            number("/currentState/exitCode"),
            number("/restartCount"),
            group::age(now, since),
            group::text(container, "/properties/image").unwrap_or_default().to_owned(),
            group::ports(container, "/properties/ports").join(","),
        ]);
    }
    table
}

/// The newest events of the group and all containers.
fn events(group: &Value, now: Timestamp) -> String {
    let mut events: Vec<(Option<Timestamp>, &str, &Value)> = Vec::new();
    for event in group::items(group, "/properties/instanceView/events") {
        events.push((last_time(event), "", event));
    }
    for (_, container) in group::all_containers(group) {
        let name = group::text(container, "/name").unwrap_or_default();
        for event in group::items(container, "/properties/instanceView/events") {
            events.push((last_time(event), name, event));
        }
    }
    if events.is_empty() {
        return String::new();
    }
    events.sort_by_key(|(at, _, _)| *at);
    let mut table = Table::new(&["LAST", "COUNT", "CONTAINER", "TYPE", "NAME", "MESSAGE"]);
    for (at, owner, event) in events.iter().skip(events.len().saturating_sub(LAST_EVENTS)) {
        let get = |pointer: &str| group::text(event, pointer).unwrap_or_default().to_owned();
        table.row(vec![
            group::age(now, *at),
            event.get("count").map(Value::to_string).unwrap_or_default(),
            (*owner).to_owned(),
            get("/type"),
            get("/name"),
            get("/message"),
        ]);
    }
    table.render()
}

fn last_time(event: &Value) -> Option<Timestamp> {
    group::text(event, "/lastTimestamp")?.parse().ok()
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A real answer of the real service.
    #[test]
    fn a_recorded_group_is_readable() {
        let group: Value =
            serde_json::from_str(include_str!("../../tests/fixtures/group.json")).unwrap();
        insta::assert_snapshot!(render(&group, "2026-01-01T00:00:00Z".parse().unwrap()));
    }
}
