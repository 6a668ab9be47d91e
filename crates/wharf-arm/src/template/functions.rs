//! The functions of the template language that need nothing but their arguments.

use serde_json::{Map, Number, Value};

mod collections;
mod dates;
mod numbers;
mod strings;

pub(super) use numbers::equal;
pub(super) use strings::as_text;

/// What a function makes, or why it cannot.
pub(super) type Outcome = Result<Value, String>;

/// How much a function may make: letters of a text, items of an array.
pub(super) const LENGTH_MAX: usize = 100_000;

/// The result of a function; `None` when there is no such function.
pub(super) fn call(name: &str, values: &[Value]) -> Option<Outcome> {
    let args = Args { name, values };
    strings::call(name, &args)
        .or_else(|| numbers::call(name, &args))
        .or_else(|| collections::call(name, &args))
        .or_else(|| dates::call(name, &args))
}

pub(super) use collections::member;
pub(super) use dates::formatted as formatted_date;

/// The arguments of one call.
pub(super) struct Args<'a> {
    name: &'a str,
    values: &'a [Value],
}

impl Args<'_> {
    fn len(&self) -> usize {
        self.values.len()
    }

    fn value(&self, index: usize) -> Result<&Value, String> {
        self.values.get(index).ok_or_else(|| {
            format!(
                "Unable to evaluate template language function '{}': the number of arguments is \
                 '{}', but argument '{}' is needed.",
                self.name,
                self.values.len(),
                index + 1
            )
        })
    }

    fn wrong(&self, index: usize, kind: &str) -> String {
        let found = match self.values.get(index) {
            None | Some(Value::Null) => "Null",
            Some(Value::Bool(_)) => "Boolean",
            Some(Value::Number(_)) => "Number",
            Some(Value::String(_)) => "String",
            Some(Value::Array(_)) => "Array",
            Some(Value::Object(_)) => "Object",
        };
        format!(
            "The template language function '{}' expects its parameter '{}' to be {kind}. The \
             provided value is of type '{found}'.",
            self.name,
            index + 1
        )
    }

    fn text(&self, index: usize) -> Result<&str, String> {
        self.value(index)?.as_str().ok_or_else(|| self.wrong(index, "a string"))
    }

    fn integer(&self, index: usize) -> Result<i64, String> {
        self.value(index)?.as_i64().ok_or_else(|| self.wrong(index, "an integer"))
    }

    /// A place or a count.
    fn index(&self, index: usize) -> Result<usize, String> {
        usize::try_from(self.integer(index)?)
            .map_err(|_| self.wrong(index, "an integer that is not negative"))
    }

    fn truth(&self, index: usize) -> Result<bool, String> {
        self.value(index)?.as_bool().ok_or_else(|| self.wrong(index, "a boolean"))
    }

    fn array(&self, index: usize) -> Result<&Vec<Value>, String> {
        self.value(index)?.as_array().ok_or_else(|| self.wrong(index, "an array"))
    }

    fn object(&self, index: usize) -> Result<&Map<String, Value>, String> {
        self.value(index)?.as_object().ok_or_else(|| self.wrong(index, "an object"))
    }
}

/// A number without a needless fraction.
fn number_text(number: &Number) -> String {
    let text = number.to_string();
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}
