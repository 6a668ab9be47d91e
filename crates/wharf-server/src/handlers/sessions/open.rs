//! GET of a session's address: becomes a WebSocket. Needs no token; the first message is the
//! password, or an `Authorization` header has it, as the specification of `attach` says.

use axum::{
    extract::{Path, State, WebSocketUpgrade},
    http::{HeaderMap, header},
    response::Response,
};

use crate::{app::App, http::ApiResult, sessions};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(session): Path<String>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> ApiResult<Response> {
    let ticket = app.tickets.take(&session).ok_or_else(wharf_arm::exec::session_not_found)?;
    let password = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let is_known = password.is_some_and(|password| ticket.is_password(password));
    let upgrade = upgrade.protocols([wharf_arm::exec::PROTOCOL]);
    let framing = match upgrade.selected_protocol() {
        Some(_) => sessions::Framing::Wharf,
        None => sessions::Framing::Azure,
    };
    Ok(upgrade.on_upgrade(move |socket| sessions::serve(app, ticket, is_known, socket, framing)))
}
