//! What a container does to a share, seen from other groups and over REST; and a daemon that dies
//! while a client uploads.

use std::{
    collections::BTreeSet,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    arm::clear,
    file_shares::Account,
    harness::{
        Daemon,
        group::{group, script, with},
        text, wait_for,
    },
};

/// A client of the REST service that may do everything in an account.
struct Client {
    address: String,
    authority: String,
    account: &'static str,
    signature: String,
}

impl Client {
    fn new(wharf: &Daemon, account: &'static str, key: &str) -> Self {
        let authority = wharf.dir().join("d/tls/ca.pem").to_str().unwrap().to_owned();
        let signature = signature(account, key);
        Self { address: wharf.address(), authority, account, signature }
    }

    /// Sends a request; status (0 without an answer) and body.
    fn send(&self, method: &str, path: &str, args: &[&str]) -> (u16, Vec<u8>) {
        let separator = if path.contains('?') { '&' } else { '?' };
        let url = format!(
            "https://{}/{}/{path}{separator}{}",
            self.address, self.account, self.signature
        );
        let mut command = Command::new("curl");
        command.args(["-s", "-g", "--max-time", "20", "--cacert", &self.authority, "-X", method]);
        command.args(["-w", "\n%{http_code}", "-H", "x-ms-version: 2024-11-04"]);
        if !args.contains(&"--data-binary") && method == "PUT" {
            command.args(["-H", "Content-Length: 0"]);
        }
        let mut body = command.args(args).arg(url).output().unwrap().stdout;
        let end = body.iter().rposition(|byte| *byte == b'\n').unwrap();
        let status = text(&body.split_off(end)).trim().parse().unwrap();
        (status, body)
    }

    fn status(&self, method: &str, path: &str, args: &[&str]) -> u16 {
        self.send(method, path, args).0
    }

    fn create(&self, path: &str, size: usize) -> u16 {
        let length = format!("x-ms-content-length: {size}");
        self.status("PUT", path, &["-H", "x-ms-type: file", "-H", &length])
    }

    fn put_range(&self, path: &str, begin: usize, content: &str) -> u16 {
        let range = format!("x-ms-range: bytes={begin}-{}", begin + content.len() - 1);
        let args = ["-H", &range, "-H", "x-ms-write: update", "--data-binary", content];
        self.status("PUT", &format!("{path}?comp=range"), &args)
    }

    fn read(&self, path: &str) -> Result<String, u16> {
        let (status, body) = self.send("GET", path, &[]);
        if status == 200 { Ok(text(&body)) } else { Err(status) }
    }
}

/// A signature of the account for everything, made with the openssl of this host.
fn signature(account: &str, key: &str) -> String {
    let (rights, expiry, version) = ("rwdlc", "2099-01-01T00:00:00Z", "2024-11-04");
    let signed = format!("{account}\n{rights}\nf\nsco\n\n{expiry}\n\n\n{version}\n\n");
    let script = r#"key=$(printf %s "$2" | base64 -d | od -An -v -tx1 | tr -d ' \n')
        printf %s "$1" | openssl dgst -sha256 -mac HMAC -macopt hexkey:$key -binary | base64 -w0"#;
    // The shell takes no newline away at the end of an argument.
    let output = Command::new("sh").args(["-c", script, "sh", &signed, key]).output().unwrap();
    let tag = text(&output.stdout).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    assert!(!tag.is_empty(), "{}", text(&output.stderr));
    format!("sv={version}&ss=f&srt=sco&sp={rights}&se={expiry}&sig={tag}")
}

/// A group that waits for commands with a share at `/mnt/share`.
fn waiting(name: &str, volume: &Value) -> Value {
    let mounts = json!({ "volumeMounts": [{ "name": "data", "mountPath": "/mnt/share" }] });
    group(name, &[with(script("c", "exec sleep 10000"), &mounts)], &json!({ "volumes": [volume] }))
}

