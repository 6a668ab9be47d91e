//! Snapshots of shares: what they hold, and what becomes of them.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{FileExt as _, MetadataExt as _, symlink},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use wharf_files::{Clock, Code, Query, WithSnapshots};

use super::{ACCOUNT, Fixture};

impl Fixture {
    /// With a share `data`, and a clock that stands still: names of snapshots differ all the same.
    fn with_data() -> Self {
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        let fixture = Self::with_clock(Clock::new(move || now));
        fixture.create("data");
        fixture
    }

    fn tree(&self) -> PathBuf {
        self.shares.tree(ACCOUNT, "data").unwrap()
    }

    /// Makes a snapshot; where it is, and its name.
    fn snapshot(&self) -> (PathBuf, String) {
        let made = self.shares.create_snapshot(ACCOUNT, "data", None).unwrap();
        let name = made.snapshot.unwrap();
        (self.dir.path().join(ACCOUNT).join("data/snapshots").join(&name).join("tree"), name)
    }
}

#[test]
fn a_snapshot_keeps_what_the_share_held_with_its_times() {
    let fixture = Fixture::with_data();
    let tree = fixture.tree();
    fs::create_dir_all(tree.join("a/b")).unwrap();
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let file = fs::File::create(tree.join("a/b/file")).unwrap();
    file.write_all_at(b"before", 0).unwrap();
    file.write_all_at(b"far", 64 << 20).unwrap();
    file.set_modified(long_ago).unwrap();
    drop(file);
    fs::File::open(tree.join("a")).unwrap().set_modified(long_ago).unwrap();
    let (copy, _) = fixture.snapshot();
    fs::write(tree.join("a/b/file"), "after").unwrap();
    fs::write(tree.join("new"), "").unwrap();
    let kept = fs::read(copy.join("a/b/file")).unwrap();
    assert_eq!((&kept[..6], kept.len()), (&b"before"[..], (64 << 20) + 3));
    let about = fs::metadata(copy.join("a/b/file")).unwrap();
    assert_eq!(about.modified().unwrap(), long_ago);
    assert!(about.blocks() * 512 < 1 << 20, "a hole stays a hole: {}", about.blocks());
    assert_eq!(fs::metadata(copy.join("a")).unwrap().modified().unwrap(), long_ago);
    assert!(!copy.join("new").exists());
    assert_eq!(fixture.shares.check(|_| true).unwrap(), [""; 0]);
}

#[test]
fn a_snapshot_has_nothing_that_requests_could_not_read() {
    let fixture = Fixture::with_data();
    let (tree, outside) = (fixture.tree(), tempfile::tempdir().unwrap());
    fs::write(outside.path().join("secret"), "of the host").unwrap();
    symlink(outside.path(), tree.join("dir")).unwrap();
    symlink(outside.path().join("secret"), tree.join("file")).unwrap();
    mknodat(CWD, tree.join("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    mknodat(CWD, tree.join("null"), FileType::CharacterDevice, Mode::RWXU, 0x103).unwrap();
    let mut deep = tree.clone();
    // Deeper than any request reaches.
    for _ in 0..300 {
        deep.push("d");
    }
    fs::create_dir_all(&deep).unwrap();
    fs::write(tree.join("plain"), "plain").unwrap();
    let (copy, _) = fixture.snapshot();
    let mut names: Vec<_> =
        fs::read_dir(&copy).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["d", "plain"]);
}

#[test]
fn a_link_that_takes_the_place_of_a_directory_leads_nowhere() {
    let fixture = Fixture::with_data();
    let (tree, outside) = (fixture.tree(), tempfile::tempdir().unwrap());
    fs::write(outside.path().join("secret"), "of the host").unwrap();
    for name in ["dir", "apart"] {
        fs::create_dir(tree.join(name)).unwrap();
    }
    symlink(outside.path(), tree.join("link")).unwrap();
    let ended = std::sync::atomic::AtomicBool::new(false);
    let order = std::sync::atomic::Ordering::SeqCst;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let swap = rustix::fs::RenameFlags::EXCHANGE;
            while !ended.load(order) {
                rustix::fs::renameat_with(CWD, tree.join("dir"), CWD, tree.join("link"), swap)
                    .unwrap();
            }
        });
        for _ in 0..100 {
            let (copy, name) = fixture.snapshot();
            for dir in ["dir", "link"] {
                assert!(!copy.join(dir).join("secret").exists());
            }
            fixture.shares.delete_snapshot(ACCOUNT, "data", &name).unwrap();
        }
        ended.store(true, order);
    });
}

#[test]
fn snapshots_are_told_apart_and_listed_before_their_share() {
    let fixture = Fixture::with_data();
    fixture.create("data-2");
    let names: Vec<_> = (0..3).map(|_| fixture.snapshot().1).collect();
    assert_eq!(names[0], "2026-01-02T03:04:05.0000000Z");
    assert_eq!(names[2], "2026-01-02T03:04:07.0000000Z");
    let mut expected = names;
    expected.extend(["data".to_owned(), "data-2".to_owned()]);
    let mut query = Query { snapshots: true, ..Query::default() };
    assert_eq!(fixture.names(&query), (expected.clone(), None));
    query.max = Some(2);
    let mut paged = Vec::new();
    loop {
        let (page, next) = fixture.names(&query);
        paged.extend(page);
        let Some(next) = next else { break };
        query.marker = next;
    }
    assert_eq!(paged, expected);
    assert_eq!(fixture.names(&Query::default()).0, ["data", "data-2"]);
}

