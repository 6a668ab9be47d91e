//! Every file in `examples/`, deployed as the file says.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    databases::{Postgres, has},
    harness::{
        Daemon, curl,
        registry::{find, programs_layout},
        text, wait_for,
    },
};

#[test]
fn hello_answers_at_its_own_address_and_the_sidecar_sees_it_on_localhost() {
    let wharf = Daemon::start();
    wharf.ok(&["create", "-f", "examples/hello.yaml"]);
    wharf.wait_for_state("hello", "Running");
    let page = curl(&format!("http://{}/", wharf.ip("hello")));
    assert!(page.contains("Welcome to Azure Container Instances!"), "{page}");
    assert!(page.contains("<code>hello</code>"), "the page names its host: {page}");
    let seen = wait_for(Duration::from_secs(20), || {
        wharf.ok(&["logs", "hello", "--container", "sidecar"]).contains("HTTP/1.1 200 OK")
    });
    assert!(seen, "{}", wharf.ok(&["logs", "hello", "--container", "sidecar"]));
}

#[test]
fn wordcount_runs_to_completion_and_leaves_its_result() {
    let wharf = Daemon::start();
    wharf.ok(&["create", "-f", "examples/wordcount.yaml"]);
    wharf.wait_for_state("wordcount", "Succeeded");
    let log = wharf.ok(&["logs", "wordcount"]);
    assert_eq!(log.lines().count(), 5, "NumWords is 5: {log}");
    assert!(log.contains("('that', 7)"), "{log}");
    let view = wharf.view("wordcount", 0);
    assert_eq!(view["currentState"]["exitCode"], 0);
    assert_eq!(view["currentState"]["detailStatus"], "Completed");
}

#[test]
fn web_runs_on_and_sidecar_shares_a_volume() {
    let wharf = Daemon::start();
    wharf.ok(&["create", "-f", "examples/web.yaml"]);
    wharf.ok(&["create", "-f", "examples/sidecar.yaml"]);
    for name in ["web", "sidecar"] {
        wharf.wait_for_state(name, "Running");
    }
    assert!(curl(&format!("http://{}/healthz", wharf.ip("web"))).contains("ok"));
    // Both serve at the same time, each at an address of its own.
    let url = format!("http://{}:8080/", wharf.ip("sidecar"));
    let served = wait_for(Duration::from_secs(20), || curl(&url).contains(':'));
    assert!(served, "what one container wrote the other serves");
    assert_ne!(wharf.ip("web"), wharf.ip("sidecar"));
}

/// What the published image's entry point does, as far as the example needs it.
const ENTRYPOINT: &str = r#"#!/bin/sh
busybox mkdir -p "$PGDATA" && busybox chown other "$PGDATA"
echo "$POSTGRES_PASSWORD" > /password
start='[ -e "$PGDATA/PG_VERSION" ] ||
    initdb -A scram-sha-256 -U postgres --pwfile=/password --no-locale -E UTF8 >&2
    exec "$0" -k "" "$@"'
exec busybox su -c "$start" other -- "$@"
"#;

/// Imports what this host has installed under the name of a published image.
fn import(wharf: &Daemon, name: &str, programs: &[&str], more: &[String], texts: &[(&str, &str)]) {
    let layout = wharf.dir().join("layout");
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    programs_layout(&layout, programs, &more, texts);
    wharf.ok(&["image", "import", layout.to_str().unwrap(), "--name", name]);
    std::fs::remove_dir_all(layout).unwrap();
}

/// The directory of Azurite, if it can be had.
fn azurite() -> Option<PathBuf> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/clients");
    let output = Command::new(script).arg("azurite").output().unwrap();
    let place = Path::new(text(&output.stdout).trim()).join("azurite").canonicalize();
    place.ok().filter(|place| has(place.join("node_modules/azurite").to_str().unwrap()))
}

#[test]
fn services_are_used_over_the_network_of_the_group() {
    const NODE: &str = "/usr/bin/node";
    let (Some(azurite), Some(postgres)) = (azurite(), Postgres::find()) else { return };
    if !has(NODE) {
        return;
    }
    let wharf = Daemon::start();
    let code = find(&azurite.join("node_modules")).into_iter().filter(|path| {
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        matches!(kind, "js" | "cjs" | "mjs" | "json" | "node")
    });
    let code: Vec<String> = code.map(|path| path.to_str().unwrap().to_owned()).collect();
    let main = azurite.join("node_modules/azurite/dist/src/blob/main.js");
    let start = format!("#!/bin/sh\nexec {NODE} {} \"$@\"\n", main.display());
    let texts = [("bin/azurite-blob", start.as_str())];
    import(&wharf, "mcr.microsoft.com/azure-storage/azurite:3.35.0", &[NODE], &code, &texts);
    let programs: Vec<&str> = postgres.programs.iter().map(String::as_str).collect();
    let home = Path::new(programs[0]).parent().unwrap().display();
    let call = |name: &str| format!("#!/bin/sh\nexec {home}/{name} \"$@\"\n");
    let (server, init, client) = (call("postgres"), call("initdb"), call("psql"));
    let texts = [
        ("bin/docker-entrypoint.sh", ENTRYPOINT),
        ("bin/postgres", server.as_str()),
        ("bin/initdb", init.as_str()),
        ("bin/psql", client.as_str()),
    ];
    import(&wharf, "docker.io/library/postgres:15", &programs, &postgres.more, &texts);
    wharf.ok(&["create", "-f", "examples/services.yaml"]);
    let log = |name: &str| wharf.ok(&["logs", "services", "--container", name]);
    let done = wait_for(Duration::from_mins(1), || {
        log("photos").contains("blob: a photo\n") && log("orders").contains("rows: 1\n")
    });
    let all = ["blobs", "database", "photos", "orders"].map(log);
    assert!(done, "{all:#?}\n{:#}", wharf.show("services"));
    assert_eq!(wharf.state("services"), "Running", "the services go on");
}
