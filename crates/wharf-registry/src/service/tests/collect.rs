//! What is collected, and when.

use std::{fs, os::unix::fs::MetadataExt as _, time::Duration};

use super::*;

impl Lab {
    /// Collects as if so many hours had passed.
    fn collect_after(&self, hours: u64) {
        self.collect_after_minutes(hours * 60);
    }

    fn collect_after_minutes(&self, minutes: u64) {
        let file = tempfile::NamedTempFile::new_in(self.dir.path()).unwrap();
        let now = fs::metadata(file.path()).unwrap().modified().unwrap();
        self.service.storage.collect(now + Duration::from_mins(minutes + 1)).unwrap();
    }

    fn has(&self, repository: &str, digest: &str) -> bool {
        let hex = digest.trim_start_matches("sha256:");
        self.dir.path().join("owner").join(repository).join("_blobs").join(hex).is_file()
    }

    /// An image of these layers, in a repository; its digest.
    async fn image_of(&self, repository: &str, layers: &[&'static [u8]]) -> String {
        let config = self.push(repository, b"{}").await;
        let mut document: Value =
            serde_json::from_str(&manifest(&config, &config, &json!({}))).unwrap();
        let mut parts = Vec::new();
        for layer in layers {
            parts.push(json!({ "digest": self.push(repository, layer).await, "size": 1 }));
        }
        document["layers"] = json!(parts);
        let bytes = document.to_string();
        let digest = Digest::of_bytes(bytes.as_bytes()).to_string();
        let path = format!("/v2/owner/{repository}/manifests/{digest}");
        assert_eq!(self.send("PUT", &path, &[], Body::from(bytes)).await.status, 201);
        digest
    }

    async fn delete(&self, repository: &str, manifest: &str) {
        let path = format!("/v2/owner/{repository}/manifests/{manifest}");
        assert_eq!(self.ask("DELETE", &path).await.status, 202);
    }
}

fn blob(bytes: &[u8]) -> String {
    Digest::of_bytes(bytes).to_string()
}

#[tokio::test]
async fn blobs_of_a_deleted_manifest_go_after_an_hour_unless_another_one_names_them() {
    let lab = Lab::new();
    let old = lab.image_of("team/app", &[b"base", b"old"]).await;
    lab.image_of("team/app", &[b"base", b"new"]).await;
    lab.image_of("other", &[b"base", b"old"]).await;
    lab.collect_after(100);
    assert!(lab.has("team/app", &blob(b"old")), "its manifest is there");
    lab.delete("team/app", &old).await;
    lab.collect_after(0);
    assert!(lab.has("team/app", &blob(b"old")), "somebody may be pulling it");
    lab.collect_after(1);
    assert!(!lab.has("team/app", &blob(b"old")));
    for kept in [&b"base"[..], b"new", b"{}"] {
        assert!(lab.has("team/app", &blob(kept)), "{kept:?}");
    }
    assert!(lab.has("other", &blob(b"old")), "each repository has its own");
}

#[tokio::test]
async fn blobs_that_nothing_ever_named_go_after_a_day_and_uploads_stay_as_they_are() {
    let lab = Lab::new();
    let alone = lab.push("team/app", b"alone").await;
    let place = lab.begin().await;
    assert_eq!(lab.send("PATCH", &place, &[], Body::from("half")).await.status, 202);
    lab.collect_after(23);
    assert!(lab.has("team/app", &alone), "a push may take that long");
    lab.collect_after(25);
    assert!(!lab.has("team/app", &alone));
    let digest = blob(b"half a blob");
    let path = format!("{place}?digest={digest}");
    assert_eq!(lab.send("PUT", &path, &[], Body::from(" a blob")).await.status, 201);
}

#[tokio::test]
async fn a_daemon_that_died_after_a_deletion_is_as_good_a_day_later() {
    let mut lab = Lab::new();
    let image = lab.image_of("team/app", &[b"layer"]).await;
    lab.image_of("team/app", &[b"more"]).await;
    lab.delete("team/app", &image).await;
    // Half-written, as a crash leaves it.
    let tags = lab.dir.path().join("owner/team/app/_tags");
    fs::create_dir_all(&tags).unwrap();
    fs::write(tags.join(".tmpAbCdEf"), b"x").unwrap();
    lab.again();
    lab.collect_after(2);
    assert!(lab.has("team/app", &blob(b"layer")), "it is not known why nothing names it");
    lab.collect_after(25);
    assert!(!lab.has("team/app", &blob(b"layer")) && lab.has("team/app", &blob(b"more")));
    assert!(!tags.exists());
}

#[tokio::test]
async fn whoever_counts_on_a_blob_renews_it() {
    let lab = Lab::new();
    let image = lab.image_of("team/app", &[b"layer"]).await;
    let digest = blob(b"layer");
    let file = lab.dir.path().join("owner/team/app/_blobs").join(&digest[7..]);
    let changed = || {
        let found = fs::metadata(&file).unwrap();
        (found.ctime(), found.ctime_nsec())
    };
    let modified = || fs::metadata(&file).unwrap().modified().unwrap();
    let (head, pull) = (
        format!("/v2/owner/team/app/blobs/{digest}"),
        format!("/v2/owner/team/app/manifests/{image}"),
    );
    let mount = format!("/v2/owner/team/app/blobs/uploads/?mount={digest}&from=owner/team/app");
    for (method, path) in [("HEAD", &head), ("GET", &pull), ("POST", &mount)] {
        let before = (changed(), modified());
        // The clock of a file system may be coarse.
        for _ in 0..1000 {
            assert!(lab.ask(method, path).await.status < 300, "{method} {path}");
            if changed() > before.0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(changed() > before.0, "{method} {path}");
        assert_eq!(modified(), before.1);
    }
}

#[tokio::test]
async fn nothing_is_collected_beside_a_manifest_that_cannot_be_read() {
    let lab = Lab::new();
    let image = lab.image_of("team/app", &[b"layer"]).await;
    let alone = lab.push("team/app", b"alone").await;
    let file = lab.dir.path().join("owner/team/app/_manifests").join(&image[7..]);
    fs::write(&file, b"type\n{\"layers\":[").unwrap();
    lab.collect_after(50);
    assert!(lab.has("team/app", &alone) && lab.has("team/app", &blob(b"layer")));
}

#[tokio::test]
async fn a_repository_in_which_nothing_is_left_goes_and_can_be_made_again() {
    let lab = Lab::new();
    let image = lab.image_of("team/app", &[b"layer"]).await;
    let kept = lab.image_of("team", &[b"layer"]).await;
    lab.delete("team/app", &image).await;
    lab.collect_after(2);
    assert!(!lab.dir.path().join("owner/team/app").exists());
    assert!(lab.has("team", &blob(b"layer")));
    assert_eq!(lab.image_of("team/app", &[b"layer"]).await, image);
    lab.delete("team", &kept).await;
    lab.collect_after(4);
    assert!(lab.has("team/app", &blob(b"layer")), "a repository below another stays");
    lab.delete("team/app", &image).await;
    lab.collect_after(6);
    assert!(!lab.dir.path().join("owner").exists());
}

#[tokio::test]
async fn what_became_free_goes_on_time_between_two_looks_at_everything() {
    let lab = Lab::new();
    let image = lab.image_of("team/app", &[b"layer"]).await;
    lab.image_of("team/app", &[b"more"]).await;
    lab.collect_after_minutes(30);
    lab.delete("team/app", &image).await;
    lab.collect_after_minutes(50);
    assert!(lab.has("team/app", &blob(b"layer")));
    lab.collect_after_minutes(70);
    assert!(!lab.has("team/app", &blob(b"layer")) && lab.has("team/app", &blob(b"more")));
}

#[tokio::test]
async fn a_repository_goes_as_soon_as_its_last_blob_was_deleted() {
    let lab = Lab::new();
    let image = lab.image_of("team/app", &[b"layer"]).await;
    lab.collect_after(0);
    lab.delete("team/app", &image).await;
    lab.collect_after(0);
    assert!(lab.dir.path().join("owner/team/app").exists());
    for bytes in [&b"layer"[..], b"{}"] {
        let path = format!("/v2/owner/team/app/blobs/{}", blob(bytes));
        assert_eq!(lab.ask("DELETE", &path).await.status, 202);
    }
    lab.collect_after(0);
    assert!(!lab.dir.path().join("owner").exists());
}

#[tokio::test]
async fn a_clock_that_was_put_back_is_no_reason_to_wait() {
    let lab = Lab::new();
    lab.image_of("team/app", &[b"layer"]).await;
    lab.collect_after(100);
    let alone = lab.push("team/app", b"alone").await;
    lab.collect_after(25);
    assert!(!lab.has("team/app", &alone) && lab.has("team/app", &blob(b"layer")));
}
