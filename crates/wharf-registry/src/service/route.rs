//! What a path of the distribution API is about.

use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::Target;
use crate::{
    error::{Code, RegistryError},
    names::{Digest, Reference, check_repository},
};

/// What a request is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    Base,
    Catalog,
    Tags { repository: String },
    Manifest { repository: String, reference: Reference },
    Referrers { repository: String, digest: Digest },
    Blob { repository: String, digest: Digest },
    Uploads { repository: String },
    Upload { repository: String, id: Uuid },
    Metadata { repository: String, part: Part },
}

/// What of a repository something is told about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Tags,
    Tag(String),
    Manifests,
    Manifest(Digest),
}

/// The same with the registry, if one is named.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) registry: Option<String>,
    pub(super) place: Place,
}

impl Route {
    pub(super) fn parse(target: &Target, path: &str) -> Result<Self, RegistryError> {
        let registry = match target {
            Target::Named(name) => Some(name.clone()),
            Target::InPath => None,
        };
        let path = percent_decode_str(path).decode_utf8().map_err(|_| unknown())?;
        if let (Some(name), Some(rest)) = (&registry, path.strip_prefix("/acr/v1/")) {
            return Ok(Self { registry: Some(name.clone()), place: told(rest)? });
        }
        let rest = path.strip_prefix("/v2").ok_or_else(unknown)?;
        let rest = rest.strip_prefix('/').unwrap_or(rest);
        match rest {
            "" => return Ok(Self { registry, place: Place::Base }),
            "_catalog" => return Ok(Self { registry, place: Place::Catalog }),
            _ => {}
        }
        let (registry, rest) = if let Some(name) = registry {
            (name, rest)
        } else {
            let (name, rest) = rest.split_once('/').ok_or_else(unknown)?;
            if rest == "_catalog" {
                return Ok(Self { registry: Some(name.to_owned()), place: Place::Catalog });
            }
            (name.to_owned(), rest)
        };
        Ok(Self { registry: Some(registry), place: place(rest)? })
    }
}

fn place(rest: &str) -> Result<Place, RegistryError> {
    let parts: Vec<&str> = rest.split('/').collect();
    let repository = |count: usize| {
        let name = parts[..count].join("/");
        check_repository(&name).map(|()| name)
    };
    let count = parts.len();
    match parts.as_slice() {
        [_, .., "tags", "list"] => Ok(Place::Tags { repository: repository(count - 2)? }),
        [_, .., "blobs", "uploads", ""] => {
            Ok(Place::Uploads { repository: repository(count - 3)? })
        }
        [_, .., "blobs", "uploads"] => Ok(Place::Uploads { repository: repository(count - 2)? }),
        [_, .., "blobs", "uploads", id] => {
            let unknown =
                |_| RegistryError::because(Code::BlobUploadUnknown, "There is no such upload.");
            let id = id.parse().map_err(unknown)?;
            Ok(Place::Upload { repository: repository(count - 3)?, id })
        }
        [_, .., "blobs", digest] => {
            Ok(Place::Blob { repository: repository(count - 2)?, digest: Digest::parse(digest)? })
        }
        [_, .., "manifests", reference] => Ok(Place::Manifest {
            repository: repository(count - 2)?,
            reference: Reference::parse(reference)?,
        }),
        [_, .., "referrers", digest] => Ok(Place::Referrers {
            repository: repository(count - 2)?,
            digest: Digest::parse(digest)?,
        }),
        _ => Err(unknown()),
    }
}

/// What Azure's own part of the API is asked about.
fn told(rest: &str) -> Result<Place, RegistryError> {
    let parts: Vec<&str> = rest.split('/').collect();
    let (name, part) = match parts.as_slice() {
        ["_catalog"] => return Ok(Place::Catalog),
        [name @ .., "_tags"] => (name, Part::Tags),
        [name @ .., "_tags", tag] => match Reference::parse(tag)? {
            Reference::Tag(tag) => (name, Part::Tag(tag)),
            Reference::Digest(_) => return Err(unknown()),
        },
        [name @ .., "_manifests"] => (name, Part::Manifests),
        [name @ .., "_manifests", digest] => (name, Part::Manifest(Digest::parse(digest)?)),
        name => (name, Part::Whole),
    };
    let repository = name.join("/");
    check_repository(&repository)?;
    Ok(Place::Metadata { repository, part })
}

fn unknown() -> RegistryError {
    RegistryError::because(Code::NameUnknown, "There is nothing at this path.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_named_by_host_or_by_the_first_part_of_the_path() {
        let route = |target: &Target, path: &str| Route::parse(target, path).unwrap();
        let named = Target::Named("owner".into());
        let tags = || Place::Tags { repository: "team/app".into() };
        let by_host = route(&named, "/v2/team/app/tags/list");
        assert_eq!(by_host, Route { registry: Some("owner".into()), place: tags() });
        let by_path = route(&Target::InPath, "/v2/owner/team/app/tags/list");
        assert_eq!(by_path, by_host);
        let catalog = Route { registry: Some("owner".into()), place: Place::Catalog };
        assert_eq!(route(&named, "/v2/_catalog"), catalog);
        assert_eq!(route(&Target::InPath, "/v2/owner/_catalog"), catalog);
        let base = route(&Target::InPath, "/v2/");
        assert_eq!(base, Route { registry: None, place: Place::Base });
        for bad in
            ["/v2/owner/../manifests/x", "/v2/owner/%2e%2e/x/manifests/y", "/v2/owner/manifests/x"]
        {
            assert!(Route::parse(&Target::InPath, bad).is_err(), "{bad}");
        }
    }
}
