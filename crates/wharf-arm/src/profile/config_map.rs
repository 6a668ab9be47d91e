//! The configuration maps of a group that is made from a profile: a file for each pair
//! (semantics.md §4: `/mnt/configmap/<key>`).

use serde_json::Value;
use wharf_model::{
    Error,
    spec::{GroupSpec, VolumeMount, VolumeSource, VolumeSpec},
};

use crate::{container_group::plain_files, node::Node};

const MOUNT_PATH: &str = "/mnt/configmap";

/// Mounts what the containers of a body have as `configMap`. The volumes have names that no request
/// can give, since they hold a space.
pub fn mount(body: &Value, spec: &mut GroupSpec) -> Result<(), Error> {
    let properties = Node::root(body).require("properties")?;
    for (node, container) in properties.list("containers")?.iter().zip(&mut spec.containers) {
        let map = node.get("properties").and_then(|node| node.get("configMap"));
        let Some(pairs) = map.and_then(|node| node.get("keyValuePairs")) else { continue };
        let files = plain_files(&pairs)?;
        if files.is_empty() {
            continue;
        }
        let name = format!("configMap {}", container.name);
        let mount_path = MOUNT_PATH.to_owned();
        container.volume_mounts.push(VolumeMount {
            name: name.clone(),
            mount_path,
            read_only: true,
        });
        spec.volumes.push(VolumeSpec { name, source: VolumeSource::Secret(files) });
    }
    Ok(())
}
