//! Every rule with its code and, where the real service's text is known, its message.

use serde_json::{Value, json};
use wharf_arm::{ApiVersion, container_group};
use wharf_model::{GroupKey, Name};

use crate::{key, parse, with};

const C: &str = "/properties/containers/0/properties";

fn refusal(changes: &[(&str, Value)]) -> (&'static str, String) {
    let error = parse(&with(changes)).err().unwrap_or_else(|| panic!("{changes:?} is accepted"));
    assert!(error.target.is_some(), "{error:?} names no property");
    (error.code, error.message)
}

fn in_container(name: &str, value: Value) -> (&'static str, String) {
    refusal(&[(&format!("{C}/{name}"), value)])
}

#[test]
fn what_is_required_is_told_as_on_azure() {
    assert_eq!(
        refusal(&[("/properties/osType", json!(null))]),
        (
            "InvalidOsType",
            "The 'osType' for container group '<null>' is invalid. The value must be one of \
             'Windows,Linux'."
                .to_owned()
        )
    );
    assert_eq!(
        in_container("resources", json!(null)),
        (
            "ResourceRequestsNotSpecified",
            "The resource requests are not specified in container 'c' of contain group 'g'. Both \
             memory and CPU requests are required since API version '2017-07-01-preview'."
                .to_owned()
        )
    );
    assert_eq!(
        in_container("resources", json!({ "requests": { "memoryInGB": 6 } })),
        (
            "ResourceSomeRequestsNotSpecified",
            "The 'Cpu' request is not specified in 'MemoryInGB '6' Cpu ''' in container 'c' of \
             contain group 'g'. It is required since API version '2017-07-01-preview'."
                .to_owned()
        )
    );
    assert_eq!(refusal(&[("/location", json!(null))]).0, "LocationRequired");
    assert_eq!(refusal(&[("/properties/osType", json!("Windows"))]).0, "OsTypeNotSupported");
    assert_eq!(refusal(&[("/properties/containers", json!([]))]).0, "InvalidRequestContent");
    assert_eq!(in_container("image", json!("")).0, "InvalidRequestContent");
}

#[test]
fn names_follow_the_published_rule() {
    let bad = refusal(&[("/properties/containers/0/name", json!("Web"))]);
    assert_eq!(bad.0, "InvalidContainerName");
    assert!(
        bad.1.starts_with(
            "The container name 'Web' in container group 'g' is invalid. The container name must \
             contain no more than 63 characters and must match the regex \
             '[a-z0-9]([-a-z0-9]*[a-z0-9])?'"
        ),
        "{}",
        bad.1
    );
    let key = GroupKey { name: Name::new("Web"), ..key() };
    let error = container_group::parse(&with(&[]), &key, ApiVersion::LATEST).unwrap_err();
    assert_eq!(error.code, "InvalidContainerGroupName");
    let container = with(&[])["properties"]["containers"][0].clone();
    let twice = refusal(&[("/properties/containers", json!([container, container]))]);
    assert_eq!(twice.0, "DuplicateContainerName");
    let init = json!([{ "name": "c", "properties": { "image": "busybox" } }]);
    assert_eq!(refusal(&[("/properties/initContainers", init)]).0, "DuplicateContainerName");
    let many: Vec<Value> = (0..60)
        .map(|i| json!({ "name": format!("i{i}"), "properties": { "image": "x" } }))
        .collect();
    assert_eq!(refusal(&[("/properties/initContainers", json!(many))]).0, "TooManyContainers");
    let variable = |name: &str| json!([{ "name": name, "value": "x" }]);
    for name in ["1A", "", "A-B", "A B"] {
        let refused = in_container("environmentVariables", variable(name));
        assert_eq!(refused.0, "InvalidContainerEnvironmentVariable", "{name}");
    }
}

#[test]
fn limits_are_between_the_request_and_the_groups_total() {
    let with_limits = |limits: Value| {
        let requests = json!({ "cpu": 2, "memoryInGB": 3 });
        in_container("resources", json!({ "requests": requests, "limits": limits }))
    };
    assert_eq!(
        with_limits(json!({ "cpu": 2, "memoryInGB": 2 })),
        (
            "ResourceLimitsLessThanRequests",
            "The resource requirement '{\"requests\":{\"memoryInGB\":3.0,\"cpu\":2.0},\"limits\":{\
             \"memoryInGB\":2.0,\"cpu\":2.0}}' in container 'c' of contain group 'g' is invalid. \
             The 'MemoryInGB' limit value must be greater than or equal to the request value."
                .to_owned()
        )
    );
    assert!(with_limits(json!({ "cpu": 1, "memoryInGB": 2 })).1.contains("The 'Cpu' limit"));
    assert_eq!(
        with_limits(json!({ "memoryInGB": 4 })),
        (
            "ContainerLimitGreaterThanContainerGroupTotalRequest",
            "The 'MemoryInGB' limit '4' in container 'c' is greater than the total request '3' of \
             container group 'g'."
                .to_owned()
        )
    );
    let requests = |cpu: f64, memory: f64| {
        let requests = json!({ "cpu": cpu, "memoryInGB": memory });
        in_container("resources", json!({ "requests": requests })).0
    };
    assert_eq!(requests(1.0, 1.25), "MemoryRequirementNotTimesOfOneTenthGB");
    assert_eq!(requests(0.005, 1.0), "InvalidRequestContent");
    assert_eq!(requests(-1.0, 1.0), "InvalidRequestContent");
}

