//! Every derived name in one place: files, sockets, cgroups and kernel objects of a group.
//!
//! All follow from the instance and the group's id, so that a half-made thing can be found by
//! looking and two daemons on one host never meet.

use camino::{Utf8Path, Utf8PathBuf};
use wharf_model::{ContainerName, GroupId, InstanceId};

/// Where one daemon keeps its things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// `D`: survives reboots (`/var/lib/wharf`).
    pub data_dir: Utf8PathBuf,
    /// `R`: gone after a reboot (`/run/wharf`).
    pub run_dir: Utf8PathBuf,
    /// This installation.
    pub instance: InstanceId,
}

impl Layout {
    /// `R/groups`: one directory per group with a sandbox.
    pub fn sandboxes(&self) -> Utf8PathBuf {
        self.run_dir.join("groups")
    }

    /// `R/groups/<id>`: socket, journal, bundles.
    pub fn sandbox(&self, id: &GroupId) -> Sandbox {
        Sandbox(self.sandboxes().join(id.as_str()))
    }

    /// `R/mounts`: one directory per group with shares of other hosts.
    pub fn mounts(&self) -> Utf8PathBuf {
        self.run_dir.join("mounts")
    }

    /// `R/mounts/<id>`: what is mounted for a group.
    pub fn mounts_of(&self, id: &GroupId) -> Utf8PathBuf {
        self.mounts().join(id.as_str())
    }

    /// `D/groups`: one directory per group with storage.
    pub fn storages(&self) -> Utf8PathBuf {
        self.data_dir.join("groups")
    }

    /// `D/groups/<id>`: logs, writable layers, volumes.
    pub fn storage(&self, id: &GroupId) -> Storage {
        Storage(self.storages().join(id.as_str()))
    }

    /// The cgroup of the whole installation, below the root of each hierarchy: `/wharf-<inst>`.
    pub fn cgroup_root(&self) -> String {
        format!("/wharf-{}", self.instance)
    }

    /// A group's cgroup: `/wharf-<inst>/<id>`; containers and the shim are children of it.
    pub fn cgroup(&self, id: &GroupId) -> String {
        format!("{}/{id}", self.cgroup_root())
    }

    /// The shim's cgroup: `/wharf-<inst>/<id>/_shim`, which no container can be named.
    pub fn shim_cgroup(&self, id: &GroupId) -> String {
        format!("{}/_shim", self.cgroup(id))
    }

    /// A container's cgroup: `/wharf-<inst>/<id>/<container>`.
    pub fn container_cgroup(&self, id: &GroupId, container: &ContainerName) -> String {
        format!("{}/{container}", self.cgroup(id))
    }

    /// The host side of a group's veth pair: `w<inst><id>`, 15 bytes, the kernel's limit.
    pub fn veth(&self, id: &GroupId) -> String {
        format!("w{}{id}", self.instance)
    }

    /// What the names of all veths of this installation begin with.
    pub fn veth_prefix(&self) -> String {
        format!("w{}", self.instance)
    }

    /// The link that carries the pool's first address: `wharf-<inst>`.
    pub fn gateway_link(&self) -> String {
        format!("wharf-{}", self.instance)
    }

    /// The nftables table: `wharf_<inst>`.
    pub fn nft_table(&self) -> String {
        format!("wharf_{}", self.instance)
    }
}

/// `R/groups/<id>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox(pub Utf8PathBuf);

impl Sandbox {
    /// The directory itself.
    pub fn dir(&self) -> &Utf8Path {
        &self.0
    }

    /// The shim's socket.
    pub fn socket(&self) -> Utf8PathBuf {
        self.0.join("shim.sock")
    }

    /// Every start and exit, one record a line.
    pub fn journal(&self) -> Utf8PathBuf {
        self.0.join("journal")
    }

    /// The shim's process id.
    pub fn pid_file(&self) -> Utf8PathBuf {
        self.0.join("shim.pid")
    }

    /// The shim's own log.
    pub fn shim_log(&self) -> Utf8PathBuf {
        self.0.join("shim.log")
    }

    /// `etc`: hosts, hostname and resolv.conf, the same for all containers.
    pub fn etc(&self) -> Utf8PathBuf {
        self.0.join("etc")
    }

    /// The first of the host's users that the group's users are; missing: they are the host's.
    pub fn ids(&self) -> Utf8PathBuf {
        self.0.join("ids")
    }

    /// A container's bundle with its `config.json`.
    pub fn bundle(&self, container: &ContainerName) -> Utf8PathBuf {
        self.0.join("bundles").join(container.as_str())
    }

    /// The OCI library's own state files.
    pub fn oci_state(&self) -> Utf8PathBuf {
        self.0.join("oci")
    }
}

/// `D/groups/<id>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage(pub Utf8PathBuf);

impl Storage {
    /// The directory itself.
    pub fn dir(&self) -> &Utf8Path {
        &self.0
    }

    /// The logs of all containers; kept while the group is stopped.
    pub fn logs(&self) -> Utf8PathBuf {
        self.0.join("logs")
    }

    /// The log of one run, CRI format; older parts have `.1` appended.
    pub fn log(&self, container: &ContainerName, revision: u64, start: u32) -> Utf8PathBuf {
        self.logs().join(container.as_str()).join(format!("{revision}-{start}.log"))
    }

    /// What is lost at stop: writable layers and volumes.
    pub fn scratch(&self) -> Utf8PathBuf {
        self.0.join("scratch")
    }

    /// The writable layer of a container's present run: `upper` and `work`.
    pub fn writable_layer(&self, container: &ContainerName) -> Utf8PathBuf {
        self.scratch().join("layers").join(container.as_str())
    }

    /// An emptyDir volume.
    pub fn empty_dir(&self, volume: &str) -> Utf8PathBuf {
        self.scratch().join("volumes").join(volume)
    }

    /// A link to the share that an azureFile volume is; the fingerprint is of account, share and key.
    pub fn share(&self, volume: &str, fingerprint: &str) -> Utf8PathBuf {
        self.scratch().join("shares").join(format!("{volume}-{fingerprint}"))
    }

    /// What a gitRepo volume holds; the fingerprint is of what was asked for, so that a changed
    /// volume is another directory.
    pub fn git_repo(&self, volume: &str, fingerprint: &str) -> Utf8PathBuf {
        self.scratch().join("repositories").join(format!("{volume}-{fingerprint}"))
    }
}
