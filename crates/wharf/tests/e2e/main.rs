//! The binary as a user runs it, with real containers.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

#[path = "../harness/mod.rs"]
mod harness;
use harness::ports;

mod addresses;
mod arm;
mod arm_front;
mod bad_input;
mod databases;
mod deployments;
mod environment;
mod examples;
mod exec;
mod file_rights;
mod file_shares;
mod hostile_shares;
mod identity;
mod image_policies;
mod images;
mod ingress;
mod init_containers;
mod lifecycle;
mod limits;
mod managed_identity;
mod many_groups;
mod metadata;
mod names;
mod operations;
mod probes;
mod profiles;
mod published_ports;
mod quickstarts;
mod registries;
mod registry_pulls;
mod remote;
mod restart_safety;
mod smb_setup;
mod smb_shares;
mod virtual_networks;
mod volumes;
