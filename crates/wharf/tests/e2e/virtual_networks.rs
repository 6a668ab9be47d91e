//! Virtual networks through the API: who gets which address, who reaches whom, and that rules that
//! change apply to what runs. Everything is asked of real sockets in real containers.

use std::{process::Command, time::Duration};

use serde_json::{Value, json};

use crate::{
    arm::{Answer, get, home, send},
    harness::{
        Daemon,
        group::{TOOLS, script},
        text, wait_for,
    },
};

const HELLO: &str = "mcr.microsoft.com/azuredocs/aci-helloworld";
const NETWORK: &str = "providers/Microsoft.Network";
const VERSION: &str = "?api-version=2024-07-01";

/// The resource group of a test with its networks and groups.
struct World {
    wharf: Daemon,
    home: String,
}

impl World {
    fn new() -> Self {
        let wharf = Daemon::start();
        let home = home(&wharf);
        Self { wharf, home }
    }

    fn id(&self, rest: &str) -> String {
        format!("{}/{NETWORK}/{rest}", self.home)
    }

    fn ask(&self, method: &str, rest: &str, body: &Value) -> Answer {
        let body = (!body.is_null()).then(|| body.to_string());
        send(&self.wharf, method, &format!("{}{VERSION}", self.id(rest)), body.as_deref())
    }

    fn put(&self, rest: &str, body: &Value) -> Value {
        let answer = self.ask("PUT", rest, body);
        assert!(
            matches!(answer.status, 200 | 201),
            "PUT {rest}: {} {}",
            answer.status,
            answer.body
        );
        answer.body
    }

    fn fails(&self, method: &str, rest: &str, body: &Value) -> String {
        let answer = self.ask(method, rest, body);
        assert!((400..500).contains(&answer.status), "{method} {rest}: {}", answer.status);
        answer.code().to_owned()
    }

    /// A network of a range that is nobody's, with two subnets for groups.
    fn network(&self, name: &str) {
        let subnet = |name: &str, range: &str| {
            json!({ "name": name, "properties": { "addressPrefix": range, "delegations": [
                { "name": "0", "properties": {
                    "serviceName": "Microsoft.ContainerInstance/containerGroups" } }] } })
        };
        self.put(
            &format!("virtualNetworks/{name}"),
            &json!({ "location": "local", "properties": {
                "addressSpace": { "addressPrefixes": ["192.0.2.0/24"] },
                "subnets": [subnet("a", "192.0.2.0/25"), subnet("b", "192.0.2.128/25")],
            }}),
        );
    }

    fn group_path(&self, name: &str) -> String {
        format!(
            "{}/providers/Microsoft.ContainerInstance/containerGroups/{name}?api-version=2025-09-01",
            self.home
        )
    }

    /// The body of a group in a subnet.
    fn body(&self, container: Value, subnet: &str, port: u16) -> Value {
        let mut container = container;
        container["properties"]["ports"] = json!([{ "port": port }]);
        json!({ "location": "local", "properties": {
            "osType": "Linux",
            "containers": [container],
            "ipAddress": { "type": "Private", "ports": [{ "port": port }] },
            "subnetIds": [{ "id": self.id(&format!("virtualNetworks/{subnet}")) }],
        }})
    }

    /// Makes a group in a subnet and waits until it runs; returns its address.
    fn group(&self, name: &str, container: Value, subnet: &str) -> String {
        let body = self.body(container, subnet, 80).to_string();
        let made = send(&self.wharf, "PUT", &self.group_path(name), Some(&body));
        assert_eq!(made.status, 201, "{}", made.body);
        let ip = made.body["properties"]["ipAddress"]["ip"].as_str().unwrap().to_owned();
        self.wait_running(name);
        ip
    }

    fn wait_running(&self, name: &str) {
        let is_up = wait_for(Duration::from_secs(30), || {
            let group = get(&self.wharf, &self.group_path(name));
            group["properties"]["instanceView"]["state"] == "Running"
        });
        assert!(is_up, "{name}\n{}", self.wharf.log());
    }

    /// What a group gets from a URL; nothing when it does not.
    fn fetch(&self, from: &str, url: &str) -> String {
        let fetch = ["busybox", "timeout", "2", "wget", "-qO-", url];
        let output = self.wharf.run(&[&["exec", from, "-g", "rg", "--"], &fetch[..]].concat());
        text(&output.stdout)
    }

    fn wait_fetch(&self, from: &str, url: &str, expected: &str) {
        let is_so = wait_for(Duration::from_secs(20), || self.fetch(from, url) == expected);
        assert!(is_so, "{from} should get {expected:?} from {url}\n{}", self.wharf.log());
    }
}

