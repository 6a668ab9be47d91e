//! The network against the real kernel: every test has an installation and a pool of its own, in
//! the host's network namespace, and leaves nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod ipv6;
mod lan;
mod matrix;
mod names;
mod peers;
mod published;
mod repair;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::OwnedFd,
    process::Command,
    time::Duration,
};

use ipnet::Ipv4Net;
use nix::sched::{CloneFlags, setns};
use wharf_model::{
    GroupId, InstanceId,
    spec::{Port, Protocol},
};
use wharf_runtime::network::{Network, NetworkConfig, NetworkError};
use wharf_shim::paths::Layout;

fn config(bits: u64, pool: &str) -> NetworkConfig {
    let instance = InstanceId::from_bits(bits ^ u64::from(std::process::id()) << 7);
    let layout = Layout { data_dir: "/nowhere".into(), run_dir: "/nowhere".into(), instance };
    NetworkConfig {
        layout,
        pools: pool.parse::<Ipv4Net>().unwrap().into(),
        ipv6: None,
        uplink: None,
        publishes_ports: false,
        prepared: 2,
        user_namespaces: true,
    }
}

fn address(config: &NetworkConfig, last: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(config.pools.public.network()) + last)
}

fn tcp(port: u16) -> BTreeSet<Port> {
    BTreeSet::from([Port { port, protocol: Protocol::Tcp }])
}

/// Answers every connection in the namespace with a word, until the process ends.
fn serve(namespace: OwnedFd, port: u16) {
    let (ready, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        setns(&namespace, CloneFlags::CLONE_NEWNET).unwrap();
        drop(namespace);
        let listener = TcpListener::bind(("0.0.0.0", port)).unwrap();
        ready.send(()).unwrap();
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let peer = connection.peer_addr().unwrap().ip();
            if write!(connection, "hello {peer}").is_err() {
                return;
            }
        }
    });
    wait.recv().unwrap();
}

