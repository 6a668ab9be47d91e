//! How a group that should run gets there: stale containers go, images and sandbox come, init
//! containers run one by one, then all containers side by side (semantics.md §6–§8).

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use super::{
    History, ImageObs, Observed, Plan, Readiness, Sandbox, Step, Storage, VolumeObs, ending,
    history,
};
use crate::{
    ContainerName,
    backend::Desired,
    spec::{ContainerSpec, Port, RestartPolicy},
    status::{ContainerStatus, Exit, ExitCause, GroupState, GroupStatus, Run, Waiting},
};

const BACKOFF_BASE: Duration = Duration::from_secs(10);
const BACKOFF_MAX: Duration = Duration::from_mins(5);
/// A run of this length proves that the container works; back-off begins anew after it.
const GOOD_RUN: Duration = Duration::from_mins(10);

/// Brings the group up, keeps it up, and clears up after one that has run to completion.
pub(super) fn plan(now: Timestamp, want: &Desired, have: &Observed, history: History) -> Plan {
    let progress = Progress::of(now, want, history);
    if have.sandbox == Sandbox::Dead {
        return Plan::new(progress.status).remove(want, vec![Step::RemoveSandbox]);
    }
    if progress.status.state.is_terminal() {
        return clear_up(want, have, progress.status);
    }
    let mut plan = Plan::new(progress.status.clone());
    remove_stale(now, want, have, &mut plan);
    let is_stale_left = have.containers.iter().any(|(n, c)| history::is_stale(want, n, c.revision));
    pull_images(now, have, &progress, &mut plan);
    if is_stale_left {
        return plan;
    }
    end_unhealthy(now, want, have, &mut plan);
    start_due(now, want, have, &progress, &mut plan);
    let open_ports = ports(want, have);
    if have.open_ports != open_ports {
        plan.steps.push(Step::SetOpenPorts(open_ports));
    }
    plan.is_settled = plan.steps.is_empty() && plan.status.state == GroupState::Running;
    plan
}

fn clear_up(want: &Desired, have: &Observed, status: GroupStatus) -> Plan {
    let mut plan = Plan::new(status);
    match (have.sandbox, have.storage) {
        (Sandbox::Alive | Sandbox::Dead, _) => plan.remove(want, vec![Step::RemoveSandbox]),
        (Sandbox::Absent, Storage::Full) => plan.remove(want, vec![Step::RemoveScratch]),
        (Sandbox::Absent, Storage::Absent | Storage::LogsOnly) => {
            plan.is_settled = true;
            plan
        }
    }
}

/// Containers of another revision, or of no specification, go first.
fn remove_stale(now: Timestamp, want: &Desired, have: &Observed, plan: &mut Plan) {
    for (name, container) in &have.containers {
        if !history::is_stale(want, name, container.revision) {
            continue;
        }
        if ending::is_live(container) {
            ending::end(now, want.grace, name, container, plan);
        } else {
            plan.steps.push(Step::RemoveContainer(name.clone()));
        }
    }
}

/// A container whose liveness probe has failed is ended, and then started again by policy. One that
/// was told to end and has not is such a container too, when the daemon has forgotten why.
fn end_unhealthy(now: Timestamp, want: &Desired, have: &Observed, plan: &mut Plan) {
    for (name, container) in &have.containers {
        if container.unhealthy_since.is_some() || container.term_sent_at.is_some() {
            ending::end(now, want.grace, name, container, plan);
        }
    }
}

fn pull_images(now: Timestamp, have: &Observed, progress: &Progress, plan: &mut Plan) {
    let mut asked = BTreeSet::new();
    for due in &progress.unstarted {
        let image = due.spec.image.as_str();
        let waiting = match have.images.get(image).unwrap_or(&ImageObs::Absent) {
            ImageObs::Present => continue,
            ImageObs::Pulling => Waiting::ToRun,
            ImageObs::Failed { message, retry_at } if *retry_at > now => {
                plan.wake(*retry_at);
                Waiting::ImagePullBackOff { message: message.clone() }
            }
            ImageObs::Absent | ImageObs::Failed { .. } => {
                if asked.insert(image) {
                    plan.steps.push(Step::PullImage(image.to_owned()));
                }
                Waiting::ToRun
            }
        };
        set_waiting(plan, &due.spec.name, waiting);
    }
}

fn start_due(
    now: Timestamp,
    want: &Desired,
    have: &Observed,
    progress: &Progress,
    plan: &mut Plan,
) {
    if have.storage != Storage::Full {
        plan.steps.push(Step::EnsureStorage);
    }
    if have.sandbox == Sandbox::Absent {
        plan.steps.push(Step::EnsureSandbox);
    }
    if !fetch_volumes(now, want, have, progress, plan) {
        return;
    }
    for due in progress.unstarted.iter().filter(|due| due.is_its_turn) {
        let name = &due.spec.name;
        let is_image_here = have.images.get(&due.spec.image) == Some(&ImageObs::Present);
        if due.at > now {
            plan.wake(due.at);
            set_waiting(plan, name, Waiting::CrashLoopBackOff { until: due.at });
        } else if is_image_here {
            let status = &progress.status.containers[name];
            plan.steps.push(Step::StartContainer {
                name: name.clone(),
                revision: want.revisions.get(name).copied().unwrap_or(want.generation),
                start: status.starts() + 1,
            });
        }
    }
}

