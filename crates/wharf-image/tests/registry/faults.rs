//! Registries and networks that fail.

use std::time::{Duration, Instant};

use wharf_image::{ErrorKind, Mirror, RegistryConfig};

use crate::{
    Lab, noise,
    proxy::{Harm, Proxy},
    push,
    registry::Registry,
};

/// The only blobs as large as this are layers.
const SIZE: usize = 3 << 20;

struct Scene {
    registry: Registry,
    proxy: Proxy,
    lab: Lab,
    /// By way of the proxy.
    image: String,
    /// What a request for the layer has in its path.
    layer: String,
}

fn scene() -> Scene {
    let registry = Registry::start();
    let packed = crate::gzip(&crate::archive(&[("noise", &noise(SIZE))]));
    let image = push(&registry, "lab/app", &[("noise", &noise(SIZE))]);
    let proxy = Proxy::before(&registry.address);
    let image = image.replace(&registry.address, &proxy.address);
    let layer = format!("blobs/{}", crate::registry::digest(&packed));
    Scene { registry, proxy, lab: Lab::new(), image, layer }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_download_goes_on_where_it_broke() {
    let scene = scene();
    for at in [300_000, 1_000_000, 10] {
        scene.proxy.harm(&scene.layer, 1, Harm::Cut(at));
    }
    let image = scene.lab.pull(&scene.image).await.unwrap();
    assert_eq!(image.layers[0].join("noise").metadata().unwrap().len(), SIZE as u64);
    let heads = scene.proxy.heads(&scene.layer);
    let ranges: Vec<&str> =
        heads.iter().filter_map(|h| h.lines().find(|l| l.starts_with("range"))).collect();
    assert_eq!(ranges, ["range: bytes=300000-", "range: bytes=1300000-", "range: bytes=1300010-"]);
    let last = scene.lab.progress.lock().unwrap().last().cloned().unwrap();
    assert_eq!((last.layers_done, last.bytes_done), (1, last.bytes));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_knows_no_ranges_is_read_again_from_the_start() {
    let scene = scene();
    scene.proxy.harm(&scene.layer, 1, Harm::Cut(500_000));
    scene.proxy.harm(&scene.layer, 1, Harm::NoRange);
    scene.lab.pull(&scene.image).await.unwrap();
    assert_eq!(scene.proxy.heads(&scene.layer).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_stalls_is_taken_up_again_and_a_slow_one_is_waited_for() {
    let scene = scene();
    scene.proxy.harm(&scene.layer, 1, Harm::Stall(100_000));
    scene.proxy.harm(&scene.layer, 1, Harm::Slow(1 << 20, Duration::from_millis(200)));
    let read_timeout = Duration::from_secs(1);
    let lab = Lab::with(RegistryConfig { read_timeout, ..RegistryConfig::default() });
    lab.pull(&scene.image).await.unwrap();
    let heads = scene.proxy.heads(&scene.layer);
    assert!(heads[1].contains("range: bytes="), "{heads:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_asks_for_time_gets_it() {
    let scene = scene();
    let began = Instant::now();
    scene.proxy.harm("manifests", 1, Harm::Status("429 Slow down", "retry-after: 1\r\n"));
    scene.proxy.harm(&scene.layer, 1, Harm::Status("429 Slow down", "retry-after: 1\r\n"));
    scene.lab.pull(&scene.image).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn passing_trouble_is_passed_over_and_lasting_trouble_is_told() {
    let scene = scene();
    scene.proxy.harm("manifests", 2, Harm::Status("503 Busy", ""));
    scene.proxy.harm(&scene.layer, 2, Harm::Status("502 Bad", ""));
    scene.lab.pull(&scene.image).await.unwrap();
    let lab = Lab::new();
    scene.proxy.harm("manifests", 1000, Harm::Status("503 Busy", ""));
    let error = lab.store.check(&scene.image, &[]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Registry);
    assert!(crate::chain(&error).contains("503"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_is_not_what_it_should_be_never_arrives() {
    let scene = scene();
    scene.proxy.harm(&scene.layer, 1, Harm::Longer(100));
    let (kind, error) = scene.lab.refused(&scene.image).await;
    assert!(kind == ErrorKind::Corrupt && error.contains("should have"), "{error}");
    scene.proxy.harm(&scene.layer, 1, Harm::Flip(SIZE / 2));
    let (kind, error) = scene.lab.refused(&scene.image).await;
    assert_eq!(kind, ErrorKind::Corrupt, "{error}");
    scene.proxy.harm("blobs", 1, Harm::Flip(20));
    let (kind, error) = scene.lab.refused(&scene.image).await;
    assert!(kind == ErrorKind::Corrupt && error.contains("its digest is"), "{error}");
    scene.proxy.harm("manifests", 1, Harm::Body(vec![b' '; 5 << 20]));
    let (kind, error) = scene.lab.refused(&scene.image).await;
    assert!(kind == ErrorKind::Corrupt && error.contains("larger than"), "{error}");
    scene.proxy.harm("manifests", 1, Harm::Body(b"<html>".to_vec()));
    let (kind, error) = scene.lab.refused(&scene.image).await;
    assert_eq!(kind, ErrorKind::Corrupt, "{error}");
    scene.lab.pull(&scene.image).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_end() {
    let scene = scene();
    scene.proxy.harm(&scene.layer, 1000, Harm::Redirect(None));
    let (kind, error) = scene.lab.refused(&scene.image).await;
    assert!(kind == ErrorKind::Registry && error.contains("again and again"), "{error}");
    assert_eq!(scene.proxy.heads(&scene.layer).len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_is_asked_first_and_the_registry_when_it_fails() {
    let scene = scene();
    let image = scene.image.replace(&scene.proxy.address, &scene.registry.address);
    let mirror =
        |url: &str| Mirror { registry: scene.registry.address.clone(), url: url.to_owned() };
    let config = |mirror| RegistryConfig { mirrors: vec![mirror], ..RegistryConfig::default() };
    let lab = Lab::with(config(mirror(&format!("http://{}", scene.proxy.address))));
    lab.pull(&image).await.unwrap();
    assert!(!scene.proxy.heads("manifests").is_empty());
    assert_eq!(scene.proxy.heads(&scene.layer).len(), 1);
    let lab = Lab::with(config(mirror(&format!("http://{}", scene.proxy.address))));
    scene.proxy.harm(&scene.layer, 1, Harm::Cut(1000));
    scene.proxy.harm(&scene.layer, 1000, Harm::Status("404 Gone", ""));
    lab.pull(&image).await.unwrap();
    let lab = Lab::with(config(mirror("http://127.0.0.1:1")));
    lab.pull(&image).await.unwrap();
}
