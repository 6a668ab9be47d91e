//! What a program finds around it: variables, names, resolver, time (semantics.md §10, §12.4).

use serde_json::json;

use crate::harness::{
    Daemon,
    group::{group, script, with},
};

#[test]
fn variables_names_resolver_and_time_are_as_on_azure() {
    let wharf = Daemon::start();
    let text = "echo $PLAIN/$SECURE/$EMPTY/; echo $Fabric_CodePackageName; echo $Fabric_ServiceName; \
                echo $Fabric_ApplicationName; echo $Fabric_ServiceDnsName; hostname; cat \
                /etc/resolv.conf; grep -c localhost /etc/hosts; grep -w g /etc/hosts | wc -l; \
                date +%Z; ls -d /mnt/configmap 2>/dev/null || echo none; echo 127.0.0.1 friend >> /etc/hosts";
    let more = json!({
        "environmentVariables": [
            { "name": "PLAIN", "value": "a b" },
            { "name": "SECURE", "secureValue": "c" },
            { "name": "EMPTY", "value": null },
        ],
        "configMap": { "keyValuePairs": { "key": "value" } },
    });
    let rest = json!({
        "restartPolicy": "Never",
        "dnsConfig": {
            "nameServers": ["10.9.9.9"], "searchDomains": "a.test b.test", "options": "ndots:2",
        },
    });
    let log = wharf.output(&group("g", &[with(script("app", text), &more)], &rest));
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines[..3], ["a b/c//", "app", "service"], "{log}");
    let application = lines[3].strip_prefix("caas-").unwrap();
    assert!(application.len() == 32 && application.chars().all(|c| c.is_ascii_hexdigit()));
    assert_eq!(lines[4], format!("service.{}", lines[3]));
    assert_eq!(lines[5..7], ["g", "nameserver 10.9.9.9"], "{log}");
    // Wharf's own server comes last, as Azure's does there.
    assert!(lines[7].starts_with("nameserver 10."), "{log}");
    assert_eq!(lines[8..10], ["search a.test b.test", "options ndots:2"], "{log}");
    assert_eq!(lines[10..13], ["2", "1", "UTC"], "{log}");
    assert_eq!(*lines.last().unwrap(), "none", "key-value pairs are ignored: {log}");
    let shown = wharf.show("g")["properties"]["containers"][0]["properties"].clone();
    assert_eq!(
        shown["environmentVariables"],
        json!([{ "name": "PLAIN", "value": "a b" }, { "name": "SECURE" }, { "name": "EMPTY" }])
    );
    assert_eq!(shown["configMap"], json!({ "keyValuePairs": { "key": "value" } }));
}
