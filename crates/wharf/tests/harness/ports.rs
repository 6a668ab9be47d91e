//! Ports for servers that are programs of their own.

use std::{
    net::TcpListener,
    process,
    sync::atomic::{AtomicU16, Ordering},
};

/// Ports from here on are below those that the kernel gives to connections, which could take one
/// before the server has it.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;
static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port of the loopback that nobody listens on and that this process is given once.
pub(crate) fn free() -> u16 {
    // Processes beside this one begin elsewhere.
    let begin = (process::id() % 120) as u16 * 100;
    loop {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (begin + next % COUNT) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
