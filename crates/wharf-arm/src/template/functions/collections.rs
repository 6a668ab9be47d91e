//! Functions on arrays and objects; some take texts as well.

use serde_json::{Map, Value, json};

use super::{Args, LENGTH_MAX, Outcome, as_text, equal};

pub(super) fn call(name: &str, args: &Args<'_>) -> Option<Outcome> {
    let outcome = match name {
        "concat" => concat(args),
        "createarray" => Ok(Value::Array(args.values.to_vec())),
        "createobject" => create_object(args),
        "array" => args.value(0).map(|value| match value {
            Value::Array(_) => value.clone(),
            other => json!([other]),
        }),
        "length" => length(args),
        "empty" => args.value(0).map(|value| json!(is_empty(value))),
        "first" => ends(args, |items| items.first().cloned(), |text| text.chars().next()),
        "last" => ends(args, |items| items.last().cloned(), |text| text.chars().next_back()),
        "take" => part(args, |count, length| 0..count.min(length)),
        "skip" => part(args, |count, length| count.min(length)..length),
        "contains" => contains(args),
        "indexof" => index_of(args, false),
        "lastindexof" => index_of(args, true),
        "union" => union(args),
        "intersection" => intersection(args),
        "shallowmerge" => args.array(0).map(|objects| {
            let members = objects.iter().filter_map(Value::as_object).flatten();
            members.map(|(name, value)| (name.clone(), value.clone())).collect()
        }),
        "flatten" => args.array(0).map(|items| {
            let inner = items.iter().flat_map(|item| match item {
                Value::Array(inner) => inner.clone(),
                other => vec![other.clone()],
            });
            Value::Array(inner.collect())
        }),
        "range" => range(args),
        "min" => extreme(args, i64::min),
        "max" => extreme(args, i64::max),
        "items" => args.object(0).map(items),
        "objectkeys" => args.object(0).map(|object| {
            let mut names: Vec<&String> = object.keys().collect();
            names.sort();
            json!(names)
        }),
        "coalesce" => {
            let found = args.values.iter().find(|value| !value.is_null());
            Ok(found.cloned().unwrap_or_default())
        }
        "tryget" => args.value(0).map(|value| {
            args.values
                .iter()
                .skip(1)
                .fold(value.clone(), |value, key| member(&value, key).ok().unwrap_or_default())
        }),
        _ => return None,
    };
    Some(outcome)
}

/// A member of an object in any case, or an item of an array.
pub(in super::super) fn member(of: &Value, key: &Value) -> Outcome {
    match (of, key) {
        (Value::Object(members), Value::String(name)) => {
            let exact = members.get(name);
            let found = exact.or_else(|| {
                let same = |known: &&String| known.eq_ignore_ascii_case(name);
                members.keys().find(same).and_then(|known| members.get(known))
            });
            found.cloned().ok_or_else(|| {
                let known: Vec<&str> = members.keys().map(String::as_str).collect();
                format!(
                    "The language expression property '{name}' doesn't exist, available \
                     properties are '{}'.",
                    known.join(", ")
                )
            })
        }
        (Value::Array(items), Value::Number(index)) => {
            let index = index.as_i64().and_then(|index| usize::try_from(index).ok());
            index.and_then(|index| items.get(index)).cloned().ok_or_else(|| {
                format!("The language expression property array index '{key}' is out of bounds.")
            })
        }
        _ => Err(format!(
            "The language expression property '{}' cannot be taken of a value that is no array \
             and no object.",
            as_text(key)
        )),
    }
}

fn concat(args: &Args<'_>) -> Outcome {
    if args.value(0)?.is_array() {
        let arrays: Result<Vec<_>, String> = (0..args.len()).map(|i| args.array(i)).collect();
        return Ok(arrays?.into_iter().flatten().cloned().collect());
    }
    let mut text = String::new();
    for (i, value) in args.values.iter().enumerate() {
        if value.is_array() || value.is_object() {
            return Err(args.wrong(i, "a string, a number or a boolean"));
        }
        text.push_str(&as_text(value));
    }
    Ok(json!(text))
}

fn create_object(args: &Args<'_>) -> Outcome {
    if !args.len().is_multiple_of(2) {
        return Err("The function 'createObject' expects an even number of parameters.".to_owned());
    }
    let mut object = Map::new();
    for i in (0..args.len()).step_by(2) {
        object.insert(args.text(i)?.to_owned(), args.value(i + 1)?.clone());
    }
    Ok(Value::Object(object))
}

