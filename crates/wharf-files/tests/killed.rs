//! A process that is killed while it changes shares: what it has acknowledged is there, and nothing
//! is half there.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use wharf_files::{Change, Code, Query, Settings, Shares, WithSnapshots};

const ACCOUNT: &str = "devstore";
const NAMES: [&str; 3] = ["one", "two", "three"];
const PLACE: &str = "WHARF_TEST_KILLED";
const ROUNDS: usize = 25;

/// What became of the shares.
type State = BTreeMap<String, Kept>;

/// The quota of a share, and how many snapshots it has; nothing if it is not there.
type Kept = Option<(u32, usize)>;

fn kept(shares: &Shares, name: &str) -> Kept {
    match shares.show(ACCOUNT, name) {
        Ok(share) => Some((share.settings.quota, shares.snapshots(ACCOUNT, name).unwrap().len())),
        Err(error) => {
            assert_eq!(error.code(), Code::ShareNotFound);
            None
        }
    }
}

/// Not a test of its own: changes shares until it is killed, and says what it has done.
#[test]
#[ignore = "runs in a process that is killed"]
fn the_process_that_is_killed() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let shares = Shares::open(Path::new(&place)).unwrap();
    let mut out = std::io::stdout();
    let mut say = |verb: &str, name: &str, (quota, snapshots): (u32, usize)| {
        writeln!(out, "\n{verb} {name} {quota} {snapshots}").and_then(|()| out.flush()).unwrap();
    };
    for quota in 1.. {
        for name in NAMES {
            say("begin", name, (quota, 0));
            let settings = Settings { quota, ..Settings::default() };
            match (quota / 3) % 3 {
                0 => drop(shares.create(ACCOUNT, name, settings).unwrap()),
                1 => {
                    let change = Change { quota: Some(quota), ..Change::default() };
                    drop(shares.update(ACCOUNT, name, change));
                    drop(shares.create_snapshot(ACCOUNT, name, None));
                }
                _ => drop(shares.delete(ACCOUNT, name, WithSnapshots::Delete)),
            }
            say("done", name, kept(&shares, name).unwrap_or_default());
        }
    }
}

/// Runs that process for as many steps, and kills it. Tells what it acknowledged, and what it was at.
fn kill_after(place: &Path, steps: usize) -> (State, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "the_process_that_is_killed", "--nocapture"])
        .env(PLACE, place)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut state, mut busy) = (State::new(), String::new());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut note = |line: String| {
        let mut words = line.split(' ');
        let (verb, name) = (words.next(), words.next());
        let numbers = words.next().zip(words.next());
        match (verb, name, numbers) {
            (Some("begin"), Some(name), Some(_)) => name.clone_into(&mut busy),
            (Some("done"), Some(name), Some((quota, snapshots))) => {
                let kept = quota.parse().ok().zip(snapshots.parse().ok());
                state.insert(name.to_owned(), kept.filter(|(quota, _)| *quota > 0));
                busy.clear();
            }
            _ => return false,
        }
        true
    };
    let mut seen = 0;
    while seen < steps {
        seen += usize::from(note(lines.next().unwrap()));
    }
    child.kill().unwrap();
    for line in lines {
        note(line);
    }
    child.wait().unwrap();
    (state, busy)
}

#[test]
fn what_is_acknowledged_survives_and_nothing_is_half_there() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..ROUNDS {
        // Odd steps end at the beginning of a change, which the kill then meets.
        let (state, busy) = kill_after(dir.path(), 2 * round + 1);
        let shares = Shares::open(dir.path()).unwrap();
        assert_eq!(std::fs::read_dir(dir.path().join(".tmp")).unwrap().count(), 0);
        assert_eq!(shares.check(|_| true).unwrap(), [""; 0]);
        let listed = shares.list(ACCOUNT, &Query::default()).unwrap();
        for share in &listed.shares {
            assert!(shares.tree(ACCOUNT, &share.name).is_ok(), "{share:?}");
        }
        for (name, acknowledged) in state.into_iter().filter(|(name, _)| *name != busy) {
            assert_eq!(kept(&shares, &name), acknowledged, "{name}");
        }
    }
}
