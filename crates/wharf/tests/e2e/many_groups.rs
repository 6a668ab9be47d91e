//! Many groups at once: each has an address of its own, and neither somebody who clears the firewall
//! nor a new daemon breaks a connection to any of them.

use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::harness::{
    Daemon,
    group::{group, script},
    wait_for,
};

const HELLO: &str = "mcr.microsoft.com/azuredocs/aci-helloworld";

fn connect(ip: &str) -> std::io::Result<TcpStream> {
    let address = format!("{ip}:7").parse().unwrap();
    let connection = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    connection.set_read_timeout(Some(Duration::from_secs(5)))?;
    Ok(connection)
}

fn says_back(connection: &mut TcpStream, word: &str) -> bool {
    let mut answer = vec![0; word.len()];
    connection.write_all(word.as_bytes()).is_ok()
        && connection.read_exact(&mut answer).is_ok()
        && answer == word.as_bytes()
}

/// The daemon's table, as the only one whose name holds the installation's.
fn table(wharf: &Daemon) -> String {
    let output = Command::new("nft").args(["list", "tables"]).output().unwrap();
    let tables = crate::harness::text(&output.stdout);
    let gateway = wharf.pool().replace(".0/24", ".1");
    let is_ours = |table: &&str| {
        let listed = Command::new("nft").args(["list", "table", "inet", table]).output().unwrap();
        crate::harness::text(&listed.stdout).contains(&format!("ip daddr {gateway} "))
    };
    let mut names = tables.lines().filter_map(|line| line.strip_prefix("table inet "));
    names.find(is_ours).unwrap().to_owned()
}

fn all_stay_connected(count: usize) {
    let pool = format!("10.209.{}.0/24", std::process::id() % 256);
    let mut wharf = Daemon::with(&["--address-pool", &pool]);
    let mut echo = script("c", "exec nc -ll -p 7 -e cat");
    echo["properties"]["ports"] = json!([{ "port": 7 }]);
    echo["properties"]["resources"]["requests"] = json!({ "cpu": 0.01, "memoryInGB": 0.1 });
    let address = json!({ "ipAddress": { "type": "Public", "ports": [{ "port": 7 }] } });
    let names: Vec<String> = (0..count).map(|n| format!("g{n}")).collect();
    for name in &names {
        wharf.begin(&group(name, &[echo.clone()], &address));
    }
    let ips: Vec<String> = names.iter().map(|name| wharf.ip(name)).collect();
    assert_eq!(ips.iter().collect::<BTreeSet<_>>().len(), count, "{ips:?}");
    let mut open: Vec<TcpStream> = Vec::new();
    for ip in &ips {
        let is_up = wait_for(Duration::from_secs(30), || connect(ip).is_ok());
        assert!(is_up, "{ip}: {:?}\n{}{}", connect(ip), wharf.ok(&["list"]), wharf.log());
        open.push(connect(ip).unwrap());
    }
    let mut check = |word: &str| {
        let broken = open.iter_mut().filter_map(|open| (!says_back(open, word)).then_some(()));
        assert_eq!(broken.count(), 0, "connections broke: {word}");
    };
    check("begin");

    let table = table(&wharf);
    for harm in [&["delete", "table", "inet", &table][..], &["flush", "ruleset"]] {
        if harm[0] == "flush" && !is_alone() {
            continue;
        }
        assert!(Command::new("nft").args(harm).status().unwrap().success());
        let begin = Instant::now();
        for ip in &ips {
            assert!(wait_for(Duration::from_secs(10), || connect(ip).is_ok()), "{ip} {harm:?}");
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "{harm:?}");
        check("after harm");
    }
    wharf.kill();
    check("without a daemon");
    wharf.up(&[]);
    check("with a new daemon");
    for ip in &ips {
        assert!(connect(ip).is_ok(), "{ip} after the restart");
    }
    drop(open);
    wharf.clear();
}

/// Whether nobody else's rules are in this network namespace.
fn is_alone() -> bool {
    let output = Command::new("nft").args(["list", "tables"]).output().unwrap();
    crate::harness::text(&output.stdout).lines().count() == 1
}

#[test]
fn connections_to_a_dozen_groups_outlive_the_rules_and_the_daemon() {
    all_stay_connected(12);
}

#[test]
#[ignore = "takes a minute; cargo xtask bench network does the same"]
fn connections_to_two_hundred_groups_outlive_the_rules_and_the_daemon() {
    all_stay_connected(200);
}

#[test]
fn ten_thousand_short_connections_all_get_their_answer() {
    let wharf = Daemon::start();
    wharf.ok(&["create", "web", "--image", HELLO, "--ports", "80"]);
    wharf.wait_for_state("web", "Running");
    let ip = wharf.ip("web");
    let address = format!("{ip}:80").parse().unwrap();
    let one = || -> std::io::Result<bool> {
        let mut connection = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        connection.set_read_timeout(Some(Duration::from_secs(5)))?;
        connection.write_all(b"GET /healthz HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"))
    };
    assert!(wait_for(Duration::from_secs(10), || one().unwrap_or(false)));
    let wrong: usize = std::thread::scope(|scope| {
        let client = || (0..2500).filter(|_| !one().unwrap_or(false)).count();
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(client)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    assert_eq!(wrong, 0, "of 10,000");
}
