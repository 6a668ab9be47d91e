//! What comes back of what was sent (semantics.md §22).

use serde_json::{Value, json};
use wharf_arm::{ApiVersion, container_group};
use wharf_model::spec::DnsLabelScope;

use crate::{echo, key, parse, with};

const C: &str = "/properties/containers/0/properties";

#[test]
fn names_values_and_numbers_are_read_loosely_and_told_back_strictly() {
    let loose = json!({
        "LOCATION": "West US",
        "additional_properties": {},
        "id": "/subscriptions/s/whatever",
        "systemData": { "createdBy": "me" },
        "Properties": {
            "ostype": "linux",
            "RestartPolicy": "onfailure",
            "provisioningState": "Succeeded",
            "instanceView": { "events": [], "state": "Running" },
            "Containers": [{
                "NAME": "c",
                "properties": {
                    "Image": "nginx",
                    "additional_properties": {},
                    "ports": [{ "port": "80", "protocol": "udp" }],
                    "instanceView": { "restartCount": 3 },
                    "resources": { "requests": { "CPU": "1.0", "memoryInGb": "1.5" } },
                },
            }],
            "ipAddress": {
                "type": "public", "ip": "1.2.3.4", "fqdn": "x.y", "ports": [{ "port": "80", "protocol": "UDP" }],
            },
        },
    });
    let proposal = parse(&loose).unwrap();
    assert_eq!((proposal.location.as_str(), proposal.tags.as_str()), ("westus", "null"));
    let document: Value = serde_json::from_str(&proposal.document).unwrap();
    assert_eq!(
        document.to_string(),
        json!({ "properties": {
            "sku": "Standard",
            "containers": [{ "name": "c", "properties": {
                "image": "nginx",
                "ports": [{ "protocol": "UDP", "port": 80 }],
                "environmentVariables": [],
                "resources": { "requests": { "memoryInGB": 1.5, "cpu": 1.0 } },
            } }],
            "initContainers": [],
            "restartPolicy": "OnFailure",
            "ipAddress": { "ports": [{ "protocol": "UDP", "port": 80 }], "type": "Public" },
            "osType": "Linux",
        } })
        .to_string()
    );
}

#[test]
fn no_secret_comes_back() {
    let secret = "hunter2";
    let document = echo(&with(&[
        (
            &format!("{C}/environmentVariables"),
            json!([{ "name": "A", "secureValue": secret }, { "name": "B", "value": null }]),
        ),
        (
            "/properties/imageRegistryCredentials",
            json!([{ "server": "x.io:5000", "username": "u", "password": secret }]),
        ),
        (
            "/properties/diagnostics",
            json!({ "logAnalytics": {
                "workspaceId": "w", "workspaceKey": secret, "workspaceResourceId": secret,
                "logType": "containerinsights", "metadata": { "a": 1 }, "other": secret,
            }, "other": secret }),
        ),
        (
            "/properties/extensions",
            json!([{ "name": "e", "properties": {
                "extensionType": "t", "version": "1", "settings": { "a": 1 },
                "protectedSettings": { "k": secret }, "other": secret,
            } }]),
        ),
        (
            "/properties/encryptionProperties",
            json!({ "vaultBaseUrl": "v", "keyName": "k", "keyVersion": "1", "other": secret }),
        ),
    ]));
    assert!(!document.to_string().contains(secret), "{document:#}");
    let properties = &document["properties"];
    let variables = &properties["containers"][0]["properties"]["environmentVariables"];
    assert_eq!(*variables, json!([{ "name": "A" }, { "name": "B" }]));
    let credential =
        json!({ "server": "x.io:5000", "username": "u", "isDelegatedIdentity": false });
    assert_eq!(properties["imageRegistryCredentials"], json!([credential]));
    let workspace =
        json!({ "workspaceId": "w", "logType": "ContainerInsights", "metadata": { "a": "1" } });
    assert_eq!(properties["diagnostics"], json!({ "logAnalytics": workspace }));
    assert_eq!(
        properties["extensions"][0]["properties"],
        json!({ "extensionType": "t", "version": "1", "settings": { "a": 1 } })
    );
}

