//! Containers that cannot go on. The restart policy decides about them.

use wharf_model::{GroupId, error::chain, event::EventReason, plan::EndSignal};

use super::Embedded;
use crate::shims::Found;

impl Embedded {
    /// Kills those of a group's containers whose first process is meant, and tells why.
    pub(super) async fn kill_containers(
        &self,
        id: &GroupId,
        message: &str,
        is_meant: impl Fn(u32) -> bool,
    ) {
        let Ok(Found::Alive(table)) = self.shims.state(id).await else { return };
        for (name, container) in table.containers {
            let Some(pid) = container.pid.filter(|_| !container.is_killed) else { continue };
            if !is_meant(pid) {
                continue;
            }
            tracing::warn!(group = %id, container = %name, message, "killing");
            self.pulls.tell(id, &name, EventReason::Killing, message);
            if let Err(error) = self.shims.signal(id, &name, EndSignal::Kill).await {
                tracing::error!(group = %id, error = chain(&error), "killing failed");
            }
        }
        self.hint.give(id);
    }
}
