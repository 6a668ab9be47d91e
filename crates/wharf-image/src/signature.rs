//! Signatures of images as `cosign sign --key` stores them beside an image (cosign's
//! `SIGNATURE_SPEC.md`): a manifest at the tag `sha256-<digest>.sig`, whose layers are signed payloads.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use camino::Utf8Path;
use oci_spec::image::ImageManifest;
use serde_json::Value;

use crate::{ImageError, store::digest_of};

/// What a payload's layer is called.
pub(crate) const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// Where the signature of a payload is.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// What the payload says that it is.
const KIND: &str = "cosign container image signature";
/// The largest payload that is read, in bytes.
pub(crate) const PAYLOAD_MAX: u64 = 64 << 10;
/// How many signatures of one image are looked at.
const SIGNATURES_MAX: usize = 32;
/// What comes before the point of an ECDSA P-256 key in a `SubjectPublicKeyInfo` (RFC 5480): the
/// algorithm, the curve, the length of the rest.
const P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A key that signatures are checked with: ECDSA on the curve P-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    point: Vec<u8>,
    fingerprint: String,
}

impl PublicKey {
    /// The keys in a file of PEM.
    pub fn read(path: &Utf8Path) -> Result<Vec<Self>, ImageError> {
        let text = fs_err::read_to_string(path).map_err(ImageError::file("read", path))?;
        let keys =
            Self::parse(&text).map_err(|reason| ImageError::corrupt(path.as_str(), reason))?;
        if keys.is_empty() {
            return Err(ImageError::corrupt(path.as_str(), "it holds no PUBLIC KEY"));
        }
        Ok(keys)
    }

    fn parse(text: &str) -> Result<Vec<Self>, &'static str> {
        let mut keys = Vec::new();
        for part in text.split("-----BEGIN PUBLIC KEY-----").skip(1) {
            let (body, _) =
                part.split_once("-----END PUBLIC KEY-----").ok_or("a key has no end")?;
            let body: String = body.split_ascii_whitespace().collect();
            let key = STANDARD.decode(body).map_err(|_| "a key is not base64")?;
            let point = key.strip_prefix(P256).filter(|point| point.len() == 65);
            let point = point.ok_or("a key is not of the kind ECDSA P-256")?.to_owned();
            keys.push(Self { point, fingerprint: digest_of(&key) });
        }
        Ok(keys)
    }

    /// The digest of the key.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn has_signed(&self, payload: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.point);
        key.verify(payload, signature).is_ok()
    }
}

/// One signature, and where what it signs can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Detached {
    /// Of the payload.
    pub(crate) digest: String,
    signature: Vec<u8>,
}

/// The tag at which signatures of a manifest are.
pub(crate) fn tag_of(digest: &str) -> String {
    format!("{}.sig", digest.replace(':', "-"))
}

/// The signatures that a manifest lists. What is no signature is left out.
pub(crate) fn listed(manifest: &ImageManifest) -> Vec<Detached> {
    let payloads =
        manifest.layers().iter().filter(|layer| layer.media_type().to_string() == PAYLOAD);
    let read = |layer: &oci_spec::image::Descriptor| {
        let text = layer.annotations().as_ref()?.get(SIGNATURE)?;
        let text: String = text.split_ascii_whitespace().collect();
        let signature = STANDARD.decode(text).ok()?;
        Some(Detached { digest: layer.digest().to_string(), signature })
    };
    payloads.filter_map(read).take(SIGNATURES_MAX).collect()
}

impl Detached {
    /// The key that has signed that a manifest with this digest is meant, or what is wrong.
    pub(crate) fn check<'a>(
        &self,
        payload: &[u8],
        digest: &str,
        keys: &'a [PublicKey],
    ) -> Result<&'a PublicKey, &'static str> {
        if digest_of(payload) != self.digest {
            return Err("the payload is not what its digest says");
        }
        let key = keys.iter().find(|key| key.has_signed(payload, &self.signature));
        let key = key.ok_or("it is by none of the keys")?;
        // Only what is signed is read.
        let document: Value =
            serde_json::from_slice(payload).map_err(|_| "the payload is not JSON")?;
        if member(&document, &["critical", "type"]) != Some(KIND) {
            return Err("it is not a signature of an image");
        }
        match member(&document, &["critical", "image", "docker-manifest-digest"]) {
            Some(signed) if signed == digest => Ok(key),
            Some(_) => Err("it is the signature of another image"),
            None => Err("it names no image"),
        }
    }
}

/// A text in a document, by names whose letter case does not matter, as in the specification; none
/// if it could be one of two.
fn member<'a>(document: &'a Value, path: &[&str]) -> Option<&'a str> {
    let mut found = document;
    for name in path {
        let mut named = found.as_object()?.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found = named.next()?.1;
        if named.next().is_some() {
            return None;
        }
    }
    found.as_str()
}
