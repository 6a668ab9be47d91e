//! `Microsoft.ContainerInstance/containerGroups`: from a PUT body to a proposal, and from a group
//! to its document.
//!
//! A body is read once into two things: the specification that a backend needs, secrets included,
//! and the normalised document that is echoed, without any (semantics.md §22). What Wharf cannot do
//! yet is refused by name and nothing is stored:
//!
//! | property | treatment |
//! |---|---|
//! | `diagnostics`, `encryptionProperties`, `zones`, `priority`, `extensions`, and `configMap` but of groups made from a profile | echoed, secrets dropped |
//! | `networkProfile`, `gpu`, SKUs but Standard, a profile of a profile, Windows | refused |
//! | `provisioningState`, `instanceView`, `id`, `ip`, `fqdn` and all unknown names | ignored |

mod azure_file_volume;
mod containers;
mod credentials;
mod dns;
mod echoed;
mod exposure;
mod git_repo_volume;
mod parse;
mod placement;
mod probes;
mod render;
mod resources;
mod secret_volume;
mod security;
mod states;
mod subnet;
mod versions;
mod volumes;

pub use exposure::is_dns_label;
pub use parse::{parse, parse_patch};
pub use render::{RenderContext, View, event, render};
pub(crate) use secret_volume::plain_files;
pub use states::{detail_status, provisioning_state};

use wharf_model::{Error, ErrorKind};

/// What Wharf cannot do yet.
pub(crate) fn unsupported(property: &str, what: &str) -> Error {
    Error::new(
        ErrorKind::InvalidParameter,
        "FeatureNotSupported",
        format!("The property '{property}' is not supported by this version of Wharf: {what}."),
    )
    .at(property)
}
