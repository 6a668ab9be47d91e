//! Who one is, and who learns of it.

use std::{error::Error, sync::Arc};

use camino::Utf8PathBuf;
use wharf_image::{
    CertificateAuthority, Credential, ErrorKind, IdentityTokens, ImageError, Login, RegistryConfig,
};

use crate::{
    Lab, archive, chain, gzip,
    proxy::{Harm, Proxy},
    push,
    registry::{PASSWORD, Registry, USER},
    token_server::{ENTRA_TOKEN, REFRESH_TOKEN, TokenServer},
};

const FILES: &[(&str, &[u8])] = &[("a", b"1")];

fn login(server: &str, username: &str, password: &str) -> Vec<Credential> {
    let [server, username, password] = [server, username, password].map(str::to_owned);
    vec![Credential::password(server, username, password)]
}

/// An issuer that has a token which registries know for one principal, and another for all others.
#[derive(Debug)]
struct Issuer;

impl IdentityTokens for Issuer {
    fn token(&self, principal: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
        match principal {
            "deleted" => Err("the identity was deleted".into()),
            "known" => Ok(ENTRA_TOKEN.to_owned()),
            _ => Ok("token-of-somebody-else".to_owned()),
        }
    }
}

fn identity(server: &str, principal: &str) -> Vec<Credential> {
    let login =
        Login::Identity { id: format!("/ids/{principal}"), principal: principal.to_owned() };
    vec![Credential { server: server.to_owned(), login }]
}

