//! What a group may use, and what it cannot take from others.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use crate::harness::{Daemon, wait_for};

const WORDCOUNT: &str = "mcr.microsoft.com/azuredocs/aci-wordcount";

fn file(wharf: &Daemon, name: &str, security: &str, command: &str) -> String {
    let text = format!(
        "name: {name}\nlocation: local\nproperties:\n  osType: Linux\n  restartPolicy: Never\n  \
         containers:\n  - name: c\n    properties:\n      image: {WORDCOUNT}\n      command: [sh, \
         -c, '{command}']\n      securityContext: {security}\n      resources: {{requests: {{cpu: \
         0.1, memoryInGB: 0.1}}}}\n"
    );
    let path = wharf.dir().join(format!("{name}.yaml"));
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn what_groups_ask_for_together_must_fit_the_host() {
    let wharf = Daemon::with(&["--cpu-overcommit", "1"]);
    let cpus = std::thread::available_parallelism().unwrap().get().to_string();
    let create = |name: &'static str, cpu: &str| {
        let args = ["create", name, "--image", WORDCOUNT, "--command-line", "sleep 1000"];
        wharf.run(&[&args[..], &["--cpu", cpu, "--memory", "0.1"]].concat())
    };
    assert!(create("one", &cpus).status.success());
    let refused = create("two", "0.01");
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && error.contains("ServiceUnavailable"), "{error}");
    assert!(error.contains("'0.01' CPU '0.1' GB memory 'Linux' OS"), "{error}");
    wharf.ok(&["stop", "one"]);
    assert!(create("two", "0.01").status.success(), "a stopped group has released its share");
    let (_, error) = wharf.fails(&["start", "one"]);
    assert!(error.contains("ServiceUnavailable"), "{error}");
    wharf.ok(&["delete", "two", "--yes"]);
    wharf.ok(&["start", "one"]);
}

#[test]
fn too_much_memory_is_exit_code_137_with_an_event() {
    let wharf = Daemon::start();
    wharf.ok(&["create", "-f", &file(&wharf, "hog", "{}", "exec tail /dev/zero")]);
    wharf.wait_for_state("hog", "Failed");
    let view = wharf.view("hog", 0);
    assert_eq!(view["currentState"]["exitCode"], 137, "{view:#}");
    assert!(view["events"].to_string().contains("OOMKilled"), "{view:#}");
}

#[test]
fn a_group_over_its_disk_quota_is_ended_with_an_event() {
    let wharf = Daemon::with(&["--disk-quota-mb", "8"]);
    let fill = "i=0; while [ $i -lt 8192 ]; do head -c 65536 /dev/zero >> /f; i=$((i+1)); done; sleep 1000";
    wharf.ok(&["create", "-f", &file(&wharf, "filler", "{}", fill)]);
    wharf.wait_for_state("filler", "Failed");
    let view = wharf.view("filler", 0);
    assert_eq!(view["currentState"]["exitCode"], 137, "{view:#}");
    assert!(view["events"].to_string().contains("its quota of 8 MiB"), "{view:#}");
}

#[test]
fn a_security_context_is_echoed_and_in_force() {
    let wharf = Daemon::start();
    let context = "{runAsUser: 33, capabilities: {drop: [ALL]}, allowPrivilegeEscalation: false}";
    let show = "id -u; grep CapBnd /proc/self/status";
    wharf.ok(&["create", "-f", &file(&wharf, "g", context, show)]);
    wharf.wait_for_state("g", "Succeeded");
    assert_eq!(wharf.ok(&["logs", "g"]), "33\nCapBnd:\t0000000000000000\n");
    let shown = &wharf.show("g")["properties"]["containers"][0]["properties"]["securityContext"];
    assert_eq!(shown["runAsUser"], 33);
    assert_eq!(shown["capabilities"]["drop"][0], "ALL");
    for (refused, property) in
        [("{privileged: true}", "privileged"), ("{capabilities: {add: [SYS_ADMIN]}}", "SYS_ADMIN")]
    {
        let (_, error) = wharf.fails(&["create", "-f", &file(&wharf, "bad", refused, show)]);
        assert!(error.contains("SecurityContextNotAllowed") && error.contains(property), "{error}");
    }
}

/// How long one request takes; it must be answered.
fn request(address: &str) -> Duration {
    let began = Instant::now();
    let mut stream = TcpStream::connect((address, 80)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.0\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("200 OK") && answer.ends_with("ok\n"), "{answer}");
    began.elapsed()
}

