//! schemathesis: requests made up from the published OpenAPI document, well-formed and not. None
//! may be answered by a 5xx, hang, or bring the daemon down.

use std::path::{Path, PathBuf};

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::{
    installed::{Installed, SCRIPTS},
    server::{IMAGE, Server},
    trial,
};

/// A run ends after so many seconds, wherever it is.
const SECONDS: &str = "60";
/// A request that takes longer hangs.
const ANSWER_SECONDS: &str = "10";
/// Cases that a run makes even on a busy machine.
const CASES_MIN: u32 = 100;

pub(crate) fn trials(clients: &Installed) -> Vec<Trial> {
    vec![trial("schemathesis", clients.sdk(), |bin| schemathesis(&bin))]
}

fn schemathesis(bin: &Path) {
    let server = Server::start();
    // What is asked for is there, at first: the fuzzer creates and deletes it as it goes.
    let create = ["create", "fuzzed", "-g", "fuzz", "--image", IMAGE, "--command-line"];
    server.wharf.ok(&[&create[..], &["sleep 1000"]].concat());
    let dir = tempfile::tempdir().unwrap();
    let mut client = server.client(&bin.join("schemathesis"));
    client
        .arg("--config-file")
        .arg(settings(dir.path(), server.variable("WHARF_SUBSCRIPTION")))
        .arg("run")
        .arg(document(dir.path()))
        .args(["--url", server.variable("WHARF_URL")])
        .args(["--tls-verify", server.variable("REQUESTS_CA_BUNDLE")])
        .args(["--header", &format!("Authorization:Bearer {}", server.variable("WHARF_TOKEN"))])
        .args(["--checks", "not_a_server_error", "--request-timeout", ANSWER_SECONDS])
        .args(["--phases", "coverage,fuzzing", "--max-examples", "40"])
        .args(["--max-time", SECONDS, "--seed", "1", "--suppress-health-check", "all"])
        .current_dir(dir.path());
    let told = server.succeeds(client);
    let cases = told.split_whitespace().zip(told.split_whitespace().skip(1));
    let cases = cases.filter(|(_, word)| word.starts_with("generated"));
    let count: u32 = cases.filter_map(|(count, _)| count.parse::<u32>().ok()).sum();
    assert!(count >= CASES_MIN, "only {count} cases:\n{told}");
    assert!(!server.wharf.log().contains("panicked"), "{}", server.wharf.log());
}

/// Names of the fuzzer's own would only find out that nothing is there.
fn settings(dir: &Path, subscription: &str) -> PathBuf {
    let path = dir.join("schemathesis.toml");
    let text = format!(
        "[parameters]\n\"path.subscriptionId\" = {subscription:?}\n\
         \"path.resourceGroupName\" = \"fuzz\"\n\"path.containerGroupName\" = \"fuzzed\"\n\
         \"path.containerName\" = \"fuzzed\"\n\"query.api-version\" = \"2025-09-01\"\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// The published document, with its common types beside it instead of six folders up, and with an
/// image that exists, so that a part of the groups is created.
fn document(dir: &Path) -> PathBuf {
    let published = Path::new(SCRIPTS).join("../fixtures/aci/openapi");
    let read = |name: &str| std::fs::read_to_string(published.join(name)).unwrap();
    let text = read("2025-09-01/containerInstance.json");
    let far = "../../../../../../common-types/resource-management/v5/types.json";
    assert!(text.contains(far));
    let mut document: Value =
        serde_json::from_str(&text.replace(far, "common-types.json")).unwrap();
    let definitions = &mut document["definitions"];
    let image = &mut definitions["ContainerProperties"]["properties"]["image"];
    assert_eq!(image["type"], "string");
    image["enum"] = json!([IMAGE]);
    for (name, values) in [("cpu", json!([0.1, 1, 1e300])), ("memoryInGB", json!([0.1, 1, -1]))] {
        definitions["ResourceRequests"]["properties"][name]["enum"] = values;
    }
    let path = dir.join("containerInstance.json");
    std::fs::write(&path, document.to_string()).unwrap();
    std::fs::write(dir.join("common-types.json"), read("common-types-v5.json")).unwrap();
    path
}
