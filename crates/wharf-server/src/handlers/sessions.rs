//! Web sockets between a client and a container, at addresses that `exec` and `attach` give out.

pub(crate) mod open;
