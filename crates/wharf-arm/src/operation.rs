//! Long-running operations on the wire (operations.md A.4).

use serde_json::{Value, json};
use wharf_model::{
    Name, OperationId,
    event::Event,
    operation::{Operation, OperationState},
};

use crate::{container_group, resource_id, time};

/// The version that polling URLs carry, as on the real service.
const POLL_VERSION: &str = "2018-06-01";

/// The absolute URL to poll; `base` is scheme and authority as the client knows them.
pub fn url(base: &str, subscription: &Name, location: &str, id: &OperationId) -> String {
    format!(
        "{base}/subscriptions/{subscription}/providers/Microsoft.ContainerInstance/locations/\
         {location}/operations/{id}?api-version={POLL_VERSION}"
    )
}

/// The status body: 200 while it runs and after.
pub fn render(operation: &Operation, events: &[Event]) -> Value {
    let status = match &operation.state {
        OperationState::Running => "Pending",
        OperationState::Succeeded => "Succeeded",
        OperationState::Failed { .. } => "Failed",
        OperationState::Canceled => "Canceled",
    };
    let events: Vec<Value> = events.iter().map(container_group::event).collect();
    let mut body = json!({
        "id": resource_id::container_group(&operation.key),
        "name": operation.id.to_string(),
        "status": status,
        "startTime": time::millis(operation.started_at),
        "properties": { "events": events },
    });
    if let Some(at) = operation.finished_at {
        body["endTime"] = json!(time::millis(at));
    }
    if let OperationState::Failed { code, message } = &operation.state {
        body["error"] = json!({ "code": code, "message": message });
    }
    body
}
