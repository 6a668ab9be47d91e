//! Properties of the planner: whatever is desired, whatever is there, whatever exits, and wherever
//! the daemon dies, the group converges, nothing starts twice and nothing is left undone.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    GroupId, GroupKey, Name, ResourceGroupKey,
    spec::{ContainerSpec, GitRepo, GroupSpec, OsType, RestartPolicy, VolumeSource, VolumeSpec},
    status::{ContainerStatus, Exit, ExitCause, GroupState, RUNS_KEPT},
};

mod health;

const INIT: [&str; 2] = ["init-a", "init-b"];
const APPS: [&str; 3] = ["web", "sidecar", "task"];

fn name(text: &str) -> ContainerName {
    ContainerName::parse(text).unwrap()
}

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(n).unwrap()
}

fn container(text: &str) -> ContainerSpec {
    ContainerSpec {
        name: name(text),
        image: format!("registry.test/{text}"),
        command: vec![],
        environment: vec![],
        ports: vec![],
        resources: None,
        volume_mounts: vec![],
        liveness_probe: None,
        readiness_probe: None,
        security: crate::spec::SecurityContext::default(),
    }
}

fn desired(
    power: Power,
    restart_policy: RestartPolicy,
    inits: usize,
    apps: usize,
    generation: u64,
) -> Desired {
    let spec = GroupSpec {
        os_type: OsType::Linux,
        restart_policy,
        init_containers: INIT[..inits].iter().map(|n| container(n)).collect(),
        containers: APPS[..apps].iter().map(|n| container(n)).collect(),
        volumes: vec![],
        registry_credentials: vec![],
        ip_address: None,
        dns: None,
        subnet: None,
    };
    let resource_group = ResourceGroupKey { subscription: Name::new("sub"), name: Name::new("rg") };
    Desired {
        id: GroupId::from_bits(7),
        key: GroupKey { resource_group, name: Name::new("cg") },
        generation: Generation(generation),
        power,
        revisions: spec
            .all_containers()
            .map(|c| (c.name.clone(), Generation(generation)))
            .collect(),
        spec: Arc::new(spec),
        address: None,
        private: None,
        grace: Duration::from_secs(10),
        recorded: GroupStatus::default(),
        is_from_earlier_boot: false,
    }
}

fn edit(want: &mut Desired, change: impl FnOnce(&mut GroupSpec)) {
    change(Arc::make_mut(&mut want.spec));
}

fn repository() -> VolumeSpec {
    let repo = GitRepo {
        repository: "https://host.test/repo".to_owned(),
        userinfo: None,
        directory: "repo".to_owned(),
        revision: None,
    };
    VolumeSpec { name: "code".to_owned(), source: VolumeSource::GitRepo(repo) }
}

/// A host whose effects are idempotent, and the exit codes of the runs to come.
#[derive(Clone, Debug, PartialEq)]
struct SimNode {
    seen: Observed,
    exits: Vec<Option<i32>>,
    started: BTreeSet<(ContainerName, Generation, u32)>,
}

impl SimNode {
    fn apply(&mut self, now: Timestamp, step: &Step) {
        match step {
            Step::EnsureStorage => self.seen.storage = Storage::Full,
            Step::PullImage(image) => {
                self.seen.images.insert(image.clone(), ImageObs::Present);
            }
            Step::FetchVolume(volume) => {
                self.seen.volumes.insert(volume.clone(), VolumeObs::Ready);
            }
            Step::EnsureSandbox => self.seen.sandbox = Sandbox::Alive,
            Step::SetOpenPorts(ports) => self.seen.open_ports.clone_from(ports),
            Step::StartContainer { name, revision, start } => {
                self.start(now, name, *revision, *start);
            }
            Step::SignalContainer { name, signal } => self.signal(now, name, *signal),
            Step::RemoveContainer(name) => {
                self.seen.containers.remove(name);
            }
            Step::RemoveSandbox => {
                self.seen.sandbox = Sandbox::Absent;
                self.seen.containers.clear();
                self.seen.open_ports.clear();
            }
            Step::RemoveStorage => self.seen.storage = Storage::Absent,
            Step::RemoveScratch => self.seen.storage = Storage::LogsOnly,
        }
    }

    fn start(&mut self, now: Timestamp, name: &ContainerName, revision: Generation, start: u32) {
        let container = self.seen.containers.entry(name.clone()).or_default();
        if container.runs.last().is_some_and(|run| run.start >= start) {
            return;
        }
        assert!(
            container.runs.last().is_none_or(|run| run.exit.is_some()),
            "{name} started while it runs"
        );
        assert!(
            self.started.insert((name.clone(), revision, start)),
            "start {start} of {name} happened twice"
        );
        container.revision = revision;
        container.runs.push(Run { start, started_at: now, exit: None });
        container.term_sent_at = None;
        container.is_killed = false;
        container.unhealthy_since = None;
        container.readiness = Readiness::NotReady;
    }

