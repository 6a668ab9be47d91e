//! `/acr/v1/`: what Azure Container Registry tells besides the distribution API.

use super::*;

impl Lab {
    /// An image with these tags; its digest.
    async fn image(&self, repository: &str, layer: &'static [u8], tags: &[&str]) -> String {
        let config = br#"{"architecture":"amd64","os":"linux"}"#;
        let push = |bytes: &'static [u8]| async move {
            let digest = Digest::of_bytes(bytes).to_string();
            let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
            assert_eq!(self.send("POST", &path, &[], Body::from(bytes)).await.status, 201);
            digest
        };
        let text = manifest(&push(config).await, &push(layer).await, &json!({}));
        for tag in tags {
            let path = format!("/v2/{repository}/manifests/{tag}");
            let put = self.send("PUT", &path, &[], Body::from(text.clone())).await;
            assert_eq!(put.status, 201);
        }
        Digest::of_bytes(text.as_bytes()).to_string()
    }
}

#[tokio::test]
async fn tags_and_manifests_are_told_of_as_azure_does() {
    let lab = Lab { target: Target::Named("owner".into()), ..Lab::new() };
    let one = lab.image("team/app", b"one", &["b", "a"]).await;
    let two = lab.image("team/app", b"two", &["c"]).await;
    let tag = lab.ask("GET", "/acr/v1/team/app/_tags/a").await.json();
    assert_eq!((&tag["registry"], &tag["imageName"]), (&json!("here:1"), &json!("team/app")));
    assert_eq!((&tag["tag"]["name"], &tag["tag"]["digest"]), (&json!("a"), &json!(one)));
    let time = tag["tag"]["createdTime"].as_str().unwrap();
    assert_eq!((time.len(), &time[27..]), ("2020-01-01T00:00:00.0000000Z".len(), "Z"));
    let names = |told: &Value| {
        let tags = told["tags"].as_array().unwrap().iter();
        tags.map(|tag| tag["name"].as_str().unwrap().to_owned()).collect::<String>()
    };
    let page = lab.ask("GET", "/acr/v1/team/app/_tags?n=2").await;
    assert_eq!(names(&page.json()), "ab");
    assert_eq!(page.header("link"), "</acr/v1/team/app/_tags?last=b&n=2&orderby=>; rel=\"next\"");
    let rest = lab.ask("GET", "/acr/v1/team/app/_tags?last=b&n=2&orderby=").await;
    assert_eq!((names(&rest.json()).as_str(), rest.header("link")), ("c", ""));
    let newest = lab.ask("GET", "/acr/v1/team/app/_tags?orderby=timedesc&n=1").await;
    assert_eq!(names(&newest.json()), "c");
    let of_one = lab.ask("GET", &format!("/acr/v1/team/app/_tags?digest={one}")).await;
    assert_eq!(names(&of_one.json()), "ab");
    let manifest = lab.ask("GET", &format!("/acr/v1/team/app/_manifests/{one}")).await.json();
    let manifest = &manifest["manifest"];
    assert_eq!((&manifest["os"], &manifest["architecture"]), (&json!("linux"), &json!("amd64")));
    assert_eq!((&manifest["imageSize"], &manifest["tags"]), (&json!(7), &json!(["a", "b"])));
    let all = lab.ask("GET", "/acr/v1/team/app/_manifests").await.json();
    assert_eq!(all["manifests"].as_array().unwrap().len(), 2);
    let whole = lab.ask("GET", "/acr/v1/team/app").await.json();
    assert_eq!((&whole["manifestCount"], &whole["tagCount"]), (&json!(2), &json!(3)));
    assert_eq!(lab.ask("PATCH", "/acr/v1/team/app").await.status, 405, "nothing can be locked");
    assert_eq!(lab.ask("GET", "/acr/v1/none/_tags").await.code(), "NAME_UNKNOWN");
    assert_eq!(lab.ask("GET", "/acr/v1/team/app/_tags/none").await.code(), "MANIFEST_UNKNOWN");
    assert_eq!(lab.ask("DELETE", "/acr/v1/team/app/_tags/a").await.status, 202);
    assert_eq!(lab.ask("GET", &format!("/v2/team/app/manifests/{one}")).await.status, 200);
    let gone = lab.ask("DELETE", "/acr/v1/team/app").await;
    assert_eq!((gone.status, &gone.json()["tagsDeleted"]), (202, &json!(["b", "c"])));
    assert_eq!(gone.json()["manifestsDeleted"].as_array().unwrap().len(), 2);
    assert_eq!(lab.ask("GET", &format!("/v2/team/app/manifests/{two}")).await.status, 404);
    assert_eq!(lab.ask("GET", "/acr/v1/_catalog").await.json(), json!({ "repositories": [] }));
    assert_eq!(lab.ask("DELETE", "/acr/v1/team/app").await.code(), "NAME_UNKNOWN");
}

#[tokio::test]
async fn a_tag_that_moves_has_been_there_since_it_was_made() {
    let lab = Lab { target: Target::Named("owner".into()), ..Lab::new() };
    let file = lab.dir.path().join("owner/app/_tags/a");
    let created =
        async || lab.ask("GET", "/acr/v1/app/_tags/a").await.json()["tag"]["createdTime"].clone();
    let one = lab.image("app", b"one", &["a"]).await;
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(long_ago).unwrap();
    for layer in [b"two", b"six"] {
        lab.image("app", layer, &["a"]).await;
        assert_eq!(created().await, "2001-09-09T01:46:40.0000000Z");
    }
    // As an earlier Wharf wrote it.
    std::fs::write(&file, one.trim_start_matches("sha256:")).unwrap();
    let tag = lab.ask("GET", "/acr/v1/app/_tags/a").await.json();
    assert_eq!((&tag["tag"]["digest"], tag["tag"]["createdTime"].is_string()), (&json!(one), true));
}

#[tokio::test]
async fn a_page_of_manifests_has_what_a_list_of_all_has() {
    let lab = Lab { target: Target::Named("owner".into()), ..Lab::new() };
    let list = async |query: &str| {
        let answer = lab.ask("GET", &format!("/acr/v1/app/_manifests?{query}")).await;
        (answer.json()["manifests"].as_array().unwrap().clone(), answer.header("link").to_owned())
    };
    let mut images = Vec::new();
    for (layer, tag) in [(b"one", "a"), (b"two", "b"), (b"six", "c")] {
        let digest = lab.image("app", layer, &[tag]).await;
        let file = lab.dir.path().join("owner/app/_manifests").join(&digest[7..]);
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(images.len() as u64);
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(at).unwrap();
        images.push(digest);
    }
    let (newest, more) = list("orderby=timedesc&n=1").await;
    assert_eq!((&newest[0]["digest"], newest.len()), (&json!(images[2]), 1));
    assert_eq!((&newest[0]["tags"], &newest[0]["os"]), (&json!(["c"]), &json!("linux")));
    assert!(more.ends_with("&n=1&orderby=timedesc>; rel=\"next\""), "{more}");
    let (all, none) = list("").await;
    assert_eq!((all.len(), none.as_str()), (3, ""));
    let (first, _) = list("n=2").await;
    let end = first[1]["digest"].as_str().unwrap();
    let (rest, none) = list(&format!("n=2&last={end}")).await;
    assert_eq!(([first, rest].concat(), none.as_str()), (all, ""));
    assert_eq!(lab.ask("GET", "/acr/v1/none/_manifests").await.code(), "NAME_UNKNOWN");
}
