//! Whole commands against a real HTTP server that answers as told: which requests they make, and
//! with which exit code they end.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    process::ExitCode,
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";

/// Status, `Azure-AsyncOperation`, body.
type Reply = (u16, Option<&'static str>, String);
type Requests = Arc<Mutex<Vec<(String, Value)>>>;

struct Server {
    directory: tempfile::TempDir,
    requests: Requests,
}

impl Server {
    /// Answers `METHOD /path` (without the query) with what `answer` says.
    fn start(answer: impl Fn(&str, usize) -> Reply + Send + 'static) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("sock")).unwrap();
        let requests = Requests::default();
        let log = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(&stream.unwrap(), &log, &answer);
            }
        });
        Self { directory, requests }
    }

    fn run(&self, args: &[&str]) -> String {
        let socket = self.directory.path().join("sock");
        let socket = socket.to_str().unwrap();
        run(&[&["--endpoint", socket], args].concat())
    }

    /// What was asked, with the ids shortened.
    fn asked(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let short = |line: &String| {
            line.replace(&format!("/subscriptions/{SUBSCRIPTION}"), "S")
                .replace("/providers/Microsoft.ContainerInstance", "")
        };
        requests.iter().map(|(line, _)| short(line)).collect()
    }

    fn body_of(&self, line_start: &str) -> Value {
        let asked = self.asked();
        let at = asked.iter().position(|line| line.starts_with(line_start)).unwrap();
        self.requests.lock().unwrap()[at].1.clone()
    }
}

fn run(args: &[&str]) -> String {
    let args = ["wharf"].iter().chain(args).map(OsString::from);
    let code = wharf_cli::main(args, clap::Command::new("serve").about("Run the daemon"));
    format!("{code:?}")
}

fn code(code: u8) -> String {
    format!("{:?}", ExitCode::from(code))
}

fn serve(stream: &UnixStream, log: &Requests, answer: &impl Fn(&str, usize) -> Reply) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).unwrap() <= 2 {
            break;
        }
        if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let path = line.split('?').next().unwrap().to_owned();
    let count = {
        let mut log = log.lock().unwrap();
        log.push((line, serde_json::from_slice(&body).unwrap_or_default()));
        log.iter().filter(|(asked, _)| asked.split('?').next() == Some(&path)).count()
    };
    let short = path.replace(&format!("/subscriptions/{SUBSCRIPTION}"), "S");
    let (status, operation, body) = match short.as_str() {
        "GET /subscriptions" => {
            (200, None, json!({ "value": [{ "subscriptionId": SUBSCRIPTION }] }).to_string())
        }
        short => answer(short, count),
    };
    let operation =
        operation.map(|url| format!("Azure-AsyncOperation: {url}\r\n")).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n{operation}\r\n",
        body.len()
    );
    let mut stream = stream;
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
}

fn error(status: u16, code: &str) -> Reply {
    (status, None, json!({ "error": { "code": code, "message": "no" } }).to_string())
}

fn ok(body: &Value) -> Reply {
    (200, None, body.to_string())
}

fn group(state: &str) -> Value {
    json!({
        "id": format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/default/providers/Microsoft.ContainerInstance/containerGroups/web"),
        "name": "web", "location": "here",
        "properties": {
            "provisioningState": "Succeeded", "restartPolicy": "Never",
            "instanceView": { "state": state },
            "containers": [{ "name": "web", "properties": { "image": "nginx", "instanceView": {
                "currentState": { "state": "Terminated", "exitCode": 0 } } } }],
        },
    })
}

#[test]
fn errors_of_the_api_decide_the_exit_code() {
    let table = [
        (error(404, "ResourceNotFound"), 3),
        (error(400, "InvalidApiVersionParameter"), 1),
        (error(401, "InvalidAuthenticationToken"), 1),
        (error(500, "InternalServerError"), 1),
        ((502, None, "<html>not json</html>".to_owned()), 1),
        ((200, None, "not json".to_owned()), 70),
        (ok(&group("Running")), 0),
    ];
    for (reply, expected) in table {
        let description = format!("{reply:?}");
        let server = Server::start(move |_, _| reply.clone());
        assert_eq!(server.run(&["show", "web"]), code(expected), "{description}");
    }
}

#[test]
fn usage_and_connection_have_their_own_codes_and_ask_nothing() {
    assert_eq!(run(&["--endpoint", "unix:///nonexistent/sock", "list"]), code(4));
    assert_eq!(run(&["--endpoint", "http://localhost", "list"]), code(2));
    let server = Server::start(|_, _| error(500, "Unexpected"));
    assert_eq!(server.run(&["nonsense"]), code(2));
    assert_eq!(server.run(&["create", "web", "--image", "x", "-e", "A"]), code(2));
    assert_eq!(server.run(&["create", "-f", "/nonexistent.yaml"]), code(2));
    assert_eq!(server.run(&["create", "web", "-f", "x", "--image", "y"]), code(2));
    assert_eq!(server.asked(), [""; 0]);
    assert_eq!(server.run(&["--help"]), code(0));
    assert_eq!(server.run(&["completion", "fish"]), code(0));
    assert_eq!(server.run(&["version"]), code(0));
    assert_eq!(server.asked(), [""; 0]);
}