#[test]
fn metadata_of_a_snapshot_is_its_own_or_that_of_its_share() {
    let fixture = Fixture::with_data();
    let own = BTreeMap::from([("why".to_owned(), "release".to_owned())]);
    let plain = fixture.shares.create_snapshot(ACCOUNT, "data", None).unwrap();
    let marked = fixture.shares.create_snapshot(ACCOUNT, "data", Some(own.clone())).unwrap();
    let base = fixture.shares.show(ACCOUNT, "data").unwrap();
    assert_eq!((&plain.settings, &plain.etag), (&base.settings, &base.etag));
    assert_eq!(marked.settings.metadata, own);
    assert_ne!(marked.etag, base.etag);
    assert!(base.settings.metadata.is_empty() && base.snapshot.is_none());
    let shown = fixture.shares.show_snapshot(ACCOUNT, "data", marked.snapshot.as_ref().unwrap());
    assert_eq!(shown.unwrap(), marked);
}

#[test]
fn metadata_that_could_not_be_told_is_refused() {
    let fixture = Fixture::with_data();
    for name in ["a><b", "", "a b"] {
        let metadata = BTreeMap::from([(name.to_owned(), "x".to_owned())]);
        let refused = fixture.shares.create_snapshot(ACCOUNT, "data", Some(metadata)).unwrap_err();
        assert_eq!(refused.code(), Code::InvalidMetadata, "{name}");
    }
    assert!(fixture.shares.snapshots(ACCOUNT, "data").unwrap().is_empty());
}

#[test]
fn files_that_change_meanwhile_do_not_keep_a_snapshot_from_being_made() {
    let fixture = Fixture::with_data();
    let tree = fixture.tree();
    let ended = std::sync::atomic::AtomicBool::new(false);
    let order = std::sync::atomic::Ordering::SeqCst;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in (0..50).cycle().take_while(|_| !ended.load(order)) {
                let (new, name) = (tree.join("new"), tree.join(n.to_string()));
                fs::write(&new, vec![1; 200_000]).unwrap();
                fs::rename(&new, &name).unwrap();
                fs::File::options().write(true).open(&name).unwrap().set_len(10).unwrap();
                fs::create_dir_all(tree.join("d/e")).unwrap();
                fs::remove_dir_all(tree.join("d")).unwrap();
            }
        });
        let made = (0..30).map(|_| fixture.shares.create_snapshot(ACCOUNT, "data", None));
        let made: Vec<_> = made.collect();
        ended.store(true, order);
        assert!(made.iter().all(Result::is_ok), "{made:#?}");
    });
}

#[test]
fn a_share_with_snapshots_is_deleted_only_with_them() {
    let fixture = Fixture::with_data();
    let (_, name) = fixture.snapshot();
    let refused = fixture.shares.delete(ACCOUNT, "data", WithSnapshots::Refuse).unwrap_err();
    assert_eq!(refused.code(), Code::ShareHasSnapshots);
    assert!(fixture.tree().is_dir());
    fixture.shares.delete_snapshot(ACCOUNT, "data", &name).unwrap();
    for other in [name.as_str(), "2026-01-02", "../tree", ""] {
        let gone = fixture.shares.delete_snapshot(ACCOUNT, "data", other).unwrap_err();
        assert_eq!(gone.code(), Code::ShareSnapshotNotFound, "{other}");
    }
    fixture.snapshot();
    fixture.shares.delete(ACCOUNT, "data", WithSnapshots::Delete).unwrap();
    let gone = fixture.shares.create_snapshot(ACCOUNT, "data", None).unwrap_err();
    assert_eq!(gone.code(), Code::ShareNotFound);
    // A new share of that name has none.
    fixture.create("data");
    assert!(fixture.shares.snapshots(ACCOUNT, "data").unwrap().is_empty());
}

#[test]
fn a_share_has_at_most_two_hundred_snapshots() {
    let fixture = Fixture::with_data();
    for _ in 0..200 {
        fixture.snapshot();
    }
    let refused = fixture.shares.create_snapshot(ACCOUNT, "data", None).unwrap_err();
    assert_eq!(refused.code(), Code::ShareSnapshotCountExceeded);
    let staged = fs::read_dir(fixture.dir.path().join(".tmp")).unwrap().count();
    assert_eq!(staged, 0);
}

#[test]
fn a_snapshot_that_is_not_whole_is_found() {
    let fixture = Fixture::with_data();
    let (tree, name) = fixture.snapshot();
    fs::remove_dir(&tree).unwrap();
    let (other, second) = fixture.snapshot();
    fs::remove_file(other.parent().unwrap().join("share.json")).unwrap();
    fs::create_dir(tree.parent().unwrap().parent().unwrap().join("yesterday")).unwrap();
    let found = fixture.shares.check(|_| true).unwrap();
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].contains(&name) && found[0].contains("has no directory"), "{found:#?}");
    assert!(found[1].contains(&second) && found[1].contains("has no share.json"), "{found:#?}");
    assert!(found[2].contains("'yesterday'") && found[2].contains("no time"), "{found:#?}");
}
