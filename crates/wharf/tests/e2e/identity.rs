//! Who may do what, over the wire: tokens, roles on every route, the activity log, and that no
//! secret comes out anywhere.

use std::process::Command;

use serde_json::{Value, json};

use crate::{
    harness::{text, wait_for},
    remote::{Remote, Sp, body},
};

const HELLO: &str = "mcr.microsoft.com/azuredocs/aci-helloworld";
const GROUPS: &str = "providers/Microsoft.ContainerInstance/containerGroups";

fn code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap_or_default()
}

#[test]
fn tokens_of_others_are_refused_on_the_wire() {
    let (ours, theirs) = (Remote::start(), Remote::start());
    let path = "/subscriptions?api-version=2022-12-01";
    let (status, answer) = ours.curl(&[], path);
    assert!(status == 401 && answer.contains("AuthenticationFailed"), "{answer}");
    let good = ours.token(&ours.sp("mine", &["--role", "Reader"]));
    assert_eq!(ours.ask(&good, "GET", path, None).0, 200);
    let foreign = theirs.token(&theirs.sp("other", &["--role", "Owner"]));
    // base64url of {"alg":"none"}
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", good.split('.').nth(1).unwrap());
    for bad in [&foreign, &unsigned, "nonsense", ""] {
        let (status, answer) = ours.ask(bad, "GET", path, None);
        assert_eq!((status, code(&answer)), (401, "InvalidAuthenticationToken"), "{bad}");
    }
    let sp = ours.sp("graph", &["--role", "Owner"]);
    let (_, answer) = ours.log_in(&format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope={}/graph/.default",
        sp.client, sp.secret, ours.address
    ));
    let graph = answer["access_token"].as_str().unwrap();
    assert_eq!(ours.ask(graph, "GET", path, None).0, 401, "for another audience");
    let token = ours.token(&sp);
    ours.wharf.ok(&["sp", "delete", &sp.client]);
    assert_eq!(ours.ask(&token, "GET", path, None).0, 401, "the principal is gone");
    let (status, answer) = ours.log_in(&format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        sp.client, sp.secret
    ));
    assert_eq!((status, answer["error"].as_str()), (401, Some("invalid_client")));
}

#[test]
fn roles_decide_at_their_scope() {
    let remote = Remote::start();
    for name in ["one", "two"] {
        remote.wharf.ok(&["create", "g", "-g", name, "--image", HELLO, "--cpu", "0.1"]);
    }
    let reader = remote.token(&remote.sp("reader", &["--role", "Reader"]));
    let one = remote.sp("one", &["--role", "Contributor", "-g", "one"]);
    let token = remote.token(&one);
    let (mine, others) = (remote.group("one", "/g"), remote.group("two", "/g"));
    assert_eq!(remote.ask(&reader, "GET", &mine, None).0, 200);
    for (method, path) in [("PUT", &mine), ("DELETE", &mine), ("PATCH", &mine)] {
        let (status, answer) = remote.ask(&reader, method, path, Some(&body()));
        assert_eq!((status, code(&answer)), (403, "AuthorizationFailed"), "{method}");
    }
    let stop = remote.group("one", "/g/stop");
    assert_eq!(remote.ask(&reader, "POST", &stop, None).0, 403);
    assert_eq!(remote.ask(&token, "POST", &stop, None).0, 204);
    assert_eq!(remote.ask(&token, "GET", &mine, None).0, 200);
    let (status, answer) = remote.ask(&token, "GET", &others, None);
    assert_eq!(status, 403);
    let message = answer["error"]["message"].as_str().unwrap();
    let scope = others.split('?').next().unwrap();
    assert_eq!(
        message,
        format!(
            "The client '{}' with object id '{}' does not have authorization to perform action \
             'Microsoft.ContainerInstance/containerGroups/read' over scope '{scope}' or the scope \
             is invalid. If access was recently granted, please refresh your credentials.",
            one.client, one.object
        )
    );
    assert_eq!(remote.ask(&token, "DELETE", &others, None).0, 403);
    // Lists hold what may be read.
    let subscription = &remote.subscription;
    for (list, count) in [
        (format!("/subscriptions/{subscription}/{GROUPS}?api-version=2025-09-01"), 1),
        (format!("/subscriptions/{subscription}/resourcegroups?api-version=2024-11-01"), 1),
        ("/subscriptions?api-version=2022-12-01".to_owned(), 1),
    ] {
        let (status, answer) = remote.ask(&token, "GET", &list, None);
        let values = answer["value"].as_array().unwrap_or_else(|| panic!("{list} {answer}"));
        assert_eq!((status, values.len()), (200, count), "{list}");
    }
    // A role given later works at once; one taken away does not.
    let assignments = format!(
        "/subscriptions/{subscription}/resourceGroups/two/providers/Microsoft.Authorization/\
         roleAssignments/11111111-2222-3333-4444-555555555555?api-version=2022-04-01"
    );
    let reader_role = format!(
        "/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/\
         acdd72a7-3385-48ef-bd42-f606fba81ae7"
    );
    let given = json!({ "properties": {
        "principalId": one.object, "roleDefinitionId": reader_role,
    } });
    assert_eq!(remote.ask(&token, "PUT", &assignments, Some(&given)).0, 403, "not to oneself");
    let owner = remote.token(&remote.sp("owner", &["--role", "Owner"]));
    let (status, answer) = remote.ask(&owner, "PUT", &assignments, Some(&given));
    assert_eq!(status, 201, "{answer}");
    assert_eq!(remote.ask(&owner, "PUT", &assignments, Some(&given)).0, 200);
    assert_eq!(remote.ask(&token, "GET", &others, None).0, 200);
    assert_eq!(remote.ask(&token, "DELETE", &others, None).0, 403);
    assert_eq!(remote.ask(&owner, "DELETE", &assignments, None).0, 200);
    assert_eq!(remote.ask(&owner, "DELETE", &assignments, None).0, 204);
    assert_eq!(remote.ask(&token, "GET", &others, None).0, 403);
    // What is deleted takes its assignments along.
    for name in ["one", "two"] {
        remote.wharf.ok(&["delete", "g", "-g", name, "--yes"]);
    }
    let root = format!("/subscriptions/{subscription}/resourceGroups/one?api-version=2024-11-01");
    let (status, _) = remote.ask(&owner, "DELETE", &root, None);
    assert!(status == 202 || status == 200);
    assert_eq!(remote.ask(&token, "GET", &root, None).0, 403);
}

