//! `cargo xtask bench`: the budgets of DESIGN §6, measured beside peers in the same run.
//!
//! A daemon of its own with its own directories; everything goes through the API on its socket, as
//! a client would. Peers that are not installed are left out and said so.

mod daemon;
mod exec;
pub(crate) mod files;
mod http;
pub(crate) mod images;
pub(crate) mod network;
pub(crate) mod peers;
mod sdk;
mod transfer;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use daemon::Daemon;

/// Groups of the latency measurements.
const SAMPLES: usize = 60;
/// Groups that the Python SDK creates.
const SDK_SAMPLES: usize = 20;
/// Clients that create and delete at once.
const CLIENTS: usize = 8;

/// One line of the result.
struct Row {
    what: String,
    median: f64,
    p95: f64,
    unit: &'static str,
    budget: &'static str,
}

/// Measures and prints the table.
pub(crate) fn run(groups: usize) -> Result<()> {
    let mut daemon = Daemon::start()?;
    let mut rows = Vec::new();
    rows.push(memory(&daemon, "daemon started afresh, private memory", "≤ 40")?);
    daemon.warm_up()?;
    one_by_one(&daemon, &mut rows)?;
    python_sdk(&daemon, &mut rows);
    rows.push(row("exec of `true`, request → end", exec::measure(&daemon)?, "ms", "≤ 30"));
    many(&mut daemon, groups, &mut rows)?;
    let peers = peers::measure()?;
    print(&rows, &peers);
    daemon.finish()
}

/// What one group asks for when it is alone: with a hundredth of a CPU its start would be slow by
/// its own limit.
const ALONE: f64 = 1.0;
/// What each of many asks for.
const AMONG_MANY: f64 = 0.01;

fn body(command: &[&str], cpu: f64) -> Value {
    json!({
        "location": "local",
        "properties": {
            "osType": "Linux",
            "restartPolicy": "Never",
            "containers": [{ "name": "c", "properties": {
                "image": daemon::IMAGE,
                "command": command,
                "ports": [{ "port": 80 }],
                "resources": { "requests": { "cpu": cpu, "memoryInGB": 0.1 } },
            } }],
            "ipAddress": { "type": "Public", "ports": [{ "port": 80 }] },
        },
    })
}

/// Create and delete, one group after the other.
fn one_by_one(daemon: &Daemon, rows: &mut Vec<Row>) -> Result<()> {
    let (mut started, mut answered, mut deleted) = (vec![], vec![], vec![]);
    for n in 0..SAMPLES {
        let path = daemon.group(&format!("one-{n}"));
        let begin = Instant::now();
        let answer =
            http::request(&daemon.socket, "PUT", &path, Some(&body(&["sleep", "1000"], ALONE)))?;
        answered.push(millis(begin.elapsed()));
        let operation = answer.header("azure-asyncoperation").context("no operation")?.to_owned();
        let operation = operation.trim_start_matches("http://localhost").to_owned();
        let state = daemon.wait(&operation)?;
        let group = http::request(&daemon.socket, "GET", &path, None)?.body;
        let view = &group["properties"]["containers"][0]["properties"]["instanceView"];
        let from = time(&state["startTime"])?;
        let to = time(&view["currentState"]["startTime"])?;
        started.push(to - from);
        let begin = Instant::now();
        http::request(&daemon.socket, "DELETE", &path, None)?;
        deleted.push(millis(begin.elapsed()));
    }
    rows.push(row(
        "PUT accepted → process started, own network and address",
        started,
        "ms",
        "≤ 25",
    ));
    rows.push(row("of that: its network", daemon.connected()?, "ms", "≤ 2"));
    rows.push(row("PUT as the client sees it, group running", answered, "ms", ""));
    rows.push(row("DELETE → nothing left", deleted, "ms", "≤ 100"));
    Ok(())
}

/// The same through the SDK that people use, over HTTPS and with its own polling.
#[expect(clippy::print_stderr, reason = "the table goes on without the row")]
fn python_sdk(daemon: &Daemon, rows: &mut Vec<Row>) {
    let what = format!(
        "Python SDK begin_create_or_update().result(), cached image, median of {SDK_SAMPLES}"
    );
    match sdk::measure(daemon, SDK_SAMPLES) {
        Ok((median, p95)) => rows.push(Row { what, median, p95, unit: "ms", budget: "≤ 400" }),
        Err(error) => eprintln!("not measured: {what}: {error:#}"),
    }
}

