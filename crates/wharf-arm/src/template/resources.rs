//! The resources of a template: loops unrolled, conditions decided, dependencies found.

use serde_json::{Map, Value, json};

use super::{
    document::get,
    evaluate::{Evaluator, Frame, Known, Trouble, join_id},
};

/// Members of a resource that are for the template engine and not for the resource.
const ENGINE: &[&str] = &[
    "apiVersion",
    "type",
    "name",
    "condition",
    "copy",
    "dependsOn",
    "comments",
    "scope",
    "existing",
    "resources",
    "metadata",
    "subscriptionId",
    "resourceGroup",
];

/// A resource to be deployed.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its id.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The version it is written in.
    pub api_version: String,
    /// Whether it is only read.
    pub is_existing: bool,
    /// Which of the others come first.
    pub after: Vec<usize>,
    symbol: Option<String>,
    copy: Option<String>,
    source: Value,
    frame: Frame,
}

/// All resources of a template, in the template's order.
pub(super) fn plan(evaluator: &Evaluator<'_>) -> Result<Vec<Planned>, Trouble> {
    let mut planned = Vec::new();
    for (symbol, source) in &evaluator.document.resources {
        unroll(evaluator, (symbol.as_deref(), source), None, &mut planned)?;
    }
    check_unique(&planned)?;
    Ok(planned)
}

fn check_unique(planned: &[Planned]) -> Result<(), String> {
    let mut ids: Vec<String> = planned.iter().map(|p| p.id.to_ascii_lowercase()).collect();
    ids.sort();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(pair) => Err(format!("The resource '{}' is defined more than once.", pair[0])),
    }
}

/// One resource of the template, as often as it says, with the resources within it.
fn unroll(
    evaluator: &Evaluator<'_>,
    (symbol, source): (Option<&str>, &Value),
    parent: Option<(&str, &str)>,
    planned: &mut Vec<Planned>,
) -> Result<(), Trouble> {
    if !source.is_object() {
        return Err(Trouble::Invalid("A resource of the template must be an object.".to_owned()));
    }
    let Some(copy) = get(source, "copy").filter(|copy| copy.is_object()) else {
        let place = Place { symbol: symbol.map(str::to_owned), copy: None, parent };
        return one(evaluator, source, place, Frame::default(), planned);
    };
    let (name, count) = evaluator.loop_of(copy, &Frame::default())?;
    let is_serial = get(copy, "mode").and_then(Value::as_str) == Some("serial");
    let batch = get(copy, "batchSize").and_then(Value::as_u64).unwrap_or(1).max(1);
    let batch = usize::try_from(batch).unwrap_or(usize::MAX);
    let mut starts = Vec::new();
    for index in 0..count {
        let start = planned.len();
        starts.push(start);
        let symbol = symbol.map(|symbol| format!("{symbol}[{index}]"));
        let place = Place { symbol, copy: Some(name.clone()), parent };
        one(evaluator, source, place, Frame::default().within(&name, index), planned)?;
        if is_serial && index >= batch {
            // All of the batches before, with the resources within them.
            let earlier = starts[0]..starts[index / batch * batch];
            for resource in &mut planned[start..] {
                resource.after.extend(earlier.clone());
            }
        }
    }
    Ok(())
}

/// Where in the template a resource stands.
struct Place<'a> {
    symbol: Option<String>,
    copy: Option<String>,
    parent: Option<(&'a str, &'a str)>,
}

