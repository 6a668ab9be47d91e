//! GET `/metrics`: counters of containers and groups, and of the daemon, for Prometheus. Who may
//! read it is decided as for any other operation.

use std::{collections::HashMap, sync::atomic::AtomicU64};

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use wharf_model::{Error, GroupId, group::Group};

use crate::{app::App, http::ApiResult, metrics::Now};

type Labels = Vec<(&'static str, String)>;
type Seconds = Counter<f64, AtomicU64>;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(crate) async fn handle(State(app): State<App>) -> ApiResult<Response> {
    app.metrics.sample(&app).await;
    let mut found: Vec<(Group, Now)> = Vec::new();
    let now: HashMap<GroupId, Now> = app.metrics.now();
    for (id, now) in now {
        if let Some(group) = app.read(move |store| store.group_by_id(&id)).await? {
            found.push((group, now));
        }
    }
    let mut registry = Registry::with_prefix("wharf");
    daemon(&mut registry, &found);
    groups(&mut registry, &found);
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| Error::internal(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

fn daemon(registry: &mut Registry, found: &[(Group, Now)]) {
    let states: Family<Labels, Gauge> = Family::default();
    for (group, _) in found {
        let state = group.status.state.as_str().to_owned();
        states.get_or_create(&vec![("state", state)]).inc();
    }
    registry.register("groups", "Container groups by state", states);
    let memory: Gauge = Gauge::default();
    let own = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = own.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = resident.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<i64>().ok());
    memory.set(kib.unwrap_or(0) * 1024);
    registry.register("daemon_resident_memory_bytes", "Memory of the daemon", memory);
}

fn groups(registry: &mut Registry, found: &[(Group, Now)]) {
    let cpu: Family<Labels, Seconds> = Family::default();
    let memory: Family<Labels, Gauge> = Family::default();
    let received: Family<Labels, Counter> = Family::default();
    let sent: Family<Labels, Counter> = Family::default();
    for (group, now) in found {
        let labels = vec![
            ("resource_group", group.key.resource_group.name.to_string()),
            ("group", group.key.name.to_string()),
        ];
        for (name, usage) in &now.usage.containers {
            let mut labels = labels.clone();
            labels.push(("container", name.to_string()));
            #[expect(clippy::cast_precision_loss, reason = "53 bits of nanoseconds are enough")]
            let seconds = usage.cpu_nanos as f64 / 1e9;
            cpu.get_or_create(&labels).inc_by(seconds);
            let bytes = i64::try_from(usage.memory_bytes).unwrap_or(i64::MAX);
            memory.get_or_create(&labels).set(bytes);
        }
        if let Some(network) = now.usage.network {
            received.get_or_create(&labels).inc_by(network.received);
            sent.get_or_create(&labels).inc_by(network.sent);
        }
    }
    registry.register("container_cpu_usage_seconds", "CPU time used by a container", cpu);
    registry.register("container_memory_usage_bytes", "Memory in use by a container", memory);
    registry.register("group_network_received_bytes", "Bytes received by a group", received);
    registry.register("group_network_transmitted_bytes", "Bytes sent by a group", sent);
}
