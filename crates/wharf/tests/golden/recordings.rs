//! The recorded exchanges, one after the other.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    accepted::Found,
    bodies, compare,
    harness::{Daemon, arm::Answer, wait_for},
};

const RECORDINGS: &str = include_str!("../fixtures/aci/exchanges.jsonl");
const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";

#[derive(Deserialize)]
struct Exchange {
    src: String,
    method: String,
    uri: String,
    request: Option<Value>,
    status: u16,
    headers: BTreeMap<String, String>,
    response: Value,
}

struct Replay<'a> {
    wharf: &'a Daemon,
    subscription: &'a str,
    /// What was taken out of each group's body, by lower-case path of the group.
    refused: HashMap<String, Vec<String>>,
    /// Recorded polling paths and ours.
    operations: HashMap<String, String>,
    found: Vec<Found>,
}

/// Sends all recorded requests; tells what differs.
pub(crate) fn replay(wharf: &Daemon, subscription: &str) -> Vec<Found> {
    let lines = RECORDINGS.lines().filter(|line| !line.is_empty());
    let exchanges: Vec<Exchange> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut replay = Replay {
        wharf,
        subscription,
        refused: HashMap::new(),
        operations: HashMap::new(),
        found: Vec::new(),
    };
    let mut story = "";
    for (number, exchange) in exchanges.iter().enumerate() {
        if exchange.src != story {
            story = &exchange.src;
            wharf.clear();
            replay.prepare(exchanges.iter().filter(|other| other.src == story));
        }
        replay.exchange(number, exchange);
    }
    replay.found
}

impl Replay<'_> {
    /// The path of a recorded request, in our subscription.
    fn path(&self, uri: &str) -> String {
        let rest = uri.split_once("://").unwrap().1;
        let path = &rest[rest.find('/').unwrap()..];
        path.replace(SUBSCRIPTION, self.subscription)
    }

    fn localise(&self, value: &Value) -> Value {
        let text = value.to_string().replace(SUBSCRIPTION, self.subscription);
        let mut value = serde_json::from_str(&text).unwrap();
        bodies::localise(&mut value);
        value
    }

    /// What was there before a story began: resource groups, and groups that are seen and never
    /// made in it.
    fn prepare<'e>(&mut self, story: impl Iterator<Item = &'e Exchange>) {
        let mut made = HashSet::new();
        for exchange in story {
            let path = self.path(&exchange.uri);
            let path = path.split('?').next().unwrap();
            if let Some((home, _)) = path.split_once("/providers/Microsoft.ContainerInstance")
                && home.contains("/resourceGroups/")
            {
                let body = json!({ "location": "westus" });
                self.wharf.arm("PUT", &format!("{home}?api-version=2021-04-01"), Some(&body));
            }
            let is_group = path.rsplit('/').nth(1) == Some("containerGroups");
            if is_group && made.insert(path.to_owned()) && exchange.method == "GET" {
                let group = self.localise(&exchange.response);
                let given = format!("{path}?api-version=2021-10-01");
                self.put("given", &given, &group);
            }
        }
    }

    fn put(&mut self, place: &str, path: &str, group: &Value) -> Answer {
        // The identities that it has were made by others.
        let ids = group["identity"]["userAssignedIdentities"].as_object();
        for id in ids.into_iter().flat_map(serde_json::Map::keys) {
            let body = json!({ "location": "westus" });
            self.wharf.arm("PUT", &format!("{id}?api-version=2023-01-31"), Some(&body));
        }
        let mut body = bodies::body_of(group);
        // Nor can its address be had here.
        if let Some(address) = body["properties"]["ipAddress"].as_object_mut() {
            address.remove("ip");
        }
        let (answer, refused) = bodies::put(self.wharf, place, path, body, &mut self.found);
        assert!(answer.status < 300, "{place} {path}: {answer:#?}");
        let group = path.split('?').next().unwrap().to_lowercase();
        self.refused.insert(group, refused);
        answer
    }

    fn exchange(&mut self, number: usize, exchange: &Exchange) {
        let place = format!("#{number}");
        let path = self.path(&exchange.uri);
        if exchange.status >= 500 {
            self.note(&place, vec![format!("not sent: Azure answered {}", exchange.status)]);
            return;
        }
        let path = self.operations.get(&path).unwrap_or(&path).clone();
        let mut differences = Vec::new();
        if exchange.method == "POST" && path.contains("/stop?") {
            // Else it depends on the moment which containers had been started again.
            self.settle(&path);
        }
        // What was recorded as settled takes a moment here as well.
        wait_for(Duration::from_secs(10), || {
            let answer = if exchange.method == "PUT" {
                let group = self.localise(exchange.request.as_ref().unwrap_or(&exchange.response));
                self.put(&place, &path, &group)
            } else {
                let tags = json!({ "tags": exchange.response["tags"] });
                let body = exchange
                    .request
                    .as_ref()
                    .or_else(|| (exchange.method == "PATCH").then_some(&tags));
                self.wharf.arm(&exchange.method, &path, body)
            };
            self.remember(exchange, &answer);
            // Only now is it known what was refused.
            let recorded = self.expected(&exchange.response);
            differences = differing(exchange, &recorded, &answer);
            exchange.method != "GET" || !differences.iter().any(|what| is_of_the_moment(what))
        });
        self.note(&place, differences);
    }

    /// Waits until all containers of the group that a path belongs to run.
    fn settle(&self, path: &str) {
        let group = path.replace("/stop?", "?");
        let is_up = wait_for(Duration::from_secs(20), || {
            let answer = self.wharf.arm("GET", &group, None);
            let containers = answer.at("/properties/containers").as_array();
            let state = "/properties/instanceView/currentState/state";
            answer.at("/properties/provisioningState") == "Succeeded"
                && containers
                    .into_iter()
                    .flatten()
                    .all(|c| c.pointer(state).is_some_and(|s| s == "Running"))
        });
        assert!(is_up, "{path} does not run:\n{}", self.wharf.log());
    }

    fn note(&mut self, place: &str, differences: Vec<String>) {
        let found = |what| Found { place: place.to_owned(), what };
        self.found.extend(differences.into_iter().map(found));
    }

    /// The recorded answer as it would be here: local images, without what was refused.
    fn expected(&self, recorded: &Value) -> Value {
        let mut recorded = self.localise(recorded);
        let groups = match recorded.get_mut("value") {
            Some(Value::Array(groups)) => groups.iter_mut().collect(),
            _ => vec![&mut recorded],
        };
        for group in groups {
            let id = group["id"].as_str().unwrap_or_default().to_lowercase();
            for path in self.refused.get(&id).into_iter().flatten() {
                bodies::remove(group, path);
            }
        }
        recorded
    }

    /// Which operation of ours stands for a recorded one.
    fn remember(&mut self, exchange: &Exchange, answer: &Answer) {
        let name = "azure-asyncoperation";
        if let (Some(theirs), Some(ours)) = (exchange.headers.get(name), answer.headers.get(name)) {
            self.operations.insert(self.path(theirs), self.path(ours));
        }
    }
}