fn one(
    evaluator: &Evaluator<'_>,
    source: &Value,
    place: Place<'_>,
    frame: Frame,
    planned: &mut Vec<Planned>,
) -> Result<(), Trouble> {
    let text = |name: &str| -> Result<String, Trouble> {
        let value = get(source, name).ok_or_else(|| {
            format!("Required property '{name}' of a template resource not found in JSON.")
        })?;
        match evaluator.value(value, &frame)? {
            Value::String(text) if !text.is_empty() => Ok(text),
            other => Err(Trouble::Invalid(format!(
                "The property '{name}' of a template resource must be a string, not {other}."
            ))),
        }
    };
    if let Some(condition) = get(source, "condition")
        && evaluator.value(condition, &frame)? != json!(true)
    {
        return Ok(());
    }
    let (kind, name) = (text("type")?, text("name")?);
    let (kind, name) = match place.parent {
        Some((parent, of)) => (format!("{parent}/{kind}"), format!("{of}/{name}")),
        None => (kind, name),
    };
    let id = join_id(&scope(evaluator, source, &frame)?, &kind, &name).map_err(|_| {
        Trouble::Invalid(format!(
            "The template resource '{name}' of type '{kind}' has incorrect segment lengths. A \
             nested resource type must have identical number of segments as its resource name."
        ))
    })?;
    let is_existing = get(source, "existing") == Some(&json!(true));
    let Place { symbol, copy, .. } = place;
    planned.push(Planned {
        id,
        kind: kind.clone(),
        name: name.clone(),
        api_version: text("apiVersion")?,
        is_existing,
        after: Vec::new(),
        symbol,
        copy,
        source: source.clone(),
        frame,
    });
    let children = get(source, "resources").and_then(Value::as_array);
    for child in children.into_iter().flatten() {
        unroll(evaluator, (None, child), Some((&kind, &name)), planned)?;
    }
    Ok(())
}

/// The scope that a resource is in: the resource group, unless it says otherwise.
fn scope(evaluator: &Evaluator<'_>, source: &Value, frame: &Frame) -> Result<String, Trouble> {
    let home = evaluator.context.resource_group["id"].as_str().unwrap_or_default();
    let text = |name: &str| -> Result<Option<String>, Trouble> {
        let Some(value) = get(source, name) else { return Ok(None) };
        Ok(evaluator.value(value, frame)?.as_str().map(str::to_owned))
    };
    if let Some(scope) = text("scope")? {
        if scope.starts_with('/') {
            return Ok(scope.trim_end_matches('/').to_owned());
        }
        let (kind, name) = split_relative(&scope);
        return join_id(home, &kind, &name).map_err(Trouble::Invalid);
    }
    let subscription = evaluator.context.subscription["subscriptionId"].as_str();
    match (text("subscriptionId")?, text("resourceGroup")?) {
        (None, None) => Ok(home.to_owned()),
        (subscription_id, Some(group)) => {
            let id = subscription_id.as_deref().or(subscription).unwrap_or_default();
            Ok(format!("/subscriptions/{id}/resourceGroups/{group}"))
        }
        (Some(_), None) => Err(Trouble::Invalid(
            "A template resource with a 'subscriptionId' needs a 'resourceGroup'.".to_owned(),
        )),
    }
}

/// `ns/a/x/b/y` as the type `ns/a/b` and the name `x/y`.
fn split_relative(text: &str) -> (String, String) {
    let mut parts = text.split('/');
    let mut kind = parts.next().unwrap_or_default().to_owned();
    let mut names = Vec::new();
    while let (Some(part), name) = (parts.next(), parts.next()) {
        kind.push('/');
        kind.push_str(part);
        names.extend(name);
    }
    (kind, names.join("/"))
}

/// Finds who waits for whom; needs to know all resources.
pub(super) fn link(evaluator: &Evaluator<'_>, planned: &mut [Planned]) -> Result<(), Trouble> {
    let mut links: Vec<Vec<usize>> = Vec::with_capacity(planned.len());
    for resource in planned.iter() {
        let mut after = resource.after.clone();
        let entries = get(&resource.source, "dependsOn").and_then(Value::as_array);
        for entry in entries.into_iter().flatten() {
            let text = evaluator.value(entry, &resource.frame)?;
            let text = text.as_str().unwrap_or_default();
            let found = matching(planned, text);
            // What was left out by its condition, or is there already, need not be waited for.
            let is_elsewhere = text.starts_with('/') || is_left_out(evaluator, text);
            if found.is_empty() && !is_elsewhere {
                return Err(Trouble::Invalid(format!(
                    "The resource '{text}' is not defined in the template. Please see \
                     https://aka.ms/arm-syntax for usage details."
                )));
            }
            after.extend(found);
        }
        after.sort_unstable();
        after.dedup();
        links.push(after);
    }
    for (resource, after) in planned.iter_mut().zip(links) {
        resource.after = after;
    }
    check_cycles(planned).map_err(Trouble::Invalid)
}