#[test]
fn a_custom_role_allows_what_it_says() {
    let remote = Remote::start();
    remote.wharf.ok(&["create", "g", "--image", HELLO, "--cpu", "0.1"]);
    let owner = remote.token(&remote.sp("owner", &["--role", "Owner"]));
    let role = format!(
        "/subscriptions/{}/providers/Microsoft.Authorization/roleDefinitions/\
         aaaaaaaa-2222-3333-4444-555555555555?api-version=2022-04-01",
        remote.subscription
    );
    let definition = json!({ "properties": { "roleName": "Restarter", "permissions": [{
        "actions": ["*/read", "Microsoft.ContainerInstance/containerGroups/restart/action"],
    }] } });
    assert_eq!(remote.ask(&owner, "PUT", &role, Some(&definition)).0, 201);
    let token = remote.token(&remote.sp("restarter", &["--role", "restarter"]));
    let restart = remote.group("default", "/g/restart");
    assert_eq!(remote.ask(&token, "POST", &restart, None).0, 204);
    assert_eq!(remote.ask(&token, "POST", &remote.group("default", "/g/stop"), None).0, 403);
    let (status, answer) = remote.ask(&owner, "DELETE", &role, None);
    assert_eq!((status, code(&answer)), (409, "RoleDefinitionHasAssignments"));
}

#[test]
fn no_route_is_reachable_without_a_token_or_without_a_role() {
    let remote = Remote::start();
    let routes: Value = serde_json::from_str(&remote.wharf.http("/wharf/v1/routes")).unwrap();
    let paths = |kind: &str| -> Vec<String> {
        let paths = routes[kind].as_array().unwrap().iter();
        paths.map(|path| path.as_str().unwrap().to_owned()).collect()
    };
    let protected = paths("protected");
    assert!(protected.len() > 25, "{protected:?}");
    let token = remote.token(&remote.sp("nobody", &[]));
    let everybody = ["/subscriptions", "/tenants", "/providers"];
    for path in &protected {
        let filled: Vec<&str> = path
            .split('/')
            .map(|segment| match segment {
                "{subscription}" => &remote.subscription,
                segment if segment.starts_with('{') => "x",
                segment => segment,
            })
            .collect();
        let url = filled.join("/") + "?api-version=2025-09-01";
        for method in ["GET", "PUT", "PATCH", "POST", "DELETE"] {
            let (status, body) = remote.curl(&["-X", method], &url);
            assert_eq!(status, 401, "{method} {path} without a token: {body}");
            let is_common = everybody.iter().any(|common| path.starts_with(common));
            // Whoever began an operation may look how it gets on: its id is what proves that.
            let is_operation = path.contains("/locations/") && path.contains("/operation")
                || path == "/subscriptions/{subscription}/operationResults/{result}";
            if method == "GET" && (is_operation || (is_common && !path.contains("{subscription}")))
            {
                continue;
            }
            let (status, body) = remote.ask(&token, method, &url, Some(&json!({})));
            assert_eq!(status, 403, "{method} {path} without a role: {body}");
        }
    }
    let (_, answer) = remote.ask(&token, "GET", "/subscriptions?api-version=2022-12-01", None);
    assert_eq!(answer["value"], json!([]));
}

