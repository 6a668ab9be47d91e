//! `cargo xtask bench network`: what the network costs, and that it holds.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{
    AMONG_MANY, Row, body,
    daemon::{self, Daemon, pause},
    http, in_parallel, one_by_one, print_rows, rate, row,
};

/// Short connections in all, by so many clients.
const SHORT: usize = 10_000;
const CLIENTS: usize = 4;
/// Runs of iperf3 on each of the two paths, in turn, and how long each is, in seconds.
const ROUNDS: usize = 7;
const SECONDS: &str = "2";
/// The ends of a bare pair of links.
const BARE: [Ipv4Addr; 2] = [Ipv4Addr::new(198, 18, 255, 1), Ipv4Addr::new(198, 18, 255, 2)];

/// Measures and prints the table.
pub(crate) fn run(groups: usize) -> Result<()> {
    let mut daemon = Daemon::start()?;
    daemon.warm_up()?;
    let mut rows = Vec::new();
    one_by_one(&daemon, &mut rows)?;
    throughput(&daemon, &mut rows)?;
    short_connections(&daemon, &mut rows)?;
    many(&mut daemon, groups, &mut rows)?;
    print_rows(&rows);
    daemon.finish()
}

/// Makes a group and waits until it is up; returns its address.
fn group(daemon: &Daemon, name: &str, body: &Value) -> Result<IpAddr> {
    let path = daemon.group(name);
    let answer = http::request(&daemon.socket, "PUT", &path, Some(body))?;
    let operation = answer.header("azure-asyncoperation").context("no operation")?;
    daemon.wait(operation.trim_start_matches("http://localhost"))?;
    address(daemon, name)
}

fn address(daemon: &Daemon, name: &str) -> Result<IpAddr> {
    let group = http::request(&daemon.socket, "GET", &daemon.group(name), None)?.body;
    let ip = group["properties"]["ipAddress"]["ip"].as_str().context("no address")?;
    Ok(ip.parse()?)
}

/// Ends with what is measured.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn quiet(program: &str, args: &[&str]) -> Result<Ended> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(Ended(command.spawn().with_context(|| format!("run {program}"))?))
}

fn call(line: &str) -> Result<String> {
    let mut words = line.split(' ');
    let program = words.next().context("no program")?;
    let output = Command::new(program).args(words).output()?;
    ensure!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// A network namespace at the other end of a pair of links, with nothing in between.
fn bare_pair() -> Result<Ended> {
    let holder = quiet("unshare", &["--net", "sleep", "1000"])?;
    let (pid, [here, there]) = (holder.0.id(), BARE);
    let own = std::fs::read_link("/proc/self/ns/net")?;
    while std::fs::read_link(format!("/proc/{pid}/ns/net"))? == own {
        pause(Duration::from_millis(1));
    }
    call(&format!("ip link add wharfbare type veth peer name eth0 netns {pid}"))?;
    call(&format!("ip address add {here}/30 dev wharfbare"))?;
    call("ip link set wharfbare up")?;
    call(&format!("nsenter --net=/proc/{pid}/ns/net ip address add {there}/30 dev eth0"))?;
    call(&format!("nsenter --net=/proc/{pid}/ns/net ip link set eth0 up"))?;
    Ok(holder)
}

/// Gbit/s to a server.
fn iperf(to: IpAddr) -> Result<f64> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect((to, 5201)).is_err() {
        ensure!(Instant::now() < deadline, "no iperf3 at {to}");
        pause(Duration::from_millis(5));
    }
    // The server may still be busy with the look above, which it takes for a client.
    loop {
        let told = call(&format!("iperf3 -c {to} -t {SECONDS} -J")).unwrap_or_default();
        let told: Value = serde_json::from_str(&told).unwrap_or_default();
        if let Some(speed) = told["end"]["sum_received"]["bits_per_second"].as_f64() {
            return Ok(speed / 1e9);
        }
        ensure!(Instant::now() < deadline, "iperf3 tells no speed: {told}");
        pause(Duration::from_millis(50));
    }
}

/// Host to group beside host to the end of a bare pair.
#[expect(clippy::print_stderr, reason = "the table goes on without the rows")]
fn throughput(daemon: &Daemon, rows: &mut Vec<Row>) -> Result<()> {
    if call("iperf3 --version").is_err() {
        eprintln!("not measured: throughput: iperf3 is not installed");
        return Ok(());
    }
    let mut wanted = body(&["sleep", "1000"], super::ALONE);
    for place in ["/properties/ipAddress/ports", "/properties/containers/0/properties/ports"] {
        *wanted.pointer_mut(place).context("no ports")? = json!([{ "port": 5201 }]);
    }
    let ip = group(daemon, "iperf", &wanted)?;
    let shims = daemon.shims()?;
    let [shim] = shims.as_slice() else { anyhow::bail!("{} groups instead of one", shims.len()) };
    let pair = bare_pair()?;
    let serve =
        |pid: u32| quiet("nsenter", &[&format!("--net=/proc/{pid}/ns/net"), "iperf3", "-s"]);
    let _servers = [serve(*shim)?, serve(pair.0.id())?];
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(iperf(ip)?);
        bare.push(iperf(BARE[1].into())?);
    }
    let ours = row("TCP throughput host → group", ours, "Gbit/s", "");
    let bare = row("TCP throughput host → end of a bare veth pair", bare, "Gbit/s", "");
    let share = vec![ours.median / bare.median * 100.0];
    rows.extend([ours, bare, row("share of the bare pair", share, "%", "≥ 90")]);
    http::request(&daemon.socket, "DELETE", &daemon.group("iperf"), None)?;
    Ok(())
}

