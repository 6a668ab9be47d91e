//! Volumes (semantics.md §11): emptyDir, secret, gitRepo, and how they are mounted.

use std::{os::unix::fs::symlink, time::Duration};

use serde_json::{Value, json};

use crate::harness::{
    Daemon,
    group::{events, group, script, with},
    repository::Repository,
    wait_for,
};

fn mounts(list: &[(&str, &str)]) -> Value {
    let mounts: Vec<_> =
        list.iter().map(|(name, path)| json!({ "name": name, "mountPath": path })).collect();
    json!({ "volumeMounts": mounts })
}

fn task(text: &str, list: &[(&str, &str)], volumes: &Value) -> Value {
    let more = json!({ "restartPolicy": "Never", "volumes": volumes });
    group("g", &[with(script("c", text), &mounts(list))], &more)
}

#[test]
fn an_empty_dir_is_shared_outlives_restarts_and_goes_with_the_deployment() {
    let wharf = Daemon::start();
    let writer = "echo $(cat /w/count 2>/dev/null)x > /w/count; [ $(wc -c < /w/count) -gt 3 ] || \
                  exit 1; sleep 1000";
    let reader = "until grep -q xxx /r/count 2>/dev/null; do sleep 0.1; done; cat /r/count; touch \
                  /r/no 2>/dev/null || echo read-only; sleep 1000";
    let mut read_only = mounts(&[("shared", "/r")]);
    read_only["volumeMounts"][0]["readOnly"] = json!(true);
    let containers = [
        with(script("writer", writer), &mounts(&[("shared", "/w")])),
        with(script("reader", reader), &read_only),
    ];
    let more = json!({ "volumes": [{ "name": "shared", "emptyDir": {} }] });
    wharf.create(&group("g", &containers, &more));
    let seen = wait_for(Duration::from_secs(40), || {
        wharf.ok(&["logs", "g", "--container", "reader"]) == "xxx\nread-only\n"
    });
    assert!(seen, "{}", wharf.ok(&["logs", "g", "--container", "reader"]));
    assert_eq!(wharf.view("g", 0)["restartCount"], 2, "it lives through restarts");
    wharf.ok(&["stop", "g"]);
    wharf.ok(&["start", "g"]);
    let anew = wait_for(Duration::from_secs(20), || wharf.view("g", 0)["restartCount"] == 1);
    assert!(anew, "it starts empty again: {:#}", wharf.view("g", 0));
}

#[test]
fn a_secret_is_in_memory_decoded_for_its_user_only_and_nowhere_else() {
    let wharf = Daemon::start();
    let text = "exec 2>/dev/null; cd /mnt/secrets; cat pwd; stat -c %a:%u pwd; grep /mnt/secrets /proc/mounts; echo \
                no > pwd || echo refused; touch new || echo refused; wc -c < cert.pem; ls; cat \
                /again/pwd";
    let volumes = json!([{
        "name": "secrets",
        "secret": { "pwd": "aHVudGVyMi1zM2NyM3QK", "cert.pem": "AAECAwQFBgcICQ==" },
    }]);
    let document = task(text, &[("secrets", "/mnt/secrets"), ("secrets", "/again")], &volumes);
    let log = wharf.output(&document);
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines[..2], ["hunter2-s3cr3t", "400:0"], "{log}");
    assert!(lines[2].starts_with("tmpfs ") || lines[2].contains(" tmpfs ro,"), "{log}");
    assert_eq!(lines[3..], ["refused", "refused", "10", "cert.pem", "pwd", "hunter2-s3cr3t"]);
    let shown = wharf.show("g");
    assert_eq!(shown["properties"]["volumes"], json!([{ "name": "secrets", "secret": {} }]));
    // Neither form of it is on the disk, in a log or in a response.
    for needle in ["hunter2-s3cr3t", "aHVudGVyMi1zM2NyM3QK"] {
        assert!(!shown.to_string().contains(needle) && !wharf.log().contains(needle));
        let found = std::process::Command::new("grep")
            .args(["-rlaF", needle])
            .args([wharf.dir().join("d"), wharf.dir().join("r")])
            .output()
            .unwrap();
        let found = String::from_utf8(found.stdout).unwrap();
        let places: Vec<_> = found.lines().filter(|path| !path.contains("/logs/")).collect();
        assert!(places.is_empty(), "{needle} is in {places:?}");
    }
}

