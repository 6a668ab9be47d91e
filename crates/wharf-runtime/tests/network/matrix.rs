//! Who reaches what: every cell of the tables in `docs/networking.md`, with real sockets.

use std::{fmt::Write as _, net::UdpSocket, os::fd::AsFd as _};

use wharf_model::network::{Place, PrivateAddress, RuleProtocol, SecurityRule, default_rules};

use super::*;
use crate::peers::{inside, new_namespace, path, run};

const DECLARED: u16 = 7000;
const UNDECLARED: u16 = 7001;

/// What a try comes to.
fn outcome(result: &std::io::Result<()>) -> &'static str {
    match result {
        Ok(()) => "answers",
        Err(error) => match error.kind() {
            // What the host itself sends is refused before it leaves the socket.
            std::io::ErrorKind::ConnectionRefused | std::io::ErrorKind::PermissionDenied => {
                "closed"
            }
            _ => "unreachable",
        },
    }
}

fn try_tcp(to: SocketAddr) -> std::io::Result<()> {
    let mut connection = TcpStream::connect_timeout(&to, Duration::from_millis(700))?;
    connection.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).map(drop)
}

fn try_udp(to: SocketAddr) -> std::io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_read_timeout(Some(Duration::from_millis(700)))?;
    socket.connect(to)?;
    socket.send(b"hello")?;
    socket.recv(&mut [0; 16]).map(drop)
}

fn try_one(to: Ipv4Addr, port: u16, protocol: Protocol) -> &'static str {
    let to = SocketAddr::from((to, port));
    match protocol {
        Protocol::Tcp => outcome(&try_tcp(to)),
        // The kernel tells one peer of closed ports once a second at most.
        Protocol::Udp => {
            let mut tries = (0..4).map(|_| outcome(&try_udp(to)));
            tries.find(|outcome| *outcome != "unreachable").unwrap_or("unreachable")
        }
    }
}

/// Tries from a namespace, or from the host.
fn probe(from: Option<&OwnedFd>, to: Ipv4Addr, port: u16, protocol: Protocol) -> &'static str {
    match from {
        None => try_one(to, port, protocol),
        Some(namespace) => inside(namespace, move || try_one(to, port, protocol)).join().unwrap(),
    }
}

/// Listens on both ports, TCP and UDP.
fn serve_all(namespace: &OwnedFd) {
    for port in [DECLARED, UNDECLARED] {
        serve(namespace.try_clone().unwrap(), port);
        let socket = inside(namespace, move || UdpSocket::bind(("0.0.0.0", port)).unwrap());
        let socket = socket.join().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 64];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                drop(socket.send_to(&buffer[..length], from));
            }
        });
    }
}

fn both() -> BTreeSet<Port> {
    [Protocol::Tcp, Protocol::Udp].map(|protocol| Port { port: DECLARED, protocol }).into()
}

fn place(network: u16, address: Ipv4Addr) -> PrivateAddress {
    let ranges = vec!["10.191.220.0/24".parse().unwrap()];
    PrivateAddress { address, network, ranges, inbound: None, outbound: None }
}

/// A machine behind a link of this host, which sends everything for the pool here.
fn machine(link: &str, here: &str, there: &str, pool: Ipv4Net) -> OwnedFd {
    let machine = new_namespace();
    let at = path(machine.as_fd());
    run(&format!("ip link add {link} type veth peer name up0 netns {at}"));
    run(&format!("ip address add {here}/30 dev {link}"));
    run(&format!("ip link set {link} up"));
    run(&format!("nsenter --net={at} ip address add {there}/30 dev up0"));
    run(&format!("nsenter --net={at} ip link set up0 up"));
    for range in [pool.to_string(), "10.191.220.0/24".to_owned()] {
        run(&format!("nsenter --net={at} ip route add {range} via {here}"));
    }
    machine
}

