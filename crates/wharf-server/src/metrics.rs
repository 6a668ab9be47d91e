//! What groups use: sampled every few seconds, kept by the minute for a day, in memory only.
//!
//! Counters are the kernel's, so a restart of the daemon loses the history and nothing else.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use wharf_arm::metrics::{Metric, Query, Series};
use wharf_model::{
    ContainerName, GroupId,
    metrics::{Point, minute, readings},
};
use wharf_runtime::embedded::usage::{GroupUsage, Traffic};

use crate::app::App;

/// How often everything is looked at.
const PERIOD: Duration = Duration::from_secs(10);
/// Minutes that are kept of each series.
const KEPT: usize = 24 * 60;

/// A series by the minute.
#[derive(Clone, Debug, Default)]
struct History(VecDeque<Point>);

impl History {
    #[expect(clippy::cast_possible_truncation, reason = "readings need no 53 bits")]
    fn add(&mut self, minute: u32, value: f64) {
        let point = Point::new(minute, value as f32);
        match self.0.back_mut() {
            Some(last) if last.minute == minute => last.add(&point),
            _ => self.0.push_back(point),
        }
        if self.0.len() > KEPT {
            self.0.pop_front();
        }
    }
}

#[derive(Debug, Default)]
struct ContainerHistory {
    cpu: History,
    memory: History,
}

/// What a group uses at the moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Now {
    /// By container: thousandths of a CPU, and bytes of memory.
    pub(crate) containers: BTreeMap<ContainerName, (f64, u64)>,
    /// Bytes per second.
    pub(crate) received: f64,
    /// Bytes per second.
    pub(crate) sent: f64,
    /// The counters as they were found.
    pub(crate) usage: GroupUsage,
}

#[derive(Debug, Default)]
struct GroupHistory {
    containers: BTreeMap<ContainerName, ContainerHistory>,
    received: History,
    sent: History,
    at: Option<Timestamp>,
    now: Now,
}

/// The samples of all groups. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    groups: Arc<Mutex<HashMap<GroupId, GroupHistory>>>,
}

impl Metrics {
    fn lock(&self) -> MutexGuard<'_, HashMap<GroupId, GroupHistory>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Samples until `stop`.
    pub(crate) async fn run(&self, app: App, stop: CancellationToken) {
        let mut period = tokio::time::interval(PERIOD);
        period.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = period.tick() => self.sample(&app).await,
            }
        }
    }

    /// Looks at every group once.
    pub(crate) async fn sample(&self, app: &App) {
        let backend = app.controller.backend().clone();
        let found = app
            .blocking(move |store| {
                let groups = store.container_names()?;
                Ok::<_, wharf_store::StoreError>(backend.usage(&groups))
            })
            .await;
        match found {
            Ok(Ok(found)) => self.take(app.clock.now(), found),
            Ok(Err(error)) => {
                tracing::error!(error = wharf_model::error::chain(&error), "sampling failed");
            }
            Err(error) => tracing::error!(?error, "sampling failed"),
        }
    }

    fn take(&self, at: Timestamp, found: HashMap<GroupId, GroupUsage>) {
        let mut groups = self.lock();
        groups.retain(|id, _| found.contains_key(id));
        for (id, usage) in found {
            groups.entry(id).or_default().take(at, usage);
        }
    }

    /// What every group uses now.
    pub(crate) fn now(&self) -> HashMap<GroupId, Now> {
        self.lock().iter().map(|(id, group)| (id.clone(), group.now.clone())).collect()
    }

    /// The series that a query asks for.
    pub(crate) fn series(&self, id: &GroupId, query: &Query, metric: Metric) -> Vec<Series> {
        let groups = self.lock();
        let Some(group) = groups.get(id) else { return vec![empty(query)] };
        let one =
            |history: &History| readings(history.0.iter().copied(), query.range, query.interval);
        let of_group = |history: &History| vec![Series { container: None, readings: one(history) }];
        let cpu: fn(&ContainerHistory) -> &History = |container| &container.cpu;
        let memory: fn(&ContainerHistory) -> &History = |container| &container.memory;
        let which = match metric {
            Metric::CpuUsage => cpu,
            Metric::MemoryUsage => memory,
            Metric::Received => return of_group(&group.received),
            Metric::Sent => return of_group(&group.sent),
        };
        if query.is_split {
            let is_wanted = |name: &str| query.container.as_deref().is_none_or(|w| w == name);
            let wanted = group.containers.iter().filter(|(name, _)| is_wanted(name.as_str()));
            return wanted
                .map(|(name, history)| Series {
                    container: Some(name.to_string()),
                    readings: one(which(history)),
                })
                .collect();
        }
        // As Azure Monitor has it: without a split the containers' samples are one set.
        let all = group.containers.values().flat_map(|history| which(history).0.iter().copied());
        vec![Series { container: None, readings: readings(all, query.range, query.interval) }]
    }
}

