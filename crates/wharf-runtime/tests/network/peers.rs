//! Groups and the world around them: another host, a liar, a daemon that is killed.

use std::{
    net::UdpSocket,
    os::fd::{AsRawFd as _, BorrowedFd},
    time::Instant,
};

use nix::sched::unshare;

use super::*;

pub(super) fn path(namespace: BorrowedFd<'_>) -> String {
    format!("/proc/{}/fd/{}", std::process::id(), namespace.as_raw_fd())
}

pub(super) fn run(line: &str) {
    let mut words = line.split(' ');
    let status = Command::new(words.next().unwrap()).args(words).status().unwrap();
    assert!(status.success(), "{line}");
}

pub(super) fn inside<T: Send + 'static>(
    namespace: &OwnedFd,
    work: impl FnOnce() -> T + Send + 'static,
) -> std::thread::JoinHandle<T> {
    let namespace = namespace.try_clone().unwrap();
    std::thread::spawn(move || {
        setns(&namespace, CloneFlags::CLONE_NEWNET).unwrap();
        drop(namespace);
        work()
    })
}

pub(super) fn udp(namespace: &OwnedFd, local: (Ipv4Addr, u16)) -> UdpSocket {
    let socket = inside(namespace, move || UdpSocket::bind(local)).join().unwrap().unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}

pub(super) fn new_namespace() -> OwnedFd {
    let make = || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        std::fs::File::open("/proc/thread-self/ns/net").unwrap().into()
    };
    std::thread::spawn(make).join().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_host_reaches_declared_ports_and_sees_only_this_host() {
    let config = config(7, "10.191.7.0/24");
    let network = Network::start(config.clone()).await.unwrap();
    let (id, ip) = (GroupId::from_bits(71), address(&config, 2));
    let group = network.take(&id, ip, None).await.unwrap().network;
    serve(group.try_clone().unwrap(), 80);
    serve(group.try_clone().unwrap(), 81);
    network.set_open_ports(ip, tcp(80)).await.unwrap();

    let lan = new_namespace();
    let (link, there) = (format!("t7{}", std::process::id()), path(std::os::fd::AsFd::as_fd(&lan)));
    run(&format!("ip link add {link} type veth peer name lan0 netns {there}"));
    run(&format!("ip address add 10.191.207.1/30 dev {link}"));
    run(&format!("ip link set {link} up"));
    run(&format!("nsenter --net={there} ip address add 10.191.207.2/30 dev lan0"));
    run(&format!("nsenter --net={there} ip link set lan0 up"));
    run(&format!("nsenter --net={there} ip route add 10.191.7.0/24 via 10.191.207.1"));
    serve(lan.try_clone().unwrap(), 90);

    let out = ask_from(group.try_clone().unwrap(), Ipv4Addr::new(10, 191, 207, 2), 90);
    assert_eq!(out.unwrap(), "hello 10.191.207.1", "masqueraded");
    assert_eq!(ask_from(lan.try_clone().unwrap(), ip, 80).unwrap(), "hello 10.191.207.2");
    let refused = ask_from(lan.try_clone().unwrap(), ip, 81).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);

    run(&format!("ip link delete {link}"));
    network.release(&id, Some(ip.into())).await.unwrap();
    network.remove_all().await.unwrap();
    drop((network, group));
    assert!(is_clean(&config).await, "{}", leftovers(&config));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn datagrams_pass_where_declared_and_never_under_a_false_address() {
    let config = config(8, "10.191.8.0/24");
    let network = Network::start(config.clone()).await.unwrap();
    let (a, b) = (GroupId::from_bits(81), GroupId::from_bits(82));
    let (ip_a, ip_b, false_ip) = (address(&config, 2), address(&config, 3), address(&config, 4));
    let (group_a, group_b) = (
        network.take(&a, ip_a, None).await.unwrap().network,
        network.take(&b, ip_b, None).await.unwrap().network,
    );
    let open = BTreeSet::from([Port { port: 53, protocol: Protocol::Udp }]);
    network.set_open_ports(ip_a, open).await.unwrap();
    let server = udp(&group_a, (ip_a, 53));
    let there = path(std::os::fd::AsFd::as_fd(&group_b));
    run(&format!("nsenter --net={there} ip address add {false_ip}/32 dev lo"));
    let (liar, honest) = (udp(&group_b, (false_ip, 0)), udp(&group_b, (ip_b, 0)));
    liar.send_to(b"lie", (ip_a, 53)).unwrap();
    honest.send_to(b"truth", (ip_a, 53)).unwrap();
    let mut buffer = [0; 16];
    let (length, from) = server.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..length], from.ip()), (&b"truth"[..], ip_b.into()));
    server.send_to(b"answer", from).unwrap();
    assert_eq!(honest.recv(&mut buffer).unwrap(), 6);

    let closed = udp(&group_b, (ip_b, 0));
    closed.connect((ip_a, 54)).unwrap();
    closed.send(b"x").unwrap();
    let refused = closed.recv(&mut buffer).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);

    for (id, ip) in [(&a, ip_a), (&b, ip_b)] {
        network.release(id, Some(ip.into())).await.unwrap();
    }
    network.remove_all().await.unwrap();
    drop((network, server, liar, honest, closed, group_a, group_b));
    assert!(is_clean(&config).await, "{}", leftovers(&config));
}

