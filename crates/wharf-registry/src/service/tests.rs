//! Requests against a real directory.

mod collect;
mod conformance;
mod inside;
mod metadata;
mod tokens;

use std::io;

use axum::body::{Bytes, to_bytes};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::{FutureExt as _, future::BoxFuture};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::{Claims, Failure, Shown, Who, names::Digest};

/// One registry, `owner`: its admin user has two passwords, and identities are called by what they
/// may do.
struct One;

fn actions(names: &str) -> Vec<Action> {
    let wanted = |action: &Action| names.split(' ').any(|name| name == action.name());
    Action::ALL.into_iter().filter(wanted).collect()
}

impl Registries for One {
    fn log_in<'a>(
        &'a self,
        registry: Option<&'a str>,
        shown: Shown,
    ) -> BoxFuture<'a, Result<Option<Who>, Failure>> {
        let who = match shown {
            Shown::Password { user, password } => {
                let is_owner = registry.unwrap_or(&user) == "owner" && user == "owner";
                let is_right = is_owner && matches!(password.as_str(), "first" | "second");
                is_right.then(|| Who::Admin { registry: "owner".to_owned(), proof: password })
            }
            Shown::Identity(token) => token.parse().ok().map(Who::Principal),
        };
        async move { Ok(who) }.boxed()
    }

    fn rights(&self, registry: &str, who: &Who) -> Result<Option<Vec<Action>>, Failure> {
        let rights = match who {
            _ if registry != "owner" => None,
            Who::Admin { .. } => Some(Action::ALL.to_vec()),
            Who::Principal(id) if *id == PULLER => Some(actions("pull metadata_read")),
            Who::Principal(id) if *id == DELETER => Some(actions("delete")),
            Who::Principal(_) => None,
        };
        Ok(rights)
    }

    fn sign(&self, claims: &Claims) -> Result<String, Failure> {
        Ok(BASE64_STANDARD.encode(serde_json::to_string(claims)?))
    }

    fn read(&self, token: &str) -> Option<Claims> {
        serde_json::from_slice(&BASE64_STANDARD.decode(token).ok()?).ok()
    }
}

const PULLER: Uuid = Uuid::from_u128(1);
const DELETER: Uuid = Uuid::from_u128(2);

struct Lab {
    dir: tempfile::TempDir,
    service: Service,
    target: Target,
}

struct Told {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Told {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap().to_owned()
    }
}

