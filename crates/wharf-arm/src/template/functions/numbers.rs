//! Functions on numbers, and comparisons.

use serde_json::{Number, Value, json};

use super::{Args, Outcome};

pub(super) fn call(name: &str, args: &Args<'_>) -> Option<Outcome> {
    let outcome = match name {
        "int" => int(args),
        "float" => float(args),
        "bool" => bool(args),
        "add" => arithmetic(args, i64::checked_add),
        "sub" => arithmetic(args, i64::checked_sub),
        "mul" => arithmetic(args, i64::checked_mul),
        "div" => arithmetic(args, i64::checked_div),
        "mod" => arithmetic(args, i64::checked_rem),
        "equals" => args.value(0).and_then(|a| Ok(json!(equal(a, args.value(1)?)))),
        "less" => compare(args, std::cmp::Ordering::is_lt),
        "lessorequals" => compare(args, std::cmp::Ordering::is_le),
        "greater" => compare(args, std::cmp::Ordering::is_gt),
        "greaterorequals" => compare(args, std::cmp::Ordering::is_ge),
        "not" => args.truth(0).map(|value| json!(!value)),
        "true" => Ok(json!(true)),
        "false" => Ok(json!(false)),
        "null" => Ok(Value::Null),
        _ => return None,
    };
    Some(outcome)
}

/// Whether two values are one; numbers by value.
pub(in super::super) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}

fn int(args: &Args<'_>) -> Outcome {
    let value = args.value(0)?;
    let number = match value {
        Value::Number(number) => number.as_i64().or_else(|| whole(number)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.map(|number| json!(number)).ok_or_else(|| {
        format!("The template language function 'int' cannot convert {value} to an integer.")
    })
}

#[expect(clippy::cast_possible_truncation, reason = "the integer part is what is asked for")]
fn whole(number: &Number) -> Option<i64> {
    number.as_f64().filter(|number| number.abs() < 9e15).map(|number| number.trunc() as i64)
}

fn float(args: &Args<'_>) -> Outcome {
    let value = args.value(0)?;
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|n| n.is_finite()).map(|n| json!(n)).ok_or_else(|| {
        format!("The template language function 'float' cannot convert {value} to a number.")
    })
}

fn bool(args: &Args<'_>) -> Outcome {
    let value = args.value(0)?;
    let truth = match value {
        Value::Bool(value) => Some(*value),
        Value::Number(number) => Some(number.as_f64() != Some(0.0)),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    truth.map(|truth| json!(truth)).ok_or_else(|| {
        format!("The template language function 'bool' cannot convert {value} to a boolean.")
    })
}

fn arithmetic(args: &Args<'_>, operation: impl Fn(i64, i64) -> Option<i64>) -> Outcome {
    let (a, b) = (args.integer(0)?, args.integer(1)?);
    operation(a, b).map(|result| json!(result)).ok_or_else(|| {
        format!("The numbers '{a}' and '{b}' have no result: a division by zero, or too large.")
    })
}

fn compare(args: &Args<'_>, is: impl Fn(std::cmp::Ordering) -> bool) -> Outcome {
    let (a, b) = (args.value(0)?, args.value(1)?);
    let ordering = match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a.as_f64().and_then(|a| a.partial_cmp(&b.as_f64()?))
        }
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    };
    ordering
        .map(|ordering| json!(is(ordering)))
        .ok_or_else(|| format!("{a} and {b} cannot be compared: two numbers or two texts can."))
}