fn hello() -> Value {
    let requests = json!({ "requests": { "cpu": 0.1, "memoryInGB": 0.1 } });
    json!({ "name": "web", "properties": { "image": HELLO, "resources": requests } })
}

fn idle() -> Value {
    script("idle", "sleep 10000")
}

fn rule(priority: u16, access: &str, port: &str) -> Value {
    json!({ "properties": {
        "protocol": "Tcp", "direction": "Inbound", "access": access, "priority": priority,
        "sourceAddressPrefix": "VirtualNetwork", "sourcePortRange": "*",
        "destinationAddressPrefix": "*", "destinationPortRange": port,
    }})
}

#[test]
fn groups_of_one_network_reach_each_other_under_its_rules_and_others_do_not() {
    let mut world = World::new();
    world.network("one");
    world.network("two");
    let web = world.group("web", hello(), "one/subnets/a");
    assert_eq!(web, "192.0.2.4", "the first four are reserved");
    assert_eq!(world.group("peer", idle(), "one/subnets/b"), "192.0.2.132");
    // Another network with the same range has the same addresses to give.
    assert_eq!(world.group("same", idle(), "two/subnets/a"), "192.0.2.4");
    assert_eq!(world.group("stranger", idle(), "two/subnets/b"), "192.0.2.132");
    let outside = ["--image", TOOLS, "-g", "rg", "--command-line", "sleep 10000"];
    world.wharf.ok(&[&["create", "outside"], &outside[..]].concat());

    let (by_address, by_name) = (format!("http://{web}/healthz"), "http://web/healthz");
    world.wait_fetch("peer", &by_address, "ok\n");
    world.wait_fetch("peer", by_name, "ok\n");
    for other in ["stranger", "outside"] {
        assert_eq!(world.fetch(other, &by_address), "", "{other}");
        assert_eq!(world.fetch(other, by_name), "", "{other}");
    }

    // A security group that refuses, and then a rule before it that does not.
    let guard = "networkSecurityGroups/guard";
    world.put(guard, &json!({ "location": "local" }));
    world.put(&format!("{guard}/securityRules/closed"), &rule(300, "Deny", "80"));
    let mut subnet = world.ask("GET", "virtualNetworks/one/subnets/a", &Value::Null).body;
    subnet["properties"]["networkSecurityGroup"] = json!({ "id": world.id(guard) });
    world.put("virtualNetworks/one/subnets/a", &subnet);
    world.wait_fetch("peer", &by_address, "");
    world.put(&format!("{guard}/securityRules/open"), &rule(200, "Allow", "70-90"));
    world.wait_fetch("peer", &by_address, "ok\n");
    assert_eq!(
        world.ask("DELETE", &format!("{guard}/securityRules/open"), &Value::Null).status,
        200
    );
    world.wait_fetch("peer", &by_address, "");

    // The daemon may die meanwhile.
    world.wharf.kill();
    world.wharf.up(&[]);
    assert_eq!(world.fetch("peer", &by_address), "");
    nft(&["delete", "table", "inet", &table(&world.wharf)]);
    world.put(&format!("{guard}/securityRules/closed"), &rule(300, "Allow", "80"));
    world.wait_fetch("peer", by_name, "ok\n");
    for other in ["stranger", "outside"] {
        assert_eq!(world.fetch(other, &by_address), "", "{other}");
    }

    // What is in use stays, and an address over stop and start.
    for in_use in ["virtualNetworks/one", "virtualNetworks/one/subnets/a"] {
        assert_eq!(world.fails("DELETE", in_use, &Value::Null), "InUseSubnetCannotBeDeleted");
    }
    let code = world.fails("DELETE", guard, &Value::Null);
    assert_eq!(code, "InUseNetworkSecurityGroupCannotBeDeleted");
    world.wharf.ok(&["stop", "web", "-g", "rg"]);
    world.wharf.ok(&["start", "web", "-g", "rg"]);
    world.wait_running("web");
    let again = get(&world.wharf, &world.group_path("web"));
    assert_eq!(again["properties"]["ipAddress"]["ip"], web.as_str());
    world.wait_fetch("peer", &by_address, "ok\n");

    for name in ["web", "peer", "same", "stranger", "outside"] {
        world.wharf.ok(&["delete", name, "-g", "rg", "--yes"]);
    }
    let link = "virtualNetworks/one/subnets/a/providers/Microsoft.ContainerInstance/\
                serviceAssociationLinks/default";
    let link = format!("{}?api-version=2025-09-01", world.id(link));
    assert_eq!(send(&world.wharf, "DELETE", &link, None).status, 204);
    for (rest, status) in
        [("virtualNetworks/one", 200), ("virtualNetworks/one", 204), (guard, 200), (guard, 204)]
    {
        assert_eq!(world.ask("DELETE", rest, &Value::Null).status, status, "{rest}");
    }
    crate::arm::clear(&world.wharf, &world.home);
}