/// Whether every volume is there; all containers wait for all of them, as in a Pod.
fn fetch_volumes(
    now: Timestamp,
    want: &Desired,
    have: &Observed,
    progress: &Progress,
    plan: &mut Plan,
) -> bool {
    let mut is_ready = true;
    if progress.unstarted.is_empty() {
        return is_ready;
    }
    for volume in want.spec.volumes.iter().filter(|volume| volume.source.is_fetched()) {
        match have.volumes.get(&volume.name).unwrap_or(&VolumeObs::Absent) {
            VolumeObs::Ready => continue,
            VolumeObs::Fetching => {}
            VolumeObs::Failed { retry_at } if *retry_at > now => plan.wake(*retry_at),
            VolumeObs::Absent | VolumeObs::Failed { .. } => {
                plan.steps.push(Step::FetchVolume(volume.name.clone()));
            }
        }
        is_ready = false;
    }
    is_ready
}

fn set_waiting(plan: &mut Plan, name: &ContainerName, waiting: Waiting) {
    if let Some(status) = plan.status.containers.get_mut(name) {
        status.waiting = Some(waiting);
    }
}

/// The group's ports, without those of containers that are not ready.
fn ports(want: &Desired, have: &Observed) -> BTreeSet<Port> {
    let is_open = |port: &Port| {
        let mut owners = want.spec.containers.iter().filter(|c| c.ports.contains(port));
        owners.all(|owner| owner.readiness_probe.is_none() || is_ready(owner, *port, have))
    };
    let ports = want.spec.ip_address.iter().flat_map(|ip| ip.ports.iter().copied());
    ports.filter(is_open).collect()
}

fn is_ready(owner: &ContainerSpec, port: Port, have: &Observed) -> bool {
    let running = have.containers.get(&owner.name).filter(|container| ending::is_live(container));
    running.is_some_and(|container| match container.readiness {
        Readiness::Ready => true,
        Readiness::NotReady => false,
        // After a restart of the daemon nothing changes until the probe has spoken.
        Readiness::Unknown => have.open_ports.contains(&port),
    })
}

/// A container that should be started, now or later.
struct Due<'a> {
    spec: &'a ContainerSpec,
    /// Not before.
    at: Timestamp,
    /// Whether everything that must run before it has.
    is_its_turn: bool,
}

/// How far the group is.
struct Progress<'a> {
    status: GroupStatus,
    unstarted: Vec<Due<'a>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Init,
    App,
}

impl<'a> Progress<'a> {
    fn of(now: Timestamp, want: &'a Desired, history: History) -> Self {
        let mut status = GroupStatus { state: GroupState::Pending, containers: history };
        let mut unstarted = Vec::new();
        let mut is_its_turn = true;
        let mut has_init_failed = false;
        for spec in &want.spec.init_containers {
            match next(now, want, &status.containers[&spec.name], Role::Init) {
                Next::Finished { ok } => has_init_failed |= !ok,
                Next::Running => is_its_turn = false,
                Next::Start(at) => {
                    unstarted.push(Due { spec, at, is_its_turn });
                    is_its_turn = false;
                }
            }
        }
        let (mut is_live, mut has_failed, mut all_started) = (false, false, true);
        for spec in &want.spec.containers {
            let container = &status.containers[&spec.name];
            all_started &= container.starts() > 0;
            match next(now, want, container, Role::App) {
                Next::Finished { ok } => has_failed |= !ok,
                Next::Running => is_live = true,
                Next::Start(at) => {
                    is_live = true;
                    unstarted.push(Due { spec, at, is_its_turn });
                }
            }
        }
        status.state = match () {
            () if has_init_failed => GroupState::Failed,
            () if !is_its_turn || !all_started => GroupState::Pending,
            () if is_live => GroupState::Running,
            () if has_failed => GroupState::Failed,
            () => GroupState::Succeeded,
        };
        if has_init_failed {
            unstarted.clear();
        }
        for due in &unstarted {
            if let Some(container) = status.containers.get_mut(&due.spec.name) {
                container.waiting = Some(Waiting::ToRun);
            }
        }
        Self { status, unstarted }
    }
}

enum Next {
    Start(Timestamp),
    Running,
    Finished { ok: bool },
}

fn next(now: Timestamp, want: &Desired, status: &ContainerStatus, role: Role) -> Next {
    if status.is_running() {
        return Next::Running;
    }
    match status.last_exit() {
        None => Next::Start(now),
        Some(exit) if restarts(want.spec.restart_policy, role, exit) => {
            let pause = backoff(bad_runs(&status.runs));
            Next::Start(exit.at.checked_add(pause).unwrap_or(exit.at))
        }
        Some(exit) => Next::Finished { ok: exit.code == 0 && exit.cause != ExitCause::Unhealthy },
    }
}

/// Init containers run with the group's policy, Always meaning `OnFailure` (semantics.md §7). What
/// was ended for its liveness probe has failed, whatever it made of that.
fn restarts(policy: RestartPolicy, role: Role, exit: &Exit) -> bool {
    let is_bad = exit.code != 0 || exit.cause == ExitCause::Unhealthy;
    match (policy, role) {
        (RestartPolicy::Never, _) => false,
        (RestartPolicy::Always, Role::App) => true,
        (RestartPolicy::Always, Role::Init) | (RestartPolicy::OnFailure, _) => is_bad,
    }
}

/// How many of the latest runs in a row were shorter than [`GOOD_RUN`].
fn bad_runs(runs: &[Run]) -> u32 {
    let is_short = |run: &&Run| {
        run.exit
            .as_ref()
            .is_some_and(|exit| exit.at.duration_since(run.started_at).unsigned_abs() < GOOD_RUN)
    };
    u32::try_from(runs.iter().rev().take_while(is_short).count()).unwrap_or(u32::MAX)
}

/// As the kubelet: the first restart at once, then 10 s doubling up to 5 minutes.
fn backoff(bad_runs: u32) -> Duration {
    match bad_runs {
        0 | 1 => Duration::ZERO,
        n => BACKOFF_BASE.saturating_mul(1 << (n - 2).min(10)).min(BACKOFF_MAX),
    }
}
