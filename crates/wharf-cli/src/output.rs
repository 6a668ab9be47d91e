//! What commands write: data on stdout in the format asked for (no other module writes there), notes
//! for people, files of the host's.

use std::io::{self, Write as _};

use camino::Utf8Path;
use clap::ValueEnum;
use serde_json::Value;

use crate::{error::CliError, table::Table};

/// How data are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Readable text
    #[default]
    Table,
    /// The API's document as JSON
    Json,
    /// The API's document as YAML
    Yaml,
    /// Tab-separated values without headings
    Tsv,
}

/// Where and how data go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output {
    /// The format.
    pub(crate) format: Format,
    /// `JMESPath` applied to the document first.
    pub(crate) query: Option<String>,
}

impl Output {
    /// Whether a command's own readable text is wanted instead of the document.
    pub(crate) fn is_readable(&self) -> bool {
        self.format == Format::Table && self.query.is_none()
    }

    /// Writes a document.
    pub(crate) fn document(&self, document: &Value) -> Result<(), CliError> {
        let selected = self.select(document)?;
        text(&render(self.format, &selected)?)
    }

    fn select(&self, document: &Value) -> Result<Value, CliError> {
        let Some(query) = &self.query else { return Ok(document.clone()) };
        let wrong = |error: jmespath::JmespathError| {
            let reason = error.to_string();
            let reason = reason.lines().next().unwrap_or_default();
            CliError::usage_hint(
                format!("--query '{query}': {reason}"),
                "see https://jmespath.org for the language",
            )
        };
        let found = jmespath::compile(query).and_then(|q| q.search(document)).map_err(wrong)?;
        serde_json::to_value(&*found)
            .map_err(|error| CliError::Internal(format!("render the query's result: {error}")))
    }
}

/// Writes text to stdout as it is.
pub(crate) fn text(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Writes a file of the host's configuration, in place: it may be a mount, and what it links to is
/// what is meant.
pub(crate) fn host_file(path: &Utf8Path, text: &str) -> Result<(), CliError> {
    if let Some(parent) = path.parent() {
        fs_err::create_dir_all(parent).map_err(CliError::output(parent))?;
    }
    fs_err::write(path, text).map_err(CliError::output(path))
}

/// Writes what a container has written to stdout as it is.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(())
}

/// Writes what a container has written to its standard error to ours.
pub(crate) fn error_bytes(bytes: &[u8]) {
    // What cannot be shown changes nothing for the command.
    drop(io::stderr().write_all(bytes));
}

/// Writes a message to stderr: for people, never data.
pub(crate) fn note(message: &str) {
    // A message that cannot be shown changes nothing for the command.
    drop(writeln!(io::stderr(), "{message}"));
}

fn render(format: Format, value: &Value) -> Result<String, CliError> {
    match format {
        Format::Json => serde_json::to_string_pretty(value)
            .map(|text| text + "\n")
            .map_err(|error| CliError::Internal(format!("render JSON: {error}"))),
        Format::Yaml => yaml(value),
        Format::Tsv => Ok(tsv(value)),
        Format::Table => Ok(generic_table(value)),
    }
}

/// A document as YAML.
pub(crate) fn yaml(value: &Value) -> Result<String, CliError> {
    serde_yaml_ng::to_string(value)
        .map_err(|error| CliError::Internal(format!("render YAML: {error}")))
}

fn tsv(value: &Value) -> String {
    let line = |cells: Vec<String>| cells.join("\t") + "\n";
    match value {
        Value::Null => String::new(),
        Value::Array(items) => items.iter().map(|item| line(cells(item, raw))).collect(),
        other => line(cells(other, raw)),
    }
}

/// One line's cells: the members of an object or list, else the value itself.
fn cells(value: &Value, cell: fn(&Value) -> String) -> Vec<String> {
    match value {
        Value::Object(members) => members.values().map(cell).collect(),
        Value::Array(items) => items.iter().map(cell).collect(),
        other => vec![cell(other)],
    }
}

/// Tabs and line ends inside a cell would break the format's promise.
fn raw(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.replace(['\t', '\n', '\r'], " "),
        other => other.to_string(),
    }
}

/// Nested parts have no place in a cell, as in `az`.
fn flat(value: &Value) -> String {
    match value {
        Value::Object(_) | Value::Array(_) => "…".to_owned(),
        other => raw(other),
    }
}

/// The result of a query as a table: members become columns.
fn generic_table(value: &Value) -> String {
    let rows: Vec<&Value> = match value {
        Value::Null => return String::new(),
        Value::Array(items) => items.iter().collect(),
        other => vec![other],
    };
    let Some(first) = rows.first() else { return String::new() };
    let Value::Object(members) = first else {
        let lines = rows.iter().map(|row| cells(row, flat).join("  ") + "\n");
        return lines.collect();
    };
    let keys: Vec<&String> = members.keys().collect();
    let headings: Vec<String> = keys.iter().map(|key| key.to_uppercase()).collect();
    let mut table = Table::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    for row in rows {
        table.row(keys.iter().map(|key| row.get(key).map(flat).unwrap_or_default()).collect());
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn select(query: &str, document: &Value) -> Result<Value, CliError> {
        Output { format: Format::Json, query: Some(query.into()) }.select(document)
    }

    #[test]
    fn queries_select_before_anything_is_rendered() {
        let document = json!([{ "name": "a", "n": 1 }, { "name": "b", "n": null }]);
        assert_eq!(select("[].name", &document).unwrap(), json!(["a", "b"]));
        assert_eq!(render(Format::Tsv, &select("[].name", &document).unwrap()).unwrap(), "a\nb\n");
        assert_eq!(render(Format::Tsv, &document).unwrap(), "a\t1\nb\t\n");
        assert_eq!(render(Format::Table, &document).unwrap(), "NAME  N\na     1\nb     -\n");
        assert_eq!(render(Format::Table, &json!("x")).unwrap(), "x\n");
        assert_eq!(render(Format::Yaml, &json!({"a": [1]})).unwrap(), "a:\n- 1\n");
        assert_eq!(select("[?", &document).unwrap_err().exit_code(), 2);
    }
}
