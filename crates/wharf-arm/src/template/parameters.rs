//! Parameters: given or by default, checked against what the template says of them.

use serde_json::{Map, Value, json};

use super::{
    document::{Document, get},
    evaluate::{Answers, Context, Evaluator, Frame, Trouble},
    functions,
};

/// The types of parameters and outputs, in their canonical spelling.
pub(super) const TYPES: &[&str] =
    &["String", "SecureString", "Int", "Bool", "Object", "SecureObject", "Array"];

/// The canonical spelling of a type.
pub(super) fn kind_of(declaration: &Value) -> Option<&'static str> {
    let text = get(declaration, "type").and_then(Value::as_str)?;
    TYPES.iter().find(|known| known.eq_ignore_ascii_case(text)).copied()
}

/// Whether values of a type are told to nobody.
pub(super) fn is_secure(kind: &str) -> bool {
    kind.starts_with("Secure")
}

/// The value of each parameter, by its name in lower case.
pub(super) fn resolve(
    document: &Document,
    given: &Value,
    context: &Context,
) -> Result<Map<String, Value>, String> {
    check_known(document, given)?;
    let mut values = Map::new();
    let mut waiting: Vec<(&String, &Value)> = document.parameters.iter().collect();
    // A default may refer to other parameters, which may come later: go on while that helps.
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut problem = String::new();
        let mut left = Vec::new();
        for (name, declaration) in waiting {
            match value_of(document, (name, declaration), given, context, &values) {
                Ok(value) => {
                    check(name, declaration, &value)?;
                    values.insert(name.to_ascii_lowercase(), value);
                }
                Err(message) => {
                    problem = message;
                    left.push((name, declaration));
                }
            }
        }
        if left.len() == before {
            return Err(problem);
        }
        waiting = left;
    }
    Ok(values)
}

fn check_known(document: &Document, given: &Value) -> Result<(), String> {
    let known = |name: &str| document.parameters.keys().any(|k| k.eq_ignore_ascii_case(name));
    let unknown: Vec<&str> = given
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .map(String::as_str)
        .filter(|name| !known(name))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let known: Vec<&str> = document.parameters.keys().map(String::as_str).collect();
    Err(format!(
        "The template parameters '{}' in the parameters file are not valid; they are not present \
         in the original template and can therefore not be provided at deployment time. The only \
         supported parameters for this template are '{}'.",
        unknown.join(", "),
        known.join(", ")
    ))
}

fn value_of(
    document: &Document,
    (name, declaration): (&String, &Value),
    given: &Value,
    context: &Context,
    values: &Map<String, Value>,
) -> Result<Value, String> {
    if let Some(given) = get(given, name) {
        if get(given, "reference").is_some() {
            return Err(format!(
                "The parameter '{name}' refers to a key vault, which Wharf does not have."
            ));
        }
        return Ok(given.get("value").cloned().unwrap_or_default());
    }
    let is_nullable = get(declaration, "nullable") == Some(&json!(true));
    let Some(default) = get(declaration, "defaultValue") else {
        if is_nullable {
            return Ok(Value::Null);
        }
        return Err(format!(
            "The value for the template parameter '{name}' at line '1' and column '1' is not \
             provided. Please see https://aka.ms/arm-create-parameter-file for usage details."
        ));
    };
    let answers = Answers::new();
    let mut evaluator = Evaluator::new(document, context, values, &[], &answers);
    evaluator.default_of = Some(name);
    evaluator.value(default, &Frame::default()).map_err(|trouble| match trouble {
        Trouble::Invalid(message) => message,
        Trouble::Needs(request) => format!(
            "The default value of the parameter '{name}' must not refer to the resource '{}'.",
            request.id
        ),
    })
}

/// Whether a value is what the template allows; nothing is said of a secure one but its name.
fn check(name: &str, declaration: &Value, value: &Value) -> Result<(), String> {
    let kind = kind_of(declaration).ok_or_else(|| {
        format!("The parameter '{name}' must have one of the types {}.", TYPES.join(", "))
    })?;
    let fits = match kind {
        "String" | "SecureString" => value.is_string(),
        "Int" => value.is_i64() || value.is_u64(),
        "Bool" => value.is_boolean(),
        "Array" => value.is_array(),
        _ => value.is_object(),
    };
    let is_nullable = get(declaration, "nullable") == Some(&json!(true));
    if value.is_null() && is_nullable {
        return Ok(());
    }
    if !fits {
        return Err(format!(
            "The provided value for the template parameter '{name}' is not valid. Expected a value \
             of type '{kind}'."
        ));
    }
    let allowed = get(declaration, "allowedValues").and_then(Value::as_array);
    let is_allowed = |value: &Value| {
        allowed.is_none_or(|allowed| allowed.iter().any(|known| functions::equal(known, value)))
    };
    let are_allowed = match value {
        Value::Array(items) => is_allowed(value) || items.iter().all(is_allowed),
        other => is_allowed(other),
    };
    if !are_allowed {
        let allowed: Vec<String> = allowed.into_iter().flatten().map(functions::as_text).collect();
        let shown = if is_secure(kind) {
            String::new()
        } else {
            format!(" '{}'", functions::as_text(value))
        };
        return Err(format!(
            "The provided value{shown} for the template parameter '{name}' is not valid. The \
             parameter value is not part of the allowed value(s): '{}'.",
            allowed.join(",")
        ));
    }
    check_bounds(name, declaration, value)
}

fn check_bounds(name: &str, declaration: &Value, value: &Value) -> Result<(), String> {
    let (measured, low, high) = match value {
        Value::Number(number) => (number.as_i64(), "minValue", "maxValue"),
        Value::String(text) => (i64::try_from(text.chars().count()).ok(), "minLength", "maxLength"),
        Value::Array(items) => (i64::try_from(items.len()).ok(), "minLength", "maxLength"),
        Value::Null | Value::Bool(_) | Value::Object(_) => return Ok(()),
    };
    let bound = |name: &str| get(declaration, name).and_then(Value::as_i64);
    let measured = measured.unwrap_or(i64::MAX);
    if bound(low).is_some_and(|low| measured < low)
        || bound(high).is_some_and(|high| measured > high)
    {
        return Err(format!(
            "The provided value for the template parameter '{name}' is not valid: '{low}' and \
             '{high}' allow from '{}' to '{}', it has '{measured}'.",
            bound(low).map_or_else(|| "-".to_owned(), |low| low.to_string()),
            bound(high).map_or_else(|| "-".to_owned(), |high| high.to_string()),
        ));
    }
    Ok(())
}

/// The parameters as a deployment shows them: types, and values of those that are no secrets.
pub(super) fn shown(document: &Document, values: &Map<String, Value>) -> Value {
    let entry = |(name, declaration): (&String, &Value)| {
        let kind = kind_of(declaration).unwrap_or("String");
        let mut entry = json!({ "type": kind });
        if !is_secure(kind) {
            entry["value"] = values.get(&name.to_ascii_lowercase()).cloned().unwrap_or_default();
        }
        (name.clone(), entry)
    };
    Value::Object(document.parameters.iter().map(entry).collect())
}