#[test]
fn users_log_in_with_a_password_and_with_a_code() {
    let remote = Remote::start();
    let create = ["user", "create", "ann@wharf.internal", "--role", "Reader"];
    let mut command = remote.wharf.command(&create);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"pass word+1\n").unwrap();
    assert!(child.wait().unwrap().success());
    let form = "client_id=cli&scope=openid offline_access&username=ANN@wharf.internal";
    let (status, answer) =
        remote.log_in(&format!("grant_type=password&{form}&password=pass%20word%2B1"));
    assert_eq!(status, 200, "{answer}");
    let path = "/tenants?api-version=2022-12-01";
    let works = |answer: &Value| {
        let token = answer["access_token"].as_str().unwrap();
        remote.ask(token, "GET", path, None).1["value"][0]["tenantId"] == remote.tenant.as_str()
    };
    assert!(works(&answer) && answer["id_token"].is_string() && answer["client_info"].is_string());
    let refresh = answer["refresh_token"].as_str().unwrap();
    let (status, answer) =
        remote.log_in(&format!("grant_type=refresh_token&client_id=cli&refresh_token={refresh}"));
    assert!(status == 200 && works(&answer), "{answer}");
    let (status, answer) = remote.log_in(&format!("grant_type=password&{form}&password=wrong"));
    assert_eq!((status, answer["error"].as_str()), (400, Some("invalid_grant")));
    let (_, begun) = remote.curl(&["-d", "client_id=cli"], "/adfs/oauth2/devicecode");
    let begun: Value = serde_json::from_str(&begun).unwrap();
    let poll = format!(
        "grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id=cli&device_code={}",
        begun["device_code"].as_str().unwrap()
    );
    assert_eq!(remote.log_in(&poll).1["error"], "authorization_pending");
    let entered = format!(
        "code={}&username=ann@wharf.internal&password=pass%20word%2B1",
        begun["user_code"].as_str().unwrap()
    );
    assert_eq!(remote.curl(&["-d", &entered], "/device").0, 200);
    let (status, answer) = remote.log_in(&poll);
    assert!(status == 200 && works(&answer), "{answer}");
    assert_eq!(remote.log_in(&poll).1["error"], "expired_token");
}

#[test]
fn changes_are_in_the_activity_log_with_who_and_result() {
    let remote = Remote::start();
    remote.wharf.ok(&["create", "g", "--image", HELLO, "--cpu", "0.1"]);
    let reader = remote.sp("reader", &["--role", "Reader"]);
    let token = remote.token(&reader);
    let path = remote.group("default", "/g");
    assert_eq!(remote.ask(&token, "DELETE", &path, None).0, 403);
    let logged = || {
        let text = remote.wharf.ok(&["activity-log", "-g", "default", "-o", "json"]);
        let entries: Vec<Value> = serde_json::from_str(&text).unwrap();
        let get = |entry: &Value, pointer: &str| entry.pointer(pointer).cloned().unwrap();
        let line = |entry: &Value| {
            json!([
                get(entry, "/caller"),
                get(entry, "/operationName/value"),
                get(entry, "/subStatus/value")
            ])
        };
        entries.iter().map(line).collect::<Vec<_>>()
    };
    let group = "Microsoft.ContainerInstance/containerGroups";
    let expected = [
        json!([reader.client, format!("{group}/delete"), "403"]),
        json!(["administrator", format!("{group}/write"), "201"]),
    ];
    let is_there = wait_for(std::time::Duration::from_secs(5), || {
        expected.iter().all(|line| logged().contains(line))
    });
    assert!(is_there, "{:#?}", logged());
}

