//! The path of a request: resource ids in any casing.
#![no_main]

#[path = "../../crates/wharf-arm/tests/hostile/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|text: &str| targets::path(text));
