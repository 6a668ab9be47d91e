//! `Microsoft.Resources/deployments` on the wire, and the record that the store keeps of one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use wharf_model::{Error, ErrorKind, ResourceKey};

use crate::{
    node::Node,
    resource_group, resource_id,
    template::{Planned, invalid},
    time,
};

/// What has become of a deployment, or of one of its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Not begun.
    Accepted,
    /// Under way.
    Running,
    /// Done.
    Succeeded,
    /// Ended badly.
    Failed,
    /// Ended by request.
    Canceled,
}

impl State {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Canceled => "Canceled",
        }
    }

    /// Whether nothing more will come.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Canceled)
    }
}

/// The part of a deployment that makes one resource.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    /// The resource.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// How far it is.
    pub state: State,
    /// The resources that come before it.
    pub after: Vec<usize>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The status that the resource's service answered.
    pub status: u16,
    /// The error that it answered.
    pub error: Option<Value>,
}

impl Step {
    /// One that has not begun.
    pub fn new(planned: &Planned) -> Self {
        Self {
            id: planned.id.clone(),
            kind: planned.kind.clone(),
            name: planned.name.clone(),
            state: State::Accepted,
            after: planned.after.clone(),
            started_at: None,
            finished_at: None,
            status: 0,
            error: None,
        }
    }
}

/// A deployment as the store keeps it; its template and its parameters are sealed beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Deployment {
    /// How far it is.
    pub state: State,
    /// What to poll.
    pub operation: Uuid,
    /// Parameters without secrets.
    pub parameters: Value,
    /// Fingerprint of the template.
    pub template_hash: String,
    /// What it told at its end.
    pub outputs: Option<Value>,
    /// Why it failed.
    pub error: Option<Value>,
    /// Its parts.
    pub steps: Vec<Step>,
    /// When it was accepted.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// A request to deploy.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The template.
    pub template: Value,
    /// `{name: {value}}`.
    pub parameters: Value,
    /// Tags as a JSON object.
    pub tags: String,
}

/// 1 to 64 of letters, digits, `-_.()`.
pub fn check_name(name: &str) -> Result<(), Error> {
    let fits = |c: char| c.is_alphanumeric() || "-_.()".contains(c);
    if (1..=64).contains(&name.chars().count()) && name.chars().all(fits) && !name.ends_with('.') {
        return Ok(());
    }
    Err(Error::invalid(
        "InvalidDeploymentName",
        format!(
            "The deployment name '{name}' is not valid: it has 1 to 64 letters, digits, '-', '_', \
             '.', '(' and ')'."
        ),
        "deploymentName",
    ))
}

/// Reads the body of a PUT, of `validate` or of `whatIf`.
pub fn parse(body: &Value) -> Result<Parsed, Error> {
    let root = Node::root(body);
    let properties = root.require("properties")?;
    properties.object()?;
    for (link, what) in [("templateLink", "template"), ("parametersLink", "parameters")] {
        if let Some(node) = properties.get(link) {
            return Err(Error::invalid(
                "TemplateLinkNotSupported",
                format!("Wharf does not fetch what '{link}' names; send the {what} instead."),
                &node.path,
            ));
        }
    }
    if let Some(mode) = properties.get("mode")
        && mode.one_of(&["Incremental"]).is_none()
    {
        return Err(Error::invalid(
            "DeploymentModeNotSupported",
            format!("The deployment mode {} is not supported: use 'Incremental'.", mode.value),
            &mode.path,
        ));
    }
    let template = properties
        .get("template")
        .ok_or_else(|| invalid("Required property 'template' not found in JSON"))?;
    let parameters = properties.get("parameters").map(|node| node.value.clone());
    // A parameter file may be sent whole.
    let parameters = parameters.unwrap_or_else(|| json!({}));
    let is_file = parameters.get("$schema").is_some() || parameters.get("contentVersion").is_some();
    let inner = parameters.get("parameters").cloned();
    let parameters = inner.filter(|_| is_file).unwrap_or(parameters);
    let tags = root.get("tags").map(|node| resource_group::tags(&node)).transpose()?;
    Ok(Parsed {
        template: template.value.clone(),
        parameters,
        tags: tags.unwrap_or_else(|| "{}".to_owned()),
    })
}

/// A fingerprint of a template, in digits as Azure's are.
pub fn template_hash(template: &Value) -> String {
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, template.to_string().as_bytes());
    id.as_u64_pair().0.to_string()
}

/// There is no such deployment.
pub fn not_found(key: &ResourceKey) -> Error {
    let message = format!("Deployment '{}' could not be found.", key.name);
    Error::new(ErrorKind::NotFound, "DeploymentNotFound", message)
}

/// A deployment of that name is under way.
pub fn active(key: &ResourceKey) -> Error {
    let message = format!(
        "Unable to edit or replace deployment '{}': previous deployment is still active. Please \
         see https://aka.ms/arm-deployment-name for usage details.",
        key.name
    );
    Error::new(ErrorKind::Conflict, "DeploymentActive", message)
}

/// The error of a deployment some of whose resources failed.
pub fn failed(key: &ResourceKey, steps: &[Step]) -> Value {
    let details: Vec<Value> = steps.iter().filter_map(|step| step.error.clone()).collect();
    json!({
        "code": "DeploymentFailed",
        "target": resource_id::resource(key),
        "message": "At least one resource deployment operation failed. Please list deployment \
                    operations for details. Please see \
                    https://aka.ms/arm-deployment-operations for usage details.",
        "details": details,
    })
}