impl Lab {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let storage = Arc::new(Storage::open(dir.path()).unwrap());
        let service = Service::new(storage, Arc::new(One));
        Self { service, dir, target: Target::InPath }
    }

    /// The same directory after the daemon was started anew.
    fn again(&mut self) {
        let storage = Arc::new(Storage::open(self.dir.path()).unwrap());
        self.service = Service::new(storage, Arc::new(One));
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Told {
        let basic = format!("Basic {}", BASE64_STANDARD.encode("owner:second"));
        let mut request = Request::builder().method(method).uri(path).header("host", "here:1");
        if headers.iter().all(|(name, _)| *name != "authorization") {
            request = request.header("authorization", basic);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.service.handle(self.target.clone(), request.body(body).unwrap()).await;
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Told { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    async fn ask(&self, method: &str, path: &str) -> Told {
        self.send(method, path, &[], Body::empty()).await
    }

    async fn push(&self, repository: &str, bytes: &'static [u8]) -> String {
        let digest = Digest::of_bytes(bytes).to_string();
        let path = format!("/v2/owner/{repository}/blobs/uploads/?digest={digest}");
        assert_eq!(self.send("POST", &path, &[], Body::from(bytes)).await.status, 201);
        digest
    }

    async fn begin(&self) -> String {
        let begun = self.ask("POST", "/v2/owner/team/app/blobs/uploads/").await;
        assert_eq!(begun.status, 202);
        begun.header("location").to_owned()
    }

    fn files(&self, kind: &str) -> usize {
        std::fs::read_dir(self.dir.path().join("owner/team/app").join(kind)).unwrap().count()
    }
}

#[tokio::test]
async fn only_the_admin_user_with_one_of_the_passwords_is_let_in() {
    let lab = Lab::new();
    let with = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
    for (path, credential, status) in [
        ("/v2/", "owner:first", 200),
        ("/v2/", "owner:second", 200),
        ("/v2/", "owner:third", 401),
        ("/v2/", "other:first", 401),
        ("/v2/", "owner:", 401),
        ("/v2/owner/a/tags/list", "other:first", 401),
        ("/v2/other/a/tags/list", "owner:first", 401),
        ("/v2/owner/../tags/list", "owner:wrong", 401),
    ] {
        let header = [("authorization", with(credential))];
        let headers = header.each_ref().map(|(name, value)| (*name, value.as_str()));
        let told = lab.send("GET", path, &headers, Body::empty()).await;
        assert_eq!(told.status, status, "{path} {credential}");
        if status == 401 {
            let challenge = "Bearer realm=\"https://here:1/oauth2/token\",service=\"here:1\"";
            assert!(told.header("www-authenticate").starts_with(challenge), "{path}");
            assert_eq!(told.code(), "UNAUTHORIZED");
        }
    }
    let nobody = lab.send("GET", "/v2/", &[("authorization", "")], Body::empty()).await;
    assert_eq!(nobody.status, 401);
}

#[tokio::test]
async fn chunks_make_a_blob_in_order_only_and_over_a_restart() {
    let mut lab = Lab::new();
    let place = lab.begin().await;
    let chunk = |range: &'static str| [("content-range", range)];
    let first = lab.send("PATCH", &place, &chunk("0-3"), Body::from("abcd")).await;
    assert_eq!((first.status, first.header("range")), (202, "0-3"));
    let gap = lab.send("PATCH", &place, &chunk("5-6"), Body::from("fg")).await;
    assert_eq!((gap.status, gap.header("range")), (416, "0-3"));
    assert_eq!(gap.header("location"), place);
    lab.again();
    let status = lab.ask("GET", &place).await;
    assert_eq!((status.status, status.header("range")), (204, "0-3"));
    let rest = lab.send("PATCH", &place, &chunk("4-5"), Body::from("ef")).await;
    assert_eq!((rest.status, rest.header("range")), (202, "0-5"));
    let digest = Digest::of_bytes(b"abcdefg").to_string();
    let done = lab.send("PUT", &format!("{place}?digest={digest}"), &[], Body::from("g")).await;
    assert_eq!((done.status, done.header("docker-content-digest")), (201, digest.as_str()));
    let blob = format!("/v2/owner/team/app/blobs/{digest}");
    assert_eq!(done.header("location"), blob);
    assert_eq!(lab.ask("GET", &blob).await.body, b"abcdefg");
    let part = lab.send("GET", &blob, &[("range", "bytes=2-3")], Body::empty()).await;
    assert_eq!((part.status, part.body.as_slice()), (206, &b"cd"[..]));
    let head = lab.ask("HEAD", &blob).await;
    assert_eq!((head.status, head.header("content-length")), (200, "7"));
    assert_eq!(lab.ask("GET", &place).await.code(), "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(lab.files("_uploads"), 0);
}

#[tokio::test]
async fn a_wrong_digest_and_a_body_that_breaks_off_make_no_blob() {
    let lab = Lab::new();
    let digest = Digest::of_bytes(b"right").to_string();
    let place = lab.begin().await;
    let wrong = lab.send("PUT", &format!("{place}?digest={digest}"), &[], Body::from("left")).await;
    assert_eq!((wrong.status, wrong.code().as_str()), (400, "DIGEST_INVALID"));
    assert_eq!(lab.ask("GET", &place).await.status, 404, "the upload is over");
    let broken = || {
        let chunks = [Ok(Bytes::from_static(b"rig")), Err(io::Error::other("cut"))];
        Body::from_stream(futures::stream::iter(chunks))
    };
    let at_once = format!("/v2/owner/team/app/blobs/uploads/?digest={digest}");
    let cut = lab.send("POST", &at_once, &[], broken()).await;
    assert_eq!((cut.status, cut.code().as_str()), (400, "BLOB_UPLOAD_INVALID"));
    assert_eq!(lab.files("_uploads"), 0);
    // What came of a chunk is kept, and the client goes on from there.
    let place = lab.begin().await;
    assert_eq!(lab.send("PATCH", &place, &[], broken()).await.status, 400);
    assert_eq!(lab.ask("GET", &place).await.header("range"), "0-2");
    let rest = lab.send("PUT", &format!("{place}?digest={digest}"), &[], Body::from("ht")).await;
    assert_eq!(rest.status, 201);
    let place = lab.begin().await;
    assert_eq!(lab.ask("DELETE", &place).await.status, 204);
    assert_eq!(lab.ask("DELETE", &place).await.status, 404);
    assert_eq!((lab.files("_uploads"), lab.files("_blobs")), (0, 1));
}

fn manifest(config: &str, layer: &str, more: &Value) -> String {
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let mut document = json!({ "schemaVersion": 2, "mediaType": kind,
        "config": { "mediaType": "application/x", "digest": config, "size": 2 },
        "layers": [{ "mediaType": "application/y", "digest": layer, "size": 5 }] });
    for (name, value) in more.as_object().unwrap() {
        document[name] = value.clone();
    }
    document.to_string()
}

#[tokio::test]
async fn manifests_have_tags_and_referrers_and_need_their_blobs() {
    let lab = Lab::new();
    let (config, layer) = (lab.push("team/app", b"{}").await, lab.push("team/app", b"layer").await);
    let at = |rest: &str| format!("/v2/owner/team/app/{rest}");
    let lacking = manifest(&config, &Digest::of_bytes(b"none").to_string(), &json!({}));
    let told = lab.send("PUT", &at("manifests/a"), &[], Body::from(lacking)).await;
    assert_eq!((told.status, told.code().as_str()), (404, "MANIFEST_BLOB_UNKNOWN"));
    for bad in ["", "[]", "{}", "{\"schemaVersion\":\"2\"}"] {
        let told = lab.send("PUT", &at("manifests/a"), &[], Body::from(bad)).await;
        assert_eq!(told.code(), "MANIFEST_INVALID", "{bad}");
    }
    let text = manifest(&config, &layer, &json!({}));
    let digest = Digest::of_bytes(text.as_bytes()).to_string();
    for tag in ["b", "a", "c"] {
        let path = at(&format!("manifests/{tag}"));
        let put = lab.send("PUT", &path, &[], Body::from(text.clone())).await;
        assert_eq!((put.status, put.header("docker-content-digest")), (201, digest.as_str()));
    }
    let elsewhere = at(&format!("manifests/{config}"));
    let told = lab.send("PUT", &elsewhere, &[], Body::from(text.clone())).await;
    assert_eq!(told.code(), "DIGEST_INVALID");
    let large = Body::from(vec![b' '; crate::manifests::MANIFEST_MAX + 1]);
    assert_eq!(lab.send("PUT", &at("manifests/a"), &[], large).await.status, 413);
    let got = lab.ask("GET", &at("manifests/b")).await;
    assert_eq!(got.body, text.as_bytes());
    assert_eq!(got.header("content-type"), "application/vnd.oci.image.manifest.v1+json");
    let listed = lab.ask("GET", &at("tags/list?n=2")).await;
    assert_eq!(listed.json(), json!({ "name": "owner/team/app", "tags": ["a", "b"] }));
    let next = "</v2/owner/team/app/tags/list?last=b&n=2>; rel=\"next\"";
    assert_eq!(listed.header("link"), next);
    assert_eq!(lab.ask("GET", &at("tags/list?n=2&last=b")).await.json()["tags"], json!(["c"]));
    let catalog = lab.ask("GET", "/v2/_catalog").await.json();
    assert_eq!(catalog, json!({ "repositories": ["owner/team/app"] }));
    let more = json!({ "subject": { "mediaType": "x", "digest": digest, "size": 1 },
        "artifactType": "signature", "annotations": { "k": "v" } });
    let signature = manifest(&config, &layer, &more);
    let own = Digest::of_bytes(signature.as_bytes()).to_string();
    let put = lab.send("PUT", &at(&format!("manifests/{own}")), &[], Body::from(signature)).await;
    assert_eq!((put.status, put.header("oci-subject")), (201, digest.as_str()));
    let referrers = at(&format!("referrers/{digest}"));
    let found = lab.ask("GET", &referrers).await.json();
    assert_eq!(found["manifests"][0]["digest"], json!(own));
    assert_eq!(found["manifests"][0]["artifactType"], "signature");
    let filtered = lab.ask("GET", &format!("{referrers}?artifactType=other")).await.json();
    assert_eq!(filtered["manifests"], json!([]));
    assert_eq!(lab.ask("DELETE", &at(&format!("manifests/{own}"))).await.status, 202);
    assert_eq!(lab.ask("GET", &referrers).await.json()["manifests"], json!([]));
    assert_eq!(lab.ask("DELETE", &at("manifests/a")).await.status, 202);
    assert_eq!(lab.ask("GET", &at("manifests/a")).await.code(), "MANIFEST_UNKNOWN");
    assert_eq!(lab.ask("DELETE", &at(&format!("manifests/{digest}"))).await.status, 202);
    assert_eq!(lab.ask("GET", &at("tags/list")).await.code(), "NAME_UNKNOWN");
}

#[tokio::test]
async fn a_blob_is_taken_over_without_a_copy_and_goes_with_its_own_name() {
    let lab = Lab::new();
    let digest = lab.push("team/app", b"layer").await;
    let mount = |from: &str| format!("/v2/owner/other/blobs/uploads/?mount={digest}&from={from}");
    assert_eq!(lab.ask("POST", &mount("owner/none")).await.status, 202);
    assert_eq!(lab.ask("POST", &mount("..%2F..%2Fteam")).await.status, 202);
    assert_eq!(lab.ask("POST", &mount("owner/team/app")).await.status, 201);
    assert_eq!(lab.service.storage.size("owner").unwrap(), 5, "it counts once");
    assert_eq!(lab.service.storage.size("..").unwrap(), 0);
    let one = format!("/v2/owner/team/app/blobs/{digest}");
    let other = format!("/v2/owner/other/blobs/{digest}");
    assert_eq!(lab.ask("DELETE", &one).await.status, 202);
    assert_eq!(lab.ask("GET", &one).await.code(), "BLOB_UNKNOWN");
    assert_eq!(lab.ask("GET", &other).await.body, b"layer");
    lab.service.storage.delete_registry("owner").unwrap();
    assert_eq!(lab.ask("GET", &other).await.status, 404);
    assert_eq!(std::fs::read_dir(lab.dir.path()).unwrap().count(), 0);
}
