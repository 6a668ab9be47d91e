//! Which address a group has: one that is asked for, one of the right pool, or a clear refusal.

use serde_json::{Value, json};

use crate::harness::{
    Daemon,
    group::{group, script},
    wait_for,
};

/// A group that serves its name at port 80.
fn web(name: &str, ip: &str) -> Value {
    let mut container =
        script("c", "mkdir /w; hostname > /w/index.html; exec httpd -f -p 80 -h /w");
    container["properties"]["ports"] = json!([{ "port": 80 }]);
    let mut address = json!({ "type": "Public", "ports": [{ "port": 80 }] });
    if !ip.is_empty() {
        address["ip"] = json!(ip);
    }
    group(name, &[container], &json!({ "ipAddress": address }))
}

/// The nth address of a pool.
fn nth(pool: &str, n: u8) -> String {
    let (start, last) = pool.split('/').next().unwrap().rsplit_once('.').unwrap();
    format!("{start}.{}", last.parse::<u8>().unwrap() + n)
}

fn answers(ip: &str) -> bool {
    wait_for(std::time::Duration::from_secs(10), || {
        let mut curl = std::process::Command::new("curl");
        curl.args(["-sf", "--max-time", "2", "-o", "/dev/null", &format!("http://{ip}/")]);
        curl.status().unwrap().success()
    })
}

#[test]
fn an_address_that_is_asked_for_is_given_and_kept() {
    let wharf = Daemon::start();
    let wanted = nth(&wharf.pool(), 9);
    wharf.create(&web("one", &wanted));
    assert_eq!(wharf.ip("one"), wanted);
    assert!(answers(&wanted));
    let taken = wharf.refused(&web("two", &wanted));
    assert!(taken.contains("PublicIPAddressInUse") && taken.contains(&wanted), "{taken}");
    for wrong in [nth(&wharf.pool(), 1), "192.0.2.1".to_owned()] {
        let outside = wharf.refused(&web("two", &wrong));
        assert!(outside.contains("PublicIPAddressNotInPool"), "{outside}");
    }
    assert!(wharf.refused(&web("two", "everywhere")).contains("ipAddress.ip"));
    // What a client has read it can write; a group does not move.
    wharf.create(&web("one", ""));
    wharf.create(&web("one", &wanted));
    assert_eq!(wharf.ip("one"), wanted);
    let moved = wharf.refused(&web("one", &nth(&wharf.pool(), 10)));
    assert!(moved.contains("InvalidContainerGroupUpdate") && moved.contains(&wanted), "{moved}");
    wharf.ok(&["delete", "one", "--yes"]);
    wharf.create(&web("two", &wanted));
    assert_eq!(wharf.ip("two"), wanted);
    wharf.clear();
}

#[test]
fn public_and_other_groups_can_have_pools_of_their_own_and_a_full_one_is_told() {
    let third = std::process::id() % 256;
    let (public, private) = (format!("10.206.{third}.0/31"), format!("10.208.{third}.0/29"));
    let args = ["--address-pool", &public, "--private-pool", &private];
    let wharf = Daemon::with(&args);
    for name in ["one", "two"] {
        wharf.create(&web(name, ""));
    }
    assert_eq!(wharf.ip("one"), nth(&public, 0));
    assert_eq!(wharf.ip("two"), nth(&public, 1));
    assert!(answers(&nth(&public, 0)) && answers(&nth(&public, 1)));
    let full = wharf.refused(&web("three", ""));
    assert!(full.contains("NoAddressAvailable") && full.contains(&public), "{full}");
    // One without a public address is no less able to reach others.
    let fetch = format!("wget -qO- http://{}/", nth(&public, 0));
    let mut client = group("client", &[script("c", &fetch)], &json!({ "restartPolicy": "Never" }));
    assert_eq!(wharf.output(&client), "one\n");
    client["properties"]["ipAddress"] = web("client", "")["properties"]["ipAddress"].clone();
    client["properties"]["containers"][0]["properties"]["ports"] = json!([{ "port": 80 }]);
    let late = wharf.refused(&client);
    assert!(late.contains("InvalidContainerGroupUpdate") && late.contains("10.208."), "{late}");
    wharf.clear();
}

#[test]
fn a_group_has_an_ipv6_address_where_that_is_wanted() {
    let range = format!("fd00:a2:{:x}::/64", std::process::id() % 0xffff);
    let wharf = Daemon::with(&["--ipv6-pool", &range]);
    let mut document = web("one", "");
    document["properties"]["ipAddress"]["dnsNameLabel"] = json!("web-one");
    wharf.create(&document);
    let at = format!("[{}{}]", range.trim_end_matches("/64"), wharf.ip("one"));
    assert!(answers(&at), "{at}");
    // By its name in another group as well, whose resolver asks for both.
    let name = "web-one.local.azurecontainer.wharf.internal";
    let lookup = format!("nslookup -type=aaaa {name} | grep -c fd00:a2:");
    let client = group("client", &[script("c", &lookup)], &json!({ "restartPolicy": "Never" }));
    assert_eq!(wharf.output(&client), "1\n");
    wharf.clear();
}
