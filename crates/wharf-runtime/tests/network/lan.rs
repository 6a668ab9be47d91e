//! The pool as a part of a real LAN: machines there reach groups without knowing of this host.

use std::os::fd::AsFd as _;

use super::*;
use crate::peers::{new_namespace, path, run};

/// A LAN of this host and two machines, none of which has a route to anything but the LAN.
struct Lan {
    uplink: String,
    _switch: OwnedFd,
    machines: [OwnedFd; 2],
}

impl Lan {
    fn new() -> Self {
        let uplink = format!("up{}", std::process::id());
        let (switch, machines) = (new_namespace(), [new_namespace(), new_namespace()]);
        let at = path(switch.as_fd());
        let inside = |line: &str| run(&format!("nsenter --net={at} {line}"));
        inside("ip link add sw type bridge");
        inside("ip link set sw up");
        run(&format!("ip link add {uplink} type veth peer name p0 netns {at}"));
        run(&format!("ip address add 10.191.26.1/24 dev {uplink}"));
        run(&format!("ip link set {uplink} up"));
        for (n, machine) in machines.iter().enumerate() {
            let there = path(machine.as_fd());
            inside(&format!("ip link add p{} type veth peer name eth0 netns {there}", n + 1));
            let last = 10 + n;
            run(&format!("nsenter --net={there} ip address add 10.191.26.{last}/24 dev eth0"));
            run(&format!("nsenter --net={there} ip link set eth0 up"));
        }
        for n in 0..3 {
            inside(&format!("ip link set p{n} master sw"));
            inside(&format!("ip link set p{n} up"));
        }
        Self { uplink, _switch: switch, machines }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machines_of_the_lan_reach_groups_at_addresses_of_the_lan() {
    let lan = Lan::new();
    let mut config = config(26, "10.191.26.64/26");
    assert!(matches!(Network::start(config.clone()).await, Err(NetworkError::Overlap { .. })));
    config.uplink = Some("nowhere0".to_owned());
    assert!(matches!(Network::start(config.clone()).await, Err(NetworkError::NoUplink { .. })));
    config.uplink = Some(lan.uplink.clone());
    let network = Network::start(config.clone()).await.unwrap();
    let (id, ip) = (GroupId::from_bits(1), address(&config, 2));
    let group = network.take(&id, ip, None).await.unwrap().network;
    serve(group.try_clone().unwrap(), 80);
    serve(group.try_clone().unwrap(), 81);
    network.set_open_ports(ip, tcp(80)).await.unwrap();

    for (n, machine) in lan.machines.iter().enumerate() {
        let ask = |address, port| ask_from(machine.try_clone().unwrap(), address, port);
        assert_eq!(ask(ip, 80).unwrap(), format!("hello 10.191.26.{}", 10 + n));
        let refused = ask(ip, 81).unwrap_err().kind();
        assert_eq!(refused, std::io::ErrorKind::ConnectionRefused);
        assert!(ask(address(&config, 3), 80).is_err(), "nobody answers for a free address");
    }
    // A second group, and the other way round: the LAN sees this host.
    serve(lan.machines[0].try_clone().unwrap(), 90);
    let out = ask_from(group.try_clone().unwrap(), Ipv4Addr::new(10, 191, 26, 10), 90);
    assert_eq!(out.unwrap(), "hello 10.191.26.1");

    drop(group);
    network.release(&id, Some(ip.into())).await.unwrap();
    network.remove_all().await.unwrap();
    let proxy = format!("/proc/sys/net/ipv4/conf/{}/proxy_arp", lan.uplink);
    assert_eq!(std::fs::read_to_string(proxy).unwrap().trim(), "0");
    run(&format!("ip link delete {}", lan.uplink));
    drop(network);
    assert!(is_clean(&config).await, "{}", leftovers(&config));
}
