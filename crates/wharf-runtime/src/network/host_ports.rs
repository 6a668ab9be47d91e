//! Which ports the host's own services listen on, where machines elsewhere reach them.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use wharf_model::{
    network::Pools,
    spec::{Port, Protocol},
};

/// States of sockets, as the kernel numbers them: `TCP_LISTEN`, and `TCP_CLOSE` for a UDP socket
/// that speaks to nobody in particular.
const LISTENING: [(&str, Protocol, &str); 4] = [
    ("tcp", Protocol::Tcp, "0A"),
    ("tcp6", Protocol::Tcp, "0A"),
    ("udp", Protocol::Udp, "07"),
    ("udp6", Protocol::Udp, "07"),
];

/// The ports that something listens on at an address that is neither loopback nor of the pools.
pub async fn taken(pools: &Pools) -> io::Result<BTreeSet<Port>> {
    let mut taken = BTreeSet::new();
    for (file, protocol, state) in LISTENING {
        let text = match fs_err::tokio::read_to_string(format!("/proc/net/{file}")).await {
            Ok(text) => text,
            // A kernel without IPv6.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for (address, port) in text.lines().skip(1).filter_map(|line| socket(line, state)) {
            let address = address.to_canonical();
            let is_pools = matches!(address, IpAddr::V4(address) if pools.contains(address));
            if !address.is_loopback() && !is_pools {
                taken.insert(Port { port, protocol });
            }
        }
    }
    Ok(taken)
}

/// The own address and port of a line in that state.
fn socket(line: &str, wanted: &str) -> Option<(IpAddr, u16)> {
    let mut fields = line.split_whitespace().skip(1);
    let (address, port) = fields.next()?.split_once(':')?;
    let state = fields.nth(1)?;
    let port = u16::from_str_radix(port, 16).ok()?;
    (state == wanted).then_some((address_of(address)?, port))
}

/// Words of four bytes, each in the order of the host.
fn address_of(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let word = u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    if hex.len() == 8 {
        return Some(Ipv4Addr::from(word(0)?).into());
    }
    let mut bytes = [0; 16];
    for (at, chunk) in bytes.chunks_exact_mut(4).enumerate() {
        chunk.copy_from_slice(&word(at * 8)?);
    }
    Some(Ipv6Addr::from(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_sockets_are_told_from_connections() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 0 0 0 1";
        let local = (Ipv4Addr::LOCALHOST.into(), 8080);
        assert_eq!(socket(line, "0A"), Some(local));
        assert_eq!(socket(&line.replace(" 0A ", " 01 "), "0A"), None);
        assert_eq!(socket("  sl  local_address rem_address   st", "0A"), None);
        let mapped = address_of("0000000000000000FFFF0000020011AC").unwrap();
        assert_eq!(mapped.to_canonical(), IpAddr::from([172, 17, 0, 2]));
        assert_eq!(address_of(&"0".repeat(32)), Some(Ipv6Addr::UNSPECIFIED.into()));
    }

    #[tokio::test]
    async fn a_listener_on_all_addresses_takes_its_port_and_one_on_loopback_does_not() {
        let pools = "10.191.0.0/24".parse::<ipnet::Ipv4Net>().unwrap().into();
        let all = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
        let udp = std::net::UdpSocket::bind("[::]:0").unwrap();
        let own = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = taken(&pools).await.unwrap();
        let has = |port, protocol| taken.contains(&Port { port, protocol });
        assert!(has(all.local_addr().unwrap().port(), Protocol::Tcp));
        assert!(has(udp.local_addr().unwrap().port(), Protocol::Udp));
        assert!(!has(own.local_addr().unwrap().port(), Protocol::Tcp));
    }
}