fn nft(args: &[&str]) -> String {
    let output = Command::new("nft").args(args).output().unwrap();
    assert!(output.status.success(), "nft {args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The daemon's table: the one that knows its addresses.
fn table(wharf: &Daemon) -> String {
    let (tables, pool) = (nft(&["list", "tables"]), wharf.pool());
    let mut names = tables.lines().filter_map(|line| line.strip_prefix("table inet "));
    let is_ours = |name: &&str| nft(&["list", "table", "inet", name]).contains(&pool);
    names.find(is_ours).unwrap().to_owned()
}

#[test]
fn what_cannot_be_is_refused_and_leaves_nothing() {
    let world = World::new();
    let network = |ranges: Value, subnets: Value| {
        json!({ "location": "local", "properties": {
            "addressSpace": { "addressPrefixes": ranges }, "subnets": subnets } })
    };
    let subnet =
        |name: &str, range: &str| json!({ "name": name, "properties": { "addressPrefix": range } });
    let pool = world.wharf.pool();
    for (body, code) in [
        (network(json!([]), json!([])), "InvalidVirtualNetworkAddressSpace"),
        (network(json!([pool]), json!([])), "InvalidVirtualNetworkAddressSpace"),
        (network(json!(["192.0.2.1/24"]), json!([])), "InvalidCIDRNotation"),
        (network(json!(["x"]), json!([])), "InvalidAddressPrefixFormat"),
        (
            network(json!(["192.0.2.0/24"]), json!([subnet("a", "198.51.100.0/24")])),
            "NetcfgSubnetRangeOutsideVnet",
        ),
        (
            network(
                json!(["192.0.2.0/24"]),
                json!([subnet("a", "192.0.2.0/25"), subnet("b", "192.0.2.64/26")]),
            ),
            "NetcfgSubnetRangesOverlap",
        ),
    ] {
        assert_eq!(world.fails("PUT", "virtualNetworks/v", &body), code, "{body}");
    }
    assert_eq!(world.ask("GET", "virtualNetworks/v", &Value::Null).status, 404);
    world.put(
        "virtualNetworks/v",
        &network(json!(["192.0.2.0/24"]), json!([subnet("plain", "192.0.2.0/25")])),
    );
    let overlapping = subnet("b", "192.0.2.64/26");
    let code = world.fails("PUT", "virtualNetworks/v/subnets/b", &overlapping);
    assert_eq!(code, "NetcfgSubnetRangesOverlap");
    let mut guarded = subnet("plain", "192.0.2.0/25");
    guarded["properties"]["networkSecurityGroup"] =
        json!({ "id": world.id("networkSecurityGroups/no") });
    let code = world.fails("PUT", "virtualNetworks/v/subnets/plain", &guarded);
    assert_eq!(code, "InvalidResourceReference");

    let refused = |change: &dyn Fn(&mut Value), subnet: &str| {
        let mut body = world.body(idle(), subnet, 80);
        change(&mut body);
        let answer = send(&world.wharf, "PUT", &world.group_path("g"), Some(&body.to_string()));
        assert_eq!(answer.status / 100, 4, "{}", answer.body);
        answer.code().to_owned()
    };
    let same = |_: &mut Value| {};
    assert_eq!(refused(&same, "v/subnets/plain"), "SubnetMissingRequiredDelegation");
    assert_eq!(refused(&same, "v/subnets/none"), "InvalidResourceReference");
    assert_eq!(refused(&same, "none/subnets/none"), "InvalidResourceReference");
    assert_eq!(refused(&same, "v"), "InvalidRequestContent");
    let public = |body: &mut Value| body["properties"]["ipAddress"]["type"] = json!("Public");
    assert_eq!(refused(&public, "v/subnets/plain"), "PublicIpAddressInSubnetNotSupported");
    let named = |body: &mut Value| body["properties"]["ipAddress"]["dnsNameLabel"] = json!("hello");
    assert_eq!(refused(&named, "v/subnets/plain"), "DnsNameLabelNotSupported");
    assert_eq!(send(&world.wharf, "GET", &world.group_path("g"), None).status, 404);

    // The smallest subnet has room for three groups.
    world.network("small");
    let tiny = json!({ "properties": { "addressPrefix": "192.0.2.0/29", "delegations": [
        { "properties": { "serviceName": "Microsoft.ContainerInstance/containerGroups" } }] } });
    world.put("virtualNetworks/small/subnets/a", &tiny);
    for last in 4..7 {
        let ip = world.group(&format!("g{last}"), idle(), "small/subnets/a");
        assert_eq!(ip, format!("192.0.2.{last}"));
    }
    assert_eq!(refused(&same, "small/subnets/a"), "SubnetIsFull");
    // Neither may a range change under groups, nor a resource group take a network away from them.
    let wider = json!({ "properties": { "addressPrefix": "192.0.2.0/28", "delegations": tiny["properties"]["delegations"] } });
    let code = world.fails("PUT", "virtualNetworks/small/subnets/a", &wider);
    assert_eq!(code, "InUsePrefixCannotBeDeleted");
    crate::arm::clear(&world.wharf, &world.home);
}

#[test]
fn a_template_makes_a_network_and_a_group_in_it() {
    let world = World::new();
    let template = json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [
            { "type": "Microsoft.Network/networkSecurityGroups", "apiVersion": "2023-09-01",
              "name": "guard", "location": "local",
              "properties": { "securityRules": [{ "name": "r", "properties": rule(100, "Allow", "80")["properties"] }] } },
            { "type": "Microsoft.Network/virtualNetworks", "apiVersion": "2023-09-01",
              "name": "vnet", "location": "local",
              "dependsOn": ["[resourceId('Microsoft.Network/networkSecurityGroups', 'guard')]"],
              "properties": { "addressSpace": { "addressPrefixes": ["192.0.2.0/24"] } } },
            { "type": "Microsoft.Network/virtualNetworks/subnets", "apiVersion": "2023-09-01",
              "name": "vnet/aci",
              "dependsOn": ["[resourceId('Microsoft.Network/virtualNetworks', 'vnet')]"],
              "properties": { "addressPrefix": "192.0.2.0/26",
                "networkSecurityGroup": { "id": "[resourceId('Microsoft.Network/networkSecurityGroups', 'guard')]" },
                "delegations": [{ "name": "d", "properties": {
                    "serviceName": "Microsoft.ContainerInstance/containerGroups" } }] } },
            { "type": "Microsoft.ContainerInstance/containerGroups", "apiVersion": "2023-05-01",
              "name": "inside", "location": "local",
              "dependsOn": ["[resourceId('Microsoft.Network/virtualNetworks/subnets', 'vnet', 'aci')]"],
              "properties": {
                "osType": "Linux",
                "containers": [{ "name": "web", "properties": { "image": HELLO, "ports": [{ "port": 80 }],
                    "resources": { "requests": { "cpu": 0.1, "memoryInGB": 0.1 } } } }],
                "ipAddress": { "type": "Private", "ports": [{ "port": 80, "protocol": "TCP" }] },
                "subnetIds": [{ "id": "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'vnet', 'aci')]" }],
              } },
        ],
        "outputs": { "ip": { "type": "string", "value":
            "[reference(resourceId('Microsoft.ContainerInstance/containerGroups', 'inside'), '2023-05-01').ipAddress.ip]" } },
    });
    let path = format!(
        "{}/providers/Microsoft.Resources/deployments/d?api-version=2025-04-01",
        world.home
    );
    let body = json!({ "properties": { "mode": "Incremental", "template": template } });
    let made = send(&world.wharf, "PUT", &path, Some(&body.to_string()));
    assert_eq!(made.status, 201, "{}", made.body);
    let mut ended = Value::Null;
    let is_over = wait_for(Duration::from_mins(1), || {
        ended = get(&world.wharf, &path)["properties"].take();
        ended["provisioningState"] == "Succeeded" || ended["provisioningState"] == "Failed"
    });
    assert!(is_over && ended["provisioningState"] == "Succeeded", "{ended:#}");
    assert_eq!(ended["outputs"]["ip"]["value"], "192.0.2.4");
    let listed = get(&world.wharf, &format!("{}/resources?api-version=2021-04-01", world.home));
    let names = listed["value"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["inside", "guard", "vnet"]);
    crate::arm::clear(&world.wharf, &world.home);
}

#[test]
fn an_address_of_the_subnet_can_be_asked_for() {
    let world = World::new();
    world.network("net");
    let put = |name: &str, ip: &str| {
        let mut body = world.body(script("c", "sleep 1000"), "net/subnets/a", 80);
        body["properties"]["ipAddress"]["ip"] = json!(ip);
        let path = world.group_path(name);
        send(&world.wharf, "PUT", &path, Some(&body.to_string()))
    };
    let made = put("one", "192.0.2.77");
    assert_eq!(made.status, 201, "{}", made.body);
    world.wait_running("one");
    let path = world.group_path("one");
    let ip = get(&world.wharf, &path)["properties"]["ipAddress"]["ip"].clone();
    assert_eq!(ip, "192.0.2.77");
    for (ip, code) in [
        ("192.0.2.77", "PrivateIPAddressIsAllocated"),
        ("192.0.2.3", "PrivateIPAddressInReservedRange"),
        ("192.0.2.200", "PrivateIPAddressNotInSubnet"),
    ] {
        assert_eq!(put("two", ip).code(), code);
    }
}
