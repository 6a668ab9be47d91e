//! Operations on files, besides their content.

use std::sync::Arc;

use axum::body::{Body, to_bytes};

use super::{
    Answer, Context, blocking,
    content::{RANGE_MAX, verify_md5},
    directory::above,
    headers::{
        Chosen, check_permission, content as content_headers, describe, is_known, metadata, tag,
    },
};
use crate::{
    auth::Grant,
    error::{Code, FilesError},
    times::http_date,
    tree::{
        Node, Place,
        attributes::Attributes,
        changes::{refuse_read_only, sync},
        content, failed,
    },
};

/// Bytes that a file may have at most: 4 TiB.
const SIZE_MAX: u64 = 4 << 40;

impl Context {
    /// Refuses to replace a file if only new ones may be made.
    pub(super) fn may_replace(&self, place: &Place) -> Result<(), FilesError> {
        match &self.grant {
            Grant::Signed(scope) if place.node.is_some() && !scope.may("w") => {
                Err(Code::AuthorizationPermissionMismatch.into())
            }
            _ => Ok(()),
        }
    }
}

pub(super) async fn create(context: Arc<Context>, body: Body) -> Result<Answer, FilesError> {
    let bytes = to_bytes(body, RANGE_MAX).await.map_err(|_| Code::RequestBodyTooLarge)?;
    blocking(move || {
        let call = &context.call;
        let size = call.number("x-ms-content-length")?;
        let size = size.ok_or(Code::MissingRequiredHeader)?;
        if size > SIZE_MAX || bytes.len() as u64 > size {
            return Err(Code::OutOfRangeInput.into());
        }
        let chosen = Chosen::of(call, context.now)?;
        let mut attributes = Attributes {
            content: content_headers(call),
            metadata: call.metadata()?,
            ..Attributes::default()
        };
        chosen.put(&mut attributes);
        let place = context.tree()?.place(&call.path)?;
        context.may_replace(&place)?;
        if !bytes.is_empty() {
            verify_md5(call, &bytes)?;
            context.reserve(bytes.len() as u64)?;
        }
        let parent = place.parent.try_clone().map_err(failed("open"))?;
        // A file that is read-only is filled before it becomes so.
        let flags = attributes.flags.take_if(|_| !bytes.is_empty());
        let node = place.make_file(size, &attributes)?;
        if !bytes.is_empty() {
            content::write(&node, 0, &bytes)?;
            attributes.flags = flags;
            attributes.write(&node)?;
        }
        let node = chosen.finish(node, &mut attributes)?;
        Ok(describe(Answer::created(), &node, &attributes, above(&context, &parent)))
    })
    .await
}

pub(super) async fn get_properties(context: Arc<Context>) -> Result<Answer, FilesError> {
    blocking(move || {
        check_permission(&context.call)?;
        let place = context.tree()?.file(&context.call.path)?;
        let node = place.node.ok_or(Code::ResourceNotFound)?;
        if is_known(&context.call, &node.about)? {
            return Ok(tag(Answer::not_modified(), &node.about));
        }
        let attributes = Attributes::read(&node);
        let answer = describe(Answer::ok(), &node, &attributes, above(&context, &place.parent));
        Ok(full(answer, &node, &attributes).header("content-length", node.about.size.to_string()))
    })
    .await
}

/// What is said about a file besides what is said about directories too.
pub(super) fn full(answer: Answer, _node: &Node, attributes: &Attributes) -> Answer {
    let mut answer = metadata(answer, attributes)
        .header("content-type", "application/octet-stream")
        .header("x-ms-type", "File")
        .header("x-ms-server-encrypted", "false")
        .header("x-ms-lease-status", "unlocked")
        .header("x-ms-lease-state", "available");
    for (name, value) in &attributes.content {
        answer = answer.header(name, value);
    }
    let Some(copy) = &attributes.copy else { return answer };
    answer
        .header("x-ms-copy-id", &copy.id)
        .header("x-ms-copy-status", "success")
        .header("x-ms-copy-source", &copy.source)
        .header("x-ms-copy-progress", format!("{0}/{0}", copy.bytes))
        .header("x-ms-copy-completion-time", http_date(copy.completed))
}

pub(super) async fn get_metadata(context: Arc<Context>) -> Result<Answer, FilesError> {
    blocking(move || {
        let place = context.tree()?.file(&context.call.path)?;
        let node = place.node.ok_or(Code::ResourceNotFound)?;
        Ok(metadata(tag(Answer::ok(), &node.about), &Attributes::read(&node)))
    })
    .await
}

pub(super) async fn delete(context: Arc<Context>) -> Result<Answer, FilesError> {
    blocking(move || {
        check_permission(&context.call)?;
        context.tree()?.file(&context.call.path)?.remove_file()?;
        Ok(Answer::accepted())
    })
    .await
}

pub(super) async fn set_metadata(context: Arc<Context>) -> Result<Answer, FilesError> {
    blocking(move || {
        check_permission(&context.call)?;
        let sent = context.call.metadata()?;
        let place = context.tree()?.file(&context.call.path)?;
        let node = place.node.ok_or(Code::ResourceNotFound)?;
        refuse_read_only(&node)?;
        let mut attributes = Attributes::read(&node);
        attributes.metadata = sent;
        attributes.changed = None;
        attributes.write(&node)?;
        sync(&node)?;
        let node = node.refreshed().map_err(failed("read"))?;
        Ok(describe(Answer::ok(), &node, &attributes, above(&context, &place.parent)))
    })
    .await
}

/// Content headers are set together: one that is not sent is cleared, unless none is sent and
/// something else is.
pub(super) async fn set_properties(context: Arc<Context>) -> Result<Answer, FilesError> {
    blocking(move || {
        let call = &context.call;
        let chosen = Chosen::of(call, context.now)?;
        let size = call.number("x-ms-content-length")?;
        let sent = content_headers(call);
        let place = context.tree()?.file(&call.path)?;
        let node = place.node.ok_or(Code::ResourceNotFound)?;
        let mut attributes = Attributes::read(&node);
        if let Some(size) = size {
            if size > SIZE_MAX {
                return Err(Code::OutOfRangeInput.into());
            }
            content::resize(&node, size)?;
        }
        if !sent.is_empty() || (size.is_none() && chosen.is_empty()) {
            attributes.content = sent;
        }
        chosen.put(&mut attributes);
        attributes.write(&node)?;
        let node = chosen.finish(node, &mut attributes)?;
        Ok(describe(Answer::ok(), &node, &attributes, above(&context, &place.parent)))
    })
    .await
}
