//! Groups run images of this host's own registries: by name, with no connection and no copy of a layer.
//! A push outlives the daemon.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::{
    arm::{clear, send},
    harness::{Daemon, registry::find, text},
    registries::Registry,
};

const ACR_PULL: &str = "7f951dda-4ed3-4680-a7ca-43fe172d538d";
const ECHO: [&str; 4] = ["--restart-policy", "Never", "--command-line", "echo from-own-registry"];

/// The output of `wharf create`: whether it went well, and what it said of errors.
fn create(wharf: &Daemon, name: &str, image: &str, more: &[&str]) -> (bool, String) {
    let output = wharf.run(&[&["create", name, "--image", image], &ECHO[..], more].concat());
    (output.status.success(), text(&output.stderr))
}

/// The digest and the size of the only layer of an image.
fn layer(registry: &Registry<'_>, repository: &str) -> (String, u64) {
    let directory = registry.wharf.dir().join("d/registry").join(registry.name).join(repository);
    let manifests = std::fs::read_dir(directory.join("_manifests")).unwrap();
    let file = manifests.map(|entry| entry.unwrap().path()).next().unwrap();
    let stored = std::fs::read_to_string(file).unwrap();
    let manifest: Value = serde_json::from_str(stored.split_once('\n').unwrap().1).unwrap();
    let layer = &manifest["layers"][0];
    (layer["digest"].as_str().unwrap().to_owned(), layer["size"].as_u64().unwrap())
}

#[test]
fn an_image_is_named_by_a_login_server_that_nobody_resolves_and_no_layer_is_copied() {
    let wharf = Daemon::start();
    let registry = Registry::create(&wharf, "harbour");
    let password = registry.password(0);
    registry.push(&password, "team/busybox:v1");
    let image = format!("{}/team/busybox:v1", registry.login_server());
    let as_admin = ["--registry-username", "harbour", "--registry-password", &password];
    for (what, more) in [
        ("no credentials", &[][..]),
        ("a wrong password", &["--registry-username", "harbour", "--registry-password", "x"]),
        ("another user", &["--registry-username", "other", "--registry-password", &password]),
    ] {
        let (is_made, told) = create(&wharf, "refused", &image, more);
        assert!(!is_made && told.contains("InaccessibleImage"), "{what}: {told}");
    }
    for missing in ["team/busybox:none", "team/other:v1"] {
        let image = format!("{}/{missing}", registry.login_server());
        let (is_made, told) = create(&wharf, "refused", &image, &as_admin);
        assert!(!is_made && told.contains("InaccessibleImage"), "{missing}: {told}");
    }
    let (is_made, told) = create(&wharf, "own", &image, &as_admin);
    assert!(is_made, "{told}\n{}", wharf.log());
    wharf.wait_for_state("own", "Succeeded");
    assert_eq!(wharf.ok(&["logs", "own"]), "from-own-registry\n");
    // The packed layer is where it was pushed to, once, and nowhere else.
    let (digest, size) = layer(&registry, "team/busybox");
    let is_packed = |path: &std::path::Path| {
        path.metadata().is_ok_and(|found| found.is_file() && found.len() == size)
            && crate::harness::registry::digest(&std::fs::read(path).unwrap()) == digest
    };
    let packed: Vec<_> =
        find(&wharf.dir().join("d")).into_iter().filter(|f| is_packed(f)).collect();
    assert_eq!(packed.len(), 1, "{packed:?}");
    assert!(packed[0].starts_with(wharf.dir().join("d/registry/harbour/team/busybox/_blobs")));
    wharf.clear();
    clear(&wharf, &registry.home);
}

/// Makes a user-assigned identity.
fn identity(registry: &Registry<'_>, name: &str) -> Value {
    let kind = "providers/Microsoft.ManagedIdentity/userAssignedIdentities";
    let path = format!("{}/{kind}/{name}?api-version=2023-01-31", registry.home);
    let body = json!({ "location": "local" }).to_string();
    let made = send(registry.wharf, "PUT", &path, Some(&body));
    assert!(matches!(made.status, 200 | 201), "{}", made.body);
    made.body
}