#[test]
fn no_secret_comes_out_anywhere() {
    let remote = Remote::start();
    let planted = |what: &str| format!("planted-{what}-0123456789abcdef0123456789");
    let [env, registry, first, second, wrong] =
        ["env", "registry", "first", "second", "wrong"].map(planted);
    let mut group = body();
    let container = &mut group["properties"]["containers"][0]["properties"];
    container["environmentVariables"] = json!([{ "name": "S", "secureValue": env }]);
    group["properties"]["imageRegistryCredentials"] =
        json!([{ "server": "r.example", "username": "u", "password": registry }]);
    let owner = remote.token(&remote.sp("owner", &["--role", "Owner"]));
    let mut answers = String::new();
    let mut ask = |method: &str, path: &str, body: Option<&Value>| {
        let (status, answer) = remote.ask(&owner, method, path, body);
        answers += &answer.to_string();
        (status, answer)
    };
    let root = format!("/subscriptions/{}/resourceGroups/default", remote.subscription);
    let location = json!({ "location": "local" });
    ask("PUT", &format!("{root}?api-version=2024-11-01"), Some(&location));
    let path = remote.group("default", "/g");
    assert_eq!(ask("PUT", &path, Some(&group)).0, 201);
    ask("GET", &path, None);
    let mut bad = group.clone();
    bad["properties"]["osType"] = json!(env);
    ask("PUT", &remote.group("default", "/h"), Some(&bad));
    let identity = "/wharf/v1/identity/servicePrincipals";
    let (status, made) =
        ask("POST", identity, Some(&json!({ "displayName": "p", "secret": first })));
    assert_eq!(status, 201);
    let client = made["clientId"].as_str().unwrap().to_owned();
    ask("POST", &format!("{identity}/{client}/resetSecret"), Some(&json!({ "secret": second })));
    ask("GET", identity, None);
    for secret in [&second, &wrong] {
        let form =
            format!("grant_type=client_credentials&client_id={client}&client_secret={secret}");
        answers += &remote.log_in(&form).1.to_string();
    }
    answers += &remote.wharf.ok(&["activity-log", "-o", "json"]);
    answers += &remote.wharf.log();
    let admin = std::fs::read_to_string(remote.wharf.dir().join("d/admin.json")).unwrap();
    let admin: Value = serde_json::from_str(&admin).unwrap();
    let admin = admin["clientSecret"].as_str().unwrap().to_owned();
    let mut kept = Vec::new();
    for name in ["state.db", "state.db-wal"] {
        kept.extend(std::fs::read(remote.wharf.dir().join("d").join(name)).unwrap_or_default());
    }
    // What the bad group was called is its user's own doing: it is told what was wrong.
    answers = answers.replace(&format!("'{env}'"), "");
    for secret in [&env, &registry, &first, &second, &wrong, &admin] {
        assert!(!answers.contains(secret.as_str()), "{secret} came out");
        let is_kept = kept.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!is_kept, "{secret} is in state.db");
    }
}

#[test]
fn az_env_makes_a_private_profile_that_is_logged_in() {
    let remote = Remote::start();
    let profile = remote.wharf.dir().join("az profile");
    let profile = profile.to_str().unwrap();
    let exports = remote.wharf.ok(&["az-env", "--directory", profile]);
    let script =
        format!("{exports}\nprintf '%s\\n' \"$AZURE_CONFIG_DIR\" \"$ARM_METADATA_HOSTNAME\"");
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    let authority = remote.address.trim_start_matches("https://");
    assert_eq!(text(&output.stdout), format!("{profile}\n{authority}\n"));
    let read = |name: &str| std::fs::read_to_string(format!("{profile}/{name}")).unwrap();
    let entries: Value = serde_json::from_str(&read("service_principal_entries.json")).unwrap();
    let get = |name: &str| entries[0][name].as_str().unwrap().to_owned();
    let sp = Sp { client: get("client_id"), secret: get("client_secret"), object: String::new() };
    let token = remote.token(&sp);
    let (_, answer) = remote.ask(&token, "GET", "/subscriptions?api-version=2022-12-01", None);
    assert_eq!(answer["value"][0]["subscriptionId"], remote.subscription.as_str());
    // The bundle alone is enough to trust the daemon.
    let bundle = format!("{profile}/ca-bundle.pem");
    let url = format!("{}/metadata/endpoints?api-version=2022-09-01", remote.address);
    let output = Command::new("curl").args(["-s", "--cacert", &bundle, &url]).output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(metadata["authentication"]["loginEndpoint"], format!("{}/adfs", remote.address));
    let before = read("service_principal_entries.json");
    remote.wharf.ok(&["az-env", "--directory", profile, "--shell", "fish"]);
    assert_eq!(before, read("service_principal_entries.json"), "the login is kept");
    assert_eq!(remote.wharf.ok(&["sp", "list", "-o", "tsv"]).lines().count(), 2);
}

