//! A group of its own for each test, and a busybox image for all.

use std::{
    os::unix::fs::symlink,
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use camino::{Utf8Path, Utf8PathBuf};
use nix::sched::{CloneFlags, setns};
use oci_spec::image::{ConfigBuilder, ImageConfiguration, ImageConfigurationBuilder};
use tokio::runtime::Runtime;
use wharf_model::{
    ContainerName, Generation, GroupId, InstanceId,
    backend::LogQuery,
    plan::EndSignal,
    spec::{Amount, ContainerSpec, EnvVar, Resources, VolumeSpec},
    status::{Exit, Run},
};
use wharf_runtime::{
    bundle::{self, BundlePlan},
    cgroups, logs,
    shims::{EtcFiles, Found, Shims},
};
use wharf_shim::{
    paths::Layout,
    protocol::Start,
    table::{Container, Table},
    userns::{IdRange, Namespaces},
};

pub(crate) const HOSTNAME: &str = "testgroup";

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct Group {
    dir: tempfile::TempDir,
    pub(crate) layout: Layout,
    pub(crate) id: GroupId,
    pub(crate) shims: Shims,
    pub(crate) runtime: Runtime,
    pub(crate) image: ImageConfiguration,
    pub(crate) layers: Vec<Utf8PathBuf>,
    pub(crate) volumes: Vec<VolumeSpec>,
}

impl Group {
    /// With a running shim.
    pub(crate) fn new() -> Self {
        let group = Self::without_shim();
        group.spawn();
        group
    }

    pub(crate) fn without_shim() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed) << 16 | u64::from(std::process::id());
        let dir = tempfile::Builder::new().prefix("wharf-test-").tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let layout = Layout {
            data_dir: root.join("data"),
            run_dir: root.join("run"),
            instance: InstanceId::from_bits(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40),
        };
        let program = std::env::current_exe().unwrap();
        let program = Utf8PathBuf::from_path_buf(program).unwrap();
        let config = ConfigBuilder::default()
            .cmd(vec!["sh".to_owned()])
            .env(vec!["FROM_IMAGE=1".to_owned(), "BOTH=image".to_owned()])
            .build()
            .unwrap();
        let (base, top) = image_layers();
        Self {
            id: GroupId::from_bits(number),
            shims: Shims::new(layout.clone(), program),
            layout,
            dir,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            image: ImageConfigurationBuilder::default()
                .architecture("amd64")
                .os("linux")
                .rootfs(
                    oci_spec::image::RootFsBuilder::default()
                        .typ("layers")
                        .diff_ids(Vec::<String>::new())
                        .build()
                        .unwrap(),
                )
                .config(config)
                .build()
                .unwrap(),
            layers: vec![top, base],
            volumes: Vec::new(),
        }
    }

    pub(crate) fn spawn(&self) {
        let etc = EtcFiles {
            hosts: "127.0.0.1 localhost\n".to_owned(),
            resolv_conf: "nameserver 127.0.0.1\n".to_owned(),
        };
        let spawning = self.shims.spawn(&self.id, HOSTNAME, namespaces_with_loopback(), &etc);
        self.runtime.block_on(spawning).unwrap();
    }

    pub(crate) fn table(&self) -> Table {
        match self.runtime.block_on(self.shims.state(&self.id)).unwrap() {
            Found::Alive(table) => table,
            other => panic!("the shim is not alive: {other:?}"),
        }
    }

    pub(crate) fn request(&self, container: &ContainerSpec, start: u32) -> Start {
        // Above what any container of a test may use.
        let amount = Amount { cpu_millis: 4000, memory_bytes: 4 << 30 };
        bundle::prepare(&BundlePlan {
            layout: &self.layout,
            id: &self.id,
            container,
            revision: Generation(1),
            start,
            image: &self.image,
            layers: &self.layers,
            volumes: &self.volumes,
            hostname: HOSTNAME,
            allocation: amount,
        })
        .unwrap()
    }

    pub(crate) fn start(&self, container: &ContainerSpec) -> Container {
        let request = self.request(container, 1);
        self.runtime.block_on(self.shims.start(&self.id, request)).unwrap()
    }

    pub(crate) fn signal(&self, name: &ContainerName, signal: EndSignal) {
        self.runtime.block_on(self.shims.signal(&self.id, name, signal)).unwrap();
    }

    /// Waits for the present run to end.
    pub(crate) fn exit(&self, name: &ContainerName) -> Exit {
        until("the container has ended", || {
            let table = self.table();
            table.containers.get(name)?.runs.last()?.exit.clone()
        })
    }

    /// Starts a shell script and waits for its end.
    pub(crate) fn run(&self, script: &str) -> (Exit, String) {
        let container = shell("job", script);
        self.start(&container);
        (self.exit(&container.name), self.log(&container.name))
    }

    pub(crate) fn log(&self, name: &ContainerName) -> String {
        let storage = self.layout.storage(&self.id);
        logs::read_latest(&storage, name, LogQuery::default()).unwrap().unwrap_or_default()
    }

    /// Waits for a line to appear in a log.
    pub(crate) fn log_has(&self, name: &ContainerName, text: &str) {
        until(text, || self.log(name).contains(text).then_some(()));
    }

    pub(crate) fn clean(&self) {
        self.runtime.block_on(self.shims.shutdown_and_clean(&self.id)).unwrap();
    }

    pub(crate) fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.dir.path()).unwrap()
    }

    /// Cleans up and checks that nothing is left.
    pub(crate) fn finish(self) {
        let pids = cgroups::pids(&self.layout, &self.id);
        self.clean();
        self.clean();
        for pid in pids {
            until("its processes are gone", || is_gone(pid).then_some(()));
        }
        assert!(!self.layout.sandbox(&self.id).dir().exists());
        assert!(!cgroups::exists(&self.layout, &self.id));
        assert!(cgroups::remove_root(&self.layout).unwrap());
        let mounts = fs_err::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(self.path().as_str()), "{mounts}");
        let found = self.runtime.block_on(self.shims.state(&self.id)).unwrap();
        assert_eq!(found, Found::Absent);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.layout.sandbox(&self.id).shim_log();
            eprintln!("shim.log: {}", fs_err::read_to_string(log).unwrap_or_default());
            drop(self.runtime.block_on(self.shims.shutdown_and_clean(&self.id)));
            drop(cgroups::remove_root(&self.layout));
        }
    }
}

