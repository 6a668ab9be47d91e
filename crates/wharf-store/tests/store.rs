//! The store against real SQLite files.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use uuid::Uuid;
use wharf_model::{
    ContainerName, Generation, GroupId, GroupKey, Name, OperationId, ResourceGroupKey,
    capacity::{Capacity, Total},
    change::{self, Proposal},
    event::{EventReason, Occurrence},
    operation::OperationState,
    spec::{
        Amount, ContainerSpec, DnsLabelScope, EnvVar, GroupSpec, IpAddressKind, IpAddressSpec,
        OsType, Resources, RestartPolicy,
    },
    status::{ContainerStatus, GroupState, GroupStatus},
};
use wharf_store::{AcceptError, Accepted, Filter, NewIds, SealKey, Store, StoreConfig};

const SECRET: &str = "hunter2-planted-secret";

struct Fixture {
    dir: tempfile::TempDir,
    store: Store,
}

fn open(dir: &Utf8Path, boot: &str, pool: &str) -> Store {
    open_with(dir, boot, pool, Capacity::UNLIMITED)
}

fn open_with(dir: &Utf8Path, boot: &str, pool: &str, capacity: Capacity) -> Store {
    let key = SealKey::load_or_create(&dir.join("key")).unwrap();
    let (path, boot_id) = (dir.join("state.db"), boot.to_owned());
    let pools = pool.parse::<ipnet::Ipv4Net>().unwrap().into();
    Store::open(StoreConfig { path, key, pools, capacity, publishes_ports: false, boot_id })
        .unwrap()
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open(path(&dir), "boot-1", "10.9.0.0/29");
        let key = home();
        store.put_resource_group(second(1), &key, "local", "{}").unwrap();
        Self { dir, store }
    }

    fn create(&self, name: &str) -> Result<Accepted, AcceptError> {
        self.store.accept(second(1), &key(name), ids(), |current| change::put(current, proposal()))
    }
}

fn path(dir: &tempfile::TempDir) -> &Utf8Path {
    Utf8Path::from_path(dir.path()).unwrap()
}

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(n).unwrap()
}

fn ids() -> NewIds {
    let random = Uuid::new_v4();
    NewIds { group: GroupId::from_bits(random.as_u64_pair().0), operation: OperationId(random) }
}

fn home() -> ResourceGroupKey {
    ResourceGroupKey { subscription: Name::new("Sub"), name: Name::new("RG") }
}

fn key(name: &str) -> GroupKey {
    GroupKey { resource_group: home(), name: Name::new(name) }
}

fn web() -> ContainerName {
    ContainerName::parse("web").unwrap()
}

fn proposal() -> Proposal {
    let container = ContainerSpec {
        name: web(),
        image: "busybox".to_owned(),
        command: vec![],
        environment: vec![EnvVar {
            name: "PASSWORD".to_owned(),
            value: SECRET.to_owned(),
            secret: true,
        }],
        ports: vec![],
        resources: None,
        volume_mounts: vec![],
        liveness_probe: None,
        readiness_probe: None,
        security: wharf_model::spec::SecurityContext::default(),
    };
    let spec = GroupSpec {
        os_type: OsType::Linux,
        restart_policy: RestartPolicy::Always,
        init_containers: vec![],
        containers: vec![container],
        volumes: vec![],
        registry_credentials: vec![],
        ip_address: None,
        dns: None,
        subnet: None,
    };
    let (document, tags) = ("{}".to_owned(), "{}".to_owned());
    Proposal { location: "local".to_owned(), spec, document, tags }
}

fn status(state: GroupState) -> GroupStatus {
    let container = ContainerStatus { revision: Generation(1), ..ContainerStatus::default() };
    GroupStatus { state, containers: BTreeMap::from([(web(), container)]) }
}

#[test]
fn an_accepted_group_is_there_after_reopening_with_its_secret() {
    let fixture = Fixture::new();
    let made = fixture.create("One").unwrap();
    assert!(made.is_new && made.group.generation == Generation(1));
    let Fixture { dir, store } = fixture;
    drop(store);
    let store = open(path(&dir), "boot-1", "10.9.0.0/29");
    let found = store.group(&key("oNE")).unwrap().unwrap();
    assert_eq!(found.id, made.group.id);
    assert_eq!(found.key.name.as_str(), "One");
    assert_eq!(found.spec.containers[0].environment[0].value, SECRET);
    assert_eq!(found.address, made.group.address);
}

