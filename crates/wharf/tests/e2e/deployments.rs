//! Templates: the published ones as they are, and what goes wrong with others.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    arm::{Answer, clear, get, home, send},
    harness::{Daemon, registry::busybox_layout, wait_for},
};

const HELLO: &str = "mcr.microsoft.com/azuredocs/aci-helloworld";
const WORDCOUNT: &str = "mcr.microsoft.com/azuredocs/aci-wordcount";
const VERSION: &str = "api-version=2025-04-01";

fn quickstart(name: &str) -> String {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/quickstarts");
    std::fs::read_to_string(format!("{dir}/{name}/azuredeploy.json")).unwrap()
}

/// A body as `az` makes it: the template is pasted in, under a name without quotes.
fn az_body(template: &str, parameters: &[(&str, Value)]) -> String {
    let given: serde_json::Map<String, Value> =
        parameters.iter().map(|(name, v)| ((*name).to_owned(), json!({ "value": v }))).collect();
    let given = Value::Object(given);
    format!(
        r#"{{"properties": {{"parameters": {given}, "mode": "Incremental", template:{template}}}}}"#
    )
}

struct Deployments<'a> {
    wharf: &'a Daemon,
    home: String,
}

impl<'a> Deployments<'a> {
    fn new(wharf: &'a Daemon) -> Self {
        Self { wharf, home: home(wharf) }
    }

    fn path(&self, name: &str, more: &str) -> String {
        format!("{}/providers/Microsoft.Resources/deployments/{name}{more}?{VERSION}", self.home)
    }

    fn put(&self, name: &str, body: &str) -> Answer {
        send(self.wharf, "PUT", &self.path(name, ""), Some(body))
    }

    /// Deploys and polls as clients do; returns the deployment as it ended.
    fn deploy(&self, name: &str, body: &str) -> Value {
        let checked = send(self.wharf, "POST", &self.path(name, "/validate"), Some(body));
        assert_eq!(checked.status, 200, "{}", checked.body);
        let accepted = self.put(name, body);
        assert!(matches!(accepted.status, 200 | 201), "{}", accepted.body);
        let place = accepted.header("azure-asyncoperation").unwrap();
        let is_over = wait_for(Duration::from_mins(1), || {
            let status = get(self.wharf, place)["status"].as_str().unwrap().to_owned();
            ["Succeeded", "Failed", "Canceled"].contains(&status.as_str())
        });
        assert!(is_over, "{name} does not end");
        get(self.wharf, &self.path(name, ""))
    }

    fn succeeds(&self, name: &str, body: &str) -> Value {
        let ended = self.deploy(name, body);
        assert_eq!(ended["properties"]["provisioningState"], "Succeeded", "{ended:#}");
        ended
    }

    fn group(&self, name: &str) -> Value {
        let path = format!(
            "{}/providers/Microsoft.ContainerInstance/containerGroups/{name}?api-version=2025-09-01",
            self.home
        );
        get(self.wharf, &path)
    }
}

#[test]
fn the_published_templates_deploy_unchanged() {
    let wharf = Daemon::start();
    let deployments = Deployments::new(&wharf);
    let public = az_body(
        &quickstart("aci-linuxcontainer-public-ip"),
        &[("name", json!("public")), ("image", json!(HELLO)), ("memoryInGb", json!(1))],
    );
    let ended = deployments.succeeds("public", &public);
    let ip = ended["properties"]["outputs"]["containerIPv4Address"]["value"].as_str().unwrap();
    assert_eq!(deployments.group("public")["properties"]["ipAddress"]["ip"], ip);
    let page = crate::harness::curl(&format!("http://{ip}/"));
    assert!(page.contains("Welcome to Azure Container Instances!"), "{page}");

    let secure = az_body(
        &quickstart("aci-linuxcontainer-secure-environmentvariables"),
        &[
            ("containergroupname", json!("secure")),
            ("containername", json!("web")),
            ("image", json!(HELLO)),
            ("secureVariable", json!("planted-secret")),
        ],
    );
    let ended = deployments.succeeds("secure", &secure);
    assert_eq!(
        ended["properties"]["parameters"]["secureVariable"],
        json!({"type": "SecureString"})
    );
    assert!(!ended.to_string().contains("planted-secret"));

    let udp = az_body(
        &quickstart("aci-udp"),
        &[("containerName", json!("udptest")), ("containerURI", json!(HELLO))],
    );
    deployments.succeeds("udp", &udp);
    let group = deployments.group("udptest-udp1");
    assert_eq!(group["properties"]["ipAddress"]["ports"][0]["protocol"], "UDP");

    let secret = az_body(
        &quickstart("aci-linuxcontainer-volume-secret"),
        &[
            ("name", json!("sealed")),
            ("imageName", json!(HELLO)),
            ("dnsNameLabel", json!("sealed-label")),
            ("sslCertificateData", json!("cGxhbnRlZC1jZXJ0aWZpY2F0ZQ==")),
            ("sslCertificatePwd", json!("planted-password")),
            ("memoryInGb", json!(1)),
        ],
    );
    let ended = deployments.succeeds("sealed", &secret);
    let fqdn = ended["properties"]["outputs"]["containerIPAddressFqdn"]["value"].as_str().unwrap();
    assert!(fqdn.starts_with("sealed-label."), "{fqdn}");
    let group = deployments.group("sealed");
    assert_eq!(group["properties"]["volumes"][0]["secret"], json!({}));
    assert!(!format!("{ended}{group}").contains("planted-password"));
    clear(&wharf, &deployments.home);
}