    fn signal(&mut self, now: Timestamp, name: &ContainerName, signal: EndSignal) {
        let Some(container) = self.seen.containers.get_mut(name) else { return };
        match signal {
            EndSignal::Term => {
                container.term_sent_at.get_or_insert(now);
            }
            EndSignal::Kill => {
                container.is_killed = true;
                end(container, 137, now);
            }
        }
    }

    /// Lets one process that is due end.
    fn tick(&mut self, now: Timestamp) -> bool {
        let Some(live) = self.seen.containers.values_mut().find(|c| ending::is_live(c)) else {
            return false;
        };
        match self.exits.pop() {
            Some(Some(code)) => {
                end(live, code, now);
                true
            }
            Some(None) => true,
            None => false,
        }
    }
}

fn end(container: &mut ContainerObs, code: i32, now: Timestamp) {
    if let Some(run) = container.runs.last_mut()
        && run.exit.is_none()
    {
        run.exit = Some(Exit { code, at: now, cause: ExitCause::Exited, message: None });
    }
}

/// Where the daemon dies during a pass.
#[derive(Clone, Copy, Debug)]
enum Kill {
    No,
    BeforeRecord,
    BeforeStep(usize),
    AfterStep(usize),
}

/// Passes until nothing changes any more; returns the last plan.
fn converge(node: &mut SimNode, want: &mut Desired, now: &mut Timestamp, kills: &[Kill]) -> Plan {
    for pass in 0..600 {
        *now = now.checked_add(Duration::from_secs(1)).unwrap();
        let plan = plan(*now, want, &node.seen);
        check_order(want, node, &plan);
        let kill = kills.get(pass).copied().unwrap_or(Kill::No);
        if matches!(kill, Kill::BeforeRecord) {
            continue;
        }
        let was_recorded = want.recorded == plan.status;
        want.recorded = plan.status.clone();
        want.is_from_earlier_boot = false;
        execute(node, *now, &plan, kill);
        if plan.steps.is_empty() && was_recorded && !node.tick(*now) {
            match plan.wake_at {
                Some(at) if !(node.exits.is_empty() && plan.is_settled) => *now = (*now).max(at),
                Some(_) | None => return plan,
            }
        }
    }
    panic!("no fixpoint: {:?}", plan(*now, want, &node.seen));
}

fn execute(node: &mut SimNode, now: Timestamp, plan: &Plan, kill: Kill) {
    for (i, step) in plan.steps.iter().enumerate() {
        if matches!(kill, Kill::BeforeStep(k) if k == i) {
            return;
        }
        node.apply(now, step);
        let once = node.seen.clone();
        node.apply(now, step);
        assert_eq!(node.seen, once, "{step:?} is not idempotent");
        if matches!(kill, Kill::AfterStep(k) if k == i) {
            return;
        }
    }
}

fn check_order(want: &Desired, node: &SimNode, plan: &Plan) {
    let mut seen = node.seen.clone();
    let init_done = want.spec.init_containers.iter().all(|c| {
        let known = &plan.status.containers[&c.name];
        known.last_exit().is_some_and(|exit| exit.code == 0)
    });
    for step in &plan.steps {
        match step {
            Step::EnsureStorage => seen.storage = Storage::Full,
            Step::EnsureSandbox => seen.sandbox = Sandbox::Alive,
            Step::StartContainer { name, .. } => {
                let is_init = want.spec.init_containers.iter().any(|c| c.name == *name);
                assert!(init_done || is_init, "{name} started before the init containers");
                assert_eq!(seen.sandbox, Sandbox::Alive);
                assert_eq!(seen.storage, Storage::Full);
                let is_here = |name: &String| seen.volumes.get(name) == Some(&VolumeObs::Ready);
                let mut fetched = want.spec.volumes.iter().filter(|v| v.source.is_fetched());
                assert!(fetched.all(|v| is_here(&v.name)), "started without its volumes");
            }
            Step::RemoveSandbox | Step::RemoveScratch if want.power != Power::Deleted => {
                assert_eq!(plan.status.containers, want.recorded.containers, "exits lost");
            }
            _ => {}
        }
    }
}

