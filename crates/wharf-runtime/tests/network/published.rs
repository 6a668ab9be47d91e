//! Ports of groups at the host's own address: how machines of a LAN reach groups of a host that has
//! no other address to give.

use std::os::fd::AsFd as _;

use super::*;
use crate::peers::{new_namespace, path, run};

const HOST: Ipv4Addr = Ipv4Addr::new(10, 191, 230, 1);

/// A machine at the other end of a link of this host's; it knows of no other address.
fn machine(link: &str) -> OwnedFd {
    let machine = new_namespace();
    let there = path(machine.as_fd());
    run(&format!("ip link add {link} type veth peer name eth0 netns {there}"));
    run(&format!("ip address add {HOST}/24 dev {link}"));
    run(&format!("ip link set {link} up"));
    run(&format!("nsenter --net={there} ip address add 10.191.230.2/24 dev eth0"));
    run(&format!("nsenter --net={there} ip link set eth0 up"));
    machine
}

/// Who answers is told by its greeting, who asked by the address in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_ports_are_at_the_hosts_address_and_go_when_they_close() {
    let link = format!("pu{}", std::process::id());
    let lan = machine(&link);
    let from_lan = |address, port| ask_from(lan.try_clone().unwrap(), address, port);
    let mut config = config(30, "10.191.30.0/24");
    config.publishes_ports = true;
    let network = Network::start(config.clone()).await.unwrap();
    let (web, other) = (GroupId::from_bits(1), GroupId::from_bits(2));
    let (ip, ip_other) = (address(&config, 2), address(&config, 3));
    let inside = network.take(&web, ip, None).await.unwrap().network;
    serve(inside.try_clone().unwrap(), 80);
    let inside_other = network.take(&other, ip_other, None).await.unwrap().network;
    assert!(from_lan(HOST, 80).is_err(), "the container is not ready");
    network.set_open_ports(ip, tcp(80)).await.unwrap();
    assert_eq!(from_lan(HOST, 80).unwrap(), "hello 10.191.230.2");
    assert_eq!(ask(HOST, 80).unwrap(), format!("hello {HOST}"), "from the host itself");
    let from_other = ask_from(inside_other.try_clone().unwrap(), HOST, 80);
    assert_eq!(from_other.unwrap(), format!("hello {ip_other}"));
    assert!(from_lan(HOST, 81).is_err());
    assert!(ask(Ipv4Addr::LOCALHOST, 80).is_err(), "loopback stays what it was");

    // Whoever takes the map away, or starts the daemon anew, changes nothing.
    let flush = format!("flush map inet {} published", config.layout.nft_table());
    run(&format!("nft {flush}"));
    let is_back = async {
        while from_lan(HOST, 80).is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), is_back).await.unwrap();
    drop(network);
    let network = Network::start(config.clone()).await.unwrap();
    assert_eq!(from_lan(HOST, 80).unwrap(), "hello 10.191.230.2");

    // The next owner of a port may come before the last has gone.
    serve(inside_other.try_clone().unwrap(), 80);
    network.set_open_ports(ip_other, tcp(80)).await.unwrap();
    network.release(&web, Some(ip.into())).await.unwrap();
    assert_eq!(from_lan(HOST, 80).unwrap(), "hello 10.191.230.2");
    network.set_open_ports(ip_other, BTreeSet::new()).await.unwrap();
    assert!(from_lan(HOST, 80).is_err());

    drop((inside, inside_other));
    network.release(&other, Some(ip_other.into())).await.unwrap();
    network.remove_all().await.unwrap();
    run(&format!("ip link delete {link}"));
    drop(network);
    assert!(is_clean(&config).await, "{}", leftovers(&config));
}
