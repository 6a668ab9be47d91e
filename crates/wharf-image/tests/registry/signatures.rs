//! Images that have to be named by digest, or signed, because the administrator says so. The
//! signatures are made here, as cosign's specification has them.

use aws_lc_rs::{
    encoding::AsDer as _,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use camino::Utf8PathBuf;
use serde_json::{Value, json};
use wharf_image::{ErrorKind, ImagePolicy, Pattern, PublicKey, Signed};

use crate::{
    Lab, chain, push,
    registry::{Registry, signed_payload},
};

const FILES: &[(&str, &[u8])] = &[("a", b"1")];

/// Somebody who signs.
struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    /// The public key as cosign writes it.
    fn keys(&self) -> Vec<PublicKey> {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join("cosign.pub")).unwrap();
        let key = STANDARD.encode(self.0.public_key().as_der().unwrap().as_ref());
        let (first, second) = key.split_at(64);
        let pem =
            format!("-----BEGIN PUBLIC KEY-----\n{first}\n{second}\n-----END PUBLIC KEY-----\n");
        std::fs::write(&path, pem).unwrap();
        PublicKey::read(&path).unwrap()
    }

    fn sign(&self, payload: &[u8]) -> String {
        STANDARD.encode(self.0.sign(&SystemRandom::new(), payload).unwrap())
    }
}

fn attach(registry: &Registry, of: &str, signatures: &[(Vec<u8>, String)]) {
    registry.push_signatures("lab/app", of, signatures);
}

fn pattern(text: &str) -> Pattern {
    Pattern::new(text).unwrap()
}

