//! What work in the background has to tell of a group, and when it tries again after a failure.

use std::time::Duration;

use jiff::Timestamp;
use wharf_model::event::Occurrence;

/// Events kept of one group by one kind of work.
const KEPT: usize = 64;

/// Events that every pass tells until the group is forgotten: recording one again counts it once.
#[derive(Debug, Default)]
pub(super) struct Outbox(Vec<Occurrence>);

impl Outbox {
    pub(super) fn tell(&mut self, occurrence: Occurrence) {
        self.0.push(occurrence);
        let surplus = self.0.len().saturating_sub(KEPT);
        self.0.drain(..surplus);
    }

    pub(super) fn all(&self) -> &[Occurrence] {
        &self.0
    }
}

/// The first pause, doubled for every further failure, up to the longest.
pub(super) fn retry_at(
    now: Timestamp,
    tries: u32,
    (first, longest): (Duration, Duration),
) -> Timestamp {
    let pause = first.saturating_mul(1 << tries.saturating_sub(1).min(8)).min(longest);
    now.checked_add(pause).unwrap_or(now)
}
