//! Containers and init containers of a PUT body (semantics.md §2, §4, §8, §10).

use std::collections::HashSet;

use serde_json::{Map, Value, json};
use wharf_model::{
    ContainerName, Error, GroupKey,
    spec::{ContainerSpec, EnvVar, ProbeSpec},
};

use super::{exposure, probes, resources, security, unsupported, volumes};
use crate::node::Node;

/// Containers and init containers together (semantics.md §3).
const CONTAINERS_MAX: usize = 60;

type Parsed = (Vec<ContainerSpec>, Vec<Value>);

pub(super) fn parse(properties: &Node<'_>, key: &GroupKey) -> Result<Parsed, Error> {
    let list = properties.require("containers")?;
    let nodes = list.items()?;
    if nodes.is_empty() {
        return Err(list.invalid("must hold at least one container"));
    }
    check_count(nodes.len() + properties.list("initContainers")?.len(), key)?;
    let parsed = parse_all(&nodes, key, true)?;
    resources::check_limits(&parsed.0, key)?;
    Ok(parsed)
}

pub(super) fn parse_inits(
    properties: &Node<'_>,
    key: &GroupKey,
    containers: &[ContainerSpec],
) -> Result<Parsed, Error> {
    let parsed = parse_all(&properties.list("initContainers")?, key, false)?;
    let mut names = HashSet::new();
    let mut all = containers.iter().chain(&parsed.0);
    if let Some(twice) = all.find(|container| !names.insert(&container.name)) {
        return Err(Error::invalid(
            "DuplicateContainerName",
            format!(
                "The container name '{}' is used more than once in container group '{}'.",
                twice.name, key.name
            ),
            "properties.containers",
        ));
    }
    Ok(parsed)
}

fn check_count(count: usize, key: &GroupKey) -> Result<(), Error> {
    if count <= CONTAINERS_MAX {
        return Ok(());
    }
    Err(Error::invalid(
        "TooManyContainers",
        format!(
            "The container group '{}' has {count} containers; the most is {CONTAINERS_MAX}, init \
             containers included.",
            key.name
        ),
        "properties.containers",
    ))
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
    let resources = is_app.then(|| resources::parse(&properties, &name, key)).transpose()?.map(
        |(spec, told)| {
            echo.insert("resources".to_owned(), told);
            spec
        },
    );
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
