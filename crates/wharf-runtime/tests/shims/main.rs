//! Real shims with real containers from busybox.
//!
//! The test program is also the shim's program: as `<program> shim …` it is one. So it has a
//! harness of its own, with the same arguments and output as the standard one.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test, though without the standard harness clippy cannot know"
)]

mod conformance;
mod escapes;
mod exec;
mod fixture;
mod isolation;
mod lifecycle;
mod limits;
mod measure;
mod output;
mod survival;
mod users;

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    sync::Mutex,
    thread,
};

type Test = (&'static str, fn());

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).peekable();
    if args.peek().is_some_and(|word| word == "shim") {
        return wharf_shim::main(args.skip(1));
    }
    let words: Vec<String> = args.filter_map(|word| word.into_string().ok()).collect();
    let filters: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    let all = [
        lifecycle::TESTS,
        output::TESTS,
        limits::TESTS,
        isolation::TESTS,
        survival::TESTS,
        exec::TESTS,
        escapes::TESTS,
        conformance::TESTS,
        users::TESTS,
    ];
    let chosen: VecDeque<Test> = all
        .concat()
        .into_iter()
        .filter(|(name, _)| filters.is_empty() || filters.iter().any(|f| name.contains(*f)))
        .collect();
    if words.iter().any(|word| word == "--list") {
        for (name, _) in &chosen {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    if words.iter().any(|word| word == "--measure") {
        measure::measure();
        fixture::remove_image();
        return ExitCode::SUCCESS;
    }
    run(chosen)
}

fn run(chosen: VecDeque<Test>) -> ExitCode {
    println!("\nrunning {} tests", chosen.len());
    let total = chosen.len();
    let (queue, failed) = (Mutex::new(chosen), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some((name, test)) = queue.lock().unwrap().pop_front() else { return };
                    let result = catch_unwind(AssertUnwindSafe(test));
                    let word = if result.is_ok() { "ok" } else { "FAILED" };
                    println!("test {name} ... {word}");
                    if result.is_err() {
                        failed.lock().unwrap().push(name);
                    }
                }
            });
        }
    });
    fixture::remove_image();
    let failed = failed.into_inner().unwrap();
    let word = if failed.is_empty() { "ok" } else { "FAILED" };
    println!("\ntest result: {word}. {} passed; {} failed\n", total - failed.len(), failed.len());
    for name in &failed {
        println!("    {name}");
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A table of tests with their names.
#[macro_export]
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub(crate) const TESTS: &[(&str, fn())] =
            &[$((concat!(module_path!(), "::", stringify!($name)), $name)),*];
    };
}
