//! A template, or an expression in one.
#![no_main]

#[path = "../../crates/wharf-arm/tests/hostile/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::template(bytes));
