//! Regions: `West US` and `westus` are one.
//!
//! A Wharf is one host, so all regions that its groups name are this one place; the configured one
//! is what it offers.

use serde_json::{Value, json};
use wharf_model::Name;

/// The short lower-case form.
pub fn normalise(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// A region that is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    given: String,
}

impl Location {
    /// Takes either form.
    pub fn new(text: &str) -> Self {
        Self { given: text.trim().to_owned() }
    }

    /// The short form.
    pub fn name(&self) -> String {
        normalise(&self.given)
    }

    /// The long form: as configured, with a capital letter.
    pub fn display_name(&self) -> String {
        let mut letters = self.given.chars();
        letters
            .next()
            .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    }

    /// The entry in a subscription's list of regions.
    pub fn render(&self, subscription: &Name) -> Value {
        let (name, display) = (self.name(), self.display_name());
        json!({
            "id": format!("/subscriptions/{subscription}/locations/{name}"),
            "name": name,
            "type": "Region",
            "displayName": display,
            "regionalDisplayName": display,
            "metadata": {
                "regionType": "Physical",
                "regionCategory": "Recommended",
                "geographyGroup": display,
                "geography": display,
                "physicalLocation": display,
                "pairedRegion": [],
            },
        })
    }
}

/// What a subscription uses of something, and may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Such as `ContainerGroups`.
    pub name: &'static str,
    /// The name for people.
    pub display_name: &'static str,
    /// How much is used.
    pub current: u64,
    /// How much there is.
    pub limit: u64,
}

impl Usage {
    /// An entry of the list of usages.
    pub fn render(&self, subscription: &Name, location: &str) -> Value {
        json!({
            "id": format!(
                "/subscriptions/{subscription}/providers/Microsoft.ContainerInstance/locations/\
                 {location}/usages/{}",
                self.name
            ),
            "unit": "Count",
            "currentValue": self.current,
            "limit": self.limit,
            "name": { "value": self.name, "localizedValue": self.display_name },
        })
    }
}

/// What a group may be given here, by type of address.
pub fn capabilities(location: &Location, cpu_millis: u32, memory_bytes: u64) -> Vec<Value> {
    let entry = |address: &str| {
        json!({
            "resourceType": "containerGroups",
            "osType": "Linux",
            "location": location.display_name(),
            "ipAddressType": address,
            "gpu": "None",
            "capabilities": {
                "maxMemoryInGB": (wharf_model::capacity::gib(memory_bytes) * 10.0).floor() / 10.0,
                "maxCpu": f64::from(cpu_millis) / 1000.0,
                "maxGpuCount": 0,
            },
        })
    };
    ["Public", "Private", "None"].map(entry).to_vec()
}

/// An image that is here.
pub fn cached_image(reference: &str) -> Value {
    json!({ "osType": "Linux", "image": reference })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_region_are_one() {
        assert_eq!(Location::new("West US").name(), "westus");
        assert_eq!(Location::new("local").display_name(), "Local");
    }

    #[test]
    fn usages_and_images_look_as_published() {
        let usage = Usage {
            name: "ContainerGroups",
            display_name: "Container Groups",
            current: 1,
            limit: 2000,
        };
        let mut rendered = usage.render(&Name::new("s"), "westcentralus");
        rendered.as_object_mut().unwrap().remove("id");
        let published = include_str!("../tests/examples/ContainerGroupUsage.json");
        let published: Value = serde_json::from_str(published).unwrap();
        assert_eq!(rendered, published["responses"]["200"]["body"]["value"][0]);
        let published = include_str!("../tests/examples/CachedImagesList.json");
        let published: Value = serde_json::from_str(published).unwrap();
        let first = &published["responses"]["200"]["body"]["value"][0];
        assert_eq!(&cached_image("ubuntu:16.04"), first);
    }

    #[test]
    fn capabilities_have_the_published_members() {
        let published = include_str!("../tests/examples/CapabilitiesList.json");
        let published: Value = serde_json::from_str(published).unwrap();
        let published = published["responses"]["200"]["body"]["value"][0].as_object().unwrap();
        let ours = &capabilities(&Location::new("West US"), 4000, 14 << 30)[0];
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert!(published.keys().eq(keys(ours).iter()));
        assert_eq!(keys(&published["capabilities"]), keys(&ours["capabilities"]));
        assert_eq!(ours["capabilities"]["maxCpu"], 4.0);
        assert_eq!(ours["capabilities"]["maxMemoryInGB"], 14.0);
    }
}
