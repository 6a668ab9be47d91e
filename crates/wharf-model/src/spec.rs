//! The specification of a container group: everything a backend needs to make it real.
//!
//! Written only by requests. Secret values are in here in the clear; the store seals the whole
//! specification before it touches a disk, and `Debug` never prints one.

use std::{fmt, net::Ipv4Addr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{ContainerName, network::SubnetKey};

mod probes;
mod volumes;

pub use probes::{HttpGet, ProbeAction, ProbeSpec};
pub use volumes::{AzureFile, GitRepo, SecretFile, VolumeMount, VolumeSource, VolumeSpec};

/// One container group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupSpec {
    /// What its containers expect of the host.
    pub os_type: OsType,
    /// When an ended container is started again.
    pub restart_policy: RestartPolicy,
    /// Run one after the other, before any of `containers`.
    pub init_containers: Vec<ContainerSpec>,
    /// Run side by side; at least one.
    pub containers: Vec<ContainerSpec>,
    /// Volumes that containers may mount by name.
    pub volumes: Vec<VolumeSpec>,
    /// Credentials for private registries.
    pub registry_credentials: Vec<RegistryCredential>,
    /// How the group is reached; `None`: not at all from outside.
    pub ip_address: Option<IpAddressSpec>,
    /// Name resolution inside the group; `None`: the host's.
    pub dns: Option<DnsSpec>,
    /// The subnet that it has its address from; `None`: it is in no virtual network.
    #[serde(default)]
    pub subnet: Option<SubnetKey>,
}

impl GroupSpec {
    /// Init containers and containers, in the order in which they start.
    pub fn all_containers(&self) -> impl Iterator<Item = &ContainerSpec> {
        self.init_containers.iter().chain(&self.containers)
    }

    /// The container or init container of that name.
    pub fn container(&self, name: &ContainerName) -> Option<&ContainerSpec> {
        self.all_containers().find(|container| container.name == *name)
    }
}

/// The operating system that images are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OsType {
    /// Linux.
    Linux,
    /// Windows: refused until there is a Windows node.
    Windows,
}

/// When an ended container is started again (semantics.md §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestartPolicy {
    /// Whatever its exit code.
    Always,
    /// When its exit code is not 0.
    OnFailure,
    /// Not at all.
    Never,
}

/// One container or init container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContainerSpec {
    /// Unique within the group, over containers and init containers.
    pub name: ContainerName,
    /// The image reference as the user wrote it.
    pub image: String,
    /// Replaces the image's entry point and command when not empty. Not a shell line.
    pub command: Vec<String>,
    /// Set on top of the image's environment, in order.
    pub environment: Vec<EnvVar>,
    /// Ports the container listens on.
    pub ports: Vec<Port>,
    /// CPU and memory; init containers have none and run within the group's allocation.
    pub resources: Option<Resources>,
    /// Volumes and where they appear.
    pub volume_mounts: Vec<VolumeMount>,
    /// Says when it must be ended and started again.
    #[serde(default)]
    pub liveness_probe: Option<ProbeSpec>,
    /// Says when its ports are open.
    #[serde(default)]
    pub readiness_probe: Option<ProbeSpec>,
    /// As whom it runs and with which rights.
    #[serde(default)]
    pub security: SecurityContext,
}

/// As whom a container runs and with which rights; everything at its default is what most
/// containers get (docs/security.md).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecurityContext {
    /// All rights of the host's administrator; refused unless the host's policy says otherwise.
    pub is_privileged: bool,
    /// Whether programs may gain rights that their caller has not (`setuid`, file capabilities).
    pub may_escalate: bool,
    /// Capabilities besides the usual ones: `NET_ADMIN`, or `ALL`.
    pub added_capabilities: Vec<String>,
    /// Capabilities taken away, before any is added.
    pub dropped_capabilities: Vec<String>,
    /// The user instead of the image's.
    pub user: Option<u32>,
    /// The group instead of the user's.
    pub group: Option<u32>,
    /// A system call filter (Docker's JSON) on top of the usual one.
    pub seccomp_profile: Option<String>,
}

/// One environment variable.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvVar {
    /// The variable's name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whether the value must never be shown again.
    pub secret: bool,
}

impl fmt::Debug for EnvVar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = if self.secret { "<secret>" } else { &self.value };
        write!(f, "{}={shown}", self.name)
    }
}

