//! `docs/compatibility.md` says of every published operation whether it is there. Each is asked for.

use crate::{
    arm::{send, subscription},
    harness::{Daemon, schema},
};

const PAGE: &str = include_str!("../../../../docs/compatibility.md");

/// Rows of the table: patterns of operation ids, and whether they are there.
fn told() -> Vec<(String, bool)> {
    let rows = PAGE.lines().skip_while(|line| *line != "## Operations").skip(1);
    let rows = rows.take_while(|line| !line.starts_with("## ")).filter(|line| line.contains('_'));
    let mut patterns = Vec::new();
    for row in rows {
        let is_there = !row.contains("not there");
        let ids = row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2);
        patterns.extend(ids.map(|id| (id.to_owned(), is_there)));
    }
    patterns
}

fn matches(pattern: &str, id: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(head) => id.starts_with(head),
        None => id == pattern,
    }
}

#[test]
fn every_published_operation_is_what_the_page_says() {
    let wharf = Daemon::start();
    let subscription = subscription(&wharf);
    let (told, all) = (told(), schema::operations());
    assert!(told.len() >= 8 && all.len() >= 30, "both are read: {told:?}");
    for (id, method, path) in &all {
        let row = told.iter().find(|(pattern, _)| matches(pattern, id));
        let Some((_, is_told)) = row else { panic!("docs/compatibility.md does not tell of {id}") };
        let path = path.replace("/subscriptions/{subscriptionId}", &subscription);
        // A number where one is asked for, else names that nothing has.
        let path = path.replace("{revisionNumber}", "1").replace(['{', '}'], "");
        let body = (method != "GET").then_some("{}");
        let answer = send(&wharf, method, &format!("{path}?api-version=2025-09-01"), body);
        let said = answer.body["error"]["message"].as_str().unwrap_or_default();
        let is_there = answer.status != 405 && !said.starts_with("No resource or operation is at");
        assert_eq!(is_there, *is_told, "{id}: {method} {path}: {} {said}", answer.status);
    }
    for (pattern, _) in &told {
        assert!(all.iter().any(|(id, ..)| matches(pattern, id)), "{pattern} is no operation");
    }
}
