//! Registries of one's own: made by the API, pushed to by skopeo, pulled from by groups.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::{
    arm::{clear, send, subscription},
    harness::{Daemon, registry::busybox_layout, text},
};

const VERSION: &str = "api-version=2025-11-01";

/// A registry of a daemon.
pub(crate) struct Registry<'a> {
    pub(crate) wharf: &'a Daemon,
    pub(crate) home: String,
    path: String,
    pub(crate) name: &'static str,
}

impl<'a> Registry<'a> {
    pub(crate) fn create(wharf: &'a Daemon, name: &'static str) -> Self {
        let home = Self::home_of(wharf);
        let group = json!({ "location": "local" }).to_string();
        send(wharf, "PUT", &format!("{home}?api-version=2022-12-01"), Some(&group));
        let path = format!("{home}/providers/Microsoft.ContainerRegistry/registries/{name}");
        let registry = Self { wharf, home, path, name };
        let body = json!({ "sku": { "name": "Basic" }, "location": "local",
            "properties": { "adminUserEnabled": true } });
        let made = registry.send("PUT", "", &body);
        assert_eq!(made.0, 201, "{}", made.1);
        registry
    }

    /// The resource group of all registries.
    pub(crate) fn home_of(wharf: &Daemon) -> String {
        format!("{}/resourceGroups/registries", subscription(wharf))
    }

    pub(crate) fn send(&self, method: &str, rest: &str, body: &Value) -> (u16, Value) {
        let path = format!("{}{rest}?{VERSION}", self.path);
        let body = (!body.is_null()).then(|| body.to_string());
        let answer = send(self.wharf, method, &path, body.as_deref());
        (answer.status, answer.body)
    }

    pub(crate) fn password(&self, index: usize) -> String {
        let (status, found) = self.send("POST", "/listCredentials", &json!({}));
        assert_eq!((status, &found["username"]), (200, &json!(self.name)));
        found["passwords"][index]["value"].as_str().unwrap().to_owned()
    }

    /// What clients on this host put before the name of a repository.
    fn place(&self) -> String {
        format!("{}/{}", self.wharf.address(), self.name)
    }

    pub(crate) fn login_server(&self) -> String {
        let document = self.send("GET", "", &Value::Null).1;
        document["properties"]["loginServer"].as_str().unwrap().to_owned()
    }

    /// Runs skopeo, which believes the daemon's certificate authority and nothing else.
    fn skopeo(&self, password: &str, args: &[&str]) -> Output {
        let certificates = self.wharf.dir().join("certificates");
        std::fs::create_dir_all(&certificates).unwrap();
        std::fs::copy(self.wharf.dir().join("d/tls/ca.pem"), certificates.join("ca.crt")).unwrap();
        let (side, rest) = args.split_first().unwrap();
        let flag = |name: &str| {
            if *side == "copy" { format!("--dest-{name}") } else { format!("--{name}") }
        };
        Command::new("skopeo")
            .args(["--insecure-policy", side])
            .arg(format!("{}={}", flag("cert-dir"), certificates.display()))
            .arg(format!("{}={}:{password}", flag("creds"), self.name))
            .args(rest)
            .output()
            .expect("skopeo is installed")
    }

    /// Pushes an image of busybox; returns its reference.
    pub(crate) fn push(&self, password: &str, repository: &str) -> String {
        let layout = self.wharf.dir().join("layout");
        busybox_layout(&layout);
        let image = format!("{}/{repository}", self.place());
        let (source, target) =
            (format!("oci:{}:latest", layout.display()), format!("docker://{image}"));
        let output = self.skopeo(password, &["copy", &source, &target]);
        assert!(output.status.success(), "{}\n{}", text(&output.stderr), self.wharf.log());
        image
    }

    fn task(&self, name: &str, image: &str, password: &str) -> Output {
        self.wharf.run(&[
            "create",
            name,
            "--image",
            image,
            "--restart-policy",
            "Never",
            "--registry-login-server",
            &self.wharf.address(),
            "--registry-username",
            self.name,
            "--registry-password",
            password,
            "--command-line",
            "echo from-own-registry",
        ])
    }

    /// What a path of the distribution API answers at the registry's own name.
    fn curl(&self, password: &str, path: &str) -> String {
        let server = self.login_server();
        let output = Command::new("curl")
            .args(["-sS", "--max-time", "10", "--cacert"])
            .arg(self.wharf.dir().join("d/tls/ca.pem"))
            .args(["--connect-to", &format!("{server}:{}", self.wharf.address())])
            .args(["-u", &format!("{}:{password}", self.name)])
            .arg(format!("https://{server}/v2/{path}"))
            .output()
            .unwrap();
        text(&output.stdout) + &text(&output.stderr)
    }
}

