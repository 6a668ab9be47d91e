//! Commands in containers: as Azure's clients speak, and with our own client, through a terminal
//! and through pipes.

#![expect(clippy::panic, reason = "helpers of tests fail the test")]

use std::{
    io::{ErrorKind, Read as _, Write as _},
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::net::UnixStream,
    },
    process::{Command, Stdio},
    time::Duration,
};

use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    self, Message, WebSocket, client::IntoClientRequest as _, error::Error as SocketError,
    protocol::frame::coding::CloseCode,
};

use crate::harness::{Daemon, text, wait_for};

const WORDCOUNT: &str = "mcr.microsoft.com/azuredocs/aci-wordcount";
const PROTOCOL: &str = "wharf.exec.v1";

/// A daemon with a group whose one container waits.
fn running() -> Daemon {
    let wharf = Daemon::start();
    let script = "sh -c \"trap 'exit 0' TERM; while :; do sleep 0.1; done\"";
    wharf.ok(&["create", "g", "--image", WORDCOUNT, "--command-line", script]);
    wharf.wait_for_state("g", "Running");
    wharf
}

/// POST to an operation of the container of group `g`: status and body.
fn post(wharf: &Daemon, operation: &str, body: &Value) -> (u16, Value) {
    let id = wharf.show("g")["id"].as_str().unwrap().to_owned();
    post_at(wharf, &format!("{id}/containers/g/{operation}?api-version=2023-05-01"), body)
}

fn post_at(wharf: &Daemon, path: &str, body: &Value) -> (u16, Value) {
    let output = Command::new("curl")
        .args(["-s", "-X", "POST", "-w", "\n%{http_code}", "--unix-socket"])
        .arg(wharf.dir().join("r/wharf.sock"))
        .args(["-H", "Content-Type: application/json", "-d", &body.to_string()])
        .arg(format!("http://wharf.example:1234{path}"))
        .output()
        .unwrap();
    let output = text(&output.stdout);
    let (body, status) = output.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
}

type Socket = WebSocket<UnixStream>;

fn connect(wharf: &Daemon, uri: &str, protocol: Option<&str>) -> Result<Socket, u16> {
    let stream = UnixStream::connect(wharf.dir().join("r/wharf.sock")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut request = uri.into_client_request().unwrap();
    if let Some(protocol) = protocol {
        request.headers_mut().insert("Sec-WebSocket-Protocol", protocol.parse().unwrap());
    }
    match tungstenite::client::client(request, stream) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(SocketError::Http(answer))) => {
            Err(answer.status().as_u16())
        }
        Err(error) => panic!("{error}"),
    }
}

/// A session as Azure's clients open it.
fn session(wharf: &Daemon, command: &str) -> Socket {
    let body = json!({"command": command, "terminalSize": {"rows": 24, "cols": 80}});
    let (status, answer) = post(wharf, "exec", &body);
    assert_eq!(status, 200, "{answer}");
    let mut socket = connect(wharf, answer["webSocketUri"].as_str().unwrap(), None).unwrap();
    socket.send(Message::text(answer["password"].as_str().unwrap())).unwrap();
    socket
}

/// What is said until the other side closes, and its code.
fn hear_all(socket: &mut Socket) -> (String, Option<CloseCode>) {
    let mut heard = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Binary(bytes)) => heard.extend_from_slice(&bytes),
            Ok(Message::Close(frame)) => {
                return (text(&heard), frame.map(|frame| frame.code));
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => panic!("{error} after {:?}", text(&heard)),
        }
    }
}

fn hear_until(socket: &mut Socket, wanted: &str) {
    let mut heard = Vec::new();
    while !text(&heard).contains(wanted) {
        match socket.read().unwrap() {
            Message::Binary(bytes) => heard.extend_from_slice(&bytes),
            other => panic!("{other:?} after {:?}", text(&heard)),
        }
    }
}

/// How many processes on this host have a mark in their command lines.
fn marked(mark: &str) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| text(line).split('\0').any(|word| word == mark)).count()
}

