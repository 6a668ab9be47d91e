//! The parts of a template.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// A template, taken apart but not evaluated.
#[derive(Clone, Debug, Default)]
pub(super) struct Document {
    pub(super) parameters: Map<String, Value>,
    pub(super) variables: Map<String, Value>,
    /// By `namespace.name` in lower case.
    pub(super) functions: HashMap<String, Function>,
    /// With their symbols, if the template gives them some.
    pub(super) resources: Vec<(Option<String>, Value)>,
    pub(super) outputs: Map<String, Value>,
}

/// A function that a template defines.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) parameters: Vec<String>,
    pub(super) output: Value,
}

/// A member of an object in any case.
pub(super) fn get<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let members = value.as_object()?;
    let found = members.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value).filter(|value| !value.is_null())
}

impl Document {
    pub(super) fn read(template: &Value) -> Result<Self, String> {
        if !template.is_object() {
            return Err("The template must be an object.".to_owned());
        }
        let schema = get(template, "$schema").and_then(Value::as_str).unwrap_or_default();
        let file = schema.trim_end_matches('#').rsplit('/').next().unwrap_or_default();
        if !file.eq_ignore_ascii_case("deploymentTemplate.json") {
            return Err(format!(
                "The schema '{schema}' is not that of a template for resource groups \
                 ('https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#')."
            ));
        }
        if get(template, "contentVersion").is_none() {
            return Err("Required property 'contentVersion' not found in JSON.".to_owned());
        }
        Ok(Self {
            parameters: object(template, "parameters")?,
            variables: object(template, "variables")?,
            functions: functions(template)?,
            resources: resources(template)?,
            outputs: object(template, "outputs")?,
        })
    }
}

fn object(template: &Value, name: &str) -> Result<Map<String, Value>, String> {
    match get(template, name) {
        None => Ok(Map::new()),
        Some(Value::Object(members)) => Ok(members.clone()),
        Some(_) => Err(format!("The property '{name}' of the template must be an object.")),
    }
}

fn resources(template: &Value) -> Result<Vec<(Option<String>, Value)>, String> {
    match get(template, "resources") {
        None => Err("Required property 'resources' not found in JSON.".to_owned()),
        Some(Value::Array(items)) => Ok(items.iter().map(|item| (None, item.clone())).collect()),
        Some(Value::Object(members)) => Ok(members
            .iter()
            .map(|(symbol, resource)| (Some(symbol.clone()), resource.clone()))
            .collect()),
        Some(_) => Err("The property 'resources' of the template must be an array.".to_owned()),
    }
}

fn functions(template: &Value) -> Result<HashMap<String, Function>, String> {
    let mut functions = HashMap::new();
    let spaces = get(template, "functions").and_then(Value::as_array);
    for space in spaces.into_iter().flatten() {
        let namespace = get(space, "namespace").and_then(Value::as_str).unwrap_or_default();
        let members = get(space, "members").and_then(Value::as_object);
        for (name, function) in members.into_iter().flatten() {
            let output = get(function, "output").and_then(|output| get(output, "value"));
            let output = output
                .ok_or_else(|| format!("The function '{namespace}.{name}' has no output value."))?;
            let parameters = get(function, "parameters").and_then(Value::as_array);
            let parameters = parameters.into_iter().flatten().filter_map(|parameter| {
                get(parameter, "name").and_then(Value::as_str).map(str::to_owned)
            });
            let function = Function { parameters: parameters.collect(), output: output.clone() };
            functions.insert(format!("{namespace}.{name}").to_ascii_lowercase(), function);
        }
    }
    Ok(functions)
}
