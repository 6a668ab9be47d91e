//! Shares as directories.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod snapshots;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::Path,
};

use wharf_files::{
    AccessPolicy, Change, Clock, Code, Created, Query, Settings, Share, Shares, WithSnapshots,
};

const ACCOUNT: &str = "devstore";

struct Fixture {
    dir: tempfile::TempDir,
    shares: Shares,
}

impl Fixture {
    fn new() -> Self {
        Self::with_clock(Clock::system())
    }

    fn with_clock(clock: Clock) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let shares = Shares::open_with(dir.path(), clock).unwrap();
        Self { dir, shares }
    }

    fn create(&self, name: &str) -> Share {
        match self.shares.create(ACCOUNT, name, Settings::default()).unwrap() {
            Created::New(share) => share,
            Created::AlreadyThere(share) => panic!("{} is there already", share.name),
        }
    }

    /// Names of shares, times of snapshots, and where the next page begins.
    fn names(&self, query: &Query) -> (Vec<String>, Option<String>) {
        let listing = self.shares.list(ACCOUNT, query).unwrap();
        let name = |share: Share| share.snapshot.unwrap_or(share.name);
        (listing.shares.into_iter().map(name).collect(), listing.next_marker)
    }

    fn reopened(self) -> Self {
        drop(self.shares);
        let shares = Shares::open(self.dir.path()).unwrap();
        Self { dir: self.dir, shares }
    }
}

#[test]
fn a_share_is_what_it_was_after_opening_again() {
    let fixture = Fixture::new();
    let metadata = BTreeMap::from([("owner".to_owned(), "me".to_owned())]);
    let settings = Settings { quota: 7, metadata, ..Settings::default() };
    let made = fixture.shares.create(ACCOUNT, "data", settings).unwrap();
    let fixture = fixture.reopened();
    let found = fixture.shares.show(ACCOUNT, "data").unwrap();
    assert_eq!(made, Created::New(found.clone()));
    assert_eq!((found.settings.quota, found.settings.metadata["owner"].as_str()), (7, "me"));
}

#[test]
fn any_user_of_a_container_may_write_into_a_share() {
    let fixture = Fixture::new();
    fixture.create("data");
    let tree = fixture.shares.tree(ACCOUNT, "data").unwrap();
    assert_eq!(fs::metadata(&tree).unwrap().permissions().mode() & 0o7777, 0o777);
    assert_eq!(fs::metadata(fixture.dir.path()).unwrap().mode() & 0o077, 0o000);
}

#[test]
fn a_share_that_is_there_is_not_changed_by_making_it_again() {
    let fixture = Fixture::new();
    let made = fixture.create("data");
    let tree = fixture.shares.tree(ACCOUNT, "data").unwrap();
    fs::write(tree.join("kept"), "kept").unwrap();
    let other = Settings { quota: 1, ..Settings::default() };
    let again = fixture.shares.create(ACCOUNT, "data", other).unwrap();
    assert_eq!(again, Created::AlreadyThere(made));
    assert_eq!(fs::read(tree.join("kept")).unwrap(), b"kept");
}

#[test]
fn every_change_has_another_etag() {
    let fixture = Fixture::new();
    let mut tags = vec![fixture.create("data").etag];
    for quota in 1..=3 {
        let change = Change { quota: Some(quota), ..Change::default() };
        tags.push(fixture.shares.update(ACCOUNT, "data", change).unwrap().etag);
    }
    let all = tags.len();
    tags.dedup();
    assert_eq!(tags.len(), all);
    assert!(tags.is_sorted());
}

#[test]
fn what_breaks_a_rule_changes_nothing() {
    let fixture = Fixture::new();
    let made = fixture.create("data");
    let policies = (0..6).map(|n| AccessPolicy { id: n.to_string(), ..AccessPolicy::default() });
    let bad_name = BTreeMap::from([("no-hyphens".to_owned(), String::new())]);
    let too_large = BTreeMap::from([("a".to_owned(), "x".repeat(9000))]);
    for (change, code) in [
        (Change { quota: Some(0), ..Change::default() }, Code::InvalidHeaderValue),
        (Change { quota: Some(102_401), ..Change::default() }, Code::InvalidHeaderValue),
        (Change { policies: Some(policies.collect()), ..Change::default() }, Code::InvalidInput),
        (Change { metadata: Some(bad_name), ..Change::default() }, Code::InvalidMetadata),
        (Change { metadata: Some(too_large), ..Change::default() }, Code::MetadataTooLarge),
    ] {
        let refused = fixture.shares.update(ACCOUNT, "data", change).unwrap_err();
        assert_eq!(refused.code(), code);
    }
    assert_eq!(fixture.shares.show(ACCOUNT, "data").unwrap(), made);
}

#[test]
fn shares_are_listed_in_pages_by_prefix() {
    let fixture = Fixture::new();
    for name in ["app-2", "app-1", "app-3", "other"] {
        fixture.create(name);
    }
    let first = Query { prefix: "app".to_owned(), max: Some(2), ..Query::default() };
    let (names, marker) = fixture.names(&first);
    assert_eq!((names, marker.as_deref()), (vec!["app-1".into(), "app-2".into()], Some("app-3!~")));
    let second = Query { marker: marker.unwrap(), ..first };
    assert_eq!(fixture.names(&second), (vec!["app-3".into()], None));
    assert_eq!(fixture.names(&Query::default()).0.len(), 4);
}

