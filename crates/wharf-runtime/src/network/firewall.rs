//! What passes to and from groups: one nftables table, with one set of open ports.
//!
//! A group's ports are elements of the set, so a change is one small atomic batch whatever the
//! number of groups; changes that arrive while `nft` runs go together in its next run.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tokio::{
    io::AsyncWriteExt as _,
    process::Command,
    sync::{mpsc, oneshot},
};
use wharf_model::spec::{Port, Protocol};

use super::{NetworkConfig, NetworkError};

type Open = BTreeMap<Ipv4Addr, BTreeSet<Port>>;

/// What is to be open: of one address, or altogether after making the table anew.
enum Wish {
    Address(Ipv4Addr, BTreeSet<Port>),
    All(Open),
}

struct Change {
    wish: Wish,
    done: oneshot::Sender<Result<(), NetworkError>>,
}

/// The table of this installation.
#[derive(Clone, Debug)]
pub(super) struct Firewall {
    table: String,
    rules: Arc<str>,
    open: Arc<Mutex<Open>>,
    changes: mpsc::UnboundedSender<Change>,
}

impl Firewall {
    /// Makes or renews the rules; open ports that are there stay open.
    pub(super) async fn start(config: &NetworkConfig) -> Result<Self, NetworkError> {
        let table = config.layout.nft_table();
        let rules: Arc<str> = rules(config).into();
        nft(&table, &rules).await?;
        let (changes, incoming) = mpsc::unbounded_channel();
        let firewall = Self { table, rules, open: Arc::default(), changes };
        *firewall.lock() = firewall.look().await?.unwrap_or_default();
        tokio::spawn(firewall.clone().apply_all(incoming));
        Ok(firewall)
    }

    pub(super) fn open_ports(&self, address: Ipv4Addr) -> BTreeSet<Port> {
        self.lock().get(&address).cloned().unwrap_or_default()
    }

    pub(super) async fn set(
        &self,
        address: Ipv4Addr,
        ports: BTreeSet<Port>,
    ) -> Result<(), NetworkError> {
        self.change(Wish::Address(address, ports)).await
    }

    /// Makes the whole table anew, with these ports and no others.
    pub(super) async fn rebuild(&self, open: Open) -> Result<(), NetworkError> {
        self.change(Wish::All(open)).await
    }

    async fn change(&self, wish: Wish) -> Result<(), NetworkError> {
        let (done, result) = oneshot::channel();
        self.changes.send(Change { wish, done }).map_err(|_| NetworkError::Closed)?;
        result.await.map_err(|_| NetworkError::Closed)?
    }

    async fn apply_all(self, mut incoming: mpsc::UnboundedReceiver<Change>) {
        let mut batch = Vec::new();
        while incoming.recv_many(&mut batch, 512).await > 0 {
            let result = self.apply(&batch).await;
            for change in batch.drain(..) {
                // The error is the same for all; who gave up waiting does not want it.
                drop(change.done.send(match &result {
                    Ok(()) => Ok(()),
                    Err(reason) => Err(self.failed(reason.clone())),
                }));
            }
        }
    }

    async fn apply(&self, batch: &[Change]) -> Result<(), String> {
        let have = self.lock().clone();
        let (mut next, mut anew) = (have.clone(), false);
        for change in batch {
            match &change.wish {
                Wish::Address(address, ports) => drop(next.insert(*address, ports.clone())),
                Wish::All(open) => (next, anew) = (open.clone(), true),
            }
        }
        next.retain(|_, ports| !ports.is_empty());
        let small = difference(&self.table, &elements(&have), &elements(&next));
        // When the small change fails, somebody else has changed or deleted the table.
        if anew || nft(&self.table, &small).await.is_err() {
            let all = difference(&self.table, &BTreeSet::new(), &elements(&next));
            let whole = format!("{}flush set inet {} open\n{all}", self.rules, self.table);
            nft(&self.table, &whole).await.map_err(|error| error.to_string())?;
        }
        *self.lock() = next;
        Ok(())
    }

