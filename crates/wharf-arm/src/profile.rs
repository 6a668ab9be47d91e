//! `Microsoft.ContainerInstance/containerGroupProfiles`: what groups are made from, in revisions
//! (semantics.md §20).
//!
//! A profile is a group that is not made: it is read by the same rules. Each change of its
//! properties is a new revision; tags are of the profile as a whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wharf_model::{ContainerName, Error, ErrorKind, GroupKey, Name, ResourceKey};

use crate::{ApiVersion, api_version, container_group, node::Node, resource_group, resource_id};

mod config_map;
mod making;

pub use config_map::mount as mount_config_maps;
pub use making::{Reference, mark, merge, reference};

/// The type.
pub const PROFILE: &str = "Microsoft.ContainerInstance/containerGroupProfiles";

/// The document of one revision, without secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    /// Counted from 1.
    pub number: u32,
    /// The normalised `properties` and `zones`.
    pub document: Value,
}

/// What the store keeps of a profile; the oldest revision first, and never empty.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Profile {
    /// All revisions.
    pub revisions: Vec<Revision>,
}

/// The bodies as they were sent, secrets included, by revision: sealed.
pub type Bodies = BTreeMap<u32, Value>;

/// A validated PUT body.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The region.
    pub location: String,
    /// A JSON object of strings.
    pub tags: String,
    /// What is told.
    pub document: Value,
    /// What groups are made from.
    pub body: Value,
}

/// Reads the body of a PUT.
pub fn parse(body: &Value, key: &ResourceKey, version: ApiVersion) -> Result<Parsed, Error> {
    check_name(key.name.as_str())?;
    // Complaints name the profile where its name could be a group's.
    let name = key.name.as_str().to_ascii_lowercase();
    let name = ContainerName::parse(&name).map_or_else(|| "profile".to_owned(), |_| name);
    let group = GroupKey { resource_group: key.resource_group.clone(), name: Name::new(name) };
    let proposal = container_group::parse(body, &group, version)?;
    let document = serde_json::from_str(&proposal.document).unwrap_or_default();
    let root = Node::root(body);
    let mut kept = json!({ "properties": root.require("properties")?.value });
    if let Some(zones) = root.get("zones") {
        kept["zones"] = zones.value.clone();
    }
    let location = proposal.location;
    let tags = root.get("tags").map(|node| resource_group::tags(&node)).transpose()?;
    let tags = tags.unwrap_or_else(|| "{}".to_owned());
    Ok(Parsed { location, tags, document, body: kept })
}

fn check_name(name: &str) -> Result<(), Error> {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let fits = (1..=63).contains(&name.len())
        && name.chars().all(inner)
        && edge(name.chars().next())
        && edge(name.chars().next_back());
    if fits {
        return Ok(());
    }
    Err(Error::invalid(
        "InvalidContainerGroupProfileName",
        format!(
            "The container group profile name '{name}' is invalid. It must contain no more than 63 \
             characters and must match the regex \
             '^[a-zA-Z0-9]$|^[a-zA-Z0-9][-_a-zA-Z0-9]{{0,61}}[a-zA-Z0-9]$'."
        ),
        "containerGroupProfileName",
    ))
}

/// Profiles came later than groups.
pub fn check_version(version: ApiVersion) -> Result<(), Error> {
    if api_version::PROFILES.contains(&version.as_str()) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidParameter,
        "InvalidResourceType",
        format!(
            "The resource type 'containerGroupProfiles' could not be found in the namespace \
             'Microsoft.ContainerInstance' for api version '{}'. The supported api-versions are \
             '{}'.",
            version.as_str(),
            api_version::PROFILES.join(",")
        ),
    ))
}

impl Profile {
    /// Adds what was sent as a new revision, unless the latest one is just that; returns the bodies
    /// to seal.
    pub fn revise(&mut self, parsed: &Parsed, mut bodies: Bodies) -> Bodies {
        let latest = self.revisions.last();
        let is_same = latest.is_some_and(|latest| {
            latest.document == parsed.document && bodies.get(&latest.number) == Some(&parsed.body)
        });
        if !is_same {
            let number = latest.map_or(1, |latest| latest.number.saturating_add(1));
            bodies.insert(number, parsed.body.clone());
            self.revisions.push(Revision { number, document: parsed.document.clone() });
        }
        bodies
    }

