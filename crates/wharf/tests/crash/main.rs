//! The daemon dies at random moments and at every fail point while groups come and go: nothing
//! that was acknowledged is lost, nothing leaks. `WHARF_CRASHES` says how often (default 10).

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

#[path = "../harness/mod.rs"]
mod harness;

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use harness::{Daemon, curl, wait_for};

const WORDCOUNT: &str = "mcr.microsoft.com/azuredocs/aci-wordcount";

fn rounds() -> u32 {
    std::env::var("WHARF_CRASHES").ok().and_then(|text| text.parse().ok()).unwrap_or(10)
}

/// A small generator of its own: the moments need not be good, only different and repeatable.
struct Moments(u64);

impl Moments {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

fn spin(pause: Duration) {
    let end = Instant::now() + pause;
    wait_for(pause, || Instant::now() >= end);
}

/// Whether the command was acknowledged although the daemon was killed while it ran.
fn interrupted(wharf: &mut Daemon, args: &[&str], after: Duration) -> bool {
    let mut command = wharf.command(args);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    spin(after);
    wharf.kill();
    let is_acknowledged = child.wait().unwrap().success();
    wharf.up(&[]);
    is_acknowledged
}

#[test]
fn kills_at_random_moments_lose_nothing_and_leak_nothing() {
    let mut wharf = Daemon::start();
    let mut moments = Moments(0x2545_f491_4f6c_dd1d ^ u64::from(std::process::id()));
    wharf.ok(&["image", "pull", WORDCOUNT]);
    wharf.ok(&["create", "-f", "examples/web.yaml"]);
    let (ip, started) = (wharf.ip("web"), wharf.view("web", 0)["currentState"].clone());
    for round in 0..rounds().div_ceil(3) {
        let name = format!("g{round}");
        let moment = |moments: &mut Moments| Duration::from_micros(moments.next(120_000));
        let create = ["create", &name, "--image", WORDCOUNT, "--command-line", "sleep 1000"];
        if !interrupted(&mut wharf, &create, moment(&mut moments)) {
            // Nobody promised anything; asking again must do whatever is missing.
            let again = wait_for(Duration::from_secs(20), || wharf.run(&create).status.success());
            assert!(again, "round {round}: {}", wharf.log());
        }
        wharf.wait_for_state(&name, "Running");
        assert_eq!(wharf.view(&name, 0)["restartCount"], 0, "started once");
        if interrupted(&mut wharf, &["stop", &name], moment(&mut moments)) {
            assert_eq!(wharf.state(&name), "Stopped", "round {round}");
        }
        let delete = ["delete", &name, "--yes"];
        if !interrupted(&mut wharf, &delete, moment(&mut moments)) {
            let gone = wait_for(Duration::from_secs(20), || {
                wharf.run(&delete);
                wharf.run(&["show", &name]).status.code() == Some(3)
            });
            assert!(gone, "round {round}: {}", wharf.log());
        }
        assert_eq!(wharf.run(&["show", &name]).status.code(), Some(3));
        assert_eq!(curl(&format!("http://{ip}/healthz")), "ok\n", "round {round}");
    }
    assert_eq!(wharf.view("web", 0)["currentState"], started, "it ran through all of it");
}

#[test]
#[cfg_attr(not(feature = "failpoints"), ignore = "needs the feature failpoints")]
fn death_at_every_fail_point_is_repaired_by_the_next_daemon() {
    const POINTS: [&str; 6] = [
        "accept.before_commit",
        "accept.after_commit",
        "pass.before_record",
        "pass.after_record",
        "step.before",
        "step.after",
    ];
    let mut wharf = Daemon::start();
    wharf.ok(&["image", "pull", WORDCOUNT]);
    wharf.stop();
    let depth = rounds().div_ceil(10).min(6);
    for point in POINTS {
        for skipped in 0..depth {
            let failpoints = format!("{point}={skipped}*off->return");
            wharf.up(&[("FAILPOINTS", &failpoints)]);
            let create = ["create", "g", "--image", WORDCOUNT, "--command-line", "sleep 1000"];
            let is_acknowledged = wharf.run(&create).status.success();
            wharf.run(&["stop", "g"]);
            wharf.run(&["delete", "g", "--yes"]);
            let settled = wait_for(Duration::from_secs(30), || {
                // Its connections end a little before it does.
                if wharf.is_dead() {
                    wharf.up(&[]);
                }
                let shown = wharf.run(&[
                    "show",
                    "g",
                    "-o",
                    "tsv",
                    "--query",
                    "properties.provisioningState",
                ]);
                shown.status.code() == Some(3) || shown.stdout.starts_with(b"Succeeded")
            });
            assert!(settled, "{failpoints} (acknowledged: {is_acknowledged})\n{}", wharf.log());
            wharf.clear();
            wharf.stop();
        }
    }
}
