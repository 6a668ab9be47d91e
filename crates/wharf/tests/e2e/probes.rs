//! Liveness and readiness probes (semantics.md §9), with the events and counts of §5.4.

use std::{process::Command, time::Duration};

use serde_json::{Value, json};

use crate::harness::{
    Daemon,
    group::{container, group, script, with},
    wait_for,
};

const WEB: &str = "mcr.microsoft.com/azuredocs/aci-helloworld";
const LIMIT: Duration = Duration::from_secs(30);

/// Answers every request with what stands in a file of the volume `/v`.
const SERVER: &str = "while true; do { read l; while read h && [ ${#h} -gt 1 ]; do echo $h >> /v/log; \
                      done; cat /v/answer; } < /v/in | nc -l -p 8080 > /v/in; done";

fn probe(action: &str, arguments: &Value, more: &Value) -> Value {
    let mut probe = more.clone();
    probe[action] = arguments.clone();
    probe
}

fn public(port: u16) -> Value {
    json!({ "ipAddress": { "type": "Public", "ports": [{ "port": port }] } })
}

/// Whether a port of the group can be connected to from here.
fn is_open(wharf: &Daemon, port: u16) -> bool {
    let address = format!("{}:{port}", wharf.ip("g")).parse().unwrap();
    std::net::TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok()
}

#[test]
fn a_web_server_that_stops_answering_is_killed_and_started_again() {
    let wharf = Daemon::start();
    let get = json!({ "path": "/healthz", "port": 80, "scheme": "http" });
    let liveness = probe("httpGet", &get, &json!({ "periodSeconds": 1 }));
    let good = with(
        container("web", &json!({ "image": WEB })),
        &json!({
            "ports": [{ "port": 80 }], "livenessProbe": liveness,
        }),
    );
    let get = json!({ "path": "/missing", "port": 80 });
    let numbers = json!({ "periodSeconds": 1, "failureThreshold": 2, "initialDelaySeconds": 1 });
    let bad = with(
        script("bad", "sleep 1000"),
        &json!({
            "livenessProbe": probe("httpGet", &get, &numbers),
        }),
    );
    wharf.create(&group("g", &[good, bad], &public(80)));
    let restarted = wait_for(LIMIT, || wharf.view("g", 1)["restartCount"] == 1);
    let view = wharf.view("g", 1);
    assert!(restarted, "{view:#}\n{}", wharf.log());
    let unhealthy = wharf.events("g", 1, "Unhealthy");
    let expected = "Liveness probe failed: HTTP probe failed with statuscode: 404";
    assert!(unhealthy[0].0 == expected && unhealthy[0].1 >= 2, "{unhealthy:?}");
    let killing = wharf.events("g", 1, "Killing");
    assert_eq!(killing.len(), 1, "it may be the next run's turn already: {killing:?}");
    assert!(killing[0].0.ends_with("Container will be killed and recreated."), "{killing:?}");
    assert_eq!(view["previousState"]["state"], "Terminated");
    assert_eq!(view["previousState"]["detailStatus"], "Error", "{view:#}");
    assert_eq!(wharf.view("g", 0)["restartCount"], 0, "the other one answers and is left alone");
    assert!(wharf.ok(&["logs", "g", "--container", "web"]).contains("GET /healthz HTTP/1.1"));
    // Only what was sent is told back.
    let shown = wharf.show("g")["properties"]["containers"][1]["properties"].clone();
    assert_eq!(shown["livenessProbe"]["failureThreshold"], 2);
    assert_eq!(shown["livenessProbe"].get("timeoutSeconds"), None);
    // The third start waits, as after any other failure.
    let waits = wait_for(LIMIT, || {
        let state = wharf.view("g", 1)["currentState"].clone();
        state["detailStatus"].as_str().is_some_and(|s| s.starts_with("CrashLoopBackOff"))
    });
    assert!(waits, "{:#}", wharf.view("g", 1));
}

