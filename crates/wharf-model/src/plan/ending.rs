//! How containers end, and how a stopped or deleted group goes away.

use std::time::Duration;

use jiff::Timestamp;

use super::{ContainerObs, EndSignal, History, Observed, Plan, Sandbox, Step, Storage};
use crate::{
    ContainerName,
    backend::Desired,
    group::Power,
    status::{GroupState, GroupStatus},
};

/// Ends everything, then removes everything; a stopped group keeps its logs.
pub(super) fn plan(now: Timestamp, want: &Desired, have: &Observed, history: History) -> Plan {
    let is_ending = have.sandbox == Sandbox::Alive && have.containers.values().any(is_live);
    let state = if is_ending { GroupState::Running } else { GroupState::Stopped };
    let mut plan = Plan::new(GroupStatus { state, containers: history });
    if is_ending {
        for (name, container) in &have.containers {
            end(now, want.grace, name, container, &mut plan);
        }
        return plan;
    }
    let is_deleted = want.power == Power::Deleted;
    if have.sandbox != Sandbox::Absent {
        return if is_deleted {
            plan.steps = vec![Step::RemoveSandbox];
            plan
        } else {
            plan.remove(want, vec![Step::RemoveSandbox])
        };
    }
    match (is_deleted, have.storage) {
        (true, Storage::LogsOnly | Storage::Full) => plan.steps = vec![Step::RemoveStorage],
        (false, Storage::Full) => return plan.remove(want, vec![Step::RemoveScratch]),
        (true, Storage::Absent) | (false, Storage::Absent | Storage::LogsOnly) => {
            plan.is_settled = true;
        }
    }
    plan
}

/// Whether the container's latest run has not ended.
pub(super) fn is_live(container: &ContainerObs) -> bool {
    container.runs.last().is_some_and(|run| run.exit.is_none())
}

/// SIGTERM, then SIGKILL after the grace period; at once where SIGTERM can have no effect.
pub(super) fn end(
    now: Timestamp,
    grace: Duration,
    name: &ContainerName,
    container: &ContainerObs,
    plan: &mut Plan,
) {
    if !is_live(container) || container.is_killed {
        return;
    }
    let deadline = container.term_sent_at.map(|sent| sent.checked_add(grace).unwrap_or(sent));
    let signal = match deadline {
        _ if container.ignores_term => EndSignal::Kill,
        None => EndSignal::Term,
        Some(deadline) if deadline <= now => EndSignal::Kill,
        Some(deadline) => return plan.wake(deadline),
    };
    plan.steps.push(Step::SignalContainer { name: name.clone(), signal });
}
