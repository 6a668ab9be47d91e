//! The subnet that a group has its address from (semantics.md §12.3).

use serde_json::{Value, json};
use wharf_model::{Error, Name, network::SubnetKey};

use crate::{network::SUBNET, network::VIRTUAL_NETWORK, node::Node, resource_id};

/// The one subnet of a body, and how it is told back.
pub(super) fn parse(properties: &Node<'_>) -> Result<(Option<SubnetKey>, Option<Value>), Error> {
    let items = properties.list("subnetIds")?;
    let item = match items.as_slice() {
        [] => return Ok((None, None)),
        [item] => item,
        [_, second, ..] => {
            let message = "A container group can be in one subnet only.";
            return Err(Error::invalid("InvalidSubnetIds", message, &second.path));
        }
    };
    item.object()?;
    let id = item.require("id")?;
    let wrong = || id.invalid("is not the id of a subnet of a virtual network");
    let key = resource_id::parse(id.text()?).filter(|key| key.kind == Name::from(SUBNET));
    let mut key = key.ok_or_else(wrong)?;
    let (network, subnet) = key.name.as_str().split_once('/').ok_or_else(wrong)?;
    let (network, subnet) = (Name::from(network), Name::from(subnet));
    (key.kind, key.name) = (Name::from(VIRTUAL_NETWORK), network);
    let mut document = json!({ "id": id.value });
    if let Some(name) = item.get("name") {
        document["name"] = json!(name.text()?);
    }
    Ok((Some(SubnetKey { network: key, name: subnet }), Some(json!([document]))))
}
