//! What a shim knows of its containers, whether it says so itself or its journal does after its
//! death: one set of rules for both, so that a dead shim tells the same story as a live one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wharf_model::{
    ContainerName, Generation,
    status::{Exit, RUNS_KEPT, Run},
};

/// One container: its present revision and the latest runs in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// The revision it was started in; runs of earlier ones are forgotten.
    pub revision: Generation,
    /// The latest runs, oldest first, at most [`RUNS_KEPT`].
    pub runs: Vec<Run>,
    /// When SIGTERM was first sent to the present run.
    pub term_sent_at: Option<Timestamp>,
    /// Whether SIGKILL was sent to the present run.
    pub is_killed: bool,
    /// The present run's first process, as the host sees it, while it runs.
    pub pid: Option<u32>,
}

/// All containers that were started in this sandbox and not removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Table {
    /// By name.
    pub containers: BTreeMap<ContainerName, Container>,
}

/// Which start of which container; never used twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunKey {
    /// The container.
    pub name: ContainerName,
    /// Its revision.
    pub revision: Generation,
    /// The number of the start within the revision, from 1.
    pub start: u32,
}

impl Table {
    /// The container, if a start of this key or of a later one has been seen.
    pub fn seen(&self, key: &RunKey) -> Option<&Container> {
        let known = self.containers.get(&key.name)?;
        let last = known.runs.last().map_or(0, |run| run.start);
        (known.revision > key.revision || (known.revision == key.revision && last >= key.start))
            .then_some(known)
    }

    /// Begins a run, or corrects the beginning of the run that is already there.
    pub fn begin(&mut self, key: &RunKey, at: Timestamp, pid: Option<u32>) {
        let known = self.containers.entry(key.name.clone()).or_default();
        if known.revision != key.revision {
            *known = Container { revision: key.revision, ..Container::default() };
        }
        known.pid = pid;
        let run = Run { start: key.start, started_at: at, exit: None };
        match known.runs.last_mut() {
            Some(last) if last.start == key.start => *last = run,
            Some(_) | None => {
                known.runs.push(run);
                known.term_sent_at = None;
                known.is_killed = false;
            }
        }
        let surplus = known.runs.len().saturating_sub(RUNS_KEPT);
        known.runs.drain(..surplus);
    }

    /// Ends a run; nothing if it is not the present one.
    pub fn end(&mut self, key: &RunKey, exit: Exit) {
        let Some(known) = self.containers.get_mut(&key.name) else { return };
        if known.revision != key.revision {
            return;
        }
        if let Some(run) = known.runs.last_mut().filter(|run| run.start == key.start) {
            run.exit = Some(exit);
            known.pid = None;
        }
    }

    /// Forgets a container.
    pub fn remove(&mut self, name: &ContainerName) {
        self.containers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use wharf_model::status::ExitCause;

    use super::*;

    fn key(revision: u64, start: u32) -> RunKey {
        let name = ContainerName::parse("web").unwrap();
        RunKey { name, revision: Generation(revision), start }
    }

    fn exit(code: i32) -> Exit {
        Exit { code, at: Timestamp::UNIX_EPOCH, cause: ExitCause::Exited, message: None }
    }

    #[test]
    fn a_start_is_seen_once_it_or_a_later_one_has_begun() {
        let mut table = Table::default();
        assert!(table.seen(&key(1, 1)).is_none());
        table.begin(&key(1, 2), Timestamp::UNIX_EPOCH, Some(7));
        assert!(table.seen(&key(1, 1)).is_some() && table.seen(&key(1, 2)).is_some());
        assert!(table.seen(&key(1, 3)).is_none() && table.seen(&key(2, 1)).is_none());
        table.begin(&key(2, 1), Timestamp::UNIX_EPOCH, Some(8));
        assert!(table.seen(&key(1, 9)).is_some());
    }

    #[test]
    fn a_new_run_clears_what_was_sent_to_the_old_one() {
        let mut table = Table::default();
        table.begin(&key(1, 1), Timestamp::UNIX_EPOCH, Some(7));
        let known = table.containers.get_mut(&key(1, 1).name).unwrap();
        known.term_sent_at = Some(Timestamp::UNIX_EPOCH);
        known.is_killed = true;
        table.end(&key(1, 1), exit(143));
        table.begin(&key(1, 2), Timestamp::UNIX_EPOCH, Some(9));
        let known = &table.containers[&key(1, 1).name];
        assert_eq!((known.term_sent_at, known.is_killed, known.pid), (None, false, Some(9)));
        assert_eq!(known.runs.len(), 2);
    }

    #[test]
    fn only_the_latest_runs_are_kept() {
        let mut table = Table::default();
        for start in 1..=20 {
            table.begin(&key(1, start), Timestamp::UNIX_EPOCH, None);
            table.end(&key(1, start), exit(1));
        }
        let runs = &table.containers[&key(1, 1).name].runs;
        assert_eq!((runs.len(), runs.last().unwrap().start), (RUNS_KEPT, 20));
    }
}
