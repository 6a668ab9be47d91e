//! Containers and init containers of a PUT body (semantics.md §2, §4, §8, §10).

use std::collections::HashSet;

use serde_json::{Map, Value, json};
use wharf_model::{
    ContainerName, Error, GroupKey,
    capacity::gib,
    spec::{Amount, ContainerSpec, EnvVar, ProbeSpec, Resources},
};

use super::{exposure, probes, security, unsupported, volumes};
use crate::node::Node;

/// Containers and init containers together (semantics.md §3).
const CONTAINERS_MAX: usize = 60;
const GIB: f64 = 1_073_741_824.0;

type Parsed = (Vec<ContainerSpec>, Vec<Value>);

pub(super) fn parse(properties: &Node<'_>, key: &GroupKey) -> Result<Parsed, Error> {
    let list = properties.require("containers")?;
    let nodes = list.items()?;
    if nodes.is_empty() {
        return Err(list.invalid("must hold at least one container"));
    }
    let parsed = parse_all(&nodes, key, true)?;
    check_limits(&parsed.0, key)?;
    Ok(parsed)
}

pub(super) fn parse_inits(
    properties: &Node<'_>,
    key: &GroupKey,
    containers: &[ContainerSpec],
) -> Result<Parsed, Error> {
    let parsed = parse_all(&properties.list("initContainers")?, key, false)?;
    let mut names = HashSet::new();
    let all = containers.iter().chain(&parsed.0);
    if let Some(twice) = all.clone().find(|container| !names.insert(&container.name)) {
        return Err(Error::invalid(
            "DuplicateContainerName",
            format!(
                "The container name '{}' is used more than once in container group '{}'.",
                twice.name, key.name
            ),
            "properties.containers",
        ));
    }
    let count = all.count();
    if count > CONTAINERS_MAX {
        return Err(Error::invalid(
            "TooManyContainers",
            format!(
                "The container group '{}' has {count} containers; the most is {CONTAINERS_MAX}, \
                 init containers included.",
                key.name
            ),
            "properties.containers",
        ));
    }
    Ok(parsed)
}

fn parse_all(nodes: &[Node<'_>], key: &GroupKey, is_app: bool) -> Result<Parsed, Error> {
    let parsed: Result<Vec<_>, _> = nodes.iter().map(|node| parse_one(node, key, is_app)).collect();
    Ok(parsed?.into_iter().unzip())
}

fn parse_one(
    node: &Node<'_>,
    key: &GroupKey,
    is_app: bool,
) -> Result<(ContainerSpec, Value), Error> {
    let name = name(node, key)?;
    let properties = node.require("properties")?;
    let image = properties.require("image")?;
    if image.text()?.trim().is_empty() {
        return Err(image.invalid("must name an image"));
    }
    let mut echo = Map::new();
    let image = image.text()?.to_owned();
    echo.insert("image".to_owned(), json!(image));
    let command: Result<Vec<String>, Error> =
        properties.list("command")?.iter().map(Node::loose_text).collect();
    let command = command?;
    if properties.get("command").is_some() {
        echo.insert("command".to_owned(), json!(command));
    }
    let (ports, port_documents) =
        if is_app { exposure::ports(&properties)? } else { (Vec::new(), Vec::new()) };
    if is_app {
        echo.insert("ports".to_owned(), json!(port_documents));
    }
    let (environment, documents) = environment(&properties, &name, key)?;
    echo.insert("environmentVariables".to_owned(), json!(documents));
    let resources = if is_app { Some(resources(&properties, &name, key)?) } else { None };
    if let Some(resources) = &resources {
        let has_limits = properties.get("resources").is_some_and(|r| r.get("limits").is_some());
        echo.insert("resources".to_owned(), resources_document(resources, has_limits));
    }
    let (volume_mounts, documents) = volumes::mounts(&properties)?;
    if properties.get("volumeMounts").is_some() {
        echo.insert("volumeMounts".to_owned(), json!(documents));
    }
    let mut probe = |kind: probes::Kind| -> Result<Option<ProbeSpec>, Error> {
        // As on Azure, init containers have none (semantics.md §8).
        let parsed = if is_app { probes::parse(&properties, kind)? } else { None };
        let Some((probe, document)) = parsed else { return Ok(None) };
        echo.insert(kind.property().to_owned(), document);
        Ok(Some(probe))
    };
    let liveness_probe = probe(probes::Kind::Liveness)?;
    let readiness_probe = probe(probes::Kind::Readiness)?;
    let (security, document) = security::parse(&properties)?;
    if let Some(document) = document {
        echo.insert("securityContext".to_owned(), document);
    }
    if let Some(config_map) = properties.get("configMap") {
        echo.insert("configMap".to_owned(), config_map.value.clone());
    }
    let document = json!({ "name": name.as_str(), "properties": echo });
    let spec = ContainerSpec {
        name,
        image,
        command,
        environment,
        ports,
        resources,
        volume_mounts,
        liveness_probe,
        readiness_probe,
        security,
    };
    Ok((spec, document))
}

fn name(node: &Node<'_>, key: &GroupKey) -> Result<ContainerName, Error> {
    let name = node.require("name")?;
    let text = name.text()?;
    ContainerName::parse(text).ok_or_else(|| {
        Error::invalid(
            "InvalidContainerName",
            format!(
                "The container name '{text}' in container group '{}' is invalid. The container \
                 name must contain no more than 63 characters and must match the regex \
                 '[a-z0-9]([-a-z0-9]*[a-z0-9])?' (e.g. 'my-name').",
                key.name
            ),
            &name.path,
        )
    })
}

fn environment(
    properties: &Node<'_>,
    container: &ContainerName,
    key: &GroupKey,
) -> Result<(Vec<EnvVar>, Vec<Value>), Error> {
    let mut variables = Vec::new();
    let mut documents = Vec::new();
    for node in properties.list("environmentVariables")? {
        let name = node.require("name")?;
        let text = name.text()?.to_owned();
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !starts_well || !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(Error::invalid(
                "InvalidContainerEnvironmentVariable",
                format!(
                    "The environment variable name '{text}' in container '{container}' of \
                     container group '{}' is invalid. It must start with a letter or '_' and \
                     consist of letters, digits and '_'.",
                    key.name
                ),
                &name.path,
            ));
        }
        if let Some(reference) = node.get("secureValueReference") {
            return Err(unsupported(&reference.path, "key vault references come later"));
        }
        let plain = node.get("value").map(|node| node.loose_text()).transpose()?;
        let secure = node.get("secureValue").map(|node| node.loose_text()).transpose()?;
        let mut document = json!({ "name": text });
        if let (Some(value), None) = (&plain, &secure) {
            document["value"] = json!(value);
        }
        documents.push(document);
        let secret = secure.is_some();
        let value = secure.or(plain).unwrap_or_default();
        if value.contains('\0') {
            return Err(node.invalid("must not contain a null character"));
        }
        variables.push(EnvVar { name: text, value, secret });
    }
    Ok((variables, documents))
}

