//! The published examples that have a body.

use serde_json::{Value, json};

use crate::{
    accepted::Found,
    bodies,
    harness::{Daemon, schema},
};

/// Sends them; tells what is refused or answered with another status.
pub(crate) fn send(wharf: &Daemon, subscription: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/aci/examples");
    let mut files: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut sent = 0;
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let example: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let Some((method, path, body)) = request(&example, subscription) else { continue };
        sent += 1;
        let home = path.split("/providers/").next().unwrap();
        let group = json!({ "location": "westus" });
        wharf.arm("PUT", &format!("{home}?api-version=2021-04-01"), Some(&group));
        let (answer, _) = match method {
            "PUT" => bodies::put(wharf, &name, &path, body, &mut found),
            _ => (wharf.arm(method, &path, Some(&body)), Vec::new()),
        };
        let expected = example["responses"].as_object().unwrap().keys();
        let is_expected = expected.clone().any(|status| *status == answer.status.to_string());
        if !is_expected {
            let what = format!("status {} {}", answer.status, answer.code());
            found.push(Found { place: name, what });
        }
    }
    assert!(sent >= 5, "the examples are there");
    found
}

/// The request of an example with a body: its method, path and body.
fn request(example: &Value, subscription: &str) -> Option<(&'static str, String, Value)> {
    let parameters = example["parameters"].as_object()?;
    let of = |name: &str| parameters.get(name).and_then(Value::as_str);
    let bodies: [(&str, &str, &str); 4] = [
        ("containerGroup", "PUT", "/containerGroups/{containerGroupName}"),
        ("containerGroupProfile", "PUT", "/containerGroupProfiles/{containerGroupProfileName}"),
        ("nGroup", "PUT", "/ngroups/{ngroupsName}"),
        (
            "containerExecRequest",
            "POST",
            "/containerGroups/{containerGroupName}/containers/{containerName}/exec",
        ),
    ];
    let body = |name: &str| parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    let (name, method, tail) = bodies.into_iter().find(|(name, _, _)| body(name).is_some())?;
    let template = format!(
        "/subscriptions/{subscription}/resourceGroups/{{resourceGroupName}}/providers/\
         Microsoft.ContainerInstance{tail}"
    );
    let known = schema::operations();
    assert!(
        known
            .iter()
            .any(|(_, m, path)| m == method && path.to_lowercase().ends_with(&tail.to_lowercase()))
    );
    let path: Vec<&str> = template
        .split('/')
        .map(|part| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(parameter) => of(parameter).unwrap_or("missing"),
            None => part,
        })
        .collect();
    let mut body = body(name)?.1.clone();
    bodies::localise(&mut body);
    Some((method, format!("{}?api-version=2025-09-01", path.join("/")), body))
}