struct World {
    config: NetworkConfig,
    network: Network,
    links: [String; 2],
    /// Who tries, by the name in the table.
    peers: Vec<(&'static str, Option<OwnedFd>)>,
    groups: Vec<(GroupId, wharf_runtime::network::Endpoint)>,
}

const PUBLIC: Ipv4Addr = Ipv4Addr::new(10, 191, 20, 2);
const HIDDEN: Ipv4Addr = Ipv4Addr::new(10, 191, 20, 3);
const PRIVATE: Ipv4Addr = Ipv4Addr::new(10, 191, 220, 4);
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(10, 191, 220, 5);

impl World {
    async fn new() -> Self {
        let config = config(20, "10.191.20.0/24");
        let network = Network::start(config.clone()).await.unwrap();
        let pid = std::process::id();
        let links = [format!("la{pid}"), format!("in{pid}")];
        // Nothing for the virtual networks shall ever leave this host.
        run("ip route add unreachable 10.191.220.0/24 metric 4000000");
        let lan = machine(&links[0], "10.191.208.1", "10.191.208.2", config.pools.public);
        let internet = machine(&links[1], "10.191.209.1", "10.191.209.2", config.pools.public);
        let peers = vec![("host", None), ("LAN peer", Some(lan)), ("internet", Some(internet))];
        Self { config, network, links, peers, groups: Vec::new() }
    }

    async fn group(&mut self, number: u32, place: Option<PrivateAddress>) -> OwnedFd {
        let id = GroupId::from_bits(u64::from(number));
        let ip = address(&self.config, number);
        let namespace = self.network.take(&id, ip, place.as_ref()).await.unwrap().network;
        serve_all(&namespace);
        let endpoint = place.as_ref().map_or_else(|| ip.into(), Into::into);
        self.network.set_open_ports(endpoint, both()).await.unwrap();
        self.groups.push((id, endpoint));
        namespace
    }

    fn table(&self, title: &str, to: Ipv4Addr, without: &str) -> String {
        let mut text = format!(
            "| {title} | declared TCP | declared UDP | undeclared TCP | undeclared UDP |\n\
             |---|---|---|---|---|\n"
        );
        for (name, from) in self.peers.iter().filter(|(name, _)| *name != without) {
            let cell = |port, protocol| probe(from.as_ref(), to, port, protocol);
            let cells = [
                cell(DECLARED, Protocol::Tcp),
                cell(DECLARED, Protocol::Udp),
                cell(UNDECLARED, Protocol::Tcp),
                cell(UNDECLARED, Protocol::Udp),
            ];
            writeln!(text, "| {name} | {} |", cells.join(" | ")).unwrap();
        }
        text
    }

