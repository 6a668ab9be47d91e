//! The binary as a user runs it, with real containers.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

#[path = "../harness/mod.rs"]
mod harness;

mod arm;
mod arm_front;
mod bad_input;
mod deployments;
mod examples;
mod images;
mod lifecycle;
mod profiles;
mod restart_safety;
