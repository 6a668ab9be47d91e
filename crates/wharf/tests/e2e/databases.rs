//! A database on a share that is killed with its group, and comes back elsewhere with nothing lost.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};

use crate::{
    arm::clear,
    file_shares::Account,
    harness::{
        Daemon,
        group::{container, group, with},
        registry::programs_layout,
        text, wait_for,
    },
    restart_safety::descendants,
};

const IMAGE: &str = "local/database:1";
/// Rows that have to be acknowledged before anything is killed.
const ROWS: u64 = 40;

/// How a group ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Death {
    /// All processes of its containers are killed.
    Processes,
    /// Its shim is.
    Shim,
    /// The daemon, the shim and everything below it.
    Everything,
    /// It is deleted while it writes.
    Deleted,
}

/// The last is there so that what came before it is looked at.
const DEATHS: [Death; 5] =
    [Death::Processes, Death::Shim, Death::Everything, Death::Deleted, Death::Processes];

/// A world with one share and an image of a database.
struct World {
    wharf: Daemon,
    /// Those of the group's containers that write rows and print the number of each that is
    /// acknowledged, after a line `held <result of the check> <rows> <highest number>`.
    writers: &'static [&'static str],
}

impl World {
    fn new(writers: &'static [&'static str], programs: &[&str], more: &[&str]) -> Self {
        let wharf = Daemon::start();
        let layout = wharf.dir().join("layout");
        programs_layout(&layout, programs, more, &[]);
        wharf.ok(&["image", "import", layout.to_str().unwrap(), "--name", IMAGE]);
        std::fs::remove_dir_all(layout).unwrap();
        Self { wharf, writers }
    }

    fn log(&self, place: &str, container: &str) -> String {
        self.wharf.ok(&["logs", "db", "-g", place, "--container", container])
    }

    fn logs(&self, place: &str, containers: &[Value]) -> Vec<String> {
        let names = containers.iter().map(|container| container["name"].as_str().unwrap());
        let end = |name| {
            let log = self.log(place, name);
            let lines: Vec<&str> = log.lines().collect();
            lines[lines.len().saturating_sub(20)..].join("\n")
        };
        names.map(end).collect()
    }

    /// The highest number that this group acknowledged.
    fn acknowledged(&self, place: &str) -> u64 {
        let highest = |writer: &&str| {
            let log = self.log(place, writer);
            let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole).to_owned();
            whole.lines().filter_map(|line| line.parse::<u64>().ok()).max().unwrap_or(0)
        };
        self.writers.iter().map(highest).max().unwrap()
    }

    /// What a writer found when it came up: the highest number.
    fn held(&self, place: &str) -> u64 {
        let log = self.log(place, self.writers[0]);
        let line = log.lines().find_map(|line| line.strip_prefix("held ")).unwrap_or_default();
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words.len(), 3, "{place}: {log}");
        assert_eq!((words[0], words[1]), ("ok", words[2]), "{place}: {line}");
        words[2].parse().unwrap()
    }

    fn is_running(&self, place: &str) -> bool {
        let query = "properties.instanceView.state";
        let args = ["show", "db", "-g", place, "-o", "tsv", "--query", query];
        text(&self.wharf.run(&args).stdout).trim() == "Running"
    }

    fn end(&mut self, place: &str, death: Death) {
        let groups = std::fs::read_dir(self.wharf.dir().join("r/groups")).unwrap();
        let [group] = groups.flatten().collect::<Vec<_>>().try_into().unwrap();
        let shim = std::fs::read_to_string(group.path().join("shim.pid")).unwrap();
        let all = descendants(shim.trim());
        assert!(all.len() > self.writers.len(), "{all:?}");
        let killed = match death {
            Death::Processes => &all[1..],
            Death::Shim => &all[..1],
            Death::Everything => &all[..],
            Death::Deleted => return,
        };
        if death == Death::Everything {
            self.wharf.kill();
        }
        let mut kill = std::process::Command::new("kill");
        drop(kill.arg("-9").args(killed).output().unwrap());
        if death == Death::Everything {
            self.wharf.up(&[]);
        }
        let ended = wait_for(Duration::from_mins(1), || !self.is_running(place));
        assert!(ended, "{death:?}: {}", self.wharf.log());
    }

    /// Lets groups of these containers write to one share, each in a resource group of its own and
    /// after the one before was killed and deleted.
    fn survives(&mut self, account: &'static str, containers: &[Value]) {
        let made = Account::create(&self.wharf, account);
        assert_eq!(made.share("data"), 201);
        let volume = made.volume("data", &made.key(0), false);
        let home = made.home.clone();
        let more = json!({ "restartPolicy": "Never", "volumes": [volume] });
        let path = self.wharf.dir().join("db.json");
        std::fs::write(&path, group("db", containers, &more).to_string()).unwrap();
        let mut acknowledged = 0;
        for (round, death) in DEATHS.into_iter().enumerate() {
            let place = format!("home{round}");
            self.wharf.ok(&["create", "-f", path.to_str().unwrap(), "-g", &place]);
            let writes = wait_for(Duration::from_mins(2), || {
                self.acknowledged(&place) > acknowledged + ROWS
            });
            assert!(writes, "{place}: {:#?}", self.logs(&place, containers));
            let held = self.held(&place);
            assert!(held >= acknowledged, "{place}: {acknowledged} acknowledged, {held} there");
            self.end(&place, death);
            acknowledged = self.acknowledged(&place);
            self.wharf.ok(&["delete", "db", "-g", &place, "--yes"]);
        }
        self.wharf.clear();
        clear(&self.wharf, &home);
    }
}

