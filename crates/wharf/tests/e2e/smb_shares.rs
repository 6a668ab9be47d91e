//! Shares of an SMB server elsewhere: Debian's Samba on the loopback.

#[path = "../../../wharf-smb/tests/samba/server.rs"]
mod server;

use std::{
    fs,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use server::{ACCOUNT, KEY, Samba};

use crate::harness::{
    Daemon,
    group::{events, group, script, with},
    wait_for,
};

/// Longer than anything takes that is bounded, on a machine that has other things to do.
const LIMIT: Duration = Duration::from_mins(2);

#[expect(clippy::print_stderr, reason = "a test that is skipped says why")]
fn is_possible() -> bool {
    let is_possible = server::is_installed() && fs::exists("/dev/fuse").unwrap();
    if !is_possible {
        eprintln!("skipped: smbd or FUSE is missing (scripts/bootstrap test)");
    }
    is_possible
}

fn daemon(samba: &Samba) -> Daemon {
    let server = format!("{ACCOUNT}={}", samba.address());
    Daemon::with(&["--smb-server", &server, "--smb-client", "fuse", "--smb-suffix", "none"])
}

fn volume(account: &str, share: &str, key: &str, read_only: bool) -> Value {
    json!({ "name": "data", "azureFile": {
        "shareName": share, "storageAccountName": account, "storageAccountKey": key,
        "readOnly": read_only } })
}

fn docs() -> Value {
    volume(ACCOUNT, "docs", KEY, false)
}

fn task(name: &str, text: &str, volume: &Value) -> Value {
    let mounts = json!({ "volumeMounts": [{ "name": "data", "mountPath": "/mnt/share" }] });
    let more = json!({ "restartPolicy": "Never", "volumes": [volume] });
    group(name, &[with(script("c", text), &mounts)], &more)
}

fn failed_mount(wharf: &Daemon, name: &str) -> Option<String> {
    let shown = wharf.show(name);
    events(&shown["properties"]["instanceView"], "FailedMount").first().map(|told| told.0.clone())
}

/// What is mounted below the daemon's run directory, as the host sees it.
fn mounts(wharf: &Daemon) -> usize {
    let below = wharf.dir().join("r/mounts");
    let below = below.to_str().unwrap();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    mounts.lines().filter(|line| line.contains(below)).count()
}

fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    assert!(wait_for(LIMIT, &mut is_so), "{what}");
}

#[test]
fn a_share_elsewhere_is_read_and_written_and_nothing_is_left_behind() {
    if !is_possible() {
        return;
    }
    let samba = Samba::start();
    let wharf = daemon(&samba);
    fs::write(samba.file("in"), "from elsewhere\n").unwrap();
    let text = "cd /mnt/share; cat in; echo new > out.tmp; mv out.tmp out; echo more >> out; \
                mkdir d; chmod 700 d; chown 7:8 out; stat -c %u:%g:%a out; rm in; sync; ls";
    assert_eq!(wharf.output(&task("one", text, &docs())), "from elsewhere\n0:0:777\nd\nout\n");
    assert_eq!(fs::read_to_string(samba.file("out")).unwrap(), "new\nmore\n");
    let shown = wharf.show("one");
    let told = events(&shown["properties"]["instanceView"], "SuccessfulMountAzureFileVolume");
    assert_eq!(told.len(), 1, "{shown:#}");
    assert!(!shown.to_string().contains(KEY) && !wharf.log().contains(KEY));
    let text = "cat /mnt/share/out; touch /mnt/share/x 2>/dev/null || echo read-only";
    let reader = task("two", text, &volume(ACCOUNT, "docs", KEY, true));
    assert_eq!(wharf.output(&reader), "new\nmore\nread-only\n");
    wait("groups that have ended have no mounts", || mounts(&wharf) == 0);
    for name in ["one", "two"] {
        wharf.ok(&["delete", name, "--yes"]);
    }
    wait("nothing is left", || fs::read_dir(wharf.dir().join("r/mounts")).unwrap().count() == 0);
    assert!(samba.file("out").is_file());
}

#[test]
fn a_mount_outlives_the_daemon_and_is_found_again() {
    if !is_possible() {
        return;
    }
    let samba = Samba::start();
    let mut wharf = daemon(&samba);
    let text = "cd /mnt/share; i=0; while :; do i=$((i+1)); echo $i > n.tmp && mv n.tmp n; \
                usleep 50000; done";
    wharf.create(&task("g", text, &docs()));
    let number = || {
        let text = fs::read_to_string(samba.file("n")).unwrap_or_default();
        text.trim().parse::<u64>().unwrap_or_default()
    };
    wait("the container writes", || number() > 3);
    wharf.kill();
    let before = number();
    wait("it writes without a daemon", || number() > before + 3);
    wharf.up(&[]);
    let before = number();
    wait("it writes with another daemon", || number() > before + 3);
    assert_eq!(wharf.show("g")["properties"]["instanceView"]["state"], "Running");
    assert_eq!(mounts(&wharf), 1);
    wharf.ok(&["doctor"]);
    // Stopping unmounts, starting mounts anew.
    wharf.ok(&["stop", "g"]);
    wait("stopped groups have no mounts", || mounts(&wharf) == 0);
    wharf.ok(&["start", "g"]);
    let before = number();
    wait("it writes again", || number() != before);
    wharf.clear();
    assert_eq!(mounts(&wharf), 0);
}

