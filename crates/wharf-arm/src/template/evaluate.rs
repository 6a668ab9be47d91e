//! Evaluating what a template says: texts, objects, loops, and the functions that know where they
//! are.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    document::Document,
    expression::{self, Expr, Text},
    functions,
};

mod azure;
mod lambdas;

pub(super) use azure::join_id;

/// How often something may be evaluated in one go.
const STEPS_MAX: usize = 2_000_000;
/// How much one function may make: letters and items together.
const WEIGHT_MAX: usize = 4 << 20;
/// How deep evaluation may go: an expression within another counts four, a value within another one.
const DEPTH_MAX: usize = 512;
/// How deep arrays and objects that functions make may nest.
const NESTING_MAX: usize = 128;
/// How many copies a loop may make (Azure's limit).
pub(super) const COPIES_MAX: usize = 800;

/// Where and when a template is deployed.
#[derive(Clone, Debug)]
pub struct Context {
    /// What `subscription()` tells.
    pub subscription: Value,
    /// What `resourceGroup()` tells.
    pub resource_group: Value,
    /// What `deployment()` tells.
    pub deployment: Value,
    /// What `environment()` tells.
    pub environment: Value,
    /// What `tenant()` tells.
    pub tenant: Value,
    /// What `utcNow()` tells.
    pub now: Timestamp,
    /// What `newGuid()` is made from.
    pub seed: Uuid,
}

/// Something that only the service knows and that an expression asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// The resource asked.
    pub id: String,
    /// In which version; `None` leaves the choice to who asks.
    pub api_version: Option<String>,
    /// The action to be posted, such as `listKeys`; `None` to read the resource.
    pub action: Option<String>,
    /// What to post.
    pub body: Option<Value>,
}

/// What has been asked, with the answers.
pub type Answers = HashMap<Request, Value>;

/// Why there is no value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Trouble {
    /// The template is wrong.
    Invalid(String),
    /// The service has to be asked first.
    Needs(Box<Request>),
}

impl From<String> for Trouble {
    fn from(message: String) -> Self {
        Self::Invalid(message)
    }
}

pub(super) type Evaluated = Result<Value, Trouble>;

/// A resource that expressions can name.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) symbol: Option<String>,
    pub(super) name: String,
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) api_version: String,
}

/// What surrounds an expression.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    /// Loops by name with the copy's number, the innermost last.
    pub(super) copies: Vec<(String, usize)>,
    /// Variables of lambdas.
    locals: Vec<(String, Value)>,
    /// Arguments, within a function of the template's own.
    arguments: Option<Map<String, Value>>,
}

impl Frame {
    pub(super) fn within(&self, name: &str, index: usize) -> Self {
        let mut frame = self.clone();
        frame.copies.push((name.to_ascii_lowercase(), index));
        frame
    }
}

