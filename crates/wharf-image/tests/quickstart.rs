//! The images that ship inside Wharf.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use camino::Utf8Path;
use jiff::Timestamp;
use wharf_image::{Audience, ImageConfig, ImageStore};

fn open(dir: &tempfile::TempDir) -> ImageStore {
    let dir = Utf8Path::from_path(dir.path()).unwrap().join("images");
    ImageStore::open(ImageConfig::new(dir)).unwrap()
}

#[tokio::test]
async fn quickstart_images_are_had_without_a_network_and_survive_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let names = ["aci-helloworld", "aci-tutorial-sidecar", "aci-wordcount"];
    for name in names {
        let reference = format!("mcr.microsoft.com/azuredocs/{name}");
        store.check(&reference, &[]).await.unwrap();
        assert!(store.resolve(&reference).unwrap().is_none());
        let now = Timestamp::UNIX_EPOCH;
        let image = store.pull(&reference, (&[], Audience::Holders), now, |_| {}).await.unwrap();
        assert!(image.layers[0].join("usr/local/bin").join(name).is_file());
        assert!(image.layers[1].join("bin/busybox").is_file());
    }
    let again = open(&dir);
    assert_eq!(again.list().len(), 3);
    assert!(again.resolve("mcr.microsoft.com/azuredocs/aci-wordcount:latest").unwrap().is_some());
    // The three share one layer.
    let removed = again
        .begin_pruning()
        .await
        .remove(&["mcr.microsoft.com/azuredocs/aci-helloworld".into()])
        .await
        .unwrap();
    assert_eq!((removed.images.len(), removed.layers), (2, 2));
    assert!(again.list()[0].layers.iter().all(|layer| layer.is_dir()));
}