#[test]
fn a_changed_secret_restarts_those_that_mount_it_and_nobody_else() {
    let wharf = Daemon::start();
    let put = |secret: &str| {
        let mount = mounts(&[("secrets", "/s")]);
        let containers = [
            with(script("reader", "cat /s/word; sleep 1000"), &mount),
            script("other", "sleep 1000"),
        ];
        let volumes = json!([{ "name": "secrets", "secret": { "word": secret } }]);
        wharf.create(&group("g", &containers, &json!({ "volumes": volumes })));
    };
    let says = |word: &str| {
        wait_for(Duration::from_secs(20), || {
            wharf.ok(&["logs", "g", "--container", "reader"]) == format!("{word}\n")
        })
    };
    put("b25lCg==");
    assert!(says("one"));
    let started = wharf.view("g", 1)["currentState"]["startTime"].clone();
    put("dHdvCg==");
    assert!(says("two"), "{:#}", wharf.show("g"));
    assert_eq!(wharf.view("g", 1)["currentState"]["startTime"], started);
}

#[test]
fn what_is_wrong_with_a_volume_is_told_by_property() {
    let wharf = Daemon::start();
    for (volume, property) in [
        (json!({ "secret": { "pwd": "not base64!" } }), "volumes[0].secret.pwd"),
        (json!({ "secret": { "a/b": "aGVsbG8=" } }), "volumes[0].secret.a/b"),
        (json!({ "gitRepo": { "repository": "file:///etc" } }), "volumes[0].gitRepo.repository"),
        (
            json!({ "gitRepo": { "repository": "http://h/r", "directory": "../x" } }),
            "volumes[0].gitRepo.directory",
        ),
        (
            json!({ "gitRepo": { "repository": "http://h/r", "revision": "--help" } }),
            "volumes[0].gitRepo.revision",
        ),
        (json!({ "emptyDir": {}, "secret": {} }), "volumes[0]"),
        (json!({ "azureFile": { "shareName": "s" } }), "volumes[0].azureFile.storageAccountName"),
    ] {
        let mut volume = volume;
        volume["name"] = json!("v");
        let error = wharf.refused(&task("true", &[("v", "/v")], &json!([volume])));
        assert!(error.contains(property) && !error.contains("not base64!"), "{error}");
    }
    let vault = json!([{ "name": "v", "secretReference": { "s": "r" } }]);
    assert!(wharf.refused(&task("true", &[("v", "/v")], &vault)).contains("FeatureNotSupported"));
}

fn git_volume(repository: &Repository, more: &Value) -> Value {
    let mut repo = json!({ "repository": format!("http://{}", repository.address) });
    for (name, value) in more.as_object().unwrap() {
        repo[name] = value.clone();
    }
    json!([{ "name": "code", "gitRepo": repo }])
}

#[test]
fn a_repository_is_cloned_where_and_at_what_is_asked() {
    let (wharf, repository) = (Daemon::start(), Repository::new("app", None));
    std::fs::write(repository.work().join("file"), "one\n").unwrap();
    let first = repository.commit();
    std::fs::write(repository.work().join("file"), "two\n").unwrap();
    symlink("/etc/hostname", repository.work().join("escape")).unwrap();
    repository.commit();
    for (more, text, expected) in [
        (json!({}), "cat /code/app/file; cat /code/app/escape; ls /code", "two\ng\napp\n"),
        (json!({ "directory": "." }), "cat /code/file; stat -c %u /code/file", "two\n0\n"),
        (json!({ "directory": "a/b", "revision": first }), "cat /code/a/b/file", "one\n"),
        (json!({ "revision": "main" }), "cat /code/app/file", "two\n"),
    ] {
        let volumes = git_volume(&repository, &more);
        let document = task(text, &[("code", "/code")], &volumes);
        assert_eq!(wharf.output(&document), expected, "{more}");
        assert_eq!(wharf.show("g")["properties"]["volumes"], volumes);
        wharf.clear();
    }
}

#[test]
fn a_token_in_the_address_opens_the_repository_and_is_written_nowhere() {
    // me:t0k3n-s3cr3t
    let repository = Repository::new("private", Some("Basic bWU6dDBrM24tczNjcjN0"));
    let wharf = Daemon::start();
    std::fs::write(repository.work().join("file"), "mine\n").unwrap();
    repository.commit();
    let address = |user: &str| format!("http://{user}@{}", repository.address);
    let document = |user: &str| {
        let volumes = json!([{ "name": "code", "gitRepo": { "repository": address(user) } }]);
        task("cat /code/private/file; sleep 1", &[("code", "/code")], &volumes)
    };
    wharf.create(&document("me:t0k3n-s3cr3t"));
    wharf.wait_for_state("g", "Running");
    let found = std::process::Command::new("grep")
        .args(["-rlaF", "t0k3n-s3cr3t"])
        .args([wharf.dir().join("d"), wharf.dir().join("r")])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(found.stdout).unwrap(), "", "the token is on the disk");
    wharf.wait_for_state("g", "Succeeded");
    assert_eq!(wharf.ok(&["logs", "g"]), "mine\n");
    assert!(!wharf.show("g").to_string().contains("t0k3n"), "{:#}", wharf.show("g"));
    wharf.clear();
    wharf.begin(&document("me:wr0ng-t0k3n"));
    let told = wait_for(Duration::from_secs(20), || failed_mounts(&wharf) > 0);
    assert!(told, "{:#}", wharf.show("g"));
    assert!(!wharf.show("g").to_string().contains("wr0ng") && !wharf.log().contains("wr0ng"));
}