#[test]
fn a_deleted_share_is_gone_and_its_name_free() {
    let fixture = Fixture::new();
    fixture.create("data");
    let tree = fixture.shares.tree(ACCOUNT, "data").unwrap();
    fs::write(tree.join("old"), "old").unwrap();
    fixture.shares.delete(ACCOUNT, "data", WithSnapshots::Refuse).unwrap();
    for code in [
        fixture.shares.show(ACCOUNT, "data").unwrap_err().code(),
        fixture.shares.delete(ACCOUNT, "data", WithSnapshots::Refuse).unwrap_err().code(),
        fixture.shares.tree(ACCOUNT, "data").unwrap_err().code(),
    ] {
        assert_eq!(code, Code::ShareNotFound);
    }
    fixture.create("data");
    assert!(!tree.join("old").exists());
}

#[test]
fn deleting_an_account_leaves_the_others() {
    let fixture = Fixture::new();
    fixture.create("data");
    let settings = Settings::default();
    fixture.shares.create("another", "data", settings).unwrap();
    fixture.shares.delete_account(ACCOUNT).unwrap();
    fixture.shares.delete_account(ACCOUNT).unwrap();
    assert_eq!(fixture.names(&Query::default()).0, Vec::<String>::new());
    assert!(fixture.shares.show("another", "data").is_ok());
}

#[test]
fn what_an_interrupted_change_leaves_is_removed_when_opened() {
    let fixture = Fixture::new();
    fixture.create("data");
    let temporary = fixture.dir.path().join(".tmp");
    fs::create_dir_all(temporary.join("half/deleted/tree")).unwrap();
    fs::write(temporary.join("half/deleted/tree/file"), "x").unwrap();
    let fixture = fixture.reopened();
    assert_eq!(fs::read_dir(temporary).unwrap().count(), 0);
    assert!(fixture.shares.show(ACCOUNT, "data").is_ok());
}

#[test]
fn deleting_a_share_follows_no_link_out_of_it() {
    let fixture = Fixture::new();
    fixture.create("data");
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("precious"), "x").unwrap();
    let tree = fixture.shares.tree(ACCOUNT, "data").unwrap();
    symlink(outside.path(), tree.join("link")).unwrap();
    fixture.shares.delete(ACCOUNT, "data", WithSnapshots::Refuse).unwrap();
    // Opening waits for nothing that is left to remove.
    let _fixture = fixture.reopened();
    assert!(outside.path().join("precious").exists());
}

#[test]
fn names_are_not_paths() {
    let fixture = Fixture::new();
    for (account, share) in
        [("..", "data"), (".tmp", "data"), (ACCOUNT, ".."), (ACCOUNT, "a/b"), ("a/b", "data")]
    {
        let refused = fixture.shares.create(account, share, Settings::default()).unwrap_err();
        assert!(matches!(refused.code(), Code::InvalidResourceName | Code::OutOfRangeInput));
    }
}

fn measured(fixture: &Fixture) -> u64 {
    // A fresh one remembers no measurement.
    let shares = Shares::open(fixture.dir.path()).unwrap();
    shares.usage(ACCOUNT, "data").unwrap()
}

fn write(path: &Path, bytes: usize) {
    fs::write(path, vec![7; bytes]).unwrap();
}

#[test]
fn usage_counts_what_is_on_the_disk_once() {
    let fixture = Fixture::new();
    fixture.create("data");
    assert_eq!(measured(&fixture), 0);
    let tree = fixture.shares.tree(ACCOUNT, "data").unwrap();
    fs::create_dir_all(tree.join("a/b")).unwrap();
    write(&tree.join("a/b/file"), 1 << 20);
    fs::hard_link(tree.join("a/b/file"), tree.join("same")).unwrap();
    let sparse = fs::File::create(tree.join("sparse")).unwrap();
    sparse.set_len(1 << 30).unwrap();
    let outside = tempfile::tempdir().unwrap();
    write(&outside.path().join("host"), 1 << 20);
    symlink(outside.path(), tree.join("link")).unwrap();
    let bytes = measured(&fixture);
    assert!((1 << 20..(1 << 20) + 65536).contains(&bytes), "{bytes}");
}

#[test]
fn a_share_does_not_grow_beyond_its_quota() {
    let fixture = Fixture::new();
    let settings = Settings { quota: 1, ..Settings::default() };
    fixture.shares.create(ACCOUNT, "data", settings).unwrap();
    fixture.shares.reserve(ACCOUNT, "data", 1 << 30).unwrap();
    // Nothing came of it, so there is place again.
    fixture.shares.reserve(ACCOUNT, "data", 1 << 29).unwrap();
    let file = fixture.shares.tree(ACCOUNT, "data").unwrap().join("file");
    let file = fs::File::create(file).unwrap();
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, 1 << 30).unwrap();
    // What containers write is seen a little later, or by a fresh one at once.
    let fixture = fixture.reopened();
    let refused = fixture.shares.reserve(ACCOUNT, "data", 1).unwrap_err();
    assert_eq!(refused.code(), Code::ShareSizeLimitReached);
}
