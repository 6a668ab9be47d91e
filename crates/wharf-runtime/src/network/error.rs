//! What can go wrong.

use std::{io, net::Ipv4Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// A failure of the network.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The pool is in use for something else.
    #[error("address pool {pool} overlaps the host's route to {route}; choose another pool")]
    Overlap {
        /// What was configured.
        pool: Ipv4Net,
        /// What is there.
        route: String,
    },
    /// The IPv6 pool is in use for something else.
    #[error("IPv6 pool {pool} overlaps the host's route to {route}; choose another pool")]
    Overlap6 {
        /// What was configured.
        pool: Ipv6Net,
        /// What is there.
        route: String,
    },
    /// There is no such link.
    #[error("there is no network link {name} to answer on for the addresses of groups")]
    NoUplink {
        /// What was configured.
        name: String,
    },
    /// The pool has no room for groups.
    #[error("address pool {pool} is too small; a prefix of 29 bits at most is needed")]
    TooSmall {
        /// What was configured.
        pool: Ipv4Net,
    },
    /// A setting of the kernel cannot be written.
    #[error("write {path}")]
    Setting {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A netlink request failed.
    #[error("{operation}")]
    Netlink {
        /// What was being done, with its subject.
        operation: String,
        /// Why.
        #[source]
        source: rtnetlink::Error,
    },
    /// A namespace cannot be made.
    #[error("make a network namespace")]
    Namespace(#[source] io::Error),
    /// `nft` failed.
    #[error("change nftables table {table}: {reason}")]
    Firewall {
        /// The table.
        table: String,
        /// What it said.
        reason: String,
    },
    /// The name server has no place to listen.
    #[error(
        "answer name queries at {address} port 53 (does another server listen on all addresses?)"
    )]
    Dns {
        /// The gateway.
        address: Ipv4Addr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A background task has ended.
    #[error("the network has been shut down")]
    Closed,
}
