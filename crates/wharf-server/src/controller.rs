//! The controller: brings every group to what is desired, one pass at a time.
//!
//! A queue keyed by group. A poke holds an id and nothing else; losing one costs latency, not
//! correctness, since everything is looked at again from time to time. There are never two passes
//! over one group, a failing group is tried with growing pauses, and no group waits for another.

mod queue;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore, broadcast};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use wharf_model::{
    Generation, GroupId,
    backend::{Backend, BackendError, Desired, Disposition, Pass},
    clock::Clock,
    error::chain,
    event::Occurrence,
    operation::OperationState,
    status::GroupStatus,
};
use wharf_store::{Store, StoreError};

use queue::{Next, Queue};

/// Passes under way at once.
const WORKERS: usize = 16;
/// How often everything is looked at even if nobody asks.
const RESYNC: Duration = Duration::from_mins(5);
/// How long a group may take to settle before its operation has failed (semantics.md §3).
const PROVISIONING_MAX: Duration = Duration::from_mins(30);
/// How long ended operations can be polled.
const OPERATIONS_KEPT: Duration = Duration::from_hours(24);
const HOUSEKEEPING: Duration = Duration::from_secs(30);

/// Changes that a slow listener may be behind by before it has to look at everything again.
const CHANGES_MAX: usize = 1024;

/// What was last written about a group, to spare writing it again.
type Written = (Generation, GroupStatus, bool, Vec<Occurrence>);

/// Cheap to clone; all clones are one.
pub(crate) struct Controller<B> {
    inner: Arc<Inner<B>>,
}

impl<B> Clone for Controller<B> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<B> fmt::Debug for Controller<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Controller")
    }
}

struct Inner<B> {
    store: Store,
    backend: B,
    clock: Arc<dyn Clock>,
    grace: Duration,
    queue: Queue,
    workers: Semaphore,
    tasks: TaskTracker,
    stop: CancellationToken,
    written: Mutex<HashMap<GroupId, Written>>,
    watchers: Mutex<HashMap<GroupId, Arc<Notify>>>,
    changes: broadcast::Sender<GroupId>,
    /// Groups that have not had their first pass yet.
    unseen: AtomicUsize,
}

/// A pass that did not go through.
#[derive(Debug, thiserror::Error)]
enum PassError {
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a thread of the store ended early")]
    Join(#[from] tokio::task::JoinError),
}

impl<B: Backend> Controller<B> {
    /// A controller that does nothing until it is [run](Self::run). `grace` is how long containers
    /// may take to end.
    pub(crate) fn new(store: Store, backend: B, clock: Arc<dyn Clock>, grace: Duration) -> Self {
        let inner = Inner {
            store,
            backend,
            clock,
            grace,
            queue: Queue::default(),
            workers: Semaphore::new(WORKERS),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            written: Mutex::default(),
            watchers: Mutex::default(),
            changes: broadcast::Sender::new(CHANGES_MAX),
            unseen: AtomicUsize::new(usize::MAX),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The backend it drives.
    pub(crate) fn backend(&self) -> &B {
        &self.inner.backend
    }

    /// Tells of groups that have changed, from now on.
    pub(crate) fn changes(&self) -> broadcast::Receiver<GroupId> {
        self.inner.changes.subscribe()
    }

    /// Ends when the daemon does.
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.inner.stop.clone()
    }

    /// Asks for a look at a group, soon.
    pub(crate) fn poke(&self, id: &GroupId) {
        if !self.inner.stop.is_cancelled() && self.inner.queue.enter(id) {
            let (controller, id) = (self.clone(), id.clone());
            self.inner.tasks.spawn(controller.work(id));
        }
    }

    /// Whether every group known at the start has been looked at.
    pub(crate) fn is_ready(&self) -> bool {
        self.inner.unseen.load(Ordering::Acquire) == 0
    }

    /// Waits until a generation of a group has settled, or a later one has taken its place, or the
    /// group is gone; returns whether that came in time.
    pub(crate) async fn wait_settled(
        &self,
        id: &GroupId,
        generation: Generation,
        limit: Duration,
    ) -> bool {
        self.wait(id, limit, move |group| {
            group.is_none_or(|group| group.is_settled || group.generation > generation)
        })
        .await
    }

    /// Waits until a group is gone; returns whether that came in time.
    pub(crate) async fn wait_gone(&self, id: &GroupId, limit: Duration) -> bool {
        self.wait(id, limit, |group| group.is_none()).await
    }

    /// Waits on a level, not on an edge: looks after every change of the group.
    async fn wait(
        &self,
        id: &GroupId,
        limit: Duration,
        is_reached: impl Fn(Option<wharf_model::group::Group>) -> bool,
    ) -> bool {
        let notify = Arc::clone(lock(&self.inner.watchers).entry(id.clone()).or_default());
        let reached = tokio::time::timeout(limit, async {
            loop {
                let mut changed = std::pin::pin!(notify.notified());
                changed.as_mut().enable();
                let wanted = id.clone();
                if let Ok(Ok(group)) = self.blocking(move |s| s.group_by_id(&wanted)).await
                    && is_reached(group)
                {
                    return;
                }
                changed.await;
            }
        })
        .await
        .is_ok();
        drop(notify);
        lock(&self.inner.watchers).retain(|_, notify| Arc::strong_count(notify) > 1);
        reached
    }

    /// Looks at everything, clears orphans away, and then keeps house until `stop`.
    pub(crate) async fn run(&self, stop: CancellationToken) -> Result<(), StoreError> {
        let known = self.inner.store.group_ids()?;
        self.inner.unseen.store(known.len(), Ordering::Release);
        for id in &known {
            self.poke(id);
        }
        self.remove_orphans(known.into_iter().collect()).await;
        let mut resync = tokio::time::interval(RESYNC);
        let mut housekeeping = tokio::time::interval(HOUSEKEEPING);
        resync.tick().await;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = resync.tick() => self.poke_all().await,
                _ = housekeeping.tick() => self.keep_house().await,
            }
        }
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        Ok(())
    }

