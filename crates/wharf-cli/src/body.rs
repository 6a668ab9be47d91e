//! From the flags of `create` to the document that is PUT.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use wharf_arm::shell_words;

use crate::{
    commands::create::{CreateArgs, IpAddress},
    error::CliError,
};

/// The document for a group with one container of the same name, as `az` makes it, with the
/// defaults that `az` lost. `name` and `location` have been found out before.
pub(crate) fn from_flags(args: &CreateArgs, name: &str, location: &str) -> Result<Value, CliError> {
    let image = args.image.as_deref().ok_or_else(|| {
        CliError::usage_hint("no image was named", "pass --image IMAGE or --file group.yaml")
    })?;
    let mut properties = Map::new();
    properties.insert("containers".into(), json!([container(args, name, image)?]));
    properties.insert("osType".into(), json!(args.os_type.to_string()));
    properties.insert("restartPolicy".into(), json!(args.restart_policy.to_string()));
    if let Some(address) = ip_address(args)? {
        properties.insert("ipAddress".into(), address);
    }
    if let Some(credential) = credential(args, image)? {
        properties.insert("imageRegistryCredentials".into(), json!([credential]));
    }
    let volumes = volumes(args)?;
    if !volumes.is_empty() {
        properties.insert("volumes".into(), Value::Array(volumes));
    }
    let tags: Map<String, Value> = pairs("--tags", &args.tags, true)?
        .into_iter()
        .map(|(key, value)| (key.to_owned(), json!(value)))
        .collect();
    let mut body = json!({ "location": location, "tags": tags, "properties": properties });
    if let Some(id) = &args.acr_identity {
        body["identity"] = json!({ "type": "UserAssigned", "userAssignedIdentities": { id: {} } });
    }
    Ok(body)
}

fn container(args: &CreateArgs, name: &str, image: &str) -> Result<Value, CliError> {
    let mut properties = json!({
        "image": image,
        "resources": { "requests": { "cpu": args.cpu, "memoryInGB": args.memory } },
    });
    if let Some(line) = &args.command_line {
        let words = shell_words::split(line).ok_or_else(|| {
            CliError::usage(format!("--command-line '{line}' has an open quote or escape"))
        })?;
        properties["command"] = json!(words);
    }
    let ports = port_list(args)?;
    if !ports.is_empty() {
        properties["ports"] = json!(ports);
    }
    let environment = environment(args)?;
    if !environment.is_empty() {
        properties["environmentVariables"] = json!(environment);
    }
    let mounts = mounts(args);
    if !mounts.is_empty() {
        properties["volumeMounts"] = json!(mounts);
    }
    Ok(json!({ "name": name, "properties": properties }))
}

fn environment(args: &CreateArgs) -> Result<Vec<Value>, CliError> {
    let plain = pairs("--environment-variables", &args.environment_variables, false)?;
    let secure =
        pairs("--secure-environment-variables", &args.secure_environment_variables, false)?;
    let mut names = BTreeSet::new();
    for (name, _) in plain.iter().chain(&secure) {
        if !names.insert(*name) {
            return Err(CliError::usage(format!("environment variable '{name}' is given twice")));
        }
    }
    let plain = plain.iter().map(|(name, value)| json!({ "name": name, "value": value }));
    let secure = secure.iter().map(|(name, value)| json!({ "name": name, "secureValue": value }));
    Ok(plain.chain(secure).collect())
}

fn port_list(args: &CreateArgs) -> Result<Vec<Value>, CliError> {
    let mut seen = BTreeSet::new();
    let mut ports = Vec::new();
    let wants_address = args.ip_address.is_some() || args.dns_name_label.is_some();
    // `az` opens port 80 when an address is asked for without ports.
    let default: &[u16] = if wants_address { &[80] } else { &[] };
    let numbers = if args.ports.is_empty() { default } else { &args.ports };
    for port in numbers {
        if !seen.insert(port) {
            return Err(CliError::usage(format!("port {port} is given twice")));
        }
        ports.push(json!({ "port": port, "protocol": args.protocol.to_string() }));
    }
    Ok(ports)
}

/// Ports make the group public unless something else is asked for.
fn ip_address(args: &CreateArgs) -> Result<Option<Value>, CliError> {
    let ports = port_list(args)?;
    if ports.is_empty() {
        return Ok(None);
    }
    let kind = args.ip_address.unwrap_or(IpAddress::Public);
    let mut address = json!({ "type": kind.to_string(), "ports": ports });
    if let Some(label) = &args.dns_name_label {
        if kind == IpAddress::Private {
            return Err(CliError::usage("--dns-name-label needs a public address"));
        }
        address["dnsNameLabel"] = json!(label);
    }
    Ok(Some(address))
}

fn credential(args: &CreateArgs, image: &str) -> Result<Option<Value>, CliError> {
    let server = args.registry_login_server.as_deref().or_else(|| registry_of(image));
    let server = || {
        server.ok_or_else(|| {
            CliError::usage("the image names no registry: pass --registry-login-server")
        })
    };
    if let Some(identity) = &args.acr_identity {
        return Ok(Some(json!({ "server": server()?, "identity": identity })));
    }
    match (&args.registry_username, &args.registry_password) {
        // A password alone may come from the environment for another command.
        (None, _) if args.registry_login_server.is_none() => Ok(None),
        (Some(username), Some(password)) => {
            Ok(Some(json!({ "server": server()?, "username": username, "password": password })))
        }
        _ => Err(CliError::usage(
            "a registry login needs --registry-username and --registry-password",
        )),
    }
}

/// The part before the first `/` is a host when it could not be a user of the default registry.
fn registry_of(image: &str) -> Option<&str> {
    let (host, _) = image.split_once('/')?;
    (host.contains(['.', ':']) || host == "localhost").then_some(host)
}