    /// The open ports as the kernel has them; `None` when the table is not there.
    pub(super) async fn look(&self) -> Result<Option<Open>, NetworkError> {
        let output = Command::new("nft")
            .args(["-j", "list", "set", "inet", &self.table, "open"])
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(|error| self.failed(format!("run nft: {error}")))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let is_absent = said.contains("No such file or directory");
            return if is_absent { Ok(None) } else { Err(self.failed(said.into_owned())) };
        }
        let listing: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| self.failed(format!("read its answer: {error}")))?;
        Ok(Some(parse(&listing)))
    }

    pub(super) async fn remove(&self) -> Result<(), NetworkError> {
        let table = &self.table;
        nft(table, &format!("add table inet {table}\ndelete table inet {table}\n")).await
    }

    fn failed(&self, reason: String) -> NetworkError {
        NetworkError::Firewall { table: self.table.clone(), reason }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All rules but the elements of the set, as one batch that replaces what is there.
fn rules(config: &NetworkConfig) -> String {
    let (table, pool, gateway) = (config.layout.nft_table(), config.pool, config.gateway());
    let links = format!("\"{}*\"", config.layout.veth_prefix());
    format!(
        "add table inet {table}
add set inet {table} open {{ type ipv4_addr . inet_proto . inet_service; }}
add chain inet {table} to_group
add chain inet {table} to_host
add chain inet {table} spoofed {{ type filter hook prerouting priority raw; policy accept; }}
add chain inet {table} forward {{ type filter hook forward priority filter; policy accept; }}
add chain inet {table} input {{ type filter hook input priority filter; policy accept; }}
add chain inet {table} output {{ type filter hook output priority filter; policy accept; }}
add chain inet {table} postrouting {{ type nat hook postrouting priority srcnat; policy accept; }}
flush chain inet {table} to_group
flush chain inet {table} to_host
flush chain inet {table} spoofed
flush chain inet {table} forward
flush chain inet {table} input
flush chain inet {table} output
flush chain inet {table} postrouting
add rule inet {table} to_group ct state established,related accept
add rule inet {table} to_group icmp type echo-request accept
add rule inet {table} to_group ip daddr . meta l4proto . th dport @open accept
add rule inet {table} to_group meta l4proto tcp reject with tcp reset
add rule inet {table} to_group reject with icmpx port-unreachable
add rule inet {table} to_host ct state established,related accept
add rule inet {table} to_host ip daddr {gateway} icmp type echo-request accept
add rule inet {table} to_host meta l4proto tcp reject with tcp reset
add rule inet {table} to_host meta nfproto ipv4 reject with icmpx port-unreachable
add rule inet {table} to_host drop
add rule inet {table} spoofed iifname {links} fib saddr . iif oif missing drop
add rule inet {table} forward oifname {links} jump to_group
add rule inet {table} input iifname {links} jump to_host
add rule inet {table} output oifname {links} jump to_group
add rule inet {table} postrouting ip saddr {pool} oifname != {links} masquerade
"
    )
}

fn elements(open: &Open) -> BTreeSet<String> {
    open.iter()
        .flat_map(|(address, ports)| {
            ports.iter().map(move |port| {
                let protocol = match port.protocol {
                    Protocol::Tcp => "tcp",
                    Protocol::Udp => "udp",
                };
                format!("{address} . {protocol} . {}", port.port)
            })
        })
        .collect()
}

fn difference(table: &str, have: &BTreeSet<String>, want: &BTreeSet<String>) -> String {
    let line = |verb: &str, elements: Vec<&str>| {
        if elements.is_empty() {
            return String::new();
        }
        format!("{verb} element inet {table} open {{ {} }}\n", elements.join(", "))
    };
    let gone = have.difference(want).map(String::as_str).collect();
    let new = want.difference(have).map(String::as_str).collect();
    line("delete", gone) + &line("add", new)
}

fn parse(listing: &Value) -> Open {
    let mut open = Open::new();
    let sets = listing["nftables"].as_array().into_iter().flatten();
    let elements = sets.filter_map(|entry| entry["set"]["elem"].as_array()).flatten();
    for element in elements {
        let parts = &element["concat"];
        let address = parts[0].as_str().and_then(|text| text.parse().ok());
        let protocol = match parts[1].as_str() {
            Some("tcp") => Some(Protocol::Tcp),
            Some("udp") => Some(Protocol::Udp),
            _ => None,
        };
        let port = parts[2].as_u64().and_then(|number| u16::try_from(number).ok());
        if let (Some(address), Some(protocol), Some(port)) = (address, protocol, port) {
            open.entry(address).or_default().insert(Port { port, protocol });
        }
    }
    open
}

/// Runs one batch, all or nothing.
async fn nft(table: &str, batch: &str) -> Result<(), NetworkError> {
    if batch.is_empty() {
        return Ok(());
    }
    let failed = |reason: String| NetworkError::Firewall { table: table.to_owned(), reason };
    let run = async {
        let mut child = Command::new("nft")
            .args(["-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(batch.as_bytes()).await?;
        }
        child.wait_with_output().await
    };
    let output = run.await.map_err(|error| failed(format!("run nft: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
