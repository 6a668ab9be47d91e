//! POST exec of a container (semantics.md §16): the address and the password of a session.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use wharf_arm::exec::ExecRequest;
use wharf_runtime::exec::{Command, Streams, TerminalSize};

use super::ContainerPath;
use crate::{
    app::App,
    http::{ApiResult, Base, Body, Version},
    sessions::Purpose,
};

/// What a program needs to know of a terminal, as Docker has it.
const TERM: &str = "TERM=xterm";

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): Path<ContainerPath>,
    Version(_): Version,
    base: Base,
    Body(body): Body,
) -> ApiResult<Response> {
    let (group, container) = path.find_running(&app).await?;
    let request = ExecRequest::parse(&body)?;
    let (rows, cols) = request.size;
    let (streams, env) = if request.has_terminal {
        (Streams::Terminal(TerminalSize { rows, cols }), vec![TERM.to_owned()])
    } else {
        (Streams::Pipes { has_input: request.has_input }, Vec::new())
    };
    let command = Command { args: request.args, env, streams };
    let given = app.tickets.give(group.id, container, Purpose::Exec(command));
    let uri = format!("{}/exec/{}?rows={rows}&cols={cols}", base.web_socket(), given.session);
    Ok(Json(wharf_arm::exec::answer(&uri, &given.password)).into_response())
}