/// Whether a difference may be gone when looked at again.
fn is_of_the_moment(what: &str) -> bool {
    let states =
        ["status is", "tate is", "missing properties.containers[].properties.instanceView"];
    states.iter().any(|state| what.contains(state))
}

fn differing(exchange: &Exchange, recorded: &Value, answer: &Answer) -> Vec<String> {
    if answer.status != exchange.status {
        return vec![format!(
            "status {} {}, recorded {}",
            answer.status,
            answer.code(),
            exchange.status
        )];
    }
    let mut differences = compare::headers(&exchange.headers, &answer.headers);
    let (mut recorded, mut ours) = (recorded.clone(), answer.body.clone().unwrap_or_default());
    level_states(&mut recorded, &mut ours);
    sort_lists(&mut recorded);
    sort_lists(&mut ours);
    differences.extend(compare::bodies(&recorded, &ours));
    differences
}

/// A recorded state of transition says only how slow Azure was that day.
fn level_states(recorded: &mut Value, ours: &mut Value) {
    for pointer in ["/status", "/properties/provisioningState"] {
        let state = recorded.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if !["", "Succeeded", "Failed"].contains(&state)
            && let (Some(recorded), Some(ours)) =
                (recorded.pointer_mut(pointer), ours.pointer_mut(pointer))
        {
            *ours = recorded.take();
            *recorded = ours.clone();
        }
    }
}

/// Lists have no order of their own: that of their ids.
fn sort_lists(value: &mut Value) {
    if let Some(items) = value.get_mut("value").and_then(Value::as_array_mut) {
        items.sort_by_key(|item| item["id"].as_str().unwrap_or_default().to_lowercase());
    }
}