fn ask(address: Ipv4Addr, port: u16) -> std::io::Result<String> {
    let peer = SocketAddr::from((address, port));
    let mut connection = TcpStream::connect_timeout(&peer, Duration::from_secs(5))?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The same from inside another namespace.
fn ask_from(namespace: OwnedFd, address: Ipv4Addr, port: u16) -> std::io::Result<String> {
    std::thread::spawn(move || {
        setns(&namespace, CloneFlags::CLONE_NEWNET).unwrap();
        ask(address, port)
    })
    .join()
    .unwrap()
}

fn leftovers(config: &NetworkConfig) -> String {
    let run = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let mark = format!("fwmark {:#x}", config.mark(0) >> 12);
    let needles = [config.layout.veth_prefix(), config.layout.instance.to_string(), mark];
    let pool = config.pools.public.network().to_string();
    let all = [
        run("ip", &["-o", "link"]),
        run("ip", &["route", "show", "table", "all"]),
        run("ip", &["rule"]),
        run("nft", &["list", "tables"]),
    ]
    .concat();
    all.lines()
        .filter(|line| needles.iter().any(|n| line.contains(n)) || line.contains(&pool))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn declared_ports_answer_and_all_others_look_closed() {
    let config = config(1, "10.191.1.0/24");
    let network = Network::start(config.clone()).await.unwrap();
    let (a, b) = (GroupId::from_bits(11), GroupId::from_bits(12));
    let (ip_a, ip_b) = (address(&config, 2), address(&config, 3));
    let inside_a = network.take(&a, ip_a, None).await.unwrap().network;
    let inside_b = network.take(&b, ip_b, None).await.unwrap().network;
    serve(inside_a.try_clone().unwrap(), 80);
    serve(inside_a, 81);
    network.set_open_ports(ip_a, tcp(80)).await.unwrap();

    let gateway = config.gateway();
    assert_eq!(ask(ip_a, 80).unwrap(), format!("hello {gateway}"));
    let refused = ask(ip_a, 81).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused, "undeclared from the host");
    let from_b = |port| ask_from(inside_b.try_clone().unwrap(), ip_a, port);
    assert_eq!(from_b(80).unwrap(), format!("hello {ip_b}"));
    assert_eq!(from_b(81).unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);

    // The host's own services are not for groups.
    let host = TcpListener::bind(("0.0.0.0", 0)).unwrap();
    let port = host.local_addr().unwrap().port();
    let refused = ask_from(inside_b.try_clone().unwrap(), gateway, port).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    // Nor does an address that no group has leave one waiting.
    assert!(ask(address(&config, 77), 80).is_err());

    // A daemon that starts anew finds the ports open and leaves connections alone.
    drop(network);
    let again = Network::start(config.clone()).await.unwrap();
    assert_eq!(again.open_ports(ip_a), tcp(80));
    assert_eq!(ask(ip_a, 80).unwrap(), format!("hello {gateway}"));

    drop(inside_b);
    for (id, ip) in [(&a, ip_a), (&b, ip_b)] {
        again.release(id, Some(ip.into())).await.unwrap();
        again.release(id, Some(ip.into())).await.unwrap();
    }
    again.remove_all().await.unwrap();
    drop(again);
    assert!(is_clean(&config).await, "{}", leftovers(&config));
}

/// Unclaimed pairs vanish with their namespace, a moment after the last descriptor.
async fn is_clean(config: &NetworkConfig) -> bool {
    for _ in 0..200 {
        if leftovers(config).is_empty() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test]
async fn a_flushed_table_is_repaired_by_the_next_change() {
    let config = config(2, "10.191.2.0/24");
    let network = Network::start(config.clone()).await.unwrap();
    let ip = address(&config, 2);
    network.set_open_ports(ip, tcp(80)).await.unwrap();
    let set = ["flush", "set", "inet", &config.layout.nft_table(), "open"];
    assert!(Command::new("nft").args(set).status().unwrap().success());
    network.set_open_ports(ip, tcp(443)).await.unwrap();
    let found = network.inventory().await.unwrap();
    assert_eq!(found.open.get(&ip.into()), Some(&tcp(443)));

    // Somebody deletes all rules: the next change of one address brings back those of the others.
    let all = ["delete", "table", "inet", &config.layout.nft_table()];
    assert!(Command::new("nft").args(all).status().unwrap().success());
    assert!(!network.inventory().await.unwrap().has_table);
    let other = address(&config, 3);
    network.set_open_ports(other, tcp(80)).await.unwrap();
    let both = BTreeMap::from([(ip.into(), tcp(443)), (other.into(), tcp(80))]);
    assert_eq!(network.inventory().await.unwrap().open, both);

    // A rebuild leaves what it was told, and nothing else.
    let told = BTreeMap::from([(ip.into(), tcp(8080))]);
    assert!(Command::new("nft").args(all).status().unwrap().success());
    network.rebuild(told.clone()).await.unwrap();
    assert_eq!(network.inventory().await.unwrap().open, told);
    assert!(network.open_ports(other).is_empty());
    network.remove_all().await.unwrap();
    drop(network);
    assert!(is_clean(&config).await, "{}", leftovers(&config));
}

#[tokio::test]
async fn what_an_interrupted_removal_left_does_not_hinder_a_start() {
    let mut config = config(6, "10.191.6.0/24");
    let network = Network::start(config.clone()).await.unwrap();
    let link = ["link", "delete", &config.layout.gateway_link()];
    assert!(Command::new("ip").args(link).status().unwrap().success());
    // Nor does a pool that is written with bits of a host.
    config.pools = "10.191.6.9/24".parse::<Ipv4Net>().unwrap().into();
    drop(network);
    let again = Network::start(config.clone()).await.unwrap();
    assert!(again.inventory().await.unwrap().has_gateway);
    drop(Network::start(config.clone()).await.unwrap());
    again.remove_all().await.unwrap();
    drop(again);
    assert!(is_clean(&config).await, "{}", leftovers(&config));
}

#[tokio::test]
async fn a_change_that_nobody_waited_for_is_undone_by_release() {
    let config = config(9, "10.191.9.0/24");
    let network = Network::start(config.clone()).await.unwrap();
    let ip = address(&config, 2);
    let mut opening = Box::pin(network.set_open_ports(ip, tcp(80)));
    assert!(futures::poll!(&mut opening).is_pending());
    drop(opening);
    network.release(&GroupId::from_bits(1), Some(ip.into())).await.unwrap();
    assert!(network.inventory().await.unwrap().open.is_empty());
    network.remove_all().await.unwrap();
    drop(network);
    assert!(is_clean(&config).await, "{}", leftovers(&config));
}

#[tokio::test]
async fn a_pool_that_the_host_uses_is_refused() {
    let first = config(3, "10.191.3.0/24");
    let network = Network::start(first.clone()).await.unwrap();
    let mut second = config(4, "10.191.3.128/25");
    match Network::start(second.clone()).await {
        Err(NetworkError::Overlap { route, .. }) => assert!(route.starts_with("10.191.3.")),
        other => panic!("{other:?}"),
    }
    second.pools.public = Ipv4Net::new(Ipv4Addr::new(10, 191, 4, 0), 30).unwrap();
    assert!(matches!(Network::start(second).await, Err(NetworkError::TooSmall { .. })));
    network.remove_all().await.unwrap();
    drop(network);
    assert!(is_clean(&first).await, "{}", leftovers(&first));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_networks_come_and_go() {
    let config = config(5, "10.191.5.0/24");
    let network = Network::start(config.clone()).await.unwrap();
    for n in 0..100_u32 {
        let (id, ip) = (GroupId::from_bits(u64::from(n)), address(&config, 2 + n % 200));
        drop(network.take(&id, ip, None).await.unwrap().network);
        // Taken twice is taken anew.
        let namespace = network.take(&id, ip, None).await.unwrap().network;
        network.release(&id, Some(ip.into())).await.unwrap();
        drop(namespace);
    }
    assert!(network.inventory().await.unwrap().links.is_empty());
    network.remove_all().await.unwrap();
    drop(network);
    assert!(is_clean(&config).await, "{}", leftovers(&config));
}