fn any_desired() -> impl Strategy<Value = Desired> {
    let power = prop_oneof![Just(Power::Running), Just(Power::Stopped), Just(Power::Deleted)];
    let policy = prop_oneof![
        Just(RestartPolicy::Always),
        Just(RestartPolicy::OnFailure),
        Just(RestartPolicy::Never)
    ];
    (power, policy, 0..=2_usize, 1..=3_usize, 2..=3_u64, any::<bool>()).prop_map(
        |(power, policy, inits, apps, generation, has_volume)| {
            let mut want = desired(power, policy, inits, apps, generation);
            if has_volume {
                edit(&mut want, |spec| spec.volumes.push(repository()));
            }
            want
        },
    )
}

fn any_run() -> impl Strategy<Value = Vec<Run>> {
    (1..4_u32, proptest::option::of(0..2_i32)).prop_map(|(starts, last)| {
        (1..=starts)
            .map(|start| {
                let began = i64::from(start) * 20;
                let code = if start < starts { Some(1) } else { last };
                let exit = code.map(|code| Exit {
                    code,
                    at: second(began + 10),
                    cause: ExitCause::Exited,
                    message: None,
                });
                Run { start, started_at: second(began), exit }
            })
            .collect()
    })
}

fn any_container() -> impl Strategy<Value = (ContainerName, ContainerObs)> {
    let names = INIT.into_iter().chain(APPS).chain(["orphan"]).collect::<Vec<_>>();
    let health = proptest::option::of((500..900_i64).prop_map(second));
    (proptest::sample::select(names), 1..=3_u64, any_run(), any::<bool>(), health).prop_map(
        |(text, revision, runs, ignores_term, unhealthy_since)| {
            let revision = Generation(revision);
            let container = ContainerObs {
                revision,
                runs,
                ignores_term,
                unhealthy_since,
                ..ContainerObs::default()
            };
            (name(text), container)
        },
    )
}

fn any_observed() -> impl Strategy<Value = Observed> {
    let sandbox = prop_oneof![Just(Sandbox::Absent), Just(Sandbox::Alive), Just(Sandbox::Dead)];
    let storage = prop_oneof![Just(Storage::Absent), Just(Storage::LogsOnly), Just(Storage::Full)];
    (sandbox, storage, proptest::collection::vec(any_container(), 0..4)).prop_map(
        |(sandbox, storage, containers)| {
            let containers = match sandbox {
                Sandbox::Absent => BTreeMap::new(),
                Sandbox::Alive | Sandbox::Dead => containers.into_iter().collect(),
            };
            Observed { storage, sandbox, containers, ..Default::default() }
        },
    )
}

fn any_kills() -> impl Strategy<Value = Vec<Kill>> {
    let kill = prop_oneof![
        4 => Just(Kill::No),
        1 => Just(Kill::BeforeRecord),
        1 => (0..3_usize).prop_map(Kill::BeforeStep),
        1 => (0..3_usize).prop_map(Kill::AfterStep),
    ];
    proptest::collection::vec(kill, 0..12)
}

