//! The names of groups, from the store's truth of the moment.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use wharf_arm::{container_registry::REGISTRY, storage::STORAGE_ACCOUNT};
use wharf_model::error::chain;
use wharf_runtime::network::dns::{Found, NEIGHBOURS, Names};
use wharf_store::Store;

use crate::config::Config;

/// The name below the suffix at which groups reach the API.
pub(crate) const MANAGEMENT: &str = "management";

/// The name below the suffix that those of file services end with.
pub(crate) const FILES: &str = "file.core";

/// The name below the suffix that those of registries end with.
pub(crate) const REGISTRIES: &str = "azurecr";

/// What names of groups end with, as it is written in names.
pub(crate) fn suffix(given: &str) -> String {
    given.trim_matches('.').to_ascii_lowercase()
}

/// What stands before a zone in the name of a host.
pub(crate) fn before(zone: &str, host: &str) -> Option<String> {
    let host = host.to_ascii_lowercase();
    Some(host.strip_suffix(zone)?.strip_suffix('.')?.to_owned())
}

/// Where the host itself reaches what it listens on.
fn reachable(listen: IpAddr) -> Ipv4Addr {
    match listen {
        IpAddr::V4(address) if !address.is_unspecified() => address,
        _ => Ipv4Addr::LOCALHOST,
    }
}

/// What the name server answers from.
pub(crate) fn names(store: Store, config: &Config) -> Names {
    let (pools, gateway, ipv6) = (config.pools, config.pools.gateway(), config.ipv6);
    let listen = config.listen.ip();
    let lookup = move |asker, name: &str| {
        let failed = |error| chain(&error);
        let IpAddr::V4(asker) = asker else { return Ok(Found::Nothing) };
        let is_group = pools.contains(asker) && asker != gateway;
        if name == MANAGEMENT {
            // It leads nobody else anywhere.
            return Ok(if is_group { Found::Address(gateway, None) } else { Found::Nothing });
        }
        for (zone, kind) in [(FILES, STORAGE_ACCOUNT), (REGISTRIES, REGISTRY)] {
            let Some(own) = before(zone, name) else { continue };
            let is_there = store.unique_resource(kind, &own).map_err(failed)?.is_some();
            let address = if is_group { gateway } else { reachable(listen) };
            return Ok(if is_there { Found::Address(address, None) } else { Found::Nothing });
        }
        if let Some(neighbour) = name.strip_suffix(&format!(".{NEIGHBOURS}")) {
            let found = store.neighbour(asker, neighbour).map_err(failed)?;
            return Ok(found.map_or(Found::Nothing, |at| Found::Address(at, None)));
        }
        if let Some(address) = store.address_of_name(name).map_err(failed)? {
            return Ok(Found::Address(address, ipv6.map(|pool| pool.of(address))));
        }
        let has_children = store.has_names_below(name).map_err(failed)?;
        Ok(if has_children { Found::Parent } else { Found::Nothing })
    };
    Names {
        suffix: suffix(&config.dns_suffix),
        lookup: Arc::new(lookup),
        resolv_conf: "/etc/resolv.conf".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_zone_has_a_name_of_its_own_before_it() {
        let zone = "file.core.wharf.internal";
        let of = |host: &str| before(zone, host);
        assert_eq!(of("Acct.file.core.wharf.internal").as_deref(), Some("acct"));
        for other in [zone, "acctfile.core.wharf.internal", "127.0.0.1"] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