#[test]
fn the_template_with_an_empty_directory_shares_it() {
    let wharf = Daemon::start();
    let deployments = Deployments::new(&wharf);
    // Docker Hub cannot be reached: any image may bear the name that the template has inside.
    let layout = wharf.dir().join("layout");
    busybox_layout(&layout);
    wharf.ok(&["image", "import", layout.to_str().unwrap(), "--name", "nginx"]);
    let body = az_body(
        &quickstart("aci-linuxcontainer-volume-emptydir"),
        &[
            ("containergroupname", json!("shared")),
            ("containername1", json!("one")),
            ("containername2", json!("two")),
            ("volumename", json!("v")),
            ("image", json!(WORDCOUNT)),
            ("cpuCores", json!("0.5")),
            ("memoryInGb", json!("0.5")),
        ],
    );
    deployments.succeeds("shared", &body);
    let group = deployments.group("shared");
    assert_eq!(group["properties"]["volumes"][0]["name"], "v");
    clear(&wharf, &deployments.home);
}

#[test]
fn the_template_with_a_storage_account_hands_its_key_to_the_container() {
    let wharf = Daemon::start();
    let deployments = Deployments::new(&wharf);
    // Nothing of this name is to be had here: what matters is what the container is given.
    let layout = wharf.dir().join("layout");
    busybox_layout(&layout);
    wharf.ok(&["image", "import", layout.to_str().unwrap(), "--name", "microsoft/azure-cli"]);
    let given = [("storageAccountName", json!("fromtemplate")), ("fileShareName", json!("share"))];
    let body = az_body(&quickstart("aci-storage-file-share"), &given);
    assert_eq!(deployments.put("share", &body).status, 201);
    let path =
        format!("{}/providers/Microsoft.Storage/storageAccounts/fromtemplate", deployments.home);
    let made = wait_for(Duration::from_secs(30), || {
        let list = format!(
            "{}/providers/Microsoft.ContainerInstance/containerGroups?api-version=2025-09-01",
            deployments.home
        );
        !get(&wharf, &list)["value"].as_array().unwrap().is_empty()
    });
    assert!(made, "{}", wharf.log());
    let keys = send(&wharf, "POST", &format!("{path}/listKeys?api-version=2019-06-01"), Some("{}"));
    let group = deployments.group("createshare-containerinstance");
    let environment = &group["properties"]["containers"][0]["properties"]["environmentVariables"];
    assert_eq!(environment[0]["value"], keys.body["keys"][0]["value"]);
    assert_eq!(environment[1]["value"], "fromtemplate");
    clear(&wharf, &deployments.home);
}

#[test]
fn a_template_that_needs_what_is_not_there_fails_clearly() {
    let wharf = Daemon::start();
    let deployments = Deployments::new(&wharf);
    let other = json!([{ "type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01",
        "name": "v", "location": "local", "properties": {} }]);
    let body = json!({ "properties": {
        "mode": "Incremental",
        "template": serde_json::from_str::<Value>(&template(&other, &json!({}))).unwrap(),
    }});
    let refused = deployments.put("vault", &body.to_string());
    assert_eq!((refused.status, refused.code()), (404, "InvalidResourceNamespace"));
    assert!(refused.body.to_string().contains("Microsoft.KeyVault"), "{}", refused.body);
    clear(&wharf, &deployments.home);
}

fn template(resources: &Value, outputs: &Value) -> String {
    json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": resources,
        "outputs": outputs,
    })
    .to_string()
}

fn group(name: &str, image: &str, environment: &Value) -> Value {
    json!({
        "type": "Microsoft.ContainerInstance/containerGroups",
        "apiVersion": "2023-05-01",
        "name": name,
        "location": "[resourceGroup().location]",
        "properties": {
            "osType": "Linux",
            "ipAddress": { "type": "Public", "ports": [{ "port": 80 }] },
            "containers": [{ "name": "a", "properties": {
                "image": image,
                "ports": [{ "port": 80 }],
                "environmentVariables": environment,
                "resources": { "requests": { "cpu": 0.1, "memoryInGB": 0.1 } },
            }}],
        },
    })
}

