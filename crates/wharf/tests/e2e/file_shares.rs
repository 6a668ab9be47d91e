//! Azure file shares: accounts, shares, and what containers see of them (semantics.md §11).

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    arm::{clear, get, send, subscription},
    harness::{
        Daemon,
        group::{events, group, script, with},
        wait_for,
    },
};

const VERSION: &str = "api-version=2023-05-01";

/// A storage account of a daemon.
pub(crate) struct Account<'a> {
    wharf: &'a Daemon,
    pub(crate) home: String,
    path: String,
    name: &'static str,
}

impl<'a> Account<'a> {
    pub(crate) fn create(wharf: &'a Daemon, name: &'static str) -> Self {
        let home = format!("{}/resourceGroups/shares", subscription(wharf));
        let group = json!({ "location": "local" }).to_string();
        send(wharf, "PUT", &format!("{home}?api-version=2022-12-01"), Some(&group));
        let path = format!("{home}/providers/Microsoft.Storage/storageAccounts/{name}");
        let account = Self { wharf, home, path, name };
        let body =
            json!({ "sku": { "name": "Standard_LRS" }, "kind": "StorageV2", "location": "local" });
        let made = account.send("PUT", "", &body);
        assert_eq!(made.0, 200, "{}", made.1);
        account
    }

    fn send(&self, method: &str, rest: &str, body: &Value) -> (u16, Value) {
        let path = format!("{}{rest}?{VERSION}", self.path);
        let body = (!body.is_null()).then(|| body.to_string());
        let answer = send(self.wharf, method, &path, body.as_deref());
        (answer.status, answer.body)
    }

    pub(crate) fn share(&self, name: &str) -> u16 {
        self.send("PUT", &format!("/fileServices/default/shares/{name}"), &json!({})).0
    }

    pub(crate) fn key(&self, index: usize) -> String {
        let keys = self.send("POST", "/listKeys", &json!({})).1;
        keys["keys"][index]["value"].as_str().unwrap().to_owned()
    }

    pub(crate) fn volume(&self, share: &str, key: &str, read_only: bool) -> Value {
        json!({ "name": "data", "azureFile": {
            "shareName": share, "storageAccountName": self.name, "storageAccountKey": key,
            "readOnly": read_only } })
    }
}

fn task(name: &str, text: &str, volume: &Value) -> Value {
    let mounts = json!({ "volumeMounts": [{ "name": "data", "mountPath": "/mnt/share" }] });
    let more = json!({ "restartPolicy": "Never", "volumes": [volume] });
    group(name, &[with(script("c", text), &mounts)], &more)
}

fn group_events(wharf: &Daemon, name: &str, kind: &str) -> Vec<(String, u64)> {
    events(&wharf.show(name)["properties"]["instanceView"], kind)
}

#[test]
fn what_one_group_writes_another_reads_after_it_is_gone() {
    let wharf = Daemon::start();
    let account = Account::create(&wharf, "lasting");
    assert_eq!((account.share("data"), account.share("data")), (201, 200));
    let key = account.key(0);
    let text = "cd /mnt/share; echo kept > a; ln a b; chown 7:8 b; mkfifo pipe; stat -c %u:%g:%h a";
    let writer = task("one", text, &account.volume("data", &key, false));
    assert_eq!(wharf.output(&writer), "7:8:2\n");
    let told = group_events(&wharf, "one", "SuccessfulMountAzureFileVolume");
    assert_eq!(told.len(), 1, "{:#}", wharf.show("one"));
    let shown = wharf.show("one");
    assert_eq!(
        shown["properties"]["volumes"][0]["azureFile"],
        json!({ "shareName": "data", "storageAccountName": "lasting", "readOnly": false })
    );
    assert!(!shown.to_string().contains(&key) && !wharf.log().contains(&key));
    wharf.ok(&["delete", "one", "--yes"]);
    // The other key opens as well, and nobody writes through a read-only volume.
    let text = "cd /mnt/share; cat a; ls; echo no 2>/dev/null > c || echo read-only";
    let reader = task("two", text, &account.volume("data", &account.key(1), true));
    assert_eq!(wharf.output(&reader), "kept\na\nb\npipe\nread-only\n");
    wharf.clear();
    assert_eq!(account.send("DELETE", "/fileServices/default/shares/data", &Value::Null).0, 200);
    assert_eq!(account.send("DELETE", "/fileServices/default/shares/data", &Value::Null).0, 204);
    clear(&wharf, &account.home);
    let left = std::fs::read_dir(wharf.dir().join("d/shares")).unwrap().count();
    assert_eq!(left, 1, "only the directory for temporary files");
}

#[test]
fn a_group_waits_for_the_share_and_the_right_key_and_says_what_is_wrong() {
    let wharf = Daemon::start();
    let account = Account::create(&wharf, "waiting");
    let wrong = account.volume("data", "d3Jvbmc=", false);
    wharf.begin(&task("g", "cat /mnt/share/*; echo done", &wrong));
    let message = |wharf: &Daemon| {
        group_events(wharf, "g", "FailedMount").first().map(|event| event.0.clone())
    };
    assert!(wait_for(Duration::from_secs(20), || message(&wharf).is_some()));
    let said = message(&wharf).unwrap();
    assert!(said.contains("the key is not one of storage account 'waiting'"), "{said}");
    wharf.ok(&["delete", "g", "--yes"]);
    wharf.begin(&task("g", "echo done", &account.volume("data", &account.key(0), false)));
    assert!(wait_for(Duration::from_secs(20), || message(&wharf).is_some()));
    let said = message(&wharf).unwrap();
    assert!(said.contains("storage account 'waiting' has no share 'data'"), "{said}");
    assert_eq!(account.share("data"), 201);
    wharf.wait_for_state("g", "Succeeded");
    assert_eq!(wharf.ok(&["logs", "g"]), "done\n");
    wharf.clear();
    clear(&wharf, &account.home);
}