    async fn poke_all(&self) {
        match self.blocking(Store::group_ids).await {
            Ok(Ok(ids)) => ids.iter().for_each(|id| self.poke(id)),
            Ok(Err(error)) => tracing::error!(error = chain(&error), "listing groups failed"),
            Err(error) => tracing::error!(%error, "listing groups failed"),
        }
    }

    async fn keep_house(&self) {
        let now = self.inner.clock.now();
        let before = |age: Duration| now.checked_sub(age).unwrap_or(Timestamp::MIN);
        let (overdue, old) = (before(PROVISIONING_MAX), before(OPERATIONS_KEPT));
        let state = OperationState::Failed {
            code: "ContainerGroupProvisioningTimeout".to_owned(),
            message: "The container group was not deployed within 30 minutes.".to_owned(),
        };
        let kept = self
            .blocking(move |store| {
                store.fail_overdue(now, overdue, &state)?;
                store.prune_operations(old)
            })
            .await;
        if let Ok(Err(error)) = kept {
            tracing::error!(error = chain(&error), "keeping house failed");
        }
    }

    /// What exists here and the store does not know was left by a crash, or by a store that was
    /// removed. Groups that appear meanwhile are known to the store before anything of them exists.
    async fn remove_orphans(&self, known: HashSet<GroupId>) {
        let found = match self.inner.backend.inventory().await {
            Ok(found) => found,
            Err(error) => {
                return tracing::error!(error = chain(&error), "looking for orphans failed");
            }
        };
        for id in found.into_iter().filter(|id| !known.contains(id)) {
            let wanted = id.clone();
            let is_new = self.blocking(move |store| store.group_by_id(&wanted)).await;
            if !matches!(is_new, Ok(Ok(None))) {
                continue;
            }
            tracing::warn!(group = %id, "removing what is left of an unknown group");
            if let Err(error) = self.inner.backend.remove_orphan(&id).await {
                tracing::error!(group = %id, error = chain(&error), "removing an orphan failed");
            }
        }
    }

    /// Passes over one group until nobody asks for another.
    async fn work(self, id: GroupId) {
        let mut is_first = true;
        loop {
            let outcome = {
                let Ok(_permit) = self.inner.workers.acquire().await else { return };
                self.pass_caught(&id).await
            };
            if std::mem::take(&mut is_first) {
                self.count_seen(&id);
            }
            let pause = match outcome {
                Ok(pause) => {
                    self.inner.queue.succeeded(&id);
                    pause
                }
                Err(pause) => Some(pause),
            };
            match self.inner.queue.leave(&id) {
                Next::Again if !self.inner.stop.is_cancelled() => {}
                Next::Again | Next::Done => return self.poke_later(&id, pause),
            }
        }
    }