#[test]
fn no_secret_is_in_any_file_of_the_database() {
    let fixture = Fixture::new();
    fixture.create("one").unwrap();
    let mut files = 0;
    for entry in path(&fixture.dir).read_dir_utf8().unwrap() {
        let bytes = fs_err::read(entry.unwrap().path()).unwrap();
        let hit = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!hit);
        files += 1;
    }
    assert!(files >= 3, "database, log and key");
}

#[test]
fn addresses_are_unique_until_the_pool_is_empty_and_come_back() {
    let fixture = Fixture::new();
    // A /29 has eight addresses; network, gateway and broadcast are not for groups.
    let made: Vec<_> = (0..5).map(|n| fixture.create(&format!("g{n}")).unwrap().group).collect();
    let mut addresses: Vec<_> = made.iter().map(|group| group.address.unwrap()).collect();
    addresses.dedup();
    assert_eq!(addresses.len(), 5);
    assert_eq!(addresses[0].to_string(), "10.9.0.2");
    match fixture.create("g5") {
        Err(AcceptError::Refused(error)) => assert_eq!(error.code, "NoAddressAvailable"),
        other => panic!("{other:?}"),
    }
    assert!(fixture.store.group(&key("g5")).unwrap().is_none());
    fixture.store.forget(second(2), &made[2].id).unwrap();
    assert_eq!(fixture.create("g5").unwrap().group.address, made[2].address);
}

#[test]
fn a_deleted_name_is_free_at_once_for_a_group_with_another_id() {
    let fixture = Fixture::new();
    let old = fixture.create("one").unwrap().group;
    let deleted = fixture
        .store
        .accept(second(2), &key("one"), ids(), |group| Ok(change::delete(group.unwrap())))
        .unwrap();
    assert!(fixture.store.group(&key("one")).unwrap().is_none());
    let new = fixture.create("one").unwrap();
    assert!(new.is_new && new.group.id != old.id && new.group.address != old.address);
    fixture.store.forget(second(3), &old.id).unwrap();
    let operation = deleted.operation.unwrap();
    let state = fixture.store.operation(&operation.id).unwrap().unwrap().state;
    assert_eq!(state, OperationState::Succeeded);
    assert!(fixture.store.group(&key("one")).unwrap().is_some());
}

#[test]
fn recording_settles_the_operation_and_replays_count_once() {
    let fixture = Fixture::new();
    let made = fixture.create("one").unwrap();
    let (id, operation) = (made.group.id, made.operation.unwrap());
    let pulled = |at| Occurrence {
        container: Some(web()),
        at: second(at),
        reason: EventReason::Started,
        message: "Started container".to_owned(),
    };
    let found = status(GroupState::Running);
    for at in [10, 10, 20, 15] {
        fixture
            .store
            .record(second(30), &id, Generation(1), (&found, true), &[pulled(at)])
            .unwrap();
    }
    let events = fixture.store.events(&id).unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].count, events[0].first, events[0].last), (2, second(10), second(20)));
    let operation = fixture.store.operation(&operation.id).unwrap().unwrap();
    assert_eq!(operation.state, OperationState::Succeeded);
    // Later news of a settled generation does not unsettle it.
    fixture.store.record(second(31), &id, Generation(1), (&found, false), &[]).unwrap();
    assert!(fixture.store.group_by_id(&id).unwrap().unwrap().is_settled);
}

#[test]
fn what_is_found_for_an_older_generation_is_ignored() {
    let fixture = Fixture::new();
    let id = fixture.create("one").unwrap().group.id;
    let stopped = fixture
        .store
        .accept(second(2), &key("one"), ids(), |group| Ok(change::stop(group.unwrap())))
        .unwrap();
    assert_eq!(stopped.group.generation, Generation(2));
    let late = status(GroupState::Running);
    fixture.store.record(second(3), &id, Generation(1), (&late, true), &[]).unwrap();
    let group = fixture.store.group_by_id(&id).unwrap().unwrap();
    assert_eq!((group.status.state, group.is_settled), (GroupState::Pending, false));
}