#[test]
fn with_policy_never_an_unhealthy_container_is_ended_and_stays_so() {
    let wharf = Daemon::start();
    let numbers = json!({ "periodSeconds": 1, "failureThreshold": 1 });
    let refused = probe("httpGet", &json!({ "port": 81 }), &numbers);
    let text = "trap 'exit 0' TERM; sleep 1000 & wait";
    let app = with(script("app", text), &json!({ "livenessProbe": refused }));
    wharf.create(&group("g", &[app], &json!({ "restartPolicy": "Never" })));
    wharf.wait_for_state("g", "Failed");
    let view = wharf.view("g", 0);
    assert_eq!((&view["restartCount"], &view["currentState"]["exitCode"]), (&0.into(), &0.into()));
    let unhealthy = wharf.events("g", 0, "Unhealthy");
    let told = unhealthy[0].0.starts_with("Liveness probe failed: Get \"http://");
    assert!(told && unhealthy[0].0.ends_with("connection refused"), "{unhealthy:?}");
    let killing = wharf.events("g", 0, "Killing");
    assert!(killing.len() == 1 && killing[0].1 == 1, "{killing:?}");
}

#[test]
fn ports_open_when_the_probe_succeeds_and_close_when_it_fails_again() {
    let mut wharf = Daemon::start();
    let headers = json!([{ "name": "X-Probe", "value": "wharf" }]);
    let get = json!({ "path": "/", "port": 8080, "httpHeaders": headers });
    let numbers = json!({ "periodSeconds": 1, "failureThreshold": 1 });
    let text =
        format!("mkfifo /v/in 2>/dev/null || busybox mkfifo /v/in; echo listening; {SERVER}");
    let app = with(
        script("app", &text),
        &json!({
            "ports": [{ "port": 8080 }],
            "readinessProbe": probe("httpGet", &get, &numbers),
            "volumeMounts": [{ "name": "v", "mountPath": "/v" }],
        }),
    );
    let mut more = public(8080);
    more["volumes"] = json!([{ "name": "v", "emptyDir": {} }]);
    wharf.create(&group("g", &[app], &more));
    let groups = std::fs::read_dir(wharf.dir().join("d/groups")).unwrap();
    let volume = groups.flatten().next().unwrap().path().join("scratch/volumes/v");
    let answer = |status: &str| {
        std::fs::write(volume.join("new"), format!("HTTP/1.0 {status}\r\n\r\n")).unwrap();
        std::fs::rename(volume.join("new"), volume.join("answer")).unwrap();
    };
    answer("503 Not Yet");
    let failed = wait_for(LIMIT, || !wharf.events("g", 0, "Unhealthy").is_empty());
    assert!(failed && !is_open(&wharf, 8080), "{:#}", wharf.view("g", 0));
    assert_eq!(wharf.state("g"), "Running", "it runs all the while");
    answer("200 OK");
    assert!(wait_for(LIMIT, || is_open(&wharf, 8080)), "{:#}", wharf.view("g", 0));
    let log = std::fs::read_to_string(volume.join("log")).unwrap();
    assert!(log.contains("X-Probe: wharf"), "{log}");
    // A new daemon leaves the port open and the container alone.
    let started = wharf.view("g", 0)["currentState"]["startTime"].clone();
    wharf.kill();
    wharf.up(&[]);
    // Its server takes one connection at a time, the probe's among them.
    assert!(wait_for(LIMIT, || is_open(&wharf, 8080)));
    answer("500 Broken");
    assert!(wait_for(LIMIT, || !is_open(&wharf, 8080)), "{:#}", wharf.view("g", 0));
    let view = wharf.view("g", 0);
    assert_eq!((&view["restartCount"], &view["currentState"]["startTime"]), (&0.into(), &started));
}

