//! Commands in containers, and attaching to their output (semantics.md §16, §17).
//!
//! Azure knows one command line with a terminal. Three members more, all optional, let Wharf's own
//! client say what it means: `arguments`, `tty` and `stdin`.

use serde_json::{Value, json};
use wharf_model::{Error, ErrorKind, GroupKey};

use crate::{node::Node, shell_words};

/// The subprotocol of a WebSocket with which streams are kept apart, the terminal can be resized,
/// input can end and the exit code is told. Without it: bytes in both directions, as on Azure.
pub const PROTOCOL: &str = "wharf.exec.v1";

/// A request to run a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecRequest {
    /// The program and its arguments.
    pub args: Vec<String>,
    /// Rows and columns of the terminal; zero where they are not known.
    pub size: (u16, u16),
    /// Whether it shall have a terminal.
    pub has_terminal: bool,
    /// Whether there is anything to read for it.
    pub has_input: bool,
}

impl ExecRequest {
    /// Reads the body. On Azure `command` is one word; more words are split as a shell does it,
    /// unless `arguments` says what they are.
    pub fn parse(body: &Value) -> Result<Self, Error> {
        let root = Node::root(body);
        root.object()?;
        let command = root.require("command")?;
        let text = command.text()?;
        let args = match root.get("arguments") {
            Some(_) => {
                let more: Result<Vec<String>, Error> = root
                    .list("arguments")?
                    .iter()
                    .map(|node| node.text().map(str::to_owned))
                    .collect();
                [vec![text.to_owned()], more?].concat()
            }
            None => shell_words::split(text)
                .ok_or_else(|| command.invalid("has a quotation that does not end"))?,
        };
        if args.first().is_none_or(String::is_empty) {
            return Err(command.invalid("must name a program"));
        }
        if args.iter().any(|arg| arg.contains('\0')) {
            return Err(command.invalid("must not contain the character U+0000"));
        }
        let flag = |name| root.get(name).map_or(Ok(true), |node| node.boolean());
        Ok(Self { args, size: size(&root)?, has_terminal: flag("tty")?, has_input: flag("stdin")? })
    }
}

fn size(root: &Node<'_>) -> Result<(u16, u16), Error> {
    let Some(terminal) = root.get("terminalSize") else { return Ok((0, 0)) };
    terminal.object()?;
    let side = |name| match terminal.get(name) {
        None => Ok(0),
        Some(node) => {
            let number = node.number()?.to_string();
            number.parse().map_err(|_| node.invalid("must be a number of characters"))
        }
    };
    Ok((side("rows")?, side("cols")?))
}

/// Where to connect, and with which password as the first message.
pub fn answer(uri: &str, password: &str) -> Value {
    json!({ "webSocketUri": uri, "password": password })
}

/// The container is there but does not run.
pub fn not_running(container: &str, key: &GroupKey) -> Error {
    Error::new(
        ErrorKind::Conflict,
        "ContainerNotRunning",
        format!(
            "The container '{container}' in container group '{}' is not running. Please check \
             container 'InstanceView' for more information or retry later.",
            key.name
        ),
    )
}

/// The address of a session that is not known: it was used, it has expired, or it never was.
pub fn session_not_found() -> Error {
    Error::new(
        ErrorKind::NotFound,
        "SessionNotFound",
        "The session was not found. It can be used once and within a minute.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recorded_bodies_are_understood() {
        let body = json!({"command": "/bin/sh", "terminalSize": {"rows": 0, "cols": 0}});
        let request = ExecRequest::parse(&body).unwrap();
        assert_eq!((request.args.as_slice(), request.size), (&["/bin/sh".to_owned()][..], (0, 0)));
        assert!(request.has_terminal && request.has_input);
        let body =
            json!({"command": "sh -c 'echo a  b'", "terminalSize": {"rows": 24, "cols": 80}});
        let request = ExecRequest::parse(&body).unwrap();
        assert_eq!((request.args.len(), request.args[2].as_str()), (3, "echo a  b"));
        assert_eq!(request.size, (24, 80));
    }

    #[test]
    fn arguments_are_taken_as_they_are() {
        let body =
            json!({"command": "a b", "arguments": ["", "c d"], "tty": false, "stdin": false});
        let request = ExecRequest::parse(&body).unwrap();
        assert_eq!(request.args, ["a b", "", "c d"]);
        assert!(!request.has_terminal && !request.has_input);
    }

    #[test]
    fn mistakes_are_named() {
        for (body, target) in [
            (json!({}), "command"),
            (json!({"command": ""}), "command"),
            (json!({"command": "'a"}), "command"),
            (json!({"command": "a\0"}), "command"),
            (json!({"command": "a", "arguments": [1]}), "arguments[0]"),
            (json!({"command": "a", "tty": "perhaps"}), "tty"),
            (json!({"command": "a", "terminalSize": {"rows": -1}}), "terminalSize.rows"),
            (json!({"command": "a", "terminalSize": {"cols": 70_000}}), "terminalSize.cols"),
            (json!([]), "the body"),
        ] {
            let error = ExecRequest::parse(&body).unwrap_err();
            assert_eq!(error.target.as_deref(), Some(target), "{body}");
        }
    }
}
