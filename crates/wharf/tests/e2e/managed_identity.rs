//! What a container does with the identities of its group: it gets tokens of them and uses the API,
//! all from inside, with a client that knows nothing but Azure's addresses and Wharf's CA.

use serde_json::{Value, json};

use crate::{
    arm::{home, send},
    harness::{
        Daemon,
        group::{container, group},
        registry::{Registry, program_layout},
        text, wait_for,
    },
};

const IMAGE: &str = "local/curl:1";
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
const IMDS: &str = "http://169.254.169.254/metadata";
const MANAGEMENT: &str = "https://management.azurecontainer.wharf.internal";

struct World {
    wharf: Daemon,
    home: String,
}

impl World {
    fn new() -> Self {
        let wharf = Daemon::start();
        let layout = wharf.dir().join("layout");
        program_layout(&layout, "/usr/bin/curl");
        wharf.ok(&["image", "import", layout.to_str().unwrap(), "--name", IMAGE]);
        let home = home(&wharf);
        Self { wharf, home }
    }

    fn put(&self, rest: &str, version: &str, body: &Value) -> Value {
        let path = format!("{}/providers/{rest}?api-version={version}", self.home);
        let answer = send(&self.wharf, "PUT", &path, Some(&body.to_string()));
        assert!(matches!(answer.status, 200 | 201), "{rest}: {}", answer.body);
        answer.body
    }

    /// Makes a user-assigned identity, which may read the resource group if that is wanted.
    fn identity(&self, name: &str, role: Option<&str>) -> Value {
        let rest = format!("Microsoft.ManagedIdentity/userAssignedIdentities/{name}");
        let made = self.put(&rest, "2023-01-31", &json!({ "location": "local" }));
        if let Some(role) = role {
            let roles = "providers/Microsoft.Authorization/roleDefinitions";
            let subscription = self.home.split("/resourceGroups").next().unwrap();
            let assignment = json!({ "properties": {
                "principalId": made["properties"]["principalId"],
                "roleDefinitionId": format!("{subscription}/{roles}/{role}"),
            } });
            let id = "Microsoft.Authorization/roleAssignments/11111111-2222-3333-4444-555555555555";
            self.put(id, "2022-04-01", &assignment);
        }
        made
    }

    /// A group that does nothing but wait for commands.
    fn group(&self, name: &str, identities: &[&Value], more: &Value) {
        let sleep = json!({ "image": IMAGE, "command": ["sleep", "1000"] });
        let mut body = group(name, &[container("c", &sleep)], more);
        if !identities.is_empty() {
            let ids =
                identities.iter().map(|made| (made["id"].as_str().unwrap().to_owned(), json!({})));
            let ids: serde_json::Map<_, _> = ids.collect();
            body["identity"] = json!({ "type": "UserAssigned", "userAssignedIdentities": ids });
        }
        self.put(
            &format!("Microsoft.ContainerInstance/containerGroups/{name}"),
            "2025-09-01",
            &body,
        );
        let is_up =
            wait_for(std::time::Duration::from_secs(30), || self.shell(name, "echo up") == "up\n");
        assert!(is_up, "{name}\n{}", self.wharf.log());
    }

    /// What a script prints inside of a group.
    fn shell(&self, name: &str, script: &str) -> String {
        let output = self.wharf.run(&["exec", name, "-g", "rg", "--", "sh", "-c", script]);
        text(&output.stdout)
    }

    fn ask_token(&self, name: &str, more: &str) -> Value {
        let query = format!("api-version=2018-02-01&resource={MANAGEMENT}/{more}");
        let url = format!("{IMDS}/identity/oauth2/token?{query}");
        let told = self.shell(name, &format!("curl -s -H Metadata:true '{url}'"));
        let answer = serde_json::from_str(&told);
        assert!(answer.is_ok(), "{told}\n{}", self.wharf.log());
        answer.unwrap()
    }

    /// Status and body of what the API answers inside of a group.
    fn ask_api(&self, name: &str, token: &str, method: &str, path: &str) -> (u16, Value) {
        let script = format!(
            "curl -s {IMDS}/wharf/ca.pem -o /ca.pem && curl -s -X {method} --cacert /ca.pem \
             -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' -d '{{}}' \
             -w '\\n%{{http_code}}' '{MANAGEMENT}{path}'"
        );
        let told = self.shell(name, &script);
        assert!(told.contains('\n'), "{told:?}\n{}", self.wharf.log());
        let (body, status) = told.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
    }
}

