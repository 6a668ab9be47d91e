//! Liveness and readiness probes (semantics.md §9): told back as sent, Kubernetes' defaults at run
//! time.

use serde_json::{Map, Value, json};
use wharf_model::{
    Error,
    spec::{HttpGet, ProbeAction, ProbeSpec},
};

use crate::node::Node;

/// The numbers of a probe: name, smallest value, Kubernetes' default.
const INITIAL_DELAY: (&str, u32, u32) = ("initialDelaySeconds", 0, 0);
const PERIOD: (&str, u32, u32) = ("periodSeconds", 1, 10);
const TIMEOUT: (&str, u32, u32) = ("timeoutSeconds", 1, 1);
const SUCCESS: (&str, u32, u32) = ("successThreshold", 1, 1);
const FAILURE: (&str, u32, u32) = ("failureThreshold", 1, 3);
/// A week; more is a mistake.
const NUMBER_MAX: f64 = 604_800.0;

/// Which probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Liveness,
    Readiness,
}

impl Kind {
    pub(super) fn property(self) -> &'static str {
        match self {
            Self::Liveness => "livenessProbe",
            Self::Readiness => "readinessProbe",
        }
    }
}

/// A probe of a container and how it is told back; `None` when it has none.
pub(super) fn parse(container: &Node<'_>, kind: Kind) -> Result<Option<(ProbeSpec, Value)>, Error> {
    let Some(node) = container.get(kind.property()) else { return Ok(None) };
    node.object()?;
    let mut echo = Map::new();
    let action = match (node.get("exec"), node.get("httpGet")) {
        (Some(exec), None) => exec_action(&exec, &mut echo)?,
        (None, Some(http)) => http_action(&http, &mut echo)?,
        (Some(_), Some(_)) | (None, None) => {
            return Err(node.invalid("must have exactly one of 'exec' and 'httpGet'"));
        }
    };
    let mut number = |(name, least, default): (&str, u32, u32)| -> Result<u32, Error> {
        let Some(node) = node.get(name) else { return Ok(default) };
        let number = whole(&node, least)?;
        echo.insert(name.to_owned(), json!(number));
        Ok(number)
    };
    let probe = ProbeSpec {
        action,
        initial_delay: number(INITIAL_DELAY)?,
        period: number(PERIOD)?,
        failure_threshold: number(FAILURE)?,
        success_threshold: number(SUCCESS)?,
        timeout: number(TIMEOUT)?,
    };
    if kind == Kind::Liveness && probe.success_threshold != 1 {
        return Err(node.invalid("must have a 'successThreshold' of 1"));
    }
    Ok(Some((probe, Value::Object(echo))))
}

fn exec_action(node: &Node<'_>, echo: &mut Map<String, Value>) -> Result<ProbeAction, Error> {
    let words: Result<Vec<String>, Error> =
        node.require("command")?.items()?.iter().map(Node::loose_text).collect();
    let command = words?;
    if command.first().is_none_or(String::is_empty) || command.iter().any(|w| w.contains('\0')) {
        return Err(node.invalid("must have a 'command' with a program"));
    }
    echo.insert("exec".to_owned(), json!({ "command": command }));
    Ok(ProbeAction::Exec { command })
}