    /// The revision of that number; the latest one without.
    pub fn revision(&self, number: Option<u32>) -> Option<&Revision> {
        match number {
            None => self.revisions.last(),
            Some(number) => self.revisions.iter().find(|revision| revision.number == number),
        }
    }
}

/// The document of a profile in one of its revisions.
pub fn render(
    key: &ResourceKey,
    (location, tags): (&str, &Value),
    profile: &Profile,
    revision: &Revision,
    version: ApiVersion,
) -> Value {
    let mut properties = revision.document["properties"].clone();
    properties["revision"] = json!(revision.number);
    if version.as_str() >= "2024-11-01" {
        let numbers: Vec<u32> = profile.revisions.iter().map(|known| known.number).collect();
        properties["registeredRevisions"] = json!(numbers);
    }
    let mut document = json!({
        "properties": properties,
        "id": resource_id::resource(key),
        "name": key.name.as_str(),
        "type": PROFILE,
        "location": location,
    });
    if let Some(zones) = revision.document.get("zones") {
        document["zones"] = zones.clone();
    }
    document["tags"] = tags.clone();
    document
}

/// The profile has no such revision.
pub fn revision_not_found(key: &ResourceKey, number: &str) -> Error {
    let message =
        format!("The revision '{number}' of container group profile '{}' was not found.", key.name);
    Error::new(ErrorKind::NotFound, "ContainerGroupProfileRevisionNotFound", message)
}

#[cfg(test)]
mod tests {
    use wharf_model::ResourceGroupKey;

    use super::*;

    pub(super) fn key() -> ResourceKey {
        let resource_group = ResourceGroupKey { subscription: "s".into(), name: "g".into() };
        ResourceKey { resource_group, kind: PROFILE.into(), name: "P_1".into() }
    }

    fn body(image: &str) -> Value {
        json!({
            "location": "west us",
            "zones": ["1"],
            "properties": {
                "osType": "Linux",
                "containers": [{ "name": "web", "properties": {
                    "image": image,
                    "environmentVariables": [{ "name": "K", "secureValue": "planted" }],
                    "resources": { "requests": { "cpu": 1, "memoryInGB": "1.5" } },
                }}],
            },
        })
    }

    pub(super) fn profile() -> (Profile, Bodies) {
        let mut profile = Profile::default();
        let mut bodies = Bodies::new();
        for image in ["nginx", "nginx", "redis"] {
            let parsed = parse(&body(image), &key(), ApiVersion::LATEST).unwrap();
            bodies = profile.revise(&parsed, bodies);
        }
        (profile, bodies)
    }

    #[test]
    fn a_change_is_a_revision_and_the_same_again_is_none() {
        let (profile, bodies) = profile();
        let numbers: Vec<u32> = profile.revisions.iter().map(|revision| revision.number).collect();
        assert_eq!(numbers, [1, 2]);
        assert_eq!(bodies.len(), 2);
        let image = |number| {
            let revision = profile.revision(number).unwrap();
            revision.document["properties"]["containers"][0]["properties"]["image"].clone()
        };
        assert_eq!((image(None), image(Some(1))), (json!("redis"), json!("nginx")));
        assert!(profile.revision(Some(3)).is_none());
    }

    #[test]
    fn a_profile_tells_its_revisions_and_no_secrets() {
        let (profile, _) = profile();
        let place = ("westus", &json!({ "a": "b" }));
        let revision = profile.revision(Some(1)).unwrap();
        let document = render(&key(), place, &profile, revision, ApiVersion::LATEST);
        assert_eq!(document["properties"]["revision"], 1);
        assert_eq!(document["properties"]["registeredRevisions"], json!([1, 2]));
        assert_eq!(document["zones"], json!(["1"]));
        assert!(document["id"].as_str().unwrap().ends_with("/containerGroupProfiles/P_1"));
        assert!(!document.to_string().contains("planted"));
    }

    #[test]
    fn names_and_versions_have_their_rules() {
        for bad in ["", "-a", "a_", "a.b", &"x".repeat(64)] {
            assert_eq!(check_name(bad).unwrap_err().code, "InvalidContainerGroupProfileName");
        }
        assert!(check_name("A_b-1").is_ok() && check_name("a").is_ok());
        let old = ApiVersion::parse(Some("2023-05-01")).unwrap();
        assert_eq!(check_version(old).unwrap_err().code, "InvalidResourceType");
    }
}
