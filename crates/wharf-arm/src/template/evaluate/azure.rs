//! Functions that know where the template is deployed, and what is there.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Evaluated, Evaluator, Frame, Known, Request, Trouble};
use crate::template::functions;

impl Evaluator<'_> {
    /// `None` when the name is none of these functions.
    pub(super) fn azure(&self, name: &str, values: &[Value], frame: &Frame) -> Option<Evaluated> {
        let evaluated = match name {
            "parameters" => first(name, values).and_then(|text| self.parameter(text, frame)),
            "variables" => first(name, values).and_then(|text| self.variable(text)),
            "lambdavariables" => {
                first(name, values).and_then(|text| Self::lambda_variable(text, frame))
            }
            "copyindex" => copy_index(values, frame),
            "resourcegroup" => Ok(self.context.resource_group.clone()),
            "subscription" => Ok(self.context.subscription.clone()),
            "deployment" => Ok(self.context.deployment.clone()),
            "environment" => Ok(self.context.environment.clone()),
            "tenant" => Ok(self.context.tenant.clone()),
            "utcnow" | "newguid" if self.default_of.is_none() => Err(Trouble::Invalid(format!(
                "The template function '{name}' is not expected at this location: it can only be \
                 used in the default value of a parameter."
            ))),
            "utcnow" => {
                functions::formatted_date(self.context.now, values.first().and_then(Value::as_str))
                    .map(|text| json!(text))
                    .map_err(Trouble::Invalid)
            }
            "newguid" => Ok(json!(self.new_guid())),
            "resourceid" => self.resource_id(values),
            "subscriptionresourceid" => self.subscription_resource_id(values),
            "tenantresourceid" => id_of("", values),
            "extensionresourceid" => match values.split_first() {
                Some((Value::String(scope), rest)) => id_of(scope, rest),
                _ => Err(Trouble::Invalid("'extensionResourceId' needs a scope.".to_owned())),
            },
            "reference" => self.reference(values),
            "resourceinfo" => self.resource_info(values),
            _ if name.starts_with("list") => self.list(name, values),
            _ => return None,
        };
        Some(evaluated)
    }

    /// Different in each place of the template and the same in each look at it.
    fn new_guid(&self) -> Uuid {
        let place = format!("{}/{}", self.default_of.unwrap_or_default(), self.steps.get());
        Uuid::new_v5(&self.context.seed, place.as_bytes())
    }

    /// `resourceId([subscription], [resourceGroup], type, name…)`.
    fn resource_id(&self, values: &[Value]) -> Evaluated {
        let is_type = |value: &Value| value.as_str().is_some_and(|text| text.contains('/'));
        let at = values.iter().position(is_type).filter(|at| *at <= 2).ok_or_else(|| {
            "Unable to evaluate template language function 'resourceId': a fully qualified \
             resource type is needed."
                .to_owned()
        })?;
        let (place, rest) = values.split_at(at);
        let home = self.context.resource_group["id"].as_str().unwrap_or_default();
        let subscription = home.split("/resourceGroups/").next().unwrap_or_default();
        let text = |i: usize| place.get(i).and_then(Value::as_str).unwrap_or_default();
        let scope = match place.len() {
            0 => home.to_owned(),
            1 => format!("{subscription}/resourceGroups/{}", text(0)),
            _ => format!("/subscriptions/{}/resourceGroups/{}", text(0), text(1)),
        };
        id_of(&scope, rest)
    }

    fn subscription_resource_id(&self, values: &[Value]) -> Evaluated {
        let is_type = |value: &Value| value.as_str().is_some_and(|text| text.contains('/'));
        match values {
            [Value::String(id), rest @ ..] if rest.first().is_some_and(is_type) => {
                id_of(&format!("/subscriptions/{id}"), rest)
            }
            _ => {
                let id = self.context.subscription["id"].as_str().unwrap_or_default();
                id_of(id, values)
            }
        }
    }

    /// The resource that a text means: a symbol, an id, or a name that is in the template.
    pub(in super::super) fn find(&self, text: &str) -> Option<&Known> {
        let text = text.trim_end_matches('/');
        let same = |other: &str| other.eq_ignore_ascii_case(text);
        self.known.iter().find(|known| {
            known.symbol.as_deref() == Some(text)
                || same(&known.id)
                || same(&known.name)
                || same(&format!("{}/{}", known.kind, known.name))
        })
    }

    fn request(&self, name: &str, values: &[Value]) -> Result<Request, Trouble> {
        let text = first(name, values)?;
        let known = self.find(text);
        let id = match known {
            Some(known) => known.id.clone(),
            None if text.starts_with('/') => text.to_owned(),
            None => {
                return Err(Trouble::Invalid(format!(
                    "The template reference '{text}' is not valid: could not find template \
                     resource or resource copy with this name."
                )));
            }
        };
        let given = values.get(1).and_then(Value::as_str).filter(|given| !given.is_empty());
        let own = known.map(|known| known.api_version.clone());
        let api_version = given.map(str::to_owned).or(own);
        Ok(Request { id, api_version, action: None, body: None })
    }

    fn answer(&self, request: Request) -> Evaluated {
        match self.answers.get(&request) {
            Some(answer) => Ok(answer.clone()),
            None => Err(Trouble::Needs(Box::new(request))),
        }
    }

    /// The properties of a resource, or all of it with a third argument `Full`.
    fn reference(&self, values: &[Value]) -> Evaluated {
        let document = self.answer(self.request("reference", values)?)?;
        let is_full = values
            .get(2)
            .and_then(Value::as_str)
            .is_some_and(|option| option.eq_ignore_ascii_case("full"));
        if is_full {
            return Ok(document);
        }
        Ok(document.get("properties").cloned().unwrap_or_else(|| json!({})))
    }

    /// What is known of a resource without asking for it.
    fn resource_info(&self, values: &[Value]) -> Evaluated {
        let text = first("resourceInfo", values)?;
        let known = self
            .find(text)
            .ok_or_else(|| format!("The resource '{text}' is not defined in the template."))?;
        let Known { id, kind, name, api_version, .. } = known;
        Ok(json!({ "id": id, "type": kind, "name": name, "apiVersion": api_version }))
    }

    /// `listKeys(resource, version, [body])` and its like.
    fn list(&self, name: &str, values: &[Value]) -> Evaluated {
        let mut request = self.request(name, values)?;
        request.action = Some(action(name));
        request.body = values.get(2).cloned();
        self.answer(request)
    }
}

