//! Tokens: who gets one, and what it opens.

use super::*;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
/// Not the admin user.
const NOBODY: (&str, &str) = ("authorization", "");

impl Lab {
    fn named() -> Self {
        Self { target: Target::Named("owner".into()), ..Self::new() }
    }

    async fn form(&self, path: &str, body: &str) -> Told {
        self.send("POST", path, &[FORM, NOBODY], Body::from(body.to_owned())).await
    }

    /// A refresh token of an identity.
    async fn refresh(&self, who: Uuid) -> String {
        let body = format!("grant_type=access_token&service=here%3A1&access_token={who}");
        let told = self.form("/oauth2/exchange", &body).await;
        assert_eq!(told.header("cache-control"), "no-store");
        told.json()["refresh_token"].as_str().unwrap().to_owned()
    }

    /// An access token for it.
    async fn access(&self, refresh: &str, scope: &str) -> String {
        let plus = refresh.replace('+', "%2B").replace('=', "%3D");
        let body = format!("grant_type=refresh_token&refresh_token={plus}&scope={scope}");
        let told = self.form("/oauth2/token", &body).await;
        told.json()["access_token"].as_str().unwrap().to_owned()
    }

    async fn with(&self, token: &str, method: &str, path: &str) -> Told {
        let bearer = format!("Bearer {token}");
        self.send(method, path, &[("authorization", &bearer)], Body::empty()).await
    }
}