#[test]
fn another_boot_is_noticed_until_the_status_is_recorded_again() {
    let fixture = Fixture::new();
    let id = fixture.create("one").unwrap().group.id;
    let Fixture { dir, store } = fixture;
    let found = status(GroupState::Running);
    store.record(second(3), &id, Generation(1), (&found, true), &[]).unwrap();
    drop(store);
    let store = open(path(&dir), "boot-2", "10.9.0.0/29");
    let desired = || store.desired(&id, Duration::from_secs(1)).unwrap().unwrap();
    assert!(desired().is_from_earlier_boot);
    store.record(second(4), &id, Generation(1), (&found, true), &[]).unwrap();
    assert!(!desired().is_from_earlier_boot);
}

#[test]
fn deleting_a_resource_group_takes_its_groups_along() {
    let fixture = Fixture::new();
    let id = fixture.create("one").unwrap().group.id;
    let operation = || OperationId(Uuid::new_v4());
    let gone = fixture.store.delete_resource_group(second(2), &home(), operation).unwrap();
    assert_eq!(gone, Some(vec![id.clone()]));
    match fixture.create("two") {
        Err(AcceptError::Refused(error)) => assert_eq!(error.code, "ResourceGroupBeingDeleted"),
        other => panic!("{other:?}"),
    }
    fixture.store.forget(second(3), &id).unwrap();
    assert!(fixture.store.resource_group(&home()).unwrap().is_none());
}

#[test]
fn lists_go_on_where_the_last_page_ended() {
    let fixture = Fixture::new();
    for name in ["b", "A", "c"] {
        fixture.create(name).unwrap();
    }
    let filter = Filter::Subscription(Name::new("sub"));
    let page = fixture.store.list_groups(&filter, None, 2).unwrap();
    let names = |page: &[wharf_model::group::Group]| -> Vec<String> {
        page.iter().map(|group| group.key.name.to_string()).collect()
    };
    assert_eq!(names(&page), ["A", "b"]);
    let after = ("rg".to_owned(), "b".to_owned());
    let page = fixture.store.list_groups(&filter, Some(&after), 2).unwrap();
    assert_eq!(names(&page), ["c"]);
}

