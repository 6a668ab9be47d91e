//! What stays, what goes, and what is fetched again.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};
use wharf_image::{ImageConfig, ImageStore, Keeping};

use crate::{Lab, push, registry::Registry};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn names(lab: &Lab) -> Vec<String> {
    let images = lab.store.list();
    images.iter().map(|i| i.reference.rsplit_once('/').unwrap().1.to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_and_age_remove_what_is_unused_and_nothing_else() {
    let (registry, lab) = (Registry::start(), Lab::new());
    let mut all = Vec::new();
    for name in ["a", "b", "c"] {
        let image = push(&registry, &format!("lab/{name}"), &[(name, b"1"), ("same", b"2")]);
        lab.pull(&image).await.unwrap();
        all.push(image);
    }
    let at = |hours: i32| Timestamp::UNIX_EPOCH + HOUR * hours;
    for (image, hours) in all.iter().zip([2, 0, 1]) {
        lab.store.touch(image, at(hours));
    }
    // An empty disk that is never too full, then one that always is.
    let calm = Keeping { high_percent: 101, low_percent: 100, max_age: None, min_age: HOUR };
    let collect = |in_use: Vec<String>, keeping: Keeping| {
        let store = lab.store.clone();
        async move {
            store.begin_pruning().await.collect(&in_use, keeping, at(4)).await.unwrap().images.len()
        }
    };
    assert_eq!(collect(Vec::new(), calm).await, 0);
    let old = Keeping { max_age: Some(HOUR * 4), ..calm };
    assert_eq!(collect(vec![all[1].clone()], old).await, 0, "it is in use");
    assert_eq!(collect(Vec::new(), old).await, 1);
    assert_eq!(names(&lab), ["a:latest", "c:latest"]);
    let full = Keeping { high_percent: 0, low_percent: 0, max_age: None, min_age: HOUR * 3 };
    assert_eq!(collect(vec![all[0].clone()], full).await, 1);
    assert_eq!(names(&lab), ["a:latest"]);
    assert_eq!(collect(Vec::new(), full).await, 0, "it was used two hours ago");
    assert_eq!(lab.path("layers").read_dir_utf8().unwrap().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_damaged_on_the_disk_is_fetched_again() {
    let (registry, lab) = (Registry::start(), Lab::new());
    let image = push(&registry, "lab/app", &[("a", b"1")]);
    let pulled = lab.pull(&image).await.unwrap();
    written_out(&lab);
    let again = || ImageStore::open(ImageConfig::new(lab.path("."))).unwrap();
    assert!(again().resolve(&image).unwrap().is_some());
    for blob in lab.path("blobs/sha256").read_dir_utf8().unwrap() {
        let path = blob.unwrap().into_path();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, b"{}").unwrap();
        assert!(again().resolve(&image).unwrap().is_none(), "{path}");
        std::fs::write(&path, whole).unwrap();
    }
    // A layer that goes while the store is open.
    std::fs::remove_dir_all(&pulled.layers[0]).unwrap();
    assert!(lab.store.resolve_whole(&image).unwrap().is_none());
    assert!(lab.pull(&image).await.unwrap().layers[0].join("a").is_file());
    assert!(lab.store.resolve_whole(&image).unwrap().is_some());
}

fn written_out(lab: &Lab) {
    let index = lab.path("index.json");
    let is_named = || std::fs::read_to_string(&index).is_ok_and(|text| text.contains("lab/"));
    assert!(crate::wait_for(std::time::Duration::from_mins(1), is_named), "it gets durable");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_power_cut_only_what_was_durable_counts() {
    let (registry, lab) = (Registry::start(), Lab::new());
    let image = push(&registry, "lab/app", &[("a", b"1")]);
    lab.pull(&image).await.unwrap();
    written_out(&lab);
    let open = |boot_id: &str| {
        let boot_id = Some(boot_id.to_owned());
        ImageStore::open(ImageConfig { boot_id, ..ImageConfig::new(lab.path(".")) }).unwrap()
    };
    // Durable: it is there in every boot.
    assert_eq!(open("one").list().len(), 1);
    // Not durable: only in the same boot, and its layers go with it.
    let index = std::fs::read_to_string(lab.path("index.json")).unwrap();
    let fresh = format!(r#"{{"boot_id": "two", "images": {index}}}"#);
    std::fs::write(lab.path("index.json"), "{}").unwrap();
    std::fs::write(lab.path("fresh.json"), &fresh).unwrap();
    let same = open("two");
    assert_eq!(same.list().len(), 1);
    written_out(&lab);
    drop(same);
    std::fs::write(lab.path("index.json"), "{}").unwrap();
    std::fs::write(lab.path("fresh.json"), &fresh[..fresh.len() / 2]).unwrap();
    assert_eq!(open("three").list().len(), 0);
    assert_eq!(lab.path("layers").read_dir_utf8().unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_takes_nothing_from_a_pull_under_way() {
    let (registry, lab) = (Registry::start(), Lab::new());
    let layers: Vec<_> = (1..4_usize).map(|number| crate::noise(number * 400_000)).collect();
    let archives = layers.iter().map(|layer| crate::archive(&[("a", layer)]));
    let packed = archives.map(|bytes| (crate::gzip(&bytes), crate::registry::digest(&bytes)));
    let layout = registry.dir().join("layout");
    crate::registry::layout_of(&layout, &packed.collect::<Vec<_>>());
    let image = registry.push(&layout, "lab/app");
    let proxy = crate::proxy::Proxy::before(&registry.address);
    let slow = crate::proxy::Harm::Slow(100_000, std::time::Duration::from_millis(200));
    proxy.harm("blobs", 4, slow);
    let image = image.replace(&registry.address, &proxy.address);
    let (is_done, store) = (Arc::new(AtomicBool::new(false)), lab.store.clone());
    let pruning = tokio::spawn({
        let is_done = Arc::clone(&is_done);
        async move {
            let (mut seen, mut rounds) = (BTreeSet::new(), 0);
            while !is_done.load(Ordering::Relaxed) {
                seen.extend(store.pulls().iter().map(|pull| pull.progress.layers_done));
                let removed = store.begin_pruning().await.remove(&[]).await.unwrap();
                assert_eq!((removed.images.len(), removed.layers), (0, 0));
                rounds += 1;
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            (seen, rounds)
        }
    });
    let kept = lab.store.keep([image.as_str()]);
    let pulled = lab.pull(&image).await.unwrap();
    is_done.store(true, Ordering::Relaxed);
    let (seen, rounds) = pruning.await.unwrap();
    assert!(seen.iter().any(|done| (1..3).contains(done)) && rounds > 2, "{seen:?} {rounds}");
    assert!(pulled.layers.iter().all(|layer| layer.join("a").is_file()));
    assert!(lab.reopened().resolve_whole(&image).unwrap().is_some());
    // Whoever wanted it has gone.
    drop(kept);
    let removed = lab.store.begin_pruning().await.remove(&[]).await.unwrap();
    assert_eq!((removed.images.len(), removed.layers), (1, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_under_way_is_listed() {
    let (registry, lab) = (Registry::start(), Lab::new());
    let image = push(&registry, "lab/app", &[("a", &crate::noise(1 << 20))]);
    let proxy = crate::proxy::Proxy::before(&registry.address);
    let slow = crate::proxy::Harm::Slow(200_000, std::time::Duration::from_millis(200));
    proxy.harm("blobs", 2, slow);
    let image = image.replace(&registry.address, &proxy.address);
    let store = lab.store.clone();
    let seen = tokio::task::spawn_blocking(move || {
        crate::wait_for(std::time::Duration::from_mins(1), || {
            store.pulls().iter().any(|p| p.progress.bytes_done > 0 && p.progress.layers_done == 0)
        })
    });
    lab.pull(&image).await.unwrap();
    assert!(seen.await.unwrap(), "it was seen in the middle");
    assert!(lab.store.pulls().is_empty());
}