#[test]
fn a_share_in_use_stays_and_an_account_takes_its_shares_along() {
    let wharf = Daemon::start();
    let account = Account::create(&wharf, "used");
    assert_eq!(account.share("data"), 201);
    let volume = account.volume("data", &account.key(0), false);
    wharf.create(&task("g", "echo x > /mnt/share/x; sleep 1000", &volume));
    let share = "/fileServices/default/shares/data";
    let (status, body) = account.send("DELETE", share, &Value::Null);
    assert_eq!((status, &body["error"]["code"]), (409, &json!("ShareInUse")));
    assert!(body.to_string().contains("'g'"), "{body}");
    assert_eq!(account.send("DELETE", "", &Value::Null).0, 409);
    // Another key does not take away what is mounted, and a crash of the daemon neither.
    let before = account.key(0);
    let (status, keys) = account.send("POST", "/regenerateKey", &json!({ "keyName": "key1" }));
    assert_eq!(status, 200);
    assert_ne!(keys["keys"][0]["value"], json!(before));
    let text = "until [ -s /mnt/share/x ]; do usleep 50000; done; cat /mnt/share/x";
    let read = wharf.ok(&["exec", "g", "--", "sh", "-c", text]);
    assert_eq!(read, "x\n");
    wharf.ok(&["stop", "g"]);
    assert_eq!(account.send("DELETE", "", &Value::Null).0, 200);
    let anew = Account::create(&wharf, "used");
    assert_eq!(anew.share("data"), 201, "nothing of the old account is left");
    wharf.clear();
    clear(&wharf, &anew.home);
}

#[test]
fn a_snapshot_is_made_and_no_share_goes_by_a_word_that_is_not_understood() {
    let wharf = Daemon::start();
    let account = Account::create(&wharf, "careful");
    assert_eq!(account.share("data"), 201);
    let all = format!("{}/fileServices/default/shares", account.path);
    let ask = |method: &str, query: &str, body: Option<&Value>| {
        let path = format!("{all}{query}&{VERSION}");
        let answer = send(&wharf, method, &path, body.map(ToString::to_string).as_deref());
        (answer.status, answer.body)
    };
    let metadata = |name: &str| json!({ "properties": { "metadata": { name: "x" } } });
    let expand = "/data?$expand=snapshots";
    let (status, refused) = ask("PUT", expand, Some(&metadata("a><b")));
    assert_eq!((status, &refused["error"]["code"]), (400, &json!("InvalidMetadata")));
    let (status, made) = ask("PUT", expand, Some(&metadata("why")));
    assert_eq!((status, &made["properties"]["metadata"]["why"]), (201, &json!("x")));
    let (_, listed) = ask("GET", "?$expand=snapshots", None);
    let times = listed["value"].as_array().unwrap().iter();
    let times: Vec<_> = times.map(|share| &share["properties"]["snapshotTime"]).collect();
    assert_eq!(times, [&made["properties"]["snapshotTime"], &Value::Null]);
    for (word, expected) in
        [("non", (400, "InvalidQueryParameterValue")), ("none", (409, "ShareHasSnapshots"))]
    {
        let (status, refused) = ask("DELETE", &format!("/data?$include={word}"), None);
        assert_eq!((status, refused["error"]["code"].as_str().unwrap()), expected, "{word}");
    }
    assert_eq!(ask("DELETE", "/data?$include=snapshots", None).0, 200);
    clear(&wharf, &account.home);
}

#[test]
fn names_of_accounts_are_taken_for_the_whole_host() {
    let wharf = Daemon::start();
    let account = Account::create(&wharf, "unique");
    let subscription = subscription(&wharf);
    let ask = |name: &str| {
        let path =
            format!("{subscription}/providers/Microsoft.Storage/checkNameAvailability?{VERSION}");
        let body = json!({ "name": name, "type": "Microsoft.Storage/storageAccounts" });
        send(&wharf, "POST", &path, Some(&body.to_string())).body["nameAvailable"].clone()
    };
    assert_eq!((ask("unique"), ask("other"), ask("NO")), (json!(false), json!(true), json!(false)));
    let elsewhere = format!("{subscription}/resourceGroups/elsewhere");
    let group = json!({ "location": "local" }).to_string();
    send(&wharf, "PUT", &format!("{elsewhere}?api-version=2022-12-01"), Some(&group));
    let body =
        json!({ "sku": { "name": "Standard_LRS" }, "kind": "StorageV2", "location": "local" });
    let path = format!("{elsewhere}/providers/Microsoft.Storage/storageAccounts/unique?{VERSION}");
    let taken = send(&wharf, "PUT", &path, Some(&body.to_string()));
    assert_eq!((taken.status, taken.code()), (409, "StorageAccountAlreadyTaken"));
    let all = get(
        &wharf,
        &format!("{subscription}/providers/Microsoft.Storage/storageAccounts?{VERSION}"),
    );
    assert_eq!(all["value"].as_array().unwrap().len(), 1);
    assert!(!all.to_string().contains(&account.key(0)), "keys are listed by listKeys only");
    clear(&wharf, &elsewhere);
    clear(&wharf, &account.home);
}
