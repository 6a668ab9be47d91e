//! The body of a PUT of a container group.
#![no_main]

#[path = "../../crates/wharf-arm/tests/hostile/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::group_body(bytes));
