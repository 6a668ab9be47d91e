//! States as users read them, derived from what was recorded (semantics.md §5).

use wharf_model::{
    group::{Group, Power},
    operation::OperationKind,
    status::{ContainerStatus, Exit, ExitCause, GroupState, Waiting},
};

/// `provisioningState` of the group: whether it is deployed, whatever became of its processes.
pub fn provisioning_state(group: &Group) -> &'static str {
    if group.is_settled || group.power == Power::Stopped {
        return "Succeeded";
    }
    match group.operation {
        OperationKind::Create | OperationKind::Start if group.status.containers.is_empty() => {
            "Pending"
        }
        OperationKind::Create | OperationKind::Start => "Creating",
        OperationKind::Update | OperationKind::Restart | OperationKind::Stop => "Updating",
        OperationKind::Delete => "Deleting",
    }
}

/// The group's state: a stopped one is so from the moment it was asked to.
pub(super) fn group_state(group: &Group) -> &'static str {
    match group.power {
        Power::Stopped => GroupState::Stopped.as_str(),
        Power::Running | Power::Deleted => group.status.state.as_str(),
    }
}

/// `detailStatus` of all containers of a stopped group, even of one that had not been started yet.
pub(super) const STOPPED: &str = "Container stopped per client request";

/// `detailStatus` of an ended container.
pub fn detail_status(exit: &Exit, is_stopped: bool) -> String {
    match exit.cause {
        _ if is_stopped => STOPPED.to_owned(),
        ExitCause::HostRestart | ExitCause::Lost => "Infrastructure Error".to_owned(),
        ExitCause::OutOfMemory => "OOMKilled".to_owned(),
        ExitCause::StartFailed => match &exit.message {
            Some(message) => format!("Error: {message}"),
            None => "Error".to_owned(),
        },
        ExitCause::Exited if exit.code == 0 => "Completed".to_owned(),
        ExitCause::Exited | ExitCause::Unhealthy => "Error".to_owned(),
    }
}

/// `detailStatus` of a waiting container.
pub(super) fn waiting_detail(status: &ContainerStatus) -> String {
    match &status.waiting {
        None | Some(Waiting::ToRun) => "Waiting to run".to_owned(),
        Some(Waiting::ImagePullBackOff { message }) => format!("ImagePullBackOff: {message}"),
        Some(Waiting::CrashLoopBackOff { .. }) => {
            "CrashLoopBackOff: Back-off restarting failed container".to_owned()
        }
    }
}
