//! Requests to the ARM API as a client sends them, every answer judged by the OpenAPI document.

use std::{collections::BTreeMap, io::Write as _, process::Stdio};

use serde_json::Value;

use super::{Daemon, schema};

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// By lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Option<Value>,
}

impl Answer {
    /// The code of an error.
    pub(crate) fn code(&self) -> &str {
        let body = self.body.as_ref();
        body.and_then(|body| body["error"]["code"].as_str()).unwrap_or_default()
    }

    /// A member of the body.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        static NULL: Value = Value::Null;
        self.body.as_ref().and_then(|body| body.pointer(pointer)).unwrap_or(&NULL)
    }
}

impl Daemon {
    /// The one subscription.
    pub(crate) fn subscription(&self) -> String {
        let answer = self.arm("GET", "/subscriptions?api-version=2022-12-01", None);
        answer.at("/value/0/subscriptionId").as_str().unwrap().to_owned()
    }

    /// Sends a request through the socket; the answer must be what the document says.
    pub(crate) fn arm(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let answer = self.send(method, path, body);
        let complaints = schema::complaints(method, path, answer.status, answer.body.as_ref());
        assert!(complaints.is_empty(), "{method} {path}: {complaints:#?}\n{answer:#?}");
        answer
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let mut command = std::process::Command::new("curl");
        command
            .args(["-s", "-i", "--max-time", "60", "-X", method, "--unix-socket"])
            .arg(self.dir().join("r/wharf.sock"))
            .arg(format!("http://localhost{path}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if body.is_some() {
            command.args(["-H", "content-type: application/json", "--data-binary", "@-"]);
        }
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        if let Some(body) = body {
            input.write_all(body.to_string().as_bytes()).unwrap();
        }
        drop(input);
        let output = child.wait_with_output().unwrap();
        parse(&String::from_utf8(output.stdout).unwrap())
            .unwrap_or_else(|| panic!("{method} {path} was not answered:\n{}", self.log()))
    }
}

fn parse(text: &str) -> Option<Answer> {
    // A body of some size makes curl ask first.
    let text = text.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(text);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.filter_map(|line| line.split_once(": "));
    Some(Answer {
        status,
        headers: headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect(),
        body: serde_json::from_str(body).ok(),
    })
}
