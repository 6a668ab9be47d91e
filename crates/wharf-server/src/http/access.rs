//! The one place where access is decided, around every route that needs a token: who asks, which
//! permission the request needs (from method and path alone), whether their roles give it. What
//! changed something, or was refused to, goes to the activity log.

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{Method, header},
    middleware::Next,
    response::Response,
};
use serde_json::Value;
use tracing::Instrument as _;
use uuid::Uuid;
use wharf_arm::action::{self, Needs};
use wharf_model::{
    Error,
    access::{Activity, Grants, Principal},
};

use super::{ApiError, headers::Correlation};
use crate::{
    app::App,
    auth::{Caller, Peer},
};

/// The largest list that is filtered, in bytes.
const LIST_MAX: usize = 64 << 20;

/// How much of an answer the caller may see.
enum Verdict {
    All,
    /// The resources at which this action is allowed.
    Readable(String),
    /// The resources at, above or below which there is any role.
    Touched,
}

pub(super) async fn guard(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    // A request that another one makes inside of the daemon speaks for the same caller.
    let known = request.extensions().get::<Caller>().cloned();
    let caller = if let Some(known) = known {
        known
    } else {
        let (peer, header) = shown(&request);
        app.auth.check(&app, peer, header.as_deref()).await?
    };
    let asked = Asked {
        needs: action::needs(
            request.method().as_str(),
            request.uri().path(),
            app.settings.subscription.as_str(),
        ),
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        correlation: request.extensions().get::<Correlation>().cloned().unwrap_or_default(),
        caller: caller.clone(),
    };
    let (verdict, grants) = match &caller {
        Caller::Administrator => (Verdict::All, Grants::default()),
        Caller::Principal(principal) => {
            let grants = app.grants(principal.id).await?;
            match judge(principal, &grants, &asked.needs) {
                Ok(verdict) => (verdict, grants),
                Err(error) => {
                    asked.record(&app, 403);
                    return Err(error.into());
                }
            }
        }
    };
    request.extensions_mut().insert(caller);
    let response = if asked.method.is_safe() {
        next.run(request).await
    } else {
        // A client that goes before it is answered has changed something nevertheless.
        let change = change(app, request, next, asked).in_current_span();
        let changed = tokio::spawn(change).await;
        changed.map_err(|error| Error::internal(format!("answer a request: {error}")))??
    };
    filter(response, &verdict, &grants).await
}

/// Has a change made and written down.
async fn change(
    app: App,
    request: Request,
    next: Next,
    asked: Asked,
) -> Result<Response, ApiError> {
    let response = next.run(request).await;
    if asked.method == Method::DELETE && response.status().is_success() {
        app.forget_access(&asked.path).await?;
    }
    asked.record(&app, response.status().as_u16());
    Ok(response)
}

/// How a request came in, and what it has to show.
fn shown(request: &Request) -> (Peer, Option<String>) {
    let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer::Remote);
    let header = request.headers().get(header::AUTHORIZATION);
    let header = header.map(|value| value.to_str().unwrap_or_default().to_owned());
    (peer, header)
}

fn judge(principal: &Principal, grants: &Grants, needs: &Needs) -> Result<Verdict, Error> {
    match needs {
        Needs::Nobody => Ok(Verdict::Touched),
        Needs::AnyRole { scope } if grants.touch(scope) => Ok(Verdict::All),
        Needs::AnyRole { scope } => Err(refusal(principal, "*/read", scope)),
        Needs::Action { action, scope, is_list } => {
            if grants.allow(action, scope) {
                return Ok(Verdict::All);
            }
            if *is_list && grants.touch(scope) {
                return Ok(Verdict::Readable(action.clone()));
            }
            Err(refusal(principal, action, scope))
        }
    }
}

fn refusal(principal: &Principal, action: &str, scope: &str) -> Error {
    wharf_arm::role::authorization_failed(&principal.login, principal.id, action, scope)
}

/// Leaves in a list what the caller may see.
async fn filter(
    response: Response,
    verdict: &Verdict,
    grants: &Grants,
) -> Result<Response, ApiError> {
    if matches!(verdict, Verdict::All) || !response.status().is_success() {
        return Ok(response);
    }
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, LIST_MAX).await;
    let bytes = bytes.map_err(|error| Error::internal(format!("filter a list: {error}")))?;
    let Ok(mut document) = serde_json::from_slice::<Value>(&bytes) else {
        return Ok(Response::from_parts(parts, Body::from(bytes)));
    };
    if let Some(values) = document.get_mut("value").and_then(Value::as_array_mut) {
        values.retain(|value| {
            let id = value.get("id").and_then(Value::as_str).unwrap_or("/");
            match verdict {
                Verdict::All => true,
                Verdict::Readable(action) => grants.allow(action, id),
                // Only subscriptions belong to somebody there.
                Verdict::Touched => !id.starts_with("/subscriptions/") || grants.touch(id),
            }
        });
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Ok(Response::from_parts(parts, Body::from(document.to_string())))
}

/// Who asks for what.
struct Asked {
    caller: Caller,
    method: Method,
    path: String,
    needs: Needs,
    correlation: Correlation,
}

impl Asked {
    /// Writes down who asked for which change with which result. The answer does not wait for it.
    fn record(&self, app: &App, status: u16) {
        let Needs::Action { action, scope, .. } = &self.needs else { return };
        if self.method.is_safe() {
            return;
        }
        let (name, principal) = match &self.caller {
            Caller::Administrator => ("administrator".to_owned(), None),
            Caller::Principal(principal) => (principal.login.clone(), Some(principal.id)),
        };
        let is_own = self.path.starts_with("/wharf/");
        let entry = Activity {
            id: Uuid::new_v4(),
            at: app.clock.now(),
            caller: name,
            principal,
            action: action.clone(),
            resource: if is_own { format!("{scope}{}", self.path) } else { scope.clone() },
            status,
            correlation: self.correlation.0.clone(),
        };
        let store = app.store.clone();
        drop(tokio::task::spawn_blocking(move || {
            if let Err(error) = store.add_activity(&entry) {
                let error = wharf_model::error::chain(&error);
                tracing::error!(error, action = entry.action, caller = entry.caller, "not logged");
            }
        }));
    }
}