fn with_issuer() -> Lab {
    let identities: Option<Arc<dyn IdentityTokens>> = Some(Arc::new(Issuer));
    Lab::with(RegistryConfig { identities, ..RegistryConfig::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn basic_credentials_open_a_private_registry_and_nothing_else_does() {
    let registry = Registry::private();
    let image = push(&registry, "lab/app", FILES);
    let lab = Lab::new();
    let elsewhere = login("other.example", USER, PASSWORD);
    for wrong in [vec![], login(&registry.address, USER, "wrong"), elsewhere] {
        let error = lab.store.check(&image, &wrong).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    }
    let server = format!("https://{}/", registry.address);
    lab.pull_as(&image, &login(&server, USER, PASSWORD)).await.unwrap();
    // It is here, and still only for who can have it.
    assert_eq!(lab.store.check(&image, &[]).await.unwrap_err().kind(), ErrorKind::Denied);
    drop(registry);
    lab.store.check(&image, &login(&server, USER, PASSWORD)).await.unwrap();
    assert_eq!(lab.store.check(&image, &[]).await.unwrap_err().kind(), ErrorKind::Registry);
}

#[tokio::test(flavor = "multi_thread")]
async fn pulls_at_one_time_with_different_credentials_share_layers_and_no_result() {
    let registry = Registry::private();
    let files: &[(&str, &[u8])] = &[("a", &crate::noise(500_000))];
    let image = push(&registry, "lab/app", files);
    let layer = format!("blobs/{}", crate::registry::digest(&gzip(&archive(files))));
    let proxy = Proxy::before(&registry.address);
    proxy.harm(&layer, 1, Harm::Slow(100_000, std::time::Duration::from_millis(100)));
    let image = image.replace(&registry.address, &proxy.address);
    let (lab, good) = (Lab::new(), login(&proxy.address, USER, PASSWORD));
    let elsewhere = [login("other.example", USER, "other"), good.clone()].concat();
    let (bad, none) = (login(&proxy.address, USER, "wrong"), vec![]);
    let pulls = [&good, &bad, &none, &elsewhere, &good].map(|who| lab.pull_as(&image, who));
    let pulled = futures::future::join_all(pulls).await;
    let told = pulled.iter().map(|result| result.as_ref().map_err(ImageError::kind).map(drop));
    let denied = Err(ErrorKind::Denied);
    assert_eq!(told.collect::<Vec<_>>(), [Ok(()), denied, denied, Ok(()), Ok(())]);
    let [image] = lab.store.list().try_into().unwrap();
    assert_eq!(image.layers.len(), 1);
    assert_eq!(proxy.heads(&layer).len(), 1, "whoever comes later takes the layer that is here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_server_is_asked_with_credentials_and_without() {
    let server = TokenServer::start();
    let image = push(&server.registry, "lab/app", FILES);
    let address = &server.registry.address;
    let lab = Lab::new();
    let error = lab.store.check(&image, &[]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{}", chain(&error));
    let wrong = lab.store.check(&image, &login(address, USER, "wrong")).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Denied);
    assert!(!chain(&wrong).contains(PASSWORD) && !format!("{wrong:?}").contains(PASSWORD));
    let before = server.requests().len();
    lab.pull_as(&image, &login(address, USER, PASSWORD)).await.unwrap();
    assert_eq!(server.requests().len(), before + 1, "one token does for the whole pull");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_azure_container_registries_are_exchanged() {
    let server = TokenServer::start();
    let image = push(&server.registry, "lab/app", FILES);
    let zero = "00000000-0000-0000-0000-000000000000";
    let before = server.requests().len();
    for secret in [REFRESH_TOKEN, ENTRA_TOKEN] {
        let who = login(&server.registry.address, zero, secret);
        Lab::new().pull_as(&image, &who).await.unwrap();
    }
    let asked = server.requests()[before..].join(" ").replace(" HTTP/1.1", "");
    let token = "POST /oauth2/token";
    assert_eq!(asked, [token, token, "POST /oauth2/exchange", token].join(" "));
    let wrong = login(&server.registry.address, zero, "nonsense");
    let error = Lab::new().pull_as(&image, &wrong).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_pulls_with_a_token_that_the_registry_exchanges() {
    let server = TokenServer::start();
    let image = push(&server.registry, "lab/app", FILES);
    let address = &server.registry.address.clone();
    let (lab, before) = (with_issuer(), server.requests().len());
    lab.store.check(&image, &identity(address, "known")).await.unwrap();
    lab.pull_as(&image, &identity(address, "known")).await.unwrap();
    let asked = server.requests()[before..].join(" ").replace(" HTTP/1.1", "");
    let [exchange, token] = ["POST /oauth2/exchange", "POST /oauth2/token"];
    assert_eq!(asked, [exchange, token, exchange, token].join(" "));
    // It is here for that identity, and for nobody else.
    let others = [
        vec![],
        identity(address, "stranger"),
        identity(address, "deleted"),
        login(address, "", "known"),
    ];
    for other in others {
        let error = lab.store.check(&image, &other).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{}", chain(&error));
    }
    drop(server.registry);
    lab.store.check(&image, &identity(address, "known")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_takes_no_token_of_an_identity_is_told_by_name() {
    let server = TokenServer::start();
    let image = push(&server.registry, "lab/app", FILES);
    let private = Registry::private();
    let basic = push(&private, "lab/app", FILES);
    for (image, registry, principal, told) in [
        (&image, &server.registry, "stranger", "has to trust Wharf as the issuer of tokens"),
        (&image, &server.registry, "deleted", "is it there?"),
        (&basic, &private, "known", "takes user names and passwords"),
    ] {
        let error = with_issuer().pull_as(image, &identity(&registry.address, principal)).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{}", chain(&error));
        let advice = error.advice().unwrap_or_default();
        assert!(advice.contains(told) && advice.contains(&format!("/ids/{principal}")), "{advice}");
        assert!(!format!("{error:?}{}", chain(&error)).contains("token-of-somebody-else"));
    }
    // Nobody but the registry that the credential names is shown anything.
    let elsewhere = identity("other.example", "known");
    let error = with_issuer().store.check(&image, &elsewhere).await.unwrap_err();
    assert_eq!((error.kind(), error.advice()), (ErrorKind::Denied, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_do_not_follow_a_redirect_to_another_host() {
    let registry = Registry::private();
    let image = push(&registry, "lab/app", FILES);
    let (front, elsewhere) = (Proxy::before(&registry.address), Proxy::before("127.0.0.1:1"));
    let packed = gzip(&archive(FILES));
    let layer = format!("blobs/{}", crate::registry::digest(&packed));
    front.harm(&layer, 2, Harm::Redirect(Some(format!("http://{}/signed", elsewhere.address))));
    elsewhere.harm("/signed", 1, Harm::Body(packed));
    let image = image.replace(&registry.address, &front.address);
    Lab::new().pull_as(&image, &login(&front.address, USER, PASSWORD)).await.unwrap();
    assert!(front.heads(&layer).iter().all(|head| head.contains("authorization: Basic")));
    let there = elsewhere.heads("/signed");
    assert_eq!(there.len(), 1);
    assert!(!there[0].contains("authorization"), "{}", there[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_administrators_credentials_serve_groups_that_bring_none() {
    let registry = Registry::private();
    let image = push(&registry, "lab/app", FILES);
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().join("config.json")).unwrap();
    let text = format!(
        r#"{{"auths": {{"{}": {{"username": "{USER}", "password": "{PASSWORD}"}}}}}}"#,
        registry.address
    );
    std::fs::write(&path, text).unwrap();
    let config = RegistryConfig { docker_config: Some(path), ..RegistryConfig::default() };
    let lab = Lab::with(config);
    lab.pull(&image).await.unwrap();
    // Who brings wrong ones is not helped.
    let wrong = login(&registry.address, USER, "wrong");
    assert_eq!(Lab::new().pull_as(&image, &wrong).await.unwrap_err().kind(), ErrorKind::Denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_with_a_certificate_of_its_own_is_believed_when_that_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::default();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(parameters, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = parameters.signed_by(&key, &issuer).unwrap();
    std::fs::write(dir.path().join("cert.pem"), certificate.pem()).unwrap();
    std::fs::write(dir.path().join("key.pem"), key.serialize_pem()).unwrap();
    let http = "  tls:\n    certificate: DIR/cert.pem\n    key: DIR/key.pem\n";
    let registry = Registry::within(dir, "", http, false);
    let image = push(&registry, "lab/app", FILES);
    let file = Utf8PathBuf::from_path_buf(registry.dir().join("ca.pem")).unwrap();
    std::fs::write(&file, authority.pem()).unwrap();
    let name = registry.address.clone();
    let config = |file: Utf8PathBuf| RegistryConfig {
        authorities: vec![CertificateAuthority { registry: name.clone(), file }],
        ..RegistryConfig::default()
    };
    Lab::with(config(file.clone())).pull(&image).await.unwrap();
    // Another authority is not believed.
    std::fs::write(&file, std::fs::read(registry.dir().join("cert.pem")).unwrap()).unwrap();
    let stranger = rcgen::KeyPair::generate().unwrap();
    let stranger = rcgen::CertificateParams::default().self_signed(&stranger).unwrap();
    std::fs::write(&file, stranger.pem()).unwrap();
    let (kind, error) = Lab::with(config(file)).refused(&image).await;
    assert_eq!(kind, ErrorKind::Registry, "{error}");
}
