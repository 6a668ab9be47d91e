//! Who speaks: root on the host through the socket, the bearer of the administrator's token, or
//! the principal that an access token names.

use std::{fmt, io, sync::Arc};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use camino::Utf8Path;
use jiff::Timestamp;
use uuid::Uuid;
use wharf_model::{Error, ErrorKind, access::Principal, error::chain};

use crate::{
    app::App,
    identity::{ARM_AUDIENCE, Identity, Refusal, secrets},
};

/// How a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Through the Unix socket, from a process of this user.
    Local {
        /// User id of the process.
        uid: u32,
    },
    /// Over the network.
    Remote,
}

/// Who made a request.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// Root on the host, or who has the administrator's token: may do everything.
    Administrator,
    /// Somebody with an access token: may do what their roles allow.
    Principal(Arc<Principal>),
}

impl Caller {
    /// The caller's object id; the administrator has none.
    pub(crate) fn principal_id(&self) -> Option<Uuid> {
        match self {
            Self::Administrator => None,
            Self::Principal(principal) => Some(principal.id),
        }
    }
}

/// Who a request claims to come from, credibly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaker {
    Administrator,
    Principal(Uuid),
}

/// Tells who speaks.
#[derive(Clone)]
pub(crate) struct Authenticator {
    token: Arc<str>,
    identity: Identity,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticator")
    }
}

impl Authenticator {
    /// Reads the token file, or makes one (mode 0600) with 256 random bits.
    pub(crate) fn load_or_create(path: &Utf8Path, identity: Identity) -> io::Result<Self> {
        let token = match fs_err::read_to_string(path) {
            Ok(text) if !text.trim().is_empty() => text.trim().to_owned(),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(_) | Err(_) => create(path)?,
        };
        Ok(Self { token: token.into(), identity })
    }

    /// Refuses who does not say credibly who they are.
    pub(crate) async fn check(
        &self,
        app: &App,
        peer: Peer,
        authorization: Option<&str>,
    ) -> Result<Caller, Error> {
        let Speaker::Principal(id) = self.speaker(peer, authorization)? else {
            return Ok(Caller::Administrator);
        };
        match app.read(move |store| store.principal(id)).await? {
            Some(principal) => Ok(Caller::Principal(Arc::new(principal))),
            None => Err(invalid_token("The access token is of a principal that was deleted.")),
        }
    }

    fn speaker(&self, peer: Peer, authorization: Option<&str>) -> Result<Speaker, Error> {
        // A token says who speaks even where none is needed.
        if matches!(peer, Peer::Local { uid: 0 }) && authorization.is_none() {
            return Ok(Speaker::Administrator);
        }
        let Some(header) = authorization else {
            return Err(unauthenticated(
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
            ));
        };
        let token = header.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("bearer "));
        let token = token.and_then(|_| header.get(7..)).unwrap_or_default().trim();
        if verify_slices_are_equal(token.as_bytes(), self.token.as_bytes()).is_ok() {
            return Ok(Speaker::Administrator);
        }
        self.identity.verify(token).map(Speaker::Principal).map_err(|refusal| {
            invalid_token(&refusal_text(&refusal, self.identity.now())).because(chain(&refusal))
        })
    }
}

/// What ARM says of such a token.
fn refusal_text(refusal: &Refusal, now: Timestamp) -> String {
    match refusal {
        Refusal::Expired(at) => format!(
            "The access token expiry UTC time '{at}' is earlier than current UTC time '{now}'."
        ),
        Refusal::Audience => format!(
            "The access token has been obtained for wrong audience or resource. It should exactly \
             match with one of the allowed audiences '{ARM_AUDIENCE}'."
        ),
        Refusal::Issuer => "The access token is from the wrong issuer.".to_owned(),
        Refusal::NotYet => "The access token is not yet valid.".to_owned(),
        Refusal::Malformed | Refusal::Algorithm | Refusal::Signature => {
            "The access token is invalid.".to_owned()
        }
    }
}

fn invalid_token(message: &str) -> Error {
    unauthenticated("InvalidAuthenticationToken", message)
}

fn unauthenticated(code: &'static str, message: &str) -> Error {
    Error::new(ErrorKind::Unauthenticated, code, message)
}

fn create(path: &Utf8Path) -> io::Result<String> {
    let token = secrets::random();
    crate::files::write(path, &format!("{token}\n"), 0o600)?;
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::tests::Fixture;

    #[test]
    fn root_needs_no_token_and_others_need_one_that_is_right() {
        let fixture = Fixture::new();
        let path = fixture.path().join("token");
        let load = || Authenticator::load_or_create(&path, fixture.identity.clone()).unwrap();
        let auth = load();
        let token = fs_err::read_to_string(&path).unwrap();
        let good = format!("Bearer {}", token.trim());
        let speaker = |peer, header| auth.speaker(peer, header);
        assert_eq!(speaker(Peer::Local { uid: 0 }, None), Ok(Speaker::Administrator));
        assert_eq!(speaker(Peer::Remote, Some(&good)), Ok(Speaker::Administrator));
        let access = format!("bearer {}", fixture.token(ARM_AUDIENCE));
        let principal = Speaker::Principal(fixture.identity.administrator());
        assert_eq!(speaker(Peer::Remote, Some(&access)), Ok(principal));
        assert_eq!(speaker(Peer::Local { uid: 0 }, Some(&access)), Ok(principal));
        let code = |peer, header| speaker(peer, header).unwrap_err().code;
        assert_eq!(code(Peer::Local { uid: 1000 }, None), "AuthenticationFailed");
        let foreign = format!("Bearer {}", Fixture::new().token(ARM_AUDIENCE));
        let graph = format!("Bearer {}", fixture.token("https://graph/"));
        let short = &good[..good.len() - 1];
        for bad in ["Bearer ", "Bearer x", "Basic x", "", "Bearer", short, &foreign, &graph] {
            assert_eq!(code(Peer::Remote, Some(bad)), "InvalidAuthenticationToken", "{bad}");
        }
        assert_eq!(load().speaker(Peer::Remote, Some(&good)), Ok(Speaker::Administrator));
        fixture.clock.turn(jiff::SignedDuration::from_hours(2));
        let expired = speaker(Peer::Remote, Some(&access)).unwrap_err();
        assert_eq!(expired.code, "InvalidAuthenticationToken");
        assert!(expired.message.contains("is earlier than current UTC time"));
    }
}