#[test]
fn https_is_asked_without_verifying_who_answers() {
    let wharf = Daemon::start();
    let get = json!({ "path": "/", "port": 8443, "scheme": "HTTPS" });
    let numbers = json!({ "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 5 });
    let app = with(
        script("app", "sleep 1000"),
        &json!({
            "ports": [{ "port": 8443 }], "readinessProbe": probe("httpGet", &get, &numbers),
        }),
    );
    wharf.create(&group("g", &[app], &public(8443)));
    assert!(wait_for(LIMIT, || !wharf.events("g", 0, "Unhealthy").is_empty()));
    let groups = std::fs::read_dir(wharf.dir().join("r/groups")).unwrap();
    let shim = groups.flatten().next().unwrap().path().join("shim.pid");
    let pid = std::fs::read_to_string(shim).unwrap();
    let (key, certificate) = (wharf.dir().join("key.pem"), wharf.dir().join("cert.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other.test"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("openssl is installed");
    assert!(made.status.success());
    // A server in the group's network, as a container of it would be.
    let mut server = Command::new("nsenter")
        .args(["--net", "--target", pid.trim(), "openssl", "s_server", "-quiet", "-www"])
        .args(["-accept", "8443"])
        .arg("-key")
        .arg(&key)
        .arg("-cert")
        .arg(&certificate)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let opened = wait_for(LIMIT, || is_open(&wharf, 8443));
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(opened, "{:#}", wharf.view("g", 0));
}

/// The published example: healthy for a while, then not (semantics.md §9), at a faster pace.
#[test]
fn a_command_that_fails_has_the_container_killed_and_recreated() {
    let wharf = Daemon::start();
    let text = "touch /tmp/healthy; sleep 3; rm -f /tmp/healthy; sleep 1000";
    let command = json!({ "command": ["cat", "/tmp/healthy"] });
    let numbers = json!({ "periodSeconds": 1, "timeoutSeconds": 5 });
    let app = with(
        script("app", text),
        &json!({
            "livenessProbe": probe("exec", &command, &numbers),
        }),
    );
    wharf.create(&group("g", &[app], &json!({})));
    let restarted = wait_for(LIMIT, || wharf.view("g", 0)["restartCount"] == 1);
    assert!(restarted, "{:#}\n{}", wharf.view("g", 0), wharf.log());
    let unhealthy = wharf.events("g", 0, "Unhealthy");
    assert!(unhealthy[0].0.starts_with("Liveness probe failed: cat: "), "{unhealthy:?}");
    assert!(unhealthy[0].0.contains("/tmp/healthy") && unhealthy[0].1 >= 3, "{unhealthy:?}");
    let killing = wharf.events("g", 0, "Killing");
    assert_eq!(killing.len(), 1, "it may be the next run's turn already: {killing:?}");
    assert!(wharf.events("g", 0, "Started")[0].1 >= 2);
    let shown = wharf.show("g")["properties"]["containers"][0]["properties"].clone();
    assert_eq!(shown["livenessProbe"], probe("exec", &command, &numbers));
}

#[test]
fn a_command_that_hangs_or_does_not_exist_is_not_ready() {
    let wharf = Daemon::start();
    let numbers = json!({ "periodSeconds": 1, "failureThreshold": 1 });
    let ready = |words: Value| probe("exec", &json!({ "command": words }), &numbers);
    let containers = [("hangs", json!(["sleep", "1000"])), ("none", json!(["/no/such"]))].map(
        |(name, words)| {
            with(script(name, "sleep 1000"), &json!({ "readinessProbe": ready(words) }))
        },
    );
    wharf.create(&group("g", &containers, &json!({})));
    for (index, expected) in [(0, "timed out after 1s"), (1, "/no/such")] {
        let told = wait_for(LIMIT, || {
            wharf.events("g", index, "Unhealthy").iter().any(|(text, _)| text.contains(expected))
        });
        assert!(told, "{:#}", wharf.view("g", index));
        assert_eq!(wharf.view("g", index)["restartCount"], 0);
    }
    assert_eq!(wharf.state("g"), "Running");
}