#[test]
fn azure_clients_get_the_recorded_protocol() {
    let wharf = running();
    let body = json!({"command": "/bin/sh", "terminalSize": {"rows": 0, "cols": 0}});
    let (status, answer) = post(&wharf, "exec", &body);
    assert_eq!(status, 200, "{answer}");
    let uri = answer["webSocketUri"].as_str().unwrap();
    assert!(uri.starts_with("ws://wharf.example:1234/exec/"), "{uri}");
    let password = answer["password"].as_str().unwrap();
    assert!(password.ends_with("[[EOM]]"));
    assert_eq!(answer.as_object().unwrap().len(), 2);
    let mut socket = connect(&wharf, uri, None).unwrap();
    socket.send(Message::text(password)).unwrap();
    // Binary as az sends it, and text, a byte each, as docker does.
    socket.send(Message::binary("echo a$((40+2))\r".as_bytes().to_vec())).unwrap();
    hear_until(&mut socket, "a42");
    for byte in "exit 3\r".chars() {
        socket.send(Message::text(byte.to_string())).unwrap();
    }
    assert_eq!(hear_all(&mut socket).1, Some(CloseCode::Normal));
    assert_eq!(connect(&wharf, uri, None).unwrap_err(), 404, "an address works once");
}

#[test]
fn one_word_or_more_are_run_with_a_terminal_of_that_size() {
    let wharf = running();
    let mut socket = session(&wharf, "sh -c 'stty size; tty; echo $TERM'");
    let expected = "24 80\r\n/dev/pts/0\r\nxterm\r\n".to_owned();
    assert_eq!(hear_all(&mut socket), (expected, Some(CloseCode::Normal)));
    let mut socket = session(&wharf, "no-such-program");
    let (said, code) = hear_all(&mut socket);
    assert!(said.contains("no-such-program") && code == Some(CloseCode::Normal), "{said}");
    let mut socket = session(
        &wharf,
        "sh -c 'trap \"echo got it; exit\" INT; echo ready; while :; do sleep 0.1; done'",
    );
    hear_until(&mut socket, "ready");
    socket.send(Message::binary(vec![3])).unwrap();
    assert!(hear_all(&mut socket).0.contains("got it"));
}

#[test]
fn a_wrong_password_closes_and_uses_up_the_address() {
    let wharf = running();
    let (_, answer) = post(&wharf, "exec", &json!({"command": "touch /tmp/was-here"}));
    let uri = answer["webSocketUri"].as_str().unwrap();
    let mut socket = connect(&wharf, uri, None).unwrap();
    socket.send(Message::text("wrong")).unwrap();
    assert_eq!(hear_all(&mut socket), (String::new(), Some(CloseCode::Policy)));
    assert_eq!(connect(&wharf, uri, None).unwrap_err(), 404);
    assert_eq!(connect(&wharf, "ws://x/exec/0123", None).unwrap_err(), 404);
    let found = wharf.run(&["exec", "g", "--", "ls", "/tmp/was-here"]);
    assert_eq!(found.status.code(), Some(1), "nothing was run");
}

#[test]
fn what_cannot_be_run_is_refused() {
    let wharf = running();
    let run = json!({"command": "true"});
    let id = wharf.show("g")["id"].as_str().unwrap().to_owned();
    let version = "api-version=2023-05-01";
    let code = |(status, body): (u16, Value)| (status, body["error"]["code"].clone());
    let path = format!("{id}/containers/nobody/exec?{version}");
    assert_eq!(code(post_at(&wharf, &path, &run)), (404, json!("ContainerNotFound")));
    let path = format!("{id}x/containers/g/exec?{version}");
    assert_eq!(code(post_at(&wharf, &path, &run)), (404, json!("ResourceNotFound")));
    assert_eq!(code(post(&wharf, "exec", &json!({}))), (400, json!("InvalidRequestContent")));
    wharf.ok(&["stop", "g"]);
    assert_eq!(code(post(&wharf, "exec", &run)), (409, json!("ContainerGroupStopped")));
    assert_eq!(code(post(&wharf, "attach", &run)), (409, json!("ContainerGroupStopped")));
    let args = ["--restart-policy", "Never", "--command-line", "true"];
    wharf.ok(&[&["create", "done", "--image", WORDCOUNT], args.as_slice()].concat());
    wharf.wait_for_state("done", "Succeeded");
    let (exit, error) = wharf.fails(&["exec", "done", "--", "true"]);
    assert!(exit == 1 && error.contains("ContainerNotRunning"), "{error}");
}