    async fn end(self) {
        for (id, endpoint) in &self.groups {
            self.network.release(id, Some(*endpoint)).await.unwrap();
        }
        for link in &self.links {
            run(&format!("ip link delete {link}"));
        }
        run("ip route delete unreachable 10.191.220.0/24 metric 4000000");
        self.network.remove_all().await.unwrap();
        let config = self.config.clone();
        drop(self);
        assert!(is_clean(&config).await, "{}", leftovers(&config));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_reaches_what_the_documents_say() {
    let mut world = World::new().await;
    let _public = world.group(2, None).await;
    let _private = world.group(3, Some(place(1, PRIVATE))).await;
    let neighbour = world.group(4, Some(place(1, NEIGHBOUR))).await;
    // The other network has the very same addresses, but not the one that is asked for.
    let stranger = world.group(5, Some(place(2, NEIGHBOUR))).await;
    let other = world.group(6, None).await;
    for (name, namespace) in [
        ("group of the same VNet", neighbour),
        ("group of another VNet", stranger),
        ("other group", other),
    ] {
        world.peers.push((name, Some(namespace)));
    }
    let tables = [
        world.table("to a public group, from", PUBLIC, ""),
        world.table("to a group in a VNet, from", PRIVATE, ""),
        world.table("to the outbound address of a group in a VNet, from", HIDDEN, ""),
    ];
    let documented = include_str!("../../../../docs/networking.md");
    for table in &tables {
        assert!(documented.contains(table.as_str()), "docs/networking.md should say:\n{table}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn networks_with_the_same_range_do_not_see_one_another() {
    let config = config(21, "10.191.21.0/24");
    let network = Network::start(config.clone()).await.unwrap();
    let mut groups = Vec::new();
    for (number, vnet, last) in [(2, 1, 4), (3, 1, 5), (4, 2, 4), (5, 2, 5)] {
        let place = place(vnet, Ipv4Addr::new(10, 191, 220, last));
        let id = GroupId::from_bits(u64::from(number));
        let namespace =
            network.take(&id, address(&config, number), Some(&place)).await.unwrap().network;
        network.set_open_ports(&place, tcp(80)).await.unwrap();
        groups.push((id, place, namespace));
    }
    // Only one of the two that have the address serves: who reaches it tells which one is meant.
    serve(groups[0].2.try_clone().unwrap(), 80);
    let ask = |from: &OwnedFd| ask_from(from.try_clone().unwrap(), PRIVATE, 80);
    assert_eq!(ask(&groups[1].2).unwrap(), format!("hello {NEIGHBOUR}"));
    assert!(ask(&groups[3].2).is_err(), "the same address in another network");

    // A daemon that starts anew finds open ports and members, and the guards can be changed.
    drop(network);
    let again = Network::start(config.clone()).await.unwrap();
    assert_eq!(again.open_ports(&groups[0].1), tcp(80));
    for (id, place, _) in &groups {
        again.guard(id, Some(place)).await.unwrap();
    }
    assert!(ask(&groups[1].2).is_ok());
    for (id, place, namespace) in groups {
        drop(namespace);
        again.release(&id, Some((&place).into())).await.unwrap();
    }
    let left = leftovers(&config);
    assert!(!left.contains("fwmark"), "the last group takes the network away: {left}");
    again.remove_all().await.unwrap();
    drop(again);
    assert!(is_clean(&config).await, "{}", leftovers(&config));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn security_rules_decide_by_priority_and_change_at_once() {
    let config = config(22, "10.191.22.0/24");
    let network = Network::start(config.clone()).await.unwrap();
    let (server, client) = (GroupId::from_bits(1), GroupId::from_bits(2));
    let (mut guarded, plain) = (place(1, PRIVATE), place(1, NEIGHBOUR));
    let rule = |priority, is_allowed, source: &str, port: u16| SecurityRule {
        priority,
        is_allowed,
        protocol: RuleProtocol::Tcp,
        sources: vec![Place::Range(source.parse().unwrap())],
        destinations: vec![Place::Any],
        source_ports: Vec::new(),
        destination_ports: vec![(port, port)],
    };
    let with_defaults = |rules: Vec<SecurityRule>| {
        Some(rules.into_iter().chain(default_rules(true)).collect::<Vec<_>>())
    };
    guarded.inbound = with_defaults(vec![rule(100, false, "10.191.220.5/32", DECLARED)]);
    let inside_server =
        network.take(&server, address(&config, 2), Some(&guarded)).await.unwrap().network;
    let inside_client =
        network.take(&client, address(&config, 3), Some(&plain)).await.unwrap().network;
    serve_all(&inside_server);
    network.set_open_ports(&guarded, both()).await.unwrap();
    let try_it = |protocol| probe(Some(&inside_client), PRIVATE, DECLARED, protocol);
    assert_eq!(try_it(Protocol::Tcp), "unreachable", "denied");
    assert_eq!(try_it(Protocol::Udp), "answers", "allowed by the default rules");

    guarded.inbound = with_defaults(vec![
        rule(90, true, "10.191.220.0/24", DECLARED),
        rule(100, false, "10.191.220.5/32", DECLARED),
    ]);
    network.guard(&server, Some(&guarded)).await.unwrap();
    assert_eq!(try_it(Protocol::Tcp), "answers", "a lower number comes first");

    let mut outbound = plain.clone();
    outbound.outbound = Some(vec![default_rules(false)[2].clone()]);
    network.guard(&client, Some(&outbound)).await.unwrap();
    assert_eq!(try_it(Protocol::Tcp), "unreachable", "may not go out");

    drop((inside_server, inside_client));
    network.release(&server, Some((&guarded).into())).await.unwrap();
    network.release(&client, Some((&outbound).into())).await.unwrap();
    network.remove_all().await.unwrap();
    drop(network);
    assert!(is_clean(&config).await, "{}", leftovers(&config));
}