/// Transport protocol of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Protocol {
    /// TCP, the default.
    Tcp,
    /// UDP.
    Udp,
}

/// A port and its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Port {
    /// 1 to 65535.
    pub port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
}

/// What a container asks for and what it may use at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// The share that counts for placement and as CPU weight.
    pub requests: Amount,
    /// What it may use at most; equal to `requests` when the user gave no limit.
    pub limits: Amount,
}

/// An amount of CPU and memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Thousandths of a CPU.
    pub cpu_millis: u32,
    /// Bytes; 1 GB of the API is 10^9 bytes × 1.073741824 = 1 GiB, as on Azure.
    pub memory_bytes: u64,
}

/// Who a group is for a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryCredential {
    /// Host name and optional port, without protocol.
    pub server: String,
    /// What is shown there.
    #[serde(flatten)]
    pub login: RegistryLogin,
}

/// What a group shows to a registry.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RegistryLogin {
    /// A user name and a password.
    Password {
        /// User name.
        username: String,
        /// Password.
        password: String,
    },
    /// A user-assigned identity of the group.
    Identity {
        /// Its resource id, as written.
        identity: String,
        /// Who it was when the group got it.
        principal: Option<Uuid>,
    },
}

impl fmt::Debug for RegistryLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { username, .. } => f.write_str(username),
            Self::Identity { identity, .. } => f.write_str(identity),
        }
    }
}

/// How a group is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpAddressSpec {
    /// Public or private.
    pub kind: IpAddressKind,
    /// The ports that are open from outside.
    pub ports: Vec<Port>,
    /// The address itself, if it was asked for.
    #[serde(default)]
    pub address: Option<Ipv4Addr>,
    /// The first label of its DNS name.
    pub dns_name_label: Option<String>,
    /// Who may take the label once it is free.
    #[serde(default)]
    pub dns_label_scope: DnsLabelScope,
    /// The second label, made from the scope; `None` when the label is [`DnsLabelScope::Unsecure`].
    #[serde(default)]
    pub dns_label_hash: Option<String>,
}

impl IpAddressSpec {
    /// The group's DNS name but for the installation's suffix, such as `web.westus` or
    /// `web.q3wkfgdn5n.westus`; no two groups of an installation have one.
    pub fn dns_name(&self, location: &str) -> Option<String> {
        let label = self.dns_name_label.as_ref()?;
        Some(dns_name(label, self.dns_label_hash.as_deref(), location))
    }
}

/// The DNS name of a group with such labels, but for the installation's suffix.
pub fn dns_name(label: &str, hash: Option<&str>, location: &str) -> String {
    match hash {
        None => format!("{label}.{location}"),
        Some(hash) => format!("{label}.{hash}.{location}"),
    }
}

/// Who may take a DNS label once its group has gone (semantics.md §12.2): what the second label of
/// the name is made from, so that others never get the same name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DnsLabelScope {
    /// Anyone: the name has no second label.
    #[default]
    Unsecure,
    /// Groups of the same tenant.
    TenantReuse,
    /// Groups of the same subscription.
    SubscriptionReuse,
    /// Groups of the same resource group.
    ResourceGroupReuse,
    /// Nobody.
    Noreuse,
}

/// Which pool an address comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IpAddressKind {
    /// The pool that others reach.
    Public,
    /// A subnet of a virtual network.
    Private,
}

/// Contents of `/etc/resolv.conf` (semantics.md §12.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsSpec {
    /// Addresses of name servers, in order.
    pub name_servers: Vec<String>,
    /// Search domains, separated by blanks.
    pub search_domains: Option<String>,
    /// Resolver options, separated by blanks.
    pub options: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_as_they_were_always_written() {
        let text = r#"{"server":"s","username":"u","password":"p"}"#;
        let known: RegistryCredential = serde_json::from_str(text).unwrap();
        let login = RegistryLogin::Password { username: "u".to_owned(), password: "p".to_owned() };
        assert_eq!(known.login, login);
        assert_eq!(serde_json::to_string(&known).unwrap(), text);
        assert!(!format!("{known:?}").contains("\"p\""));
        let text = r#"{"server":"s","identity":"/i","principal":null}"#;
        let known: RegistryCredential = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&known).unwrap(), text);
    }
}