fn matching(planned: &[Planned], text: &str) -> Vec<usize> {
    let text = text.trim_end_matches('/');
    let same = |other: &str| other.eq_ignore_ascii_case(text);
    let is_meant = |resource: &Planned| {
        let symbol = resource.symbol.as_deref().unwrap_or_default();
        let of_loop = symbol.strip_prefix(text).is_some_and(|rest| rest.starts_with('['));
        same(&resource.id)
            || same(&resource.name)
            || same(&format!("{}/{}", resource.kind, resource.name))
            || symbol == text
            || (of_loop && !text.is_empty())
            || resource.copy.as_deref().is_some_and(same)
    };
    (0..planned.len()).filter(|i| is_meant(&planned[*i])).collect()
}

/// Whether the template has the resource but not in this deployment.
fn is_left_out(evaluator: &Evaluator<'_>, text: &str) -> bool {
    evaluator.document.resources.iter().any(|(symbol, source)| {
        if get(source, "condition").is_none() && get(source, "copy").is_none() {
            return false;
        }
        let name =
            get(source, "name").and_then(|name| evaluator.value(name, &Frame::default()).ok());
        let copy = get(source, "copy").and_then(|copy| get(copy, "name")).and_then(Value::as_str);
        symbol.as_deref() == Some(text)
            || copy.is_some_and(|copy| copy.eq_ignore_ascii_case(text))
            || name.as_ref().and_then(Value::as_str).is_some_and(|name| {
                text.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(name))
            })
    })
}

fn check_cycles(planned: &[Planned]) -> Result<(), String> {
    let mut is_done = vec![false; planned.len()];
    loop {
        let ready: Vec<usize> = (0..planned.len())
            .filter(|i| !is_done[*i] && planned[*i].after.iter().all(|before| is_done[*before]))
            .collect();
        if ready.is_empty() {
            break;
        }
        for i in ready {
            is_done[i] = true;
        }
    }
    match is_done.iter().position(|done| !done) {
        None => Ok(()),
        Some(at) => Err(format!(
            "Circular dependency detected on resource: '{}'. Please see \
             https://aka.ms/arm-syntax-resources for usage details.",
            planned[at].id
        )),
    }
}

/// How expressions name the resources.
pub(super) fn known(planned: &[Planned]) -> Vec<Known> {
    let known = |resource: &Planned| Known {
        symbol: resource.symbol.clone(),
        name: resource.name.clone(),
        id: resource.id.clone(),
        kind: resource.kind.clone(),
        api_version: resource.api_version.clone(),
    };
    planned.iter().map(known).collect()
}

/// What is sent to make a resource.
pub(super) fn body(evaluator: &Evaluator<'_>, resource: &Planned) -> Result<Value, Trouble> {
    let mut members = Map::new();
    for (name, value) in resource.source.as_object().into_iter().flatten() {
        if ENGINE.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            continue;
        }
        members.insert(name.clone(), value.clone());
    }
    if !resource.kind.eq_ignore_ascii_case(super::DEPLOYMENT) {
        return evaluator.value(&Value::Object(members), &resource.frame);
    }
    // A nested template is evaluated by its own deployment if it says so, and here if not.
    let properties = members.get("properties").cloned().unwrap_or_default();
    let template = get(&properties, "template").cloned().unwrap_or_default();
    let options = get(&properties, "expressionEvaluationOptions");
    let scope = options.and_then(|options| get(options, "scope")).and_then(Value::as_str);
    let is_inner = scope.is_some_and(|scope| scope.eq_ignore_ascii_case("inner"));
    if let Some(Value::Object(properties)) = members.get_mut("properties") {
        properties.retain(|name, _| {
            !["template", "expressionEvaluationOptions"]
                .iter()
                .any(|n| n.eq_ignore_ascii_case(name))
        });
    }
    let mut body = evaluator.value(&Value::Object(members), &resource.frame)?;
    let template = match (is_inner, template) {
        (_, Value::Null) => Value::Null,
        (true, template) => template,
        (false, template) => escaped(&evaluator.value(&template, &resource.frame)?),
    };
    if !template.is_null() {
        body["properties"]["template"] = template;
    }
    Ok(body)
}

/// The value such that evaluating it gives the value.
fn escaped(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with('[') => json!(format!("[{text}")),
        Value::Array(items) => items.iter().map(escaped).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), escaped(value))).collect()
        }
        other => other.clone(),
    }
}
