//! `cargo xtask bench files`: what a share costs, in a container and over REST.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{
    body,
    daemon::{Daemon, pause},
    http, print_rows, row, transfer,
};
use crate::bench::Row;

/// The account and its share.
pub(super) const ACCOUNT: &str = "bench";
const SHARE: &str = "data";
/// Runs of fio on each side, in turn.
const ROUNDS: usize = 3;
/// What fio does, and in what its result is told.
const JOBS: [(&str, &str, Unit); 6] = [
    ("sequential write, 1 MiB, direct", "--rw=write --bs=1M --direct=1", Unit::Speed),
    ("sequential read, 1 MiB, direct", "--rw=read --bs=1M --direct=1", Unit::Speed),
    ("random read, 4 KiB, direct", "--rw=randread --bs=4k --direct=1", Unit::Rate),
    ("random read, 4 KiB, cached", "--rw=randread --bs=4k", Unit::Rate),
    ("random write, 4 KiB, cached", "--rw=randwrite --bs=4k", Unit::Rate),
    ("random write, 4 KiB, synced each", "--rw=randwrite --bs=4k --fsync=1", Unit::Rate),
];
const SHAPE: &str = "--size=128M --runtime=1 --time_based --ioengine=psync --thread \
                     --invalidate=0 --output-format=json --name=job --filename=file";

#[derive(Clone, Copy)]
enum Unit {
    Speed,
    Rate,
}

/// Measures and prints the table.
#[expect(clippy::print_stderr, reason = "the table goes on without the rows")]
pub(crate) fn run() -> Result<()> {
    let daemon = Daemon::start()?;
    daemon.warm_up()?;
    let key = share(&daemon)?;
    let mut rows = Vec::new();
    if Command::new("fio").arg("--version").output().is_ok() {
        inside(&daemon, &key, &mut rows)?;
    } else {
        eprintln!("not measured: files in a container: fio is not installed");
    }
    transfer::measure(&daemon, &key, &mut rows)?;
    print_rows(&rows);
    let account = account(&daemon);
    http::request(&daemon.socket, "DELETE", &format!("{account}?{VERSION}"), None)?;
    daemon.finish()
}

const VERSION: &str = "api-version=2023-05-01";

fn account(daemon: &Daemon) -> String {
    format!(
        "/subscriptions/{}/resourceGroups/bench/providers/Microsoft.Storage/storageAccounts/\
         {ACCOUNT}",
        daemon.subscription
    )
}

/// Makes the account and its share; returns a key.
fn share(daemon: &Daemon) -> Result<String> {
    let account = account(daemon);
    let wanted =
        json!({ "sku": { "name": "Standard_LRS" }, "kind": "StorageV2", "location": "local" });
    http::request(&daemon.socket, "PUT", &format!("{account}?{VERSION}"), Some(&wanted))?;
    let share = format!("{account}/fileServices/default/shares/{SHARE}?{VERSION}");
    http::request(&daemon.socket, "PUT", &share, Some(&json!({})))?;
    let keys = format!("{account}/listKeys?{VERSION}");
    let keys = http::request(&daemon.socket, "POST", &keys, Some(&json!({})))?.body;
    Ok(keys["keys"][0]["value"].as_str().context("no key")?.to_owned())
}

/// fio in a container on the share, and the host's in the directory that it is.
fn inside(daemon: &Daemon, key: &str, rows: &mut Vec<Row>) -> Result<()> {
    let tree = daemon.data_dir().join("shares").join(ACCOUNT).join(SHARE).join("tree");
    let tool = tree.join("tool");
    let fio = fio_beside_its_libraries(&tool)?;
    for (what, job, unit) in JOBS {
        let (mut ours, mut host) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(result(
                &in_group(daemon, key, &tree, &format!("{fio} {job} {SHAPE}"))?,
                unit,
            )?);
            host.push(result(&on_host(&tree, &format!("fio {job} {SHAPE}"))?, unit)?);
        }
        let told = match unit {
            Unit::Speed => "MiB/s",
            Unit::Rate => "/s",
        };
        let ours = row(&format!("{what}: container on a share"), ours, told, "");
        let host = row(&format!("{what}: host in the same directory"), host, told, "");
        let part = vec![ours.median / host.median * 100.0];
        rows.extend([ours, host, row("share of the host's", part, "%", "≥ 95")]);
    }
    std::fs::remove_dir_all(tool)?;
    Ok(())
}