fn empty(query: &Query) -> Series {
    let readings = readings(std::iter::empty(), query.range, query.interval);
    Series { container: None, readings }
}

impl GroupHistory {
    fn take(&mut self, at: Timestamp, usage: GroupUsage) {
        let minute = minute(at);
        let seconds = self.at.map(|before| at.duration_since(before).as_secs_f64());
        let rate = |now: u64, before: u64| {
            // A counter that is smaller than before has begun anew.
            let grown = now.checked_sub(before).unwrap_or(now);
            seconds.filter(|seconds| *seconds > 0.0).map(|seconds| as_f64(grown) / seconds)
        };
        let mut now = Now { usage, ..Now::default() };
        for (name, found) in &now.usage.containers {
            let history = self.containers.entry(name.clone()).or_default();
            history.memory.add(minute, as_f64(found.memory_bytes));
            let before = self.now.usage.containers.get(name);
            let cpu = before.and_then(|before| rate(found.cpu_nanos, before.cpu_nanos));
            let millis = cpu.map(|nanos| nanos / 1e6);
            if let Some(millis) = millis {
                history.cpu.add(minute, millis);
            }
            now.containers.insert(name.clone(), (millis.unwrap_or(0.0), found.memory_bytes));
        }
        let before = self.now.usage.network.unwrap_or_default();
        if let (Some(Traffic { received, sent }), Some(_)) = (now.usage.network, self.at) {
            now.received = rate(received, before.received).unwrap_or(0.0);
            now.sent = rate(sent, before.sent).unwrap_or(0.0);
            self.received.add(minute, now.received);
            self.sent.add(minute, now.sent);
        }
        self.now = now;
        self.at = Some(at);
    }
}

#[expect(clippy::cast_precision_loss, reason = "readings need no 64 bits")]
fn as_f64(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use wharf_shim::cgroup::Usage;

    use super::*;

    #[test]
    fn counters_become_rates_and_a_counter_that_begins_anew_is_no_jump() {
        let name = ContainerName::parse("web").unwrap();
        let mut group = GroupHistory::default();
        let mut take = |second, cpu_nanos, received| {
            let found = Usage { cpu_nanos, memory_bytes: 1 << 20 };
            let network = Some(Traffic { received, sent: 0 });
            let containers = BTreeMap::from([(name.clone(), found)]);
            let at = Timestamp::from_second(second).unwrap();
            group.take(at, GroupUsage { containers, network });
            (group.now.containers[&name].0, group.now.received)
        };
        assert_eq!(take(0, 9_000_000_000, 500), (0.0, 0.0));
        assert_eq!(take(10, 14_000_000_000, 1_500), (500.0, 100.0));
        assert_eq!(take(20, 1_000_000_000, 1_500), (100.0, 0.0));
        assert_eq!(group.containers[&name].cpu.0.len(), 1, "one point a minute");
    }

    #[test]
    fn a_day_is_kept() {
        let mut history = History::default();
        for minute in 0..3_000 {
            history.add(minute, 1.0);
        }
        assert_eq!(history.0.len(), KEPT);
        // With 500 groups of one container, four series each: 500 * 4 * 1440 points.
        assert!(size_of::<Point>() * 500 * 4 * KEPT < 60 << 20);
    }
}