    /// Counts down the groups known at the start; later ones find the count at zero.
    fn count_seen(&self, id: &GroupId) {
        if self.inner.queue.is_first_pass(id) {
            let down = |left: usize| left.checked_sub(1).filter(|_| left != usize::MAX);
            // At zero there is nothing to count down.
            let _was = self.inner.unseen.fetch_update(Ordering::AcqRel, Ordering::Acquire, down);
        }
    }

    fn poke_later(&self, id: &GroupId, pause: Option<Duration>) {
        let Some(pause) = pause else { return };
        let (controller, wanted) = (self.clone(), id.clone());
        let timer = tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            controller.poke(&wanted);
        });
        self.inner.queue.set_timer(id, timer.abort_handle());
    }

    /// A pass; whatever goes wrong in it stays with this group. The error is the pause before the
    /// next try.
    async fn pass_caught(&self, id: &GroupId) -> Result<Option<Duration>, Duration> {
        let (controller, wanted) = (self.clone(), id.clone());
        let pass = tokio::spawn(async move { controller.pass(&wanted).await });
        match pass.await {
            Ok(Ok(wake_at)) => Ok(wake_at.map(|at| {
                let left = at.duration_since(self.inner.clock.now());
                Duration::try_from(left).unwrap_or_default()
            })),
            Ok(Err(error)) => {
                let pause = self.inner.queue.failed(id);
                tracing::error!(group = %id, error = chain(&error), ?pause, "pass failed");
                let gives_up = matches!(
                    &error,
                    PassError::Backend(BackendError { disposition: Disposition::GiveUp, .. })
                );
                Err(if gives_up { RESYNC } else { pause })
            }
            Err(error) => {
                let pause = self.inner.queue.failed(id);
                tracing::error!(group = %id, %error, "pass panicked");
                Err(pause)
            }
        }
    }

    /// Observe, decide, act and record, until the backend has nothing more to do for now.
    async fn pass(&self, id: &GroupId) -> Result<Option<Timestamp>, PassError> {
        loop {
            let (wanted, grace) = (id.clone(), self.inner.grace);
            let desired = self.blocking(move |s| s.desired(&wanted, grace)).await??;
            let Some(desired) = desired else {
                self.forget_here(id);
                return Ok(None);
            };
            let now = self.inner.clock.now();
            let pass = self.inner.backend.reconcile(now, &desired).await?;
            fail::fail_point!("pass.before_record", |_| std::process::abort());
            if pass.is_gone {
                let wanted = id.clone();
                self.blocking(move |store| store.forget(now, &wanted)).await??;
                self.forget_here(id);
                self.announce(id);
                return Ok(None);
            }
            let (again, wake_at) = (pass.again, pass.wake_at);
            self.record(desired, pass).await?;
            fail::fail_point!("pass.after_record", |_| std::process::abort());
            if !again {
                return Ok(wake_at);
            }
        }
    }

    async fn record(&self, desired: Desired, pass: Pass) -> Result<(), PassError> {
        let Desired { id, generation, is_from_earlier_boot, .. } = desired;
        let news: Written = (generation, pass.status, pass.is_settled, pass.occurrences);
        if !is_from_earlier_boot && lock(&self.inner.written).get(&id) == Some(&news) {
            return Ok(());
        }
        let (now, wanted, written) = (self.inner.clock.now(), id.clone(), news.clone());
        self.blocking(move |store| {
            let (generation, status, is_settled, occurrences) = &written;
            store.record(now, &wanted, *generation, (status, *is_settled), occurrences)
        })
        .await??;
        lock(&self.inner.written).insert(id.clone(), news);
        self.announce(&id);
        Ok(())
    }

    /// Tells who waits for a group, and who watches all of them, that it has changed.
    pub(crate) fn announce(&self, id: &GroupId) {
        // Nobody may be watching.
        drop(self.inner.changes.send(id.clone()));
        if let Some(notify) = lock(&self.inner.watchers).get(id) {
            notify.notify_waiters();
        }
    }

    fn forget_here(&self, id: &GroupId) {
        lock(&self.inner.written).remove(id);
        self.inner.queue.forget(id);
    }

    /// Runs what blocks on the store where that holds nobody up.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> Result<T, tokio::task::JoinError> {
        let store = self.inner.store.clone();
        tokio::task::spawn_blocking(move || work(&store)).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