/// Copies fio to where the container sees it; returns how it is called there.
fn fio_beside_its_libraries(tool: &Path) -> Result<String> {
    std::fs::create_dir_all(tool)?;
    let fio = Command::new("sh").args(["-c", "command -v fio"]).output()?.stdout;
    let fio = PathBuf::from(String::from_utf8(fio)?.trim());
    let listed = String::from_utf8(Command::new("ldd").arg(&fio).output()?.stdout)?;
    let libraries = listed.split_whitespace().filter(|word| word.starts_with('/'));
    let files: Vec<PathBuf> = libraries.map(PathBuf::from).chain([fio]).collect();
    let mut loader = None;
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str()).context("no name")?.to_owned();
        std::fs::copy(&file, tool.join(&name))?;
        if name.starts_with("ld-") {
            loader = Some(name);
        }
    }
    let place = "/mnt/share/tool";
    let loader = loader.context("fio has no loader")?;
    Ok(format!("{place}/{loader} --library-path {place} {place}/fio"))
}

fn in_group(daemon: &Daemon, key: &str, tree: &Path, call: &str) -> Result<Value> {
    let line = format!("cd /mnt/share && {call} > result 2> errors");
    let mut wanted = body(&["sh", "-c", &line], 2.0);
    let properties = &mut wanted["properties"];
    properties["volumes"] = json!([{ "name": "v", "azureFile": {
        "shareName": SHARE, "storageAccountName": ACCOUNT, "storageAccountKey": key } }]);
    let container = &mut properties["containers"][0]["properties"];
    container["volumeMounts"] = json!([{ "name": "v", "mountPath": "/mnt/share" }]);
    container["resources"]["requests"]["memoryInGB"] = json!(1.5);
    let path = daemon.group("fio");
    http::request(&daemon.socket, "PUT", &path, Some(&wanted))?;
    let mut state = Value::Null;
    for _ in 0..600 {
        let group = http::request(&daemon.socket, "GET", &path, None)?.body;
        state = group["properties"]["instanceView"]["state"].clone();
        if matches!(state.as_str(), Some("Succeeded" | "Failed")) {
            break;
        }
        pause(std::time::Duration::from_millis(50));
    }
    http::request(&daemon.socket, "DELETE", &path, None)?;
    let errors = std::fs::read_to_string(tree.join("errors")).unwrap_or_default();
    ensure!(state == "Succeeded", "fio in a group: {state}: {errors}");
    json_of(&std::fs::read_to_string(tree.join("result"))?)
}

fn on_host(tree: &Path, call: &str) -> Result<Value> {
    let output = Command::new("sh").args(["-c", call]).current_dir(tree).output()?;
    ensure!(output.status.success(), "{call}: {}", String::from_utf8_lossy(&output.stderr));
    json_of(&String::from_utf8(output.stdout)?)
}

/// fio may say something before it tells its result.
fn json_of(told: &str) -> Result<Value> {
    let begin = told.find('{').with_context(|| format!("fio told {told:?}"))?;
    Ok(serde_json::from_str(&told[begin..])?)
}

fn result(told: &Value, unit: Unit) -> Result<f64> {
    let job = &told["jobs"][0];
    let sum = |name: &str| {
        ["read", "write"].iter().filter_map(|way| job[way][name].as_f64()).sum::<f64>()
    };
    let value = match unit {
        Unit::Speed => sum("bw_bytes") / 1_048_576.0,
        Unit::Rate => sum("iops"),
    };
    ensure!(value > 0.0, "fio did nothing: {told}");
    Ok(value)
}