fn http_action(node: &Node<'_>, echo: &mut Map<String, Value>) -> Result<ProbeAction, Error> {
    let mut document = Map::new();
    let is_line = |text: &str| !text.contains(|c: char| c.is_control());
    let path = match node.get("path") {
        None => "/".to_owned(),
        Some(path) => {
            let text = path.text()?.to_owned();
            if !is_line(&text) || text.contains(' ') {
                return Err(path.invalid("must be a path without blanks"));
            }
            document.insert("path".to_owned(), json!(text));
            if text.starts_with('/') { text } else { format!("/{text}") }
        }
    };
    let port_node = node.require("port")?;
    let port = whole(&port_node, 1)?;
    let port = u16::try_from(port).map_err(|_| port_node.invalid("must be from 1 to 65535"))?;
    document.insert("port".to_owned(), json!(port));
    let mut is_tls = false;
    if let Some(scheme) = node.get("scheme") {
        let known = scheme.one_of(&["http", "https"]);
        let known = known.ok_or_else(|| scheme.invalid("must be 'http' or 'https'"))?;
        is_tls = known == "https";
        document.insert("scheme".to_owned(), json!(known));
    }
    let mut headers = Vec::new();
    let mut documents = Vec::new();
    for header in node.list("httpHeaders")? {
        let (name, value) = (header.require("name")?, header.require("value")?.loose_text()?);
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.text()?.is_empty() || !name.text()?.chars().all(is_token) {
            return Err(name.invalid("must be the name of an HTTP header"));
        }
        if !is_line(&value) {
            return Err(header.invalid("must have a value of one line"));
        }
        documents.push(json!({ "name": name.text()?, "value": value }));
        headers.push((name.text()?.to_owned(), value));
    }
    if node.get("httpHeaders").is_some() {
        document.insert("httpHeaders".to_owned(), json!(documents));
    }
    echo.insert("httpGet".to_owned(), Value::Object(document));
    Ok(ProbeAction::HttpGet(HttpGet { path, port, is_tls, headers }))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked before"
)]
fn whole(node: &Node<'_>, least: u32) -> Result<u32, Error> {
    let number = node.number()?;
    if number.fract() != 0.0 || !(f64::from(least)..=NUMBER_MAX).contains(&number) {
        return Err(node.invalid(&format!("must be a whole number from {least} to 604800")));
    }
    Ok(number as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(probe: &Value, kind: Kind) -> Result<Option<(ProbeSpec, Value)>, Error> {
        parse(&Node::root(&json!({ (kind.property()): probe })), kind)
    }

    #[test]
    fn only_what_was_sent_is_told_back_and_kubernetes_defaults_apply() {
        let body = json!({ "exec": { "command": ["cat", "/tmp/healthy"] }, "periodSeconds": 5 });
        let (probe, echo) = read(&body, Kind::Liveness).unwrap().unwrap();
        assert_eq!(echo, body);
        let numbers = (probe.initial_delay, probe.period, probe.timeout);
        assert_eq!(numbers, (0, 5, 1));
        assert_eq!((probe.success_threshold, probe.failure_threshold), (1, 3));
    }

    #[test]
    fn requests_are_read_with_scheme_and_headers() {
        let http = json!({
            "path": "healthz?a=b", "port": "8443", "scheme": "HTTPS",
            "httpHeaders": [{ "name": "X-A", "value": "b" }],
        });
        let (probe, echo) = read(&json!({ "httpGet": http }), Kind::Readiness).unwrap().unwrap();
        let headers = vec![("X-A".to_owned(), "b".to_owned())];
        let path = "/healthz?a=b".to_owned();
        let expected = HttpGet { path, port: 8443, is_tls: true, headers };
        assert_eq!(probe.action, ProbeAction::HttpGet(expected));
        assert_eq!(echo["httpGet"]["scheme"], "https");
    }

    #[test]
    fn mistakes_are_named() {
        let exec = json!({ "command": ["true"] });
        let http = |member: &str, value: Value| {
            let mut http = json!({ "port": 80 });
            http[member] = value;
            json!({ "httpGet": http })
        };
        for (body, target) in [
            (json!({}), "livenessProbe"),
            (json!({ "exec": exec, "httpGet": { "port": 1 } }), "livenessProbe"),
            (json!({ "exec": { "command": [] } }), "livenessProbe.exec"),
            (json!({ "exec": exec, "periodSeconds": 0 }), "livenessProbe.periodSeconds"),
            (json!({ "exec": exec, "successThreshold": 2 }), "livenessProbe"),
            (http("port", json!(70_000)), "livenessProbe.httpGet.port"),
            (http("scheme", json!("ftp")), "livenessProbe.httpGet.scheme"),
            (http("path", json!("/a\r\nX: y")), "livenessProbe.httpGet.path"),
            (
                http("httpHeaders", json!([{ "name": "a b", "value": "" }])),
                "livenessProbe.httpGet.httpHeaders[0].name",
            ),
        ] {
            let error = read(&body, Kind::Liveness).unwrap_err();
            assert_eq!(error.target.as_deref(), Some(target), "{body}: {error:?}");
        }
        assert!(read(&json!({ "exec": exec, "successThreshold": 2 }), Kind::Readiness).is_ok());
    }
}
