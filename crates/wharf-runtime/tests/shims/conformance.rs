//! The checks of the OCI runtime-tools' validation suite that apply, each by looking from inside;
//! results are listed in `docs/conformance.md`, which this test compares with what it checks.

use std::collections::BTreeSet;

use wharf_model::spec::SecurityContext;

use crate::fixture::{Group, HOSTNAME, shell, variable};

crate::tests![the_runtime_specification_is_followed];

const DOCUMENT: &str = include_str!("../../../../docs/conformance.md");

/// Name in the document, what is run inside, and what that prints.
const CHECKS: &[(&str, &str, &str)] = &[
    ("root", "cat /etc/layer; touch /x && echo writable", "top writable"),
    ("hostname", "hostname", HOSTNAME),
    ("process_args", "echo $0 $1", "sh"),
    (
        "process_env",
        "echo $FROM_IMAGE $BOTH $OWN $HOSTNAME; echo $PATH | cut -c1-15",
        "1 spec value testgroup /usr/local/sbin",
    ),
    ("process_user", "id -u; id -g; id -G", "33 44 44 50"),
    ("process_cwd", "pwd", "/"),
    ("process_terminal", "test -t 0 || echo none", "none"),
    ("process_no_new_privileges", "grep NoNewPrivs /proc/self/status | cut -f2", "1"),
    ("process_oom_score_adj", "cat /proc/self/oom_score_adj", "500"),
    (
        "process_rlimits",
        "ulimit -Hc; ulimit -Sc; test $(ulimit -n) -le 1048576 && echo files",
        "0 0 files",
    ),
    (
        "process_capabilities",
        "grep -E 'Cap(Prm|Eff|Amb|Inh)' /proc/self/status | cut -f2 | sort -u",
        "0000000000000000",
    ),
    (
        "linux_seccomp",
        "grep Seccomp: /proc/self/status | cut -f2; unshare -U true 2>/dev/null || echo denied",
        "2 denied",
    ),
    (
        "linux_masked_paths",
        "cat /proc/keys /proc/timer_list | wc -c; ls /sys/firmware | wc -l",
        "0 0",
    ),
    (
        "linux_readonly_paths",
        "for p in bus fs irq sys; do grep -q \" /proc/$p ro\" /proc/self/mountinfo && echo $p; done",
        "bus fs irq sys",
    ),
    (
        "linux_devices",
        "ls /dev | tr '\\n' ' '; stat -c %a:%t:%T /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty",
        "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero \
      666:1:3 666:1:5 666:1:7 666:1:8 666:1:9 666:5:0",
    ),
    (
        "default_symlinks",
        "for n in fd stdin stdout stderr ptmx; do readlink /dev/$n; done",
        "/proc/self/fd /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 pts/ptmx",
    ),
    (
        "mounts",
        "for p in /proc /dev /dev/pts /dev/shm /dev/mqueue /sys; do grep \" $p \" /proc/mounts | head -1 | cut -d' ' -f2,3; done",
        "/proc proc /dev tmpfs /dev/pts devpts /dev/shm tmpfs /dev/mqueue mqueue /sys sysfs",
    ),
    (
        "mounts_options",
        "grep ' /sys ' /proc/mounts | head -1 | cut -d' ' -f4 | tr ',' '\\n' | grep -E '^(ro|nosuid|nodev|noexec)$' | sort",
        "nodev noexec nosuid ro",
    ),
    ("linux_rootfs_propagation", "grep -c shared: /proc/self/mountinfo", "0"),
    ("linux_sysctl", "cat /proc/sys/net/ipv4/ip_unprivileged_port_start", "0"),
    ("linux_cgroups_path", "cut -d: -f3 /proc/self/cgroup | sort -u", "/"),
    (
        "linux_ns_pid",
        "echo $$; ls -d /proc/[0-9]* | wc -l | grep -qE '^[1-9]$' && echo few",
        "1 few",
    ),
    (
        "linux_ns_user",
        "readlink /proc/self/ns/user | cut -d: -f1; cut -c1-10 /proc/self/uid_map | tr -d ' '",
        "user 0",
    ),
    (
        "linux_uid_mappings",
        "tr -s ' ' ':' </proc/self/uid_map | cut -d: -f2,4; tr -s ' ' ':' </proc/self/gid_map | cut -d: -f2,4",
        "0:65536 0:65536",
    ),
    ("process_umask", "umask", "0022"),
    ("process_fds", "ls /proc/self/fd | wc -l", "4"),
];

fn documented() -> BTreeSet<String> {
    let rows = DOCUMENT.lines().skip_while(|line| !line.starts_with("| check |")).skip(2);
    rows.take_while(|line| line.starts_with('|'))
        .filter(|line| line.contains("| passes |"))
        .map(|line| line.split('|').nth(1).unwrap().trim().trim_matches('`').to_owned())
        .collect()
}

fn the_runtime_specification_is_followed() {
    let group = Group::new();
    let mut wrong = Vec::new();
    for (start, (name, script, expected)) in (1..).zip(CHECKS) {
        let mut job = shell("job", script);
        job.environment = vec![variable("OWN", "value"), variable("BOTH", "spec")];
        if *name != "root" {
            job.security = SecurityContext { user: Some(33), ..SecurityContext::default() };
        }
        let request = group.request(&job, start);
        group.runtime.block_on(group.shims.start(&group.id, request)).unwrap();
        group.exit(&job.name);
        let found = group.log(&job.name).split_whitespace().collect::<Vec<_>>().join(" ");
        if found != expected.split_whitespace().collect::<Vec<_>>().join(" ") {
            wrong.push(format!("{name}: {found:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let checked: BTreeSet<String> = CHECKS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(checked, documented(), "docs/conformance.md");
    group.finish();
}
