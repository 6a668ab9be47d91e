//! What others take on the same machine in the same run.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const SAMPLES: usize = 30;

/// A peer's result: median and 95th percentile in milliseconds, or why there is none.
#[derive(Serialize, Deserialize)]
pub(super) struct Peer {
    pub(super) what: String,
    pub(super) result: Result<(f64, f64), String>,
}

/// Times the peers in a mount namespace of their own, by way of [`tell`].
///
/// crun 1.8 refuses a hybrid host where any controller, even an unused one, is in the v2 tree; it
/// runs where that tree is not mounted, and the host's own mounts are left alone.
pub(super) fn measure() -> Result<Vec<Peer>> {
    let script = "umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$0\" peers";
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", script])
        .arg(std::env::current_exe()?)
        .stderr(Stdio::inherit())
        .output()
        .context("run unshare")?;
    ensure!(output.status.success(), "measuring the peers failed");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Times the peers here and prints what [`measure`] reads.
#[expect(clippy::print_stdout, reason = "the answer to the process that asked")]
pub(crate) fn tell() -> Result<()> {
    println!("{}", serde_json::to_string(&measure_here()?)?);
    Ok(())
}

/// Times `crun run` and `podman run` of busybox `true`.
fn measure_here() -> Result<Vec<Peer>> {
    let dir = std::path::PathBuf::from(format!("/var/tmp/wharf-peers-{}", std::process::id()));
    let root = dir.join("rootfs");
    std::fs::create_dir_all(root.join("bin"))?;
    for place in ["proc", "sys", "dev", "tmp", "etc"] {
        std::fs::create_dir_all(root.join(place))?;
    }
    std::fs::copy("/bin/busybox", root.join("bin/busybox"))?;
    std::fs::copy("/bin/busybox", root.join("bin/true"))?;
    let crun = crun(&dir);
    let podman = |network: &'static str| podman(&dir, network);
    let peer = |what: &str, result| Peer { what: what.to_owned(), result };
    let peers = vec![
        peer("crun run (no network, no image, no API)", crun),
        peer("podman run --rm --network none", podman("none")),
        peer("podman run --rm --network bridge", podman("bridge")),
    ];
    std::fs::remove_dir_all(&dir)?;
    Ok(peers)
}

fn crun(dir: &Path) -> Result<(f64, f64), String> {
    let spec = Command::new("crun").arg("spec").current_dir(dir).output();
    if !spec.is_ok_and(|output| output.status.success()) {
        return Err("crun is not installed".to_owned());
    }
    let config = dir.join("config.json");
    let adapt = || -> Result<()> {
        let mut spec: Value = serde_json::from_slice(&std::fs::read(&config)?)?;
        spec["process"]["terminal"] = json!(false);
        spec["process"]["args"] = json!(["/bin/true"]);
        // Raising limits needs CAP_SYS_RESOURCE; a hybrid host has no cgroup file system for crun.
        spec["process"]["rlimits"] = json!([]);
        let mounts = spec["mounts"].as_array_mut().context("no mounts")?;
        mounts.retain(|mount| mount["type"] != "cgroup");
        Ok(std::fs::write(&config, spec.to_string())?)
    };
    adapt().map_err(|error| error.to_string())?;
    time(|n| {
        let mut command = Command::new("crun");
        command
            .arg("run")
            .arg("--bundle")
            .arg(dir)
            .arg(format!("wharf-bench-{}-{n}", std::process::id()));
        command
    })
}

fn podman(dir: &Path, network: &str) -> Result<(f64, f64), String> {
    let image = "localhost/wharf-bench";
    let archive = dir.join("rootfs.tar");
    let pack = Command::new("tar")
        .arg("-C")
        .arg(dir.join("rootfs"))
        .arg("-cf")
        .arg(&archive)
        .arg(".")
        .status();
    let import = Command::new("podman")
        .arg("import")
        .arg(&archive)
        .arg(image)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !(pack.is_ok_and(|s| s.success()) && import.is_ok_and(|s| s.success())) {
        return Err("podman is not installed or cannot import".to_owned());
    }
    time(|_| {
        let mut command = Command::new("podman");
        // Its own limits are above the hard ones here, and raising those needs CAP_SYS_RESOURCE.
        command.args([
            "run",
            "--rm",
            "--ulimit",
            "nofile=1024:1024",
            "--ulimit",
            "nproc=1024:1024",
        ]);
        command.args(["--network", network, image, "/bin/true"]);
        command
    })
}

fn time(make: impl Fn(usize) -> Command) -> Result<(f64, f64), String> {
    let mut times = Vec::new();
    for n in 0..SAMPLES {
        let begin = Instant::now();
        let output = make(n).stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(said.lines().last().unwrap_or("it failed").trim().to_owned());
        }
    }
    times.sort_by(f64::total_cmp);
    Ok((times[SAMPLES / 2], times[SAMPLES * 95 / 100]))
}
