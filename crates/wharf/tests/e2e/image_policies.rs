//! Hosts that want images signed, or named by digest. The signatures are made with openssl.

use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::{
    Daemon,
    registry::{Registry, signed_payload},
    text,
};

fn task(wharf: &Daemon, name: &str, image: &str) -> Output {
    let line = ["create", name, "--image", image, "--restart-policy", "Never"];
    wharf.run(&[&line[..], &["--command-line", "echo it-runs"]].concat())
}

fn openssl(args: &[&str]) -> String {
    let output = Command::new("openssl").args(args).output().expect("openssl is installed");
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn a_host_that_wants_signatures_runs_what_is_signed_and_nothing_else() {
    let (mut wharf, registry) = (Daemon::start(), Registry::start());
    let image = registry.push_busybox("team/app");
    assert!(task(&wharf, "before", &image).status.success());
    wharf.wait_for_state("before", "Succeeded");
    let path = |name: &str| wharf.dir().join(name).to_str().unwrap().to_owned();
    let [key, public, payload, signature] = ["key.pem", "pub.pem", "payload", "sig"].map(path);
    openssl(&["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", &key]);
    openssl(&["ec", "-in", &key, "-pubout", "-out", &public]);
    let inspect = |wharf: &Daemon| -> Value {
        serde_json::from_str(&wharf.ok(&["image", "inspect", &image, "-o", "json"])).unwrap()
    };
    let known = inspect(&wharf);
    assert_eq!((&known["allowed"], &known["signedBy"]), (&true.into(), &Value::Array(vec![])));
    wharf.kill();
    let policy = format!("{}/team={public}", registry.address);
    wharf.up(&[("WHARF_REQUIRE_SIGNATURE", &policy)]);

    assert_eq!(inspect(&wharf)["allowed"], false);
    let refused = text(&task(&wharf, "unsigned", &image).stderr);
    let told = format!("images of '{}/team' have to be signed on this host", registry.address);
    assert!(refused.contains("InaccessibleImage") && refused.contains(&told), "{refused}");
    // Nor does a group that has it start again.
    wharf.ok(&["start", "before", "--no-wait"]);
    let is_told = crate::harness::wait_for(std::time::Duration::from_mins(1), || {
        wharf.view("before", 0)["events"].to_string().contains("require-signature")
    });
    assert!(is_told, "{}", wharf.view("before", 0)["events"]);

    let digest = known["digest"].as_str().unwrap();
    let text_of = signed_payload(digest).to_string();
    std::fs::write(&payload, &text_of).unwrap();
    openssl(&["dgst", "-sha256", "-sign", &key, "-out", &signature, &payload]);
    let signature = openssl(&["base64", "-A", "-in", &signature]);
    registry.push_signatures("team/app", digest, &[(text_of.into_bytes(), signature)]);
    let created = task(&wharf, "signed", &image);
    assert!(created.status.success(), "{}\n{}", text(&created.stderr), wharf.log());
    wharf.wait_for_state("signed", "Succeeded");
    let known = inspect(&wharf);
    assert_eq!(known["allowed"], true);
    assert_eq!(known["signedBy"].as_array().unwrap().len(), 1, "{known}");
    // It is known to be signed: nobody has to be asked.
    drop(registry);
    assert!(task(&wharf, "again", &image).status.success());
}

#[test]
fn a_host_that_wants_digests_refuses_tags() {
    let registry = Registry::start();
    let wharf = Daemon::with(&["--require-digest", &registry.address]);
    let image = registry.push_busybox("team/app");
    let refused = text(&task(&wharf, "by-tag", &image).stderr);
    assert!(refused.contains("have to be named by digest on this host"), "{refused}");
    let (_, error) = wharf.fails(&["image", "pull", &image]);
    assert!(error.contains("ImageNotAllowed") && error.contains("require-digest"), "{error}");
    let inspected = Command::new("skopeo")
        .args(["inspect", "--tls-verify=false", "--format={{.Digest}}"])
        .arg(format!("docker://{image}"))
        .output()
        .unwrap();
    let pinned = format!("{}/team/app@{}", registry.address, text(&inspected.stdout).trim());
    assert!(task(&wharf, "by-digest", &pinned).status.success(), "{}", wharf.log());
    wharf.wait_for_state("by-digest", "Succeeded");
}

#[test]
fn a_policy_that_cannot_be_kept_is_told_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("rsa.pem");
    let [key, place] = [file.to_str().unwrap(), dir.path().to_str().unwrap()];
    let private = format!("{place}/private.pem");
    openssl(&["genrsa", "-out", &private, "2048"]);
    openssl(&["rsa", "-in", &private, "-pubout", "-out", key]);
    for (flag, value, told) in [
        ("--require-signature", format!("*={key}"), "not of the kind ECDSA P-256"),
        ("--require-signature", format!("*={private}"), "it holds no PUBLIC KEY"),
        ("--require-signature", format!("*={place}/none"), "none"),
        ("--require-signature", "lab.example".to_owned(), "require_signature"),
        ("--require-digest", "lab.example/a:1".to_owned(), "neither '*' nor a registry"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_wharf"))
            .args(["serve", "--data-dir", place, "--run-dir", place, flag, &value])
            .output()
            .unwrap();
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(told), "{error}");
    }
}
