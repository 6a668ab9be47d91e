//! A token server as registries have it, Azure's exchange included.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::json;

use crate::registry::{PASSWORD, Registry, USER};

/// What an Azure Container Registry would take from Microsoft Entra.
pub(crate) const ENTRA_TOKEN: &str = "entra-access-token";
/// And what it gives for that.
pub(crate) const REFRESH_TOKEN: &str = "acr-refresh-token";

/// A registry, and the server that decides for it.
pub(crate) struct TokenServer {
    pub(crate) registry: Registry,
    requests: Arc<Mutex<Vec<String>>>,
}

struct Signer {
    key: EcdsaKeyPair,
    certificate: String,
}

impl TokenServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let realm = format!("http://{}/oauth2/token", listener.local_addr().unwrap());
        let key = rcgen::KeyPair::generate().unwrap();
        let parameters = rcgen::CertificateParams::new(vec!["tokens.lab".to_owned()]).unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("tokens.pem"), certificate.pem()).unwrap();
        let auth = format!(
            "auth:\n  token:\n    realm: {realm}\n    service: lab\n    issuer: lab\n    \
             rootcertbundle: DIR/tokens.pem\n"
        );
        let signer = Signer {
            key: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key.serialize_der())
                .unwrap(),
            certificate: STANDARD.encode(certificate.der()),
        };
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&requests);
        std::thread::spawn(move || {
            let signer = Arc::new(signer);
            // A client may open a connection long before it asks something, or for nothing.
            for client in listener.incoming().map_while(Result::ok) {
                let (signer, log) = (Arc::clone(&signer), Arc::clone(&log));
                std::thread::spawn(move || serve(client, &signer, &log));
            }
        });
        Self { registry: Registry::within(dir, &auth, "", true), requests }
    }

    /// First lines of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// One request of a connection, which then ends and says so.
fn serve(mut client: TcpStream, signer: &Signer, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let Some((head, body)) = read_request(&mut client)? else { return Ok(()) };
    log.lock().unwrap().push(head.lines().next().unwrap().to_owned());
    let (status, document) = match decide(&head, &body, signer) {
        Some(document) => ("200 OK", document.to_string()),
        None => ("401 Unauthorized", format!("{{\"secret\":\"{PASSWORD}\"}}")),
    };
    let length = document.len();
    write!(
        client,
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{document}"
    )
}

/// Head and body; nothing if the client went before it had said all.
fn read_request(client: &mut TcpStream) -> std::io::Result<Option<(String, String)>> {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = client.read(&mut buffer)?;
        if count == 0 {
            return Ok(None);
        }
        text.extend_from_slice(&buffer[..count]);
        let request = String::from_utf8_lossy(&text);
        let Some((head, body)) = request.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| header(line, "content-length"));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return Ok(Some((head.to_owned(), body.to_owned())));
        }
    }
}

fn header<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (found, value) = line.split_once(':')?;
    found.eq_ignore_ascii_case(name).then(|| value.trim())
}

fn decide(head: &str, body: &str, signer: &Signer) -> Option<serde_json::Value> {
    let is_about = |text: &str| text.contains("service=lab") && text.contains("repository%3A");
    if head.starts_with("GET /oauth2/token") {
        let login = STANDARD.encode(format!("{USER}:{PASSWORD}"));
        let shown =
            head.lines().find_map(|line| header(line, "authorization")?.strip_prefix("Basic "));
        let may_pull = match shown {
            Some(shown) if shown == login => true,
            Some(_) => return None,
            None => false,
        };
        // Whoever pushes wants to push as well.
        return is_about(head.lines().next()?)
            .then(|| json!({ "token": signer.token(head, may_pull) }));
    }
    if head.starts_with("POST /oauth2/exchange") {
        let is_known = body.contains(&format!("access_token={ENTRA_TOKEN}"));
        return is_known.then(|| json!({ "refresh_token": REFRESH_TOKEN }));
    }
    let is_known = body.contains(&format!("refresh_token={REFRESH_TOKEN}")) && is_about(body);
    is_known.then(|| json!({ "access_token": signer.token(body, true) }))
}

impl Signer {
    #[expect(clippy::disallowed_methods, reason = "the registry has a clock of its own")]
    fn token(&self, request: &str, may_pull: bool) -> String {
        let name = request.split("repository%3A").nth(1).unwrap();
        let name = name.split("%3A").next().unwrap().replace("%2F", "/");
        let access = json!([{ "type": "repository", "name": name, "actions": ["pull", "push"] }]);
        let header = json!({ "typ": "JWT", "alg": "ES256", "x5c": [self.certificate] });
        let now = jiff::Timestamp::now().as_second();
        let claims = json!({
            "iss": "lab", "aud": "lab", "sub": USER, "jti": "1",
            "iat": now - 10, "nbf": now - 10, "exp": now + 300,
            "access": if may_pull { access } else { json!([]) },
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}
