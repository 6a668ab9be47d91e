//! Which operation a request asks for, and what that needs.

use std::sync::Arc;

use axum::{body::Body, http::Method};

use super::{Answer, Context, properties, share};
use crate::{
    auth::Need,
    error::{Code, FilesError},
    request::Call,
};

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    ListShares,
    GetServiceProperties,
    SetServiceProperties,
    CreateShare,
    GetShare,
    DeleteShare,
    SetShareProperties,
    SetShareMetadata,
    GetShareStats,
    GetShareAcl,
    SetShareAcl,
}

impl Operation {
    /// Finds the operation by method, kind of resource and `comp`.
    pub(crate) fn of(call: &Call) -> Result<Self, FilesError> {
        if call.parameter("sharesnapshot").is_some() {
            return Err(Code::ShareSnapshotNotFound.into());
        }
        let kind = call.parameter("restype").unwrap_or_default().to_ascii_lowercase();
        let comp = call.parameter("comp").unwrap_or_default().to_ascii_lowercase();
        let method = match &call.method {
            &Method::GET | &Method::HEAD => "GET",
            &Method::PUT => "PUT",
            &Method::DELETE => "DELETE",
            _ => return Err(Code::UnsupportedHttpVerb.into()),
        };
        let found = match (&call.share, call.path.is_empty(), kind.as_str()) {
            (None, ..) => Self::of_service(method, &kind, &comp),
            (Some(_), true, "share") => Self::of_share(method, &comp),
            _ => None,
        };
        found.ok_or_else(|| match comp.as_str() {
            "snapshot" | "lease" | "filepermission" | "undelete" | "userdelegationkey" => {
                let message = format!("Wharf has no such operation: {method} with comp={comp}.");
                FilesError::because(Code::NotImplemented, message)
            }
            _ => Code::InvalidUri.into(),
        })
    }

    fn of_service(method: &str, kind: &str, comp: &str) -> Option<Self> {
        Some(match (method, kind, comp) {
            ("GET", _, "list") => Self::ListShares,
            ("GET", "service", "properties") => Self::GetServiceProperties,
            ("PUT", "service", "properties") => Self::SetServiceProperties,
            _ => return None,
        })
    }

    fn of_share(method: &str, comp: &str) -> Option<Self> {
        Some(match (method, comp) {
            ("PUT", "") => Self::CreateShare,
            ("GET", "" | "metadata") => Self::GetShare,
            ("DELETE", "") => Self::DeleteShare,
            ("PUT", "properties") => Self::SetShareProperties,
            ("PUT", "metadata") => Self::SetShareMetadata,
            ("GET", "stats") => Self::GetShareStats,
            ("GET", "acl") => Self::GetShareAcl,
            ("PUT", "acl") => Self::SetShareAcl,
            _ => return None,
        })
    }

    /// What a signature has to allow.
    pub(crate) fn need(self) -> Need {
        let (kind, any, file) = match self {
            Self::ListShares => ('s', "l", false),
            Self::GetServiceProperties => ('s', "r", false),
            Self::SetServiceProperties => ('s', "w", false),
            Self::CreateShare => ('c', "cw", false),
            Self::GetShare | Self::GetShareStats => ('c', "r", false),
            Self::DeleteShare => ('c', "d", false),
            Self::SetShareProperties | Self::SetShareMetadata => ('c', "w", false),
            Self::GetShareAcl | Self::SetShareAcl => ('c', "", false),
        };
        Need { kind, any, file }
    }

    /// Does it.
    pub(crate) async fn run(self, context: Arc<Context>, body: Body) -> Result<Answer, FilesError> {
        match self {
            Self::ListShares => share::list(context).await,
            Self::GetServiceProperties => properties::get(context).await,
            Self::SetServiceProperties => properties::set(context, body).await,
            Self::CreateShare => share::create(context).await,
            Self::GetShare => share::get(context).await,
            Self::DeleteShare => share::delete(context).await,
            Self::SetShareProperties => share::set_properties(context).await,
            Self::SetShareMetadata => share::set_metadata(context).await,
            Self::GetShareStats => share::stats(context).await,
            Self::GetShareAcl => share::get_acl(context).await,
            Self::SetShareAcl => share::set_acl(context, body).await,
        }
    }
}
