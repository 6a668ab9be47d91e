//! `shims --measure`: how long a start takes, beside `crun` on the same bundle.

use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
};
use wharf_model::plan::EndSignal;

use crate::fixture::{Group, container, namespaces_with_loopback};

const COUNT: u32 = 50;

pub(crate) fn measure() {
    let group = Group::new();
    let job = container("job", &["sleep", "1000"]);
    let mut starts = Vec::new();
    let mut ends = Vec::new();
    let mut bundles = Vec::new();
    for start in 1..=COUNT {
        let began = Instant::now();
        let request = group.request(&job, start);
        bundles.push(began.elapsed());
        let began = Instant::now();
        let known = group.runtime.block_on(group.shims.start(&group.id, request)).unwrap();
        starts.push(began.elapsed());
        assert!(known.pid.is_some(), "{known:?}");
        let began = Instant::now();
        group.signal(&job.name, EndSignal::Kill);
        group.exit(&job.name);
        ends.push(began.elapsed());
    }
    report("bundle written", bundles);
    report("Start request → process running", starts);
    report("SIGKILL → exit known (looked up every 2 ms)", ends);
    let peer = thread::scope(|scope| scope.spawn(|| crun(&group)).join().unwrap());
    report("crun run --detach, same config.json, no seccomp", peer);
    report("shim started → ready", shims());
    group.finish();
}

fn crun(group: &Group) -> Vec<Duration> {
    let bundle = group.path().join("crun");
    let rootfs = bundle.join("rootfs");
    fs_err::create_dir_all(&bundle).unwrap();
    let copied =
        Command::new("cp").args(["-a", group.layers[1].as_str(), rootfs.as_str()]).status();
    assert!(copied.unwrap().success());
    let job = container("job", &["sleep", "1000"]);
    let request = group.request(&job, COUNT + 1);
    fs_err::copy(request.bundle.join("config.json"), bundle.join("config.json")).unwrap();
    let name = format!("wharf-measure-{}", std::process::id());
    let root = group.path().join("crun-root");
    let verb = |args: &[&str]| {
        let mut command = Command::new("crun");
        command.args(["--root", root.as_str()]).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.status().unwrap()
    };

    let config = fs_err::read_to_string(bundle.join("config.json")).unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
    if let Some(mounts) = config["mounts"].as_array_mut() {
        mounts.retain(|m| {
            !m["destination"].as_str().unwrap_or_default().starts_with("/sys/fs/cgroup/")
        });
    }
    // It could not map the layers of this bundle, so it is spared that.
    if let Some(linux) = config["linux"].as_object_mut() {
        linux.remove("uidMappings");
        linux.remove("gidMappings");
    }
    if let Some(namespaces) = config["linux"]["namespaces"].as_array_mut() {
        namespaces.retain(|namespace| namespace["type"] != "user");
    }
    fs_err::write(bundle.join("config.json"), config.to_string()).unwrap();
    hide_unified_hierarchy();
    let mut times = Vec::new();
    for _ in 0..COUNT {
        let began = Instant::now();
        let ran = verb(&["run", "--detach", "--bundle", bundle.as_str(), &name]);
        times.push(began.elapsed());
        assert!(ran.success());
        assert!(verb(&["delete", "--force", &name]).success());
    }
    times
}

/// It refuses hybrid hosts whose version 2 has a controller of its own; so that it sees none.
fn hide_unified_hierarchy() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>).unwrap();
    umount2("/sys/fs/cgroup/unified", MntFlags::MNT_DETACH).unwrap();
}

fn shims() -> Vec<Duration> {
    let etc = wharf_runtime::shims::EtcFiles { hosts: String::new(), resolv_conf: String::new() };
    let mut times = Vec::new();
    for _ in 0..20 {
        let group = Group::without_shim();
        let netns = namespaces_with_loopback();
        let began = Instant::now();
        let spawning = group.shims.spawn(&group.id, "x", netns, &etc);
        group.runtime.block_on(spawning).unwrap();
        times.push(began.elapsed());
        group.finish();
    }
    times
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    println!("{what}: median {:.1} ms, p95 {:.1} ms, min {:.1} ms", at(50), at(95), at(0));
}
