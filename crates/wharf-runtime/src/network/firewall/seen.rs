//! What the kernel has of the table, as `nft` lists it.

use std::collections::BTreeMap;

use serde_json::Value;
use wharf_model::{
    network::PrivateAddress,
    spec::{Port, Protocol},
};

use super::{
    super::{Endpoint, network_of_mark},
    Open,
};

/// What was found.
#[derive(Debug, Default)]
pub(in super::super) struct Seen {
    pub(in super::super) open: Open,
    pub(super) members: BTreeMap<String, Option<PrivateAddress>>,
}

pub(super) fn parse(listing: &Value) -> Seen {
    let mut seen = Seen::default();
    for entry in listing["nftables"].as_array().into_iter().flatten() {
        let elements = |kind: &str, name: &str| {
            let is_it = entry[kind]["name"] == name;
            entry[kind]["elem"].as_array().filter(|_| is_it).into_iter().flatten()
        };
        for element in elements("set", "open") {
            seen.open(None, element["concat"].as_array().map_or(&[][..], Vec::as_slice));
        }
        for element in elements("set", "open_inside") {
            if let Some([mark, rest @ ..]) = element["concat"].as_array().map(Vec::as_slice) {
                let mark = mark.as_u64().and_then(|mark| u32::try_from(mark).ok());
                seen.open(mark.map(network_of_mark), rest);
            }
        }
        for element in elements("map", "networks") {
            if let Some(link) = element[0].as_str() {
                seen.members.insert(link.to_owned(), None);
            }
        }
    }
    seen
}

impl Seen {
    fn open(&mut self, network: Option<u16>, parts: &[Value]) {
        let [address, protocol, number] = parts else { return };
        let address = address.as_str().and_then(|text| text.parse().ok());
        let protocol = match protocol.as_str() {
            Some("tcp") => Some(Protocol::Tcp),
            Some("udp") => Some(Protocol::Udp),
            _ => None,
        };
        let number = number.as_u64().and_then(|number| u16::try_from(number).ok());
        if let (Some(address), Some(protocol), Some(port)) = (address, protocol, number) {
            let open = self.open.entry(Endpoint { network, address }).or_default();
            open.insert(Port { port, protocol });
        }
    }
}