#[test]
fn a_group_pulls_as_an_identity_that_has_the_role_to_pull() {
    let wharf = Daemon::start();
    let registry = Registry::create(&wharf, "harbour");
    let by_path = registry.push(&registry.password(1), "team/busybox:v1");
    let off = json!({ "properties": { "adminUserEnabled": false } });
    assert_eq!(registry.send("PATCH", "", &off).0, 200);
    let image = format!("{}/team/busybox:v1", registry.login_server());
    let (puller, stranger) = (identity(&registry, "puller"), identity(&registry, "stranger"));
    let id = puller["id"].as_str().unwrap();
    let refused = |name: &str, identity: &Value| {
        let identity = identity["id"].as_str().unwrap();
        let (is_made, told) = create(&wharf, name, &image, &["--acr-identity", identity]);
        let reason = "has no role there that allows it to pull, such as AcrPull";
        assert!(!is_made && told.contains("InaccessibleImage") && told.contains(reason), "{told}");
    };
    refused("refused", &puller);
    let subscription = registry.home.split("/resourceGroups").next().unwrap();
    let authorization = "providers/Microsoft.Authorization";
    let assignment = json!({ "properties": {
        "principalId": puller["properties"]["principalId"],
        "roleDefinitionId": format!("{subscription}/{authorization}/roleDefinitions/{ACR_PULL}"),
    } });
    let scope = registry.send("GET", "", &Value::Null).1["id"].as_str().unwrap().to_owned();
    let name = "roleAssignments/11111111-2222-3333-4444-555555555555?api-version=2022-04-01";
    let path = format!("{scope}/{authorization}/{name}");
    assert_eq!(send(&wharf, "PUT", &path, Some(&assignment.to_string())).status, 201);
    for (name, image) in [("own", &image), ("by-path", &by_path)] {
        let (is_made, told) = create(&wharf, name, image, &["--acr-identity", id]);
        assert!(is_made, "{told}\n{}", wharf.log());
        wharf.wait_for_state(name, "Succeeded");
        assert_eq!(wharf.ok(&["logs", name]), "from-own-registry\n");
        let told = &wharf.show(name)["properties"]["imageRegistryCredentials"][0];
        let server = image.split('/').next().unwrap();
        assert_eq!((&told["server"], &told["identity"]), (&json!(server), &puller["id"]));
    }
    // It is here now, and still only for whoever may pull it.
    refused("refused", &stranger);
    // An identity that was deleted pulls nothing any more, not even one made anew by its name.
    let path = format!("{id}?api-version=2023-01-31");
    assert_eq!(send(&wharf, "DELETE", &path, None).status, 200);
    refused("refused", &identity(&registry, "puller"));
    wharf.clear();
    clear(&wharf, &registry.home);
}

/// A request to the distribution API, with what follows the arguments of `curl`.
fn curl(wharf: &Daemon, password: &str, path: &str, more: &[&str]) -> Command {
    let mut command = Command::new("curl");
    command
        .args(["-sS", "--max-time", "60", "-u", &format!("harbour:{password}"), "--cacert"])
        .arg(wharf.dir().join("d/tls/ca.pem"))
        .args(more)
        .arg(format!("https://{}{path}", wharf.address()));
    command
}

#[test]
fn a_push_goes_on_where_it_was_when_the_daemon_was_killed() {
    let mut wharf = Daemon::start();
    let password = Registry::create(&wharf, "harbour").password(0);
    let file = wharf.dir().join("blob");
    let bytes: Vec<u8> =
        (0..8_u32 << 20).map(|n| n.to_le_bytes()[1] ^ n.to_le_bytes()[0]).collect();
    std::fs::write(&file, &bytes).unwrap();
    let digest = crate::harness::registry::digest(&bytes);
    let send = |wharf: &Daemon, path: &str, more: &[&str]| {
        let output = curl(wharf, &password, path, &[more, &["-i"]].concat()).output().unwrap();
        text(&output.stdout)
    };
    let header = |answer: &str, name: &str| {
        let found = answer.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap_or_else(|| panic!("{name} {answer}")).trim().to_owned()
    };
    let begun = send(&wharf, "/v2/harbour/app/blobs/uploads/", &["-X", "POST"]);
    let place = header(&begun, "location:");
    let data = format!("@{}", file.display());
    let slowly = ["-X", "PATCH", "--limit-rate", "512k", "--data-binary", &data];
    let mut push = curl(&wharf, &password, &place, &slowly)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let uploads = wharf.dir().join("d/registry/harbour/app/_uploads");
    let written = || {
        let found = std::fs::read_dir(&uploads).unwrap().next().unwrap().unwrap();
        found.metadata().unwrap().len()
    };
    let is_half = crate::harness::wait_for(std::time::Duration::from_mins(1), || written() > 0);
    assert!(is_half, "{}", wharf.log());
    wharf.kill();
    push.wait().unwrap();
    wharf.up(&[]);
    let status = send(&wharf, &place, &[]);
    let last: usize = header(&status, "range: 0-").parse().unwrap();
    assert_eq!(last as u64 + 1, written(), "what is there is told");
    assert!(last + 1 < bytes.len(), "the daemon was killed too late");
    std::fs::write(&file, &bytes[last + 1..]).unwrap();
    let range = format!("content-range: {}-{}", last + 1, bytes.len() - 1);
    let rest = send(
        &wharf,
        &format!("{place}?digest={digest}"),
        &["-X", "PUT", "-H", &range, "--data-binary", &data],
    );
    assert!(rest.contains(" 201 "), "{rest}");
    let path = format!("/v2/harbour/app/blobs/{digest}");
    let got = curl(&wharf, &password, &path, &[]).output().unwrap().stdout;
    assert_eq!(crate::harness::registry::digest(&got), digest);
    assert_eq!(std::fs::read_dir(&uploads).unwrap().count(), 0);
    let home = Registry::home_of(&wharf);
    clear(&wharf, &home);
}