fn failed_mounts(wharf: &Daemon) -> u64 {
    let view = wharf.show("g")["properties"]["instanceView"].clone();
    events(&view, "FailedMount").iter().map(|(_, count)| count).sum()
}

#[test]
fn a_repository_that_cannot_be_had_is_an_event_of_the_group_and_is_tried_again() {
    let (wharf, repository) = (Daemon::start(), Repository::new("app", None));
    std::fs::write(repository.work().join("file"), "late\n").unwrap();
    repository.commit();
    repository.serve(false);
    let document =
        task("cat /code/app/file", &[("code", "/code")], &git_volume(&repository, &json!({})));
    wharf.begin(&document);
    let again = wait_for(Duration::from_secs(30), || failed_mounts(&wharf) >= 2);
    let shown = wharf.show("g");
    assert!(again, "{shown:#}");
    let view = &shown["properties"]["instanceView"];
    let message = &events(view, "FailedMount")[0].0;
    assert!(message.starts_with("MountVolume.SetUp failed for volume \"code\""), "{message}");
    assert_eq!(view["state"], "Pending");
    assert_eq!(wharf.view("g", 0)["currentState"]["state"], "Waiting");
    repository.serve(true);
    wharf.wait_for_state("g", "Succeeded");
    assert_eq!(wharf.ok(&["logs", "g"]), "late\n");
}

#[test]
fn submodules_and_what_they_bring_are_left_alone() {
    let (wharf, repository) = (Daemon::start(), Repository::new("app", None));
    std::fs::write(repository.work().join("file"), "x\n").unwrap();
    let commit = repository.commit();
    let modules =
        "[submodule \"m\"]\n\tpath = m\n\turl = file:///etc\n\tupdate = !touch /tmp/pwned\n";
    std::fs::write(repository.work().join(".gitmodules"), modules).unwrap();
    repository.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},m")]);
    repository.git(&["add", ".gitmodules"]);
    repository.git(&["commit", "--quiet", "--message", "module"]);
    repository.git(&["update-server-info"]);
    let text = "ls /code/app; ls -a /code/app/m; ls /code/app/.git/hooks 2>&1 | grep -c sample";
    let document = task(text, &[("code", "/code")], &git_volume(&repository, &json!({})));
    wharf.begin(&document);
    wharf.wait_for_state("g", "Failed");
    assert_eq!(wharf.ok(&["logs", "g"]), "file\nm\n.\n..\n0\n");
}

#[test]
fn mounts_go_where_they_should_whatever_the_image_and_other_volumes_have_there() {
    let wharf = Daemon::start();
    let text = "echo a > /etc/x; echo b > /outer/inner/y; echo c > /new/deep/z; ls /etc | grep -c \
                passwd; ls /outer /outer/inner; cat /mirror/y; ls /link-target; cat /proc/self/root/etc/x";
    let list = [
        ("etc", "/etc"),
        ("inner", "/outer/inner"),
        ("outer", "/outer"),
        ("new", "/new/deep"),
        ("inner", "/mirror"),
    ];
    let volumes: Vec<_> = ["etc", "inner", "outer", "new"].map(|n| json!({ "name": n })).into();
    let maker = with(
        script("maker", "ln -s /link-target /outer/link; ln -s ../../../../../etc /new/up"),
        &mounts(&[("outer", "/outer"), ("new", "/new")]),
    );
    let mut document = task(text, &list, &json!(volumes));
    let mut maker = maker;
    maker["properties"].as_object_mut().unwrap().remove("resources");
    document["properties"]["initContainers"] = json!([maker]);
    // A mount below a link that another container has made stays inside this container.
    let more = json!({ "name": "etc", "mountPath": "/outer/link/sub" });
    let container = &mut document["properties"]["containers"][0]["properties"];
    container["volumeMounts"].as_array_mut().unwrap().push(more);
    wharf.begin(&document);
    wharf.wait_for_state("g", "Succeeded");
    assert_eq!(
        wharf.ok(&["logs", "g", "--container", "c"]),
        "0\n/outer:\ninner\nlink\n\n/outer/inner:\ny\nb\nsub\na\n"
    );
    assert!(!std::path::Path::new("/link-target").exists());
}
