//! `az login --identity`: the unmodified Azure CLI in the network of a group, where Azure's address
//! for metadata is Wharf's.

use std::{path::Path, process::Command};

use libtest_mimic::Trial;

use crate::{
    harness::{Daemon, group},
    installed::Installed,
    server::Server,
    trial,
};

const MANAGEMENT: &str = "https://management.azurecontainer.wharf.internal";

pub(crate) fn trials(clients: &Installed) -> Vec<Trial> {
    vec![trial("azure_cli::managed_identity", clients.az(), |bin| log_in(&bin))]
}

/// The process that holds the network of the daemon's only group.
fn shim(wharf: &Daemon) -> String {
    let run = wharf.dir().join("r");
    let run = run.to_str().unwrap();
    let is_shim = |pid: &str| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(" shim ") && line.contains(run)
    };
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let mut pids = all.map(|entry| entry.file_name().into_string().unwrap_or_default());
    pids.find(|pid| is_shim(pid)).unwrap()
}

fn log_in(bin: &Path) {
    let server = Server::start();
    let wharf = &server.wharf;
    let subscription = server.variable("WHARF_SUBSCRIPTION");
    let mut body =
        group::group("inside", &[group::script("c", "sleep 1000")], &serde_json::json!({}));
    body["identity"] = serde_json::json!({ "type": "SystemAssigned" });
    wharf.create(&body);
    let principal = wharf.show("inside")["identity"]["principalId"].as_str().unwrap().to_owned();
    let roles = format!("/subscriptions/{subscription}/providers/Microsoft.Authorization");
    let assignment = serde_json::json!({ "properties": {
        "principalId": principal,
        "roleDefinitionId": format!("{roles}/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"),
    } });
    let id = "11111111-2222-3333-4444-555555555555";
    let url = format!("http://localhost{roles}/roleAssignments/{id}?api-version=2022-04-01");
    let made = Command::new("curl")
        .args(["-sf", "-X", "PUT", "-d", &assignment.to_string(), "--unix-socket"])
        .arg(wharf.dir().join("r/wharf.sock"))
        .arg(url)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");

    let home = tempfile::tempdir().unwrap();
    let gateway = wharf.pool().replace("/27", "");
    let (start, last) = gateway.rsplit_once('.').unwrap();
    let gateway = format!("{start}.{}", last.parse::<u8>().unwrap() + 1);
    std::fs::write(home.path().join("resolv.conf"), format!("nameserver {gateway}\n")).unwrap();
    let script = format!(
        "set -e
mount --bind resolv.conf /etc/resolv.conf
curl -sSf http://169.254.169.254/metadata/wharf/ca.pem -o ca.pem
export REQUESTS_CA_BUNDLE=$PWD/ca.pem AZURE_CONFIG_DIR=$PWD/azure AZURE_CORE_COLLECT_TELEMETRY=no
az cloud register -n Wharf --endpoint-resource-manager {MANAGEMENT} --only-show-errors
az cloud set -n Wharf --only-show-errors
az login --identity --query '[0].[id, user.type, user.assignedIdentityInfo]' -o tsv
az container list --query '[].name' -o tsv
az container delete -g default -n inside --yes 2>&1 && exit 1 || true
"
    );
    let mut client = server.client(Path::new("nsenter"));
    client
        .arg(format!("--net=/proc/{}/ns/net", shim(wharf)))
        .args(["unshare", "--mount", "sh", "-c", &script])
        .current_dir(home.path())
        .env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()))
        .env("HOME", home.path())
        .env_remove("WHARF_TOKEN");
    let told = server.succeeds(client);
    let expected = [subscription, "servicePrincipal", "MSI", "inside"];
    for (line, expected) in told.lines().zip(expected) {
        assert_eq!(line, expected, "{told}");
    }
    assert!(told.contains("AuthorizationFailed"), "{told}");
}
