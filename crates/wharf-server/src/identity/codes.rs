//! Authorization codes (RFC 6749 §4.1 with RFC 7636). They live for moments, hence in memory.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// For how long a code can be redeemed.
const LIFETIME: SignedDuration = SignedDuration::from_mins(5);
/// How many codes can wait.
const WAITING_MAX: usize = 1000;

/// What a code was given for.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// Who signed in.
    pub(crate) user: Uuid,
    /// Which client asked.
    pub(crate) client: String,
    /// Where the code was sent.
    pub(crate) redirect_uri: String,
    /// Base64 of the SHA-256 of the verifier, which only the client knows.
    pub(crate) challenge: String,
    /// For which service.
    pub(crate) resource: Option<String>,
    /// What the client finds again in its identity token.
    pub(crate) nonce: Option<String>,
}

/// All codes that were not redeemed yet.
#[derive(Debug, Default)]
pub(crate) struct Codes(Mutex<HashMap<String, (Timestamp, Grant)>>);

impl Codes {
    /// Makes a code, or `None` when too many wait.
    pub(crate) fn give(&self, now: Timestamp, grant: Grant) -> Option<String> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, (until, _)| now < *until);
        if waiting.len() >= WAITING_MAX {
            return None;
        }
        let code = super::secrets::random();
        waiting.insert(code.clone(), (now + LIFETIME, grant));
        Some(code)
    }

    /// Redeems a code: once, in time, by the client that asked and from where it was sent.
    pub(crate) fn redeem(
        &self,
        now: Timestamp,
        code: &str,
        (client, redirect_uri, verifier): (&str, &str, &str),
    ) -> Option<Grant> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(code);
        let (until, grant) = found?;
        let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
        let challenge = URL_SAFE_NO_PAD.encode(hash.as_ref());
        let is_proven =
            verify_slices_are_equal(challenge.as_bytes(), grant.challenge.as_bytes()).is_ok();
        let is_same = grant.client == client && grant.redirect_uri == redirect_uri;
        (now < until && is_proven && is_same).then_some(grant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn a_code_is_redeemed_once_in_time_by_who_asked() {
        let (codes, now) = (Codes::default(), Timestamp::UNIX_EPOCH);
        let give = || {
            let grant = Grant {
                user: Uuid::max(),
                client: "c".to_owned(),
                redirect_uri: "r".to_owned(),
                challenge: CHALLENGE.to_owned(),
                resource: None,
                nonce: None,
            };
            codes.give(now, grant).unwrap()
        };
        let code = give();
        assert_eq!(codes.redeem(now, &code, ("c", "r", VERIFIER)).unwrap().user, Uuid::max());
        assert!(codes.redeem(now, &code, ("c", "r", VERIFIER)).is_none(), "used");
        for wrong in [("d", "r", VERIFIER), ("c", "s", VERIFIER), ("c", "r", "x"), ("c", "r", "")] {
            let code = give();
            assert!(codes.redeem(now, &code, wrong).is_none(), "{wrong:?}");
            assert!(codes.redeem(now, &code, ("c", "r", VERIFIER)).is_none(), "spoilt");
        }
        assert!(codes.redeem(now + LIFETIME, &give(), ("c", "r", VERIFIER)).is_none(), "late");
    }
}