/// Whether one short connection was answered in full.
fn is_answered(at: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut connection = TcpStream::connect_timeout(&at, Duration::from_secs(5))?;
        connection.set_read_timeout(Some(Duration::from_secs(5)))?;
        connection.write_all(b"GET /healthz HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"))
}

fn short_connections(daemon: &Daemon, rows: &mut Vec<Row>) -> Result<()> {
    let mut wanted = body(&[], super::ALONE);
    let container = &mut wanted["properties"]["containers"][0]["properties"];
    container["image"] = json!(daemon::HELLO);
    container["command"] = Value::Null;
    let at = SocketAddr::new(group(daemon, "web", &wanted)?, 80);
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_answered(at) {
        ensure!(Instant::now() < deadline, "{at} does not answer");
        pause(Duration::from_millis(5));
    }
    let begin = Instant::now();
    let wrong: usize = std::thread::scope(|scope| {
        let client = || (0..SHORT / CLIENTS).filter(|_| !is_answered(at)).count();
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        clients.into_iter().map(|client| client.join().unwrap_or(SHORT)).sum()
    });
    ensure!(wrong == 0, "{wrong} of {SHORT} short connections were not answered");
    let rate = rate(SHORT, begin.elapsed());
    rows.push(row(&format!("{SHORT} short HTTP connections, none failed"), vec![rate], "/s", ""));
    http::request(&daemon.socket, "DELETE", &daemon.group("web"), None)?;
    Ok(())
}

fn says_back(connection: &mut TcpStream) -> bool {
    let mut answer = [0; 4];
    connection.write_all(b"ping").is_ok()
        && connection.read_exact(&mut answer).is_ok()
        && answer == *b"ping"
}

/// The table of the daemon.
fn table() -> Result<String> {
    let tables = call("nft list tables")?;
    let rule = format!("ip daddr {} ", daemon::GATEWAY);
    let mut names = tables.lines().filter_map(|line| line.strip_prefix("table inet "));
    let ours = names.find(|name| {
        call(&format!("nft list table inet {name}")).is_ok_and(|text| text.contains(&rule))
    });
    Ok(ours.context("the daemon has no table")?.to_owned())
}

/// A connection to each of many groups; the rules go, then the daemon.
fn many(daemon: &mut Daemon, groups: usize, rows: &mut Vec<Row>) -> Result<()> {
    let echo = body(&["nc", "-ll", "-p", "80", "-e", "cat"], AMONG_MANY);
    in_parallel(daemon, groups, "PUT", &echo)?;
    daemon.wait_until_running(groups)?;
    let mut open = Vec::new();
    let mut all = Vec::new();
    for n in 0..groups {
        let at = SocketAddr::new(address(daemon, &format!("many-{n}"))?, 80);
        all.push(at);
        open.push(connect(at)?);
    }
    let check = |open: &mut Vec<TcpStream>, after: &str| {
        let broken = open.iter_mut().map(|open| !says_back(open)).filter(|broken| *broken).count();
        ensure!(broken == 0, "{broken} of {groups} connections broke: {after}");
        Ok(())
    };
    check(&mut open, "at first")?;
    let table = table()?;
    let begin = Instant::now();
    call(&format!("nft delete table inet {table}"))?;
    let is_whole = || {
        let set = call(&format!("nft list set inet {table} open")).unwrap_or_default();
        set.matches(". tcp . 80").count() == groups
    };
    while !is_whole() {
        ensure!(begin.elapsed() < Duration::from_secs(10), "the rules do not come back");
    }
    let repaired = super::millis(begin.elapsed());
    rows.push(row(
        &format!("table deleted → rules of {groups} groups back"),
        vec![repaired],
        "ms",
        "",
    ));
    check(&mut open, "the table was deleted")?;
    all.iter().try_for_each(|at| connect(*at).map(drop))?;
    daemon.restart()?;
    check(&mut open, "the daemon was killed and started anew")?;
    all.iter().try_for_each(|at| connect(*at).map(drop))?;
    let kept =
        format!("connections to {groups} groups that broke meanwhile, and at a new daemon's start");
    rows.push(row(&kept, vec![0.0], "", "0"));
    drop(open);
    in_parallel(daemon, groups, "DELETE", &echo)
}

fn connect(at: SocketAddr) -> Result<TcpStream> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match TcpStream::connect_timeout(&at, Duration::from_secs(2)) {
            Ok(connection) => {
                connection.set_read_timeout(Some(Duration::from_secs(10)))?;
                return Ok(connection);
            }
            Err(error) if Instant::now() > deadline => {
                return Err(error).with_context(|| format!("connect to {at}"));
            }
            Err(_) => pause(Duration::from_millis(10)),
        }
    }
}
