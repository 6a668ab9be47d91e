//! What users get wrong: a clear error that names the property, and nothing left behind (every
//! daemon of a test ends with the doctor and empty directories).

use std::io::Write as _;

use crate::harness::Daemon;

fn file(wharf: &Daemon, text: &str) -> String {
    let path = wharf.dir().join("group.yaml");
    std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
    path.to_str().unwrap().to_owned()
}

fn group(container: &str, rest: &str) -> String {
    format!(
        "name: bad\nlocation: local\nproperties:\n  osType: Linux\n  containers:\n  - name: c\n    \
         properties:\n      image: mcr.microsoft.com/azuredocs/aci-wordcount\n      resources: \
         {{requests: {{cpu: 0.1, memoryInGB: 0.1}}}}\n{container}{rest}"
    )
}

#[test]
fn every_mistake_is_told_by_code_and_property() {
    let wharf = Daemon::start();
    let port = "      ports: [{port: 99999}]\n";
    let address = "  ipAddress: {type: Public, ports: [{port: 80}]}\n";
    let cases = [
        (group(port, ""), "InvalidContainerPorts", "99999"),
        (group("", address), "UnreferencedIpAddressPorts", "80"),
        (group("", "  restartPolicy: Sometimes\n"), "InvalidRestartPolicy", "Sometimes"),
        (
            group("      livenessProbe: {exec: {command: [x]}, httpGet: {port: 1}}\n", ""),
            "InvalidRequestContent",
            "livenessProbe",
        ),
        (
            group("      environmentVariables: [{name: 1a}]\n", ""),
            "InvalidContainerEnvironmentVariable",
            "1a",
        ),
        (
            group("", "").replace("osType: Linux", "osType: Windows"),
            "OsTypeNotSupported",
            "Windows",
        ),
        (group("", "").replace("cpu: 0.1", "cpu: 900"), "ServiceUnavailable", "900"),
        (group("", "").replace("- name: c", "- name: C_"), "InvalidContainerName", "C_"),
    ];
    for (text, code, subject) in cases {
        let (exit, error) = wharf.fails(&["create", "-f", &file(&wharf, &text)]);
        assert_eq!(exit, 1, "{error}");
        assert!(error.contains(code) && error.contains(subject), "{code}: {error}");
    }
    assert_eq!(wharf.fails(&["show", "bad"]).0, 3);
}

#[test]
fn yaml_that_is_none_says_where() {
    let wharf = Daemon::start();
    let (exit, error) = wharf.fails(&["create", "-f", &file(&wharf, "a: [1\nb: 2\n")]);
    assert_eq!(exit, 2);
    assert!(error.contains("group.yaml:2:2"), "{error}");
}

#[test]
fn a_program_that_does_not_exist_is_an_exit_code_and_an_event() {
    let wharf = Daemon::start();
    wharf.ok(&[
        "create",
        "g",
        "--image",
        "mcr.microsoft.com/azuredocs/aci-wordcount",
        "--restart-policy",
        "Never",
        "--command-line",
        "/no/such/program",
    ]);
    wharf.wait_for_state("g", "Failed");
    let view = wharf.view("g", 0);
    assert_eq!(view["currentState"]["exitCode"], 127, "{view:#}");
    let events = view["events"].to_string();
    assert!(events.contains("\"Failed\"") && events.contains("/no/such/program"), "{events}");
}

#[test]
fn nobody_listens_is_told_apart_from_refusals() {
    let mut wharf = Daemon::start();
    wharf.stop();
    let (exit, error) = wharf.fails(&["list"]);
    assert_eq!(exit, 4);
    assert!(error.contains("hint:"), "{error}");
}

#[test]
fn a_connection_outlives_a_body_that_nobody_wanted() {
    let wharf = Daemon::start();
    let body = wharf.dir().join("body");
    std::fs::write(&body, vec![b'x'; 2 << 20]).unwrap();
    let (socket, body) = (wharf.dir().join("r/wharf.sock"), format!("@{}", body.display()));
    let mut curl = std::process::Command::new("curl");
    curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code} ", "-X", "PUT", "-H", "Expect:"]);
    curl.args(["--data-binary", &body, "http://localhost/nothing", "--unix-socket"]).arg(&socket);
    curl.args(["--next", "-s", "-o", "/dev/null", "-w", "%{http_code} %{num_connects}"]);
    curl.arg("http://localhost/readyz").arg("--unix-socket").arg(&socket);
    let told = crate::harness::text(&curl.output().unwrap().stdout);
    assert_eq!(told, "404 200 0", "the second request needs no new connection");
}