fn volumes(args: &CreateArgs) -> Result<Vec<Value>, CliError> {
    let mut volumes = Vec::new();
    if args.azure_file_volume_share_name.is_some() {
        volumes.push(json!({ "name": "azurefile", "azureFile": {
            "shareName": args.azure_file_volume_share_name,
            "storageAccountName": args.azure_file_volume_account_name,
            "storageAccountKey": args.azure_file_volume_account_key,
        }}));
    }
    if args.secrets_mount_path.is_some() {
        let secrets = pairs("--secrets", &args.secrets, false)?;
        let encoded =
            secrets.into_iter().map(|(key, value)| (key.to_owned(), json!(base64(value))));
        volumes.push(json!({ "name": "secrets", "secret": encoded.collect::<Map<_, _>>() }));
    }
    if let Some(url) = &args.gitrepo_url {
        let mut source = json!({ "repository": url, "directory": args.gitrepo_dir });
        if let Some(revision) = &args.gitrepo_revision {
            source["revision"] = json!(revision);
        }
        volumes.push(json!({ "name": "gitrepo", "gitRepo": source }));
    }
    Ok(volumes)
}

fn mounts(args: &CreateArgs) -> Vec<Value> {
    let all = [
        ("azurefile", &args.azure_file_volume_mount_path),
        ("secrets", &args.secrets_mount_path),
        ("gitrepo", &args.gitrepo_mount_path),
    ];
    let used = all.into_iter().filter_map(|(name, path)| Some((name, path.as_ref()?)));
    used.map(|(name, path)| json!({ "name": name, "mountPath": path })).collect()
}

/// `KEY=VALUE`s; a bare key is allowed for tags, as in `az`.
fn pairs<'a>(
    flag: &str,
    values: &'a [String],
    bare: bool,
) -> Result<Vec<(&'a str, &'a str)>, CliError> {
    let pair = |text: &'a String| match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key, value)),
        None if bare && !text.is_empty() => Ok((text.as_str(), "")),
        // The text may be a secret: do not repeat it.
        _ => Err(CliError::usage(format!("{flag} wants KEY=VALUE"))),
    };
    values.iter().map(pair).collect()
}

fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..4 {
            let index = (bits >> (18 - 6 * position)) & 63;
            let used = position <= chunk.len();
            encoded.push(if used { char::from(ALPHABET[index as usize]) } else { '=' });
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    fn body(line: &str) -> Result<Value, CliError> {
        let words = shell_words::split(line).unwrap();
        let cli =
            Cli::try_parse_from(["wharf".to_owned(), "create".to_owned()].into_iter().chain(words));
        let Command::Create(args) = cli.unwrap().command else { unreachable!() };
        from_flags(&args, "web", "here")
    }

    #[test]
    fn an_image_alone_gets_the_defaults_that_az_lost() {
        assert_eq!(
            body("web --image nginx").unwrap(),
            json!({
                "location": "here", "tags": {},
                "properties": {
                    "containers": [{ "name": "web", "properties": {
                        "image": "nginx",
                        "resources": { "requests": { "cpu": 1.0, "memoryInGB": 1.5 } },
                    }}],
                    "osType": "Linux", "restartPolicy": "Always",
                },
            })
        );
    }

    #[test]
    fn every_flag_reaches_its_property() {
        let line = "web --image reg.example:5000/a/b:1 --cpu 0.5 --memory 0.3 --ports 80 443 \
            --protocol UDP --dns-name-label web-1 -e A=1 B=x=y --secure-environment-variables S=secret \
            --command-line \"sh -c 'echo hi; exit 3'\" --restart-policy never --os-type linux \
            --tags team=a bare --registry-username u --registry-password p \
            --secrets key=value --secrets-mount-path /s \
            --azure-file-volume-share-name share --azure-file-volume-account-name acct \
            --azure-file-volume-account-key k --azure-file-volume-mount-path /f \
            --gitrepo-url https://g/r --gitrepo-mount-path /g";
        insta::assert_json_snapshot!(body(line).unwrap());
    }

    #[test]
    fn addresses_follow_from_ports_labels_and_types() {
        let address = |line: &str| body(line).unwrap()["properties"]["ipAddress"].clone();
        assert_eq!(address("--image x --ports 81")["type"], "Public");
        assert_eq!(address("--image x --ports 81 --ip-address private")["type"], "Private");
        assert_eq!(address("--image x --ip-address Public")["ports"][0]["port"], 80);
        assert!(address("--image x").is_null());
        let private_label =
            body("--image x --ports 81 --ip-address Private --dns-name-label abcde");
        assert_eq!(private_label.unwrap_err().exit_code(), 2);
    }

    #[test]
    fn mistakes_are_usage_errors_that_do_not_repeat_secrets() {
        for line in [
            "web",
            "--image x --ports 80 80",
            "--image x -e =1",
            "--image x -e A=1 A=2",
            "--image x --command-line \"'\"",
            "--image x --registry-username u",
            "--image x --registry-username u --registry-password p",
            "--image x --acr-identity /ids/mine",
            "--image x --secure-environment-variables hunter2",
        ] {
            let error = body(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn an_identity_that_pulls_is_one_of_the_group() {
        let body = body("--image reg.example/a --acr-identity /ids/mine").unwrap();
        let ids = json!({ "type": "UserAssigned", "userAssignedIdentities": { "/ids/mine": {} } });
        assert_eq!(body["identity"], ids);
        let credential = json!([{ "server": "reg.example", "identity": "/ids/mine" }]);
        assert_eq!(body["properties"]["imageRegistryCredentials"], credential);
    }

    #[test]
    fn base64_is_padded() {
        let table =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (text, encoded) in table {
            assert_eq!(base64(text), encoded);
        }
    }
}