fn any_exits() -> impl Strategy<Value = Vec<Option<i32>>> {
    proptest::collection::vec(proptest::option::of(0..3_i32), 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn converges_from_anywhere_whatever_dies(
        mut want in any_desired(),
        seen in any_observed(),
        kills in any_kills(),
        exits in any_exits(),
    ) {
        let mut node = SimNode { seen, exits, started: BTreeSet::new() };
        let mut now = second(1_000);
        let last = converge(&mut node, &mut want, &mut now, &kills);
        prop_assert!(last.steps.is_empty() && !last.record_first);
        match want.power {
            Power::Deleted => prop_assert_eq!(&node.seen.storage, &Storage::Absent),
            Power::Stopped => prop_assert_eq!(last.status.state, GroupState::Stopped),
            Power::Running => check_running(&want, &node, &last)?,
        }
        if want.power != Power::Running {
            prop_assert_eq!(node.seen.sandbox, Sandbox::Absent);
            prop_assert!(node.seen.containers.is_empty());
        }
        // A fixpoint is a fixpoint: a restart of the daemon changes nothing.
        prop_assert_eq!(plan(now, &want, &node.seen).steps, vec![]);
    }
}

fn check_running(want: &Desired, node: &SimNode, last: &Plan) -> Result<(), TestCaseError> {
    prop_assert!(!node.seen.containers.contains_key(&name("orphan")));
    let live = |c: &ContainerName| node.seen.containers.get(c).is_some_and(ending::is_live);
    match last.status.state {
        GroupState::Succeeded | GroupState::Failed => {
            prop_assert_eq!(node.seen.sandbox, Sandbox::Absent);
        }
        GroupState::Running => {
            for spec in &want.spec.containers {
                let status = &last.status.containers[&spec.name];
                let done = status.last_exit().is_some_and(|exit| exit.code == 0);
                let waits = status.waiting.is_some();
                prop_assert!(
                    live(&spec.name)
                        || done
                        || waits
                        || want.spec.restart_policy == RestartPolicy::Never
                );
            }
        }
        // Only while an init container runs on for ever.
        GroupState::Pending => {
            prop_assert!(want.spec.init_containers.iter().any(
                |spec| live(&spec.name) || last.status.containers[&spec.name].waiting.is_some()
            ));
        }
        GroupState::Stopped => prop_assert!(false, "nobody asked to stop"),
    }
    Ok(())
}

fn record(want: &mut Desired, text: &str, runs: Vec<Run>) {
    let status = ContainerStatus { revision: want.generation, runs, waiting: None };
    want.recorded.containers.insert(name(text), status);
}

fn run(start: u32, began: i64, exit: Option<(i32, i64)>) -> Run {
    let exit = exit.map(|(code, at)| Exit {
        code,
        at: second(at),
        cause: ExitCause::Exited,
        message: None,
    });
    Run { start, started_at: second(began), exit }
}

#[test]
fn a_task_that_completed_is_not_run_again_after_a_reboot() {
    let mut want = desired(Power::Running, RestartPolicy::OnFailure, 0, 1, 1);
    record(&mut want, "web", vec![run(1, 10, Some((0, 20)))]);
    want.is_from_earlier_boot = true;
    let plan = plan(second(100), &want, &Observed::default());
    assert_eq!(plan.status.state, GroupState::Succeeded);
    assert_eq!(plan.steps, []);
}

#[test]
fn a_container_that_ran_when_the_host_went_down_runs_again_by_policy() {
    for (policy, state) in [
        (RestartPolicy::Always, GroupState::Running),
        (RestartPolicy::OnFailure, GroupState::Running),
        (RestartPolicy::Never, GroupState::Failed),
    ] {
        let mut want = desired(Power::Running, policy, 0, 1, 1);
        record(&mut want, "web", vec![run(1, 10, None)]);
        want.is_from_earlier_boot = true;
        let plan = plan(second(100), &want, &Observed::default());
        let exit = plan.status.containers[&name("web")].last_exit().cloned().unwrap();
        assert_eq!((exit.code, exit.cause), (7147, ExitCause::HostRestart));
        assert_eq!(plan.status.state, state, "{policy:?}");
        // What was found is recorded before anything changes it.
        assert!(plan.steps.is_empty() && plan.record_first);
    }
}

#[test]
fn restarts_pause_like_the_kubelet() {
    let mut want = desired(Power::Running, RestartPolicy::Always, 0, 1, 1);
    let mut pauses = vec![];
    let mut runs: Vec<Run> = vec![];
    for start in 1..=10_u32 {
        let began = i64::from(start) * 1000;
        runs.push(run(start, began, Some((1, began + 1))));
        let kept = runs.iter().rev().take(RUNS_KEPT).rev().cloned().collect();
        record(&mut want, "web", kept);
        let plan = plan(second(began + 1), &want, &Observed::default());
        pauses.push(plan.wake_at.map_or(0, |at| at.as_second() - began - 1));
    }
    assert_eq!(pauses, [0, 10, 20, 40, 80, 160, 300, 300, 300, 300]);
}

#[test]
fn a_long_run_ends_the_back_off() {
    let mut want = desired(Power::Running, RestartPolicy::Always, 0, 1, 1);
    record(&mut want, "web", vec![run(1, 0, Some((1, 1))), run(2, 10, Some((1, 700)))]);
    let plan = plan(second(701), &want, &Observed::default());
    assert_eq!(plan.wake_at, None);
}

#[test]
fn sigkill_follows_sigterm_after_the_grace_period_only() {
    let mut want = desired(Power::Stopped, RestartPolicy::Always, 0, 1, 1);
    want.recorded.state = GroupState::Running;
    let mut seen =
        Observed { sandbox: Sandbox::Alive, storage: Storage::Full, ..Default::default() };
    let web = ContainerObs {
        revision: Generation(1),
        runs: vec![run(1, 10, None)],
        ..ContainerObs::default()
    };
    seen.containers.insert(name("web"), web.clone());
    let signal = |signal| vec![Step::SignalContainer { name: name("web"), signal }];
    assert_eq!(plan(second(100), &want, &seen).steps, signal(EndSignal::Term));

    let termed = ContainerObs { term_sent_at: Some(second(100)), ..web.clone() };
    seen.containers.insert(name("web"), termed);
    assert_eq!(plan(second(105), &want, &seen).wake_at, Some(second(110)));
    assert_eq!(plan(second(110), &want, &seen).steps, signal(EndSignal::Kill));

    seen.containers.insert(name("web"), ContainerObs { ignores_term: true, ..web });
    assert_eq!(plan(second(100), &want, &seen).steps, signal(EndSignal::Kill));
}