#[test]
fn skopeo_pushes_to_a_registry_of_ones_own_and_a_group_runs_the_image() {
    let wharf = Daemon::start();
    let registry = Registry::create(&wharf, "harbour");
    let password = registry.password(0);
    let image = registry.push(&password, "team/busybox:v1");
    registry.push(&registry.password(1), "team/busybox:v2");
    let repository = format!("docker://{}/team/busybox", registry.place());
    let listed = text(&registry.skopeo(&password, &["list-tags", &repository]).stdout);
    assert_eq!(
        serde_json::from_str::<Value>(&listed).unwrap()["Tags"],
        json!(["v1", "v2"]),
        "{listed}"
    );
    let by_name = registry.curl(&password, "team/busybox/tags/list");
    assert_eq!(by_name, json!({ "name": "team/busybox", "tags": ["v1", "v2"] }).to_string());
    let created = registry.task("own", &image, &password);
    assert!(created.status.success(), "{}\n{}", text(&created.stderr), wharf.log());
    wharf.wait_for_state("own", "Succeeded");
    assert_eq!(wharf.ok(&["logs", "own"]), "from-own-registry\n");
    let refused = registry.task("other", &image, "wrong");
    let error = text(&refused.stderr);
    assert!(!refused.status.success() && error.contains("InaccessibleImage"), "{error}");
    assert!(!registry.skopeo("wrong", &["list-tags", &repository]).status.success());
    let (log, stored) = (wharf.log(), registry.send("GET", "", &Value::Null).1.to_string());
    assert!(!log.contains(&password) && !stored.contains(&password));
    let deleted = registry.skopeo(&password, &["delete", &format!("docker://{image}")]);
    assert!(deleted.status.success(), "{}", text(&deleted.stderr));
    let files = wharf.dir().join("d/registry");
    assert_eq!(std::fs::read_dir(&files).unwrap().count(), 1);
    assert_eq!(registry.send("DELETE", "", &Value::Null).0, 200);
    assert_eq!(std::fs::read_dir(&files).unwrap().count(), 0, "its images go with it");
    assert_eq!(registry.send("DELETE", "", &Value::Null).0, 204);
    wharf.clear();
    clear(&wharf, &registry.home);
}

#[test]
fn a_registry_is_closed_without_its_admin_user_and_old_passwords_open_it_no_more() {
    let wharf = Daemon::start();
    let registry = Registry::create(&wharf, "locked");
    let old = registry.password(0);
    let catalog = json!({ "repositories": [] }).to_string();
    assert_eq!(registry.curl(&old, "_catalog"), catalog);
    let (status, fresh) =
        registry.send("POST", "/regenerateCredential", &json!({ "name": "password" }));
    assert_eq!(status, 200);
    let fresh = fresh["passwords"][0]["value"].as_str().unwrap().to_owned();
    assert!(registry.curl(&old, "_catalog").contains("UNAUTHORIZED"));
    assert_eq!(registry.curl(&fresh, "_catalog"), catalog);
    let switch = |is_on: bool| {
        registry.send("PATCH", "", &json!({ "properties": { "adminUserEnabled": is_on } }))
    };
    assert_eq!(switch(false).0, 200);
    assert_eq!(registry.send("POST", "/listCredentials", &json!({})).0, 400);
    assert!(registry.curl(&fresh, "_catalog").contains("UNAUTHORIZED"));
    assert_eq!(switch(true).1["properties"]["adminUserEnabled"], true);
    assert_eq!(registry.curl(&fresh, "_catalog"), catalog);
    let files = wharf.dir().join("d/registry/").join(registry.name);
    std::fs::create_dir_all(&files).unwrap();
    clear(&wharf, &registry.home);
    assert!(!files.exists(), "what it has on the disk goes with its resource group");
}

#[test]
fn names_of_registries_are_taken_for_the_whole_host() {
    let wharf = Daemon::start();
    let registry = Registry::create(&wharf, "unique");
    let subscription = subscription(&wharf);
    let ask = |name: &str| {
        let provider = "providers/Microsoft.ContainerRegistry";
        let path = format!("{subscription}/{provider}/checkNameAvailability?{VERSION}");
        let body = json!({ "name": name, "type": "Microsoft.ContainerRegistry/registries" });
        send(&wharf, "POST", &path, Some(&body.to_string())).body["nameAvailable"].clone()
    };
    assert_eq!(
        (ask("Unique"), ask("other"), ask("n-o")),
        (json!(false), json!(true), json!(false))
    );
    let elsewhere = format!("{subscription}/resourceGroups/elsewhere");
    let group = json!({ "location": "local" }).to_string();
    send(&wharf, "PUT", &format!("{elsewhere}?api-version=2022-12-01"), Some(&group));
    let body = json!({ "sku": { "name": "Premium" }, "location": "local" });
    let path =
        format!("{elsewhere}/providers/Microsoft.ContainerRegistry/registries/unique?{VERSION}");
    let taken = send(&wharf, "PUT", &path, Some(&body.to_string()));
    assert_eq!((taken.status, taken.code()), (409, "AlreadyInUse"));
    clear(&wharf, &elsewhere);
    clear(&wharf, &registry.home);
}
