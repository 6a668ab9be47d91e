//! The elements of sets and maps: which ports of whom are open.

use std::collections::{BTreeMap, BTreeSet};

use wharf_model::spec::Protocol;

use super::{super::NetworkConfig, Open};

/// All sets and maps that are kept here.
const SETS: [&str; 4] = ["open", "open6", "open_inside", "published"];

/// Keys, each with its set or map, and with its value in a map.
#[derive(Debug, Default)]
pub(super) struct Elements(BTreeMap<(&'static str, String), String>);

impl Elements {
    /// What is in the table when these ports are open.
    pub(super) fn of(config: &NetworkConfig, open: &Open) -> Self {
        let mut all = BTreeMap::new();
        for (endpoint, ports) in open {
            let address = endpoint.address;
            for port in ports {
                let protocol = match port.protocol {
                    Protocol::Tcp => "tcp",
                    Protocol::Udp => "udp",
                };
                let number = port.port;
                let rest = format!("{address} . {protocol} . {number}");
                if let Some(network) = endpoint.network {
                    let key = format!("{:#x} . {rest}", config.mark(network));
                    all.insert(("open_inside", key), String::new());
                    continue;
                }
                all.insert(("open", rest), String::new());
                if let Some(pool) = config.ipv6 {
                    let key = format!("{} . {protocol} . {number}", pool.of(address));
                    all.insert(("open6", key), String::new());
                }
                if config.publishes_ports {
                    // Two have one port only while the one that gives it up is still going away.
                    let key = ("published", format!("{protocol} . {number}"));
                    all.entry(key).or_insert_with(|| format!(" : {address}"));
                }
            }
        }
        Self(all)
    }

    /// What leads from here to there.
    pub(super) fn difference(&self, next: &Self, table: &str) -> String {
        let mut text = String::new();
        for set in SETS {
            let of = |elements: &Self, others: &Self| -> Vec<(String, String)> {
                let of_set = elements.0.iter().filter(|((own, _), _)| *own == set);
                let differs = of_set.filter(|(key, value)| others.0.get(key) != Some(value));
                differs.map(|((_, key), value)| (key.clone(), value.clone())).collect()
            };
            let gone: BTreeSet<_> = of(self, next).into_iter().map(|(key, _)| key).collect();
            let new: BTreeSet<_> =
                of(next, self).into_iter().map(|(key, value)| key + &value).collect();
            text += &line(table, ("delete", set), gone);
            text += &line(table, ("add", set), new);
        }
        text
    }

    /// A batch that leaves nothing but these, whatever is there.
    pub(super) fn anew(&self, table: &str) -> String {
        let flushes = SETS.map(|set| {
            let kind = if set == "published" { "map" } else { "set" };
            format!("flush {kind} inet {table} {set}\n")
        });
        flushes.concat() + &Self::default().difference(self, table)
    }
}

fn line(table: &str, (verb, set): (&str, &str), elements: BTreeSet<String>) -> String {
    if elements.is_empty() {
        return String::new();
    }
    let elements: Vec<String> = elements.into_iter().collect();
    format!("{verb} element inet {table} {set} {{ {} }}\n", elements.join(", "))
}
