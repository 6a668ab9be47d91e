//! Container group profiles, and groups made from them.

use serde_json::{Value, json};

use crate::{
    arm::{clear, get, home, send},
    harness::Daemon,
};

const VERSION: &str = "api-version=2025-09-01";

fn body(command: &str) -> String {
    json!({
        "location": "westus",
        "properties": {
            "osType": "Linux",
            "restartPolicy": "Never",
            "containers": [{ "name": "job", "properties": {
                "image": "mcr.microsoft.com/azuredocs/aci-wordcount",
                "command": ["sh", "-c", command],
                "environmentVariables": [{ "name": "S", "secureValue": "planted-secret" }],
                "resources": { "requests": { "cpu": 0.1, "memoryInGB": 0.1 } },
            }}],
        },
    })
    .to_string()
}

#[test]
fn profiles_have_revisions_and_groups_are_made_from_them() {
    let wharf = Daemon::start();
    let home = home(&wharf);
    let service = format!("{home}/providers/Microsoft.ContainerInstance");
    let id = format!("{service}/containerGroupProfiles/plan");
    let put = |body: &str| send(&wharf, "PUT", &format!("{id}?{VERSION}"), Some(body));
    let revision = |answer: &Value| answer["properties"]["revision"].as_u64().unwrap();
    let one = "echo one $S; cat /mnt/configmap/greeting";
    let first = put(&body(one));
    assert_eq!((first.status, revision(&first.body)), (201, 1), "{}", first.body);
    let same = put(&body(one));
    assert_eq!((same.status, revision(&same.body)), (200, 1));
    let second = put(&body("echo two $S"));
    assert_eq!((second.status, revision(&second.body)), (200, 2));
    assert_eq!(second.body["properties"]["registeredRevisions"], json!([1, 2]));
    let all = get(&wharf, &format!("{id}/revisions?{VERSION}"));
    assert_eq!(all["value"].as_array().unwrap().len(), 2);
    assert!(!all.to_string().contains("planted-secret"));
    let old = get(&wharf, &format!("{id}/revisions/1?{VERSION}"));
    assert_eq!(old["properties"]["containers"][0]["properties"]["command"][2], one);
    let tags = r#"{"tags": {"a": "b"}}"#;
    let patched = send(&wharf, "PATCH", &format!("{id}?{VERSION}"), Some(tags));
    assert_eq!((revision(&patched.body), &patched.body["tags"]["a"]), (2, &json!("b")));
    let list = get(&wharf, &format!("{service}/containerGroupProfiles?{VERSION}"));
    assert_eq!(list["value"][0]["name"], "plan");

    let group = |name: &str, profile: Value| {
        let map = json!({ "keyValuePairs": { "greeting": "hello\n" } });
        let body = json!({ "location": "westus", "tags": {}, "properties": {
            "containerGroupProfile": profile,
            "containers": [{ "name": name, "properties": { "configMap": map } }],
        }});
        let path = format!("{service}/containerGroups/{name}?{VERSION}");
        send(&wharf, "PUT", &path, Some(&body.to_string()))
    };
    let made = group("made", json!({ "id": id, "revision": 1 }));
    assert_eq!(made.status, 201, "{}", made.body);
    let reference = &made.body["properties"]["containerGroupProfile"];
    assert_eq!(reference["revision"], 1);
    let logs = format!("{service}/containerGroups/made/containers/job/logs?{VERSION}");
    let said = crate::harness::wait_for(std::time::Duration::from_secs(30), || {
        send(&wharf, "GET", &logs, None).body["content"] == "one planted-secret\nhello\n"
    });
    assert!(said, "{}", send(&wharf, "GET", &logs, None).body);
    assert_eq!(
        group("late", json!({ "id": id, "revision": 7 })).code(),
        "ContainerGroupProfileRevisionNotFound"
    );
    let nowhere = group("lost", json!({ "id": format!("{id}x"), "revision": 1 }));
    assert_eq!((nowhere.status, nowhere.code()), (404, "ResourceNotFound"));

    assert_eq!(send(&wharf, "DELETE", &format!("{id}?{VERSION}"), None).status, 200);
    assert_eq!(send(&wharf, "DELETE", &format!("{id}?{VERSION}"), None).status, 204);
    assert_eq!(send(&wharf, "GET", &format!("{id}?{VERSION}"), None).status, 404);
    clear(&wharf, &home);
}

#[test]
fn what_a_profile_cannot_be_is_refused() {
    let wharf = Daemon::start();
    let home = home(&wharf);
    let service = format!("{home}/providers/Microsoft.ContainerInstance");
    let at = |name: &str, version: &str| {
        let path = format!("{service}/containerGroupProfiles/{name}?api-version={version}");
        send(&wharf, "PUT", &path, Some(&body("true")))
    };
    assert_eq!(at("plan", "2023-05-01").code(), "InvalidResourceType");
    assert_eq!(at("-plan", "2025-09-01").code(), "InvalidContainerGroupProfileName");
    let pool = json!({ "location": "westus", "properties": {
        "standbyPoolProfile": { "id": "/subscriptions/x" },
        "osType": "Linux", "containers": [] } });
    let path = format!("{service}/containerGroups/pooled?{VERSION}");
    let refused = send(&wharf, "PUT", &path, Some(&pool.to_string()));
    assert_eq!(refused.status, 400);
    assert!(refused.body.to_string().contains("standbyPoolProfile"), "{}", refused.body);
    clear(&wharf, &home);
}
