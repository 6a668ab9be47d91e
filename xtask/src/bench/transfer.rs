//! The same bytes, by the same curl over TLS, to and from Wharf, nginx and Azurite.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use super::{
    Row,
    daemon::{Daemon, pause},
    files::ACCOUNT,
    row,
};

/// A file of so many parts of 4 MiB.
const PARTS: usize = 16;
const PART: usize = 4 << 20;
const ROUNDS: usize = 3;
/// The account that Azurite has of itself, and its key, which is no secret.
const DEVELOPER: [&str; 2] = [
    "devstoreaccount1",
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
];

/// Where the bytes go; the process ends with it.
struct Server {
    what: &'static str,
    child: Option<Child>,
    /// Requests that make what uploads need.
    prepare: Vec<Request>,
    upload: Vec<Request>,
    finish: Vec<Request>,
    download: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

struct Request {
    url: String,
    headers: Vec<String>,
    /// The file that is sent.
    body: PathBuf,
}

/// Uploads and downloads, one request at a time and four at once.
#[expect(clippy::print_stderr, reason = "the table goes on without the rows")]
pub(super) fn measure(daemon: &Daemon, key: &str, rows: &mut Vec<Row>) -> Result<()> {
    let dir = PathBuf::from(format!("/var/tmp/wharf-bench-transfer-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    std::fs::write(dir.join("empty"), "")?;
    let random = std::fs::File::open("/dev/urandom")?;
    let mut random = std::io::Read::take(random, PART as u64);
    std::io::copy(&mut random, &mut std::fs::File::create(dir.join("part"))?)?;
    shell(&dir, CERTIFICATE)?;
    let mut servers = vec![wharf(daemon, key, &dir)?];
    for (what, made) in [("nginx", nginx(&dir)), ("Azurite", azurite(&dir))] {
        match made {
            Ok(server) => servers.push(server),
            Err(error) => eprintln!("not measured: {what}: {error:#}"),
        }
    }
    for server in &servers {
        send(&dir, &server.prepare, 1).with_context(|| server.what)?;
    }
    for clients in [1, 4] {
        together(&dir, &servers, clients, rows)?;
    }
    drop(servers);
    std::fs::remove_dir_all(dir)?;
    Ok(())
}

fn together(dir: &Path, servers: &[Server], clients: usize, rows: &mut Vec<Row>) -> Result<()> {
    let mut all: Vec<[Vec<f64>; 2]> = servers.iter().map(|_| Default::default()).collect();
    for _ in 0..ROUNDS {
        for (server, [up, down]) in servers.iter().zip(&mut all) {
            let begin = Instant::now();
            send(dir, &server.upload, clients).with_context(|| server.what)?;
            send(dir, &server.finish, 1).with_context(|| server.what)?;
            up.push(speed(begin));
            let begin = Instant::now();
            receive(dir, &server.download, clients).with_context(|| server.what)?;
            down.push(speed(begin));
        }
    }
    for (way, index) in [("up", 0), ("down", 1)] {
        for (server, values) in servers.iter().zip(&all) {
            let what =
                format!("{PARTS} × 4 MiB {way} over TLS, {clients} at a time: {}", server.what);
            rows.push(row(&what, values[index].clone(), "MiB/s", ""));
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred MiB")]
fn speed(begin: Instant) -> f64 {
    (PARTS * PART) as f64 / 1_048_576.0 / begin.elapsed().as_secs_f64()
}

fn send(dir: &Path, requests: &[Request], clients: usize) -> Result<()> {
    let mut config = String::new();
    for request in requests {
        let body = request.body.display();
        writeln!(config, "next\nurl = \"{}\"\nupload-file = \"{body}\"", request.url)?;
        for header in request.headers.iter().map(String::as_str).chain(["Expect:"]) {
            writeln!(config, "header = \"{header}\"")?;
        }
        writeln!(config, "{EACH}")?;
    }
    curl(dir, config.trim_start_matches("next\n"), clients)
}

fn receive(dir: &Path, url: &str, clients: usize) -> Result<()> {
    let mut config = String::new();
    for index in 0..PARTS {
        let (from, to) = (index * PART, (index + 1) * PART - 1);
        writeln!(config, "next\nurl = \"{url}\"\nheader = \"Range: bytes={from}-{to}\"\n{EACH}")?;
    }
    curl(dir, config.trim_start_matches("next\n"), clients)
}

/// What curl forgets with every request. The certificates of the peers are their own.
const EACH: &str = "insecure\nsilent\nshow-error\nfail\noutput = \"/dev/null\"";

fn curl(dir: &Path, config: &str, clients: usize) -> Result<()> {
    if config.is_empty() {
        return Ok(());
    }
    std::fs::write(dir.join("requests"), config)?;
    let mut command = Command::new("curl");
    if clients > 1 {
        command.args(["--parallel", "--parallel-max", &clients.to_string()]);
    }
    let output =
        command.args(["--fail-early", "--config", "requests"]).current_dir(dir).output()?;
    ensure!(output.status.success(), "curl: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

const CERTIFICATE: &str = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
                           -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem";

fn shell(dir: &Path, script: &str) -> Result<String> {
    let output = Command::new("sh").args(["-c", script]).current_dir(dir).output()?;
    ensure!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// A signature of the account for everything.
fn signature(dir: &Path, account: &str, key: &str, service: &str) -> Result<String> {
    let rest = format!("{service}\\nsco\\n\\n2099-01-01T00:00:00Z\\n\\n\\n2024-11-04\\n\\n");
    let tag = shell(
        dir,
        &format!(
            "key=$(printf %s '{key}' | base64 -d | od -An -v -tx1 | tr -d ' \\n'); \
             printf '{account}\\nrwdlac\\n{rest}' | \
             openssl dgst -sha256 -mac HMAC -macopt hexkey:$key -binary | base64 -w0"
        ),
    )?;
    let tag = tag.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    Ok(format!("sv=2024-11-04&ss={service}&srt=sco&sp=rwdlac&se=2099-01-01T00:00:00Z&sig={tag}"))
}

fn headers(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).chain(["x-ms-version: 2024-11-04".to_owned()]).collect()
}

fn wharf(daemon: &Daemon, key: &str, dir: &Path) -> Result<Server> {
    let signature = signature(dir, ACCOUNT, key, "f")?;
    let file = format!("https://{}/{ACCOUNT}/data/uploaded", daemon.address);
    let length = format!("x-ms-content-length: {}", PARTS * PART);
    let range = |index: usize| {
        let range = format!("x-ms-range: bytes={}-{}", index * PART, (index + 1) * PART - 1);
        Request {
            url: format!("{file}?comp=range&{signature}"),
            headers: headers(&[&range, "x-ms-write: update"]),
            body: dir.join("part"),
        }
    };
    Ok(Server {
        what: "Wharf, each synced",
        child: None,
        prepare: vec![Request {
            url: format!("{file}?{signature}"),
            headers: headers(&["x-ms-type: file", &length]),
            body: dir.join("empty"),
        }],
        upload: (0..PARTS).map(range).collect(),
        finish: Vec::new(),
        download: format!("{file}?{signature}"),
    })
}

/// Waits until a server takes connections.
fn started(mut command: Command, port: u16) -> Result<Child> {
    let program = command.get_program().to_os_string();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().with_context(|| format!("run {}", program.display()))?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        let is_there = child.try_wait()?.is_none() && Instant::now() < deadline;
        ensure!(is_there, "{} does not start", program.display());
        pause(Duration::from_millis(20));
    }
    Ok(child)
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Plain files, uploaded by its module for that as one file each and downloaded as one.
fn nginx(dir: &Path) -> Result<Server> {
    // The package is not installed, only looked into: it would start a server on port 80.
    let found = shell(
        dir,
        "command -v nginx || { apt-get -qq download nginx >&2 && \
                            dpkg-deb -x nginx_*.deb nginx >&2 && echo $PWD/nginx/usr/sbin/nginx; }",
    )?;
    let port = free_port()?;
    std::fs::create_dir_all(dir.join("www"))?;
    let file = std::fs::File::create(dir.join("www/whole"))?;
    file.set_len((PARTS * PART) as u64)?;
    shell(dir, &format!("for i in $(seq {PARTS}); do cat part; done > www/whole"))?;
    let config =
        NGINX.replace("PORT", &port.to_string()).replace("DIR", &dir.display().to_string());
    std::fs::write(dir.join("nginx.conf"), config)?;
    let mut command = Command::new(found.trim());
    command.arg("-c").arg(dir.join("nginx.conf")).arg("-p").arg(dir);
    let child = started(command, port)?;
    let address = format!("https://127.0.0.1:{port}");
    let block = |index: usize| Request {
        url: format!("{address}/part{index}"),
        headers: Vec::new(),
        body: dir.join("part"),
    };
    Ok(Server {
        what: "nginx, files not synced",
        child: Some(child),
        prepare: Vec::new(),
        upload: (0..PARTS).map(block).collect(),
        finish: Vec::new(),
        download: format!("{address}/whole"),
    })
}

const NGINX: &str =
    "daemon off; user root; worker_processes auto; pid DIR/nginx.pid; error_log DIR/error.log;
events {}
http {
  access_log off; sendfile on; keepalive_requests 100000;
  client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/fastcgi;
  uwsgi_temp_path DIR/uwsgi; scgi_temp_path DIR/scgi;
  server {
    listen 127.0.0.1:PORT ssl; ssl_certificate DIR/cert.pem; ssl_certificate_key DIR/key.pem;
    root DIR/www; client_max_body_size 0; dav_methods PUT;
  }
}
";

/// Blocks of a blob, committed at the end.
fn azurite(dir: &Path) -> Result<Server> {
    let root =
        Command::new("scripts/clients").arg("azurite").output().context("scripts/clients")?;
    ensure!(root.status.success(), "{}", String::from_utf8_lossy(&root.stderr));
    let root = PathBuf::from(String::from_utf8(root.stdout)?.trim());
    let port = free_port()?;
    let mut command = Command::new("node");
    command.arg(root.join("azurite/node_modules/azurite/dist/src/blob/main.js"));
    command.args(["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--blobPort"]);
    command.arg(port.to_string()).arg("--location").arg(dir.join("azurite"));
    command.arg("--cert").arg(dir.join("cert.pem")).arg("--key").arg(dir.join("key.pem"));
    let child = started(command, port)?;
    let [account, key] = DEVELOPER;
    let signature = signature(dir, account, key, "b")?;
    let container = format!("https://127.0.0.1:{port}/{account}/box");
    let id = |index: usize| format!("cGFydDAw{index:04}");
    let block = |index: usize| Request {
        url: format!("{container}/blob?comp=block&blockid={}&{signature}", id(index)),
        headers: headers(&[]),
        body: dir.join("part"),
    };
    let list = (0..PARTS).map(|index| format!("<Latest>{}</Latest>", id(index)));
    let list = format!("<BlockList>{}</BlockList>", list.collect::<String>());
    std::fs::write(dir.join("list"), list)?;
    Ok(Server {
        what: "Azurite, blocks of a blob",
        child: Some(child),
        prepare: vec![Request {
            url: format!("{container}?restype=container&{signature}"),
            headers: headers(&[]),
            body: dir.join("empty"),
        }],
        upload: (0..PARTS).map(block).collect(),
        finish: vec![Request {
            url: format!("{container}/blob?comp=blocklist&{signature}"),
            headers: headers(&[]),
            body: dir.join("list"),
        }],
        download: format!("{container}/blob?{signature}"),
    })
}
