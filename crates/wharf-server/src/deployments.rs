//! Deploying templates: the resources of a template in order, each by the request that a client
//! would send, with the identity of who asked for the deployment.
//!
//! The record in the store says how far a deployment is, for those who poll. Work that the daemon
//! did not finish is not taken up again: who asked is not remembered, so the next daemon says that
//! the deployment was interrupted.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt as _, stream::FuturesUnordered};
use serde_json::{Value, json};
use wharf_arm::{
    deployment::{Deployment, State},
    template::{Answers, Pending, Request, Template},
};
use wharf_model::{Error, Name, ResourceKey};
use wharf_store::{AcceptError, Filter, Resource, ResourceContent, ResourceFilter, Store};

use crate::app::{App, accept_failed};

mod calls;

pub(crate) use calls::{Calls, Routes};

/// How many resources of one deployment are made at the same time.
const TOGETHER: usize = 4;

/// The record of a stored deployment.
pub(crate) fn record(resource: &Resource) -> Result<Deployment, Error> {
    serde_json::from_str(&resource.content.document)
        .map_err(|error| Error::internal(format!("the record of {}: {error}", resource.key)))
}

/// The record as it is stored, with what is to be sealed.
pub(crate) fn content(
    deployment: &Deployment,
    location: String,
    tags: String,
    secret: Option<Vec<u8>>,
) -> Result<ResourceContent, Error> {
    let document = serde_json::to_string(deployment)
        .map_err(|error| Error::internal(format!("write a deployment: {error}")))?;
    Ok(ResourceContent { location, tags, document, secret })
}

/// Ends what an earlier daemon left unfinished; returns how many deployments that were.
pub(crate) fn fail_unfinished(
    store: &Store,
    now: jiff::Timestamp,
    subscription: &Name,
) -> Result<usize, AcceptError> {
    let scope = Filter::Subscription(subscription.clone());
    let kind = Some(Name::from(wharf_arm::template::DEPLOYMENT));
    let mut count = 0;
    for resource in store.list_resources(&ResourceFilter { scope, kind })? {
        let Ok(mut deployment) = record(&resource) else { continue };
        if deployment.state.is_final() {
            continue;
        }
        deployment.error = Some(wharf_arm::deployment::interrupted(&resource.key));
        deployment.state = State::Failed;
        deployment.finished_at = Some(now);
        for step in deployment.steps.iter_mut().filter(|step| step.state == State::Running) {
            step.state = State::Canceled;
            step.finished_at = Some(now);
        }
        let ResourceContent { location, tags, secret, .. } = resource.content;
        let content = content(&deployment, location, tags, secret).map_err(AcceptError::Refused)?;
        store.put_resource(now, &resource.key, content)?;
        count += 1;
    }
    Ok(count)
}

/// What one deployment is being done with.
pub(crate) struct Run {
    pub(crate) app: App,
    pub(crate) calls: Calls,
    pub(crate) key: ResourceKey,
    pub(crate) template: Template,
    pub(crate) deployment: Deployment,
}

/// Why a deployment goes no further.
enum Stop {
    /// Somebody canceled or removed it.
    Gone,
    /// It cannot be done.
    Failed(Value),
}

impl Run {
    /// Brings the deployment to its end, and writes that down.
    pub(crate) async fn complete(mut self) {
        let ended = self.resources().await;
        let ended = match ended {
            Ok(answers) => self.outputs(answers).await,
            Err(stop) => Err(stop),
        };
        let (state, error) = match ended {
            Ok(outputs) => {
                self.deployment.outputs = Some(outputs);
                (State::Succeeded, None)
            }
            Err(Stop::Failed(error)) => (State::Failed, Some(error)),
            Err(Stop::Gone) => return,
        };
        self.deployment.state = state;
        self.deployment.error = error;
        self.deployment.finished_at = Some(self.app.clock.now());
        drop(self.save().await);
    }

    /// Makes all resources; returns what was learned on the way.
    async fn resources(&mut self) -> Result<Answers, Stop> {
        self.deployment.state = State::Running;
        let mut answers = Answers::new();
        let mut after: Vec<HashSet<usize>> = self
            .template
            .resources()
            .iter()
            .map(|planned| planned.after.iter().copied().collect())
            .collect();
        let mut running = FuturesUnordered::new();
        loop {
            for index in self.ready(&after) {
                if running.len() >= TOGETHER {
                    break;
                }
                match self.body(index, &mut answers).await {
                    Ok(body) => {
                        self.begin(index);
                        running.push(self.make(index, body));
                    }
                    Err(Wait::For(other)) => {
                        after[index].insert(other);
                    }
                    Err(Wait::Never(error)) => self.end(index, Err((400, error))),
                }
            }
            self.save().await?;
            match running.next().await {
                Some((index, outcome)) => self.end(index, outcome),
                None if self.ready(&after).is_empty() => break,
                None => {}
            }
        }
        let steps = &self.deployment.steps;
        if steps.iter().any(|step| step.error.is_some()) {
            return Err(Stop::Failed(wharf_arm::deployment::failed(&self.key, steps)));
        }
        match steps.iter().find(|step| step.state != State::Succeeded) {
            None => Ok(answers),
            Some(step) => {
                let message = format!("Circular dependency detected on resource: '{}'", step.id);
                Err(Stop::Failed(error_of(&wharf_arm::template::invalid(&message))))
            }
        }
    }

    /// What has not begun and need not wait.
    fn ready(&self, after: &[HashSet<usize>]) -> Vec<usize> {
        let steps = &self.deployment.steps;
        let is_done = |index: &usize| steps[*index].state == State::Succeeded;
        (0..steps.len())
            .filter(|i| steps[*i].state == State::Accepted && after[*i].iter().all(is_done))
            .collect()
    }

