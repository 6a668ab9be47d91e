//! The events that follow from what was observed (semantics.md §5.4).
//!
//! Times come from the journal, so telling the same thing twice counts it once.

use jiff::Timestamp;

use super::{ContainerObs, Observed, ending, history};
use crate::{
    ContainerName,
    backend::Desired,
    event::{EventReason, Occurrence},
    group::Power,
    spec::RestartPolicy,
    status::{ContainerStatus, ExitCause, GroupStatus, Run, Waiting},
};

/// What happened since the status was last recorded.
pub(super) fn occurrences(
    want: &Desired,
    have: &Observed,
    status: &GroupStatus,
) -> Vec<Occurrence> {
    let mut told = Vec::new();
    for (name, container) in &status.containers {
        let recorded =
            want.recorded.containers.get(name).filter(|c| c.revision == container.revision);
        let is_new =
            |run: &&Run| recorded.is_none_or(|known| known.runs.iter().all(|known| known != *run));
        for run in container.runs.iter().filter(is_new) {
            let was_open = recorded.is_some_and(|k| k.runs.iter().any(|r| r.start == run.start));
            tell_run(name, run, was_open, &mut told);
        }
        tell_backoff(name, container, recorded, &mut told);
    }
    for (name, container) in &have.containers {
        let is_stale = history::is_stale(want, name, container.revision);
        let is_unhealthy = want.power == Power::Running && !is_stale;
        let at = if is_unhealthy { condemned_at(container) } else { ended_at(container) };
        if let Some(at) = at {
            let message = killing(want, name, is_unhealthy);
            told.push(occurrence(name, at, EventReason::Killing, message));
        }
    }
    told
}

/// When the present run's liveness probe had failed; a daemon that has forgotten that goes by the
/// signal it sent.
fn condemned_at(container: &ContainerObs) -> Option<Timestamp> {
    let signalled = container.term_sent_at.filter(|_| ending::is_live(container));
    container.unhealthy_since.or(signalled)
}

/// When the container was told to end; what is killed at once ends at that moment.
fn ended_at(container: &ContainerObs) -> Option<Timestamp> {
    let exit = container.runs.last().and_then(|run| run.exit.as_ref());
    let killed = exit.filter(|_| container.is_killed).map(|exit| exit.at);
    container.term_sent_at.or(killed)
}

fn killing(want: &Desired, name: &ContainerName, is_unhealthy: bool) -> String {
    let id = format!("{}-{name}", want.id);
    match (is_unhealthy, want.spec.restart_policy) {
        (false, _) => format!("Killing container with id {id}."),
        (true, RestartPolicy::Never) => {
            format!("Killing container with id {id}:Container failed liveness probe.")
        }
        (true, RestartPolicy::Always | RestartPolicy::OnFailure) => format!(
            "Killing container with id {id}:Container failed liveness probe.. Container will be \
             killed and recreated."
        ),
    }
}

fn tell_run(name: &ContainerName, run: &Run, was_open: bool, told: &mut Vec<Occurrence>) {
    if let Some(exit) = run.exit.as_ref().filter(|exit| exit.cause == ExitCause::OutOfMemory) {
        let message = "Error: OOMKilled: the container used more memory than its limit".to_owned();
        told.push(occurrence(name, exit.at, EventReason::Failed, message));
    }
    let failure = run.exit.as_ref().filter(|exit| exit.cause == ExitCause::StartFailed);
    if let Some(exit) = failure {
        let reason = exit.message.as_deref().unwrap_or("container could not be started");
        told.push(occurrence(name, exit.at, EventReason::Failed, format!("Error: {reason}")));
    } else if !was_open {
        let message = |verb: &str| format!("{verb} container");
        let at = run.started_at;
        told.push(occurrence(name, at, EventReason::Created, message("Created")));
        told.push(occurrence(name, at, EventReason::Started, message("Started")));
    }
}

fn tell_backoff(
    name: &ContainerName,
    container: &ContainerStatus,
    recorded: Option<&ContainerStatus>,
    told: &mut Vec<Occurrence>,
) {
    let is_known = recorded.is_some_and(|known| known.waiting == container.waiting);
    if let (Some(Waiting::CrashLoopBackOff { .. }), Some(exit), false) =
        (&container.waiting, container.last_exit(), is_known)
    {
        let message = "Back-off restarting failed container".to_owned();
        told.push(occurrence(name, exit.at, EventReason::BackOff, message));
    }
}

fn occurrence(
    name: &ContainerName,
    at: Timestamp,
    reason: EventReason,
    message: String,
) -> Occurrence {
    Occurrence { container: Some(name.clone()), at, reason, message }
}
