//! Merges what was recorded with what is observed.
//!
//! The shim forgets with its sandbox and with the host; the record lacks what happened since it
//! was last written. Together they miss nothing but the end of a run that nobody saw, which is
//! given one here.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{ContainerObs, History, Observed, Sandbox};
use crate::{
    Generation,
    backend::Desired,
    group::Power,
    status::{ContainerStatus, EXIT_HOST_RESTART, EXIT_LOST, Exit, ExitCause, RUNS_KEPT, Run},
};

/// The runs of every desired container in its present revision; a run without an exit is alive.
/// Also whether an end had to be invented for one.
pub(super) fn merge(now: Timestamp, want: &Desired, have: &Observed) -> (History, bool) {
    let mut history = History::new();
    let mut is_invented = false;
    for container in want.spec.all_containers() {
        let revision = want.revisions.get(&container.name).copied().unwrap_or(want.generation);
        let observed = have.containers.get(&container.name).filter(|c| c.revision == revision);
        let recorded =
            want.recorded.containers.get(&container.name).filter(|c| c.revision == revision);
        let mut runs = merge_runs(recorded, observed);
        blame_probe(want, observed, &mut runs);
        let (runs, is_lost) = close_lost_runs(now, want, have, observed, runs);
        is_invented |= is_lost;
        history.insert(container.name.clone(), ContainerStatus { revision, runs, waiting: None });
    }
    (history, is_invented)
}

/// Of two accounts of one run, the one that knows its end is right; the record comes first.
fn merge_runs(recorded: Option<&ContainerStatus>, observed: Option<&ContainerObs>) -> Vec<Run> {
    let mut runs: BTreeMap<u32, Run> = BTreeMap::new();
    let recorded = recorded.map_or(&[][..], |status| &status.runs);
    let observed = observed.map_or(&[][..], |status| &status.runs);
    for run in recorded.iter().chain(observed) {
        let is_known = runs.get(&run.start).is_some_and(|known| known.exit.is_some());
        if !is_known {
            runs.insert(run.start, run.clone());
        }
    }
    let surplus = runs.len().saturating_sub(RUNS_KEPT);
    runs.into_values().skip(surplus).collect()
}

/// Nothing else than a failed liveness probe ends a container that should run as it is: what ended
/// after having been told to has ended for that.
fn blame_probe(want: &Desired, observed: Option<&ContainerObs>, runs: &mut [Run]) {
    let was_told = observed.is_some_and(|c| c.term_sent_at.is_some() || c.is_killed);
    if want.power != Power::Running || !was_told {
        return;
    }
    let latest = observed.and_then(|container| container.runs.last());
    if let (Some(run), Some(latest)) = (runs.last_mut(), latest)
        && run.start == latest.start
        && let Some(exit) = &mut run.exit
        && exit.cause == ExitCause::Exited
    {
        exit.cause = ExitCause::Unhealthy;
    }
}

fn close_lost_runs(
    now: Timestamp,
    want: &Desired,
    have: &Observed,
    observed: Option<&ContainerObs>,
    mut runs: Vec<Run>,
) -> (Vec<Run>, bool) {
    let is_alive = |run: &Run| {
        have.sandbox == Sandbox::Alive
            && observed.is_some_and(|c| c.runs.iter().any(|seen| seen.start == run.start))
    };
    let mut is_invented = false;
    for run in runs.iter_mut().filter(|run| run.exit.is_none()) {
        if !is_alive(run) {
            run.exit = Some(unseen_exit(now, want, have));
            is_invented = true;
        }
    }
    (runs, is_invented)
}

fn unseen_exit(now: Timestamp, want: &Desired, have: &Observed) -> Exit {
    let (code, cause) = if want.is_from_earlier_boot && have.sandbox == Sandbox::Absent {
        (EXIT_HOST_RESTART, ExitCause::HostRestart)
    } else {
        (EXIT_LOST, ExitCause::Lost)
    };
    Exit { code, at: now, cause, message: None }
}

/// Whether a container belongs to an older revision, or to none.
pub(super) fn is_stale(want: &Desired, name: &crate::ContainerName, revision: Generation) -> bool {
    want.spec.container(name).is_none() || want.revisions.get(name) != Some(&revision)
}