#[test]
fn a_group_waits_for_the_server_and_for_the_right_key_and_says_what_is_wrong() {
    if !is_possible() {
        return;
    }
    let mut samba = Samba::stopped();
    let wharf = daemon(&samba);
    let says = |name: &str, what: &str| {
        wait(what, || failed_mount(&wharf, name).is_some());
        let said = failed_mount(&wharf, name).unwrap();
        let begin = "MountVolume.SetUp failed for volume \"data\" : ";
        assert!(said.starts_with(begin) && said.contains(what), "{said}");
        assert_ne!(wharf.show(name)["properties"]["instanceView"]["state"], "Running");
    };
    wharf.begin(&task("late", "cat /mnt/share/in", &docs()));
    says("late", "mount error(112): Host is down");
    fs::write(samba.file("in"), "at last\n").unwrap();
    samba.up();
    wharf.wait_for_state("late", "Succeeded");
    assert_eq!(wharf.ok(&["logs", "late"]), "at last\n");
    for (name, volume, what) in [
        ("key", volume(ACCOUNT, "docs", "d3Jvbmc=", false), "mount error(13): Permission denied"),
        ("share", volume(ACCOUNT, "none", KEY, false), "mount error(2): No such file or directory"),
        ("name", volume(ACCOUNT, "..", KEY, false), "cannot have a share '..'"),
        ("account", volume("nobody", "docs", KEY, false), "account 'nobody' was not found"),
    ] {
        wharf.begin(&task(name, "echo never", &volume));
        says(name, what);
    }
    assert_eq!(mounts(&wharf), 0);
    wharf.clear();
}

#[test]
fn what_runs_gets_errors_from_a_server_that_is_gone_and_nobody_hangs() {
    if !is_possible() {
        return;
    }
    let mut samba = Samba::start();
    let wharf = daemon(&samba);
    let text = "cd /mnt/share; while :; do if echo x > f; then echo fine; else echo bad; fi; \
                usleep 200000; done 2>/dev/null";
    wharf.create(&task("g", text, &docs()));
    let last = || wharf.ok(&["logs", "g", "--tail", "1"]);
    wait("it writes", || last() == "fine\n");
    samba.kill();
    wait("it gets errors", || last() == "bad\n");
    samba.up();
    wait("it writes again", || last() == "fine\n");
    samba.signal(Signal::SIGSTOP);
    wait("it gets errors from a silent server too", || last() == "bad\n");
    // The daemon answers whatever the server does, and a group can go.
    let begun = Instant::now();
    wharf.ok(&["list"]);
    wharf.ok(&["doctor"]);
    assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
    wharf.ok(&["delete", "g", "--yes"]);
    wait("the mount is gone", || mounts(&wharf) == 0);
    samba.signal(Signal::SIGCONT);
}

/// The process that serves the daemon's one mount.
fn server_of_mount(wharf: &Daemon) -> Option<i32> {
    let below = wharf.dir().join("r/mounts");
    let pids = fs::read_dir("/proc").unwrap().flatten();
    let mut pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.find(|pid| {
        fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|path| path.starts_with(&below))
    })
}

#[test]
fn what_used_a_mount_whose_process_is_killed_is_started_again_with_a_new_one() {
    if !is_possible() {
        return;
    }
    let samba = Samba::start();
    let wharf = daemon(&samba);
    let text = "cd /mnt/share; echo start >> starts; while echo x > f; do usleep 200000; done";
    let mounts_it = json!({ "volumeMounts": [{ "name": "data", "mountPath": "/mnt/share" }] });
    let containers = [with(script("c", text), &mounts_it), script("other", "sleep 1000")];
    let more = json!({ "restartPolicy": "Always", "volumes": [docs()] });
    wharf.create(&group("g", &containers, &more));
    let starts = || {
        let text = fs::read_to_string(samba.file("starts")).unwrap_or_default();
        text.lines().count()
    };
    wait("it runs", || starts() == 1);
    let pid = server_of_mount(&wharf).unwrap();
    let signal = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL);
    signal.unwrap();
    wait("it runs again", || starts() == 2);
    assert_ne!(server_of_mount(&wharf), Some(pid));
    let shown = wharf.show("g");
    let other = &shown["properties"]["containers"][1]["properties"]["instanceView"];
    assert_eq!(other["restartCount"], 0, "{other:#}");
    wait("all is well", || wharf.run(&["doctor"]).status.success());
    wharf.clear();
    assert_eq!(mounts(&wharf), 0);
}
