//! The daemon dies, the host reboots: containers, logs and exits are not lost.

use std::time::Duration;

use crate::harness::{Daemon, curl, wait_for};

const WORDCOUNT: &str = "mcr.microsoft.com/azuredocs/aci-wordcount";

#[test]
fn containers_run_on_without_the_daemon_and_are_adopted_by_the_next() {
    let mut wharf = Daemon::start();
    wharf.ok(&["create", "-f", "examples/hello.yaml"]);
    wharf.wait_for_state("hello", "Running");
    let (ip, before) = (wharf.ip("hello"), wharf.view("hello", 0));
    wharf.kill();
    assert!(curl(&format!("http://{ip}/healthz")).contains("ok"), "it answers without the daemon");
    wharf.up(&[]);
    assert_eq!(wharf.view("hello", 0), before, "adopting is not part of a container's history");
    let log = wharf.ok(&["logs", "hello", "--container", "web"]);
    assert!(log.contains("/healthz"), "what was written meanwhile is in the log: {log}");
}

#[test]
fn an_exit_while_the_daemon_is_down_is_told_with_code_and_time() {
    let mut wharf = Daemon::start();
    let script = "while [ ! -e /v/go ]; do sleep 0.05; done; echo done; exit 42";
    let path = wharf.dir().join("g.yaml");
    let text = format!(
        "name: g\nlocation: local\nproperties:\n  osType: Linux\n  restartPolicy: Never\n  volumes: \
         [{{name: v}}]\n  containers:\n  - name: g\n    properties:\n      image: {WORDCOUNT}\n      \
         command: [sh, -c, '{script}']\n      volumeMounts: [{{name: v, mountPath: /v}}]\n      \
         resources: {{requests: {{cpu: 0.1, memoryInGB: 0.1}}}}\n"
    );
    std::fs::write(&path, text).unwrap();
    wharf.ok(&["create", "-f", path.to_str().unwrap()]);
    wharf.wait_for_state("g", "Running");
    wharf.kill();
    let groups = std::fs::read_dir(wharf.dir().join("d/groups")).unwrap();
    let group = groups.flatten().next().unwrap().path();
    let journal = wharf.dir().join("r/groups").join(group.file_name().unwrap()).join("journal");
    std::fs::write(group.join("scratch/volumes/v/go"), "").unwrap();
    let is_written = wait_for(Duration::from_secs(10), || {
        std::fs::read_to_string(&journal).unwrap().contains("42")
    });
    assert!(is_written, "the shim wrote the exit down");
    wharf.up(&[]);
    wharf.wait_for_state("g", "Failed");
    let state = wharf.view("g", 0)["currentState"].clone();
    assert_eq!(state["exitCode"], 42, "{state:#}");
    assert_eq!(wharf.ok(&["logs", "g"]), "done\n");
}

#[test]
fn after_a_reboot_services_come_back_and_finished_tasks_do_not() {
    let mut wharf = Daemon::start();
    wharf.ok(&["create", "-f", "examples/web.yaml"]);
    wharf.ok(&["create", "-f", "examples/wordcount.yaml"]);
    wharf.ok(&[
        "create",
        "once",
        "--image",
        WORDCOUNT,
        "--restart-policy",
        "Never",
        "--command-line",
        "sleep 1000",
    ]);
    wharf.wait_for_state("web", "Running");
    wharf.wait_for_state("once", "Running");
    wharf.wait_for_state("wordcount", "Succeeded");
    let finished = wharf.view("wordcount", 0);
    wharf.kill();
    reboot(&wharf);
    wharf.up(&[("WHARF_BOOT_ID", "another-boot")]);
    wharf.wait_for_state("web", "Running");
    let restarted = wait_for(Duration::from_secs(20), || wharf.view("web", 0)["restartCount"] == 1);
    let view = wharf.view("web", 0);
    assert!(restarted, "{view:#}");
    assert_eq!(view["previousState"]["exitCode"], 7147, "{view:#}\n{}", wharf.log());
    assert!(curl(&format!("http://{}/healthz", wharf.ip("web"))).contains("ok"));
    assert_eq!(wharf.view("wordcount", 0), finished, "it is not run again");
    wharf.wait_for_state("once", "Failed");
    assert_eq!(wharf.view("once", 0)["currentState"]["exitCode"], 7147);
}

/// What a reboot does to a group: its processes, cgroups and run directory are gone.
fn reboot(wharf: &Daemon) {
    let groups = wharf.dir().join("r/groups");
    for group in std::fs::read_dir(&groups).unwrap().flatten() {
        let pid = std::fs::read_to_string(group.path().join("shim.pid")).unwrap();
        let name = group.file_name().into_string().unwrap();
        for pid in descendants(pid.trim()) {
            drop(std::process::Command::new("kill").args(["-9", &pid]).output().unwrap());
        }
        let is_gone = wait_for(Duration::from_secs(10), || {
            cgroups(&name).iter().all(|dir| std::fs::remove_dir(dir).is_ok() || !dir.exists())
                && cgroups(&name).is_empty()
        });
        assert!(is_gone, "{:?}", cgroups(&name));
    }
    std::fs::remove_dir_all(wharf.dir().join("r")).unwrap();
}

/// The process and all below it, it first.
pub(crate) fn descendants(pid: &str) -> Vec<String> {
    let mut found = vec![pid.to_owned()];
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    for task in tasks {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        found.extend(children.split_whitespace().flat_map(descendants));
    }
    found
}

/// The cgroups of a group in all hierarchies, deepest first.
fn cgroups(group: &str) -> Vec<std::path::PathBuf> {
    let output = std::process::Command::new("find")
        .args(["/sys/fs/cgroup", "-depth", "-type", "d", "-path", &format!("*/{group}*")])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(Into::into).collect()
}
