//! Time as an argument.

use std::fmt;

use jiff::Timestamp;

/// Where time comes from; tests pass one they can turn.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The host's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the host")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
