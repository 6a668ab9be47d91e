//! Images that mean harm.

use wharf_image::ErrorKind;

use crate::{Lab, archive, gzip, noise, push, push_layer, registry::Registry, registry::digest};

#[tokio::test(flavor = "multi_thread")]
async fn no_entry_gets_out_of_its_layer() {
    let registry = Registry::start();
    let names = ["../escaped", "a/../../escaped", ".wh...", "a/.wh..", "a/.wh."];
    for (number, name) in names.into_iter().enumerate() {
        let image = push(&registry, &format!("bad/{number}"), &[("a/b", b"1"), (name, b"")]);
        let lab = Lab::new();
        let (kind, error) = lab.refused(&image).await;
        assert_eq!(kind, ErrorKind::Corrupt, "{name}: {error}");
        assert!(lab.path("blobs").is_dir(), "{name}");
    }
    // What AUFS wrote beside its whiteouts means nothing here, as in other tools.
    let image = push(&registry, "fine/aufs", &[("a", b"1"), (".wh..wh.plnk", b"")]);
    let lab = Lab::new();
    let image = lab.pull(&image).await.unwrap();
    assert_eq!(image.layers[0].read_dir_utf8().unwrap().count(), 1);
    let image = push(&registry, "bad/rooted", &[("/etc/../etc2", b"1")]);
    assert_eq!(Lab::new().refused(&image).await.0, ErrorKind::Corrupt);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whiteout_does_not_follow_links() {
    let registry = Registry::start();
    let lab = Lab::new();
    let victim = lab.dir.path().join("victim");
    std::fs::create_dir(&victim).unwrap();
    std::fs::write(victim.join("file"), "kept").unwrap();
    let mut layer = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    header.set_uid(0);
    header.set_gid(0);
    layer.append_link(&mut header, "link", &victim).unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mode(0o644);
    layer.append_data(&mut header, "link/.wh.file", &[][..]).unwrap();
    let bytes = layer.into_inner().unwrap();
    let image = push_layer(&registry, "bad/link", gzip(&bytes), digest(&bytes));
    // Inside of the layer the link leads to a place of the layer's own, or nowhere.
    drop(lab.pull(&image).await);
    assert_eq!(std::fs::read_to_string(victim.join("file")).unwrap(), "kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_of_every_shape_arrive_or_are_refused() {
    let registry = Registry::start();
    let names: Vec<String> = (0..10_000).map(|n| format!("d{}/f{n}", n % 100)).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), n.as_bytes())).collect();
    let image = Lab::new().pull(&push(&registry, "fine/many", &files)).await.unwrap();
    assert!(image.packed_bytes > 0);
    // An archive that ends in the middle of its packing.
    let bytes = archive(&[("noise", &noise(100_000))]);
    let mut packed = gzip(&bytes);
    packed.truncate(50_000);
    let image = push_layer(&registry, "bad/cut", packed, digest(&bytes));
    assert_eq!(Lab::new().refused(&image).await.0, ErrorKind::Corrupt);
    // Zeros without end.
    let mut bomb = zstd::Encoder::new(Vec::new(), 1).unwrap();
    std::io::copy(&mut std::io::Read::take(std::io::repeat(0), 3 << 30), &mut bomb).unwrap();
    let image = push_layer(&registry, "bad/bomb", bomb.finish().unwrap(), digest(b"no"));
    let (kind, error) = Lab::new().refused(&image).await;
    assert_eq!(kind, ErrorKind::Corrupt, "{error}");
}
