//! Plain resources against real SQLite files.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use camino::Utf8Path;
use jiff::Timestamp;
use wharf_model::{Error, ErrorKind, Name, OperationId, ResourceGroupKey, ResourceKey};
use wharf_store::{
    AcceptError, Filter, ResourceContent, ResourceFilter, SealKey, Store, StoreConfig,
};

const IDENTITY: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";
const SECRET: &[u8] = b"hunter2-planted-secret";

struct Fixture {
    dir: tempfile::TempDir,
    store: Store,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap();
        let key = SealKey::load_or_create(&path.join("key")).unwrap();
        let pools = "10.9.0.0/29".parse::<ipnet::Ipv4Net>().unwrap().into();
        let (path, boot_id) = (path.join("state.db"), String::new());
        let capacity = wharf_model::capacity::Capacity::UNLIMITED;
        let config = StoreConfig { path, key, pools, capacity, publishes_ports: false, boot_id };
        let store = Store::open(config).unwrap();
        store.put_resource_group(second(1), &home(), "local", "{}").unwrap();
        Self { dir, store }
    }

    fn names(&self, scope: Filter, kind: Option<&str>) -> Vec<String> {
        let filter = ResourceFilter { scope, kind: kind.map(Name::from) };
        let found = self.store.list_resources(&filter).unwrap();
        found.into_iter().map(|resource| resource.key.name.to_string()).collect()
    }
}

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(n).unwrap()
}

fn home() -> ResourceGroupKey {
    ResourceGroupKey { subscription: Name::new("Sub"), name: Name::new("RG") }
}

fn key(kind: &str, name: &str) -> ResourceKey {
    ResourceKey { resource_group: home(), kind: Name::from(kind), name: Name::from(name) }
}

fn content(document: &str) -> ResourceContent {
    let secret = Some(SECRET.to_vec());
    let (location, tags) = ("local".to_owned(), "{}".to_owned());
    ResourceContent { location, tags, document: document.to_owned(), secret }
}

#[test]
fn a_resource_is_found_in_any_case_as_it_was_first_spelled_and_last_written() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let (made, is_new) = store.put_resource(second(2), &key(IDENTITY, "Me"), content("1")).unwrap();
    assert!(is_new && made.content == content("1"));
    let other = key(&IDENTITY.to_uppercase(), "mE");
    let (changed, is_new) = store.put_resource(second(3), &other, content("2")).unwrap();
    assert!(!is_new);
    let found = store.resource(&other).unwrap().unwrap();
    assert_eq!(found, changed);
    assert_eq!((found.key.name.as_str(), found.key.kind.as_str()), ("Me", IDENTITY));
    assert_eq!((found.created_at, found.changed_at), (second(2), second(3)));
    assert_eq!(found.content, content("2"));
    assert_eq!(store.delete_resource(&other).unwrap(), Some(found));
    assert_eq!(store.delete_resource(&other).unwrap(), None);
}

#[test]
fn a_decision_may_leave_a_resource_or_refuse_the_change() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    store.put_resource(second(2), &key("a/b", "x"), content("1")).unwrap();
    let (kept, _) = store.change_resource(second(3), &key("a/b", "x"), |_| Ok(None)).unwrap();
    assert_eq!(kept.changed_at, second(2));
    let refused = store.change_resource(second(3), &key("a/b", "x"), |current| {
        assert_eq!(current.unwrap().content.document, "1");
        Err(Error::new(ErrorKind::Conflict, "No", "no"))
    });
    assert!(matches!(refused, Err(AcceptError::Refused(error)) if error.code == "No"));
}

#[test]
fn lists_take_one_type_or_all_and_one_resource_group_or_all() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let elsewhere = ResourceGroupKey { name: Name::new("a"), ..home() };
    store.put_resource_group(second(1), &elsewhere, "local", "{}").unwrap();
    let far = ResourceKey { resource_group: elsewhere, ..key("a/b", "far") };
    for key in [key("a/b", "x"), key("a/c", "y"), far] {
        store.put_resource(second(2), &key, content("{}")).unwrap();
    }
    let subscription = || Filter::Subscription(Name::new("SUB"));
    assert_eq!(fixture.names(subscription(), None), ["far", "x", "y"]);
    assert_eq!(fixture.names(subscription(), Some("A/B")), ["far", "x"]);
    assert_eq!(fixture.names(Filter::ResourceGroup(home()), Some("a/c")), ["y"]);
}

#[test]
fn resources_need_a_resource_group_and_go_with_it() {
    let fixture = Fixture::new();
    let nowhere = ResourceGroupKey { name: Name::new("nowhere"), ..home() };
    let lost = ResourceKey { resource_group: nowhere, ..key("a/b", "x") };
    let refused = fixture.store.put_resource(second(2), &lost, content("{}"));
    assert!(
        matches!(refused, Err(AcceptError::Refused(error)) if error.code == "ResourceGroupNotFound")
    );
    fixture.store.put_resource(second(2), &key("a/b", "x"), content("{}")).unwrap();
    let operation = || OperationId(uuid::Uuid::new_v4());
    fixture.store.delete_resource_group(second(3), &home(), operation).unwrap();
    assert_eq!(fixture.store.resource(&key("a/b", "x")).unwrap(), None);
}

#[test]
fn no_secret_of_a_resource_is_in_any_file_of_the_database() {
    let fixture = Fixture::new();
    fixture.store.put_resource(second(2), &key("a/b", "x"), content("{}")).unwrap();
    for entry in fixture.dir.path().read_dir().unwrap() {
        let bytes = fs_err::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET));
    }
}
