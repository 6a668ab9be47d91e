//! A daemon as a client on another machine sees it: an address, a CA and somebody to be.

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::harness::{Daemon, text};

/// Ships inside Wharf, with busybox in it.
pub(crate) const IMAGE: &str = "mcr.microsoft.com/azuredocs/aci-wordcount";

/// A daemon and what its clients have to know.
pub(crate) struct Server {
    pub(crate) wharf: Daemon,
    environment: Vec<(&'static str, String)>,
}

impl Server {
    /// Starts a daemon whose clients are the administrator.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// The same with more arguments of `wharf serve`.
    pub(crate) fn with(more: &[&str]) -> Self {
        let wharf = Daemon::with(more);
        let (data, url) = (wharf.dir().join("d"), format!("https://{}", wharf.address()));
        let subscriptions: Value =
            serde_json::from_str(&wharf.http("/subscriptions?api-version=2022-12-01")).unwrap();
        let subscription = subscriptions["value"][0]["subscriptionId"].as_str().unwrap().to_owned();
        let ca = data.join("tls/ca.pem").to_str().unwrap().to_owned();
        let token = std::fs::read_to_string(data.join("admin.token")).unwrap().trim().to_owned();
        let environment = vec![
            ("WHARF_URL", url),
            ("WHARF_SUBSCRIPTION", subscription),
            ("WHARF_LOCATION", "local".to_owned()),
            ("WHARF_IMAGE", IMAGE.to_owned()),
            ("WHARF_TOKEN", token),
            ("REQUESTS_CA_BUNDLE", ca.clone()),
            ("NODE_EXTRA_CA_CERTS", ca),
        ];
        Self { wharf, environment }
    }

    /// The same, whose clients log in as a service principal with a secret.
    pub(crate) fn with_login() -> Self {
        let mut server = Self::start();
        let made = server.wharf.ok(&["sp", "create", "sdk", "--role", "Contributor", "-o", "json"]);
        let made: Value = serde_json::from_str(&made).unwrap();
        let place: Value =
            serde_json::from_str(&server.wharf.http("/wharf/v1/environment")).unwrap();
        let of = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
        let url = server.variable("WHARF_URL").to_owned();
        server.environment.extend([
            ("AZURE_CLIENT_ID", of(&made, "clientId")),
            ("AZURE_CLIENT_SECRET", of(&made, "clientSecret")),
            ("AZURE_TENANT_ID", of(&place, "tenantId")),
            ("AZURE_AUTHORITY_HOST", url),
        ]);
        server.environment.retain(|(name, _)| *name != "WHARF_TOKEN");
        server
    }

    /// A variable that the clients have.
    pub(crate) fn variable(&self, name: &str) -> &str {
        let found = self.environment.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| value.as_str()).unwrap()
    }

    /// A client's program, to be run with what it has to know and nothing that this machine's user
    /// has set up for the real Azure.
    pub(crate) fn client(&self, program: &Path) -> Command {
        self.informed(Command::new(program))
    }

    /// The same on a host where names of the daemon are known.
    pub(crate) fn client_with_names(&self, program: &Path) -> Command {
        self.informed(self.wharf.with_names(program))
    }

    fn informed(&self, mut command: Command) -> Command {
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AZURE_")) {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(key, value)| (*key, value)));
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// Runs a client that must succeed; returns what it printed.
    pub(crate) fn succeeds(&self, mut client: Command) -> String {
        let output = client.output().unwrap();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(
            output.status.success(),
            "{client:?}: {}\n{out}{err}\n{}",
            output.status,
            self.wharf.log()
        );
        out
    }
}
