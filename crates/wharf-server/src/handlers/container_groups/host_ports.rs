//! A group whose ports are published must not take those of the host's own services away.

use std::collections::BTreeSet;

use wharf_model::{
    Error, ErrorKind, GroupKey,
    spec::{GroupSpec, Port, Protocol},
};
use wharf_runtime::network::host_ports;

use crate::app::App;

/// Refuses ports that the group is to get and that something on the host listens on.
pub(super) async fn check(app: &App, key: &GroupKey, spec: &GroupSpec) -> Result<(), Error> {
    let settings = &app.settings;
    if !settings.publishes_ports || spec.subnet.is_some() {
        return Ok(());
    }
    let ports = |spec: &GroupSpec| -> BTreeSet<Port> {
        spec.ip_address.iter().flat_map(|address| address.ports.iter().copied()).collect()
    };
    let wanted = key.clone();
    let present = app.read(move |store| store.group(&wanted)).await?;
    let present = present.map(|group| ports(&group.spec)).unwrap_or_default();
    let taken = host_ports::taken(&settings.pools)
        .await
        .map_err(|error| Error::internal(format!("look for ports of the host: {error}")))?;
    let new = ports(spec);
    let Some(port) = new.difference(&present).find(|port| taken.contains(port)) else {
        return Ok(());
    };
    let protocol = match port.protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    };
    let message = format!(
        "The port {} with protocol {protocol} of container group '{}' cannot be published at this \
         host's own address: a service of the host listens there. Use another port.",
        port.port, key.name
    );
    let error = Error::new(ErrorKind::Conflict, "HostPortInUse", message);
    Err(error.at("properties.ipAddress.ports"))
}