#[test]
fn identities_of_their_own_and_of_groups() {
    let remote = Remote::start();
    let owner = remote.token(&remote.sp("owner", &["--role", "Owner"]));
    let root = format!("/subscriptions/{}/resourceGroups/default", remote.subscription);
    let location = json!({ "location": "local" });
    let versioned = |path: &str| format!("{path}?api-version=2024-11-30");
    remote.ask(&owner, "PUT", &versioned(&root), Some(&location));
    let id = format!("{root}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id1");
    let (status, made) = remote.ask(&owner, "PUT", &versioned(&id), Some(&location));
    assert_eq!(status, 201, "{made}");
    let (status, again) = remote.ask(&owner, "PUT", &versioned(&id), Some(&location));
    assert_eq!((status, &again), (200, &made));
    let ids = &made["properties"];
    assert_eq!(ids["tenantId"], remote.tenant.as_str());
    // With both kinds of identity.
    let path = remote.group("default", "/g");
    let mut group = body();
    group["identity"] =
        json!({ "type": "SystemAssigned, UserAssigned", "userAssignedIdentities": { &id: {} } });
    let contributor =
        remote.token(&remote.sp("aci", &["--role", "5d977122-f97e-4b4d-a52f-6b43003ddb4d"]));
    let (status, answer) = remote.ask(&contributor, "PUT", &path, Some(&group));
    assert_eq!((status, code(&answer)), (403, "LinkedAuthorizationFailed"));
    let (status, answer) = remote.ask(&owner, "PUT", &path, Some(&group));
    assert_eq!(status, 201, "{answer}");
    let block = remote.ask(&owner, "GET", &path, None).1["identity"].clone();
    let system = block["principalId"].as_str().unwrap().to_owned();
    assert_eq!(block["type"], "SystemAssigned, UserAssigned");
    assert_eq!(block["tenantId"], remote.tenant.as_str());
    assert_eq!(
        block["userAssignedIdentities"],
        json!({ &id: { "principalId": ids["principalId"], "clientId": ids["clientId"] } })
    );
    let managed = || {
        let all = remote.ask(&owner, "GET", "/wharf/v1/identity/managedIdentities", None).1;
        let all = all["value"].as_array().unwrap().clone();
        all.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(managed().contains(&system) && managed().len() == 2);
    // Only user-assigned: no principal at the top, and the group's own is gone.
    remote.wharf.wait_for_state("g", "Running");
    group["identity"]["type"] = json!("UserAssigned");
    assert_eq!(remote.ask(&owner, "PUT", &path, Some(&group)).0, 200);
    let block = remote.ask(&owner, "GET", &path, None).1["identity"].clone();
    assert!(block.get("principalId").is_none() && !managed().contains(&system), "{block}");
    group["identity"] = json!({ "type": "SystemAssigned" });
    assert_eq!(remote.ask(&owner, "PUT", &path, Some(&group)).0, 200);
    assert_eq!(managed().len(), 2);
    assert_eq!(remote.ask(&owner, "DELETE", &path, None).0, 200);
    assert_eq!(managed().len(), 1, "the group's own goes with it");
    assert_eq!(remote.ask(&owner, "DELETE", &versioned(&id), None).0, 200);
    assert_eq!(remote.ask(&owner, "DELETE", &versioned(&id), None).0, 204);
    let (status, answer) = remote.ask(&owner, "GET", &versioned(&id), None);
    assert_eq!((status, code(&answer)), (404, "ResourceNotFound"));
    assert!(managed().is_empty());
    group["identity"] = json!({ "type": "UserAssigned", "userAssignedIdentities": { &id: {} } });
    let (status, answer) = remote.ask(&owner, "PUT", &path, Some(&group));
    assert_eq!((status, code(&answer)), (400, "FailedIdentityOperation"));
}
