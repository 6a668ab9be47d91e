//! Tokens as signed JSON (RFC 7519). The one algorithm is RS256 whatever a token says: what is
//! not signed by one of our own keys with it is refused before any claim is looked at.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

use super::keys::KeyRing;

/// How far clocks may be apart.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);
/// Longer than any token of ours.
const LENGTH_MAX: usize = 16 << 10;

/// Why a token is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// It is no token.
    #[error("it is not a JSON web token")]
    Malformed,
    /// It is not signed, or not as ours are.
    #[error("it is not signed with RS256")]
    Algorithm,
    /// It is signed by somebody else.
    #[error("its signature is not one of ours")]
    Signature,
    /// It was issued by somebody else, or for another tenant.
    #[error("its issuer is wrong")]
    Issuer,
    /// It is for another service.
    #[error("its audience is wrong")]
    Audience,
    /// Its time is over.
    #[error("it expired at {0}")]
    Expired(Timestamp),
    /// Its time has not come.
    #[error("it is not valid yet")]
    NotYet,
}

/// What every token says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Registered {
    pub(super) iss: String,
    pub(super) aud: String,
    pub(super) iat: i64,
    pub(super) nbf: i64,
    pub(super) exp: i64,
}

impl Registered {
    pub(super) fn new(iss: &str, aud: &str, now: Timestamp, lifetime: SignedDuration) -> Self {
        let now_seconds = now.as_second();
        Self {
            iss: iss.to_owned(),
            aud: aud.to_owned(),
            iat: now_seconds,
            nbf: now_seconds,
            exp: now_seconds + lifetime.as_secs(),
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: String,
}

/// Signs claims with the newest key.
pub(super) fn sign(
    keys: &KeyRing,
    claims: &impl Serialize,
) -> Result<String, aws_lc_rs::error::Unspecified> {
    let payload = serde_json::to_vec(claims).map_err(|_| aws_lc_rs::error::Unspecified)?;
    let (message, signature) = keys.sign(|kid| {
        let header = json!({ "typ": "JWT", "alg": "RS256", "kid": kid, "x5t": kid }).to_string();
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(&payload))
    })?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// The claims of a token of ours for that audience whose time it is.
pub(super) fn verify<T: DeserializeOwned>(
    keys: &KeyRing,
    token: &str,
    (issuer, audience): (&str, &str),
    now: Timestamp,
) -> Result<T, Refusal> {
    if token.len() > LENGTH_MAX {
        return Err(Refusal::Malformed);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(Refusal::Malformed)?;
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| Refusal::Malformed);
    let header: Header =
        serde_json::from_slice(&decode(header)?).map_err(|_| Refusal::Malformed)?;
    if header.alg != "RS256" {
        return Err(Refusal::Algorithm);
    }
    if keys.verifies(&header.kid, message.as_bytes(), &decode(signature)?) != Some(true) {
        return Err(Refusal::Signature);
    }
    let payload = decode(payload)?;
    let own: Registered = serde_json::from_slice(&payload).map_err(|_| Refusal::Malformed)?;
    if own.iss != issuer {
        return Err(Refusal::Issuer);
    }
    if own.aud != audience {
        return Err(Refusal::Audience);
    }
    let time = |second| Timestamp::from_second(second).map_err(|_| Refusal::Malformed);
    if time(own.exp)? + LEEWAY <= now {
        return Err(Refusal::Expired(time(own.exp)?));
    }
    if now + LEEWAY < time(own.nbf)? {
        return Err(Refusal::NotYet);
    }
    serde_json::from_slice(&payload).map_err(|_| Refusal::Malformed)
}
