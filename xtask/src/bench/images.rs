//! `cargo xtask bench images`: one pull of an image that is not here, beside other tools, from one
//! registry on this host. Every tool begins with nothing and is a program that is started afresh.
//!
//! Everything is in memory, unless `WHARF_BENCH_DISK` is set: on a disk others' writes are measured as
//! well, and ext4 gives out new inodes very slowly for minutes after many were freed, as happens
//! between two pulls here and seldom elsewhere.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use super::daemon::{Daemon, WHARF, pause};

/// Pulls of each image by each tool.
const ROUNDS: usize = 4;

/// Makes OCI layouts of the host's own files: `large` (8 layers) and `small` (40 layers of small files).
const BUILD: &str = include_str!("images.sh");

/// One way to pull.
struct Tool {
    name: &'static str,
    pull: String,
    clean: String,
    /// Whether a container could be started afterwards.
    unpacks: bool,
}

struct Lab {
    dir: PathBuf,
    registry: String,
    children: Vec<Child>,
}

impl Drop for Lab {
    fn drop(&mut self) {
        for child in &mut self.children {
            drop(child.kill());
            drop(child.wait());
        }
        drop(std::fs::remove_dir_all(&self.dir));
    }
}

/// Measures and prints the table, in memory and a mount namespace of its own.
pub(crate) fn run() -> Result<()> {
    if std::env::var_os("WHARF_BENCH_DISK").is_some() {
        return run_here();
    }
    let script = "mount -t tmpfs -o size=8g tmpfs /var/tmp && exec \"$0\" bench images";
    let status = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", script])
        .arg(std::env::current_exe()?)
        .env("WHARF_BENCH_DISK", "no")
        .status()
        .context("run unshare")?;
    ensure!(status.success(), "measuring failed");
    Ok(())
}

fn run_here() -> Result<()> {
    let lab = Lab::start()?;
    let daemon = Daemon::start()?;
    let tools: Vec<Tool> = tools(&lab, &daemon).into_iter().filter(is_installed).collect();
    for image in ["large", "small"] {
        let reference = format!("{}/bench/{image}:1", lab.registry);
        let mut times = vec![Vec::new(); tools.len()];
        for round in 0..ROUNDS {
            for (tool, times) in tools.iter().zip(&mut times) {
                let took = lab.time(tool, &reference)?;
                // The first round warms the registry's files.
                if round > 0 {
                    times.push(took);
                }
            }
        }
        print(&lab.describe(image)?, &tools, times);
    }
    daemon.finish()
}

fn tools(lab: &Lab, daemon: &Daemon) -> Vec<Tool> {
    let dir = lab.dir.display();
    let wharf = format!("{WHARF} --endpoint unix://{}", daemon.socket.display());
    let podman = format!("podman --root {dir}/podman --runroot {dir}/podman-run");
    let ctr = format!("ctr --address {dir}/ctr.sock");
    let tool = |name, pull, clean, unpacks| Tool { name, pull, clean, unpacks };
    vec![
        tool(
            "wharf image pull",
            format!("{wharf} image pull"),
            format!("{wharf} image prune"),
            true,
        ),
        tool(
            "skopeo copy to an OCI layout",
            format!(
                "sh -c 'skopeo copy -q --insecure-policy --src-tls-verify=false docker://$0 oci:{dir}/skopeo:1'"
            ),
            format!("rm -rf {dir}/skopeo"),
            false,
        ),
        tool(
            "skopeo copy to containers-storage",
            format!(
                "sh -c 'skopeo copy -q --insecure-policy --src-tls-verify=false docker://$0 containers-storage:[overlay@{dir}/skopeo-root+{dir}/skopeo-run]bench:1'"
            ),
            format!("podman --root {dir}/skopeo-root --runroot {dir}/skopeo-run rmi -af"),
            true,
        ),
        tool(
            "podman pull",
            format!("{podman} pull -q --tls-verify=false"),
            format!("{podman} rmi -af"),
            true,
        ),
        tool(
            "ctr image pull",
            format!("{ctr} image pull --plain-http"),
            format!("sh -c '{ctr} image ls -q | xargs -r {ctr} image rm --sync'"),
            true,
        ),
    ]
}

