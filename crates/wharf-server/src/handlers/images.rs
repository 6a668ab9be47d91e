//! The image store: not ARM, our own (`/wharf/v1/images`).

use serde_json::{Value, json};
use wharf_image::{ErrorKind, Image, ImageError};
use wharf_model::{Error, error::chain};

pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod inspect;
pub(crate) mod list;
pub(crate) mod prune;
pub(crate) mod pull;
pub(crate) mod pulls;

fn document(image: &Image) -> Value {
    json!({
        "reference": image.reference,
        "digest": image.digest,
        "packedBytes": image.packed_bytes,
        "layers": image.layers.len(),
        "storedAt": wharf_arm::time::seconds(image.stored_at),
        "usedAt": wharf_arm::time::seconds(image.used_at),
    })
}

/// Our own interface says why, unlike Azure's.
fn image_failed(error: &ImageError) -> Error {
    let (kind, code) = match error.kind() {
        ErrorKind::InvalidReference => {
            (wharf_model::ErrorKind::InvalidParameter, "InvalidImageReference")
        }
        ErrorKind::NotFound => (wharf_model::ErrorKind::NotFound, "ImageNotFound"),
        ErrorKind::Denied => (wharf_model::ErrorKind::Forbidden, "ImageAccessDenied"),
        ErrorKind::Policy => (wharf_model::ErrorKind::Forbidden, "ImageNotAllowed"),
        ErrorKind::Registry => (wharf_model::ErrorKind::Conflict, "RegistryErrorResponse"),
        ErrorKind::Corrupt => (wharf_model::ErrorKind::InvalidParameter, "InvalidImage"),
        ErrorKind::Disk => (wharf_model::ErrorKind::StorageFull, "ImageStoreFailed"),
    };
    Error::new(kind, code, chain(error))
}
