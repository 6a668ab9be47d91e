//! Who is being worked on, who has asked meanwhile, and who keeps failing. No tasks, no time.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::task::AbortHandle;
use wharf_model::GroupId;

const PAUSE_BASE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What a worker does after a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Somebody asked meanwhile.
    Again,
    /// Nobody did; the group has no worker any more.
    Done,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Groups with a worker, and whether somebody has asked since its pass began.
    busy: HashMap<GroupId, bool>,
    failures: HashMap<GroupId, u32>,
    timers: HashMap<GroupId, AbortHandle>,
    seen: HashSet<GroupId>,
}

impl Queue {
    /// Returns whether a worker must be started; otherwise the present one will pass again.
    pub(super) fn enter(&self, id: &GroupId) -> bool {
        let mut state = self.lock();
        if let Some(is_asked_again) = state.busy.get_mut(id) {
            *is_asked_again = true;
            return false;
        }
        state.busy.insert(id.clone(), false);
        true
    }

    /// After a pass: whether to pass again.
    pub(super) fn leave(&self, id: &GroupId) -> Next {
        let mut state = self.lock();
        if state.busy.get_mut(id).is_some_and(std::mem::take) {
            return Next::Again;
        }
        state.busy.remove(id);
        Next::Done
    }

    /// The pause before the next try, longer from failure to failure, and not the same for groups
    /// that fail together.
    pub(super) fn failed(&self, id: &GroupId) -> Duration {
        let mut state = self.lock();
        let failures = state.failures.entry(id.clone()).or_default();
        *failures += 1;
        let pause = PAUSE_BASE.saturating_mul(1 << (*failures - 1).min(10)).min(PAUSE_MAX);
        let spread = id.as_str().bytes().fold(0_u32, |sum, b| sum.wrapping_mul(31) + u32::from(b));
        pause.mul_f64(0.75 + f64::from(spread % 100) / 200.0)
    }

    pub(super) fn succeeded(&self, id: &GroupId) {
        self.lock().failures.remove(id);
    }

    /// Replaces the group's timer: the latest pass knows best when to look again.
    pub(super) fn set_timer(&self, id: &GroupId, timer: AbortHandle) {
        if let Some(older) = self.lock().timers.insert(id.clone(), timer) {
            older.abort();
        }
    }

    /// Whether this is the first time this is asked about the group.
    pub(super) fn is_first_pass(&self, id: &GroupId) -> bool {
        self.lock().seen.insert(id.clone())
    }

    pub(super) fn forget(&self, id: &GroupId) {
        let mut state = self.lock();
        state.failures.remove(id);
        if let Some(timer) = state.timers.remove(id) {
            timer.abort();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_worker_at_a_time_and_no_request_is_lost() {
        let (queue, id) = (Queue::default(), GroupId::from_bits(1));
        assert!(queue.enter(&id));
        assert!(!queue.enter(&id) && !queue.enter(&id));
        assert_eq!(queue.leave(&id), Next::Again);
        assert_eq!(queue.leave(&id), Next::Done);
        assert!(queue.enter(&id));
    }

    #[test]
    fn pauses_grow_to_a_limit_and_begin_anew_after_success() {
        let (queue, id) = (Queue::default(), GroupId::from_bits(1));
        let pauses: Vec<_> = (0..20).map(|_| queue.failed(&id)).collect();
        assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]));
        assert!(pauses[0] < PAUSE_BASE * 2 && pauses[19] < PAUSE_MAX * 2);
        queue.succeeded(&id);
        assert_eq!(queue.failed(&id), pauses[0]);
    }
}