#[test]
fn ports_have_one_listener_and_are_used() {
    let address = |ports: Value| {
        refusal(&[("/properties/ipAddress", json!({ "type": "Public", "ports": ports }))])
    };
    assert_eq!(
        address(json!([])),
        (
            "MissingIpAddressPorts",
            "The ports in the 'ipAddress' of container group 'g' cannot be empty.".to_owned()
        )
    );
    assert_eq!(
        address(json!([{ "port": 443 }, { "port": 80, "protocol": "UDP" }])),
        (
            "UnreferencedIpAddressPorts",
            "Following ports '443,80' in the 'ipAddress' are not used by any container in \
             container group 'g'."
                .to_owned()
        )
    );
    assert_eq!(address(json!([{ "port": 80 }, { "port": "80" }])).0, "InvalidIpAddressPorts");
    for port in [json!(0), json!(65536), json!(1.5), json!(-1)] {
        assert_eq!(in_container("ports", json!([{ "port": port }])).0, "InvalidContainerPorts");
    }
    let twice = in_container("ports", json!([{ "port": 80 }, { "port": 80, "protocol": "tcp" }]));
    assert_eq!(twice.0, "InvalidContainerPorts");
}

#[test]
fn dns_labels_are_told_their_rule() {
    let label = |label: &str| {
        let ports = json!([{ "port": 80 }]);
        let address = json!({ "type": "Public", "ports": ports, "dnsNameLabel": label });
        parse(&with(&[("/properties/ipAddress", address)])).map_err(|e| (e.code, e.message))
    };
    assert_eq!(
        label("node").unwrap_err(),
        (
            "InvalidDnsNameLabel",
            "The DNS name label 'node' in container group 'g' is invalid. It can contain only \
             lowercase letters, numbers and hyphens. The first character must be a letter. The \
             last character must be a letter or number. The value must be between 5 and 63 \
             characters long."
                .to_owned()
        )
    );
    for bad in ["1abcd", "abcde-", "Abcde", "ab_cd", &"a".repeat(64)] {
        assert_eq!(label(bad).unwrap_err().0, "InvalidDnsNameLabel", "{bad}");
    }
    assert!(label("ab--cd").is_ok() && label(&"a".repeat(63)).is_ok());
}

#[test]
fn registry_credentials_are_of_one_type() {
    let credential = |credential: Value| {
        let id = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ManagedIdentity/\
                  userAssignedIdentities/mine";
        let credentials = json!([credential]);
        let identity = json!({ "type": "UserAssigned", "userAssignedIdentities": { id: {} } });
        refusal(&[("/properties/imageRegistryCredentials", credentials), ("/identity", identity)])
    };
    let password = json!({ "username": "u", "password": "p" });
    let on = |server: &str, mut more: Value| {
        more["server"] = json!(server);
        credential(more)
    };
    for bad in ["https://x.io", "x.io/path", "", "x y", "x.io:port"] {
        let (code, message) = on(bad, password.clone());
        assert_eq!(code, "InvalidImageRegistryServer", "{bad}");
        assert!(message.ends_with("It should be a valid host name without protocol."));
    }
    let (code, message) = credential(password.clone());
    assert_eq!(code, "InvalidRequestContent");
    assert!(
        message.starts_with(
            "The request content was invalid and could not be deserialized: 'Required property \
             'server' not found in JSON. Path 'properties.imageRegistryCredentials[0]'"
        ),
        "{message}"
    );
    assert_eq!(on("x.io", json!({})).0, "InvalidImageRegistryCredentialType");
    assert_eq!(on("x.io", json!({ "username": "u" })).0, "InvalidImageRegistryCredentialType");
    let both = json!({ "username": "u", "password": "p", "identity": "/id" });
    assert_eq!(on("x.io", both).0, "AmbiguousImageResitryCredentialType");
    assert_eq!(on("x.io", json!({ "identity": "/id" })).0, "InvalidImageRegistryIdentity");
}

#[test]
fn placement_follows_azures_rules() {
    let spot = ("/properties/priority", json!("spot"));
    let ports = json!([{ "port": 80 }]);
    let address = ("/properties/ipAddress", json!({ "type": "Public", "ports": ports }));
    assert_eq!(
        refusal(&[spot.clone(), address]).0,
        "SpotPriorityContainerGroupNotSupportedForInboundConnectivity"
    );
    let sku = |sku: &str| ("/properties/sku", json!(sku));
    assert_eq!(
        refusal(&[spot.clone(), sku("Confidential")]).0,
        "SpotPriorityContainerGroupNotSupportedInSku"
    );
    let requests = json!({ "cpu": 1, "memoryInGB": 1, "gpu": { "count": 1, "sku": "V100" } });
    let resources = json!({ "requests": requests });
    let gpu = ("/properties/containers/0/properties/resources", resources);
    assert_eq!(
        refusal(&[spot, gpu.clone()]).0,
        "SpotPriorityContainerGroupWithGPUResourcesNotSupported"
    );
    assert_eq!(refusal(&[gpu]).0, "FeatureNotSupported");
    assert_eq!(refusal(&[("/properties/priority", json!(""))]).0, "PriorityNotSpecified");
    assert_eq!(refusal(&[sku("confidential")]).0, "ConfidentialContainerGroupSkuIsNotSupported");
    assert_eq!(refusal(&[sku("Dedicated")]).0, "FeatureNotSupported");
    assert_eq!(refusal(&[sku("Gold")]).0, "InvalidSku");
    assert_eq!(refusal(&[("/zones", json!(["1", "2"]))]).0, "InvalidRequestContent");
}

#[test]
fn the_provisioning_timeout_cannot_be_sent_back() {
    for (name, value) in [
        ("provisioningTimeoutInSeconds", json!(1800)),
        ("isCustomProvisioningTimeout", json!(false)),
    ] {
        let refused = refusal(&[(&format!("/properties/{name}"), value)]);
        assert_eq!(refused.0, "CustomProvisioningTimeoutInSecondsNotSuppported");
    }
}
