//! Reading a JSON body the way ARM does (operations.md A.2): property names in any case, numbers
//! also as strings, null as absent; every complaint names the property.

use serde_json::Value;
use wharf_model::{Error, ErrorKind};

/// A value and where it is in the body.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) value: &'a Value,
    pub(crate) path: String,
}

impl<'a> Node<'a> {
    pub(crate) fn root(value: &'a Value) -> Self {
        Self { value, path: String::new() }
    }

    pub(crate) fn invalid(&self, what: &str) -> Error {
        let path = if self.path.is_empty() { "the body" } else { &self.path };
        Error::new(
            ErrorKind::InvalidParameter,
            "InvalidRequestContent",
            format!(
                "The request content was invalid and could not be deserialized: '{path}' {what}."
            ),
        )
        .at(path)
    }

    /// The property of that name, unless it is absent or null.
    pub(crate) fn get(&self, name: &str) -> Option<Node<'a>> {
        let object = self.value.as_object()?;
        let (_, value) = object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        (!value.is_null()).then(|| Node { value, path: self.child(name) })
    }

    pub(crate) fn require(&self, name: &str) -> Result<Node<'a>, Error> {
        self.get(name).ok_or_else(|| {
            let error = Error::new(
                ErrorKind::InvalidParameter,
                "InvalidRequestContent",
                format!(
                    "The request content was invalid and could not be deserialized: 'Required \
                     property '{name}' not found in JSON. Path '{}'.'.",
                    self.path
                ),
            );
            error.at(&self.child(name))
        })
    }

    fn child(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    pub(crate) fn object(&self) -> Result<&'a serde_json::Map<String, Value>, Error> {
        self.value.as_object().ok_or_else(|| self.invalid("must be an object"))
    }

    /// The properties of an object that are not null, with their names as written.
    pub(crate) fn entries(&self) -> Result<Vec<(&'a str, Node<'a>)>, Error> {
        let entries = self.object()?.iter().filter(|(_, value)| !value.is_null());
        Ok(entries
            .map(|(key, value)| (key.as_str(), Node { value, path: self.child(key) }))
            .collect())
    }

    pub(crate) fn items(&self) -> Result<Vec<Node<'a>>, Error> {
        let items = self.value.as_array().ok_or_else(|| self.invalid("must be an array"))?;
        let node = |(i, value)| Node { value, path: format!("{}[{i}]", self.path) };
        Ok(items.iter().enumerate().map(node).collect())
    }

    /// The items of an array property; none when it is absent.
    pub(crate) fn list(&self, name: &str) -> Result<Vec<Node<'a>>, Error> {
        self.get(name).map_or_else(|| Ok(Vec::new()), |node| node.items())
    }

    pub(crate) fn text(&self) -> Result<&'a str, Error> {
        self.value.as_str().ok_or_else(|| self.invalid("must be a string"))
    }

    /// A text property; numbers and booleans are taken as text where users forget the quotes.
    pub(crate) fn loose_text(&self) -> Result<String, Error> {
        match self.value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(value) => Ok(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                Err(self.invalid("must be a string"))
            }
        }
    }

    pub(crate) fn number(&self) -> Result<f64, Error> {
        let number = match self.value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        number.filter(|n| n.is_finite()).ok_or_else(|| self.invalid("must be a number"))
    }

    pub(crate) fn boolean(&self) -> Result<bool, Error> {
        match self.value {
            Value::Bool(value) => Ok(*value),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(self.invalid("must be true or false")),
        }
    }

    /// One of a closed list, in any case; returns the canonical spelling.
    pub(crate) fn one_of(&self, known: &[&'static str]) -> Option<&'static str> {
        let text = self.value.as_str()?;
        known.iter().find(|known| known.eq_ignore_ascii_case(text)).copied()
    }
}
