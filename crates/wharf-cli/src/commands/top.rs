//! `wharf top`.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use serde_json::Value;

use crate::{context::Context, error::CliError, group::text, output, table::Table};

/// Arguments.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
On a terminal the table is shown again every few seconds until Ctrl-C; elsewhere, or with `-o`, once.

Examples:
  wharf top
  wharf top --once
  wharf top -o json --query '[?cpuMillicores > `500`].group'")]
pub(crate) struct TopArgs {
    /// Look once, also on a terminal
    #[arg(long)]
    once: bool,
    /// Look every so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
}

/// Shows what running containers use.
pub(crate) async fn run(context: &Context, args: &TopArgs) -> Result<(), CliError> {
    let client = context.client().await?;
    let wanted = context.globals.resource_group.as_deref();
    let is_live = !args.once && io::stdout().is_terminal();
    loop {
        let mut rows = client.list("/wharf/v1/usage").await?;
        rows.retain(|row| {
            let home = text(row, "/resourceGroup").unwrap_or_default();
            wanted.is_none_or(|wanted| home.eq_ignore_ascii_case(wanted))
        });
        if !context.output.is_readable() {
            return context.output.document(&Value::Array(rows));
        }
        let table = table(&rows).render();
        if !is_live {
            return output::text(&table);
        }
        // Home, the table, and nothing below it.
        let lines = table.replace('\n', "\x1b[K\n");
        output::text(&format!("\x1b[H{lines}\x1b[J"))?;
        tokio::time::sleep(Duration::from_secs(args.interval)).await;
    }
}

fn table(rows: &[Value]) -> Table {
    let mut table = Table::new(&[
        "GROUP",
        "CONTAINER",
        "CPU",
        "CPU LIMIT",
        "MEMORY",
        "MEMORY LIMIT",
        "RECEIVED/S",
        "SENT/S",
    ]);
    for row in rows {
        let cell = |name: &str| text(row, name).unwrap_or_default().to_owned();
        let number = |name: &str| row.pointer(name).and_then(Value::as_f64);
        let millis = |name: &str| number(name).map(|n| format!("{n:.0}m")).unwrap_or_default();
        let size = |name: &str| number(name).map(size).unwrap_or_default();
        table.row(vec![
            cell("/group"),
            cell("/container"),
            millis("/cpuMillicores"),
            millis("/cpuLimitMillicores"),
            size("/memoryBytes"),
            size("/memoryLimitBytes"),
            size("/receivedBytesPerSecond"),
            size("/transmittedBytesPerSecond"),
        ]);
    }
    table
}

/// Bytes with a unit of 1024 steps.
fn size(bytes: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes, 0);
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{value:.0}B") } else { format!("{value:.1}{}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_is_readable() {
        let row = json!({
            "group": "web", "container": "app", "cpuMillicores": 250.0, "memoryBytes": 1_572_864,
            "memoryLimitBytes": 1_073_741_824_u64, "receivedBytesPerSecond": 0,
        });
        let shown = table(&[row]).render();
        let line = shown.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>();
        assert_eq!(line, ["web", "app", "250m", "-", "1.5MiB", "1.0GiB", "0B", "-"]);
    }
}