#[test]
fn one_resource_may_use_what_became_of_another() {
    let wharf = Daemon::start();
    let deployments = Deployments::new(&wharf);
    let ip = "[reference('first').ipAddress.ip]";
    // The one that refers comes first in the template and has no dependsOn.
    let resources = json!([
        group("second", HELLO, &json!([{ "name": "PEER", "value": ip }])),
        group("first", HELLO, &json!([])),
    ]);
    let outputs = json!({ "ip": { "type": "string", "value": ip } });
    let body = az_body(&template(&resources, &outputs), &[]);
    let ended = deployments.succeeds("pair", &body);
    let ip = ended["properties"]["outputs"]["ip"]["value"].clone();
    let second = deployments.group("second");
    let container = &second["properties"]["containers"][0]["properties"];
    assert_eq!(container["environmentVariables"][0]["value"], ip);
    let path = format!("{}/deployments/pair/operations?{VERSION}", deployments.home);
    let steps = get(&wharf, &path);
    assert_eq!(steps["value"].as_array().unwrap().len(), 2);
    assert_eq!(steps["value"][0]["properties"]["provisioningState"], "Succeeded");

    let change = |body: &str| {
        let answer = send(&wharf, "POST", &deployments.path("pair", "/whatIf"), Some(body));
        assert_eq!(answer.body["status"], "Succeeded", "{}", answer.body);
        let changes = answer.body["properties"]["changes"].as_array().unwrap().clone();
        let of = |change: &Value| change["changeType"].as_str().unwrap().to_owned();
        changes.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(change(&body), ["NoChange", "NoChange"]);
    let other = template(
        &json!([group("first", WORDCOUNT, &json!([])), group("third", HELLO, &json!([]))]),
        &json!({}),
    );
    assert_eq!(change(&az_body(&other, &[])), ["Modify", "Create", "Ignore"]);

    let exported = send(&wharf, "POST", &deployments.path("pair", "/exportTemplate"), None);
    assert_eq!(exported.body["template"]["resources"][1]["name"], "first");
    let list = format!("{}/providers/Microsoft.Resources/deployments/?{VERSION}", deployments.home);
    assert_eq!(get(&wharf, &list)["value"][0]["name"], "pair");
    assert_eq!(send(&wharf, "DELETE", &deployments.path("pair", ""), None).status, 204);
    assert_eq!(
        send(&wharf, "GET", &deployments.path("pair", ""), None).code(),
        "DeploymentNotFound"
    );
    assert_eq!(deployments.group("first")["name"], "first", "what it made stays");
    clear(&wharf, &deployments.home);
}

#[test]
fn a_resource_that_fails_fails_the_deployment_with_its_reason() {
    let wharf = Daemon::start();
    let deployments = Deployments::new(&wharf);
    let mut after = group("after", HELLO, &json!([]));
    after["dependsOn"] = json!(["bad"]);
    let resources = json!([
        group("bad", "127.0.0.1:1/none", &json!([])),
        after,
        group("good", HELLO, &json!([]))
    ]);
    let ended = deployments.deploy("mixed", &az_body(&template(&resources, &json!({})), &[]));
    let properties = &ended["properties"];
    assert_eq!(properties["provisioningState"], "Failed");
    assert_eq!(properties["error"]["code"], "DeploymentFailed");
    let inner = &properties["error"]["details"][0];
    assert!(inner["target"].as_str().unwrap().ends_with("/containerGroups/bad"), "{inner}");
    assert!(
        ["InaccessibleImage", "RegistryErrorResponse"].contains(&inner["code"].as_str().unwrap())
    );
    assert_eq!(deployments.group("good")["name"], "good");
    let made: Vec<_> = properties["outputResources"].as_array().unwrap().iter().collect();
    assert_eq!(made.len(), 1);
    clear(&wharf, &deployments.home);
}

#[test]
fn a_bad_template_is_refused_before_anything_is_made() {
    let wharf = Daemon::start();
    let deployments = Deployments::new(&wharf);
    let bad =
        az_body(&template(&json!([group("[nothing()]", HELLO, &json!([]))]), &json!({})), &[]);
    for path in [deployments.path("bad", "/validate"), deployments.path("bad", "")] {
        let method = if path.contains("/validate") { "POST" } else { "PUT" };
        let refused = send(&wharf, method, &path, Some(&bad));
        assert_eq!((refused.status, refused.code()), (400, "InvalidTemplate"));
        assert!(refused.body["error"]["message"].as_str().unwrap().contains("nothing"));
    }
    assert_eq!(send(&wharf, "GET", &deployments.path("bad", ""), None).status, 404);
    clear(&wharf, &deployments.home);
}

#[test]
fn a_deployment_that_the_daemon_did_not_finish_says_so() {
    let mut wharf = Daemon::start();
    let home = home(&wharf);
    let path = format!("{home}/providers/Microsoft.Resources/deployments/cut?{VERSION}");
    // The registry accepts and never answers: the deployment hangs until the daemon dies.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let image = format!("127.0.0.1:{}/none", silent.local_addr().unwrap().port());
    let body = az_body(&template(&json!([group("g", &image, &json!([]))]), &json!({})), &[]);
    assert_eq!(send(&wharf, "PUT", &path, Some(&body)).status, 201);
    assert_eq!(get(&wharf, &path)["properties"]["provisioningState"], "Running");
    wharf.kill();
    wharf.up(&[]);
    let ended = get(&wharf, &path);
    assert_eq!(ended["properties"]["provisioningState"], "Failed");
    assert_eq!(ended["properties"]["error"]["code"], "DeploymentInterrupted");
    clear(&wharf, &home);
}