/// What a command in a group prints, errors included.
fn run(wharf: &Daemon, name: &str, command: &str) -> String {
    let command = format!("cd /mnt/share; {command}");
    let output = wharf.run(&["exec", name, "--", "sh", "-c", &command]);
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn what_one_group_puts_into_a_share_leads_no_other_and_no_client_out_of_it() {
    let wharf = Daemon::start();
    let account = Account::create(&wharf, "hostile");
    assert_eq!((account.share("data"), account.share("private")), (201, 201));
    let key = account.key(0);
    let client = Client::new(&wharf, "hostile", &key);
    assert_eq!(client.create("private/file", 6), 201);
    assert_eq!(client.put_range("private/file", 0, "SECRET"), 201);
    let host = wharf.dir().join("host");
    std::fs::write(&host, "SECRET").unwrap();
    let volume = account.volume("data", &key, false);
    wharf.create(&waiting("evil", &volume));
    wharf.create(&waiting("other", &volume));
    let (shares, host_path) = (wharf.dir().join("d/shares"), host.to_str().unwrap());
    let private = shares.join("hostile/private/tree");
    let links = format!(
        "ln -s /etc/shadow shadow; ln -s {host_path} host; ln -s {} out; \
         ln -s ../../private/tree up; ln -s /proc/1/root root; ln -s / slash",
        private.display()
    );
    assert_eq!(run(&wharf, "evil", &links), "");
    for place in
        ["host", "out/file", "up/file", &format!("root{host_path}"), &format!("slash{host_path}")]
    {
        for group in ["evil", "other"] {
            let said = run(&wharf, group, &format!("cat {place}; echo no > {place}"));
            assert!(
                said.contains("cat: can't open") && !said.contains("SECRET"),
                "{place}: {said}"
            );
        }
        let path = format!("data/{}", place.trim_start_matches('/'));
        assert_eq!(client.read(&path), Err(404), "{path}");
        assert_ne!(client.create(&path, 2), 201, "{path}");
        assert_ne!(client.put_range(&path, 0, "no"), 201, "{path}");
        assert_ne!(client.status("DELETE", &path, &[]), 202, "{path}");
    }
    // A link leads within the root of who follows it.
    let own = run(&wharf, "other", "echo own > /etc/shadow; cat shadow");
    assert_eq!(own, "own\n");
    assert_eq!(client.read("data/shadow"), Err(404));
    let listed = client.read("data?restype=directory&comp=list").unwrap();
    assert!(listed.contains("<Entries />") || listed.contains("<Entries></Entries>"), "{listed}");
    assert_eq!(std::fs::read_to_string(&host).unwrap(), "SECRET");
    assert_eq!(client.read("private/file").unwrap(), "SECRET");
    wharf.clear();
    clear(&wharf, &account.home);
}

#[test]
fn devices_in_a_share_are_of_no_use() {
    let wharf = Daemon::start();
    let account = Account::create(&wharf, "devices");
    assert_eq!(account.share("data"), 201);
    let key = account.key(0);
    let client = Client::new(&wharf, "devices", &key);
    wharf.create(&waiting("g", &account.volume("data", &key, false)));
    // Whether or not the container may make them, they are there.
    run(&wharf, "g", "mknod zero c 1 5; mknod memory c 1 1; mknod disk b 7 0");
    let tree = wharf.dir().join("d/shares/devices/data/tree");
    for (name, kind) in
        [("zero", ["c", "1", "5"]), ("memory", ["c", "1", "1"]), ("disk", ["b", "7", "0"])]
    {
        Command::new("mknod").arg(tree.join(name)).args(kind).output().unwrap();
        let said = run(&wharf, "g", &format!("head -c 1 {name} | wc -c"));
        assert!(said.contains("ermission denied") || said.contains("not permitted"), "{said}");
        let path = format!("data/{name}");
        assert_eq!(client.read(&path), Err(404), "{name}");
        assert_ne!(client.put_range(&path, 0, "x"), 201, "{name}");
    }
    assert_eq!(run(&wharf, "g", "head -c 3 /dev/zero | wc -c"), "3\n", "its own device works");
    wharf.clear();
    clear(&wharf, &account.home);
}

#[test]
fn containers_and_clients_see_at_once_what_the_other_did() {
    let wharf = Daemon::start();
    let account = Account::create(&wharf, "atonce");
    assert_eq!(account.share("data"), 201);
    let key = account.key(0);
    let client = Client::new(&wharf, "atonce", &key);
    wharf.create(&waiting("g", &account.volume("data", &key, false)));
    for round in 0..5 {
        let name = format!("f{round}");
        let path = format!("data/{name}");
        assert_eq!(client.read(&path), Err(404));
        assert_eq!(run(&wharf, "g", &format!("echo -n abc{round} > {name}")), "");
        assert_eq!(client.read(&path).unwrap(), format!("abc{round}"));
        assert_eq!(client.put_range(&path, 1, "XY"), 201);
        assert_eq!(run(&wharf, "g", &format!("cat {name}")), format!("aXY{round}"));
        assert_eq!(run(&wharf, "g", &format!("mv {name} n; ls")), "n\n");
        assert_eq!((client.read(&path), client.read("data/n").is_ok()), (Err(404), true));
        assert_eq!(client.status("DELETE", "data/n", &[]), 202);
        assert_eq!(run(&wharf, "g", "ls"), "");
    }
    wharf.clear();
    clear(&wharf, &account.home);
}

/// Ranges of an upload, and their size.
const RANGES: usize = 4000;
const SIZE: usize = 4096;

/// What is written there: no two ranges are alike.
fn content(index: usize) -> String {
    format!("{index:08}").repeat(SIZE / 8)
}

/// Uploads ranges until there is no answer; tells which were acknowledged.
fn upload(
    client: &Client,
    next: &AtomicUsize,
    is_over: &AtomicBool,
    done: &Mutex<BTreeSet<usize>>,
) {
    while !is_over.load(Ordering::Relaxed) {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if client.put_range("data/file", index * SIZE, &content(index)) == 201 {
            done.lock().unwrap().insert(index);
        }
    }
}

#[test]
fn a_daemon_that_is_killed_during_an_upload_has_every_range_that_it_acknowledged() {
    let mut wharf = Daemon::start();
    let account = Account::create(&wharf, "upload");
    assert_eq!(account.share("data"), 201);
    let (key, home) = (account.key(0), account.home.clone());
    let client = Client::new(&wharf, "upload", &key);
    assert_eq!(client.create("data/file", RANGES * SIZE), 201);
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeSet::new()));
    for round in 1..=4 {
        let client = Client::new(&wharf, "upload", &key);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| upload(&client, &next, &is_over, &done));
            }
            let wanted = round * 25;
            let is_enough = || done.lock().unwrap().len() > wanted;
            let enough = wait_for(Duration::from_mins(1), is_enough);
            wharf.kill();
            is_over.store(true, Ordering::Relaxed);
            assert!(enough, "{} ranges", done.lock().unwrap().len());
        });
        wharf.up(&[]);
        let client = Client::new(&wharf, "upload", &key);
        let (status, file) = client.send("GET", "data/file", &[]);
        assert_eq!((status, file.len()), (200, RANGES * SIZE));
        for index in done.lock().unwrap().iter() {
            let range = &file[index * SIZE..(index + 1) * SIZE];
            assert_eq!(range, content(*index).as_bytes(), "range {index} in round {round}");
        }
    }
    clear(&wharf, &home);
}