#[tokio::test]
async fn an_identity_gets_tokens_for_what_its_roles_allow_and_no_more() {
    let lab = Lab::named();
    let refresh = lab.refresh(PULLER).await;
    assert_eq!(lab.with(&refresh, "GET", "/v2/").await.status, 401, "it is no access token");
    let token = lab.access(&refresh, "repository:team/app:pull,push,delete").await;
    assert_eq!(lab.with(&token, "GET", "/v2/").await.status, 200);
    let tags = lab.with(&token, "GET", "/v2/team/app/tags/list").await;
    assert_eq!(tags.code(), "NAME_UNKNOWN", "it may look");
    let push = lab.with(&token, "POST", "/v2/team/app/blobs/uploads/").await;
    assert_eq!(push.status, 401);
    let challenge = "Bearer realm=\"https://here:1/oauth2/token\",service=\"here:1\",\
                     scope=\"repository:team/app:pull,push\",error=\"insufficient_scope\"";
    assert_eq!(push.header("www-authenticate"), challenge);
    let elsewhere = lab.with(&token, "GET", "/v2/other/tags/list").await;
    assert_eq!(elsewhere.status, 401, "the token is for one repository");
    assert_eq!(lab.with(&token, "GET", "/v2/_catalog").await.status, 401);
    let catalog = lab.access(&refresh, "registry:catalog:*").await;
    assert_eq!(lab.with(&catalog, "GET", "/v2/_catalog").await.status, 200);
    assert_eq!(lab.with(&catalog, "GET", "/acr/v1/_catalog").await.status, 200);
    let deleter = lab.refresh(DELETER).await;
    let token = lab.access(&deleter, "repository:x:*").await;
    assert_eq!(lab.with(&token, "GET", "/v2/x/manifests/a").await.status, 401);
    let delete = lab.with(&token, "DELETE", "/v2/x/manifests/a").await;
    assert_eq!(delete.code(), "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn who_has_no_role_or_shows_what_is_no_token_gets_none() {
    let lab = Lab::named();
    let stranger = Uuid::from_u128(9);
    for (path, body, status) in [
        ("exchange", format!("grant_type=access_token&access_token={stranger}"), 401),
        ("exchange", "grant_type=access_token&access_token=x".to_owned(), 401),
        ("exchange", format!("grant_type=password&access_token={PULLER}"), 400),
        ("exchange", "grant_type=access_token".to_owned(), 400),
        ("token", "grant_type=refresh_token&refresh_token=x".to_owned(), 401),
        ("token", "grant_type=password&username=owner&password=x".to_owned(), 401),
        ("token", "grant_type=password&username=owner&password=first".to_owned(), 200),
        ("token", "grant_type=other&username=owner".to_owned(), 400),
        ("token", String::new(), 400),
    ] {
        let told = lab.form(&format!("/oauth2/{path}"), &body).await;
        assert_eq!(told.status, status, "{path} {body}");
    }
    let get = |header: (&'static str, String)| {
        let lab = &lab;
        async move {
            let headers = [(header.0, header.1.as_str())];
            lab.send("GET", "/oauth2/token?scope=", &headers, Body::empty()).await.status
        }
    };
    let basic = |text: &str| ("authorization", format!("Basic {}", BASE64_STANDARD.encode(text)));
    assert_eq!(get(basic("owner:first")).await, 200);
    assert_eq!(get(basic("owner:third")).await, 401);
    assert_eq!(get((NOBODY.0, NOBODY.1.to_owned())).await, 401);
    let refresh = lab.refresh(PULLER).await;
    let user = crate::access::TOKEN_USER;
    assert_eq!(get(basic(&format!("{user}:{refresh}"))).await, 200);
    assert_eq!(get(basic(&format!("{user}:{PULLER}"))).await, 200);
    assert_eq!(get(basic(&format!("{user}:x"))).await, 401);
    let access = lab.access(&refresh, "repository:team/app:pull").await;
    assert_eq!(
        get(basic(&format!("{user}:{access}"))).await,
        401,
        "it would give more than it is for"
    );
}

#[tokio::test]
async fn a_registry_that_is_named_in_the_path_is_named_in_scopes_as_well() {
    let lab = Lab::new();
    let refresh = lab.refresh(PULLER).await;
    let token =
        lab.access(&refresh, "repository:owner/team/app:pull+repository:other/x:pull").await;
    let app = lab.with(&token, "GET", "/v2/owner/team/app/manifests/a").await;
    assert_eq!(app.code(), "MANIFEST_UNKNOWN");
    assert_eq!(lab.with(&token, "GET", "/v2/other/x/manifests/a").await.status, 401);
    assert_eq!(lab.with(&token, "GET", "/v2/").await.status, 200);
    assert_eq!(lab.with(&token, "GET", "/v2/_catalog").await.status, 404, "of which registry?");
    let user = format!("{}:{PULLER}", crate::access::TOKEN_USER);
    let basic = format!("Basic {}", BASE64_STANDARD.encode(user));
    let headers = [("authorization", basic.as_str())];
    let named = lab.send("GET", "/v2/owner/_catalog", &headers, Body::empty()).await;
    assert_eq!(named.json(), json!({ "repositories": [] }));
    let unknown = lab.send("GET", "/v2/owner/a/b/manifests/x", &[NOBODY], Body::empty()).await;
    let challenge = unknown.header("www-authenticate");
    assert!(challenge.ends_with("scope=\"repository:owner/a/b:pull\""), "{challenge}");
}

#[tokio::test]
async fn who_may_not_pull_takes_over_no_blob() {
    let lab = Lab::named();
    let digest = Digest::of_bytes(b"layer").to_string();
    let path = format!("/v2/team/app/blobs/uploads/?digest={digest}");
    assert_eq!(lab.send("POST", &path, &[], Body::from("layer")).await.status, 201);
    let body = "grant_type=password&username=owner&password=first&scope=repository:mine:pull,push";
    let told = lab.form("/oauth2/token", body).await.json();
    let token = told["access_token"].as_str().unwrap();
    let mount = format!("/v2/mine/blobs/uploads/?mount={digest}&from=team/app");
    assert_eq!(lab.with(token, "POST", &mount).await.status, 202, "an upload begins instead");
    let body = format!("{body}&scope=repository:team/app:pull");
    let told = lab.form("/oauth2/token", &body).await.json();
    let token = told["access_token"].as_str().unwrap();
    assert_eq!(lab.with(token, "POST", &mount).await.status, 201);
}