#[test]
fn concurrent_requests_are_all_accepted_with_different_addresses() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(path(&dir), "boot-1", "10.9.0.0/24");
    store.put_resource_group(second(1), &home(), "local", "{}").unwrap();
    let store = Arc::new(store);
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let store = Arc::clone(&store);
            std::thread::spawn(move || {
                for n in 0..10 {
                    let key = key(&format!("g-{thread}-{n}"));
                    store.accept(second(1), &key, ids(), |c| change::put(c, proposal())).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let groups = store.list_groups(&Filter::ResourceGroup(home()), None, 1000).unwrap();
    let mut addresses: Vec<_> = groups.iter().filter_map(|group| group.address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(addresses.len(), 80);
}

#[test]
fn a_database_of_a_newer_program_is_refused() {
    let fixture = Fixture::new();
    let file: Utf8PathBuf = path(&fixture.dir).join("state.db");
    let raw = rusqlite::Connection::open(&file).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    let key = SealKey::load_or_create(&path(&fixture.dir).join("key")).unwrap();
    let pools = "10.9.0.0/29".parse::<ipnet::Ipv4Net>().unwrap().into();
    let capacity = Capacity::UNLIMITED;
    let config = StoreConfig {
        path: file,
        key,
        pools,
        capacity,
        publishes_ports: false,
        boot_id: String::new(),
    };
    let error = Store::open(config).unwrap_err();
    assert!(error.to_string().contains("version 99"), "{error}");
}

/// Why a request was refused; `None` when it was accepted.
fn code(result: Result<Accepted, AcceptError>) -> Option<String> {
    match result {
        Ok(_) => None,
        Err(AcceptError::Refused(error)) => Some(error.code.to_owned()),
        Err(AcceptError::Store(error)) => Some(error.to_string()),
    }
}

#[test]
fn what_groups_reserve_is_added_up_and_comes_back_when_they_are_at_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let host = Total { groups: 0, cpu_millis: 2000, memory_bytes: 4 << 30 };
    let capacity = Capacity { host, ..Capacity::UNLIMITED };
    let store = open_with(path(&dir), "boot-1", "10.9.0.0/24", capacity);
    store.put_resource_group(second(1), &home(), "local", "{}").unwrap();
    let create = |name: &str, cpu_millis| {
        let requests = Amount { cpu_millis, memory_bytes: 1 << 30 };
        let mut proposal = proposal();
        proposal.spec.containers[0].resources = Some(Resources { requests, limits: requests });
        store.accept(second(1), &key(name), ids(), |current| change::put(current, proposal))
    };
    let one = create("one", 1000).unwrap().group;
    assert_eq!(code(create("two", 1000)), None);
    assert_eq!(code(create("three", 10)), Some("ServiceUnavailable".to_owned()));
    assert!(store.group(&key("three")).unwrap().is_none(), "nothing of it is stored");
    // Stopped: its room is free, and may be gone when it is to start again.
    store.accept(second(2), &key("one"), ids(), |g| Ok(change::stop(g.unwrap()))).unwrap();
    let three = create("three", 1000).unwrap().group;
    let start = || store.accept(second(3), &key("one"), ids(), |g| Ok(change::start(g.unwrap())));
    let stopped = status(GroupState::Stopped);
    store.record(second(3), &one.id, Generation(2), (&stopped, true), &[]).unwrap();
    assert_eq!(code(start()), Some("ServiceUnavailable".to_owned()));
    // Ended: as well; and a group that is forgotten leaves nothing behind.
    let ended = status(GroupState::Succeeded);
    store.record(second(4), &three.id, Generation(1), (&ended, true), &[]).unwrap();
    assert_eq!(code(start()), None);
    store.forget(second(5), &one.id).unwrap();
    assert_eq!(code(create("four", 1000)), None);
    // A host that has shrunk refuses nothing to those who are there.
    let host = Total { cpu_millis: 10, ..host };
    let small = Capacity { host, ..capacity };
    let two = store.group(&key("two")).unwrap().unwrap();
    let running = status(GroupState::Running);
    store.record(second(5), &two.id, two.generation, (&running, true), &[]).unwrap();
    let store = open_with(path(&dir), "boot-1", "10.9.0.0/24", small);
    let restart = store.accept(second(6), &key("two"), ids(), |g| change::restart(g.unwrap()));
    assert_eq!(code(restart), None);
}

/// Accepts a group with something changed in its proposal.
fn put(
    store: &Store,
    name: &str,
    change: impl FnOnce(&mut Proposal),
) -> Result<Accepted, &'static str> {
    let mut proposal = proposal();
    change(&mut proposal);
    let decide = |current: Option<&_>| change::put(current, proposal);
    store.accept(second(1), &key(name), ids(), decide).map_err(|error| match error {
        AcceptError::Refused(error) => error.code,
        AcceptError::Store(error) => panic!("{error}"),
    })
}

#[test]
fn a_dns_name_has_one_group_until_that_is_deleted() {
    let Fixture { dir: _dir, store } = Fixture::new();
    let label = |hash: Option<&str>| {
        let address = IpAddressSpec {
            kind: IpAddressKind::Public,
            address: None,
            ports: vec![],
            dns_name_label: Some("hello".to_owned()),
            dns_label_scope: DnsLabelScope::default(),
            dns_label_hash: hash.map(ToOwned::to_owned),
        };
        |proposal: &mut Proposal| proposal.spec.ip_address = Some(address)
    };
    put(&store, "one", label(None)).unwrap();
    assert_eq!(put(&store, "two", label(None)).unwrap_err(), "DnsNameLabelNotAvailable");
    assert!(store.group(&key("two")).unwrap().is_none(), "nothing of it is left");
    put(&store, "two", label(Some("hash"))).unwrap();
    put(&store, "three", |proposal| {
        label(None)(proposal);
        proposal.location = "elsewhere".to_owned();
    })
    .unwrap();
    let delete = |current: Option<&_>| Ok(change::delete(current.unwrap()));
    store.accept(second(2), &key("one"), ids(), delete).unwrap();
    put(&store, "four", label(None)).unwrap();
}