    fn begin(&mut self, index: usize) {
        let step = &mut self.deployment.steps[index];
        step.state = State::Running;
        step.started_at = Some(self.app.clock.now());
    }

    fn end(&mut self, index: usize, outcome: Result<u16, (u16, Value)>) {
        let now = self.app.clock.now();
        let step = &mut self.deployment.steps[index];
        step.started_at.get_or_insert(now);
        step.finished_at = Some(now);
        match outcome {
            Ok(status) => {
                step.state = State::Succeeded;
                step.status = status;
            }
            Err((status, mut error)) => {
                if error.get("target").is_none_or(Value::is_null) {
                    error["target"] = json!(step.id);
                }
                step.state = State::Failed;
                step.status = status;
                step.error = Some(error);
            }
        }
    }

    /// Makes one resource and waits until it is there.
    fn make(
        &self,
        index: usize,
        body: Value,
    ) -> impl Future<Output = (usize, Result<u16, (u16, Value)>)> + use<> {
        let planned = &self.template.resources()[index];
        let (id, version) = (planned.id.clone(), planned.api_version.clone());
        let (calls, is_existing) = (self.calls.clone(), planned.is_existing);
        async move {
            let outcome = if is_existing {
                calls.get(&id, &version).await.map(|_| 200)
            } else {
                calls.put(&id, &version, &body).await
            };
            (index, outcome)
        }
    }

    /// What to send, once all that it refers to has been asked for.
    async fn body(&self, index: usize, answers: &mut Answers) -> Result<Value, Wait> {
        loop {
            match self.template.body(index, answers) {
                Ok(body) => return Ok(body),
                Err(Pending::Failed(error)) => return Err(Wait::Never(error_of(&error))),
                Err(Pending::Needs(request)) => {
                    let other = self.template.position(&request.id);
                    let is_made = |i: usize| self.deployment.steps[i].state == State::Succeeded;
                    if let Some(other) = other.filter(|other| !is_made(*other)) {
                        return Err(Wait::For(other));
                    }
                    let answer = self.calls.ask(&request).await.map_err(Wait::Never)?;
                    answers.insert(*request, answer);
                }
            }
        }
    }

    async fn outputs(&self, mut answers: Answers) -> Result<Value, Stop> {
        loop {
            match self.template.outputs(&answers) {
                Ok(outputs) => return Ok(outputs),
                Err(Pending::Failed(error)) => return Err(Stop::Failed(error_of(&error))),
                Err(Pending::Needs(request)) => {
                    let answer = self.calls.ask(&request).await.map_err(Stop::Failed)?;
                    answers.insert(*request, answer);
                }
            }
        }
    }

    /// Writes how far it is, unless the deployment is no longer wanted.
    async fn save(&self) -> Result<(), Stop> {
        let (now, key) = (self.app.clock.now(), self.key.clone());
        let deployment = self.deployment.clone();
        let written = self.app.blocking(move |store| {
            store.change_resource(now, &key, |current| {
                let current = current.ok_or_else(|| wharf_arm::deployment::not_found(&key))?;
                let known = record(current)?;
                if known.state.is_final() || known.operation != deployment.operation {
                    return Err(wharf_arm::deployment::active(&key));
                }
                let ResourceContent { location, tags, secret, .. } = current.content.clone();
                content(&deployment, location, tags, secret).map(Some)
            })
        });
        match written.await.map_err(|_| Stop::Gone)?.map_err(accept_failed) {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::info!(key = %self.key, code = error.code, "a deployment goes no further");
                Err(Stop::Gone)
            }
        }
    }
}

/// Why a resource cannot be made now.
enum Wait {
    /// Another one comes first.
    For(usize),
    /// Its expressions cannot be evaluated.
    Never(Value),
}

/// The inside of the ARM envelope.
pub(crate) fn error_of(error: &Error) -> Value {
    wharf_arm::error::body(error)["error"].clone()
}

/// What is there now of each resource that a template would make: for `whatIf`.
pub(crate) async fn what_if(template: &Template, calls: &Calls) -> Result<Vec<Value>, Value> {
    let mut answers = Answers::new();
    let mut changes = Vec::new();
    for (index, planned) in template.resources().iter().enumerate() {
        if planned.is_existing {
            continue;
        }
        let body = loop {
            match template.body(index, &answers) {
                Ok(body) => break Ok(body),
                Err(Pending::Failed(error)) => return Err(error_of(&error)),
                Err(Pending::Needs(request)) => match calls.ask(&request).await {
                    Ok(answer) => drop(answers.insert(*request, answer)),
                    Err(_) => break Err(request),
                },
            }
        };
        let current = calls.get(&planned.id, &planned.api_version).await.ok();
        changes.push(match body {
            Ok(body) => wharf_arm::whatif::change(planned, &body, current.as_ref()),
            Err(request) => unsupported(&planned.id, &request),
        });
    }
    Ok(changes)
}

/// What depends on what is not there yet cannot be foretold.
fn unsupported(id: &str, request: &Request) -> Value {
    json!({
        "resourceId": id,
        "changeType": "Unsupported",
        "unsupportedReason": format!(
            "It depends on the resource '{}', which is not there yet.", request.id
        ),
    })
}

/// Resources of a resource group, by id in lower case.
pub(crate) async fn present(calls: &Calls, home: &str) -> HashMap<String, Value> {
    let version = wharf_arm::provider::newest_version("Microsoft.Resources/resources");
    let path = format!("{home}/resources");
    let found = calls.get(&path, version.unwrap_or_default()).await.unwrap_or_default();
    let entries = found["value"].as_array().into_iter().flatten();
    entries
        .filter_map(|entry| Some((entry["id"].as_str()?.to_ascii_lowercase(), entry.clone())))
        .collect()
}
