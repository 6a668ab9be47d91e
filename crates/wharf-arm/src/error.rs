//! From an error of the domain to the ARM envelope: status, code, message, target.

use serde_json::{Value, json};
use wharf_model::{
    Error, ErrorKind, GroupKey, Name, ResourceGroupKey, ResourceKey, backend::ImageRefusal,
};

use crate::resource_id::CONTAINER_GROUP;

/// The HTTP status of a kind of error.
pub fn status(kind: ErrorKind) -> u16 {
    match kind {
        ErrorKind::InvalidParameter => 400,
        ErrorKind::Unauthenticated => 401,
        ErrorKind::Forbidden => 403,
        ErrorKind::NotFound => 404,
        ErrorKind::MethodNotAllowed => 405,
        ErrorKind::Conflict | ErrorKind::QuotaExceeded | ErrorKind::CapacityExceeded => 409,
        ErrorKind::TooLarge => 413,
        ErrorKind::Internal => 500,
        ErrorKind::Unavailable => 503,
        ErrorKind::StorageFull => 507,
    }
}

/// The body: `{"error":{"code","message","target"?}}`.
pub fn body(error: &Error) -> Value {
    let mut inner = json!({ "code": error.code, "message": error.message });
    if let Some(target) = &error.target {
        inner["target"] = json!(target);
    }
    json!({ "error": inner })
}

/// There is no such container group.
pub fn group_not_found(key: &GroupKey) -> Error {
    resource_not_found(&ResourceKey {
        resource_group: key.resource_group.clone(),
        kind: Name::from(CONTAINER_GROUP),
        name: key.name.clone(),
    })
}

/// There is no such resource group.
pub fn resource_group_not_found(key: &ResourceGroupKey) -> Error {
    let message = format!("Resource group '{}' could not be found.", key.name);
    Error::new(ErrorKind::NotFound, "ResourceGroupNotFound", message)
}

/// There is no such resource.
pub fn resource_not_found(key: &ResourceKey) -> Error {
    Error::new(
        ErrorKind::NotFound,
        "ResourceNotFound",
        format!(
            "The Resource '{}/{}' under resource group '{}' was not found. For more details please \
             go to https://aka.ms/ARMResourceNotFoundFix",
            key.kind, key.name, key.resource_group.name
        ),
    )
}

/// There is no such container in the group.
pub fn container_not_found(container: &str, key: &GroupKey) -> Error {
    Error::new(
        ErrorKind::NotFound,
        "ContainerNotFound",
        format!("The container '{container}' in container group '{}' was not found.", key.name),
    )
}

/// The container has not started yet (semantics.md §15).
pub fn log_not_available(container: &str, key: &GroupKey) -> Error {
    Error::new(
        ErrorKind::NotFound,
        "ContainerLogNotAvailable",
        format!(
            "Log of container '{container}' in container group '{}' is not available yet. Please \
             check container 'InstanceView' for more information or retry later.",
            key.name
        ),
    )
}

/// An image cannot be had (semantics.md §6, §23). The reason goes to the user as well, who
/// otherwise has to guess between a typo, a missing password and a registry that is down.
pub fn image_refused(refusal: &ImageRefusal, key: &GroupKey) -> Error {
    let reason = wharf_model::error::chain(refusal);
    match refusal {
        ImageRefusal::Inaccessible { image, advice, .. } => Error::invalid(
            "InaccessibleImage",
            format!(
                "The image '{image}' in container group '{}' is not accessible. Please check the \
                 image and registry credential.{}",
                key.name,
                advice.as_ref().map(|advice| format!(" {advice}")).unwrap_or_default()
            ),
            "properties.containers.image",
        ),
        ImageRefusal::Registry { registry, .. } => Error::new(
            ErrorKind::Conflict,
            "RegistryErrorResponse",
            format!(
                "An error response is received from the docker registry '{registry}'. Please \
                 retry later."
            ),
        ),
    }
    .because(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_has_the_envelope_and_keeps_internals_back() {
        let error = Error::invalid("InvalidOsType", "bad", "properties.osType").because("secret");
        let text = body(&error).to_string();
        assert_eq!(
            text,
            r#"{"error":{"code":"InvalidOsType","message":"bad","target":"properties.osType"}}"#
        );
    }
}
