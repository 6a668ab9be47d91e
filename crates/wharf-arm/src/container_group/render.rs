//! The document of a group: what was sent, normalised, with what has become of it
//! (semantics.md §22; order of members: operations.md A.3).

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};
use wharf_model::{
    ContainerName,
    event::{Event, EventType},
    group::{Group, Power},
    status::{ContainerStatus, Run},
};

use super::{
    states::{STOPPED, detail_status, group_state, provisioning_state, waiting_detail},
    versions,
};
use crate::{ApiVersion, resource_id, time};

/// Which view of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// With instance views.
    Full,
    /// As in lists: without.
    List,
}

/// What rendering needs to know of the installation.
#[derive(Clone, Debug)]
pub struct RenderContext {
    /// What DNS names end in, such as `azurecontainer.wharf.internal`.
    pub dns_suffix: String,
}

/// The document of a group for a version.
pub fn render(
    group: &Group,
    events: &[Event],
    version: ApiVersion,
    view: View,
    context: &RenderContext,
) -> Value {
    let stored: Value = serde_json::from_str(&group.document).unwrap_or_default();
    let stored = versions::known(&stored, version);
    let mut properties = Map::new();
    let has_sku = stored["properties"].get("sku").is_some();
    for (name, value) in stored["properties"].as_object().into_iter().flatten() {
        match name.as_str() {
            "containers" | "initContainers" => {
                properties.insert(name.clone(), containers(value, group, events, view));
            }
            "ipAddress" => {
                properties.insert(name.clone(), ip_address(value, group, context));
            }
            _ => drop(properties.insert(name.clone(), value.clone())),
        }
        if name == "sku" {
            add_provisioning(&mut properties, group, version);
        }
    }
    if !has_sku {
        add_provisioning(&mut properties, group, version);
    }
    if view == View::Full {
        let own = events.iter().filter(|e| e.container.is_none()).map(event).collect::<Vec<_>>();
        let view = json!({ "events": own, "state": group_state(group) });
        properties.insert("instanceView".to_owned(), view);
    }
    let mut document = json!({ "properties": properties });
    if let Some(identity) = stored.get("identity") {
        document["identity"] = identity.clone();
    }
    let rest = json!({
        "id": resource_id::container_group(&group.key),
        "name": group.key.name.as_str(),
        "type": resource_id::CONTAINER_GROUP,
        "location": group.location,
    });
    for (name, value) in rest.as_object().into_iter().flatten() {
        document[name] = value.clone();
    }
    if let Some(zones) = stored.get("zones") {
        document["zones"] = zones.clone();
    }
    let tags: Value = serde_json::from_str(&group.tags).unwrap_or_else(|_| json!({}));
    if !tags.is_null() {
        document["tags"] = tags;
    }
    document
}

fn add_provisioning(properties: &mut Map<String, Value>, group: &Group, version: ApiVersion) {
    properties.insert("provisioningState".to_owned(), json!(provisioning_state(group)));
    if version.has_provisioning_timeout() {
        properties.insert("provisioningTimeoutInSeconds".to_owned(), json!(1800));
        properties.insert("isCustomProvisioningTimeout".to_owned(), json!(false));
    }
}

fn containers(stored: &Value, group: &Group, events: &[Event], view: View) -> Value {
    let with_view = |stored: &Value| {
        let name = stored["name"].as_str().and_then(ContainerName::parse);
        let status = name.as_ref().and_then(|name| group.status.containers.get(name));
        let (Some(name), Some(status), View::Full) = (name, status, view) else {
            return stored.clone();
        };
        let mut properties = Map::new();
        for (member, value) in stored["properties"].as_object().into_iter().flatten() {
            properties.insert(member.clone(), value.clone());
            if member == "environmentVariables" {
                let view = instance_view(&name, status, group, events);
                properties.insert("instanceView".to_owned(), view);
            }
        }
        json!({ "name": name.as_str(), "properties": properties })
    };
    stored.as_array().into_iter().flatten().map(with_view).collect()
}

fn instance_view(
    name: &ContainerName,
    status: &ContainerStatus,
    group: &Group,
    events: &[Event],
) -> Value {
    let is_stopped = group.power == Power::Stopped;
    let mut view = json!({ "restartCount": status.restart_count() });
    let mut runs = status.runs.iter().rev();
    let is_waiting = status.waiting.is_some() || status.runs.is_empty();
    if is_waiting && is_stopped {
        view["currentState"] = json!({ "state": "Terminated", "detailStatus": STOPPED });
    } else if is_waiting {
        view["currentState"] =
            json!({ "state": "Waiting", "detailStatus": waiting_detail(status) });
    } else if let Some(run) = runs.next() {
        view["currentState"] = run_state(run, is_stopped);
    }
    if let Some(run) = runs.next() {
        view["previousState"] = run_state(run, false);
    }
    let own = events.iter().filter(|e| e.container.as_ref() == Some(name)).map(event);
    view["events"] = own.collect();
    view
}

fn run_state(run: &Run, is_stopped: bool) -> Value {
    let started = time::millis(run.started_at);
    match &run.exit {
        None => json!({ "state": "Running", "startTime": started, "detailStatus": "" }),
        Some(exit) => json!({
            "state": "Terminated",
            "startTime": started,
            "exitCode": exit.code,
            "finishTime": time::millis(exit.at),
            "detailStatus": detail_status(exit, is_stopped),
        }),
    }
}

/// One event.
pub fn event(event: &Event) -> Value {
    let kind = match event.reason.event_type() {
        EventType::Normal => "Normal",
        EventType::Warning => "Warning",
    };
    json!({
        "count": event.count,
        "firstTimestamp": time::seconds(event.first),
        "lastTimestamp": time::seconds(event.last),
        "name": event.reason.as_str(),
        "message": event.message,
        "type": kind,
    })
}

/// Where the group is reached.
fn own_address(group: &Group) -> Option<Ipv4Addr> {
    group.private.map(|place| place.address).or(group.address)
}

fn ip_address(stored: &Value, group: &Group, context: &RenderContext) -> Value {
    let mut address = Map::new();
    for (member, value) in stored.as_object().into_iter().flatten() {
        address.insert(member.clone(), value.clone());
        if member == "ports"
            && let (Some(ip), Power::Running) = (own_address(group), group.power)
        {
            address.insert("ip".to_owned(), json!(ip.to_string()));
        }
    }
    let name = group.spec.ip_address.as_ref().and_then(|own| own.dns_name(&group.location));
    if let Some(name) = name {
        address.insert("fqdn".to_owned(), json!(format!("{name}.{}", context.dns_suffix)));
    }
    Value::Object(address)
}
