use std::sync::Mutex;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use wharf_model::capacity::Capacity;
use wharf_store::{SealKey, StoreConfig};

use super::*;

const TENANT: &str = "11111111-1111-1111-1111-111111111111";

/// A clock that tests turn.
#[derive(Debug)]
pub(crate) struct Turned(Mutex<Timestamp>);

impl Turned {
    pub(crate) fn turn(&self, by: SignedDuration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for Turned {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// An issuer with a store of its own.
pub(crate) struct Fixture {
    directory: tempfile::TempDir,
    store: Store,
    pub(crate) clock: Arc<Turned>,
    pub(crate) identity: Identity,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap();
        let store = Store::open(StoreConfig {
            path: path.join("state.db"),
            key: SealKey::load_or_create(&path.join("state.key")).unwrap(),
            pools: "10.0.0.0/24".parse::<ipnet::Ipv4Net>().unwrap().into(),
            publishes_ports: false,
            capacity: Capacity::UNLIMITED,
            boot_id: "b".into(),
        })
        .unwrap();
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let clock = Arc::new(Turned(Mutex::new(start)));
        let identity = Self::identity(&store, &clock, path);
        Self { directory, store, clock, identity }
    }

    fn identity(store: &Store, clock: &Arc<Turned>, path: &Utf8Path) -> Identity {
        let clock: Arc<dyn Clock> = Arc::<Turned>::clone(clock);
        Identity::start(store, &clock, (TENANT, "s"), path).unwrap()
    }

    /// The same after a restart.
    fn again(&self) -> Identity {
        Self::identity(&self.store, &self.clock, self.path())
    }

    fn admin(&self) -> Principal {
        self.store.principal(self.identity.administrator()).unwrap().unwrap()
    }

    pub(crate) fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.directory.path()).unwrap()
    }

    pub(crate) fn token(&self, audience: &str) -> String {
        self.identity.access_token(&self.admin(), "c", audience).unwrap().token
    }
}

fn forged(token: &str, header: &str) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts[0] = URL_SAFE_NO_PAD.encode(header);
    parts.join(".")
}

#[test]
fn a_token_for_arm_says_who_speaks_until_it_expires() {
    let fixture = Fixture::new();
    let token = fixture.token(ARM_AUDIENCE);
    assert_eq!(fixture.identity.verify(&token), Ok(fixture.identity.administrator()));
    assert_eq!(fixture.again().verify(&token), Ok(fixture.identity.administrator()));
    fixture.clock.turn(SignedDuration::from_mins(62));
    assert!(matches!(fixture.identity.verify(&token), Err(Refusal::Expired(_))));
    fixture.clock.turn(SignedDuration::from_hours(-3));
    assert_eq!(fixture.identity.verify(&token), Err(Refusal::NotYet));
}

#[test]
fn tokens_of_others_are_refused() {
    let (ours, theirs) = (Fixture::new(), Fixture::new());
    let verify = |token: &str| ours.identity.verify(token);
    assert_eq!(verify(&theirs.token(ARM_AUDIENCE)), Err(Refusal::Signature));
    assert_eq!(verify(&ours.token("https://graph.example/")), Err(Refusal::Audience));
    let admin = ours.admin();
    let refresh = ours.identity.refresh_token(&admin, "c", None).unwrap();
    assert_eq!(verify(&refresh), Err(Refusal::Issuer), "a refresh token gives no access");
    let id = ours.identity.id_token(&admin, ARM_AUDIENCE, ("https://host/adfs", None)).unwrap();
    assert_eq!(verify(&id), Err(Refusal::Issuer), "an id token gives no access");
    for wrong in ["", "a", "a.b", "a.b.c", "..", &"x".repeat(20_000)] {
        assert_eq!(verify(wrong), Err(Refusal::Malformed), "{wrong:.9}");
    }
}

