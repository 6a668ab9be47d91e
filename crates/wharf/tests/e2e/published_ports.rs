//! A host with one address for all groups: their ports are open there, one group for each.

use std::{
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use crate::harness::{
    Daemon,
    group::{group, script},
    text, wait_for,
};

/// A machine that knows this host by one address only.
struct Machine {
    holder: Child,
    link: String,
    host: Ipv4Addr,
}

impl Machine {
    fn new() -> Self {
        let pid = std::process::id();
        let (link, third) = (format!("pp{pid}"), (pid % 250) as u8);
        let holder = Command::new("unshare").args(["--net", "sleep", "600"]).spawn().unwrap();
        let host = Ipv4Addr::new(198, 18, third, 1);
        let machine = Self { holder, link, host };
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        let there = format!("/proc/{}/ns/net", machine.holder.id());
        let has_left = || std::fs::read_link(&there).is_ok_and(|there| there != own);
        assert!(wait_for(Duration::from_secs(5), has_left));
        let (link, id) = (&machine.link, machine.holder.id());
        machine.run("ip", &format!("link add {link} type veth peer name eth0 netns {id}"));
        machine.run("ip", &format!("address add {host}/24 dev {link}"));
        machine.run("ip", &format!("link set {link} up"));
        let inside = format!("--net={there} ip");
        machine.run("nsenter", &format!("{inside} address add 198.18.{third}.2/24 dev eth0"));
        machine.run("nsenter", &format!("{inside} link set eth0 up"));
        machine
    }

    fn run(&self, program: &str, args: &str) {
        let status = Command::new(program).args(args.split(' ')).status().unwrap();
        assert!(status.success(), "{program} {args} for {}", self.link);
    }

    /// What it gets from the host's port; nothing when it is refused.
    fn fetch(&self, port: u16) -> String {
        let output = Command::new("nsenter")
            .arg(format!("--net=/proc/{}/ns/net", self.holder.id()))
            .args(["curl", "-s", "--max-time", "3", &format!("http://{}:{port}/", self.host)])
            .stderr(Stdio::null())
            .output()
            .unwrap();
        text(&output.stdout)
    }

    fn waits_for(&self, port: u16, expected: &str) {
        let is_so = wait_for(Duration::from_secs(10), || self.fetch(port) == expected);
        assert!(is_so, "port {port} says {:?} and not {expected:?}", self.fetch(port));
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.holder.kill());
        drop(self.holder.wait());
        // The link goes with the namespace, but not at once.
        drop(Command::new("ip").args(["link", "delete", &self.link]).output());
    }
}

/// A group that serves its name.
fn web(name: &str, port: u16) -> Value {
    let line = format!("mkdir /w; hostname > /w/index.html; exec httpd -f -p {port} -h /w");
    let mut container = script("c", &line);
    container["properties"]["ports"] = json!([{ "port": port }]);
    let address = json!({ "type": "Public", "ports": [{ "port": port }] });
    group(name, &[container], &json!({ "ipAddress": address }))
}

#[test]
fn a_port_of_the_host_has_one_group_and_machines_of_the_lan_reach_it() {
    let machine = Machine::new();
    let mut wharf = Daemon::with(&["--publish-ports"]);
    // Numbers that nothing else on the machine of the test is likely to have.
    let (first, second) = (42_080, 42_081);
    wharf.create(&web("one", first));
    machine.waits_for(first, "one\n");
    wharf.create(&web("two", second));
    machine.waits_for(second, "two\n");

    let taken = wharf.refused(&web("three", first));
    for part in ["HostPortInUse", "42080", "'one'", "'default'"] {
        assert!(taken.contains(part), "{taken}");
    }
    // It is free for others as soon as its group goes.
    wharf.ok(&["delete", "one", "--yes", "--no-wait"]);
    wharf.create(&web("three", first));
    machine.waits_for(first, "three\n");
    // Nothing changes for a group that gives its port up and takes another, nor with the daemon.
    let moved = web("two", second + 1);
    wharf.create(&moved);
    machine.waits_for(second + 1, "two\n");
    assert_eq!(machine.fetch(second), "");
    wharf.stop();
    assert_eq!(machine.fetch(first), "three\n");
    wharf.up(&[]);
    assert_eq!(machine.fetch(first), "three\n");

    let service = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = service.local_addr().unwrap().port();
    let refused = wharf.refused(&web("four", port));
    assert!(
        refused.contains("HostPortInUse") && refused.contains("service of the host"),
        "{refused}"
    );
    wharf.clear();
}

#[test]
fn groups_that_have_one_port_cannot_be_published_later() {
    let dir = tempfile::tempdir().unwrap();
    let mut wharf = Daemon::at(dir.path(), &[]);
    for name in ["one", "two"] {
        wharf.create(&web(name, 42_090));
    }
    wharf.stop();
    let args = wharf.serve_args();
    let output = Command::new(env!("CARGO_BIN_EXE_wharf"))
        .args(&args)
        .arg("--publish-ports")
        .output()
        .unwrap();
    let told = text(&output.stderr);
    assert!(!output.status.success() && told.contains("port 42090 (TCP)"), "{told}");
    assert!(told.contains("one") && told.contains("two"), "{told}");
    wharf.up(&[]);
    wharf.clear();
}
