//! What this very program pulls, without a connection.

use std::io::Read as _;

use super::*;

fn password(user: &str, password: &str) -> Puller {
    Puller::Password { user: user.to_owned(), password: password.to_owned() }
}

impl Lab {
    async fn opens(&self, target: &Target, repository: &str, puller: Puller) -> bool {
        self.service.open(target.clone(), repository, puller).await.unwrap().is_some()
    }
}

#[tokio::test]
async fn the_same_people_pull_without_a_connection_as_with_one() {
    let lab = Lab::new();
    let named = Target::Named("owner".into());
    let refresh = Claims::refresh(Some("owner".to_owned()), Who::Principal(PULLER));
    let refresh = One.sign(&refresh).unwrap();
    let elsewhere = Claims::refresh(Some("other".to_owned()), Who::Principal(PULLER));
    let elsewhere = One.sign(&elsewhere).unwrap();
    let user = crate::access::TOKEN_USER;
    for (puller, expected) in [
        (password("Owner", "first"), true),
        (password("owner", "third"), false),
        (password("other", "first"), false),
        (Puller::Principal(PULLER), true),
        (Puller::Principal(DELETER), false),
        (Puller::Principal(Uuid::from_u128(9)), false),
        (password(user, &PULLER.to_string()), true),
        (password(user, &DELETER.to_string()), false),
        (password(user, &refresh), true),
        (password(user, &elsewhere), false),
        (password(user, "x"), false),
    ] {
        assert_eq!(lab.opens(&named, "team/app", puller).await, expected);
    }
    for (repository, expected) in
        [("owner/team/app", true), ("other/team/app", false), ("app", false)]
    {
        let puller = Puller::Principal(PULLER);
        assert_eq!(lab.opens(&Target::InPath, repository, puller).await, expected, "{repository}");
    }
    let bad = lab.service.open(named, "../x", Puller::Principal(PULLER)).await.unwrap_err();
    assert_eq!(bad.code(), Code::NameInvalid);
}

#[tokio::test]
async fn what_was_pushed_is_read_where_it_is_even_if_it_is_deleted_meanwhile() {
    let lab = Lab::new();
    let layer = lab.push("team/app", b"layer").await;
    let text = manifest(&layer, &layer, &json!({}));
    let path = "/v2/owner/team/app/manifests/v1";
    assert_eq!(lab.send("PUT", path, &[], Body::from(text.clone())).await.status, 201);
    let named = Target::Named("owner".into());
    let opened = lab.service.open(named, "team/app", Puller::Principal(PULLER)).await.unwrap();
    let opened = opened.unwrap();
    assert_eq!(opened.manifest("v1").unwrap().unwrap(), text.as_bytes());
    let digest = Digest::of_bytes(text.as_bytes()).to_string();
    assert!(opened.manifest(&digest).unwrap().is_some());
    assert!(opened.manifest("v2").unwrap().is_none() && opened.manifest("../x").unwrap().is_none());
    assert!(opened.blob(&digest).unwrap().is_none() && opened.blob("x").unwrap().is_none());
    let mut file = opened.blob(&layer).unwrap().unwrap();
    assert_eq!(lab.ask("DELETE", &format!("/v2/owner/team/app/blobs/{layer}")).await.status, 202);
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"layer");
    assert!(opened.blob(&layer).unwrap().is_none());
}