#[test]
fn an_identity_that_pulls_is_told_back_as_it_was_written() {
    let id = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ManagedIdentity/\
              userAssignedIdentities/Mine";
    let credential = |more: Value| {
        let mut credential = json!({ "server": "x.io", "identity": id.to_lowercase() });
        for (name, value) in more.as_object().unwrap() {
            credential[name] = value.clone();
        }
        let properties = echo(&with(&[
            ("/properties/imageRegistryCredentials", json!([credential])),
            ("/identity", json!({ "type": "UserAssigned", "userAssignedIdentities": { id: {} } })),
        ]));
        properties["properties"]["imageRegistryCredentials"][0].clone()
    };
    let told =
        json!({ "server": "x.io", "identity": id.to_lowercase(), "isDelegatedIdentity": false });
    assert_eq!(credential(json!({})), told);
    assert_eq!(credential(json!({ "username": null, "password": null, "identityUrl": "" })), told);
    let url = json!({ "identityUrl": "https://x.io/id" });
    assert_eq!(credential(url.clone())["identityUrl"], url["identityUrl"]);
}

#[test]
fn what_was_not_sent_is_not_told_but_for_the_defaults() {
    let document = echo(&with(&[]));
    let container = document["properties"]["containers"][0]["properties"].as_object().unwrap();
    let names: Vec<&String> = container.keys().collect();
    assert_eq!(names, ["image", "ports", "environmentVariables", "resources"]);
    assert_eq!(document["properties"]["restartPolicy"], "Always");
    let limits = json!({ "requests": { "cpu": 1, "memoryInGB": 1 }, "limits": { "cpu": 1 } });
    let document =
        echo(&with(&[(&format!("{C}/resources"), limits), (&format!("{C}/command"), json!([]))]));
    let container = &document["properties"]["containers"][0]["properties"];
    assert_eq!(container["resources"]["limits"], json!({ "cpu": 1.0 }));
    assert_eq!(container["command"], json!([]));
}

#[test]
fn the_extensions_of_wharf_are_accepted() {
    let ports: Vec<Value> = (8000..8010)
        .flat_map(|port| {
            ["TCP", "UDP"].map(|protocol| json!({ "port": port, "protocol": protocol }))
        })
        .collect();
    let address = json!({ "type": "Public", "ports": ports });
    let many = [(&*format!("{C}/ports"), json!(ports)), ("/properties/ipAddress", address)];
    assert_eq!(parse(&with(&many)).unwrap().spec.ip_address.unwrap().ports.len(), 20);
}

#[test]
fn a_version_neither_reads_nor_shows_what_came_later() {
    let later = with(&[
        ("/zones", json!(["1"])),
        ("/properties/subnetIds", json!([{ "id": "/x" }])),
        ("/properties/priority", json!("Spot")),
        ("/properties/initContainers", json!("nonsense")),
    ]);
    let old = ApiVersion::parse(Some("2018-10-01")).unwrap();
    let proposal = container_group::parse(&later, &key(), old).unwrap();
    assert!(proposal.spec.init_containers.is_empty());
    assert!(!proposal.document.contains("zones") && !proposal.document.contains("priority"));
    assert_eq!(parse(&later).unwrap_err().code, "InvalidRequestContent");
}

#[test]
fn a_label_scope_reaches_the_specification() {
    let ports = json!([{ "port": 80 }]);
    let address = json!({
        "type": "Public", "ports": ports, "dnsNameLabel": "hello",
        "autoGeneratedDomainNameLabelScope": "tenantreuse",
    });
    let proposal = parse(&with(&[("/properties/ipAddress", address)])).unwrap();
    let mut address = proposal.spec.ip_address.unwrap();
    assert_eq!(address.dns_label_scope, DnsLabelScope::TenantReuse);
    assert_eq!(address.dns_name("westus").unwrap(), "hello.westus");
    address.dns_label_hash = Some("abc".to_owned());
    assert_eq!(address.dns_name("westus").unwrap(), "hello.abc.westus");
    assert!(proposal.document.contains(r#""autoGeneratedDomainNameLabelScope":"TenantReuse""#));
}
