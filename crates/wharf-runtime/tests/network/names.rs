//! The name server as groups see it: over UDP and TCP, for their own names and those of others.

use std::{net::UdpSocket, sync::Arc};

use hickory_proto::{
    op::{Message, Query, ResponseCode},
    rr::{Name, RData, RecordType},
};
use wharf_runtime::network::dns::{Found, Names};

use super::*;
use crate::peers::inside;

const UPSTREAM: Ipv4Addr = Ipv4Addr::new(127, 91, 23, 53);
const WEB: Ipv4Addr = Ipv4Addr::new(10, 191, 23, 9);

fn query(name: &str) -> Message {
    let mut query = Message::query();
    query.metadata.recursion_desired = true;
    let name = name.parse::<Name>().unwrap();
    query.add_query(Query::query(name, RecordType::A));
    query
}

fn ask_udp(server: Ipv4Addr, query: &Message) -> std::io::Result<Message> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    socket.connect((server, 53))?;
    socket.send(&query.to_vec().unwrap())?;
    let mut buffer = [0; 1500];
    let length = socket.recv(&mut buffer)?;
    Ok(Message::from_vec(&buffer[..length]).unwrap())
}

fn ask_tcp(server: Ipv4Addr, query: &Message) -> std::io::Result<Message> {
    let bytes = query.to_vec().unwrap();
    let mut stream = TcpStream::connect((server, 53))?;
    stream.write_all(&u16::try_from(bytes.len()).unwrap().to_be_bytes())?;
    stream.write_all(&bytes)?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer)?;
    Ok(Message::from_vec(&answer).unwrap())
}

/// A server that refuses everything, so that its answers are told from ours.
fn upstream() {
    let socket = UdpSocket::bind((UPSTREAM, 53)).unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let query = Message::from_vec(&buffer[..length]).unwrap();
            let mut answer = Message::error_msg(
                query.metadata.id,
                query.metadata.op_code,
                ResponseCode::YXDomain,
            );
            answer.queries = query.queries;
            socket.send_to(&answer.to_vec().unwrap(), from).unwrap();
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_resolve_names_of_groups_and_all_others_through_the_hosts_servers() {
    let config = config(23, "10.191.23.0/24");
    let network = Network::start(config.clone()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let resolv_conf = camino::Utf8PathBuf::try_from(dir.path().join("resolv.conf")).unwrap();
    // The first server is nobody's: the next one is asked.
    std::fs::write(&resolv_conf, format!("nameserver 127.91.23.54\nnameserver {UPSTREAM}\n"))
        .unwrap();
    let lookup = |_, name: &str| {
        Ok(if name == "web.here" { Found::Address(WEB, None) } else { Found::Nothing })
    };
    let suffix = "test.internal".to_owned();
    network.serve_names(Names { suffix, lookup: Arc::new(lookup), resolv_conf }).await.unwrap();
    upstream();
    let (id, ip, server) = (GroupId::from_bits(1), address(&config, 2), config.gateway());
    let group = network.take(&id, ip, None).await.unwrap().network;

    let ways: [fn(Ipv4Addr, &Message) -> std::io::Result<Message>; 2] = [ask_udp, ask_tcp];
    for ask in ways {
        let answer = inside(&group, move || ask(server, &query("web.here.test.internal.")));
        let answer = answer.join().unwrap().unwrap();
        assert_eq!(answer.answers[0].data, RData::A(hickory_proto::rr::rdata::A(WEB)));
        let none = inside(&group, move || ask(server, &query("no.here.test.internal.")));
        let code = none.join().unwrap().unwrap().metadata.response_code;
        assert_eq!(code, ResponseCode::NXDomain);
    }
    let other = inside(&group, move || ask_udp(server, &query("example.com."))).join().unwrap();
    assert_eq!(other.unwrap().metadata.response_code, ResponseCode::YXDomain, "the host's server");
    // The host asks as well.
    let answer = ask_udp(server, &query("web.here.test.internal.")).unwrap();
    assert_eq!(answer.answers.len(), 1);

    drop(group);
    network.release(&id, Some(ip.into())).await.unwrap();
    network.remove_all().await.unwrap();
    drop(network);
    assert!(is_clean(&config).await, "{}", leftovers(&config));
}
