//! Which operation a request asks for, and what that needs.

use std::sync::Arc;

use axum::{body::Body, http::Method};

use super::{Answer, Context, content, copy, directory, file, handles, properties, rename, share};
use crate::{
    auth::Need,
    error::{Code, FilesError},
    request::Call,
    tree::Kind,
};

/// The action of reading what is in a share.
pub(crate) const READ_FILES: &str =
    "Microsoft.Storage/storageAccounts/fileServices/fileShares/files/read";

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    ListShares,
    GetServiceProperties,
    SetServiceProperties,
    CreateShare,
    CreateSnapshot,
    GetShare,
    DeleteShare,
    SetShareProperties,
    SetShareMetadata,
    GetShareStats,
    GetShareAcl,
    SetShareAcl,
    CreateDirectory,
    GetDirectory,
    DeleteDirectory,
    SetDirectoryProperties,
    SetDirectoryMetadata,
    ListDirectory,
    RenameDirectory,
    CreateFile,
    GetFile,
    GetFileProperties,
    GetFileMetadata,
    DeleteFile,
    SetFileProperties,
    SetFileMetadata,
    PutRange,
    ListRanges,
    CopyFile,
    AbortCopy,
    RenameFile,
    ListHandles,
    CloseHandles,
}

impl Operation {
    /// Finds the operation by method, kind of resource and `comp`.
    pub(crate) fn of(call: &Call) -> Result<Self, FilesError> {
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
            (Some(_), root, "directory") => Self::of_directory(method, &comp, root),
            (Some(_), root, "") => Self::of_file(call, method, &comp, root),
            _ => None,
        };
        let found = found.ok_or_else(|| match comp.as_str() {
            "lease" | "filepermission" | "undelete" | "userdelegationkey" => {
                let message = format!("Wharf has no such operation: {method} with comp={comp}.");
                FilesError::because(Code::NotImplemented, message)
            }
            _ => FilesError::from(Code::InvalidUri),
        })?;
        if call.snapshot().is_some() && !found.is_for_snapshots() {
            return Err(Code::ShareSnapshotOperationNotSupported.into());
        }
        Ok(found)
    }

    /// Whether it can be done with a snapshot: what is in one does not change.
    fn is_for_snapshots(self) -> bool {
        matches!(
            self,
            Self::GetShare
                | Self::DeleteShare
                | Self::GetDirectory
                | Self::ListDirectory
                | Self::GetFile
                | Self::GetFileProperties
                | Self::GetFileMetadata
                | Self::ListRanges
                | Self::ListHandles
                | Self::CloseHandles
        )
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
            ("PUT", "snapshot") => Self::CreateSnapshot,
            ("DELETE", "") => Self::DeleteShare,
            ("PUT", "properties") => Self::SetShareProperties,
            ("PUT", "metadata") => Self::SetShareMetadata,
            ("GET", "stats") => Self::GetShareStats,
            ("GET", "acl") => Self::GetShareAcl,
            ("PUT", "acl") => Self::SetShareAcl,
            _ => return None,
        })
    }

    fn of_directory(method: &str, comp: &str, root: bool) -> Option<Self> {
        Some(match (method, comp) {
            ("GET", "list") => Self::ListDirectory,
            ("GET", "" | "metadata") => Self::GetDirectory,
            ("PUT", "properties") => Self::SetDirectoryProperties,
            ("PUT", "metadata") => Self::SetDirectoryMetadata,
            ("PUT", "") if !root => Self::CreateDirectory,
            ("DELETE", "") if !root => Self::DeleteDirectory,
            ("PUT", "rename") if !root => Self::RenameDirectory,
            _ => return None,
        })
    }

    fn of_file(call: &Call, method: &str, comp: &str, root: bool) -> Option<Self> {
        match (method, comp) {
            ("GET", "listhandles") => return Some(Self::ListHandles),
            ("PUT", "forceclosehandles") => return Some(Self::CloseHandles),
            _ if root => return None,
            _ => {}
        }
        Some(match (method, comp) {
            ("PUT", "") if call.header("x-ms-copy-source").is_some() => Self::CopyFile,
            ("PUT", "") => Self::CreateFile,
            ("GET", "") if call.method == Method::HEAD => Self::GetFileProperties,
            ("GET", "") => Self::GetFile,
            ("GET", "metadata") => Self::GetFileMetadata,
            ("GET", "rangelist") => Self::ListRanges,
            ("DELETE", "") => Self::DeleteFile,
            ("PUT", "properties") => Self::SetFileProperties,
            ("PUT", "metadata") => Self::SetFileMetadata,
            ("PUT", "range") => Self::PutRange,
            ("PUT", "copy") => Self::AbortCopy,
            ("PUT", "rename") => Self::RenameFile,
            _ => return None,
        })
    }

    /// What a signature has to allow.
    pub(crate) fn need(self) -> Need {
        let (kind, any, file) = match self {
            Self::ListShares => ('s', "l", false),
            Self::GetServiceProperties => ('s', "r", false),
            Self::SetServiceProperties => ('s', "w", false),
            Self::CreateShare | Self::CreateSnapshot => ('c', "cw", false),
            Self::GetShare | Self::GetShareStats => ('c', "r", false),
            Self::DeleteShare => ('c', "d", false),
            Self::SetShareProperties | Self::SetShareMetadata => ('c', "w", false),
            Self::GetShareAcl | Self::SetShareAcl => ('c', "", false),
            Self::CreateDirectory => ('o', "cw", false),
            Self::GetDirectory => ('o', "r", false),
            Self::DeleteDirectory => ('o', "d", false),
            Self::SetDirectoryProperties
            | Self::SetDirectoryMetadata
            | Self::RenameDirectory
            | Self::CloseHandles => ('o', "w", false),
            Self::ListDirectory => ('c', "l", false),
            Self::ListHandles => ('o', "l", false),
            Self::CreateFile | Self::CopyFile => ('o', "cw", true),
            Self::GetFile | Self::GetFileProperties | Self::GetFileMetadata | Self::ListRanges => {
                ('o', "r", true)
            }
            Self::DeleteFile => ('o', "d", true),
            Self::SetFileProperties
            | Self::SetFileMetadata
            | Self::PutRange
            | Self::AbortCopy
            | Self::RenameFile => ('o', "w", true),
        };
        Need { kind, any, file }
    }

    /// What a role has to allow: the action that Azure's roles name.
    pub(crate) fn action(self) -> &'static str {
        match self {
            Self::ListShares | Self::GetShare | Self::GetShareStats | Self::GetShareAcl => {
                "Microsoft.Storage/storageAccounts/fileServices/shares/read"
            }
            Self::CreateShare
            | Self::CreateSnapshot
            | Self::SetShareProperties
            | Self::SetShareMetadata
            | Self::SetShareAcl => "Microsoft.Storage/storageAccounts/fileServices/shares/write",
            Self::DeleteShare => "Microsoft.Storage/storageAccounts/fileServices/shares/delete",
            Self::GetServiceProperties => "Microsoft.Storage/storageAccounts/fileServices/read",
            Self::SetServiceProperties => "Microsoft.Storage/storageAccounts/fileServices/write",
            Self::GetDirectory
            | Self::ListDirectory
            | Self::GetFile
            | Self::GetFileProperties
            | Self::GetFileMetadata
            | Self::ListRanges
            | Self::ListHandles => READ_FILES,
            Self::DeleteDirectory | Self::DeleteFile => {
                "Microsoft.Storage/storageAccounts/fileServices/fileShares/files/delete"
            }
            _ => "Microsoft.Storage/storageAccounts/fileServices/fileShares/files/write",
        }
    }

    /// Does it.
    pub(crate) async fn run(self, context: Arc<Context>, body: Body) -> Result<Answer, FilesError> {
        match self {
            Self::ListShares => share::list(context).await,
            Self::GetServiceProperties => properties::get(context).await,
            Self::SetServiceProperties => properties::set(context, body).await,
            Self::CreateShare => share::create(context).await,
            Self::CreateSnapshot => share::create_snapshot(context).await,
            Self::GetShare => share::get(context).await,
            Self::DeleteShare => share::delete(context).await,
            Self::SetShareProperties => share::set_properties(context).await,
            Self::SetShareMetadata => share::set_metadata(context).await,
            Self::GetShareStats => share::stats(context).await,
            Self::GetShareAcl => share::get_acl(context).await,
            Self::SetShareAcl => share::set_acl(context, body).await,
            Self::CreateDirectory => directory::create(context).await,
            Self::GetDirectory => directory::get(context).await,
            Self::DeleteDirectory => directory::delete(context).await,
            Self::SetDirectoryProperties => directory::set_properties(context).await,
            Self::SetDirectoryMetadata => directory::set_metadata(context).await,
            Self::ListDirectory => directory::list_entries(context).await,
            Self::RenameDirectory => rename::rename(context, Kind::Directory).await,
            Self::CreateFile => file::create(context, body).await,
            Self::GetFile => content::get(context).await,
            Self::GetFileProperties => file::get_properties(context).await,
            Self::GetFileMetadata => file::get_metadata(context).await,
            Self::DeleteFile => file::delete(context).await,
            Self::SetFileProperties => file::set_properties(context).await,
            Self::SetFileMetadata => file::set_metadata(context).await,
            Self::PutRange => content::put_range(context, body).await,
            Self::ListRanges => content::list_ranges(context).await,
            Self::CopyFile => copy::copy(context).await,
            Self::AbortCopy => copy::abort(context).await,
            Self::RenameFile => rename::rename(context, Kind::File).await,
            Self::ListHandles => handles::list(context).await,
            Self::CloseHandles => handles::close(context).await,
        }
    }
}