fn length(args: &Args<'_>) -> Outcome {
    match args.value(0)? {
        Value::String(text) => Ok(json!(text.chars().count())),
        Value::Array(items) => Ok(json!(items.len())),
        Value::Object(members) => Ok(json!(members.len())),
        _ => Err(args.wrong(0, "a string, an array or an object")),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn ends(
    args: &Args<'_>,
    item: impl Fn(&Vec<Value>) -> Option<Value>,
    letter: impl Fn(&str) -> Option<char>,
) -> Outcome {
    match args.value(0)? {
        Value::Array(items) => Ok(item(items).unwrap_or_default()),
        Value::String(text) => Ok(json!(letter(text).map(String::from).unwrap_or_default())),
        _ => Err(args.wrong(0, "a string or an array")),
    }
}

fn part(args: &Args<'_>, range: impl Fn(usize, usize) -> std::ops::Range<usize>) -> Outcome {
    let count = usize::try_from(args.integer(1)?).unwrap_or(0);
    match args.value(0)? {
        Value::Array(items) => Ok(json!(items[range(count, items.len())])),
        Value::String(text) => {
            let letters: Vec<char> = text.chars().collect();
            Ok(json!(letters[range(count, letters.len())].iter().collect::<String>()))
        }
        _ => Err(args.wrong(0, "a string or an array")),
    }
}

fn contains(args: &Args<'_>) -> Outcome {
    let wanted = args.value(1)?;
    match args.value(0)? {
        Value::Array(items) => Ok(json!(items.iter().any(|item| equal(item, wanted)))),
        Value::Object(_) => Ok(json!(member(args.value(0)?, wanted).is_ok())),
        Value::String(text) => Ok(json!(text.contains(&as_text(wanted)))),
        _ => Err(args.wrong(0, "a string, an array or an object")),
    }
}

fn index_of(args: &Args<'_>, is_last: bool) -> Outcome {
    let wanted = args.value(1)?;
    let found = match args.value(0)? {
        Value::Array(items) if is_last => items.iter().rposition(|item| equal(item, wanted)),
        Value::Array(items) => items.iter().position(|item| equal(item, wanted)),
        Value::String(text) => {
            let (text, part) = (text.to_lowercase(), args.text(1)?.to_lowercase());
            let found = if is_last { text.rfind(&part) } else { text.find(&part) };
            found.map(|at| text[..at].chars().count())
        }
        _ => return Err(args.wrong(0, "a string or an array")),
    };
    Ok(found.map_or_else(|| json!(-1), |at| json!(at)))
}

fn union(args: &Args<'_>) -> Outcome {
    if args.value(0)?.is_array() {
        let mut all: Vec<Value> = Vec::new();
        for i in 0..args.len() {
            for item in args.array(i)? {
                if !all.iter().any(|known| equal(known, item)) {
                    all.push(item.clone());
                }
            }
        }
        return Ok(Value::Array(all));
    }
    let mut all = Map::new();
    for i in 0..args.len() {
        merge(&mut all, args.object(i)?);
    }
    Ok(Value::Object(all))
}

fn merge(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (name, value) in from {
        match (into.get_mut(name), value) {
            (Some(Value::Object(known)), Value::Object(more)) => merge(known, more),
            _ => drop(into.insert(name.clone(), value.clone())),
        }
    }
}

fn intersection(args: &Args<'_>) -> Outcome {
    if args.value(0)?.is_array() {
        let mut kept = args.array(0)?.clone();
        for i in 1..args.len() {
            let other = args.array(i)?;
            kept.retain(|item| other.iter().any(|known| equal(known, item)));
        }
        return Ok(Value::Array(kept));
    }
    let mut kept = args.object(0)?.clone();
    for i in 1..args.len() {
        let other = args.object(i)?;
        kept.retain(|name, value| other.get(name).is_some_and(|known| equal(known, value)));
    }
    Ok(Value::Object(kept))
}

fn range(args: &Args<'_>) -> Outcome {
    let (start, count) = (args.integer(0)?, args.index(1)?);
    if count > LENGTH_MAX {
        return Err(format!("A range can have {LENGTH_MAX} items at most."));
    }
    let end = start.checked_add(i64::try_from(count).unwrap_or(i64::MAX));
    let end = end.ok_or_else(|| "The range ends beyond the largest number.".to_owned())?;
    Ok(json!((start..end).collect::<Vec<_>>()))
}

fn extreme(args: &Args<'_>, pick: impl Fn(i64, i64) -> i64) -> Outcome {
    let values = match args.value(0)? {
        Value::Array(items) => items,
        _ => args.values,
    };
    let numbers: Option<Vec<i64>> = values.iter().map(Value::as_i64).collect();
    let found = numbers.and_then(|numbers| numbers.into_iter().reduce(pick));
    found.map(|found| json!(found)).ok_or_else(|| args.wrong(0, "integers"))
}

fn items(object: &Map<String, Value>) -> Value {
    let mut entries: Vec<_> = object.iter().collect();
    entries.sort_by(|a, b| a.0.cmp(b.0));
    entries.into_iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}
