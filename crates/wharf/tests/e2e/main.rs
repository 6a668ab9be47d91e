//! The binary as a user runs it, with real containers.

#[path = "../harness/mod.rs"]
mod harness;

mod bad_input;
mod examples;
mod images;
mod lifecycle;
mod restart_safety;
