//! The template language of `Microsoft.Resources/deployments`, without any effect: from a template
//! and its parameters to resources in order, and to outputs.
//!
//! What an expression wants to know of a resource (`reference`, `listKeys`) is not asked here:
//! evaluating stops with the [`Request`], and is done again when its answer is there. So a
//! reference to a resource of the same template is a dependency without being declared as one.
//!
//! `uniqueString()` is stable but gives other letters than Azure, whose algorithm is not published.

use serde_json::{Map, Value, json};
use wharf_model::Error;

mod document;
mod evaluate;
mod expression;
mod functions;
mod parameters;
mod resources;
#[cfg(test)]
mod tests;

pub use evaluate::{Answers, Context, Request};
pub use resources::Planned;

use document::{Document, get};
use evaluate::{Evaluator, Frame, Known, Trouble};

/// The type of a deployment.
pub const DEPLOYMENT: &str = "Microsoft.Resources/deployments";

/// Why something cannot be told.
#[derive(Clone, Debug, PartialEq)]
pub enum Pending {
    /// This has to be asked first.
    Needs(Box<Request>),
    /// The template is wrong.
    Failed(Error),
}

/// A template with its parameters, ready to be deployed.
#[derive(Clone, Debug)]
pub struct Template {
    document: Document,
    context: Context,
    parameters: Map<String, Value>,
    planned: Vec<Planned>,
    known: Vec<Known>,
}

/// A template that is not one.
pub fn invalid(message: &str) -> Error {
    let message = message.trim_end_matches('.');
    Error::invalid(
        "InvalidTemplate",
        format!("Deployment template validation failed: '{message}.'."),
        "properties.template",
    )
}

fn failed(trouble: Trouble) -> Pending {
    match trouble {
        Trouble::Invalid(message) => Pending::Failed(invalid(&message)),
        Trouble::Needs(request) => Pending::Needs(request),
    }
}

/// In names, types, conditions and loops nothing may depend on what is deployed.
fn too_early(trouble: Trouble) -> Error {
    match trouble {
        Trouble::Invalid(message) => invalid(&message),
        Trouble::Needs(_) => invalid(
            "The template function 'reference' is not expected at this location. Please see \
             https://aka.ms/arm-functions for usage details",
        ),
    }
}

impl Template {
    /// Reads a template with the parameters given (`{name: {value}}`) and plans its resources.
    pub fn new(template: &Value, given: &Value, context: Context) -> Result<Self, Error> {
        let document = Document::read(template).map_err(|message| invalid(&message))?;
        let parameters =
            parameters::resolve(&document, given, &context).map_err(|message| invalid(&message))?;
        let answers = Answers::new();
        let evaluator = Evaluator::new(&document, &context, &parameters, &[], &answers);
        let mut planned = resources::plan(&evaluator).map_err(too_early)?;
        let known = resources::known(&planned);
        let evaluator = Evaluator::new(&document, &context, &parameters, &known, &answers);
        resources::link(&evaluator, &mut planned).map_err(too_early)?;
        let template = Self { document, context, parameters, planned, known };
        template.check()?;
        Ok(template)
    }

    /// Evaluates all that can be evaluated now, for its mistakes.
    fn check(&self) -> Result<(), Error> {
        let answers = Answers::new();
        for index in 0..self.planned.len() {
            if let Err(Pending::Failed(error)) = self.body(index, &answers) {
                return Err(error);
            }
        }
        match self.outputs(&answers) {
            Err(Pending::Failed(error)) => Err(error),
            Ok(_) | Err(Pending::Needs(_)) => Ok(()),
        }
    }

    /// The resources, in the template's order.
    pub fn resources(&self) -> &[Planned] {
        &self.planned
    }

    /// The resource of that id, if it is one of the template's.
    pub fn position(&self, id: &str) -> Option<usize> {
        self.planned.iter().position(|planned| planned.id.eq_ignore_ascii_case(id))
    }

    /// The parameters as a deployment shows them, without secrets.
    pub fn shown_parameters(&self) -> Value {
        parameters::shown(&self.document, &self.parameters)
    }

    fn evaluator<'a>(&'a self, answers: &'a Answers) -> Evaluator<'a> {
        Evaluator::new(&self.document, &self.context, &self.parameters, &self.known, answers)
    }

    /// What to send to make a resource.
    pub fn body(&self, index: usize, answers: &Answers) -> Result<Value, Pending> {
        let planned = self.planned.get(index).ok_or_else(|| {
            Pending::Failed(Error::internal(format!("no resource {index} in the template")))
        })?;
        resources::body(&self.evaluator(answers), planned).map_err(failed)
    }

    /// What the deployment tells at its end: `{name: {type, value}}`.
    pub fn outputs(&self, answers: &Answers) -> Result<Value, Pending> {
        let evaluator = self.evaluator(answers);
        let mut outputs = Map::new();
        for (name, declaration) in &self.document.outputs {
            let output = Self::output(&evaluator, name, declaration).map_err(failed)?;
            if let Some(output) = output {
                outputs.insert(name.clone(), output);
            }
        }
        Ok(Value::Object(outputs))
    }

    fn output(
        evaluator: &Evaluator<'_>,
        name: &str,
        declaration: &Value,
    ) -> Result<Option<Value>, Trouble> {
        let frame = Frame::default();
        if let Some(condition) = get(declaration, "condition")
            && evaluator.value(condition, &frame)? != json!(true)
        {
            return Ok(None);
        }
        let kind = parameters::kind_of(declaration).ok_or_else(|| {
            let types = parameters::TYPES.join(", ");
            format!("The output '{name}' must have one of the types {types}.")
        })?;
        let value = match (declaration.get("copy"), get(declaration, "value")) {
            (Some(copy), _) => {
                let mut entry = copy.clone();
                entry["name"] = json!(name);
                let copied = json!({ "copy": [entry] });
                let copied = evaluator.value(&copied, &frame)?;
                copied.get(name).cloned().unwrap_or_default()
            }
            (None, Some(value)) => evaluator.value(value, &frame)?,
            (None, None) => {
                return Err(Trouble::Invalid(format!("The output '{name}' has no value.")));
            }
        };
        if parameters::is_secure(kind) {
            return Ok(Some(json!({ "type": kind })));
        }
        let fits = match kind {
            "String" => value.is_string(),
            "Int" => value.is_i64(),
            "Bool" => value.is_boolean(),
            "Array" => value.is_array(),
            _ => value.is_object(),
        };
        if !fits && !value.is_null() {
            return Err(Trouble::Invalid(format!(
                "The template output '{name}' is not valid: its value is not of the type '{kind}'."
            )));
        }
        Ok(Some(json!({ "type": kind, "value": value })))
    }
}
