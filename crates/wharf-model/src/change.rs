//! What an accepted request changes: pure decisions, taken by the store inside its transaction.
//!
//! Update rules: semantics.md §6. One deliberate extension: an update restarts only the containers
//! that changed, where Azure restarts the whole group.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    ContainerName, Error, ErrorKind, Generation,
    group::{Group, Power},
    operation::OperationKind,
    spec::{ContainerSpec, GroupSpec},
    status::GroupState,
};

/// What a request asks to store.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Nothing changes; there is no new generation and no operation.
    Keep,
    /// Only the tags change; there is no new generation and no operation.
    Tags(String),
    /// A new generation with an operation.
    Write(Box<Next>),
}

/// The next desired state of a group.
#[derive(Clone, Debug)]
pub struct Next {
    /// What is asked for.
    pub kind: OperationKind,
    /// What the group should be doing.
    pub power: Power,
    /// The region.
    pub location: String,
    /// What the group is made of.
    pub spec: Arc<GroupSpec>,
    /// The generation in which each container last changed.
    pub revisions: BTreeMap<ContainerName, Generation>,
    /// The normalised ARM document.
    pub document: String,
    /// The tags.
    pub tags: String,
}

/// A validated PUT body.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The region.
    pub location: String,
    /// What the group should be made of.
    pub spec: GroupSpec,
    /// The normalised ARM document, without any secret.
    pub document: String,
    /// The tags.
    pub tags: String,
}

/// PUT: create, deploy anew, update in place, or nothing. `current` is `None` when there is no
/// group of that name (one that is being deleted does not count).
pub fn put(current: Option<&Group>, proposal: Proposal) -> Result<Decision, Error> {
    let generation = current.map_or_else(Generation::default, |group| group.generation).next();
    let mut spec = proposal.spec;
    if let Some(group) = current {
        keep_dns_name(group, &mut spec);
        keep_address(group, &mut spec)?;
    }
    let spec = Arc::new(spec);
    let (kind, revisions) = match current {
        Some(group) if is_live(group) => {
            check_settled(group)?;
            check_updatable(group, &spec)?;
            if *group.spec == *spec && group.document == proposal.document {
                return Ok(Decision::Keep);
            }
            (OperationKind::Update, changed_revisions(group, &spec, generation))
        }
        Some(_) | None => (OperationKind::Create, all_revisions(&spec, generation)),
    };
    let tags = match current {
        Some(group) if kind == OperationKind::Update => group.tags.clone(),
        Some(_) | None => proposal.tags,
    };
    Ok(Decision::Write(Box::new(Next {
        kind,
        power: Power::Running,
        location: proposal.location,
        spec,
        revisions,
        document: proposal.document,
        tags,
    })))
}

/// POST start: a new deployment of a stopped or terminated group; nothing for a running one.
pub fn start(group: &Group) -> Decision {
    if is_live(group) {
        return Decision::Keep;
    }
    let revisions = all_revisions(&group.spec, group.generation.next());
    next(group, OperationKind::Start, Power::Running, revisions)
}

/// POST stop: nothing for a stopped or terminated group.
pub fn stop(group: &Group) -> Decision {
    if !is_live(group) {
        return Decision::Keep;
    }
    next(group, OperationKind::Stop, Power::Stopped, group.revisions.clone())
}

/// POST restart: all containers anew, in place.
pub fn restart(group: &Group) -> Result<Decision, Error> {
    if group.power == Power::Stopped {
        return Err(stopped(group));
    }
    check_settled(group)?;
    let revisions = all_revisions(&group.spec, group.generation.next());
    Ok(next(group, OperationKind::Restart, Power::Running, revisions))
}

/// What cannot be done with a stopped group.
pub fn stopped(group: &Group) -> Error {
    Error::new(
        ErrorKind::Conflict,
        "ContainerGroupStopped",
        format!(
            "Container Group '{}' in resource group '{}' is stopped",
            group.key.name, group.key.resource_group.name
        ),
    )
}

/// DELETE: possible at any time.
pub fn delete(group: &Group) -> Decision {
    next(group, OperationKind::Delete, Power::Deleted, group.revisions.clone())
}

/// A group keeps its DNS name as long as its label and scope stay: the second label may be random.
fn keep_dns_name(group: &Group, spec: &mut GroupSpec) {
    if let (Some(old), Some(new)) = (&group.spec.ip_address, &mut spec.ip_address)
        && (&old.dns_name_label, old.dns_label_scope) == (&new.dns_name_label, new.dns_label_scope)
    {
        new.dns_label_hash.clone_from(&old.dns_label_hash);
    }
}

/// A group keeps its address for life, whether it was asked for or not.
fn keep_address(group: &Group, spec: &mut GroupSpec) -> Result<(), Error> {
    let Some(new) = &mut spec.ip_address else { return Ok(()) };
    let private = group.private.as_ref().map(|place| place.address);
    let present = if spec.subnet.is_some() { private } else { group.address };
    if let (Some(wanted), Some(present)) = (new.address, present)
        && wanted != present
    {
        let message = format!(
            "The IP address of container group '{}' is {present} and cannot be changed to {wanted}. \
             Delete the group first and then create a new one.",
            group.key.name
        );
        return Err(Error::invalid(
            "InvalidContainerGroupUpdate",
            message,
            "properties.ipAddress.ip",
        ));
    }
    new.address = group.spec.ip_address.as_ref().and_then(|old| old.address);
    Ok(())
}

