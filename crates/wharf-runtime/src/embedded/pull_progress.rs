//! How events tell of a pull that takes long, and of what came of it.

use jiff::{SignedDuration, Timestamp};
use wharf_image::Progress;

/// After so long a pull is told of for the first time; after that at doubled intervals, so that
/// the slowest pull makes a handful of events.
const FIRST: SignedDuration = SignedDuration::from_secs(10);

/// What is known of a pull under way.
#[derive(Debug)]
pub(super) struct Watch {
    began: Timestamp,
    due: SignedDuration,
    latest: Progress,
}

impl Watch {
    pub(super) fn new(began: Timestamp) -> Self {
        Self { began, due: FIRST, latest: Progress::default() }
    }

    /// Notes how far it is. Now and then that is worth a message.
    pub(super) fn note(&mut self, now: Timestamp, image: &str, step: Progress) -> Option<String> {
        self.latest = step;
        let since = now.duration_since(self.began);
        if since < self.due {
            return None;
        }
        while self.due <= since {
            self.due = self.due + self.due;
        }
        let Progress { layers_done, layers, bytes_done, bytes, .. } = self.latest;
        Some(format!(
            "pulling image \"{image}\": {} of {}, {layers_done} of {layers} layers, {}",
            mebibytes(bytes_done),
            mebibytes(bytes),
            self.rate(since)
        ))
    }

    /// What came of it. Nothing is told of what is no pull: an image that was not fetched.
    pub(super) fn pulled(&self, now: Timestamp, image: &str) -> String {
        let message = pulled(image);
        if self.latest.layers == 0 {
            return message;
        }
        let since = now.duration_since(self.began);
        let Progress { layers, bytes, bytes_fetched, .. } = self.latest;
        let kept = bytes.saturating_sub(bytes_fetched);
        let kept =
            if kept == 0 { String::new() } else { format!(", {} of it here", mebibytes(kept)) };
        format!(
            "{message} in {:.1} s: {layers} {}, {}{kept}, {}",
            since.as_secs_f64(),
            if layers == 1 { "layer" } else { "layers" },
            mebibytes(bytes),
            self.rate(since)
        )
    }

    fn rate(&self, since: SignedDuration) -> String {
        format!("{}/s", mebibytes(self.latest.bytes_per_second(since)))
    }
}

/// How every message begins that tells of the end of a pull.
pub(super) fn pulled(image: &str) -> String {
    format!("Successfully pulled image \"{image}\"")
}

/// In MiB with one digit.
fn mebibytes(bytes: u64) -> String {
    let tenths = (u128::from(bytes) * 10 + (1 << 19)) >> 20;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn step(mebibytes: u64) -> Progress {
        let bytes_done = mebibytes << 20;
        Progress {
            layers_done: 1,
            layers: 3,
            bytes_done,
            bytes: 120 << 20,
            bytes_fetched: bytes_done,
        }
    }

    #[test]
    fn a_slow_pull_is_told_of_less_and_less_often() {
        let mut watch = Watch::new(at(0));
        let told: Vec<i64> =
            (0..3600).filter(|second| watch.note(at(*second), "x", step(1)).is_some()).collect();
        assert_eq!(told, [10, 20, 40, 80, 160, 320, 640, 1280, 2560]);
        let mut watch = Watch::new(at(0));
        let message = watch.note(at(10), "x", step(40)).unwrap();
        assert_eq!(message, "pulling image \"x\": 40.0 MiB of 120.0 MiB, 1 of 3 layers, 4.0 MiB/s");
    }

    #[test]
    fn the_end_is_told_with_what_had_to_be_fetched() {
        let mut watch = Watch::new(at(0));
        assert_eq!(watch.pulled(at(1), "x"), "Successfully pulled image \"x\"");
        watch.note(at(1), "x", Progress { bytes_done: 120 << 20, ..step(120) });
        assert_eq!(
            watch.pulled(at(2), "x"),
            "Successfully pulled image \"x\" in 2.0 s: 3 layers, 120.0 MiB, 60.0 MiB/s"
        );
        watch.note(at(1), "x", Progress { bytes_done: 120 << 20, ..step(30) });
        assert_eq!(
            watch.pulled(at(2), "x"),
            "Successfully pulled image \"x\" in 2.0 s: 3 layers, 120.0 MiB, 90.0 MiB of it here, 15.0 MiB/s"
        );
    }
}
