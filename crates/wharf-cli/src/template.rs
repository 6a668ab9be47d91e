//! Group files: the YAML that `az container create --file` takes (semantics.md §21).

use camino::Utf8Path;
use serde_json::{Map, Value};
use serde_yaml_ng as yaml;

use crate::error::CliError;

const TYPE: &str = "Microsoft.ContainerInstance/containerGroups";

/// Reads a group file; `-` is standard input. Variables come from this process's environment.
pub(crate) fn read(path: &Utf8Path) -> Result<Value, CliError> {
    let text = if path == "-" {
        std::io::read_to_string(std::io::stdin())
            .map_err(|error| CliError::usage(format!("cannot read standard input: {error}")))?
    } else {
        fs_err::read_to_string(path).map_err(|error| CliError::usage(error.to_string()))?
    };
    let name = if path == "-" { "standard input" } else { path.as_str() };
    parse(name, &text, &|variable| std::env::var(variable).ok())
}

/// Parses a group file and expands `$NAME` and `${NAME}` inside texts; as in `az`, variables that
/// are not set stay as they are.
pub(crate) fn parse(
    file: &str,
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Value, CliError> {
    let parsed: yaml::Value = yaml::from_str(text).map_err(|error| syntax(file, &error))?;
    let document = convert(parsed, "", variable)
        .map_err(|problem| CliError::usage(format!("{file}: {problem}")))?;
    check(&document).map_err(|problem| CliError::usage(format!("{file}: {problem}")))?;
    Ok(document)
}

fn syntax(file: &str, error: &yaml::Error) -> CliError {
    let text = error.to_string();
    let text = text.lines().next().unwrap_or_default();
    match error.location() {
        // The place is said once, in the form that editors jump to.
        Some(at) => {
            let reason = text.split(" at line ").next().unwrap_or(text);
            CliError::usage(format!("{file}:{}:{}: {reason}", at.line(), at.column()))
        }
        None => CliError::usage(format!("{file}: {text}")),
    }
}

fn convert(
    value: yaml::Value,
    at: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Value, String> {
    Ok(match value {
        yaml::Value::Null => Value::Null,
        yaml::Value::Bool(value) => Value::Bool(value),
        yaml::Value::String(text) => Value::String(expand(&text, variable)),
        yaml::Value::Number(number) => {
            number_of(&number).ok_or_else(|| format!("{} is not a finite number", place(at)))?
        }
        yaml::Value::Sequence(items) => {
            let convert = |(i, item)| convert(item, &format!("{at}[{i}]"), variable);
            Value::Array(items.into_iter().enumerate().map(convert).collect::<Result<_, _>>()?)
        }
        yaml::Value::Mapping(members) => {
            let mut object = Map::new();
            for (key, value) in members {
                let key = key_of(&key)
                    .ok_or_else(|| format!("{} has a key that is not a text", place(at)))?;
                let inner = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                object.insert(key, convert(value, &inner, variable)?);
            }
            Value::Object(object)
        }
        yaml::Value::Tagged(tagged) => {
            return Err(format!("{} has the tag {}, which is not allowed", place(at), tagged.tag));
        }
    })
}

fn place(at: &str) -> &str {
    if at.is_empty() { "the document" } else { at }
}

fn number_of(number: &yaml::Number) -> Option<Value> {
    if let Some(number) = number.as_u64() {
        return Some(number.into());
    }
    if let Some(number) = number.as_i64() {
        return Some(number.into());
    }
    serde_json::Number::from_f64(number.as_f64()?).map(Value::Number)
}

/// Keys of secrets and tags are often written as numbers.
fn key_of(key: &yaml::Value) -> Option<String> {
    match key {
        yaml::Value::String(text) => Some(text.clone()),
        yaml::Value::Number(number) => Some(number.to_string()),
        yaml::Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

fn check(document: &Value) -> Result<(), String> {
    let top = document.as_object().ok_or("a group file is a mapping with name and properties")?;
    if let Some(kind) = top.get("type")
        && !kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case(TYPE))
    {
        return Err(format!("type is {kind}, not {TYPE}"));
    }
    for key in ["name", "location", "apiVersion"] {
        if !matches!(top.get(key), None | Some(Value::Null | Value::String(_))) {
            return Err(format!("{key} is not a text: put it in quotes"));
        }
    }
    let properties = top.get("properties").ok_or("properties is missing")?;
    let properties = properties.as_object().ok_or("properties is not a mapping")?;
    match properties.get("containers") {
        // A profile brings its own containers.
        None if properties.contains_key("containerGroupProfile") => Ok(()),
        Some(Value::Array(containers)) if !containers.is_empty() => Ok(()),
        _ => Err("properties.containers is not a list of at least one container".into()),
    }
}

/// `os.path.expandvars` of Python, which `az` uses.
fn expand(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let (name, following) = braced.unwrap_or_else(|| {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len()))
        });
        // The environment cannot be asked for such names.
        let is_askable = !name.is_empty() && !name.contains(['=', '\0']);
        if let Some(value) = is_askable.then(|| variable(name)).flatten() {
            expanded.push_str(&value);
            rest = following;
        } else {
            expanded.push('$');
            rest = after;
        }
    }
    expanded + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn load(text: &str) -> Result<Value, String> {
        let variable = |name: &str| match name {
            "IMAGE" => Some("nginx:1".to_owned()),
            "INJECT" => Some("a\nb: c".to_owned()),
            _ => None,
        };
        parse("g.yaml", text, &variable).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_becomes_the_document_with_variables_expanded() {
        let text = "apiVersion: 2021-10-01\nname: web\ntags: null\nproperties:\n  osType: Linux\n  \
            containers:\n  - name: web\n    properties:\n      image: ${IMAGE}\n      \
            command: [sh, -c, 'echo $IMAGE ${NOT_SET} $ ${INJECT}']\n      \
            ports: [{port: '80'}]\n      resources: {requests: {cpu: 1, memoryInGB: 1.5}}\n";
        let expected = json!({
            "apiVersion": "2021-10-01", "name": "web", "tags": null,
            "properties": { "osType": "Linux", "containers": [{ "name": "web", "properties": {
                "image": "nginx:1",
                "command": ["sh", "-c", "echo nginx:1 ${NOT_SET} $ a\nb: c"],
                "ports": [{ "port": "80" }],
                "resources": { "requests": { "cpu": 1, "memoryInGB": 1.5 } },
            }}]},
        });
        assert_eq!(load(text).unwrap(), expected);
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let problem = |text: &str| load(text).unwrap_err();
        insta::assert_snapshot!(problem("name: a\n  bad: indent\n"), @"g.yaml:2:6: mapping values are not allowed in this context");
        insta::assert_snapshot!(problem("name: a\nname: b\n"), @r#"g.yaml:1:1: duplicate entry with key "name""#);
        insta::assert_snapshot!(problem("a: &x [*x]\n"), @"g.yaml:1:4: recursion limit exceeded");
        insta::assert_snapshot!(problem("a: [!custom x]\n"), @"g.yaml: a[0] has the tag !custom, which is not allowed");
        insta::assert_snapshot!(problem("- a\n"), @"g.yaml: a group file is a mapping with name and properties");
        insta::assert_snapshot!(problem("name: 5\n"), @"g.yaml: name is not a text: put it in quotes");
        insta::assert_snapshot!(problem("name: a\n"), @"g.yaml: properties is missing");
        insta::assert_snapshot!(problem("properties: {containers: []}"), @"g.yaml: properties.containers is not a list of at least one container");
        insta::assert_snapshot!(problem("properties: {containers: [{cpu: .nan}]}"), @"g.yaml: properties.containers[0].cpu is not a finite number");
        insta::assert_snapshot!(problem("type: Microsoft.Web/sites\n"), @r#"g.yaml: type is "Microsoft.Web/sites", not Microsoft.ContainerInstance/containerGroups"#);
        insta::assert_snapshot!(problem("a: 1\n---\nb: 2\n"), @"g.yaml: deserializing from YAML containing more than one document is not supported");
    }
}
