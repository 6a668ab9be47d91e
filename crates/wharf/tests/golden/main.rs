//! Recorded Azure traffic and the published examples, sent to a real `wharf serve` and compared.
//!
//! Only listed differences are accepted (`accepted.txt`, with a reason each), and a listed one that
//! no longer occurs fails the test, so that the list stays true.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

#[path = "../harness/mod.rs"]
mod harness;

mod accepted;
mod bodies;
mod compare;
mod examples;
mod recordings;

use accepted::Accepted;
use harness::Daemon;

/// One test, since a difference may occur in several places and must occur in one at least.
#[test]
fn azures_own_traffic_is_answered_as_azure_answered_it() {
    // What was recorded ran on more than one machine.
    let wharf = Daemon::with(&["--cpu-overcommit", "100", "--memory-overcommit", "100"]);
    let subscription = wharf.subscription();
    let mut found = recordings::replay(&wharf, &subscription);
    wharf.clear();
    found.extend(examples::send(&wharf, &subscription));
    let (unlisted, gone) = Accepted::load().judge(&found);
    assert!(
        unlisted.is_empty() && gone.is_empty(),
        "differences that are not listed in tests/golden/accepted.txt:\n{}\n\nlisted differences \
         that no longer occur:\n{}\n\n{}",
        unlisted.join("\n"),
        gone.join("\n"),
        wharf.log()
    );
}
