//! The groups of the published quickstart templates (azure-quickstart-templates, MIT), with their
//! parameters filled in. Images that cannot be had here are replaced, and programs that only those
//! have; everything else is as published.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Daemon, group::TOOLS, wait_for};

/// The group of a template.
fn group(template: &str, parameters: &[(&str, Value)]) -> Value {
    let mut document: Value = serde_json::from_str(template).unwrap();
    let given = |name: &str| {
        parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    };
    let defaults = document["parameters"].take();
    let value = |name: &str| given(name).unwrap_or_else(|| defaults[name]["defaultValue"].clone());
    let mut group = document["resources"][0].take();
    fill(&mut group, &value);
    group["location"] = json!("local");
    group
}

/// Replaces the expressions that these templates have: `[parameters('x')]`, also in `base64()`.
fn fill(value: &mut Value, parameter: &impl Fn(&str) -> Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, parameter)),
        Value::Object(members) => members.values_mut().for_each(|m| fill(m, parameter)),
        Value::String(text) if text.starts_with('[') => {
            let name = text.split('\'').nth(1).unwrap();
            let filled = parameter(name);
            *value = if text.starts_with("[base64") { json!("cGFzc3dvcmQ=") } else { filled };
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_secret_volume_template_gives_the_container_its_certificate() {
    let wharf = Daemon::start();
    let mut group = group(
        include_str!("../fixtures/quickstarts/aci-linuxcontainer-volume-secret/azuredeploy.json"),
        &[
            ("name", json!("secrets")),
            ("imageName", json!(TOOLS)),
            ("sslCertificateData", json!("Y2VydGlmaWNhdGU=")),
            ("sslCertificatePwd", json!("password")),
        ],
    );
    // Whether names resolve is shown elsewhere.
    group["properties"]["ipAddress"].as_object_mut().unwrap().remove("dnsNameLabel");
    let text = "cd /mnt/secrets; ls; cat sslcertificateData sslcertificatePwd; echo; sleep 1000";
    group["properties"]["containers"][0]["properties"]["command"] = json!(["sh", "-c", text]);
    wharf.create(&group);
    let expected = "sslcertificateData\nsslcertificatePwd\ncertificatepassword\n";
    let told = wait_for(Duration::from_secs(20), || wharf.ok(&["logs", "secrets"]) == expected);
    assert!(told, "{}", wharf.ok(&["logs", "secrets"]));
    let shown = wharf.show("secrets");
    assert_eq!(shown["properties"]["volumes"], json!([{ "name": "volume1", "secret": {} }]));
}

#[test]
fn the_empty_dir_template_shows_one_containers_log_to_the_other() {
    let wharf = Daemon::start();
    let mut group = group(
        include_str!("../fixtures/quickstarts/aci-linuxcontainer-volume-emptydir/azuredeploy.json"),
        &[
            ("containergroupname", json!("logs")),
            ("containername1", json!("web")),
            ("containername2", json!("reader")),
            ("volumename", json!("shared")),
            ("image", json!(TOOLS)),
            ("cpuCores", json!("0.1")),
            ("memoryInGb", json!("0.1")),
        ],
    );
    let containers = &mut group["properties"]["containers"];
    containers[0]["properties"]["image"] = json!(TOOLS);
    let text = "echo GET / >> /var/log/nginx/access.log; sleep 1000";
    containers[0]["properties"]["command"] = json!(["sh", "-c", text]);
    containers[1]["properties"]["command"][0] = json!("bin/sh");
    wharf.create(&group);
    let told = wait_for(Duration::from_secs(30), || {
        wharf.ok(&["logs", "logs", "--container", "reader"]).starts_with("GET /\n")
    });
    assert!(told, "{}", wharf.ok(&["logs", "logs", "--container", "reader"]));
}

#[test]
fn the_secure_variable_template_hides_the_value_from_all_but_the_container() {
    let wharf = Daemon::start();
    let mut group = group(
        include_str!(
            "../fixtures/quickstarts/aci-linuxcontainer-secure-environmentvariables/azuredeploy.json"
        ),
        &[
            ("containergroupname", json!("secure")),
            ("containername", json!("app")),
            ("image", json!(TOOLS)),
            ("cpuCores", json!("0.1")),
            ("memoryInGb", json!("0.1")),
            ("secureVariable", json!("s3cr3t-value")),
        ],
    );
    let command = json!(["sh", "-c", "echo $SECRET; sleep 1000"]);
    group["properties"]["containers"][0]["properties"]["command"] = command;
    wharf.create(&group);
    let told =
        wait_for(Duration::from_secs(20), || wharf.ok(&["logs", "secure"]) == "s3cr3t-value\n");
    assert!(told, "{}", wharf.ok(&["logs", "secure"]));
    let shown = wharf.show("secure");
    assert_eq!(
        shown["properties"]["containers"][0]["properties"]["environmentVariables"],
        json!([{ "name": "SECRET" }])
    );
    for (name, bytes) in [("d/state.db", "state"), ("d/state.db-wal", "log"), ("log", "own log")] {
        let found = std::fs::read(wharf.dir().join(name)).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&found).contains("s3cr3t-value"), "{bytes}");
    }
}
