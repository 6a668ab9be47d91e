//! GET `/wharf/v1/usage`: what every running container uses now, for `wharf top`.

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{app::App, http::ApiResult};

pub(crate) async fn handle(State(app): State<App>) -> ApiResult<Json<Value>> {
    app.metrics.sample(&app).await;
    let mut rows = Vec::new();
    for (id, now) in app.metrics.now() {
        let Some(group) = app.read(move |store| store.group_by_id(&id)).await? else { continue };
        for (name, (cpu_millis, memory_bytes)) in &now.containers {
            let limits = group.spec.container(name).and_then(|c| c.resources).map(|r| r.limits);
            rows.push(json!({
                "resourceGroup": group.key.resource_group.name,
                "group": group.key.name,
                "container": name,
                "cpuMillicores": cpu_millis.round(),
                "cpuLimitMillicores": limits.map(|limits| limits.cpu_millis),
                "memoryBytes": memory_bytes,
                "memoryLimitBytes": limits.map(|limits| limits.memory_bytes),
                "receivedBytesPerSecond": now.received.round(),
                "transmittedBytesPerSecond": now.sent.round(),
            }));
        }
    }
    let cpu = |row: &Value| row["cpuMillicores"].as_f64().unwrap_or(0.0);
    rows.sort_by(|a, b| cpu(b).total_cmp(&cpu(a)));
    Ok(Json(json!({ "value": rows })))
}