/// One evaluation of a template.
pub(super) struct Evaluator<'a> {
    pub(super) document: &'a Document,
    pub(super) context: &'a Context,
    /// Values by name in lower case; `None` while they are being found.
    pub(super) parameters: &'a Map<String, Value>,
    pub(super) known: &'a [Known],
    pub(super) answers: &'a Answers,
    /// The parameter whose default this is: only there may the time and new ids be asked for.
    pub(super) default_of: Option<&'a str>,
    variables: RefCell<HashMap<String, Option<Value>>>,
    steps: Cell<usize>,
    depth: Cell<usize>,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(
        document: &'a Document,
        context: &'a Context,
        parameters: &'a Map<String, Value>,
        known: &'a [Known],
        answers: &'a Answers,
    ) -> Self {
        Self {
            document,
            context,
            parameters,
            known,
            answers,
            default_of: None,
            variables: RefCell::default(),
            steps: Cell::new(0),
            depth: Cell::new(0),
        }
    }

    /// Evaluates something within something else, unless that is too deep for the stack.
    fn deeper(&self, by: usize, evaluate: impl FnOnce() -> Evaluated) -> Evaluated {
        let depth = self.depth.get() + by;
        if depth > DEPTH_MAX {
            return Err(Trouble::Invalid("The template nests too deep to evaluate.".to_owned()));
        }
        self.depth.set(depth);
        let evaluated = evaluate();
        self.depth.set(depth - by);
        evaluated
    }

    /// A value with all its expressions evaluated.
    pub(super) fn value(&self, value: &Value, frame: &Frame) -> Evaluated {
        self.deeper(1, || self.value_within(value, frame))
    }

    fn value_within(&self, value: &Value, frame: &Frame) -> Evaluated {
        match value {
            Value::String(text) => self.text(text, frame),
            Value::Array(items) => {
                let items: Result<Vec<_>, _> =
                    items.iter().map(|item| self.value(item, frame)).collect();
                Ok(Value::Array(items?))
            }
            Value::Object(members) => self.object(members, frame),
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(value.clone()),
        }
    }

    fn object(&self, members: &Map<String, Value>, frame: &Frame) -> Evaluated {
        let mut evaluated = Map::new();
        for (name, value) in members {
            if let ("copy", Value::Array(loops)) = (name.to_ascii_lowercase().as_str(), value) {
                for entry in loops {
                    let (name, items) = self.copied(entry, frame)?;
                    evaluated.insert(name, items);
                }
                continue;
            }
            let name = match self.text(name, frame)? {
                Value::String(name) => name,
                other => functions::as_text(&other),
            };
            evaluated.insert(name, self.value(value, frame)?);
        }
        Ok(Value::Object(evaluated))
    }

    /// A loop over a property or variable: `{name, count, input}`.
    fn copied(&self, entry: &Value, frame: &Frame) -> Result<(String, Value), Trouble> {
        let (name, count) = self.loop_of(entry, frame)?;
        let input = functions::member(entry, &json!("input"))?;
        let items: Result<Vec<Value>, Trouble> =
            (0..count).map(|index| self.value(&input, &frame.within(&name, index))).collect();
        Ok((name, Value::Array(items?)))
    }

    /// Name and number of copies of a loop.
    pub(super) fn loop_of(&self, entry: &Value, frame: &Frame) -> Result<(String, usize), Trouble> {
        let text = |name: &str| functions::member(entry, &json!(name));
        let name = self.value(&text("name")?, frame)?;
        let name =
            name.as_str().ok_or_else(|| "The name of a copy must be a string.".to_owned())?;
        let count = self.value(&text("count")?, frame)?;
        let number = count.as_u64().and_then(|count| usize::try_from(count).ok());
        let number = number.filter(|number| *number <= COPIES_MAX).ok_or_else(|| {
            format!("The count of copy '{name}' is {count}; it must be from 0 to {COPIES_MAX}.")
        })?;
        Ok((name.to_owned(), number))
    }

    fn text(&self, text: &str, frame: &Frame) -> Evaluated {
        match expression::classify(text) {
            Text::Plain(text) => Ok(Value::String(text.into_owned())),
            Text::Expression(inside) => self.expression(&expression::parse(inside)?, frame),
        }
    }

    fn expression(&self, expr: &Expr, frame: &Frame) -> Evaluated {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > STEPS_MAX {
            return Err(Trouble::Invalid("The template takes too long to evaluate.".to_owned()));
        }
        self.deeper(4, || self.expression_within(expr, frame))
    }

    fn expression_within(&self, expr: &Expr, frame: &Frame) -> Evaluated {
        match expr {
            Expr::Literal(value) => Ok(value.clone()),
            Expr::Member { of, key, is_safe } => {
                let (of, key) = (self.expression(of, frame)?, self.expression(key, frame)?);
                match functions::member(&of, &key) {
                    Err(_) if *is_safe => Ok(Value::Null),
                    found => Ok(found?),
                }
            }
            Expr::Call(name, args) => {
                let value = self.call(name, args, frame)?;
                if weight(&value, WEIGHT_MAX, NESTING_MAX).is_none() {
                    let message = format!("What '{name}' makes is too large.");
                    return Err(Trouble::Invalid(message));
                }
                Ok(value)
            }
        }
    }

    fn call(&self, name: &str, args: &[Expr], frame: &Frame) -> Evaluated {
        let needs = |count: usize| {
            let message = format!(
                "Unable to evaluate template language function '{name}': the number of arguments \
                 is '{}', expected '{count}'.",
                args.len()
            );
            if args.len() == count { Ok(()) } else { Err(Trouble::Invalid(message)) }
        };
        match name {
            "if" => {
                needs(3)?;
                let index = if self.truth(name, &args[0], frame)? { 1 } else { 2 };
                self.expression(&args[index], frame)
            }
            "and" | "or" => {
                for arg in args {
                    if self.truth(name, arg, frame)? == (name == "or") {
                        return Ok(json!(name == "or"));
                    }
                }
                Ok(json!(name == "and"))
            }
            "map" | "filter" | "sort" | "reduce" | "toobject" => {
                self.with_lambda(name, args, frame)
            }
            _ => {
                let values: Result<Vec<Value>, Trouble> =
                    args.iter().map(|arg| self.expression(arg, frame)).collect();
                self.call_with(name, &values?, frame)
            }
        }
    }

    fn truth(&self, name: &str, arg: &Expr, frame: &Frame) -> Result<bool, Trouble> {
        let value = self.expression(arg, frame)?;
        value.as_bool().ok_or_else(|| {
            Trouble::Invalid(format!(
                "The template language function '{name}' expects a boolean, not {value}."
            ))
        })
    }

    fn call_with(&self, name: &str, values: &[Value], frame: &Frame) -> Evaluated {
        if name.contains('.') {
            return self.own_function(name, values);
        }
        if let Some(outcome) = self.azure(name, values, frame) {
            return outcome;
        }
        match functions::call(name, values) {
            Some(outcome) => Ok(outcome?),
            None => Err(Trouble::Invalid(format!(
                "The template function '{name}' is not valid or not supported by Wharf."
            ))),
        }
    }

    /// A parameter of the template, or an argument of its own function.
    fn parameter(&self, name: &str, frame: &Frame) -> Evaluated {
        let folded = name.to_ascii_lowercase();
        let found = frame.arguments.as_ref().unwrap_or(self.parameters).get(&folded);
        found.cloned().ok_or_else(|| {
            Trouble::Invalid(format!("The template parameter '{name}' is not found."))
        })
    }

    fn variable(&self, name: &str) -> Evaluated {
        let folded = name.to_ascii_lowercase();
        let known = self.variables.borrow_mut().insert(folded.clone(), None);
        match known {
            None => {}
            Some(None) => {
                let message = format!("The template variable '{name}' refers to itself.");
                return Err(Trouble::Invalid(message));
            }
            Some(Some(value)) => {
                self.variables.borrow_mut().insert(folded, Some(value.clone()));
                return Ok(value);
            }
        }
        let value = self.find_variable(name)?;
        self.variables.borrow_mut().insert(folded, Some(value.clone()));
        Ok(value)
    }

    fn find_variable(&self, name: &str) -> Evaluated {
        let frame = Frame::default();
        let same = |known: &str| known.eq_ignore_ascii_case(name);
        let variables = &self.document.variables;
        if let Some((_, value)) = variables.iter().find(|(known, _)| same(known)) {
            return self.value(value, &frame);
        }
        let loops = variables.get("copy").and_then(Value::as_array);
        for entry in loops.into_iter().flatten() {
            if entry["name"].as_str().is_some_and(same) {
                return self.copied(entry, &frame).map(|(_, items)| items);
            }
        }
        Err(Trouble::Invalid(format!("The template variable '{name}' is not found.")))
    }

    /// A function that the template defines: `namespace.name`.
    fn own_function(&self, name: &str, values: &[Value]) -> Evaluated {
        let function = self.document.functions.get(name).ok_or_else(|| {
            format!("The template function '{name}' is not defined in the template.")
        })?;
        if function.parameters.len() != values.len() {
            let message = format!(
                "The function '{name}' takes '{}' arguments and was given '{}'.",
                function.parameters.len(),
                values.len()
            );
            return Err(Trouble::Invalid(message));
        }
        let names = function.parameters.iter().map(|name| name.to_ascii_lowercase());
        let arguments = names.zip(values.iter().cloned()).collect();
        let frame = Frame { arguments: Some(arguments), ..Frame::default() };
        self.value(&function.output, &frame)
    }
}

/// What is left of an allowance of letters and items; `None` when a value has more, or nests deeper.
fn weight(value: &Value, left: usize, nesting: usize) -> Option<usize> {
    let (left, nesting) = (left.checked_sub(1)?, nesting.checked_sub(1)?);
    match value {
        Value::String(text) => left.checked_sub(text.len()),
        Value::Array(items) => {
            items.iter().try_fold(left, |left, item| weight(item, left, nesting))
        }
        Value::Object(members) => members.iter().try_fold(left, |left, (name, value)| {
            weight(value, left.checked_sub(name.len())?, nesting)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(left),
    }
}
