//! Documents of groups for tests, and putting them.

use serde_json::{Value, json};

use super::Daemon;

/// A quickstart image with busybox.
pub(crate) const TOOLS: &str = "mcr.microsoft.com/azuredocs/aci-wordcount";

/// A container that runs a shell script.
pub(crate) fn script(name: &str, text: &str) -> Value {
    container(name, &json!({ "image": TOOLS, "command": ["sh", "-c", text] }))
}

/// A container with these properties and a small allocation.
pub(crate) fn container(name: &str, properties: &Value) -> Value {
    let requests = json!({ "requests": { "cpu": 0.1, "memoryInGB": 0.1 } });
    let document = json!({ "name": name, "properties": { "resources": requests } });
    with(document, properties)
}

/// A container with more properties.
pub(crate) fn with(mut container: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        container["properties"][name] = value.clone();
    }
    container
}

/// A group with more properties.
pub(crate) fn group(name: &str, containers: &[Value], more: &Value) -> Value {
    let document = json!({
        "name": name, "location": "local",
        "properties": { "osType": "Linux", "containers": containers },
    });
    with(document, more)
}

impl Daemon {
    fn file_of(&self, document: &Value) -> String {
        let name = document["name"].as_str().unwrap();
        let path = self.dir().join(format!("{name}.json"));
        std::fs::write(&path, document.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Creates a group and waits until it is deployed.
    pub(crate) fn create(&self, document: &Value) {
        self.ok(&["create", "-f", &self.file_of(document)]);
    }

    /// Creates a group and does not wait.
    pub(crate) fn begin(&self, document: &Value) {
        self.ok(&["create", "-f", &self.file_of(document), "--no-wait"]);
    }

    /// A group that is refused: what the user is told.
    pub(crate) fn refused(&self, document: &Value) -> String {
        let (code, error) = self.fails(&["create", "-f", &self.file_of(document)]);
        assert_eq!(code, 1, "{error}");
        error
    }

    /// A group that runs to its end: what its only container has written.
    pub(crate) fn output(&self, document: &Value) -> String {
        let name = document["name"].as_str().unwrap();
        self.create(document);
        self.wait_for_state(name, "Succeeded");
        self.ok(&["logs", name])
    }

    /// The messages of a container's events of a kind, with their counts.
    pub(crate) fn events(&self, name: &str, index: usize, kind: &str) -> Vec<(String, u64)> {
        events(&self.view(name, index), kind)
    }
}

/// The messages of events of a kind in an instance view, with their counts.
pub(crate) fn events(view: &Value, kind: &str) -> Vec<(String, u64)> {
    let all = view["events"].as_array().unwrap().iter();
    let of_kind = all.filter(|event| event["name"] == kind);
    let text = |event: &Value| event["message"].as_str().unwrap().to_owned();
    of_kind.map(|event| (text(event), event["count"].as_u64().unwrap())).collect()
}
