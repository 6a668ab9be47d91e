//! Where a group may run: SKU, priority, zones (semantics.md §19).

use serde_json::{Value, json};
use wharf_model::{Error, GroupKey};

use super::unsupported;
use crate::node::Node;

/// What is told back of it.
pub(super) struct Placement {
    pub(super) priority: Option<&'static str>,
    pub(super) zones: Option<Value>,
}

/// There is one SKU. A spot group may be evicted at any time; here that never happens, but the
/// rules for one are Azure's, so that it can move there.
pub(super) fn parse(
    root: &Node<'_>,
    properties: &Node<'_>,
    key: &GroupKey,
) -> Result<Placement, Error> {
    let sku = sku(properties, key)?;
    let priority = priority(properties)?;
    if priority == Some("Spot") {
        check_spot(properties, sku, key)?;
    }
    Ok(Placement { priority, zones: zones(root)? })
}

fn sku(properties: &Node<'_>, key: &GroupKey) -> Result<&'static str, Error> {
    let Some(node) = properties.get("sku") else { return Ok("Standard") };
    match node.one_of(&["NotSpecified", "Standard", "Dedicated", "Confidential"]) {
        Some("NotSpecified" | "Standard") => Ok("Standard"),
        // Told first, as on Azure: which SKU it is not allowed with is the user's mistake.
        Some(other) if is_spot(properties) => Ok(other),
        Some("Confidential") => Err(Error::invalid(
            "ConfidentialContainerGroupSkuIsNotSupported",
            format!(
                "The sku 'Confidential' of container group '{}' is not supported: this Wharf has \
                 no confidential hosts.",
                key.name
            ),
            &node.path,
        )),
        Some(_) => Err(unsupported(&node.path, "there is only the SKU 'Standard'")),
        None => Err(Error::invalid(
            "InvalidSku",
            format!(
                "The 'sku' {} of container group '{}' is invalid. The value must be one of \
                 'Standard,Dedicated,Confidential'.",
                node.value, key.name
            ),
            &node.path,
        )),
    }
}

fn is_spot(properties: &Node<'_>) -> bool {
    properties.get("priority").is_some_and(|node| node.one_of(&["Spot"]).is_some())
}

fn priority(properties: &Node<'_>) -> Result<Option<&'static str>, Error> {
    let Some(node) = properties.get("priority") else { return Ok(None) };
    if let Some(known) = node.one_of(&["Regular", "Spot"]) {
        return Ok(Some(known));
    }
    Err(Error::invalid(
        "PriorityNotSpecified",
        format!(
            "The 'priority' {} is invalid. The value must be one of 'Regular,Spot'.",
            node.value
        ),
        &node.path,
    ))
}

fn check_spot(properties: &Node<'_>, sku: &str, key: &GroupKey) -> Result<(), Error> {
    let refused = |code, what: &str, target: &str| {
        let message = format!("Container group '{}' has the priority 'Spot', {what}.", key.name);
        Err(Error::invalid(code, message, target))
    };
    if sku != "Standard" {
        let what = format!("which is not supported in the sku '{sku}'");
        return refused("SpotPriorityContainerGroupNotSupportedInSku", &what, "properties.sku");
    }
    if properties.get("ipAddress").is_some() {
        return refused(
            "SpotPriorityContainerGroupNotSupportedForInboundConnectivity",
            "which is not supported with an 'ipAddress'",
            "properties.ipAddress",
        );
    }
    let has_gpu = |container: &Node<'_>| {
        let resources = container.get("properties").and_then(|node| node.get("resources"));
        let requests = resources.and_then(|node| node.get("requests"));
        requests.is_some_and(|node| node.get("gpu").is_some())
    };
    if properties.list("containers")?.iter().any(has_gpu) {
        return refused(
            "SpotPriorityContainerGroupWithGPUResourcesNotSupported",
            "which is not supported with GPU resources",
            "properties.containers.properties.resources.requests.gpu",
        );
    }
    Ok(())
}

/// One zone at most. A host is in one place: the zone is told back and means nothing.
fn zones(root: &Node<'_>) -> Result<Option<Value>, Error> {
    let Some(node) = root.get("zones") else { return Ok(None) };
    let zones: Result<Vec<String>, Error> = node.items()?.iter().map(Node::loose_text).collect();
    let zones = zones?;
    if zones.len() > 1 {
        return Err(node.invalid("must hold one zone at most"));
    }
    Ok(Some(json!(zones)))
}
