//! Every file in `examples/`, deployed as the file says.

use std::time::Duration;

use crate::harness::{Daemon, curl, wait_for};

#[test]
fn hello_answers_at_its_own_address_and_the_sidecar_sees_it_on_localhost() {
    let wharf = Daemon::start();
    wharf.ok(&["create", "-f", "examples/hello.yaml"]);
    wharf.wait_for_state("hello", "Running");
    let page = curl(&format!("http://{}/", wharf.ip("hello")));
    assert!(page.contains("Welcome to Azure Container Instances!"), "{page}");
    assert!(page.contains("<code>hello</code>"), "the page names its host: {page}");
    let seen = wait_for(Duration::from_secs(20), || {
        wharf.ok(&["logs", "hello", "--container", "sidecar"]).contains("HTTP/1.1 200 OK")
    });
    assert!(seen, "{}", wharf.ok(&["logs", "hello", "--container", "sidecar"]));
}

#[test]
fn wordcount_runs_to_completion_and_leaves_its_result() {
    let wharf = Daemon::start();
    wharf.ok(&["create", "-f", "examples/wordcount.yaml"]);
    wharf.wait_for_state("wordcount", "Succeeded");
    let log = wharf.ok(&["logs", "wordcount"]);
    assert_eq!(log.lines().count(), 5, "NumWords is 5: {log}");
    assert!(log.contains("('that', 7)"), "{log}");
    let view = wharf.view("wordcount", 0);
    assert_eq!(view["currentState"]["exitCode"], 0);
    assert_eq!(view["currentState"]["detailStatus"], "Completed");
}

#[test]
fn web_runs_on_and_sidecar_shares_a_volume() {
    let wharf = Daemon::start();
    wharf.ok(&["create", "-f", "examples/web.yaml"]);
    wharf.ok(&["create", "-f", "examples/sidecar.yaml"]);
    for name in ["web", "sidecar"] {
        wharf.wait_for_state(name, "Running");
    }
    assert!(curl(&format!("http://{}/healthz", wharf.ip("web"))).contains("ok"));
    // Both serve at the same time, each at an address of its own.
    let url = format!("http://{}:8080/", wharf.ip("sidecar"));
    let served = wait_for(Duration::from_secs(20), || curl(&url).contains(':'));
    assert!(served, "what one container wrote the other serves");
    assert_ne!(wharf.ip("web"), wharf.ip("sidecar"));
}