#[expect(clippy::print_stderr, reason = "the table goes on without the row")]
fn is_installed(tool: &Tool) -> bool {
    let program = tool.name.split(' ').next().unwrap_or_default();
    let found = program == "wharf" || shell(&format!("command -v {program}")).is_ok();
    if !found {
        eprintln!("not measured, since it is not installed: {program}");
    }
    found
}

impl Lab {
    fn start() -> Result<Self> {
        let dir = PathBuf::from(format!("/var/tmp/wharf-bench-images-{}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        let registry = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let mut lab = Self { dir, registry, children: Vec::new() };
        let script = lab.dir.join("build.sh");
        std::fs::write(&script, BUILD)?;
        shell(&format!("bash {} {}", script.display(), lab.dir.display()))?;
        lab.spawn_registry()?;
        for image in ["large", "small"] {
            let (dir, to) = (lab.dir.display(), &lab.registry);
            shell(&format!(
                "skopeo copy -q --insecure-policy --dest-tls-verify=false oci:{dir}/{image}:1 \
                 docker://{to}/bench/{image}:1"
            ))?;
        }
        if shell("command -v containerd").is_ok() {
            lab.spawn_containerd()?;
        }
        Ok(lab)
    }

    fn spawn_registry(&mut self) -> Result<()> {
        let config = self.dir.join("registry.yml");
        let (dir, address) = (self.dir.display(), &self.registry);
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem:\n    rootdirectory: \
             {dir}/registry\nhttp:\n  addr: {address}\n"
        );
        std::fs::write(&config, text)?;
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(config);
        self.spawn(command)?;
        let address = self.registry.clone();
        wait(move || std::net::TcpStream::connect(&address).is_ok())
    }

    fn spawn_containerd(&mut self) -> Result<()> {
        let config = self.dir.join("containerd.toml");
        std::fs::write(
            &config,
            "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n",
        )?;
        let path = |name: &str| self.dir.join(name);
        let mut command = Command::new("containerd");
        command.arg("--config").arg(config).arg("--root").arg(path("ctr"));
        command.arg("--state").arg(path("ctr-run")).arg("--address").arg(path("ctr.sock"));
        self.spawn(command)?;
        let socket = self.dir.join("ctr.sock");
        wait(move || socket.exists())
    }

    fn spawn(&mut self, mut command: Command) -> Result<()> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.children.push(command.spawn().with_context(|| format!("run {command:?}"))?);
        Ok(())
    }

    /// Seconds of one pull.
    #[expect(clippy::print_stderr, reason = "it takes minutes")]
    fn time(&self, tool: &Tool, reference: &str) -> Result<f64> {
        shell(&tool.clean)?;
        // Nobody pays for what others have left to write.
        shell(&format!("sync -f {}", self.dir.display()))?;
        let begin = Instant::now();
        shell(&format!("{} {reference}", tool.pull))?;
        let seconds = begin.elapsed().as_secs_f64();
        eprintln!("{}: {seconds:.2} s", tool.name);
        shell(&tool.clean)?;
        Ok(seconds)
    }

    fn describe(&self, image: &str) -> Result<String> {
        let text = std::fs::read_to_string(self.dir.join(image).join("about"))?;
        Ok(text.trim().to_owned())
    }
}

fn wait(mut is_true: impl FnMut() -> bool) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_true() {
        ensure!(Instant::now() < deadline, "a program that is needed does not start");
        pause(Duration::from_millis(20));
    }
    Ok(())
}

fn shell(command: &str) -> Result<()> {
    let output = Command::new("sh").arg("-c").arg(command).stdin(Stdio::null()).output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command}: {told}");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the result")]
fn print(about: &str, tools: &[Tool], times: Vec<Vec<f64>>) {
    println!("\n{about}\n\n| tool | unpacks | median s | min s | ÷ Wharf |\n|---|---|---|---|---|");
    let mut ours = f64::NAN;
    for (tool, mut times) in tools.iter().zip(times) {
        times.sort_by(f64::total_cmp);
        let median = times[times.len() / 2];
        if ours.is_nan() {
            ours = median;
        }
        let unpacks = if tool.unpacks { "yes" } else { "no" };
        let ratio = median / ours;
        println!("| {} | {unpacks} | {median:.2} | {:.2} | {ratio:.2} |", tool.name, times[0]);
    }
}