/// The error of a deployment that the daemon did not bring to its end.
pub fn interrupted(key: &ResourceKey) -> Value {
    json!({
        "code": "DeploymentInterrupted",
        "target": resource_id::resource(key),
        "message": "Wharf was stopped while the deployment was under way. What it has made is \
                    kept; deploy again to complete it.",
    })
}

/// The document of a deployment.
pub fn render(key: &ResourceKey, deployment: &Deployment, tags: &Value, now: Timestamp) -> Value {
    let end = deployment.finished_at.unwrap_or(now);
    let made = deployment.steps.iter().filter(|step| step.state == State::Succeeded);
    let mut properties = json!({
        "templateHash": deployment.template_hash,
        "parameters": deployment.parameters,
        "mode": "Incremental",
        "provisioningState": deployment.state.as_str(),
        "timestamp": time::millis(end),
        "duration": duration(deployment.started_at, end),
        "correlationId": deployment.operation,
        "providers": providers(&deployment.steps),
        "dependencies": dependencies(&deployment.steps),
        "outputResources": made.map(|step| json!({ "id": step.id })).collect::<Vec<_>>(),
    });
    if let Some(outputs) = &deployment.outputs {
        properties["outputs"] = outputs.clone();
    }
    if let Some(error) = &deployment.error {
        properties["error"] = error.clone();
    }
    let mut document = json!({
        "id": resource_id::resource(key),
        "name": key.name.as_str(),
        "type": key.kind.as_str(),
        "properties": properties,
    });
    if tags.as_object().is_some_and(|tags| !tags.is_empty()) {
        document["tags"] = tags.clone();
    }
    document
}

/// What polling tells.
pub fn render_status(deployment: &Deployment) -> Value {
    let mut status = json!({ "status": deployment.state.as_str() });
    if let Some(error) = &deployment.error {
        status["error"] = error.clone();
    }
    status
}

/// The steps as `…/operations` lists them; those that have not begun are left out.
pub fn render_steps(key: &ResourceKey, deployment: &Deployment, now: Timestamp) -> Vec<Value> {
    let id = resource_id::resource(key);
    let begun = deployment.steps.iter().filter_map(|step| Some((step, step.started_at?)));
    let entry = |(step, started_at): (&Step, Timestamp)| {
        let end = step.finished_at.unwrap_or(now);
        let operation = Uuid::new_v5(&deployment.operation, step.id.as_bytes()).simple();
        let operation = operation.to_string().to_uppercase();
        let mut properties = json!({
            "provisioningOperation": "Create",
            "provisioningState": step.state.as_str(),
            "timestamp": time::millis(end),
            "duration": duration(started_at, end),
            "trackingId": deployment.operation,
            "targetResource": target(step),
        });
        if step.status != 0 {
            properties["statusCode"] = json!(reason(step.status));
        }
        if let Some(error) = &step.error {
            properties["statusMessage"] = json!({ "error": error });
        }
        json!({
            "id": format!("{id}/operations/{operation}"),
            "operationId": operation,
            "properties": properties,
        })
    };
    begun.map(entry).collect()
}

fn target(step: &Step) -> Value {
    json!({ "id": step.id, "resourceType": step.kind, "resourceName": step.name })
}

/// Azure writes the names of statuses, without blanks.
fn reason(status: u16) -> String {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        409 => "Conflict",
        413 => "RequestEntityTooLarge",
        500 => "InternalServerError",
        503 => "ServiceUnavailable",
        507 => "InsufficientStorage",
        other => return other.to_string(),
    }
    .to_owned()
}

fn duration(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.duration_since(from).as_secs_f64().max(0.0);
    format!("PT{seconds:.3}S")
}

fn providers(steps: &[Step]) -> Value {
    let mut providers: Map<String, Value> = Map::new();
    for step in steps {
        let (namespace, kind) = step.kind.split_once('/').unwrap_or((&step.kind, ""));
        let entry = json!({ "resourceType": kind, "locations": [] });
        let types = providers.entry(namespace).or_insert_with(|| json!([]));
        if let Some(types) = types.as_array_mut().filter(|types| !types.contains(&entry)) {
            types.push(entry);
        }
    }
    providers
        .into_iter()
        .map(|(namespace, types)| json!({ "namespace": namespace, "resourceTypes": types }))
        .collect()
}

fn dependencies(steps: &[Step]) -> Value {
    let entry = |step: &Step| {
        let before: Vec<Value> =
            step.after.iter().filter_map(|i| steps.get(*i)).map(target).collect();
        let mut entry = target(step);
        entry["dependsOn"] = Value::Array(before);
        entry
    };
    steps.iter().filter(|step| !step.after.is_empty()).map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_file_may_be_sent_whole_and_links_are_refused() {
        let inner = json!({ "a": { "value": 1 } });
        let file = json!({ "$schema": "x", "contentVersion": "1.0.0.0", "parameters": inner });
        for parameters in [&inner, &file] {
            let body = json!({ "properties": { "template": {}, "parameters": parameters } });
            assert_eq!(parse(&body).unwrap().parameters, inner);
        }
        let code =
            |properties: Value| parse(&json!({ "properties": properties })).unwrap_err().code;
        assert_eq!(code(json!({ "templateLink": { "uri": "x" } })), "TemplateLinkNotSupported");
        assert_eq!(code(json!({ "mode": "Complete" })), "DeploymentModeNotSupported");
        assert_eq!(code(json!({ "mode": "Incremental" })), "InvalidTemplate");
    }
}