/// What an image needs for `PostgreSQL`.
pub(crate) struct Postgres {
    /// The server first.
    pub(crate) programs: Vec<String>,
    pub(crate) more: Vec<String>,
}

impl Postgres {
    /// Debian's, of the highest version; without it says that the test is skipped.
    pub(crate) fn find() -> Option<Self> {
        let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let version = installed.filter_map(|entry| entry.file_name().into_string().ok()).max();
        let version = version.unwrap_or_default();
        let home = format!("/usr/lib/postgresql/{version}");
        let program = |name: &str| format!("{home}/bin/{name}");
        let library = |name: &str| format!("{home}/lib/{name}.so");
        let programs: Vec<_> = ["postgres", "initdb", "psql"].map(program).into();
        let mut more: Vec<_> = ["plpgsql", "dict_snowball", "amcheck"].map(library).into();
        more.push(format!("/usr/share/postgresql/{version}"));
        programs.iter().all(|program| has(program)).then_some(Self { programs, more })
    }
}

/// A container of the image with the share.
fn part(name: &str, script: &str, memory: f64) -> Value {
    let properties = json!({
        "image": IMAGE,
        "command": ["sh", "-c", script],
        "volumeMounts": [{ "name": "data", "mountPath": "/mnt/share" }],
        "securityContext": { "runAsUser": 70 },
    });
    let requests = json!({ "resources": { "requests": { "cpu": 0.5, "memoryInGB": memory } } });
    with(container(name, &properties), &requests)
}

/// Whether this machine has the program; says so if it has not.
#[expect(clippy::print_stderr, reason = "a test that is skipped says why")]
pub(crate) fn has(program: &str) -> bool {
    let is_there = Path::new(program).exists();
    if !is_there {
        eprintln!("skipped: {program} is not installed (scripts/bootstrap test)");
    }
    is_there
}

#[test]
fn sqlite_on_a_share_loses_no_row_when_its_group_is_killed() {
    const SQLITE: &str = "/usr/bin/sqlite3";
    const SCRIPT: &str = r#"
        open() { sqlite3 -bail -cmd '.timeout 20000' -cmd 'PRAGMA synchronous=FULL' db "$@"; }
        cd /mnt/share
        open 'PRAGMA journal_mode=WAL' 'CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, x)'
        echo held $(open "SELECT (SELECT group_concat(integrity_check) FROM pragma_integrity_check)
                          || ' ' || count(*) || ' ' || coalesce(max(n), 0) FROM t")
        yes 'INSERT INTO t(x) VALUES(hex(randomblob(500))); SELECT last_insert_rowid();' | open"#;
    if !has(SQLITE) {
        return;
    }
    let mut world = World::new(&["one", "two"], &[SQLITE], &[]);
    world.survives("sqlite", &[part("one", SCRIPT, 0.2), part("two", SCRIPT, 0.2)]);
}

#[test]
fn postgresql_on_a_share_loses_no_row_when_its_group_is_killed() {
    const SERVER: &str = "
        export PGDATA=/mnt/share/pg
        [ -e $PGDATA/PG_VERSION ] || initdb -k -A trust -U postgres --no-locale -E UTF8 >&2
        exec postgres -h 127.0.0.1 -k '' -c jit=off -c shared_buffers=16MB";
    const CLIENT: &str = r#"
        open() { psql -h 127.0.0.1 -U postgres -qAt "$@"; }
        until open -c 'CREATE TABLE IF NOT EXISTS t(n integer PRIMARY KEY, x text);
                       CREATE EXTENSION IF NOT EXISTS amcheck'; do sleep 0.2; done
        bad=$(open -c "SELECT count(*) FROM verify_heapam('t')" -c "SELECT bt_index_check('t_pkey', true)")
        [ "$bad" = 0 ] && bad=ok
        echo held $bad $(open -c "SELECT count(*) || ' ' || coalesce(max(n), 0) FROM t")
        yes 'INSERT INTO t SELECT coalesce(max(n), 0) + 1, repeat(md5(random()::text), 20) FROM t RETURNING n;' |
            open -v ON_ERROR_STOP=1"#;
    let Some(Postgres { programs, more }) = Postgres::find() else { return };
    let programs: Vec<&str> = programs.iter().map(String::as_str).collect();
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let path = format!("export PATH={}:/bin;", Path::new(programs[0]).parent().unwrap().display());
    let mut world = World::new(&["client"], &programs, &more);
    let [server, client] = [SERVER, CLIENT].map(|script| format!("{path}{script}"));
    world.survives("postgres", &[part("server", &server, 0.5), part("client", &client, 0.2)]);
}
