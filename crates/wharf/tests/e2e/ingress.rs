//! `https://<fqdn>` at the front: certificates by name, HTTP/2, upgrades, readiness.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use crate::harness::{
    Daemon,
    group::{container, group, script, with},
    text, wait_for,
};

const HELLO: &str = "mcr.microsoft.com/azuredocs/aci-helloworld";
const SUFFIX: &str = "local.azurecontainer.wharf.internal";

/// A group with a name, behind the front.
fn named(label: &str, container: Value, port: u16) -> Value {
    let ports = json!([{ "port": port }]);
    let address = json!({ "type": "Public", "ports": ports, "dnsNameLabel": label });
    let container = with(container, &json!({ "ports": ports }));
    group(label, &[container], &json!({ "ipAddress": address }))
}

fn front(wharf: &Daemon) -> String {
    let log = wharf.log();
    let line = log.lines().rfind(|line| line.contains("leading HTTPS to groups")).unwrap();
    let port = line.rsplit_once(':').unwrap().1;
    port.chars().take_while(char::is_ascii_digit).collect()
}

/// Status, version of HTTP and body; nothing without TLS.
fn fetch(wharf: &Daemon, ca: &str, label: &str, more: &[&str]) -> String {
    let port = front(wharf);
    let host = format!("{label}.{SUFFIX}");
    let output = Command::new("curl")
        .args(["-s", "--max-time", "5", "--cacert", ca, "-w", " %{http_code} %{http_version}"])
        .args(["--resolve", &format!("{host}:{port}:127.0.0.1")])
        .args(more)
        .arg(format!("https://{host}:{port}/healthz"))
        .output()
        .unwrap();
    if output.status.success() { text(&output.stdout) } else { String::new() }
}

#[test]
fn a_group_is_at_its_name_over_tls_while_it_is_ready() {
    let wharf = Daemon::with(&["--ingress-listen", "127.0.0.1:0"]);
    let ca = wharf.dir().join("d/tls/ca.pem").to_str().unwrap().to_owned();
    wharf.create(&named("hello-web", container("c", &json!({ "image": HELLO })), 80));
    let is_up = || fetch(&wharf, &ca, "hello-web", &[]) == "ok\n 200 2";
    assert!(wait_for(Duration::from_secs(10), is_up), "{}", fetch(&wharf, &ca, "hello-web", &[]));
    assert_eq!(fetch(&wharf, &ca, "hello-web", &["--http1.1"]), "ok\n 200 1.1");
    assert_eq!(fetch(&wharf, &ca, "nobody-web", &[]), "", "no certificate for other names");
    // The name says who is meant; another host's is not served on the side.
    let wrong = fetch(&wharf, &ca, "hello-web", &["-H", "Host: example.com"]);
    assert_eq!(wrong, "There is no such host here.\n 404 2");

    let probe = json!({ "exec": { "command": ["test", "-e", "/ready"] }, "periodSeconds": 1 });
    let line = "mkdir /w; echo ok > /w/healthz; exec httpd -f -p 8080 -h /w";
    let slow = with(script("c", line), &json!({ "readinessProbe": probe }));
    wharf.create(&named("slow-web", slow, 8080));
    wharf.wait_for_state("slow-web", "Running");
    let told = fetch(&wharf, &ca, "slow-web", &[]);
    assert_eq!(told, "The container group is not ready.\n 503 2");
    wharf.ok(&["exec", "slow-web", "--", "touch", "/ready"]);
    let is_up = || fetch(&wharf, &ca, "slow-web", &[]) == "ok\n 200 2";
    assert!(wait_for(Duration::from_secs(10), is_up), "{}", fetch(&wharf, &ca, "slow-web", &[]));
    wharf.clear();
}

#[test]
fn a_changed_protocol_passes_in_both_directions() {
    let wharf = Daemon::with(&["--ingress-listen", "127.0.0.1:0"]);
    let ca = wharf.dir().join("d/tls/ca.pem").to_str().unwrap().to_owned();
    // Says that it speaks the other protocol from now on, then says back what it hears.
    let answer = "while read -r line && [ \"${#line}\" -gt 1 ]; do :; done; \
                  printf \"HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\n\
                  Upgrade: websocket\\r\\n\\r\\n\"; exec cat";
    let line = format!("echo '{answer}' > /serve; exec nc -ll -p 80 -e sh /serve");
    wharf.create(&named("echo-web", script("c", &line), 80));
    wharf.wait_for_state("echo-web", "Running");
    let host = format!("echo-web.{SUFFIX}");
    let talk = || {
        let mut client = Command::new("openssl")
            .args(["s_client", "-quiet", "-verify_return_error", "-CAfile", &ca])
            .args(["-connect", &format!("127.0.0.1:{}", front(&wharf)), "-servername", &host])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (mut to, from) = (client.stdin.take().unwrap(), client.stdout.take().unwrap());
        let ask = format!(
            "GET /chat HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive, Upgrade\r\n\
             Upgrade: websocket\r\n\r\n"
        );
        to.write_all(ask.as_bytes()).unwrap();
        let mut lines = BufReader::new(from).lines().map_while(Result::ok);
        let head: Vec<String> = lines.by_ref().take_while(|line| line.len() > 1).collect();
        let mut words = Vec::new();
        if head.first().is_some_and(|first| first.contains(" 101 ")) {
            for word in ["one", "two"] {
                to.write_all(format!("{word}\n").as_bytes()).unwrap();
                words.extend(lines.next());
            }
        }
        drop(to);
        client.kill().unwrap();
        client.wait().unwrap();
        (head.join("\n").to_ascii_lowercase(), words)
    };
    let is_up = wait_for(Duration::from_secs(10), || talk().1 == ["one", "two"]);
    let (head, words) = talk();
    assert!(is_up && head.contains("upgrade: websocket"), "{head} {words:?}\n{}", wharf.log());
    wharf.clear();
}

#[test]
fn the_users_own_certificate_is_shown_for_all_names() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (path("cert.pem"), path("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-subj", "/CN=mine", "-addext", &format!("subjectAltName=DNS:*.{SUFFIX}")])
        .args(["-out", &certificate, "-keyout", &key])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let args = ["--ingress-listen", "127.0.0.1:0", "--ingress-certificate", &certificate];
    let wharf = Daemon::with(&[&args[..], &["--ingress-key", &key]].concat());
    wharf.create(&named("hello-web", container("c", &json!({ "image": HELLO })), 80));
    let is_up = || fetch(&wharf, &certificate, "hello-web", &[]) == "ok\n 200 2";
    assert!(wait_for(Duration::from_secs(10), is_up));
    let unknown = fetch(&wharf, &certificate, "nobody-web", &[]);
    assert_eq!(unknown, "There is no such host here.\n 404 2");
}