fn next(
    group: &Group,
    kind: OperationKind,
    power: Power,
    revisions: BTreeMap<ContainerName, Generation>,
) -> Decision {
    Decision::Write(Box::new(Next {
        kind,
        power,
        location: group.location.clone(),
        spec: Arc::clone(&group.spec),
        revisions,
        document: group.document.clone(),
        tags: group.tags.clone(),
    }))
}

/// Whether the group is deployed and not at its end.
fn is_live(group: &Group) -> bool {
    let has_ended = match group.status.state {
        GroupState::Succeeded | GroupState::Failed => group.is_settled,
        GroupState::Stopped | GroupState::Pending | GroupState::Running => false,
    };
    group.power == Power::Running && !has_ended
}

fn check_settled(group: &Group) -> Result<(), Error> {
    if group.is_settled {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Conflict,
        "ContainerGroupTransitioning",
        format!(
            "The container group '{}' is still transitioning, please retry later.",
            group.key.name
        ),
    ))
}

/// Operating system, restart policy, subnet and the requests of a container stay as they are.
fn check_updatable(group: &Group, spec: &GroupSpec) -> Result<(), Error> {
    let requests = |c: &ContainerSpec| c.resources.map(|r| r.requests);
    let is_resized = spec.containers.iter().any(|new| {
        group.spec.container(&new.name).is_some_and(|old| requests(old) != requests(new))
    });
    let moved = group.spec.os_type != spec.os_type
        || group.spec.restart_policy != spec.restart_policy
        || group.spec.subnet != spec.subnet
        || is_resized;
    if !moved {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidParameter,
        "InvalidContainerGroupUpdate",
        format!(
            "The updates on container group '{}' are invalid. If you are going to update the os \
             type, restart policy, network profile, CPU, memory or GPU resources for a container \
             group, you must delete it first and then create a new one.",
            group.key.name
        ),
    ))
}

fn all_revisions(spec: &GroupSpec, generation: Generation) -> BTreeMap<ContainerName, Generation> {
    spec.all_containers().map(|c| (c.name.clone(), generation)).collect()
}

/// Containers that differ, or whose volumes or name resolution differ, get the new generation.
fn changed_revisions(
    group: &Group,
    spec: &GroupSpec,
    generation: Generation,
) -> BTreeMap<ContainerName, Generation> {
    let mut revisions = all_revisions(spec, generation);
    if group.spec.dns != spec.dns || group.spec.init_containers != spec.init_containers {
        return revisions;
    }
    for container in spec.all_containers() {
        let is_same =
            group.spec.container(&container.name).is_some_and(|old| runs_the_same(old, container))
                && container.volume_mounts.iter().all(|mount| {
                    let find =
                        |s: &GroupSpec| s.volumes.iter().find(|v| v.name == mount.name).cloned();
                    find(&group.spec) == find(spec)
                });
        if let (true, Some(old)) = (is_same, group.revisions.get(&container.name)) {
            revisions.insert(container.name.clone(), *old);
        }
    }
    revisions
}