#[test]
fn create_makes_the_resource_group_polls_on_the_same_socket_and_reads_the_result() {
    let server = Server::start(|request, count| match request {
        "GET S/resourceGroups/default" => error(404, "ResourceGroupNotFound"),
        "GET S/locations" => ok(&json!({ "value": [{ "name": "here" }] })),
        "PUT S/resourceGroups/default" => (201, None, json!({ "location": "here" }).to_string()),
        r if r.starts_with("PUT ") => (
            201,
            Some("https://another.example/operations/1?api-version=2018-06-01&t=x"),
            group("Pending").to_string(),
        ),
        "GET /operations/1" if count < 3 => ok(&json!({ "status": "Pending" })),
        "GET /operations/1" => ok(&json!({ "status": "Succeeded" })),
        _ => ok(&group("Running")),
    });
    assert_eq!(server.run(&["create", "web", "--image", "nginx"]), code(0));
    assert_eq!(
        server.asked(),
        [
            "GET /subscriptions?api-version=2022-12-01",
            "GET S/resourceGroups/default?api-version=2024-11-01",
            "GET S/locations?api-version=2022-12-01",
            "PUT S/resourceGroups/default?api-version=2024-11-01",
            "PUT S/resourceGroups/default/containerGroups/web?api-version=2025-09-01",
            "GET /operations/1?api-version=2018-06-01&t=x",
            "GET /operations/1?api-version=2018-06-01&t=x",
            "GET /operations/1?api-version=2018-06-01&t=x",
            "GET S/resourceGroups/default/containerGroups/web?api-version=2025-09-01",
        ]
    );
    assert_eq!(server.body_of("PUT S/resourceGroups/default?"), json!({ "location": "here" }));
    let body = server.body_of("PUT S/resourceGroups/default/containerGroups/web");
    assert_eq!(body["location"], "here");
    assert_eq!(body["properties"]["containers"][0]["properties"]["image"], "nginx");
}

#[test]
fn a_file_is_put_whole_with_its_own_version() {
    let server = Server::start(|request, _| match request {
        "GET S/resourceGroups/rg" => ok(&json!({ "location": "there" })),
        _ => ok(&group("Running")),
    });
    let file = server.directory.path().join("group.yaml");
    let text =
        "apiVersion: 2021-10-01\nname: web\nproperties:\n  x: 1\n  containers: [{name: a}]\n";
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(server.run(&["create", "-g", "rg", "-f", file]), code(0));
    let put = "PUT S/resourceGroups/rg/containerGroups/web?api-version=2021-10-01";
    let expected = json!({ "apiVersion": "2021-10-01", "name": "web", "location": "there",
        "properties": { "x": 1, "containers": [{ "name": "a" }] } });
    assert_eq!(server.body_of(put), expected);
    assert_eq!(server.run(&["create", "other", "-g", "rg", "-f", file]), code(2));
}

#[test]
fn an_operation_that_fails_is_an_api_error() {
    let server = Server::start(|request, _| match request {
        r if r.starts_with("POST ") => (202, Some("/operations/1?a=b"), String::new()),
        _ => ok(&json!({ "status": "Failed", "error": { "code": "Bad", "message": "no" } })),
    });
    assert_eq!(server.run(&["start", "web"]), code(1));
}

#[test]
fn delete_waits_until_the_group_is_gone_and_a_missing_one_is_an_error() {
    let server = Server::start(|request, count| match request {
        r if r.starts_with("DELETE ") && count == 1 => (202, None, group("Running").to_string()),
        r if r.starts_with("DELETE ") => (204, None, String::new()),
        _ if count < 3 => ok(&group("Running")),
        _ => error(404, "ResourceNotFound"),
    });
    assert_eq!(server.run(&["delete", "web", "--yes"]), code(0));
    let gets = server.asked().iter().filter(|l| l.contains("containerGroups/web")).count();
    assert_eq!(gets, 1 + 3, "one DELETE and a GET until 404");
    assert_eq!(server.run(&["delete", "web", "--yes"]), code(3));
}

#[test]
fn following_ends_with_the_container() {
    let server = Server::start(|request, _| {
        if request.ends_with("/logs") {
            ok(&json!({ "content": "2026-01-01T00:00:00Z hi\n" }))
        } else {
            ok(&group("Succeeded"))
        }
    });
    assert_eq!(server.run(&["logs", "-f", "web"]), code(0));
    assert!(
        server
            .asked()
            .last()
            .unwrap()
            .ends_with("/containers/web/logs?api-version=2025-09-01&timestamps=true")
    );
}

#[test]
fn doctor_fails_when_a_check_does() {
    for (clean, expected) in [(true, 0), (false, 1)] {
        let server = Server::start(move |_, _| {
            ok(&json!({ "clean": clean, "checks": [{ "name": "a", "ok": clean, "details": [] }] }))
        });
        assert_eq!(server.run(&["doctor"]), code(expected));
    }
}

#[test]
fn a_pull_that_is_cut_off_is_no_success() {
    let progress = r#"{"progress":{"layers_done":1,"layers":2,"bytes_done":1,"bytes":2}}"#;
    let table = [
        (format!("{progress}\n{{\"image\":{{\"reference\":\"a\"}}}}\n"), 0),
        (format!("{progress}\n{{\"error\":{{\"code\":\"ImageNotFound\",\"message\":\"m\"}}}}"), 3),
        (format!("{progress}\n"), 70),
    ];
    for (body, expected) in table {
        let server = Server::start(move |_, _| (200, None, body.clone()));
        assert_eq!(server.run(&["image", "pull", "a"]), code(expected));
        assert_eq!(server.body_of("POST /wharf/v1/images/pull"), json!({ "reference": "a" }));
    }
}

#[test]
fn the_command_line_is_consistent_and_lists_what_exists() {
    let command = wharf_cli::command();
    command.clone().debug_assert();
    let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    for name in ["serve", "create", "list", "logs", "exec", "attach", "image", "doctor", "az-env"] {
        assert!(names.contains(&name), "{name}");
    }
    for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish]
    {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut wharf_cli::command(), "wharf", &mut script);
        let script = String::from_utf8(script).unwrap();
        assert!(script.contains("restart-policy") && script.contains("serve"), "{shell}");
    }
}