const POOL_OF_KILLED: &str = "WHARF_TEST_KILLED_INSTANCE";

#[tokio::test]
#[ignore = "is the process that the next test kills"]
async fn killed() {
    let Ok(bits) = std::env::var(POOL_OF_KILLED) else { return };
    let mut config = config(0, "10.191.10.0/24");
    config.layout.instance = InstanceId::from_bits(bits.parse().unwrap());
    let network = Network::start(config.clone()).await.unwrap();
    let _taken =
        network.take(&GroupId::from_bits(1), address(&config, 2), None).await.unwrap().network;
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn the_kill_of_a_daemon_leaves_no_pair_that_nobody_holds() {
    let mut config = config(10, "10.191.10.0/24");
    // A small number would make a name that is found in those of others.
    let bits = 0x9_e377 ^ u64::from(std::process::id());
    config.layout.instance = InstanceId::from_bits(bits);
    let mut daemon = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "peers::killed"])
        .env(POOL_OF_KILLED, bits.to_string())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let pairs = || leftovers(&config).matches(&config.layout.veth_prefix()).count();
    wait_until(|| pairs() >= 3).await;
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    wait_until(|| pairs() == 0).await;
    let network = Network::start(config.clone()).await.unwrap();
    network.remove_all().await.unwrap();
    drop(network);
    assert!(is_clean(&config).await, "{}", leftovers(&config));
}

async fn wait_until(is_so: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < limit, "waited in vain");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints times, checks nothing"]
async fn measure() {
    let mut config = config(11, "10.191.11.0/24");
    config.prepared = 8;
    let network = Network::start(config.clone()).await.unwrap();
    let mut times: [Vec<Duration>; 4] = Default::default();
    for round in 0..20 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        for n in 0..10_u32 {
            let (id, ip) = (GroupId::from_bits(u64::from(n)), address(&config, 2 + n));
            let mut start = Instant::now();
            let mut lap = || std::mem::replace(&mut start, Instant::now()).elapsed();
            let group = network.take(&id, ip, None).await.unwrap().network;
            times[usize::from(n >= 8)].push(lap());
            network.set_open_ports(ip, tcp(1000 + round)).await.unwrap();
            times[2].push(lap());
            drop(group);
            network.release(&id, Some(ip.into())).await.unwrap();
            times[3].push(lap());
        }
    }
    for (name, mut times) in ["take 1-8", "take 9-10", "open", "release"].iter().zip(times) {
        times.sort();
        let (middle, tail) = (times[times.len() / 2], times[times.len() * 95 / 100]);
        eprintln!("{name}: p50 {middle:?}, p95 {tail:?}");
    }
    network.remove_all().await.unwrap();
}
