//! Shares of other hosts whose serving process has ended. Who has one mounted gets nothing but errors
//! from it for ever, so such containers are killed; the restart policy decides about them, and a
//! start mounts anew.

use std::time::Duration;

use wharf_model::{GroupId, error::chain, event::EventReason, plan::EndSignal};

use super::Embedded;
use crate::{shims::Found, volumes::mounts};

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
                    embedded.end_for_mounts(&id, &devices).await;
                }
            }
        });
    }

    async fn end_for_mounts(&self, id: &GroupId, devices: &[String]) {
        let Ok(Found::Alive(table)) = self.shims.state(id).await else { return };
        for (name, container) in table.containers {
            let Some(pid) = container.pid.filter(|_| !container.is_killed) else { continue };
            let path = format!("/proc/{pid}/mountinfo");
            let mounted = fs_err::read_to_string(path).unwrap_or_default();
            if !mounts::devices(&mounted).any(|(device, _)| devices.iter().any(|d| d == device)) {
                continue;
            }
            tracing::warn!(group = %id, container = %name, "killing for a lost share");
            self.pulls.tell(id, &name, EventReason::Killing, MESSAGE);
            if let Err(error) = self.shims.signal(id, &name, EndSignal::Kill).await {
                tracing::error!(group = %id, error = chain(&error), "killing failed");
            }
        }
        self.hint.give(id);
    }
}
