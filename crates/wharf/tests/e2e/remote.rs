//! A daemon as others than root reach it, and those who log in to it.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Daemon, text};

const HELLO: &str = "mcr.microsoft.com/azuredocs/aci-helloworld";
const GROUPS: &str = "providers/Microsoft.ContainerInstance/containerGroups";

/// A daemon reached over HTTPS, as others than root reach it.
pub(crate) struct Remote {
    pub(crate) wharf: Daemon,
    pub(crate) address: String,
    pub(crate) subscription: String,
    pub(crate) tenant: String,
}

/// A service principal's client id, secret and object id.
pub(crate) struct Sp {
    pub(crate) client: String,
    pub(crate) secret: String,
    pub(crate) object: String,
}

impl Remote {
    pub(crate) fn start() -> Self {
        let wharf = Daemon::start();
        let place: Value = serde_json::from_str(&wharf.http("/wharf/v1/environment")).unwrap();
        let text = |name: &str| place[name].as_str().unwrap().to_owned();
        Self {
            address: text("resourceManager"),
            subscription: text("subscriptionId"),
            tenant: text("tenantId"),
            wharf,
        }
    }

    pub(crate) fn curl(&self, args: &[&str], path: &str) -> (u16, String) {
        let output = Command::new("curl")
            .args(["-s", "--max-time", "20", "-w", "\n%{http_code}", "--cacert"])
            .arg(self.wharf.dir().join("d/tls/ca.pem"))
            .args(args)
            .arg(format!("{}{path}", self.address))
            .output()
            .unwrap();
        let answer = text(&output.stdout);
        let (body, status) = answer.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), body.to_owned())
    }

    pub(crate) fn ask(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let header = format!("Authorization: Bearer {token}");
        let body = body.map(Value::to_string);
        let mut args = vec!["-X", method, "-H", &header, "-H", "Content-Type: application/json"];
        if let Some(body) = &body {
            args.extend(["-d", body]);
        }
        let (status, text) = self.curl(&args, path);
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    pub(crate) fn log_in(&self, form: &str) -> (u16, Value) {
        let (status, text) = self.curl(&["-d", form], "/adfs/oauth2/token");
        (status, serde_json::from_str(&text).unwrap())
    }

    pub(crate) fn token(&self, sp: &Sp) -> String {
        let Sp { client, secret, .. } = sp;
        let (status, answer) = self.log_in(&format!(
            "grant_type=client_credentials&client_id={client}&client_secret={secret}&scope={}//.default",
            self.address
        ));
        assert_eq!(status, 200, "{answer}");
        answer["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn sp(&self, name: &str, args: &[&str]) -> Sp {
        let made = self.wharf.ok(&[&["sp", "create", name, "-o", "json"], args].concat());
        let made: Value = serde_json::from_str(&made).unwrap();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Sp { client: text("clientId"), secret: text("clientSecret"), object: text("objectId") }
    }

    /// The path of a resource group's container groups or one of them, with a version.
    pub(crate) fn group(&self, resource_group: &str, rest: &str) -> String {
        let subscription = &self.subscription;
        format!(
            "/subscriptions/{subscription}/resourceGroups/{resource_group}/{GROUPS}{rest}\
             ?api-version=2025-09-01"
        )
    }
}

/// The body of a group that serves a page.
pub(crate) fn body() -> Value {
    json!({ "location": "local", "properties": { "osType": "Linux", "containers": [{
        "name": "c",
        "properties": {
            "image": HELLO,
            "resources": { "requests": { "cpu": 0.1, "memoryInGB": 0.1 } },
        },
    }] } })
}
