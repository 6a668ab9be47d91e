//! Layers as data: what `cargo metadata` says against what `layers.toml` allows.

use std::{collections::BTreeMap, fmt::Write as _, process::Command};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Layers {
    crates: BTreeMap<String, Layer>,
}

#[derive(Debug, Deserialize)]
struct Layer {
    purpose: String,
    may_use: Vec<String>,
    never: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

/// Fails on every edge that the table does not allow, and when ARCHITECTURE.md tells otherwise.
pub(crate) fn check() -> Result<()> {
    let text = std::fs::read_to_string("xtask/layers.toml").context("read xtask/layers.toml")?;
    let layers: Layers = toml::from_str(&text).context("parse xtask/layers.toml")?;
    let output = Command::new("cargo")
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .output()
        .context("run cargo metadata")?;
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).context("parse cargo metadata")?;
    let mut wrong: Vec<String> = metadata
        .packages
        .iter()
        .flat_map(|package| match layers.crates.get(&package.name) {
            Some(layer) => edges(package, layer, &layers),
            None => vec![format!("crate {} is not in the table", package.name)],
        })
        .collect();
    let known = |name: &String| metadata.packages.iter().any(|package| package.name == *name);
    let gone = layers.crates.keys().filter(|name| !known(name));
    wrong.extend(gone.map(|name| format!("crate {name} of the table does not exist")));
    let page = std::fs::read_to_string("ARCHITECTURE.md").context("read ARCHITECTURE.md")?;
    for line in table(&layers).lines().filter(|line| !page.contains(*line)) {
        wrong.push(format!("ARCHITECTURE.md lacks the row: {line}"));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("layers are crossed:\n  {}", wrong.join("\n  "));
}

fn edges(package: &Package, layer: &Layer, layers: &Layers) -> Vec<String> {
    let normal = package.dependencies.iter().filter(|dep| dep.kind.is_none());
    normal
        .filter_map(|dep| {
            let is_ours = layers.crates.contains_key(&dep.name);
            if is_ours && !layer.may_use.contains(&dep.name) {
                Some(format!("{} must not use {}", package.name, dep.name))
            } else if layer.never.contains(&dep.name) {
                Some(format!("{} must never see {}", package.name, dep.name))
            } else {
                None
            }
        })
        .collect()
}

/// The rows that ARCHITECTURE.md must have.
fn table(layers: &Layers) -> String {
    let list = |names: &[String]| {
        if names.is_empty() { "–".to_owned() } else { format!("`{}`", names.join("`, `")) }
    };
    layers.crates.iter().fold(String::new(), |mut rows, (name, layer)| {
        let (uses, never) = (list(&layer.may_use), list(&layer.never));
        // Writing to a string cannot fail.
        let _infallible = writeln!(rows, "| `{name}` | {} | {uses} | {never} |", layer.purpose);
        rows
    })
}
