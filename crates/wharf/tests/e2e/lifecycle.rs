//! Logs, stop, start, restart, update, delete.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
    time::Duration,
};

use crate::harness::{Daemon, curl, wait_for};

const WORDCOUNT: &str = "mcr.microsoft.com/azuredocs/aci-wordcount";

#[test]
fn a_followed_log_shows_what_is_written_and_ends_with_the_container() {
    let wharf = Daemon::start();
    let script = "for i in 1 2 3 4 5; do echo line $i; sleep 0.3; done";
    wharf.ok(&[
        "create",
        "g",
        "--image",
        WORDCOUNT,
        "--restart-policy",
        "Never",
        "--command-line",
        &format!("sh -c '{script}'"),
    ]);
    let mut follower =
        wharf.command(&["logs", "g", "--follow"]).stdout(Stdio::piped()).spawn().unwrap();
    let lines: Vec<String> =
        BufReader::new(follower.stdout.take().unwrap()).lines().map(Result::unwrap).collect();
    assert!(follower.wait().unwrap().success());
    assert_eq!(lines, ["line 1", "line 2", "line 3", "line 4", "line 5"]);
    let tail = wharf.ok(&["logs", "g", "--tail", "2"]);
    assert_eq!(tail, "line 4\nline 5\n");
    let stamped = wharf.ok(&["logs", "g", "--timestamps", "--tail", "1"]);
    assert!(stamped.starts_with("20") && stamped.ends_with("Z line 5\n"), "{stamped}");
}

#[test]
fn a_stopped_group_frees_its_containers_and_starts_anew() {
    let wharf = Daemon::start();
    wharf.ok(&["create", "-f", "examples/web.yaml"]);
    let url = format!("http://{}/healthz", wharf.ip("web"));
    assert_eq!(curl(&url), "ok\n");
    wharf.ok(&["stop", "web"]);
    assert_eq!(wharf.state("web"), "Stopped");
    let state = &wharf.view("web", 0)["currentState"];
    assert_eq!(state["detailStatus"], "Container stopped per client request");
    assert!(wharf.ok(&["logs", "web"]).contains("listening"), "its log is kept");
    let (code, error) = wharf.fails(&["restart", "web"]);
    assert!(code == 1 && error.contains("ContainerGroupStopped"), "{error}");
    wharf.ok(&["start", "web"]);
    wharf.wait_for_state("web", "Running");
    assert_eq!(curl(&url), "ok\n", "at the same address");
    wharf.ok(&["restart", "web"]);
    wharf.wait_for_state("web", "Running");
    assert_eq!(curl(&url), "ok\n");
}

#[test]
fn a_container_that_ends_is_started_again_and_counted() {
    let wharf = Daemon::start();
    wharf.ok(&["create", "g", "--image", WORDCOUNT, "--command-line", "sh -c 'exit 7'"]);
    let restarted = wait_for(Duration::from_secs(20), || {
        let view = wharf.view("g", 0);
        view["restartCount"] == 1 && view["currentState"]["state"] == "Waiting"
    });
    let view = wharf.view("g", 0);
    assert!(restarted, "{view:#}");
    assert_eq!(view["previousState"]["exitCode"], 7);
    let detail = view["currentState"]["detailStatus"].as_str().unwrap();
    assert!(detail.starts_with("CrashLoopBackOff"), "{detail}");
}

#[test]
fn an_update_restarts_only_what_changed() {
    let wharf = Daemon::start();
    wharf.ok(&["create", "-f", "examples/hello.yaml"]);
    let started = |index| wharf.view("hello", index)["currentState"]["startTime"].clone();
    let (web, sidecar) = (started(0), started(1));
    let path = wharf.dir().join("changed.yaml");
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/hello.yaml"));
    let changed = text.unwrap().replace(
        "aci-tutorial-sidecar:latest\n",
        "aci-tutorial-sidecar:latest\n      environmentVariables: [{name: A, value: b}]\n",
    );
    std::fs::write(&path, changed).unwrap();
    wharf.ok(&["create", "-f", path.to_str().unwrap()]);
    assert!(wait_for(Duration::from_secs(20), || started(1) != sidecar && !started(1).is_null()));
    assert_eq!(started(0), web, "the other container runs on");
}

#[test]
fn init_containers_run_before_the_others_one_by_one() {
    let wharf = Daemon::start();
    let path = wharf.dir().join("init.yaml");
    let container = |name: &str, script: &str| {
        format!(
            "  - name: {name}\n    properties:\n      image: {WORDCOUNT}\n      command: [sh, -c, \
             '{script}']\n      volumeMounts: [{{name: v, mountPath: /v}}]\n"
        )
    };
    let text = format!(
        "name: g\nlocation: local\nproperties:\n  osType: Linux\n  restartPolicy: Never\n  volumes: \
         [{{name: v}}]\n  initContainers:\n{}{}  containers:\n{}      resources: {{requests: {{cpu: \
         0.1, memoryInGB: 0.1}}}}\n",
        container("first", "sleep 0.5; echo 1 >> /v/order"),
        container("second", "echo 2 >> /v/order"),
        container("app", "cat /v/order"),
    );
    std::fs::write(&path, text).unwrap();
    wharf.ok(&["create", "-f", path.to_str().unwrap()]);
    wharf.wait_for_state("g", "Succeeded");
    assert_eq!(wharf.ok(&["logs", "g", "--container", "app"]), "1\n2\n");
}

#[test]
fn tables_documents_and_queries_come_out_as_asked() {
    let wharf = Daemon::start();
    assert!(wharf.ok(&["version"]).starts_with("wharf "));
    assert!(wharf.ok(&["completion", "bash"]).contains("_wharf"));
    wharf.ok(&["create", "-f", "examples/web.yaml"]);
    let table = wharf.ok(&["list"]);
    assert!(table.contains("web") && table.contains("Running"), "{table}");
    assert_eq!(wharf.ok(&["list", "-o", "json", "--query", "[].name"]).trim(), "[\n  \"web\"\n]");
    let exported = wharf.ok(&["export", "web"]);
    assert!(exported.contains("aci-helloworld") && !exported.contains("instanceView"));
    let (code, _) = wharf.fails(&["delete", "web"]);
    assert_eq!(code, 2, "nobody can be asked");
}
