//! The cases of the distribution specification's conformance suite, which itself is run by hand
//! (`docs/registry.md`): pull, push, content discovery, content management.

use super::*;

const OCI: &str = "application/vnd.oci.image";

/// Digests of both kinds.
fn digests(bytes: &[u8]) -> [String; 2] {
    let long = Digest::of_hex(&"0".repeat(128)).unwrap();
    [Digest::of_bytes(bytes).to_string(), long.like(bytes).to_string()]
}

impl Lab {
    async fn blob(&self, repository: &str, digest: &str) -> Told {
        self.ask("GET", &format!("/v2/owner/{repository}/blobs/{digest}")).await
    }

    /// Sends chunks and what ends the upload.
    async fn chunks(&self, chunks: &[&'static str], last: &'static str, digest: &str) -> Told {
        let (place, mut at) = (self.begin().await, 0);
        for chunk in chunks {
            let range = format!("{at}-{}", at + chunk.len() - 1);
            let headers = [("content-range", range.as_str())];
            let sent = self.send("PATCH", &place, &headers, Body::from(*chunk)).await;
            assert_eq!(sent.status, 202);
            at += chunk.len();
        }
        self.send("PUT", &format!("{place}?digest={digest}"), &[], Body::from(last)).await
    }

    async fn put(&self, reference: &str, kind: &str, document: &Value) -> Told {
        let path = format!("/v2/owner/team/app/manifests/{reference}");
        let kind = format!("{OCI}.{kind}.v1+json");
        let body = Body::from(document.to_string());
        self.send("PUT", &path, &[("content-type", &kind)], body).await
    }
}

#[tokio::test]
async fn blobs_are_pushed_in_every_way_with_either_kind_of_digest() {
    let lab = Lab::new();
    let uploads = "/v2/owner/team/app/blobs/uploads/";
    for kind in 0..2 {
        let content = ["one", "two", "three"];
        let digest = |text: &str| digests(text.as_bytes())[kind].clone();
        let whole = digest("onetwothree");
        assert_eq!(lab.blob("team/app", &whole).await.code(), "BLOB_UNKNOWN");
        let missing = lab.ask("HEAD", &format!("/v2/owner/team/app/blobs/{whole}")).await;
        assert_eq!(missing.status, 404);
        let at_once = format!("{uploads}?digest={whole}");
        let pushed = lab.send("POST", &at_once, &[], Body::from("onetwothree")).await;
        assert_eq!((pushed.status, pushed.header("docker-content-digest")), (201, whole.as_str()));
        assert_eq!(lab.blob("team/app", &whole).await.body, b"onetwothree");
        for (chunks, last) in
            [(&content[..0], "onetwothree"), (&content[..2], "three"), (&content, "")]
        {
            let delete = lab.ask("DELETE", &format!("/v2/owner/team/app/blobs/{whole}")).await;
            assert_eq!((delete.status, lab.blob("team/app", &whole).await.status), (202, 404));
            let pushed = lab.chunks(chunks, last, &whole).await;
            assert_eq!(pushed.status, 201, "{chunks:?}");
            let got = lab.ask("GET", pushed.header("location")).await;
            assert_eq!((got.status, got.body.as_slice()), (200, &b"onetwothree"[..]));
        }
        // All at once without a range, as a stream.
        let place = lab.begin().await;
        assert_eq!(lab.send("PATCH", &place, &[], Body::from("onetwothree")).await.status, 202);
        assert_eq!(lab.ask("PUT", &format!("{place}?digest={whole}")).await.status, 201);
        let empty = lab.chunks(&[], "", &digest("")).await;
        assert_eq!((empty.status, lab.blob("team/app", &digest("")).await.body.len()), (201, 0));
        for wrong in [lab.chunks(&[], "x", &whole).await, lab.chunks(&["x"], "y", &whole).await] {
            assert_eq!((wrong.status, wrong.code().as_str()), (400, "DIGEST_INVALID"));
        }
        let wrong = lab.send("POST", &at_once, &[], Body::from("x")).await;
        assert_eq!(wrong.code(), "DIGEST_INVALID");
        let blob = format!("/v2/owner/team/app/blobs/{whole}");
        for (range, expected) in [
            ("bytes=0-2", Some("one")),
            ("bytes=3-", Some("twothree")),
            ("bytes=-5", Some("three")),
            ("bytes=8-99", Some("ree")),
            ("bytes=11-", None),
        ] {
            let part = lab.send("GET", &blob, &[("range", range)], Body::empty()).await;
            assert_eq!(part.status, if expected.is_some() { 206 } else { 416 }, "{range}");
            assert_eq!(text(&part.body), expected.unwrap_or_default(), "{range}");
        }
        let mount = |digest: &str| {
            format!("/v2/owner/other{kind}/blobs/uploads/?mount={digest}&from=owner/team/app")
        };
        assert_eq!(lab.ask("POST", &mount(&digest("none"))).await.status, 202);
        let mounted = lab.ask("POST", &mount(&whole)).await;
        assert_eq!(mounted.header("location"), format!("/v2/owner/other{kind}/blobs/{whole}"));
        assert_eq!(lab.blob(&format!("other{kind}"), &whole).await.status, 200);
        let without = format!("/v2/owner/elsewhere/blobs/uploads/?mount={whole}");
        assert_eq!(lab.ask("POST", &without).await.status, 202, "from nowhere: an upload");
    }
    for bad in ["sha256:x", "md5:00", "x"] {
        assert_eq!(lab.blob("team/app", bad).await.code(), "DIGEST_INVALID", "{bad}");
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn manifests_of_every_make_come_back_as_they_were_sent() {
    let lab = Lab::new();
    let (config, layer) = (lab.push("team/app", b"{}").await, lab.push("team/app", b"layer").await);
    let part = |kind: &str, digest: &str, size: usize| json!({ "mediaType": kind, "digest": digest, "size": size });
    let config = || part(&format!("{OCI}.config.v1+json"), &config, 2);
    let layer = part(&format!("{OCI}.layer.v1.tar"), &layer, 5);
    let image = |layers: Value| {
        json!({ "schemaVersion": 2, "mediaType": format!("{OCI}.manifest.v1+json"),
            "config": config(), "layers": layers })
    };
    let plain = image(json!([layer]));
    let mut artifact = image(json!([]));
    artifact["artifactType"] = json!("application/x");
    let mut odd = plain.clone();
    odd["org.example"] = json!({ "a": [1, 2] });
    let mut inline = plain.clone();
    inline["config"]["data"] = json!("e30=");
    let mut large = plain.clone();
    large["annotations"] = json!({ "k": "v".repeat(3 << 20) });
    let nowhere =
        part("application/vnd.oci.image.layer.nondistributable.v1.tar", &digests(b"?")[0], 1);
    let mut elsewhere = nowhere.clone();
    elsewhere["urls"] = json!(["https://store.example/l"]);
    let digest = |document: &Value| digests(document.to_string().as_bytes())[0].clone();
    let index = |of: &[&Value]| {
        let parts: Vec<Value> = of
            .iter()
            .map(|one| {
                part(&format!("{OCI}.manifest.v1+json"), &digest(one), one.to_string().len())
            })
            .collect();
        json!({ "schemaVersion": 2, "mediaType": format!("{OCI}.index.v1+json"), "manifests": parts })
    };
    let outer = index(&[&plain, &artifact]);
    for (kind, document) in [
        ("manifest", plain.clone()),
        ("manifest", artifact),
        ("manifest", odd),
        ("manifest", inline),
        ("manifest", large),
        ("manifest", image(json!([elsewhere]))),
        ("index", index(&[])),
        ("index", index(&[&outer])),
        ("index", outer),
    ] {
        for reference in
            digests(document.to_string().as_bytes()).iter().map(String::as_str).chain(["tag"])
        {
            let put = lab.put(reference, kind, &document).await;
            assert_eq!(put.status, 201, "{}", text(&put.body));
            let path = format!("/v2/owner/team/app/manifests/{reference}");
            let (got, head) = (lab.ask("GET", &path).await, lab.ask("HEAD", &path).await);
            assert_eq!(text(&got.body), document.to_string());
            assert_eq!(got.header("content-type"), format!("{OCI}.{kind}.v1+json"));
            assert_eq!(head.header("content-length"), got.body.len().to_string());
            assert_eq!(got.header("docker-content-digest"), put.header("docker-content-digest"));
            assert_eq!(lab.ask("GET", put.header("location")).await.status, 200);
        }
    }
    let [_, long] = digests(b"other");
    assert_eq!(lab.put(&long, "manifest", &plain).await.code(), "DIGEST_INVALID");
    assert_eq!(lab.put("a", "index", &plain).await.code(), "MANIFEST_INVALID");
    let lacking = lab.put("a", "manifest", &image(json!([nowhere]))).await;
    assert_eq!(lacking.code(), "MANIFEST_BLOB_UNKNOWN");
    assert_eq!(lab.put(".bad", "manifest", &plain).await.status, 400);
}

#[tokio::test]
async fn referrers_and_tags_are_found_and_what_is_deleted_is_found_no_more() {
    let lab = Lab::new();
    let (config, layer) = (lab.push("team/app", b"{}").await, lab.push("team/app", b"layer").await);
    let base = "/v2/owner/team/app";
    let none = lab.ask("GET", &format!("{base}/referrers/{}", digests(b"none")[0])).await;
    assert_eq!(
        (none.status, none.header("content-type")),
        (200, "application/vnd.oci.image.index.v1+json")
    );
    assert_eq!(none.json()["manifests"], json!([]));
    // Of a subject that is not there as of one that is, with either kind of digest.
    for subject in digests(b"a subject") {
        let more = json!({ "subject": { "mediaType": "x", "digest": subject, "size": 9 },
            "artifactType": "application/sbom", "annotations": { "n": subject } });
        let document: Value = serde_json::from_str(&manifest(&config, &layer, &more)).unwrap();
        let put =
            lab.put(&digests(document.to_string().as_bytes())[0], "manifest", &document).await;
        assert_eq!((put.status, put.header("oci-subject")), (201, subject.as_str()));
        let path = format!("{base}/referrers/{subject}");
        let found = lab.ask("GET", &format!("{path}?artifactType=application%2Fsbom")).await;
        assert_eq!(found.header("oci-filters-applied"), "artifactType");
        assert_eq!(found.json()["manifests"][0]["annotations"]["n"], json!(subject));
        assert_eq!(lab.ask("DELETE", put.header("location")).await.status, 202);
        assert_eq!(lab.ask("GET", &path).await.json()["manifests"], json!([]));
    }
    let plain: Value = serde_json::from_str(&manifest(&config, &layer, &json!({}))).unwrap();
    for tag in ["test0", "TEST1", "test2", "_x", "1"] {
        assert_eq!(lab.put(tag, "manifest", &plain).await.status, 201);
    }
    let tags = async |query: &str| {
        lab.ask("GET", &format!("{base}/tags/list{query}")).await.json()["tags"].to_string()
    };
    assert_eq!(tags("").await, r#"["1","TEST1","_x","test0","test2"]"#);
    assert_eq!(tags("?n=0").await, "[]");
    assert_eq!(tags("?last=TEST1&n=2").await, r#"["_x","test0"]"#);
    assert_eq!(lab.ask("DELETE", &format!("{base}/manifests/test0")).await.status, 202);
    assert_eq!(lab.ask("GET", &format!("{base}/manifests/test0")).await.status, 404);
    assert_eq!(lab.ask("DELETE", &format!("{base}/manifests/test0")).await.status, 404);
    assert_eq!(lab.ask("GET", &format!("{base}/manifests/test2")).await.status, 200);
    let digest = digests(plain.to_string().as_bytes())[0].clone();
    assert_eq!(lab.ask("DELETE", &format!("{base}/manifests/{digest}")).await.status, 202);
    assert_eq!(lab.ask("GET", &format!("{base}/manifests/test2")).await.status, 404);
}
