//! What does not change while the daemon runs.

use std::sync::Arc;

use wharf_arm::container_group::RenderContext;
use wharf_model::{Name, clock::Clock};
use wharf_store::{Store, StoreError};

use super::{ServeError, listening::reached};
use crate::{app::Settings, config::Config, host, http::Listeners, identity::Identity};

/// What subscription and tenant are called here.
fn own_ids(store: &Store) -> Result<(String, String), StoreError> {
    let new_id = || uuid::Uuid::new_v4().to_string();
    Ok((store.meta("subscription", new_id)?, store.meta("tenant", new_id)?))
}

/// Keys, and the administrator.
pub(super) fn identity(
    config: &Config,
    store: &Store,
    clock: &Arc<dyn Clock>,
) -> Result<Identity, ServeError> {
    let (subscription, tenant) = own_ids(store)?;
    Ok(Identity::start(store, clock, (&tenant, &subscription), &config.data_dir)?)
}

/// What does not change while the daemon runs.
pub(super) fn settings(
    config: &Config,
    store: &Store,
    listeners: &Listeners,
    management: &str,
) -> Result<Settings, ServeError> {
    let (subscription, tenant) = own_ids(store)?;
    let address = reached(&listeners.tcp, config);
    let path = config.data_dir.join("tls/ca.pem");
    let certificate_authority =
        fs_err::read_to_string(&path).map_err(|source| ServeError::Prepare { path, source })?;
    Ok(Settings {
        subscription: Name::new(subscription),
        tenant,
        location: wharf_arm::location::normalise(&config.location),
        pools: config.pools,
        publishes_ports: config.publishes_ports,
        address: format!("https://{address}"),
        management: format!("https://{management}"),
        certificate_authority,
        render: RenderContext { dns_suffix: config.dns_suffix.clone() },
        data_dir: config.data_dir.clone(),
        hold: config.hold,
        grace: config.grace,
        capacity: host::capacity(config.capacity),
        security: config.security.clone(),
    })
}
