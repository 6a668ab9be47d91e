//! The prober: asks containers that run how they do, and remembers what follows from the answers.
//!
//! It decides nothing: what it remembers is observed by the next pass, and the planner ends or
//! opens. One task for each probe of each run, made and ended by looking at which runs there are; a
//! new daemon begins anew with the containers that run already.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tokio::time::{self, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;
use wharf_model::{
    ContainerName, Generation, GroupId,
    backend::Desired,
    clock::Clock,
    event::{EventReason, Occurrence},
    group::Power,
    plan::Readiness,
    spec::{ContainerSpec, ProbeSpec},
};
use wharf_shim::table::{Container, Table};

use super::{Hint, outbox::Outbox};
use crate::{
    probe::{self, Answer, Subject},
    shims::Shims,
};

/// All probes of this daemon.
#[derive(Clone, Debug)]
pub(super) struct Probes {
    shims: Shims,
    clock: Arc<dyn Clock>,
    hint: Hint,
    /// Runs older than this were watched by an earlier daemon.
    began: Timestamp,
    groups: Arc<Mutex<HashMap<GroupId, Group>>>,
}

/// What is known of a run from its probes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Probed {
    pub(super) unhealthy_since: Option<Timestamp>,
    pub(super) readiness: Readiness,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Liveness,
    Readiness,
}

#[derive(Debug, Default)]
struct Group {
    watches: HashMap<(ContainerName, Kind), Watch>,
    outbox: Outbox,
}

/// A run: revision and number of the start.
type Run = (Generation, u32);

#[derive(Debug)]
struct Watch {
    run: Run,
    known: Probed,
    _task: AbortOnDropHandle<()>,
}

impl Probes {
    pub(super) fn new(shims: Shims, clock: Arc<dyn Clock>, hint: Hint) -> Self {
        let began = clock.now();
        Self { shims, clock, hint, began, groups: Arc::default() }
    }

    /// Watches the runs there are, and no others.
    pub(super) fn sync(&self, desired: &Desired, table: &Table) {
        let wanted = wanted(desired, table);
        let mut groups = self.lock();
        if wanted.is_empty() && !groups.contains_key(&desired.id) {
            return;
        }
        let group = groups.entry(desired.id.clone()).or_default();
        group.watches.retain(|key, watch| wanted.get(key).is_some_and(|w| w.run == watch.run));
        for (key, watcher) in wanted {
            group.watches.entry(key).or_insert_with(|| self.begin(watcher));
        }
    }

    fn begin(&self, watcher: Watcher) -> Watch {
        let is_older = watcher.started_at < self.began;
        let readiness = if is_older { Readiness::Unknown } else { Readiness::NotReady };
        Watch {
            run: watcher.run,
            known: Probed { unhealthy_since: None, readiness },
            _task: AbortOnDropHandle::new(tokio::spawn(watcher.watch(self.clone()))),
        }
    }

    /// What is known of the container's present run.
    pub(super) fn observe(&self, id: &GroupId, name: &ContainerName, seen: &Container) -> Probed {
        let groups = self.lock();
        let run = seen.runs.last().map(|run| (seen.revision, run.start));
        let known = |kind| {
            let watch = groups.get(id)?.watches.get(&(name.clone(), kind))?;
            Some(watch.known).filter(|_| Some(watch.run) == run)
        };
        Probed {
            unhealthy_since: known(Kind::Liveness).and_then(|known| known.unhealthy_since),
            readiness: known(Kind::Readiness).unwrap_or_default().readiness,
        }
    }

    /// Events of a group's probes; told again and again until the group is forgotten here.
    pub(super) fn occurrences(&self, id: &GroupId) -> Vec<Occurrence> {
        self.lock().get(id).map(|group| group.outbox.all().to_vec()).unwrap_or_default()
    }

