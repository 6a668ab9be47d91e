//! Hostile input, bounded: published bodies with anything wrong in them, and anything at all.

mod targets;

use proptest::prelude::*;
use serde_json::{Value, json};

use targets::SECRET;

/// A body with most of what a body can have; secrets are where secrets belong.
fn full_body() -> Value {
    json!({
        "location": "local",
        "tags": { "team": "blue" },
        "zones": ["1"],
        "identity": { "type": "SystemAssigned" },
        "properties": {
            "osType": "Linux",
            "restartPolicy": "OnFailure",
            "sku": "Standard",
            "containers": [{ "name": "one", "properties": {
                "image": "nginx",
                "command": ["sh", "-c", "true"],
                "ports": [{ "port": 80, "protocol": "TCP" }],
                "environmentVariables": [
                    { "name": "A", "value": "1" },
                    { "name": "B", "secureValue": SECRET },
                ],
                "resources": {
                    "requests": { "cpu": 1.0, "memoryInGB": 1.5 },
                    "limits": { "cpu": 1.0, "memoryInGB": 1.5 },
                },
                "volumeMounts": [{ "name": "scratch", "mountPath": "/mnt", "readOnly": true }],
                "livenessProbe": {
                    "exec": { "command": ["true"] },
                    "periodSeconds": 5,
                },
                "readinessProbe": {
                    "httpGet": { "path": "/", "port": 80, "scheme": "http" },
                    "initialDelaySeconds": 1,
                },
                "securityContext": { "runAsUser": 1000, "capabilities": { "drop": ["ALL"] } },
            } }],
            "initContainers": [{ "name": "zero", "properties": {
                "image": "nginx",
                "environmentVariables": [{ "name": "C", "secureValue": SECRET }],
            } }],
            "ipAddress": {
                "type": "Public",
                "dnsNameLabel": "a-label",
                "ports": [{ "port": 80, "protocol": "TCP" }],
            },
            "imageRegistryCredentials": [
                { "server": "registry.example", "username": "u", "password": SECRET },
            ],
            "volumes": [
                { "name": "scratch", "emptyDir": {} },
                { "name": "keys", "secret": { "key": SECRET } },
                { "name": "share", "azureFile": {
                    "shareName": "s", "storageAccountName": "a", "storageAccountKey": SECRET,
                } },
                { "name": "code", "gitRepo": { "repository": "https://example.com/a.git" } },
            ],
            "dnsConfig": { "nameServers": ["10.0.0.1"], "searchDomains": "a b", "options": "ndots:2" },
            "diagnostics": { "logAnalytics": { "workspaceId": "w", "workspaceKey": SECRET } },
        },
    })
}

/// What is put in the place of something else.
fn odd_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
        prop::sample::select(vec![
            "", "0", "-1", "80", "1e400", "NaN", "../..", "/", "\u{0}", "😀"
        ])
        .prop_map(Value::from),
        Just(Value::from("x".repeat(70_000))),
        prop::sample::select(vec![0.0, -0.0, 1e308, 5e-324, 0.1 + 0.2]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-zA-Z]{0,12}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// One change of a document: at some place, something odd, nothing, or the same twice.
#[derive(Clone, Debug)]
enum Change {
    Replace(Value),
    Remove,
    Repeat,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => odd_value().prop_map(Change::Replace),
        1 => Just(Change::Remove),
        1 => Just(Change::Repeat),
    ]
}

/// How many places there are in a document.
fn places(value: &Value) -> usize {
    1 + match value {
        Value::Object(map) => map.values().map(places).sum::<usize>(),
        Value::Array(items) => items.iter().map(places).sum(),
        _ => 0,
    }
}

/// Changes the place of a number; counts down on the way.
fn apply(value: &mut Value, place: &mut usize, change: &Change) {
    if *place == 0 {
        match change {
            Change::Replace(odd) => *value = odd.clone(),
            Change::Remove => *value = Value::Null,
            Change::Repeat => *value = json!([value.clone(), value.clone()]),
        }
        *place = usize::MAX;
        return;
    }
    *place -= 1;
    let inner: Vec<&mut Value> = match value {
        Value::Object(map) => map.values_mut().collect(),
        Value::Array(items) => items.iter_mut().collect(),
        _ => Vec::new(),
    };
    for one in inner {
        apply(one, place, change);
        if *place == usize::MAX {
            return;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_body_with_anything_wrong_in_it_is_taken_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), change()), 0..4),
    ) {
        let mut body = full_body();
        for (place, change) in &changes {
            let mut place = place.index(places(&body));
            apply(&mut body, &mut place, change);
        }
        targets::group_value(&body);
    }

    #[test]
    fn bytes_that_are_no_document_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        targets::group_body(&bytes);
    }

    #[test]
    fn any_expression_is_evaluated_or_refused(
        text in "((concat|range|createArray|length|split|json|format|substring|copyIndex|reference|listKeys|variables|resourceId|uniqueString|if|equals|\\PC)(\\(|\\)|,|'[a-z{}0-9]{0,4}'|-?[0-9]{1,4}|\\.|\\[|\\])?){0,24}"
    ) {
        targets::template(text.as_bytes());
    }

    #[test]
    fn canonical_paths_are_canonical(
        text in "(/(subscriptions|RESOURCEGROUPS|containergroups|providers|start|logs|a|[a-z%.]{0,6})?){0,12}"
    ) {
        targets::path(&text);
    }

    #[test]
    fn any_path_can_be_asked_for(text in "\\PC{0,80}") {
        targets::path(&text);
    }

    #[test]
    fn any_version_can_be_asked_for(text in "(20[0-9]{2}-[0-9]{2}-[0-9]{2}(-preview)?|\\PC{0,20})") {
        targets::api_version(&text);
    }
}