#[test]
fn the_token_does_not_choose_the_algorithm() {
    let fixture = Fixture::new();
    let token = fixture.token(ARM_AUDIENCE);
    for alg in ["none", "None", "HS256", "RS512", "rs256", ""] {
        let forged = forged(&token, &format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#));
        assert_eq!(fixture.identity.verify(&forged), Err(Refusal::Algorithm), "{alg}");
    }
    let unsigned = forged(&token, r#"{"alg":"none"}"#);
    let unsigned = format!("{}.", unsigned.rsplit_once('.').unwrap().0);
    assert_eq!(fixture.identity.verify(&unsigned), Err(Refusal::Algorithm));
    // Signed by our key, but other claims.
    let other = fixture.token("https://other/");
    let mut parts: Vec<&str> = token.split('.').collect();
    parts[1] = other.split('.').nth(1).unwrap();
    assert_eq!(fixture.identity.verify(&parts.join(".")), Err(Refusal::Signature));
}

#[test]
fn keys_rotate_and_old_ones_verify_for_a_while() {
    let fixture = Fixture::new();
    let keys = |identity: &Identity| identity.public_keys()["keys"].as_array().unwrap().len();
    let first = fixture.token(ARM_AUDIENCE);
    fixture.identity.rotate().unwrap();
    assert!(fixture.identity.verify(&first).is_ok());
    assert_eq!(keys(&fixture.identity), 2);
    let header = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_ne!(header(&first), header(&fixture.token(ARM_AUDIENCE)), "the new key signs");
    // By themselves when their time has come.
    fixture.clock.turn(keys::SIGNS_FOR);
    fixture.token(ARM_AUDIENCE);
    assert_eq!(keys(&fixture.identity), 3);
    fixture.clock.turn(keys::SIGNS_FOR);
    fixture.token(ARM_AUDIENCE);
    assert_eq!(keys(&fixture.again()), 2, "those of the first day are forgotten");
}

#[test]
fn a_refresh_token_dies_with_the_secret_and_with_its_principal() {
    let fixture = Fixture::new();
    let admin = fixture.admin();
    let token = fixture.identity.refresh_token(&admin, "c", Some("r")).unwrap();
    let redeemed = fixture.identity.redeem(&token).unwrap().unwrap();
    assert_eq!((redeemed.0, redeemed.1.client.as_str()), (admin.clone(), "c"));
    assert!(fixture.identity.redeem(&fixture.token(ARM_AUDIENCE)).unwrap().is_none());
    fixture.clock.turn(SignedDuration::from_secs(2));
    let secret = secrets::hash("new").unwrap();
    fixture.store.replace_secrets(fixture.clock.now(), admin.id, &secret).unwrap();
    assert!(fixture.identity.redeem(&token).unwrap().is_none());
    let token = fixture.identity.refresh_token(&admin, "c", None).unwrap();
    fixture.store.delete_principal(admin.id).unwrap();
    assert!(fixture.identity.redeem(&token).unwrap().is_none());
}

#[tokio::test]
async fn only_the_right_secret_of_the_right_kind_logs_in() {
    let fixture = Fixture::new();
    let path = fixture.directory.path().join("admin.json");
    let file: Value = serde_json::from_str(&fs_err::read_to_string(&path).unwrap()).unwrap();
    let (client, secret) = (file["clientId"].as_str().unwrap(), file["clientSecret"].as_str());
    let log_in = async |kind, client: &str, secret: &str| {
        let found = fixture.identity.log_in(kind, client, secret).await.unwrap();
        found.map(|principal| principal.id)
    };
    let (kind, id) = (PrincipalKind::ServicePrincipal, fixture.identity.administrator());
    assert_eq!(log_in(kind, client, secret.unwrap()).await, Some(id));
    assert_eq!(log_in(kind, &client.to_uppercase(), secret.unwrap()).await, Some(id));
    assert_eq!(log_in(kind, client, "wrong").await, None);
    assert_eq!(log_in(kind, "nobody", secret.unwrap()).await, None);
    assert_eq!(log_in(PrincipalKind::User, client, secret.unwrap()).await, None);
    let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let database = fs_err::read(fixture.directory.path().join("state.db")).unwrap();
    let wal = fs_err::read(fixture.directory.path().join("state.db-wal")).unwrap_or_default();
    let needle = secret.unwrap().as_bytes();
    let holds = |bytes: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    assert!(!holds(&database) && !holds(&wal), "the secret itself is kept nowhere else");
}

#[test]
fn arm_has_several_names_and_other_services_keep_theirs() {
    let base = "https://127.0.0.1:8443";
    for arm in
        [None, Some(base), Some("https://127.0.0.1:8443//"), Some("https://management.azure.com/")]
    {
        assert_eq!(audience(arm, &[base]), ARM_AUDIENCE, "{arm:?}");
    }
    for other in ["https://127.0.0.1:8443/graph", "https://evil.example/", "urn:wharf:refresh"] {
        assert_eq!(audience(Some(other), &[base]), other);
    }
}
