//! PUT bodies of container groups: what is refused, how it is told, what comes back.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod echo;
mod fuzz;
mod refused;

use serde_json::{Value, json};
use wharf_arm::{ApiVersion, container_group};
use wharf_model::{Error, GroupKey, Name, ResourceGroupKey, change::Proposal};

/// The group `g` in the resource group `rg`.
fn key() -> GroupKey {
    let resource_group = ResourceGroupKey { subscription: Name::new("s"), name: Name::new("rg") };
    GroupKey { resource_group, name: Name::new("g") }
}

/// A body with the container `c` that is accepted.
fn body() -> Value {
    json!({
        "location": "West US",
        "properties": {
            "osType": "Linux",
            "containers": [{
                "name": "c",
                "properties": {
                    "image": "nginx",
                    "ports": [{ "port": 80 }],
                    "resources": { "requests": { "cpu": 1, "memoryInGB": 1.5 } },
                },
            }],
        },
    })
}

/// The same body with some members set; a path such as `/properties/sku`, null removes.
fn with(changes: &[(&str, Value)]) -> Value {
    let mut body = body();
    for (path, value) in changes {
        let (parent, name) = path.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = value.clone();
    }
    body
}

fn parse(body: &Value) -> Result<Proposal, Error> {
    container_group::parse(body, &key(), ApiVersion::LATEST)
}

/// What is told back of a body.
fn echo(body: &Value) -> Value {
    let proposal = parse(body).unwrap_or_else(|error| panic!("{error:?} for {body:#}"));
    serde_json::from_str(&proposal.document).unwrap()
}