#[test]
fn a_group_uses_the_api_with_a_token_of_its_identity_and_its_roles_decide() {
    let world = World::new();
    let reader = world.identity("reader", Some(READER));
    world.group("inside", &[&reader], &json!({}));
    let answer = world.ask_token("inside", "");
    for member in ["expires_in", "expires_on", "not_before"] {
        let number = answer[member].as_str().and_then(|text| text.parse::<i64>().ok());
        assert!(number.is_some_and(|number| number > 3000), "{answer}");
    }
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["refresh_token"], "");
    assert_eq!(answer["resource"], format!("{MANAGEMENT}/"));
    let token = answer["access_token"].as_str().unwrap();

    let groups = format!("{}/providers/Microsoft.ContainerInstance/containerGroups", world.home);
    let version = "?api-version=2025-09-01";
    let (status, list) = world.ask_api("inside", token, "GET", &format!("{groups}{version}"));
    assert_eq!((status, &list["value"][0]["name"]), (200, &json!("inside")), "{list}");
    let (status, refusal) =
        world.ask_api("inside", token, "DELETE", &format!("{groups}/inside{version}"));
    assert_eq!((status, &refusal["error"]["code"]), (403, &json!("AuthorizationFailed")));
    let (status, _) = world.ask_api("inside", "nonsense", "GET", &format!("{groups}{version}"));
    assert_eq!(status, 401);
    // A token for another service is none for this one.
    let query = "api-version=2018-02-01&resource=https://vault.azure.net";
    let script = format!("curl -s -H Metadata:true '{IMDS}/identity/oauth2/token?{query}'");
    let other: Value = serde_json::from_str(&world.shell("inside", &script)).unwrap();
    let other = other["access_token"].as_str().unwrap();
    let (status, _) = world.ask_api("inside", other, "GET", &format!("{groups}{version}"));
    assert_eq!(status, 401);
    // The API is at no other port, and nothing else of the host is reached that way.
    let port = world.wharf.address().rsplit(':').next().unwrap().to_owned();
    let host = MANAGEMENT.strip_prefix("https://").unwrap();
    let closed = world.shell("inside", &format!("curl -sk https://{host}:{port}/healthz; echo $?"));
    assert_eq!(closed, "7\n");
}

#[test]
fn the_identity_is_chosen_as_azure_has_it_chosen() {
    let world = World::new();
    let (one, two) = (world.identity("one", None), world.identity("two", None));
    world.group("without", &[], &json!({}));
    world.group("with", &[&one, &two], &json!({}));
    let refusal = |answer: &Value| {
        assert_eq!(answer["error"], "invalid_request", "{answer}");
        answer["error_description"].as_str().unwrap().to_owned()
    };
    assert_eq!(refusal(&world.ask_token("without", "")), "Identity not found");
    let several = refusal(&world.ask_token("with", ""));
    assert!(several.starts_with("Multiple user assigned identities exist"), "{several}");
    let two = &two["properties"];
    let chosen =
        world.ask_token("with", &format!("&client_id={}", two["clientId"].as_str().unwrap()));
    assert!(chosen["access_token"].is_string(), "{chosen}");
    let other = one["properties"]["clientId"].as_str().unwrap();
    assert_eq!(
        refusal(&world.ask_token("without", &format!("&client_id={other}"))),
        "Identity not found"
    );
    let id = one["id"].as_str().unwrap();
    let path = format!("{id}?api-version=2023-01-31");
    assert_eq!(send(&world.wharf, "DELETE", &path, None).status, 200);
    let gone = world.ask_token("with", &format!("&msi_res_id={id}"));
    assert_eq!(refusal(&gone), "Identity not found", "it was deleted");
}

#[test]
fn a_registry_that_knows_no_tokens_of_wharf_is_told_of_when_an_identity_pulls() {
    let wharf = Daemon::start();
    let home = home(&wharf);
    let world = World { wharf, home };
    let registry = Registry::private();
    let image = registry.push_busybox("team/app");
    let puller = world.identity("puller", None);
    let id = puller["id"].as_str().unwrap();
    let create = |identity: &str| {
        let credential = json!({ "server": registry.address, "identity": identity });
        let containers = [container("c", &json!({ "image": image }))];
        let mut body =
            group("pulled", &containers, &json!({ "imageRegistryCredentials": [credential] }));
        body["identity"] = json!({ "type": "UserAssigned", "userAssignedIdentities": { id: {} } });
        let rest = "providers/Microsoft.ContainerInstance/containerGroups/pulled";
        let path = format!("{}/{rest}?api-version=2025-09-01", world.home);
        let answer = send(&world.wharf, "PUT", &path, Some(&body.to_string()));
        assert_eq!(answer.status, 400, "{}", answer.body);
        let error = &answer.body["error"];
        [&error["code"], &error["message"]].map(|text| text.as_str().unwrap().to_owned())
    };
    let [code, message] = create(id);
    assert_eq!(code, "InaccessibleImage");
    let told = format!("it takes user names and passwords, and no token of the identity {id}.");
    assert!(message.ends_with(&told), "{message}");
    assert_eq!(create(&format!("{id}-2"))[0], "InvalidImageRegistryIdentity");
}

#[test]
fn a_group_in_a_virtual_network_uses_the_api_as_well() {
    let world = World::new();
    let reader = world.identity("reader", Some(READER));
    let delegation = json!({ "name": "0", "properties": {
        "serviceName": "Microsoft.ContainerInstance/containerGroups" } });
    let network = "Microsoft.Network/virtualNetworks/net";
    world.put(
        network,
        "2024-07-01",
        &json!({ "location": "local", "properties": {
            "addressSpace": { "addressPrefixes": ["192.0.2.0/24"] },
            "subnets": [{ "name": "a", "properties": {
                "addressPrefix": "192.0.2.0/25", "delegations": [delegation] } }],
        }}),
    );
    let subnet = format!("{}/providers/{network}/subnets/a", world.home);
    world.group("inside", &[&reader], &json!({ "subnetIds": [{ "id": subnet }] }));
    let answer = world.ask_token("inside", "");
    let token = answer["access_token"].as_str().unwrap();
    let groups = format!("{}/providers/Microsoft.ContainerInstance/containerGroups", world.home);
    let (status, list) =
        world.ask_api("inside", token, "GET", &format!("{groups}?api-version=2025-09-01"));
    assert_eq!((status, &list["value"][0]["name"]), (200, &json!("inside")), "{list}");
}