/// Whether a container need not be restarted: declaring a port changes nothing inside it.
fn runs_the_same(old: &ContainerSpec, new: &ContainerSpec) -> bool {
    old == &ContainerSpec { ports: old.ports.clone(), ..new.clone() }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        GroupId, GroupKey, Name, ResourceGroupKey,
        spec::{
            Amount, DnsLabelScope, IpAddressKind, IpAddressSpec, OsType, Port, Protocol, Resources,
            RestartPolicy,
        },
        status::GroupStatus,
    };

    fn container(name: &str, image: &str, cpu_millis: u32) -> ContainerSpec {
        let requests = Amount { cpu_millis, memory_bytes: 1 << 30 };
        ContainerSpec {
            name: ContainerName::parse(name).unwrap(),
            image: image.to_owned(),
            command: vec![],
            environment: vec![],
            ports: vec![],
            resources: Some(Resources { requests, limits: requests }),
            volume_mounts: vec![],
            liveness_probe: None,
            readiness_probe: None,
            security: crate::spec::SecurityContext::default(),
        }
    }

    fn spec(containers: Vec<ContainerSpec>) -> GroupSpec {
        GroupSpec {
            os_type: OsType::Linux,
            restart_policy: RestartPolicy::Always,
            init_containers: vec![],
            containers,
            volumes: vec![],
            registry_credentials: vec![],
            ip_address: None,
            dns: None,
            subnet: None,
        }
    }

    fn proposal(containers: Vec<ContainerSpec>) -> Proposal {
        let document = format!("{containers:?}");
        let tags = r#"{"a":"new"}"#.to_owned();
        Proposal { location: "local".to_owned(), spec: spec(containers), document, tags }
    }

    fn running(containers: Vec<ContainerSpec>) -> Group {
        let proposal = proposal(containers);
        let resource_group =
            ResourceGroupKey { subscription: Name::new("s"), name: Name::new("rg") };
        Group {
            id: GroupId::from_bits(1),
            key: GroupKey { resource_group, name: Name::new("x") },
            location: proposal.location,
            generation: Generation(1),
            power: Power::Running,
            revisions: all_revisions(&proposal.spec, Generation(1)),
            spec: Arc::new(proposal.spec),
            address: None,
            private: None,
            document: proposal.document,
            tags: "{}".to_owned(),
            status: GroupStatus { state: GroupState::Running, ..GroupStatus::default() },
            operation: OperationKind::Create,
            is_settled: true,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn written(decision: Result<Decision, Error>) -> Next {
        match decision {
            Ok(Decision::Write(next)) => *next,
            other => panic!("{other:?}"),
        }
    }

    fn revisions(next: &Next) -> Vec<u64> {
        next.revisions.values().map(|generation| generation.0).collect()
    }

    #[test]
    fn putting_the_same_again_keeps_everything_running() {
        let containers = vec![container("a", "img", 500)];
        let group = running(containers.clone());
        assert!(matches!(put(Some(&group), proposal(containers)), Ok(Decision::Keep)));
    }

    #[test]
    fn an_update_restarts_only_what_changed_and_keeps_the_tags() {
        let group = running(vec![container("a", "img", 500), container("b", "img", 500)]);
        let changed = vec![container("a", "img", 500), container("b", "img:2", 500)];
        let next = written(put(Some(&group), proposal(changed)));
        assert_eq!(next.kind, OperationKind::Update);
        assert_eq!(revisions(&next), [1, 2]);
        assert_eq!(next.tags, "{}");
    }

    #[test]
    fn opening_a_port_restarts_nothing() {
        let group = running(vec![container("a", "img", 500)]);
        let mut open = container("a", "img", 500);
        open.ports.push(Port { port: 80, protocol: Protocol::Tcp });
        let next = written(put(Some(&group), proposal(vec![open])));
        assert_eq!((next.kind, revisions(&next)), (OperationKind::Update, vec![1]));
    }

    #[test]
    fn a_random_second_label_stays_while_label_and_scope_do() {
        let address = |label: &str, hash: &str| IpAddressSpec {
            kind: IpAddressKind::Public,
            address: None,
            ports: vec![],
            dns_name_label: Some(label.to_owned()),
            dns_label_scope: DnsLabelScope::Noreuse,
            dns_label_hash: Some(hash.to_owned()),
        };
        let asks = |address: IpAddressSpec| {
            let mut proposal = proposal(vec![container("a", "img", 500)]);
            proposal.spec.ip_address = Some(address);
            proposal
        };
        let mut group = running(vec![container("a", "img", 500)]);
        group.spec = Arc::new(asks(address("hello", "old")).spec);
        assert!(matches!(put(Some(&group), asks(address("hello", "new"))), Ok(Decision::Keep)));
        let moved = written(put(Some(&group), asks(address("other", "new"))));
        assert_eq!(moved.spec.ip_address.as_ref().unwrap().dns_name("l").unwrap(), "other.new.l");
    }

    #[test]
    fn sizes_cannot_change_in_place_but_can_after_the_end() {
        let mut group = running(vec![container("a", "img", 500)]);
        let bigger = || proposal(vec![container("a", "img", 1000)]);
        let refused = put(Some(&group), bigger()).unwrap_err();
        assert_eq!(refused.code, "InvalidContainerGroupUpdate");
        group.status.state = GroupState::Succeeded;
        let next = written(put(Some(&group), bigger()));
        assert_eq!((next.kind, revisions(&next)), (OperationKind::Create, vec![2]));
    }

    #[test]
    fn nothing_but_delete_and_stop_interrupts_a_transition() {
        let mut group = running(vec![container("a", "img", 500)]);
        group.is_settled = false;
        let refused = put(Some(&group), proposal(vec![container("a", "img:2", 500)]));
        assert_eq!(refused.unwrap_err().code, "ContainerGroupTransitioning");
        assert_eq!(restart(&group).unwrap_err().code, "ContainerGroupTransitioning");
        assert_eq!(written(Ok(delete(&group))).power, Power::Deleted);
        assert_eq!(written(Ok(stop(&group))).power, Power::Stopped);
    }

    #[test]
    fn a_stopped_group_can_be_started_but_not_restarted() {
        let mut group = running(vec![container("a", "img", 500)]);
        assert!(matches!(start(&group), Decision::Keep));
        assert_eq!(revisions(&written(restart(&group))), [2]);
        group.power = Power::Stopped;
        assert!(matches!(stop(&group), Decision::Keep));
        assert_eq!(restart(&group).unwrap_err().code, "ContainerGroupStopped");
        assert_eq!(revisions(&written(Ok(start(&group)))), [2]);
    }
}
