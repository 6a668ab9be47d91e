//! Long-running operations on the wire (operations.md A.4).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
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

/// Where to look while a resource group is removed: its name is in the URL, as on Azure.
pub fn removal_url(base: &str, subscription: &Name, resource_group: &Name) -> String {
    let job = json!({ "jobId": format!("RESOURCEGROUPDELETIONJOB-{resource_group}") });
    let id = URL_SAFE_NO_PAD.encode(job.to_string());
    format!("{base}/subscriptions/{subscription}/operationresults/{id}?api-version=2021-04-01")
}

/// The resource group whose removal such a URL is about.
pub fn removed_resource_group(id: &str) -> Option<String> {
    let job: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(id).ok()?).ok()?;
    job["jobId"].as_str()?.strip_prefix("RESOURCEGROUPDELETIONJOB-").map(str::to_owned)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_group_is_found_again_from_where_its_removal_is_looked_at() {
        let url = removal_url("https://h", &Name::new("s"), &Name::new("My-RG_(1)"));
        let id = url.strip_prefix("https://h/subscriptions/s/operationresults/").unwrap();
        let id = id.split('?').next().unwrap();
        assert_eq!(removed_resource_group(id).as_deref(), Some("My-RG_(1)"));
        assert_eq!(removed_resource_group("e30"), None);
        assert_eq!(removed_resource_group("%%"), None);
    }
}
