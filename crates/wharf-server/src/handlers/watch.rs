//! GET `/wharf/v1/watch`: container groups as they are and as they change, pushed as server-sent
//! events: `group` with a document for each of them, `ready` once all were told, then `group` and
//! `gone` (`{"id"}`) as it happens. With `?group=<resource id>` only that one, with its events.
//!
//! The stream ends after some minutes, so that nobody watches longer than their token is good for;
//! a client then begins anew.

use std::{collections::HashMap, convert::Infallible, time::Duration};

use axum::{
    Extension,
    extract::{Query, State},
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{broadcast, mpsc};
use wharf_arm::{ApiVersion, container_group::View, resource_id};
use wharf_model::{
    Error, GroupId,
    access::Grants,
    group::{Group, Power},
};

use crate::{app::App, auth::Caller, http::ApiResult};

/// How long one stream lasts at most.
const LIFE: Duration = Duration::from_mins(10);
/// How often a silent stream shows that it is alive.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
/// Events that wait for a slow client; then its stream waits with it.
const AHEAD_MAX: usize = 64;
const READ: &str = "Microsoft.ContainerInstance/containerGroups/read";

#[derive(Debug, Deserialize)]
pub(crate) struct Params {
    group: Option<String>,
}

pub(crate) async fn handle(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(params): Query<Params>,
) -> ApiResult<Response> {
    let version = ApiVersion::parse(Some("2025-09-01"))?;
    let (events, receiver) = mpsc::channel(AHEAD_MAX);
    // Before the first look, so that nothing is missed between the two.
    let changes = app.controller.changes();
    let watch = Watch { app, caller, only: params.group, version, told: HashMap::new(), events };
    tokio::spawn(watch.run(changes));
    let stream = futures::stream::unfold(receiver, |mut receiver| async move {
        let event = receiver.recv().await?;
        Some((Ok::<_, Infallible>(event), receiver))
    });
    let alive = KeepAlive::new().interval(ALIVE_EVERY);
    Ok(Sse::new(stream).keep_alive(alive).into_response())
}

/// Why a watch ends.
enum Ended {
    Gone,
    Failed(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

struct Watch {
    app: App,
    caller: Caller,
    only: Option<String>,
    version: ApiVersion,
    /// What the client knows, with the ids under which it does.
    told: HashMap<GroupId, String>,
    events: mpsc::Sender<Event>,
}

impl Watch {
    async fn run(mut self, changes: broadcast::Receiver<GroupId>) {
        let stopping = self.app.controller.stopping();
        let events = self.events.clone();
        tokio::select! {
            ended = self.follow(changes) => {
                if let Ended::Failed(error) = ended {
                    tracing::warn!(?error, "a watch failed");
                }
            }
            () = events.closed() => {}
            () = stopping.cancelled() => {}
            () = tokio::time::sleep(LIFE) => {}
        }
    }

    async fn follow(&mut self, mut changes: broadcast::Receiver<GroupId>) -> Ended {
        if let Err(ended) = self.tell_all().await {
            return ended;
        }
        if let Err(ended) = self.send("ready", &json!({})).await {
            return ended;
        }
        loop {
            let told = match changes.recv().await {
                Ok(id) => self.tell(&id).await,
                Err(broadcast::error::RecvError::Lagged(_)) => self.tell_all().await,
                Err(broadcast::error::RecvError::Closed) => return Ended::Gone,
            };
            if let Err(ended) = told {
                return ended;
            }
        }
    }

    async fn tell_all(&mut self) -> Result<(), Ended> {
        let known = self.app.read(wharf_store::Store::group_ids).await?;
        let gone: Vec<GroupId> =
            self.told.keys().filter(|id| !known.contains(id)).cloned().collect();
        for id in known.iter().chain(&gone) {
            self.tell(id).await?;
        }
        Ok(())
    }

    async fn tell(&mut self, id: &GroupId) -> Result<(), Ended> {
        let wanted = id.clone();
        let group = self.app.read(move |store| store.group_by_id(&wanted)).await?;
        let group = group.filter(|group| group.power != Power::Deleted);
        let shown = match group {
            Some(group) if self.is_wanted(&group) && self.may_see(&group).await? => Some(group),
            Some(_) | None => None,
        };
        let Some(group) = shown else {
            return match self.told.remove(id) {
                Some(name) => self.send("gone", &json!({ "id": name })).await,
                None => Ok(()),
            };
        };
        let name = resource_id::container_group(&group.key);
        let document = self.document(&group).await?;
        self.told.insert(id.clone(), name);
        let created = wharf_arm::time::seconds(group.created_at);
        self.send("group", &json!({ "createdAt": created, "group": document })).await
    }

    fn is_wanted(&self, group: &Group) -> bool {
        let name = resource_id::container_group(&group.key);
        self.only.as_ref().is_none_or(|only| only.eq_ignore_ascii_case(&name))
    }

    /// Asked each time: roles come and go while a stream lasts.
    async fn may_see(&self, group: &Group) -> Result<bool, Error> {
        let Some(principal) = self.caller.principal_id() else { return Ok(true) };
        let grants: Grants = self.app.grants(principal).await?;
        Ok(grants.allow(READ, &resource_id::container_group(&group.key)))
    }

    async fn document(&self, group: &Group) -> Result<Value, Error> {
        if self.only.is_some() {
            return self.app.document(group, self.version).await;
        }
        let context = &self.app.settings.render;
        Ok(wharf_arm::container_group::render(group, &[], self.version, View::Full, context))
    }

    async fn send(&self, name: &str, data: &Value) -> Result<(), Ended> {
        let event = Event::default().event(name).data(data.to_string());
        self.events.send(event).await.map_err(|_| Ended::Gone)
    }
}