fn p99(address: &str) -> Duration {
    let mut times: Vec<Duration> = (0..1_000).map(|_| request(address)).collect();
    times.sort_unstable();
    times[989]
}

#[test]
fn a_healthy_group_keeps_answering_beside_bad_neighbours() {
    let wharf = Daemon::with(&["--disk-quota-mb", "64"]);
    wharf.ok(&["create", "-f", "examples/web.yaml"]);
    let address = wharf.ip("web");
    request(&address);
    let alone = p99(&address);
    for (name, script) in [
        ("forker", "f() { f | f & }; f; sleep 1000"),
        ("hog", "while true; do tail /dev/zero; done"),
        ("talker", "while true; do cat /proc/self/mountinfo; done"),
        ("filler", "while true; do head -c 1048576 /dev/zero >> /f; done"),
    ] {
        let path = file(&wharf, name, "{}", script);
        let large = std::fs::read_to_string(&path).unwrap();
        let large = large.replace("cpu: 0.1, memoryInGB: 0.1", "cpu: 1, memoryInGB: 0.3");
        std::fs::write(&path, large).unwrap();
        wharf.ok(&["create", "-f", &path]);
    }
    let beside = p99(&address);
    let told = format!("p99 of a healthy group: alone {alone:?}, beside {beside:?}\n");
    std::io::stderr().write_all(told.as_bytes()).unwrap();
    assert!(beside < Duration::from_secs(2), "{beside:?}");
    let is_ended = wait_for(Duration::from_mins(1), || wharf.state("filler") == "Failed");
    assert!(is_ended, "{:#}", wharf.show("filler"));
    request(&address);
    let is_clean = wait_for(Duration::from_secs(10), || wharf.run(&["doctor"]).status.success());
    assert!(is_clean, "{}", wharf.ok(&["doctor"]));
}

#[test]
fn what_a_group_uses_is_told_to_azure_monitor_prometheus_and_top() {
    let wharf = Daemon::start();
    let work = "i=0; while [ $i -lt 300 ]; do head -c 100000 /dev/zero | wc -c >/dev/null; sleep 0.1; i=$((i+1)); done";
    wharf.ok(&["create", "-f", &file(&wharf, "busy", "{}", work)]);
    let id = wharf.show("busy")["id"].as_str().unwrap().to_owned();
    let metrics = |rest: &str| -> serde_json::Value {
        let path = format!("{id}/providers/microsoft.insights/{rest}api-version=2018-01-01");
        serde_json::from_str(&wharf.http(&path)).unwrap()
    };
    let names = "CpuUsage,MemoryUsage,NetworkBytesReceivedPerSecond";
    let is_sampled = wait_for(Duration::from_secs(30), || {
        let found = metrics(&format!("metrics?metricnames={names}&aggregation=Average,Maximum&"));
        let latest = |metric: usize| {
            let data = found["value"][metric]["timeseries"][0]["data"].as_array().unwrap().clone();
            data.iter().rev().find_map(|reading| reading["average"].as_f64())
        };
        latest(0).is_some_and(|cpu| cpu > 1.0) && latest(1).is_some_and(|memory| memory > 10_000.0)
    });
    assert!(is_sampled, "{:#}", metrics(&format!("metrics?metricnames={names}&")));
    let split = metrics("metrics?metricnames=CpuUsage&$filter=containerName%20eq%20'*'&");
    assert_eq!(split["value"][0]["timeseries"][0]["metadatavalues"][0]["value"], "c", "{split:#}");
    assert_eq!(metrics("metrics?metricnames=Joy&")["error"]["code"], "BadRequest");
    let definitions = metrics("metricDefinitions?");
    assert_eq!(definitions["value"].as_array().unwrap().len(), 4);
    let text = wharf.http("/metrics");
    let label = "container_cpu_usage_seconds_total{resource_group=\"default\",group=\"busy\",container=\"c\"}";
    assert!(text.contains(label) && text.ends_with("# EOF\n"), "{text}");
    let top = wharf.ok(&["top"]);
    assert!(top.starts_with("GROUP") && top.contains("busy"), "{top}");
    let rows = wharf.ok(&["top", "-o", "tsv", "--query", "[].container"]);
    assert_eq!(rows.trim(), "c");
}