fn resources(
    properties: &Node<'_>,
    container: &ContainerName,
    key: &GroupKey,
) -> Result<Resources, Error> {
    let resources = properties.get("resources");
    let requests = resources.as_ref().and_then(|node| node.get("requests"));
    let Some((resources, requests)) = resources.zip(requests) else {
        return Err(Error::invalid(
            "ResourceRequestsNotSpecified",
            format!(
                "The resource requests are not specified in container '{container}' of contain \
                 group '{}'. Both memory and CPU requests are required since API version \
                 '2017-07-01-preview'.",
                key.name
            ),
            "properties.containers.properties.resources.requests",
        ));
    };
    if let Some(gpu) = requests.get("gpu") {
        return Err(unsupported(&gpu.path, "there are no GPUs"));
    }
    let (cpu, memory) = (requests.get("cpu"), requests.get("memoryInGB"));
    let (Some(cpu), Some(memory)) = (&cpu, &memory) else {
        let shown = |node: &Option<Node<'_>>| {
            node.as_ref().map_or(String::new(), |node| node.value.to_string())
        };
        let missing = if cpu.is_none() { "Cpu" } else { "MemoryInGB" };
        return Err(Error::invalid(
            "ResourceSomeRequestsNotSpecified",
            format!(
                "The '{missing}' request is not specified in 'MemoryInGB '{}' Cpu '{}'' in \
                 container '{container}' of contain group '{}'. It is required since API version \
                 '2017-07-01-preview'.",
                shown(&memory),
                shown(&cpu),
                key.name
            ),
            &requests.path,
        ));
    };
    let requests = Amount { cpu_millis: cpu_millis(cpu)?, memory_bytes: memory_bytes(memory)? };
    let mut limits = requests;
    if let Some(node) = resources.get("limits") {
        if let Some(cpu) = node.get("cpu") {
            limits.cpu_millis = cpu_millis(&cpu)?;
        }
        if let Some(memory) = node.get("memoryInGB") {
            limits.memory_bytes = memory_bytes(&memory)?;
        }
    }
    Ok(Resources { requests, limits })
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
    json!({ "memoryInGB": gib(amount.memory_bytes), "cpu": f64::from(amount.cpu_millis) / 1000.0 })
}

fn resources_document(resources: &Resources, has_limits: bool) -> Value {
    let mut document = json!({ "requests": amount_document(&resources.requests) });
    if has_limits {
        document["limits"] = amount_document(&resources.limits);
    }
    document
}

/// A limit is at least the container's request and at most the group's (semantics.md §4).
fn check_limits(containers: &[ContainerSpec], key: &GroupKey) -> Result<(), Error> {
    let all: Vec<_> = containers.iter().filter_map(|c| Some((&c.name, c.resources?))).collect();
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
            let shown = resources_document(resources, true);
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
            () if limits.cpu_millis > cpu => {
                let shown = |millis: u32| f64::from(millis) / 1000.0;
                Some(("Cpu", shown(limits.cpu_millis), shown(cpu)))
            }
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
