//! CPU, memory and process limits.

use camino::Utf8PathBuf;
use wharf_model::{
    spec::{Amount, Resources},
    status::ExitCause,
};

use crate::fixture::{Group, container, shell};

crate::tests![
    limits_are_in_the_cgroup_files,
    too_much_memory_ends_a_container_with_137,
    a_fork_bomb_is_contained,
];

fn limits_are_in_the_cgroup_files() {
    let group = Group::new();
    let mut job = container("job", &["sleep", "1000"]);
    job.resources = Some(Resources {
        requests: Amount { cpu_millis: 500, memory_bytes: 64 << 20 },
        limits: Amount { cpu_millis: 1500, memory_bytes: 128 << 20 },
    });
    let pid = group.start(&job).pid.unwrap();
    let cgroup = group.layout.container_cgroup(&group.id, &job.name);
    let read = |hierarchy: &str, file: &str| {
        let directory = Utf8PathBuf::from(format!("/sys/fs/cgroup/{hierarchy}{cgroup}"));
        fs_err::read_to_string(directory.join(file)).unwrap().trim().to_owned()
    };
    if wharf_shim::cgroup::is_unified() {
        assert_eq!(read("", "cpu.max"), "150000 100000");
        assert_eq!(read("", "memory.max"), (128 << 20).to_string());
        assert_eq!(read("", "pids.max"), "4096");
    } else {
        assert_eq!(read("cpu", "cpu.shares"), "512");
        assert_eq!(read("cpu", "cpu.cfs_quota_us"), "150000");
        assert_eq!(read("memory", "memory.limit_in_bytes"), (128 << 20).to_string());
        assert_eq!(read("pids", "pids.max"), "4096");
        // The group as a whole: the fixture's four CPUs and GiB, and room for the shim.
        assert_eq!(read("cpu", "../cpu.shares"), "4096");
        assert_eq!(read("cpu", "../cpu.cfs_quota_us"), "450000");
        assert_eq!(read("cpu", "../_shim/cpu.cfs_quota_us"), "50000");
        let memory = ((4_u64 << 30) + (16 << 20)).to_string();
        assert_eq!(read("memory", "../memory.limit_in_bytes"), memory);
        let devices = read("devices", "devices.list");
        assert!(!devices.contains("a *:* rwm") && !devices.contains("10:200"), "{devices}");
    }
    let score = fs_err::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap();
    assert_eq!(score, "500\n", "containers go before the daemon and the shims");
    let limits = fs_err::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert!(core.split_whitespace().filter(|word| *word == "0").count() == 2, "{core}");
    let where_it_is = fs_err::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let elsewhere: Vec<&str> =
        where_it_is.lines().filter(|line| !line.ends_with(&cgroup)).collect();
    assert_eq!(elsewhere, [""; 0]);
    group.finish();
}

fn too_much_memory_ends_a_container_with_137() {
    let group = Group::new();
    let mut job = shell("job", "exec tail /dev/zero");
    let amount = Amount { cpu_millis: 1000, memory_bytes: 32 << 20 };
    job.resources = Some(Resources { requests: amount, limits: amount });
    group.start(&job);
    let exit = group.exit(&job.name);
    assert_eq!((exit.code, exit.cause), (137, ExitCause::OutOfMemory));
    group.finish();
}

fn a_fork_bomb_is_contained() {
    let group = Group::new();
    let script = "i=0; while [ $i -lt 4200 ]; do sleep 1000 & i=$((i+1)); done; echo all";
    let mut job = shell("job", script);
    let amount = Amount { cpu_millis: 2000, memory_bytes: 2 << 30 };
    job.resources = Some(Resources { requests: amount, limits: amount });
    group.start(&job);
    assert_ne!(group.exit(&job.name).code, 0);
    assert!(group.log(&job.name).contains("can't fork"), "{}", group.log(&job.name));
    group.finish();
}