fn memory(daemon: &Daemon, what: &str, budget: &'static str) -> Result<Row> {
    let private = Daemon::private_kib(daemon.pid())?;
    Ok(row(what, vec![private / 1024.0], "MiB", budget))
}

/// As many as asked for at once: throughput, memory, restart, and away again.
fn many(daemon: &mut Daemon, groups: usize, rows: &mut Vec<Row>) -> Result<()> {
    rows.push(memory(daemon, "daemon with 0 groups after all of this, private memory", "")?);
    let begin = Instant::now();
    let idle = body(&["sleep", "1000"], AMONG_MANY);
    in_parallel(daemon, groups, "PUT", &idle)?;
    daemon.wait_until_running(groups)?;
    let rate = rate(groups, begin.elapsed());
    rows.push(row(&format!("{groups} groups created, rate"), vec![rate], "/s", "≥ 30"));
    let shims: Result<Vec<f64>> = daemon.shims()?.into_iter().map(Daemon::private_kib).collect();
    let shims = shims?;
    ensure!(shims.len() >= groups, "{} shims for {groups} groups", shims.len());
    rows.push(row(
        "shim of an idle group, private memory",
        shims.iter().map(|k| k / 1024.0).collect(),
        "MiB",
        "≤ 4",
    ));
    let what = format!("daemon with {groups} groups, private memory");
    rows.push(memory(daemon, &what, "≤ 120")?);
    let begin = Instant::now();
    daemon.restart()?;
    let restarted = begin.elapsed().as_secs_f64();
    rows.push(row(
        &format!("restart with {groups} running groups → all adopted"),
        vec![restarted],
        "s",
        "≤ 2",
    ));
    daemon.wait_until_running(groups)?;
    let begin = Instant::now();
    in_parallel(daemon, groups, "DELETE", &idle)?;
    let gone = self::rate(groups, begin.elapsed());
    rows.push(row(&format!("{groups} groups deleted, rate"), vec![gone], "/s", ""));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred")]
fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

fn in_parallel(daemon: &Daemon, groups: usize, method: &str, body: &Value) -> Result<()> {
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let body = (method == "PUT").then_some(body);
                scope.spawn(move || -> Result<()> {
                    for n in (client..groups).step_by(CLIENTS) {
                        let path = daemon.group(&format!("many-{n}"));
                        http::request(&daemon.socket, method, &path, body)?;
                    }
                    Ok(())
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(result) => result,
            Err(_) => anyhow::bail!("a client panicked"),
        })
    })
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

/// Milliseconds of a time of the API.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of a day fit easily")]
fn time(value: &Value) -> Result<f64> {
    let text = value.as_str().with_context(|| format!("{value} is no time"))?;
    let at: jiff::Timestamp = text.parse()?;
    Ok((at.as_millisecond() % 86_400_000) as f64)
}

fn row(what: &str, mut values: Vec<f64>, unit: &'static str, budget: &'static str) -> Row {
    values.sort_by(f64::total_cmp);
    let at = |share: usize| values[(values.len() * share / 100).min(values.len() - 1)];
    Row { what: what.to_owned(), median: at(50), p95: at(95), unit, budget }
}

#[expect(clippy::print_stdout, reason = "the result")]
fn print_rows(rows: &[Row]) {
    println!("| what | median | p95 | unit | budget |\n|---|---|---|---|---|");
    for row in rows {
        println!(
            "| {} | {:.1} | {:.1} | {} | {} |",
            row.what, row.median, row.p95, row.unit, row.budget
        );
    }
}

#[expect(clippy::print_stdout, reason = "the result")]
fn print(rows: &[Row], peers: &[peers::Peer]) {
    print_rows(rows);
    let ours = rows
        .iter()
        .find(|row| row.what.starts_with("PUT accepted"))
        .map_or(f64::NAN, |row| row.median);
    println!(
        "\n| peer, same run | median ms | p95 ms | peer ÷ Wharf (PUT accepted → started) |\n|---|---|---|---|"
    );
    for peer in peers {
        match &peer.result {
            Ok((median, p95)) => {
                println!("| {} | {median:.1} | {p95:.1} | {:.1} |", peer.what, median / ours);
            }
            Err(why) => println!("| {} | – | – | not measured: {why} |", peer.what),
        }
    }
}