fn signed_by(registry: &Registry, signer: &Signer) -> ImagePolicy {
    let wanted = Signed { pattern: pattern(&registry.address), keys: signer.keys() };
    ImagePolicy { signed: vec![wanted], ..ImagePolicy::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_pulled_when_one_of_the_keys_has_signed_it() {
    let (registry, signer) = (Registry::start(), Signer::new());
    let image = push(&registry, "lab/app", FILES);
    let lab = Lab::under(signed_by(&registry, &signer));
    let digest = Lab::new().pull(&image).await.unwrap().digest;
    let refused = lab.store.check(&image, &[]).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Policy);
    let advice = refused.advice().unwrap();
    assert!(advice.contains("require-signature") && advice.contains(&digest), "{advice}");
    let good = signed_payload(&digest).to_string().into_bytes();
    let other = Signer::new();
    attach(
        &registry,
        &digest,
        &[(good.clone(), other.sign(&good)), (good.clone(), signer.sign(&good))],
    );
    lab.store.check(&image, &[]).await.unwrap();
    let pulled = lab.pull(&image).await.unwrap();
    assert_eq!(pulled.signers().collect::<Vec<_>>(), [signer.keys()[0].fingerprint()]);
    // It is remembered, also by the next daemon: no registry is asked any more.
    drop(registry);
    let again = lab.reopened();
    again.check(&image, &[]).await.unwrap();
    assert!(again.resolve_whole(&image).unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_is_wrong_in_any_way_counts_for_nothing() {
    let (registry, signer, other) = (Registry::start(), Signer::new(), Signer::new());
    let image = push(&registry, "lab/app", FILES);
    let digest = Lab::new().pull(&image).await.unwrap().digest;
    let text = |document: &Value| document.to_string().into_bytes();
    let good = text(&signed_payload(&digest));
    let elsewhere = text(&signed_payload(&crate::registry::digest(b"another")));
    let mut attestation = signed_payload(&digest);
    attestation["critical"]["type"] = json!("attestation");
    let mut ambiguous = signed_payload(&digest);
    ambiguous["critical"]["image"]["Docker-manifest-digest"] = json!("sha256:00");
    for (payload, signature, reason) in [
        (good.clone(), other.sign(&good), "by none of the keys"),
        (elsewhere.clone(), signer.sign(&elsewhere), "signature of another image"),
        (good.clone(), signer.sign(&elsewhere), "by none of the keys"),
        (text(&attestation), signer.sign(&text(&attestation)), "not a signature of an image"),
        (text(&ambiguous), signer.sign(&text(&ambiguous)), "names no image"),
        (b"no JSON".to_vec(), signer.sign(b"no JSON"), "not JSON"),
        (good.clone(), "AAAA".to_owned(), "by none of the keys"),
        (good.clone(), "?".to_owned(), "is not"),
    ] {
        attach(&registry, &digest, &[(payload, signature)]);
        let lab = Lab::under(signed_by(&registry, &signer));
        let (kind, error) = lab.refused(&image).await;
        assert_eq!(kind, ErrorKind::Policy, "{error}");
        assert!(error.contains(reason) && error.contains("require-signature"), "{error}");
    }
    // What is stored as the payload is not what was signed.
    attach(&registry, &digest, &[(good.clone(), signer.sign(&good))]);
    let stored = digest_path(&registry, &crate::registry::digest(&good));
    std::fs::write(&stored, good.iter().map(|byte| byte ^ 1).collect::<Vec<_>>()).unwrap();
    let error = Lab::under(signed_by(&registry, &signer)).pull(&image).await.unwrap_err();
    assert!(chain(&error).contains("payload is not what its digest says"), "{}", chain(&error));
}

fn digest_path(registry: &Registry, digest: &str) -> std::path::PathBuf {
    let hex = &digest[7..];
    let files = crate::registry::find(&registry.dir().join("storage"));
    files.into_iter().find(|path| path.ends_with(format!("{hex}/data"))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_was_here_before_the_policy_is_checked_before_it_is_used() {
    let (registry, signer) = (Registry::start(), Signer::new());
    let image = push(&registry, "lab/app", FILES);
    let lab = Lab::new();
    let digest = lab.pull(&image).await.unwrap().digest;
    let store = lab.reopened_under(signed_by(&registry, &signer));
    assert!(store.resolve_whole(&image).unwrap().is_none(), "it is not to be started");
    assert!(store.resolve(&image).unwrap().is_some(), "and yet it is here");
    assert_eq!(store.check(&image, &[]).await.unwrap_err().kind(), ErrorKind::Policy);
    let good = signed_payload(&digest).to_string().into_bytes();
    attach(&registry, &digest, &[(good.clone(), signer.sign(&good))]);
    store.check(&image, &[]).await.unwrap();
    assert!(store.resolve_whole(&image).unwrap().is_some());
    // Another key has signed nothing.
    let store = lab.reopened_under(signed_by(&registry, &Signer::new()));
    assert!(store.resolve_whole(&image).unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_named_by_tag_is_refused_where_a_digest_is_wanted() {
    let registry = Registry::start();
    let image = push(&registry, "lab/app", FILES);
    let lab = Lab::new();
    let digest = lab.pull(&image).await.unwrap().digest;
    let policy =
        |text: &str| ImagePolicy { by_digest: vec![pattern(text)], ..ImagePolicy::default() };
    let name = format!("{}/lab", registry.address);
    let store = lab.reopened_under(policy(&name));
    let refused = store.check(&image, &[]).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Policy);
    assert!(refused.advice().unwrap().contains("require-digest"));
    assert!(store.resolve_whole(&image).unwrap().is_none());
    let pinned = format!("{}/lab/app@{digest}", registry.address);
    Lab::under(policy("*")).pull(&pinned).await.unwrap();
    Lab::under(policy("lab.example")).pull(&image).await.unwrap();
    // What ships inside the program is named by nothing else.
    let hello = "mcr.microsoft.com/azuredocs/aci-helloworld";
    let lab = Lab::under(policy("*"));
    lab.pull(hello).await.unwrap();
    assert!(lab.store.resolve_whole(hello).unwrap().is_some());
}
