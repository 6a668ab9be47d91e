//! Functions that take a function: `map(parameters('a'), lambda('x', toUpper(lambdaVariables('x'))))`.

use serde_json::{Map, Value, json};

use super::{Evaluated, Evaluator, Frame, Trouble};
use crate::template::{expression::Expr, functions};

impl Evaluator<'_> {
    pub(super) fn with_lambda(&self, name: &str, args: &[Expr], frame: &Frame) -> Evaluated {
        let (list, rest) = args.split_first().ok_or_else(|| needs(name))?;
        let list = self.expression(list, frame)?;
        let items = list.as_array().ok_or_else(|| {
            format!("The template language function '{name}' expects an array, not {list}.")
        })?;
        match (name, rest) {
            ("map", [lambda]) => {
                let mapped: Result<Vec<Value>, Trouble> = items
                    .iter()
                    .enumerate()
                    .map(|(i, item)| self.apply(name, lambda, &[item.clone(), json!(i)], frame))
                    .collect();
                Ok(Value::Array(mapped?))
            }
            ("filter", [lambda]) => {
                let mut kept = Vec::new();
                for (i, item) in items.iter().enumerate() {
                    let keep = self.apply(name, lambda, &[item.clone(), json!(i)], frame)?;
                    if keep == json!(true) {
                        kept.push(item.clone());
                    }
                }
                Ok(Value::Array(kept))
            }
            ("sort", [lambda]) => self.sorted(items, lambda, frame),
            ("reduce", [start, lambda]) => {
                let mut value = self.expression(start, frame)?;
                for (i, item) in items.iter().enumerate() {
                    value = self.apply(name, lambda, &[value, item.clone(), json!(i)], frame)?;
                }
                Ok(value)
            }
            ("toobject", [key, rest @ ..]) if rest.len() <= 1 => {
                let mut object = Map::new();
                for item in items {
                    let key = self.apply(name, key, std::slice::from_ref(item), frame)?;
                    let value = match rest.first() {
                        None => item.clone(),
                        Some(value) => {
                            self.apply(name, value, std::slice::from_ref(item), frame)?
                        }
                    };
                    object.insert(functions::as_text(&key), value);
                }
                Ok(Value::Object(object))
            }
            _ => Err(needs(name).into()),
        }
    }

    /// Inserts each item before the first one that it belongs before: a comparison may fail.
    fn sorted(&self, items: &[Value], lambda: &Expr, frame: &Frame) -> Evaluated {
        let mut sorted: Vec<Value> = Vec::with_capacity(items.len());
        for item in items {
            let mut at = sorted.len();
            while at > 0 {
                let pair = [item.clone(), sorted[at - 1].clone()];
                if self.apply("sort", lambda, &pair, frame)? != json!(true) {
                    break;
                }
                at -= 1;
            }
            sorted.insert(at, item.clone());
        }
        Ok(Value::Array(sorted))
    }

    /// A lambda with values for its variables; it need not take all of them.
    fn apply(&self, name: &str, lambda: &Expr, values: &[Value], frame: &Frame) -> Evaluated {
        let Expr::Call(called, parts) = lambda else { return Err(needs(name).into()) };
        let (body, variables) = match parts.split_last() {
            Some(parts) if called == "lambda" => parts,
            _ => return Err(needs(name).into()),
        };
        let mut inner = frame.clone();
        for (variable, value) in variables.iter().zip(values) {
            let Expr::Literal(Value::String(variable)) = variable else {
                return Err(needs(name).into());
            };
            inner.locals.push((variable.to_ascii_lowercase(), value.clone()));
        }
        self.expression(body, &inner)
    }

    pub(super) fn lambda_variable(name: &str, frame: &Frame) -> Evaluated {
        let folded = name.to_ascii_lowercase();
        let found = frame.locals.iter().rev().find(|(known, _)| *known == folded);
        found
            .map(|(_, value)| value.clone())
            .ok_or_else(|| Trouble::Invalid(format!("The lambda variable '{name}' is not found.")))
    }
}

fn needs(name: &str) -> String {
    format!("The template language function '{name}' needs an array and a lambda function.")
}