/// Functions are known in lower case; the actions that clients post are not.
fn action(name: &str) -> String {
    let known = ["listKeys", "listCredentials", "listAccountSas", "listServiceSas"];
    let found = known.iter().find(|known| known.eq_ignore_ascii_case(name));
    found.map_or_else(|| name.to_owned(), |found| (*found).to_owned())
}

fn first<'a>(name: &str, values: &'a [Value]) -> Result<&'a str, Trouble> {
    values.first().and_then(Value::as_str).ok_or_else(|| {
        Trouble::Invalid(format!(
            "The template language function '{name}' expects its first parameter to be a string."
        ))
    })
}

/// The id of `type, name…` in a scope.
fn id_of(scope: &str, values: &[Value]) -> Evaluated {
    let texts: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
    let texts = texts.ok_or_else(|| "The parts of a resource id must be strings.".to_owned())?;
    let (kind, names) =
        texts.split_first().ok_or_else(|| "A resource id needs a type.".to_owned())?;
    join_id(scope, kind, &names.join("/")).map(|id| json!(id)).map_err(Trouble::Invalid)
}

/// `scope/providers/ns/a/x/b/y` of the type `ns/a/b` and the name `x/y`.
pub(in super::super) fn join_id(scope: &str, kind: &str, name: &str) -> Result<String, String> {
    let kind = kind.trim_matches('/');
    let (namespace, kinds) = kind.split_once('/').unwrap_or((kind, ""));
    let (count, given) = (kinds.split('/').count(), name.split('/').count());
    if kinds.is_empty() || name.is_empty() || count != given {
        return Err(format!(
            "Unable to evaluate template language function 'resourceId': the type '{kind}' \
             requires '{count}' resource name argument(s), '{name}' was given."
        ));
    }
    let mut id = format!("{scope}/providers/{namespace}");
    for (kind, name) in kinds.split('/').zip(name.split('/')) {
        id.push('/');
        id.push_str(kind);
        id.push('/');
        id.push_str(name);
    }
    Ok(id)
}

/// `copyIndex([loop], [offset])`.
fn copy_index(values: &[Value], frame: &Frame) -> Evaluated {
    let (name, offset) = match values {
        [] => (None, 0),
        [Value::String(name)] => (Some(name.to_ascii_lowercase()), 0),
        [Value::String(name), offset] => {
            (Some(name.to_ascii_lowercase()), offset.as_i64().unwrap_or(0))
        }
        [offset, ..] => (None, offset.as_i64().unwrap_or(0)),
    };
    let found = match &name {
        None => frame.copies.last(),
        Some(name) => frame.copies.iter().rev().find(|(known, _)| known == name),
    };
    let (_, index) = found.ok_or_else(|| {
        "The template function 'copyIndex' is not expected at this location: there is no copy of \
         that name around it."
            .to_owned()
    })?;
    let index = i64::try_from(*index).unwrap_or(i64::MAX);
    Ok(json!(index.saturating_add(offset)))
}
