//! Noticing that somebody else has taken rules away: the kernel tells of every change.

use std::{
    io,
    os::fd::{AsRawFd as _, OwnedFd},
};

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};
use tokio::io::unix::AsyncFd;

/// Group 7, `NFNLGRP_NFTABLES`, as a bit.
const CHANGES: u32 = 1 << 6;
/// Messages of `nf_tables` are numbered within subsystem 10.
const SUBSYSTEM: u8 = 10;
/// `NFT_MSG_DELTABLE`, `_DELCHAIN`, `_DELRULE` and `_DELSET`.
const RULES_GO: [u8; 4] = [2, 5, 8, 11];
/// `NFT_MSG_DELSETELEM`.
const ELEMENTS_GO: u8 = 14;

/// What was taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// The table, chains, sets or rules.
    pub(super) rules: bool,
    /// Elements of sets.
    pub(super) elements: bool,
}

/// A socket that hears of every change to any table of this network namespace.
#[derive(Debug)]
pub(super) struct Watch {
    socket: AsyncFd<OwnedFd>,
    table: Vec<u8>,
}

impl Watch {
    pub(super) fn open(table: &str) -> io::Result<Self> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let protocol = SockProtocol::NetlinkNetFilter;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, CHANGES))?;
        let table = [table.as_bytes(), b"\0"].concat();
        #[expect(deprecated, reason = "the descriptor is owned; the way around is unsafe code")]
        let socket = AsyncFd::new(socket)?;
        Ok(Self { socket, table })
    }

    /// Waits until there is something to [read](Self::drain).
    pub(super) async fn changed(&self) {
        match self.socket.readable().await {
            Ok(mut ready) => ready.clear_ready(),
            // The runtime is going down.
            Err(_) => std::future::pending().await,
        }
    }

    /// Reads everything that has come; what was lost on the way counts as taken away.
    pub(super) fn drain(&self) -> Taken {
        let mut taken = Taken::default();
        let mut buffer = vec![0; 65_536];
        loop {
            match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => self.read(&buffer[..length], &mut taken),
                Err(nix::errno::Errno::ENOBUFS) => taken = Taken { rules: true, elements: true },
                Err(nix::errno::Errno::EINTR) => {}
                Err(_) => return taken,
            }
        }
    }

    /// Netlink messages one behind the other: length, type, and somewhere the table's name.
    fn read(&self, mut bytes: &[u8], taken: &mut Taken) {
        while let Some((header, _)) = bytes.split_at_checked(16) {
            let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
            let Some(message) = bytes.get(..length).filter(|_| length >= 16) else { return };
            let (kind, subsystem) = (message[4], message[5]);
            let is_ours =
                || message.windows(self.table.len()).any(|window| window == self.table.as_slice());
            if subsystem == SUBSYSTEM && is_ours() {
                taken.rules |= RULES_GO.contains(&kind);
                taken.elements |= kind == ELEMENTS_GO;
            }
            bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}
