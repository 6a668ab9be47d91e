//! The second stack: what groups are reached at, and how they reach others, over IPv6.

use std::{net::Ipv6Addr, os::fd::AsFd as _};

use wharf_model::network::{Ipv6Pool, PrivateAddress};

use super::*;
use crate::peers::{inside, new_namespace, path, run};

const HOST: &str = "fd00:a1:ff::1";
const PEER: &str = "fd00:a1:ff::2";

/// Answers every connection with who asks.
fn serve6(namespace: &OwnedFd, port: u16) {
    let bound = inside(namespace, move || TcpListener::bind(("::", port)).unwrap());
    let listener = bound.join().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let peer = connection.peer_addr().unwrap().ip();
            drop(write!(connection, "hello {peer}"));
        }
    });
}

fn ask6(from: Option<&OwnedFd>, to: Ipv6Addr, port: u16) -> std::io::Result<String> {
    let ask = move || {
        let peer = SocketAddr::from((to, port));
        let mut connection = TcpStream::connect_timeout(&peer, Duration::from_secs(3))?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    };
    match from {
        Some(namespace) => inside(namespace, ask).join().unwrap(),
        None => ask(),
    }
}

/// A machine that sends packets for groups to this host.
fn machine(link: &str, pool: Ipv6Pool) -> OwnedFd {
    let machine = new_namespace();
    let there = path(machine.as_fd());
    run(&format!("ip link add {link} type veth peer name eth0 netns {there}"));
    run(&format!("ip address add {HOST}/64 dev {link} nodad"));
    run(&format!("ip link set {link} up"));
    let in_there = |line: &str| run(&format!("nsenter --net={there} ip {line}"));
    in_there(&format!("address add {PEER}/64 dev eth0 nodad"));
    in_there("link set eth0 up");
    in_there(&format!("-6 route add {} via {HOST}", pool.range()));
    machine
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_have_a_second_address_under_the_same_rules() {
    let pool = Ipv6Pool::new("fd00:a1:32::/64".parse().unwrap()).unwrap();
    let mut config = config(32, "10.191.32.0/24");
    config.ipv6 = Some(pool);
    let network = Network::start(config.clone()).await.unwrap();
    let link = format!("v6{}", std::process::id());
    let peer = machine(&link, pool);
    serve6(&peer, 90);

    let (web, other, hidden) =
        (GroupId::from_bits(1), GroupId::from_bits(2), GroupId::from_bits(3));
    let (ip, ip_other, ip_hidden) = (address(&config, 2), address(&config, 3), address(&config, 4));
    let inside_web = network.take(&web, ip, None).await.unwrap().network;
    let inside_other = network.take(&other, ip_other, None).await.unwrap().network;
    let place = PrivateAddress {
        address: Ipv4Addr::new(10, 191, 232, 4),
        network: 1,
        ranges: vec!["10.191.232.0/24".parse().unwrap()],
        inbound: None,
        outbound: None,
    };
    let inside_hidden = network.take(&hidden, ip_hidden, Some(&place)).await.unwrap().network;
    for port in [80, 81] {
        serve6(&inside_web, port);
    }
    network.set_open_ports(ip, tcp(80)).await.unwrap();
    let at = pool.of(ip);
    let own = pool.of(ip_other);
    for (name, from, seen) in [
        ("host", None, pool.of(config.gateway()).to_string()),
        ("peer", Some(&peer), PEER.to_owned()),
        ("other group", Some(&inside_other), own.to_string()),
    ] {
        assert_eq!(ask6(from, at, 80).unwrap(), format!("hello {seen}"), "{name}");
        let refused = ask6(from, at, 81).unwrap_err().kind();
        assert_eq!(refused, std::io::ErrorKind::ConnectionRefused, "{name}");
        assert!(ask6(from, pool.of(address(&config, 9)), 80).is_err(), "{name}: nobody's address");
    }
    // The host's services are not for groups, the world is, from the host's address.
    serve6(&own_namespace(), 99);
    assert!(ask6(Some(&inside_other), pool.of(config.gateway()), 99).is_err());
    assert!(ask6(Some(&inside_other), HOST.parse().unwrap(), 99).is_err());
    let out = ask6(Some(&inside_other), PEER.parse().unwrap(), 90);
    assert_eq!(out.unwrap(), format!("hello {HOST}"));
    // Nothing leads around the guards of a virtual network.
    assert!(ask6(Some(&inside_hidden), at, 80).is_err());
    assert!(ask6(Some(&inside_hidden), PEER.parse().unwrap(), 90).is_err());

    run(&format!("nft flush ruleset inet {}", config.layout.nft_table())
        .replace("ruleset", "table"));
    drop(network);
    let network = Network::start(config.clone()).await.unwrap();
    assert!(ask6(None, at, 80).is_ok(), "after a flush and a new daemon");
    assert!(ask6(None, at, 81).is_err());

    drop((inside_web, inside_other, inside_hidden));
    network.release(&web, Some(ip.into())).await.unwrap();
    network.release(&other, Some(ip_other.into())).await.unwrap();
    network.release(&hidden, Some((&place).into())).await.unwrap();
    network.remove_all().await.unwrap();
    run(&format!("ip link delete {link}"));
    drop(network);
    assert!(is_clean(&config).await, "{}", leftovers(&config));
    let routes = Command::new("ip").args(["-6", "route"]).output().unwrap();
    assert!(!String::from_utf8(routes.stdout).unwrap().contains("fd00:a1:32:"));
}

fn own_namespace() -> OwnedFd {
    std::fs::File::open("/proc/self/ns/net").unwrap().into()
}
