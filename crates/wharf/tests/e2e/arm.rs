//! Requests as any client of ARM sends them: plain HTTP, with status, headers and body to look at.

use std::process::Command;

use serde_json::Value;

use crate::harness::{Daemon, text};

/// The resource group of a test.
pub(crate) const HOME: &str = "rg";

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Value,
}

impl Answer {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().find(|line| {
            line.split(':').next().is_some_and(|known| known.eq_ignore_ascii_case(name))
        })?;
        line.split_once(':').map(|(_, value)| value.trim())
    }

    /// The code of an error.
    pub(crate) fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }
}

/// Sends a request; `path` begins with a slash, or is the URL of an answer's header.
pub(crate) fn send(wharf: &Daemon, method: &str, path: &str, body: Option<&str>) -> Answer {
    let path = path.strip_prefix("http://localhost").unwrap_or(path);
    let mut command = Command::new("curl");
    command
        .args(["-s", "-g", "-i", "--max-time", "60", "-X", method, "--unix-socket"])
        .arg(wharf.dir().join("r/wharf.sock"));
    if method == "HEAD" {
        command.arg("--head");
    }
    if let Some(body) = body {
        command.args(["--data-binary", body]);
    }
    let output = command.arg(format!("http://localhost{path}")).output().unwrap();
    let answer = text(&output.stdout);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    assert!(status.is_some(), "no answer to {method} {path}: {answer}");
    Answer {
        status: status.unwrap(),
        head: head.to_owned(),
        body: serde_json::from_str(body).unwrap_or_default(),
    }
}

/// GETs a path that must be there.
pub(crate) fn get(wharf: &Daemon, path: &str) -> Value {
    let answer = send(wharf, "GET", path, None);
    assert_eq!(answer.status, 200, "GET {path}: {}", answer.body);
    answer.body
}

/// `/subscriptions/…` of the daemon.
pub(crate) fn subscription(wharf: &Daemon) -> String {
    let all = get(wharf, "/subscriptions?api-version=2022-12-01");
    all["value"][0]["id"].as_str().unwrap().to_owned()
}

/// Makes the resource group of the test; returns its id.
pub(crate) fn home(wharf: &Daemon) -> String {
    let id = format!("{}/resourceGroups/{HOME}", subscription(wharf));
    let path = format!("{id}?api-version=2024-11-01");
    let made = send(wharf, "PUT", &path, Some(r#"{"location": "West US", "tags": {"a": "b"}}"#));
    assert_eq!(made.status, 201, "{}", made.body);
    id
}

/// Removes the resource group of the test with all that is in it.
pub(crate) fn clear(wharf: &Daemon, home: &str) {
    let mut answer = send(wharf, "DELETE", &format!("{home}?api-version=2024-11-01"), None);
    let gone = crate::harness::wait_for(std::time::Duration::from_secs(30), || {
        if let Some(place) = answer.header("location") {
            let place = place.to_owned();
            answer = send(wharf, "GET", &place, None);
        }
        answer.status != 202
    });
    assert!(gone, "{home} is not removed");
}
