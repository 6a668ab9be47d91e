//! The whole host before and after: in a test program of its own, so that nothing else goes on.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

#[path = "harness/mod.rs"]
mod harness;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use harness::{Daemon, text, wait_for};

/// Everything that a group could leave behind, one line each.
fn host(wharf: &Daemon) -> BTreeSet<String> {
    let run = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output().unwrap();
        text(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let mut found = BTreeSet::new();
    let mut add = |kind: &str, lines: Vec<String>| {
        found.extend(lines.into_iter().map(|line| format!("{kind} {line}")));
    };
    // Of this daemon only: those of others on this host come and go meanwhile.
    let (dir, own) = (wharf.dir().to_str().unwrap(), instance());
    let (mut processes, mut networks) = (Vec::new(), BTreeSet::new());
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let read = |file: &str| std::fs::read(entry.path().join(file)).map(|found| text(&found));
        let (Ok(line), Ok(cgroup)) = (read("cmdline"), read("cgroup")) else { continue };
        // A shim that has ended waits for the host's init to reap it, and has no command line then.
        let is_own = line.contains(dir) || cgroup.contains(&own);
        if is_own && !line.is_empty() {
            processes.push(line.replace('\0', " "));
            networks.extend(networks_of(&entry.path()));
        }
    }
    add("process", processes);
    add("netns", vec![networks.len().to_string()]);
    add("mount", run("cat", &["/proc/self/mountinfo"]));
    // Networks kept ready are numbered on: what counts is how many there are.
    let links = run("ip", &["-o", "link"]);
    let (ready, named): (Vec<_>, Vec<_>) = links.into_iter().partition(|line| {
        line.split_whitespace()
            .nth(1)
            .is_some_and(|name| name.starts_with('w') && name.contains('-') && name.contains('@'))
    });
    add("prepared", vec![ready.len().to_string()]);
    let name = |line: &String| line.split_whitespace().nth(1).unwrap_or_default().to_owned();
    add("link", named.iter().map(name).collect());
    add("route", run("ip", &["route"]));
    add("nft", run("nft", &["list", "ruleset"]));
    let below = format!("*{own}*");
    add("cgroup", run("find", &["/sys/fs/cgroup", "-type", "d", "-path", &below]));
    for place in ["d/groups", "r/groups", "d/images/tmp"] {
        add("file", run("find", &[&format!("{dir}/{place}")]));
    }
    found
}

/// The network namespaces that a process is in or holds open.
fn networks_of(process: &Path) -> Vec<PathBuf> {
    let open = std::fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    let links = open.map(|entry| entry.path()).chain([process.join("ns/net")]);
    let targets = links.filter_map(|link| std::fs::read_link(link).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("net:[")).collect()
}

/// `wharf-<instance>`, as the daemon's link and cgroups are called; the newest link is ours.
fn instance() -> String {
    let links = text(&Command::new("ip").args(["-o", "link"]).output().unwrap().stdout);
    let mut names = links.lines().filter_map(|line| line.split_whitespace().nth(1));
    let own = names.rfind(|name| name.starts_with("wharf-")).unwrap();
    own.trim_end_matches(':').to_owned()
}

fn assert_same(wharf: &Daemon, before: &BTreeSet<String>) {
    let mut after = host(wharf);
    wait_for(Duration::from_mins(1), || {
        after = host(wharf);
        after == *before
    });
    let new: Vec<_> = after.difference(before).collect();
    let gone: Vec<_> = before.difference(&after).collect();
    assert!(new.is_empty() && gone.is_empty(), "left behind: {new:#?}\nmissing: {gone:#?}");
}

/// The image is here and the first group has come and gone, so that what is kept for all groups
/// together is there before as well.
fn warmed_up() -> Daemon {
    let pool = format!("10.207.{}.0/23", std::process::id() % 128 * 2);
    let wharf = Daemon::with(&["--address-pool", &pool]);
    wharf.ok(&["create", "-f", "examples/hello.yaml"]);
    wharf.ok(&["create", "-f", "examples/wordcount.yaml"]);
    wharf.clear();
    wharf
}

#[test]
fn deleted_groups_leave_nothing_not_even_two_hundred_of_them() {
    let wharf = warmed_up();
    let is_ready = wait_for(Duration::from_mins(1), || host(&wharf).contains("prepared 8"));
    assert!(is_ready, "{:#?}", host(&wharf));
    let before = host(&wharf);
    wharf.ok(&["create", "-f", "examples/hello.yaml"]);
    wharf.ok(&["create", "-f", "examples/sidecar.yaml"]);
    wharf.ok(&["create", "-f", "examples/wordcount.yaml"]);
    wharf.wait_for_state("wordcount", "Succeeded");
    wharf.ok(&["stop", "sidecar"]);
    wharf.clear();
    assert_same(&wharf, &before);

    let names: Vec<String> = (0..200).map(|n| format!("many-{n}")).collect();
    let image = "mcr.microsoft.com/azuredocs/aci-wordcount";
    for some in names.chunks(8) {
        let children = some.iter().map(|name| {
            wharf
                .command(&[
                    "create",
                    name,
                    "--image",
                    image,
                    "--command-line",
                    "sleep 1000",
                    "--cpu",
                    "0.01",
                    "--memory",
                    "0.1",
                ])
                .spawn()
                .unwrap()
        });
        for mut child in children.collect::<Vec<_>>() {
            assert!(child.wait().unwrap().success());
        }
    }
    let states = wharf.ok(&["list", "-o", "tsv", "--query", "[].name"]);
    assert_eq!(states.lines().count(), 200);
    let shown = wharf.ok(&["list"]);
    assert_eq!(shown.lines().filter(|line| line.contains("Running")).count(), 200, "{shown}");
    wharf.ok(&["doctor"]);
    let some: Vec<&str> = names.iter().map(String::as_str).collect();
    for some in some.chunks(50) {
        wharf.ok(&[&["delete", "--yes"], some].concat());
    }
    assert_same(&wharf, &before);
}
