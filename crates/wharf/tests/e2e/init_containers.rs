//! Init containers (semantics.md §8): order, policy, failure, instance views.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    Daemon,
    group::{events, group, script, with},
    wait_for,
};

fn init(name: &str, text: &str) -> Value {
    let mut container =
        with(script(name, text), &json!({ "volumeMounts": [{ "name": "v", "mountPath": "/v" }] }));
    container["properties"].as_object_mut().unwrap().remove("resources");
    container
}

fn with_inits(policy: &str, inits: &[Value]) -> Value {
    let app = with(
        script("app", "cat /v/order; sleep 1000"),
        &json!({ "volumeMounts": [{ "name": "v", "mountPath": "/v" }] }),
    );
    let more = json!({
        "restartPolicy": policy, "initContainers": inits, "volumes": [{ "name": "v", "emptyDir": {} }],
    });
    group("g", &[app], &more)
}

fn init_view(wharf: &Daemon, index: usize) -> Value {
    wharf.show("g")["properties"]["initContainers"][index]["properties"]["instanceView"].clone()
}

#[test]
fn with_policy_always_a_failing_one_is_tried_again_and_only_then_the_next_one_starts() {
    let wharf = Daemon::start();
    let flaky = "echo a >> /v/order; [ $(wc -l < /v/order) -gt 1 ] || exit 3";
    wharf.create(&with_inits("Always", &[init("one", flaky), init("two", "echo b >> /v/order")]));
    let told = wait_for(Duration::from_secs(20), || {
        wharf.ok(&["logs", "g", "--container", "app"]) == "a\na\nb\n"
    });
    assert!(told, "{:#}", wharf.show("g"));
    wharf.wait_for_state("g", "Running");
    let (one, two) = (init_view(&wharf, 0), init_view(&wharf, 1));
    assert_eq!(one["restartCount"], 1, "{one:#}");
    assert_eq!(one["previousState"]["exitCode"], 3, "{one:#}");
    assert_eq!(one["currentState"]["state"], "Terminated");
    assert_eq!(one["currentState"]["detailStatus"], "Completed", "it is not run for ever");
    assert_eq!(two["restartCount"], 0);
    assert_eq!(events(&one, "Started"), [("Started container".to_owned(), 2)]);
    let (ended, started) = (&one["currentState"]["finishTime"], &two["currentState"]["startTime"]);
    assert!(ended.as_str().unwrap() <= started.as_str().unwrap(), "{ended} {started}");
}

#[test]
fn with_policy_never_a_failing_one_fails_the_group_and_nothing_else_runs() {
    let wharf = Daemon::start();
    wharf.begin(&with_inits("Never", &[init("one", "exit 3"), init("two", "touch /v/two")]));
    wharf.wait_for_state("g", "Failed");
    let (one, two) = (init_view(&wharf, 0), init_view(&wharf, 1));
    assert_eq!(one["currentState"]["exitCode"], 3, "{one:#}");
    assert_eq!(two["currentState"]["state"], "Waiting", "{two:#}");
    let app = wharf.view("g", 0);
    assert_eq!(app["currentState"]["state"], "Waiting", "{app:#}");
    assert_eq!((events(&two, "Started"), events(&app, "Started")), (vec![], vec![]));
}

#[test]
fn while_one_waits_for_its_next_try_the_group_is_pending_and_says_so() {
    let wharf = Daemon::start();
    wharf.begin(&with_inits("OnFailure", &[init("one", "exit 3")]));
    let waits = wait_for(Duration::from_secs(20), || {
        let view = init_view(&wharf, 0);
        view["restartCount"] == 1 && view["currentState"]["state"] == "Waiting"
    });
    let view = init_view(&wharf, 0);
    assert!(waits, "{view:#}");
    let detail = view["currentState"]["detailStatus"].as_str().unwrap();
    assert!(detail.starts_with("CrashLoopBackOff: "), "{detail}");
    assert_eq!(events(&view, "BackOff").len(), 1, "{view:#}");
    assert_eq!(wharf.state("g"), "Pending");
}
