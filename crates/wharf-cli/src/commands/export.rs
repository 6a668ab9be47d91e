//! `wharf export`.

use camino::Utf8PathBuf;
use serde_json::{Map, Value, json};

use crate::{
    context::Context,
    error::CliError,
    output::{self, Format},
};

/// Arguments.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "\
Secrets are not in the file: the API never returns them.

Examples:
  wharf export hello > hello.yaml
  wharf export hello -f hello.yaml")]
pub(crate) struct ExportArgs {
    /// Name of the container group
    name: String,
    /// Write to this file in place of standard output
    #[arg(short, long, value_name = "FILE")]
    file: Option<Utf8PathBuf>,
}

/// Writes the group as a file that creates it again.
pub(crate) async fn run(context: &Context, args: &ExportArgs) -> Result<(), CliError> {
    let exported = export(&context.group(&args.name).await?);
    let Some(path) = &args.file else {
        return match (context.output.format, &context.output.query) {
            (Format::Table, None) => output::text(&yaml(&exported)?),
            _ => context.output.document(&exported),
        };
    };
    fs_err::write(path, yaml(&exported)?).map_err(CliError::output(path))
}

/// Readers of YAML 1.1, `az` among them, take a bare date for a date and not for a text.
fn yaml(exported: &Value) -> Result<String, CliError> {
    let version = wharf_arm::ApiVersion::LATEST.as_str();
    let bare = format!("apiVersion: {version}\n");
    Ok(output::yaml(exported)?.replacen(&bare, &format!("apiVersion: '{version}'\n"), 1))
}

/// Keeps what a PUT takes, as `az container export` does, sorted as it sorts. What the service adds
/// itself is left out: some of it is refused when sent back.
fn export(group: &Value) -> Value {
    let mut exported = Map::new();
    exported.insert("additional_properties".into(), json!({}));
    exported.insert("apiVersion".into(), json!(wharf_arm::ApiVersion::LATEST.as_str()));
    if let Some(identity) = group.get("identity").and_then(Value::as_object) {
        let mut identity = identity.clone();
        identity.retain(|key, _| key == "type" || key == "userAssignedIdentities");
        exported.insert("identity".into(), Value::Object(identity));
    }
    for key in ["location", "name", "properties", "tags", "type"] {
        if let Some(value) = group.get(key) {
            exported.insert(key.into(), value.clone());
        }
    }
    if let Some(properties) = exported.get_mut("properties").and_then(Value::as_object_mut) {
        clean(properties);
    }
    Value::Object(exported)
}

fn clean(properties: &mut Map<String, Value>) {
    const READ_ONLY: [&str; 6] = [
        "instanceView",
        "sku",
        "provisioningState",
        "provisioningTimeoutInSeconds",
        "isCustomProvisioningTimeout",
        "isCreatedFromStandbyPool",
    ];
    properties.retain(|key, _| !READ_ONLY.contains(&key.as_str()));
    if let Some(address) = properties.get_mut("ipAddress").and_then(Value::as_object_mut) {
        address.retain(|key, _| key != "ip" && key != "fqdn");
    }
    for list in ["containers", "initContainers"] {
        let containers = properties.get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            if let Some(inner) = container.get_mut("properties").and_then(Value::as_object_mut) {
                inner.remove("instanceView");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template;

    #[test]
    fn an_exported_group_is_a_group_file() {
        let group: Value =
            serde_json::from_str(include_str!("../../tests/fixtures/group.json")).unwrap();
        let exported = export(&group);
        let text = yaml(&exported).unwrap();
        assert_eq!(template::parse("x", &text, &|_| None).unwrap(), exported);
        for gone in ["instanceView", "provisioning", "20.81", "sku"] {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
        insta::assert_snapshot!(text);
    }
}
