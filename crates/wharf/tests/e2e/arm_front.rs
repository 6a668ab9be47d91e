//! ARM's front door: regions, providers, resource groups and lists of all resources.

use serde_json::{Value, json};

use crate::{
    arm::{clear, get, home, send, subscription},
    harness::Daemon,
};

const WEB: &str = r#"{"location": "westus", "tags": {"env": "test"}, "properties": {"osType": "Linux",
    "containers": [{"name": "web", "properties": {
        "image": "mcr.microsoft.com/azuredocs/aci-helloworld",
        "resources": {"requests": {"cpu": 1, "memoryInGB": 0.5}}}}]}}"#;

fn names(list: &Value) -> Vec<&str> {
    list["value"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect()
}

#[test]
fn a_region_tells_what_it_has_and_what_is_used() {
    let wharf = Daemon::start();
    let (subscription, home) = (subscription(&wharf), home(&wharf));
    let region = format!("{subscription}/providers/Microsoft.ContainerInstance/locations/westus");
    let ask = |what: &str| get(&wharf, &format!("{region}/{what}?api-version=2025-09-01"));
    let usage = |name: &str| {
        let usages = ask("usages");
        let found = usages["value"].as_array().unwrap().iter().find(|u| u["name"]["value"] == name);
        found.unwrap().clone()
    };
    assert_eq!(usage("ContainerGroups")["currentValue"], 0);
    let group = format!("{home}/providers/Microsoft.ContainerInstance/containerGroups/web");
    let made = send(&wharf, "PUT", &format!("{group}?api-version=2025-09-01"), Some(WEB));
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(usage("ContainerGroups")["currentValue"], 1);
    // A /27 less network, gateway and broadcast.
    assert_eq!(usage("ContainerGroups")["limit"], 29);
    assert_eq!(usage("StandardCores")["currentValue"], 1);
    assert_eq!(usage("MemoryInGB")["currentValue"], 1);
    let disk = usage("DiskInGB");
    assert!(disk["currentValue"].as_u64() <= disk["limit"].as_u64(), "{disk}");
    wait_until_running(&wharf, &format!("{group}?api-version=2025-09-01"));
    let images = ask("cachedImages").to_string();
    assert!(images.contains("mcr.microsoft.com/azuredocs/aci-helloworld"), "{images}");
    let capabilities = ask("capabilities");
    // As many as may be reserved: every CPU four times.
    let cpus = u32::try_from(std::thread::available_parallelism().unwrap().get()).unwrap();
    assert_eq!(capabilities["value"][0]["capabilities"]["maxCpu"], f64::from(4 * cpus));
    let path = format!("{group}/outboundNetworkDependenciesEndpoints?api-version=2025-09-01");
    assert_eq!(get(&wharf, &path), json!(["mcr.microsoft.com"]));
    let locations = get(&wharf, &format!("{subscription}/locations?api-version=2022-12-01"));
    assert_eq!(names(&locations), ["local"]);
    let link = format!(
        "{home}/providers/Microsoft.Network/virtualNetworks/v/subnets/s/providers/\
         Microsoft.ContainerInstance/serviceAssociationLinks/default?api-version=2025-09-01"
    );
    assert_eq!(send(&wharf, "DELETE", &link, None).status, 204);
    clear(&wharf, &home);
}

#[test]
fn a_dns_name_label_is_available_until_a_group_has_it() {
    let wharf = Daemon::start();
    let (subscription, home) = (subscription(&wharf), home(&wharf));
    let ask = |label: &str| {
        let path = format!(
            "{subscription}/providers/microsoft.network/locations/West US/\
             checkdnsnameavailability?domainNameLabel={label}&api-version=2024-05-01"
        );
        send(&wharf, "GET", &path.replace(' ', "%20"), None)
    };
    assert_eq!(ask("my-site").body, json!({ "available": true }));
    let refused = ask("No");
    assert_eq!(
        (refused.status, &refused.body["error"]["code"]),
        (400, &json!("InvalidDomainNameLabel"))
    );
    let mut body: Value = serde_json::from_str(WEB).unwrap();
    body["properties"]["ipAddress"] = json!({ "type": "Public", "dnsNameLabel": "my-site",
        "ports": [{ "port": 80 }] });
    body["properties"]["containers"][0]["properties"]["ports"] = json!([{ "port": 80 }]);
    let group = format!("{home}/providers/Microsoft.ContainerInstance/containerGroups/web");
    let path = format!("{group}?api-version=2025-09-01");
    assert_eq!(send(&wharf, "PUT", &path, Some(&body.to_string())).status, 201);
    assert_eq!(ask("my-site").body, json!({ "available": false }));
    clear(&wharf, &home);
    assert_eq!(ask("my-site").body, json!({ "available": true }));
}

#[test]
fn providers_are_listed_and_always_registered() {
    let wharf = Daemon::start();
    let subscription = subscription(&wharf);
    let one = format!("{subscription}/providers/microsoft.containerinstance");
    let shown = get(&wharf, &format!("{one}?api-version=2024-11-01"));
    assert_eq!(shown["namespace"], "Microsoft.ContainerInstance");
    assert_eq!(shown["registrationState"], "Registered");
    assert_eq!(shown["resourceTypes"][0]["apiVersions"][0], "2025-09-01");
    let post = |action: &str| {
        send(&wharf, "POST", &format!("{one}/{action}?api-version=2024-11-01"), None)
    };
    assert_eq!(post("register").status, 200);
    assert_eq!(post("unregister").code(), "ProviderCannotBeUnregistered");
    let all = get(&wharf, &format!("{subscription}/providers?api-version=2024-11-01"));
    assert!(all["value"].as_array().unwrap().len() > 1);
    assert!(get(&wharf, "/providers?api-version=2024-11-01")["value"].is_array());
    let unknown = format!("{subscription}/providers/Microsoft.Nothing?api-version=2024-11-01");
    assert_eq!(send(&wharf, "GET", &unknown, None).code(), "InvalidResourceNamespace");
    let path = "/providers/Microsoft.ContainerInstance/operations?api-version=2025-09-01";
    let operations = get(&wharf, path).to_string();
    assert!(operations.contains("Microsoft.ContainerInstance/containerGroups/write"));
}

#[test]
fn resources_are_found_by_type_name_group_and_tag() {
    let wharf = Daemon::start();
    let (subscription, home) = (subscription(&wharf), home(&wharf));
    let make = |kind: &str| {
        let path =
            format!("{home}/providers/Microsoft.ContainerInstance//{kind}?api-version=2025-09-01")
                .replace("resourceGroups", "resourcegroups");
        let made = send(&wharf, "PUT", &path, Some(WEB));
        assert_eq!(made.status, 201, "{}", made.body);
    };
    make("containerGroups/web");
    make("containerGroupProfiles/plan");
    let list = |place: &str, query: &str| {
        get(&wharf, &format!("{place}/resources?api-version=2024-11-01{query}"))
    };
    let everything = list(&subscription, "");
    assert_eq!(names(&everything), ["plan", "web"]);
    let filter = |filter: &str| format!("&$filter={}", filter.replace(' ', "%20"));
    let by_type = filter("resourceType eq 'microsoft.containerinstance/containergroups'");
    let expanded = list(&home, &format!("{by_type}&$expand=createdTime,provisioningState"));
    assert_eq!(names(&expanded), ["web"]);
    assert_eq!(expanded["value"][0]["tags"]["env"], "test");
    assert!(expanded["value"][0]["createdTime"].as_str().unwrap().starts_with("20"));
    assert!(expanded["value"][0]["provisioningState"].is_string());
    let by_tag = filter("tagName eq 'env' and tagValue eq 'test' and resourceGroup eq 'RG'");
    assert_eq!(names(&list(&subscription, &by_tag)).len(), 2);
    assert_eq!(names(&list(&subscription, &filter("name eq 'none'"))), Vec::<&str>::new());
    let bad = format!("{subscription}/resources?api-version=2024-11-01&$filter=name");
    assert_eq!(send(&wharf, "GET", &bad, None).code(), "InvalidFilterInQueryString");
    let first = list(&subscription, "&$top=1");
    assert_eq!(names(&first), ["plan"]);
    let next = first["nextLink"].as_str().unwrap().to_owned();
    assert_eq!(names(&send(&wharf, "GET", &next, None).body), ["web"]);
    clear(&wharf, &home);
    assert_eq!(names(&list(&subscription, "")), Vec::<&str>::new());
}

#[test]
fn resource_groups_are_filtered_and_removed_with_a_place_to_look_at() {
    let wharf = Daemon::start();
    let (subscription, home) = (subscription(&wharf), home(&wharf));
    let version = "?api-version=2024-11-01";
    let list = |query: &str| get(&wharf, &format!("{subscription}/resourcegroups{version}{query}"));
    assert_eq!(names(&list("&$filter=tagName%20eq%20'a'")), ["rg"]);
    assert_eq!(names(&list("&$filter=tagName%20eq%20'z'")), Vec::<&str>::new());
    assert_eq!(send(&wharf, "HEAD", &format!("{home}{version}"), None).status, 204);
    // A container that ignores SIGTERM takes the whole grace period.
    let stubborn = WEB.replace(
        "\"image\"",
        r#""command": ["sh", "-c", "trap '' TERM; while true; do sleep 1; done"], "image""#,
    );
    let group = format!("{home}/providers/Microsoft.ContainerInstance/containerGroups/web");
    let path = format!("{group}?api-version=2025-09-01");
    assert_eq!(send(&wharf, "PUT", &path, Some(&stubborn)).status, 201);
    wait_until_running(&wharf, &path);
    let removed = send(&wharf, "DELETE", &format!("{home}{version}"), None);
    if removed.status == 202 {
        let place = removed.header("location").unwrap().to_owned();
        let gone = crate::harness::wait_for(std::time::Duration::from_secs(30), || {
            send(&wharf, "GET", &place, None).status == 204
        });
        assert!(gone, "{place}");
    }
    assert_eq!(send(&wharf, "HEAD", &format!("{home}{version}"), None).status, 404);
    let again = send(&wharf, "DELETE", &format!("{home}{version}"), None);
    assert_eq!((again.status, again.code()), (404, "ResourceGroupNotFound"));
}

fn wait_until_running(wharf: &Daemon, path: &str) {
    let running = crate::harness::wait_for(std::time::Duration::from_secs(30), || {
        get(wharf, path)["properties"]["instanceView"]["state"] == "Running"
    });
    assert!(running, "{path} does not run");
}

#[test]
fn answers_carry_the_headers_of_azure() {
    let wharf = Daemon::start();
    let answer = send(&wharf, "GET", "/subscriptions?api-version=2022-12-01", None);
    let route = answer.header("x-ms-routing-request-id").unwrap();
    let parts: Vec<&str> = route.split(':').collect();
    assert_eq!(parts[0], "LOCAL");
    assert!(parts[1].ends_with('Z') && parts[1].len() == 16 && parts[2].len() == 36, "{route}");
    assert_eq!(answer.header("x-ms-ratelimit-remaining-subscription-reads"), Some("11999"));
    assert!(answer.header("x-ms-correlation-request-id").is_some());
}
