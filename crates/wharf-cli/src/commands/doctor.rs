//! `wharf doctor`.

use std::process::ExitCode;

use serde_json::Value;

use crate::{context::Context, error, error::CliError, group, output, table::Table};

/// Prints the checks; succeeds only when all are clean.
pub(crate) async fn run(context: &Context) -> Result<ExitCode, CliError> {
    let document = context.client().await?.get("/wharf/v1/doctor").await?;
    let checks = checks(&document)?;
    if context.output.is_readable() {
        output::text(&table(checks).render())?;
    } else {
        context.output.document(&document)?;
    }
    let bad = checks.iter().filter(|check| !is_clean(check)).count();
    if bad == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    output::note(&format!("{bad} of {} checks found something", checks.len()));
    Ok(ExitCode::from(error::API))
}

/// An answer without checks must not pass for a clean one.
fn checks(document: &Value) -> Result<&[Value], CliError> {
    match group::items(document, "/checks") {
        [] => Err(CliError::Internal("the daemon's answer holds no checks".into())),
        checks => Ok(checks),
    }
}

fn is_clean(check: &Value) -> bool {
    check.get("ok").and_then(Value::as_bool) == Some(true)
}

fn table(checks: &[Value]) -> Table {
    let mut table = Table::new(&["CHECK", "RESULT", "DETAIL"]);
    for check in checks {
        let name = group::text(check, "/name").unwrap_or_default();
        let result = if is_clean(check) { "ok" } else { "failed" };
        let mut details = group::items(check, "/details").iter().filter_map(Value::as_str);
        let first = details.next().unwrap_or_default();
        table.row(vec![name.to_owned(), result.to_owned(), first.to_owned()]);
        for detail in details {
            table.row(vec![" ".to_owned(), " ".to_owned(), detail.to_owned()]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_ok_is_clean_and_no_checks_are_no_answer() {
        let document = json!({ "checks": [
            { "name": "cgroups", "ok": true, "details": [] },
            { "name": "links", "ok": false, "details": ["wharf-1 is nobody's", "wharf-2 too"] },
            { "name": "odd" },
        ]});
        let checks = checks(&document).unwrap();
        assert_eq!(checks.iter().map(is_clean).collect::<Vec<_>>(), [true, false, false]);
        insta::assert_snapshot!(table(checks).render(), @r"
        CHECK    RESULT  DETAIL
        cgroups  ok      -
        links    failed  wharf-1 is nobody's
                         wharf-2 too
        odd      failed  -
        ");
        assert_eq!(super::checks(&json!({ "checks": [] })).unwrap_err().exit_code(), 70);
    }
}