#[test]
fn our_client_keeps_streams_apart_and_ends_as_the_command_did() {
    let wharf = running();
    let output = wharf.run(&["exec", "g", "--", "sh", "-c", "echo out; echo err >&2; exit 42"]);
    assert_eq!(output.status.code(), Some(42));
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("out\n".into(), "err\n".into()));
    let script = r#"printf '%s|' "$@""#;
    let output = wharf.run(&["exec", "g", "--", "sh", "-c", script, "sh", "a b", "", "$x"]);
    assert_eq!(text(&output.stdout), "a b||$x|", "arguments are not looked into");
    let (code, error) = wharf.fails(&["exec", "g", "--", "no-such-program"]);
    assert!(code == 127 && error.contains("cannot execute"), "{code} {error}");
    let output = wharf.run(&["exec", "g", "--", "sh", "-c", "kill -9 $$"]);
    assert_eq!(output.status.code(), Some(137));
    assert_eq!(wharf.ok(&["exec", "g", "--", "wc", "-c"]), "0\n", "without -i there is no input");
}

#[test]
fn a_hundred_megabytes_go_both_ways_unchanged() {
    let wharf = running();
    let mut child = wharf
        .command(&["exec", "-i", "g", "--", "sh", "-c", "cat; echo end >&2; exit 7"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Every byte value, in an order that does not repeat with the size of any buffer.
    let block: Vec<u8> =
        (0..100_003_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let count = 1_049;
    let mut stdin = child.stdin.take().unwrap();
    let sent = block.clone();
    let writer = std::thread::spawn(move || (0..count).all(|_| stdin.write_all(&sent).is_ok()));
    let (mut stdout, mut received) = (child.stdout.take().unwrap(), vec![0; block.len()]);
    for _ in 0..count {
        stdout.read_exact(&mut received).unwrap();
        assert!(received == block);
    }
    assert_eq!(stdout.read(&mut received).unwrap(), 0);
    assert!(writer.join().unwrap());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(7), "end\n"));
}

#[test]
fn a_client_that_vanishes_takes_its_command_along() {
    let wharf = running();
    let script = "trap '' HUP; sleep 5001.5 & setsid sleep 5001.5 & echo ready; sleep 5001.5";
    let mut child = wharf
        .command(&["exec", "g", "--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let is_gone = || marked("5001.5") == 0;
    assert!(wait_for(Duration::from_secs(10), is_gone), "after our client was killed");
    // One of Azure's, in the middle of output that it does not read.
    let mut socket = session(&wharf, "sh -c 'sleep 5001.5 & echo ready; yes'");
    hear_until(&mut socket, "ready");
    drop(socket);
    assert!(wait_for(Duration::from_secs(10), is_gone), "after a connection was closed");
    assert_eq!(wharf.state("g"), "Running");
}

#[test]
fn a_killed_daemon_leaves_no_command_and_the_container_alone() {
    let mut wharf = running();
    let mut socket = session(&wharf, "sh -c \"trap '' HUP; echo ready; sleep 5002.5\"");
    hear_until(&mut socket, "ready");
    let started = wharf.view("g", 0)["currentState"]["startTime"].clone();
    wharf.kill();
    assert!(wait_for(Duration::from_secs(10), || marked("5002.5") == 0));
    wharf.up(&[]);
    wharf.wait_for_state("g", "Running");
    assert_eq!(wharf.view("g", 0)["currentState"]["startTime"], started);
    assert_eq!(wharf.ok(&["exec", "g", "--", "echo", "again"]), "again\n");
}

#[test]
fn twenty_at_once_do_not_meet() {
    let wharf = running();
    let script = "read x; echo $x $1; exit $1";
    let start = |number: i32| {
        let argument = number.to_string();
        let args = ["exec", "-i", "g", "--", "sh", "-c", script, "sh", &argument];
        let mut command = wharf.command(&args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    };
    let mut children: Vec<_> = (0..20).map(start).collect();
    for (number, child) in children.iter_mut().enumerate() {
        writeln!(child.stdin.take().unwrap(), "in{number}").unwrap();
    }
    for (number, child) in children.into_iter().enumerate() {
        let output = child.wait_with_output().unwrap();
        assert_eq!(text(&output.stdout), format!("in{number} {number}\n"));
        assert_eq!(output.status.code(), i32::try_from(number).ok());
    }
}

/// A terminal of ours with our client in it.
struct Terminal {
    master: std::fs::File,
    seen: String,
    child: std::process::Child,
}

impl Terminal {
    fn open(wharf: &Daemon, args: &[&str]) -> Self {
        let pair = nix::pty::openpty(None, None).unwrap();
        set_size(pair.master.as_fd(), 31, 97);
        let client = wharf.command(args);
        let stdio = || Stdio::from(pair.slave.try_clone().unwrap());
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait"]).arg(client.get_program()).args(client.get_args());
        for (name, value) in client.get_envs() {
            command.env(name, value.unwrap());
        }
        let child = command.stdin(stdio()).stdout(stdio()).stderr(stdio()).spawn().unwrap();
        Self { master: pair.master.into(), seen: String::new(), child }
    }

    fn type_in(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    fn expect(&mut self, wanted: &str) {
        while !self.seen.contains(wanted) {
            let mut buffer = [0; 4096];
            match self.master.read(&mut buffer) {
                Ok(count) => self.seen.push_str(&text(&buffer[..count])),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("{error} while waiting for {wanted:?}: {:?}", self.seen),
            }
        }
        self.seen.clear();
    }
}

fn set_size(terminal: BorrowedFd<'_>, rows: u16, cols: u16) {
    let size = Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).unwrap();
}

#[test]
fn a_shell_in_a_terminal_is_told_of_its_size_and_of_keys() {
    let wharf = running();
    let mut terminal = Terminal::open(&wharf, &["exec", "-it", "g", "--", "sh"]);
    terminal.type_in("echo $((6*7)) \"$(stty size)\"\r");
    terminal.expect("42 31 97");
    terminal.type_in("trap 'echo now $(stty size)' WINCH\r");
    set_size(terminal.master.as_fd(), 20, 50);
    let told = wait_for(Duration::from_secs(10), || {
        terminal.type_in("stty size\r");
        let mut buffer = [0; 4096];
        let count = terminal.master.read(&mut buffer).unwrap();
        terminal.seen.push_str(&text(&buffer[..count]));
        terminal.seen.contains("20 50")
    });
    assert!(told, "{:?}", terminal.seen);
    terminal.type_in("echo be''gin; sleep 5003.5\r");
    terminal.expect("begin");
    assert!(wait_for(Duration::from_secs(10), || marked("5003.5") > 0));
    terminal.type_in("\x03");
    terminal.type_in("echo af''ter\r");
    terminal.expect("after");
    terminal.type_in("exit 5\r");
    assert_eq!(terminal.child.wait().unwrap().code(), Some(5));
    assert_eq!(marked("5003.5"), 0);
}

#[test]
fn attached_clients_see_what_is_written_from_now_on() {
    let wharf = Daemon::start();
    let script = "sh -c 'echo before; until [ -e /tmp/go ]; do sleep 0.05; done; echo out; \
                  echo err >&2; sleep 1; echo last; exit 3'";
    let args = ["--restart-policy", "Never", "--command-line", script];
    wharf.ok(&[&["create", "g", "--image", WORDCOUNT], args.as_slice()].concat());
    assert!(wait_for(Duration::from_secs(10), || wharf.ok(&["logs", "g"]) == "before\n"));
    let (status, answer) = post(&wharf, "attach", &Value::Null);
    assert_eq!(status, 200, "{answer}");
    let child = wharf
        .command(&["attach", "g"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut framed = {
        let (_, answer) = post(&wharf, "attach", &Value::Null);
        let uri = answer["webSocketUri"].as_str().unwrap();
        let mut socket = connect(&wharf, uri, Some(PROTOCOL)).unwrap();
        socket.send(Message::text(answer["password"].as_str().unwrap())).unwrap();
        socket
    };
    // As the specification has it: the password in a header.
    let mut request = answer["webSocketUri"].as_str().unwrap().into_client_request().unwrap();
    let password = answer["password"].as_str().unwrap().parse().unwrap();
    request.headers_mut().insert("Authorization", password);
    let stream = UnixStream::connect(wharf.dir().join("r/wharf.sock")).unwrap();
    let (mut socket, _) = tungstenite::client::client(request, stream).unwrap();
    wharf.ok(&["exec", "g", "--", "touch", "/tmp/go"]);
    let (heard, code) = hear_all(&mut socket);
    assert_eq!((heard.as_str(), code), ("out\nerr\nlast\n", Some(CloseCode::Normal)));
    assert_eq!(framed.read().unwrap(), Message::binary(b"\x01out\n".to_vec()));
    assert_eq!(framed.read().unwrap(), Message::binary(b"\x02err\n".to_vec()));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(text(&output.stdout).ends_with("last\n"), "{:?}", text(&output.stdout));
    assert!(!text(&output.stdout).contains("before"));
}
