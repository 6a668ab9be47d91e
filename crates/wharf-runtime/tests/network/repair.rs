//! Somebody else changes the firewall, or the daemon is started anew, while connections are open.

use std::os::fd::AsFd as _;

use super::*;
use crate::peers::{inside, path};

/// Says back every line of every connection.
fn echo(namespace: &OwnedFd, port: u16) {
    let listener = inside(namespace, move || TcpListener::bind(("0.0.0.0", port)).unwrap());
    let listener = listener.join().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            std::thread::spawn(move || {
                let mut reader = connection.try_clone().unwrap();
                std::io::copy(&mut reader, &mut connection)
            });
        }
    });
}

fn says_back(connection: &mut TcpStream, word: &str) -> bool {
    let mut answer = vec![0; word.len()];
    connection.write_all(word.as_bytes()).unwrap();
    connection.read_exact(&mut answer).is_ok() && answer == word.as_bytes()
}

fn nft(words: &[&str]) -> String {
    let output = Command::new("nft").args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}");
    String::from_utf8(output.stdout).unwrap()
}

async fn becomes(text: impl Fn() -> String, wanted: &str) -> bool {
    for _ in 0..500 {
        if text() == wanted {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_flushes_is_put_back_and_no_connection_breaks() {
    let config = config(24, "10.191.24.0/24");
    let network = Network::start(config.clone()).await.unwrap();
    let (id, ip) = (GroupId::from_bits(1), address(&config, 2));
    let group = network.take(&id, ip, None).await.unwrap().network;
    echo(&group, 80);
    network.set_open_ports(ip, tcp(80)).await.unwrap();
    let mut connection = TcpStream::connect((ip, 80)).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert!(says_back(&mut connection, "before"));

    let table = config.layout.nft_table();
    let list = || {
        let output = Command::new("nft").args(["-s", "list", "table", "inet", &table]).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let whole = list();
    for harm in [
        &["delete", "table", "inet", &table][..],
        &["flush", "table", "inet", &table],
        &["flush", "chain", "inet", &table, "to_group"],
        &["flush", "set", "inet", &table, "open"],
    ] {
        nft(harm);
        assert!(becomes(&list, &whole).await, "{harm:?} left\n{}", list());
        assert!(says_back(&mut connection, "after"), "{harm:?}");
        assert!(TcpStream::connect((ip, 80)).is_ok(), "{harm:?}");
    }
    // A change of our own is none to be repaired.
    network.set_open_ports(ip, tcp(81)).await.unwrap();
    assert!(says_back(&mut connection, "closed for new ones only"));
    network.set_open_ports(ip, tcp(80)).await.unwrap();

    drop(network);
    let again = Network::start(config.clone()).await.unwrap();
    assert!(says_back(&mut connection, "and over a restart"));
    assert_eq!(list(), whole);
    drop((group, connection));
    again.release(&id, Some(ip.into())).await.unwrap();
    again.remove_all().await.unwrap();
    drop(again);
    assert!(is_clean(&config).await, "{}", leftovers(&config));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_groups_have_an_address_each() {
    let config = config(25, "10.191.25.0/24");
    let network = Network::start(config.clone()).await.unwrap();
    let mut groups = Vec::new();
    for n in 2..202_u32 {
        let (id, ip) = (GroupId::from_bits(u64::from(n)), address(&config, n));
        groups.push((id.clone(), ip, network.take(&id, ip, None).await.unwrap().network));
        network.set_open_ports(ip, tcp(80)).await.unwrap();
    }
    for (_, ip, namespace) in [&groups[0], &groups[99], &groups[199]] {
        serve(namespace.try_clone().unwrap(), 80);
        assert!(ask(*ip, 80).is_ok());
        let there = path(namespace.as_fd());
        let shown = Command::new("nsenter")
            .arg(format!("--net={there}"))
            .args(["ip", "-4", "-o", "address"])
            .output()
            .unwrap();
        assert!(String::from_utf8(shown.stdout).unwrap().contains(&ip.to_string()));
    }
    nft(&["delete", "table", "inet", &config.layout.nft_table()]);
    let count = || nft_count(&config);
    assert!(becomes(count, "200").await, "{}", nft_count(&config));
    let all = groups.iter().map(|(id, ip, _)| network.release(id, Some((*ip).into())));
    futures::future::try_join_all(all).await.unwrap();
    drop(groups);
    network.remove_all().await.unwrap();
    drop(network);
    assert!(is_clean(&config).await, "{}", leftovers(&config));
}

fn nft_count(config: &NetworkConfig) -> String {
    let table = config.layout.nft_table();
    let output =
        Command::new("nft").args(["list", "set", "inet", &table, "open"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().matches(". tcp . 80").count().to_string()
}
