//! CPU and memory of a container: requests, limits, and how they add up (semantics.md §3, §4).

use serde_json::{Value, json};
use wharf_model::{
    ContainerName, Error, GroupKey,
    capacity::gib,
    spec::{Amount, ContainerSpec, Resources},
};

use super::unsupported;
use crate::node::Node;

const GIB: f64 = 1_073_741_824.0;

/// The resources of a container, and how they are told back: limits only when they were sent.
pub(super) fn parse(
    properties: &Node<'_>,
    container: &ContainerName,
    key: &GroupKey,
) -> Result<(Resources, Value), Error> {
    let resources = properties.get("resources");
    let requests = resources.as_ref().and_then(|node| node.get("requests"));
    let Some((resources, requests)) = resources.zip(requests) else {
        return Err(requests_missing(container, key));
    };
    refuse_gpu(&requests)?;
    let (cpu, memory) = (requests.get("cpu"), requests.get("memoryInGB"));
    let (Some(cpu), Some(memory)) = (&cpu, &memory) else {
        return Err(request_missing(&requests, (memory, cpu), container, key));
    };
    let requests = Amount { cpu_millis: cpu_millis(cpu)?, memory_bytes: memory_bytes(memory)? };
    let mut limits = requests;
    let mut document = json!({ "requests": amount_document(&requests) });
    if let Some(node) = resources.get("limits") {
        refuse_gpu(&node)?;
        let mut told = json!({});
        if let Some(memory) = node.get("memoryInGB") {
            limits.memory_bytes = memory_bytes(&memory)?;
            told["memoryInGB"] = json!(gib(limits.memory_bytes));
        }
        if let Some(cpu) = node.get("cpu") {
            limits.cpu_millis = cpu_millis(&cpu)?;
            told["cpu"] = json!(cores(limits.cpu_millis));
        }
        document["limits"] = told;
    }
    Ok((Resources { requests, limits }, document))
}

fn requests_missing(container: &ContainerName, key: &GroupKey) -> Error {
    Error::invalid(
        "ResourceRequestsNotSpecified",
        format!(
            "The resource requests are not specified in container '{container}' of contain group \
             '{}'. Both memory and CPU requests are required since API version \
             '2017-07-01-preview'.",
            key.name
        ),
        "properties.containers.properties.resources.requests",
    )
}

/// Memory or CPU is there, not both.
fn request_missing(
    requests: &Node<'_>,
    (memory, cpu): (Option<Node<'_>>, Option<Node<'_>>),
    container: &ContainerName,
    key: &GroupKey,
) -> Error {
    let missing = if cpu.is_none() { "Cpu" } else { "MemoryInGB" };
    let shown = |node: Option<Node<'_>>| node.map_or_else(String::new, |n| n.value.to_string());
    Error::invalid(
        "ResourceSomeRequestsNotSpecified",
        format!(
            "The '{missing}' request is not specified in 'MemoryInGB '{}' Cpu '{}'' in container \
             '{container}' of contain group '{}'. It is required since API version \
             '2017-07-01-preview'.",
            shown(memory),
            shown(cpu),
            key.name
        ),
        &requests.path,
    )
}

fn refuse_gpu(amount: &Node<'_>) -> Result<(), Error> {
    match amount.get("gpu") {
        Some(gpu) => Err(unsupported(&gpu.path, "there are no GPUs")),
        None => Ok(()),
    }
}

fn cores(millis: u32) -> f64 {
    f64::from(millis) / 1000.0
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked before"
)]
fn cpu_millis(node: &Node<'_>) -> Result<u32, Error> {
    let cpu = node.number()?;
    if !(0.01..=1024.0).contains(&cpu) || (cpu * 100.0 - (cpu * 100.0).round()).abs() > 1e-6 {
        return Err(node.invalid("must be a multiple of 0.01 from 0.01 to 1024"));
    }
    Ok((cpu * 1000.0).round() as u32)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked before"
)]
fn memory_bytes(node: &Node<'_>) -> Result<u64, Error> {
    let memory = node.number()?;
    if !(0.0..=65_536.0).contains(&memory) || memory < 0.01 {
        return Err(node.invalid("must be from 0.1 to 65536"));
    }
    if (memory * 10.0 - (memory * 10.0).round()).abs() > 1e-6 {
        return Err(Error::invalid(
            "MemoryRequirementNotTimesOfOneTenthGB",
            format!(
                "The memory '{memory}' at '{}' is invalid. It must be a multiple of 0.1 GB.",
                node.path
            ),
            &node.path,
        ));
    }
    Ok((memory * GIB).round() as u64)
}

fn amount_document(amount: &Amount) -> Value {
    json!({ "memoryInGB": gib(amount.memory_bytes), "cpu": cores(amount.cpu_millis) })
}

/// A limit is at least the container's request and at most the group's (semantics.md §4).
pub(super) fn check_limits(containers: &[ContainerSpec], key: &GroupKey) -> Result<(), Error> {
    let all: Vec<_> = containers.iter().filter_map(|c| Some((&c.name, c.resources?))).collect();
    // At most 60 containers of at most 1024 CPUs and 64 TiB: no overflow.
    let cpu: u32 = all.iter().map(|(_, r)| r.requests.cpu_millis).sum();
    let memory: u64 = all.iter().map(|(_, r)| r.requests.memory_bytes).sum();
    for (name, resources) in &all {
        let (requests, limits) = (resources.requests, resources.limits);
        let too_low = match () {
            () if limits.cpu_millis < requests.cpu_millis => Some("Cpu"),
            () if limits.memory_bytes < requests.memory_bytes => Some("MemoryInGB"),
            () => None,
        };
        if let Some(which) = too_low {
            let shown = json!({
                "requests": amount_document(&requests),
                "limits": amount_document(&limits),
            });
            return Err(Error::invalid(
                "ResourceLimitsLessThanRequests",
                format!(
                    "The resource requirement '{shown}' in container '{name}' of contain group \
                     '{}' is invalid. The '{which}' limit value must be greater than or equal to \
                     the request value.",
                    key.name
                ),
                "properties.containers.properties.resources.limits",
            ));
        }
        let too_high = match () {
            () if limits.cpu_millis > cpu => Some(("Cpu", cores(limits.cpu_millis), cores(cpu))),
            () if limits.memory_bytes > memory => {
                Some(("MemoryInGB", gib(limits.memory_bytes), gib(memory)))
            }
            () => None,
        };
        if let Some((which, limit, total)) = too_high {
            return Err(Error::invalid(
                "ContainerLimitGreaterThanContainerGroupTotalRequest",
                format!(
                    "The '{which}' limit '{limit}' in container '{name}' is greater than the \
                     total request '{total}' of container group '{}'.",
                    key.name
                ),
                "properties.containers.properties.resources.limits",
            ));
        }
    }
    Ok(())
}