/// Gone, or a zombie that its new parent has not buried yet.
pub(crate) fn is_gone(pid: u32) -> bool {
    let status = fs_err::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.rsplit(')').next().is_none_or(|rest| rest.is_empty() || rest.starts_with(" Z"))
}

/// Waits for something, with a limit.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "gave up waiting: {what}");
        thread::yield_now();
        #[expect(clippy::disallowed_methods, reason = "a pause between two looks, not a wait")]
        thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn name(text: &str) -> ContainerName {
    ContainerName::parse(text).unwrap()
}

pub(crate) fn container(text: &str, command: &[&str]) -> ContainerSpec {
    let amount = Amount { cpu_millis: 1000, memory_bytes: 256 << 20 };
    ContainerSpec {
        name: name(text),
        image: "busybox".to_owned(),
        command: command.iter().map(|&word| word.to_owned()).collect(),
        environment: Vec::new(),
        ports: Vec::new(),
        resources: Some(Resources { requests: amount, limits: amount }),
        volume_mounts: Vec::new(),
        liveness_probe: None,
        readiness_probe: None,
        security: wharf_model::spec::SecurityContext::default(),
    }
}

pub(crate) fn shell(name: &str, script: &str) -> ContainerSpec {
    container(name, &["sh", "-c", script])
}

pub(crate) fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: value.to_owned(), secret: false }
}

/// What a run's exit must be.
pub(crate) fn last_run(container: &Container) -> &Run {
    container.runs.last().unwrap()
}

/// A new network namespace with nothing but a working loopback device, and users of its own.
pub(crate) fn namespaces_with_loopback() -> Namespaces {
    let namespaces = Namespaces::make(Some(IdRange::nth(std::process::id()))).unwrap();
    let network = namespaces.network.try_clone().unwrap();
    let up = move || {
        setns(&network, CloneFlags::CLONE_NEWNET).unwrap();
        let up = Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap();
        assert!(up.success());
    };
    thread::spawn(up).join().unwrap();
    namespaces
}

/// Busybox below; users, and a file that hides one below, on top.
fn image_layers() -> (Utf8PathBuf, Utf8PathBuf) {
    static LAYERS: OnceLock<(Utf8PathBuf, Utf8PathBuf)> = OnceLock::new();
    LAYERS
        .get_or_init(|| {
            let root = Utf8PathBuf::from(format!("/tmp/wharf-test-image-{}", std::process::id()));
            let (base, top) = (root.join("base"), root.join("top"));
            for directory in [base.join("bin"), base.join("tmp"), base.join("etc"), top.join("etc")]
            {
                fs_err::create_dir_all(directory).unwrap();
            }
            fs_err::copy("/bin/busybox", base.join("bin/busybox")).unwrap();
            let list = Command::new("/bin/busybox").arg("--list").output().unwrap().stdout;
            for applet in String::from_utf8(list).unwrap().lines() {
                if applet != "busybox" {
                    symlink("busybox", base.join("bin").join(applet)).unwrap();
                }
            }
            fs_err::write(base.join("etc/layer"), "base\n").unwrap();
            fs_err::write(top.join("etc/layer"), "top\n").unwrap();
            fs_err::write(base.join("bin/not-executable"), "x").unwrap();
            fs_err::write(
                top.join("etc/passwd"),
                "root:x:0:0::/root:/bin/sh\nweb:x:33:44::/srv:/bin/sh\n",
            )
            .unwrap();
            fs_err::write(top.join("etc/group"), "web:x:44:\nlog:x:50:web\n").unwrap();
            (base, top)
        })
        .clone()
}

pub(crate) fn remove_image() {
    let (base, _) = image_layers();
    if let Some(root) = base.parent() {
        fs_err::remove_dir_all(root).unwrap();
    }
}
