//! The names of groups, from the store's truth of the moment.

use std::{net::IpAddr, sync::Arc};

use wharf_model::error::chain;
use wharf_runtime::network::dns::{Found, NEIGHBOURS, Names};
use wharf_store::Store;

/// What the name server answers from.
pub(crate) fn names(store: Store, suffix: &str) -> Names {
    let lookup = move |asker, name: &str| {
        let failed = |error| chain(&error);
        if let Some(neighbour) = name.strip_suffix(&format!(".{NEIGHBOURS}")) {
            let IpAddr::V4(asker) = asker else { return Ok(Found::Nothing) };
            let found = store.neighbour(asker, neighbour).map_err(failed)?;
            return Ok(found.map_or(Found::Nothing, Found::Address));
        }
        if let Some(address) = store.address_of_name(name).map_err(failed)? {
            return Ok(Found::Address(address));
        }
        let has_children = store.has_names_below(name).map_err(failed)?;
        Ok(if has_children { Found::Parent } else { Found::Nothing })
    };
    Names {
        suffix: suffix.trim_matches('.').to_ascii_lowercase(),
        lookup: Arc::new(lookup),
        resolv_conf: "/etc/resolv.conf".into(),
    }
}
