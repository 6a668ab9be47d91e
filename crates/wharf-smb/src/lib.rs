//! Shares of SMB servers, mounted on this host.
//!
//! A mount is made by `wharf smb-mount`, a process of its own that the daemon starts and tells what
//! to mount. Where the kernel has an SMB client that process ends when the share is mounted;
//! elsewhere it stays and serves the mount over FUSE, by itself: the daemon may come and go.
//!
//! A server that is gone never holds up more than the process that asks for a file, and that one
//! for a bounded time ([`remote`]). What a server says is data only: the process that listens to
//! it has given up root's rights.

mod calls;
mod errors;
mod filesystem;
mod mount;
mod nodes;
mod place;
mod remote;
mod serve;
mod server;
mod transport;
mod tree;
mod wish;

use std::process::ExitCode;

pub use place::{Place, PlaceError};
pub use server::{Location, Server};
pub use wish::{Answer, Refusal, Via, Wish};

/// The body of `wharf smb-mount`: one [`Wish`] as JSON comes in by standard input, one [`Answer`]
/// goes out by standard output. The current directory must be the [`Place`] of the mount.
pub fn main() -> ExitCode {
    serve::main()
}
