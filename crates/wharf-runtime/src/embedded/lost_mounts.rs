//! Shares of other hosts whose serving process has ended. Who has one mounted gets nothing but errors
//! from it for ever, so such containers are killed; the restart policy decides about them, and a
//! start mounts anew.

use std::time::Duration;

use super::Embedded;
use crate::volumes::mounts;

const PERIOD: Duration = Duration::from_secs(2);
const MESSAGE: &str =
    "The process that serves a file share of this container has ended; killing container.";

impl Embedded {
    /// Watches for as long as the daemon runs.
    pub(super) fn watch_mounts(&self) {
        let embedded = self.clone();
        tokio::spawn(async move {
            let mut period = tokio::time::interval(PERIOD);
            period.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                period.tick().await;
                let mounts = embedded.mounts.clone();
                let Ok(lost) = tokio::task::spawn_blocking(move || mounts.lost()).await else {
                    return;
                };
                for (id, devices) in lost {
                    let has_it = |pid| mounts::sees_any(pid, &devices);
                    embedded.kill_containers(&id, MESSAGE, has_it).await;
                }
            }
        });
    }
}