    /// Forgets a group.
    pub(super) fn forget(&self, id: &GroupId) {
        self.lock().remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<GroupId, Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wanted(desired: &Desired, table: &Table) -> HashMap<(ContainerName, Kind), Watcher> {
    let mut wanted = HashMap::new();
    let (Power::Running, Some(address)) = (desired.power, desired.address) else { return wanted };
    for spec in &desired.spec.containers {
        let known = table.containers.get(&spec.name);
        let Some(seen) = known.filter(|c| desired.revisions.get(&spec.name) == Some(&c.revision))
        else {
            continue;
        };
        for (kind, probe) in probes(spec) {
            if let Some(watcher) = Watcher::new(desired, address, (spec, seen), (kind, probe)) {
                wanted.insert((spec.name.clone(), kind), watcher);
            }
        }
    }
    wanted
}

fn probes(spec: &ContainerSpec) -> impl Iterator<Item = (Kind, &ProbeSpec)> {
    let liveness = spec.liveness_probe.iter().map(|probe| (Kind::Liveness, probe));
    liveness.chain(spec.readiness_probe.iter().map(|probe| (Kind::Readiness, probe)))
}

/// One probe of one run.
#[derive(Debug)]
struct Watcher {
    subject: Subject,
    kind: Kind,
    probe: ProbeSpec,
    run: Run,
    started_at: Timestamp,
}

impl Watcher {
    /// `None` when the container does not run.
    fn new(
        desired: &Desired,
        address: Ipv4Addr,
        (spec, seen): (&ContainerSpec, &Container),
        (kind, probe): (Kind, &ProbeSpec),
    ) -> Option<Self> {
        let run = seen.runs.last().filter(|run| run.exit.is_none())?;
        let (id, name) = (desired.id.clone(), spec.name.clone());
        Some(Self {
            subject: Subject { id, name, pid: seen.pid?, address },
            kind,
            probe: probe.clone(),
            run: (seen.revision, run.start),
            started_at: run.started_at,
        })
    }

    async fn watch(self, probes: Probes) {
        let first = self.started_at.checked_add(self.probe.initial_delay());
        let pause = first.unwrap_or(self.started_at).duration_since(probes.clock.now());
        time::sleep(pause.try_into().unwrap_or_default()).await;
        let mut ticks = time::interval(self.probe.period());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut streak = Streak::default();
        loop {
            ticks.tick().await;
            let answer = probe::ask(&probes.shims, &self.subject, &self.probe).await;
            if answer == Answer::Unknown {
                continue;
            }
            let verdict = streak.add(answer == Answer::Good, &self.probe);
            if self.note(&probes, verdict, answer) {
                probes.hint.give(&self.subject.id);
            }
            if self.kind == Kind::Liveness && verdict == Some(false) {
                // It will be ended; its next run has a watcher of its own.
                return;
            }
        }
    }

    /// Remembers what follows; whether that is worth a look at the group.
    fn note(&self, probes: &Probes, verdict: Option<bool>, answer: Answer) -> bool {
        let now = probes.clock.now();
        let mut groups = probes.lock();
        let Some(group) = groups.get_mut(&self.subject.id) else { return false };
        let mut is_news = false;
        if let Answer::Bad(reason) = answer {
            is_news = true;
            group.outbox.tell(self.unhealthy(now, &reason));
        }
        let key = (self.subject.name.clone(), self.kind);
        let Some(watch) = group.watches.get_mut(&key).filter(|watch| watch.run == self.run) else {
            return is_news;
        };
        let before = watch.known;
        match (self.kind, verdict) {
            (_, None) => {}
            (Kind::Liveness, Some(is_good)) => {
                watch.known.unhealthy_since = (!is_good).then_some(now);
            }
            (Kind::Readiness, Some(true)) => watch.known.readiness = Readiness::Ready,
            (Kind::Readiness, Some(false)) => watch.known.readiness = Readiness::NotReady,
        }
        is_news || watch.known != before
    }

    fn unhealthy(&self, at: Timestamp, reason: &str) -> Occurrence {
        let kind = match self.kind {
            Kind::Liveness => "Liveness",
            Kind::Readiness => "Readiness",
        };
        Occurrence {
            container: Some(self.subject.name.clone()),
            at,
            reason: EventReason::Unhealthy,
            message: format!("{kind} probe failed: {reason}"),
        }
    }
}

/// Equal answers in a row.
#[derive(Debug, Default)]
struct Streak {
    last: Option<bool>,
    length: u32,
}

impl Streak {
    /// Counts an answer; returns what follows, once there are enough of a kind.
    fn add(&mut self, is_good: bool, probe: &ProbeSpec) -> Option<bool> {
        self.length = if self.last == Some(is_good) { self.length.saturating_add(1) } else { 1 };
        self.last = Some(is_good);
        let threshold = if is_good { probe.success_threshold } else { probe.failure_threshold };
        (self.length >= threshold).then_some(is_good)
    }
}

#[cfg(test)]
mod tests {
    use wharf_model::spec::ProbeAction;

    use super::*;

    #[test]
    fn only_enough_answers_in_a_row_change_anything() {
        let probe = ProbeSpec {
            action: ProbeAction::Exec { command: vec!["true".to_owned()] },
            initial_delay: 0,
            period: 10,
            timeout: 1,
            success_threshold: 2,
            failure_threshold: 3,
        };
        let mut streak = Streak::default();
        let verdicts: Vec<_> =
            [true, true, false, false, true, false, false, false, false, true, true]
                .into_iter()
                .map(|is_good| streak.add(is_good, &probe))
                .collect();
        let (good, bad) = (Some(true), Some(false));
        let expected = [None, good, None, None, None, None, None, bad, bad, None, good];
        assert_eq!(verdicts, expected);
    }
}
