//! Copying files. A copy is done when it is answered.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    Answer, Context, blocking,
    headers::{Chosen, tag},
    source::Source,
};
use crate::{
    error::{Code, FilesError},
    tree::{
        attributes::{Attributes, Copied},
        content,
    },
};

pub(super) async fn copy(context: Arc<Context>) -> Result<Answer, FilesError> {
    blocking(move || {
        let call = &context.call;
        let chosen = Chosen::of(call, context.now)?;
        let metadata = call.metadata()?;
        let address = call.required("x-ms-copy-source")?;
        let from = Source::find(&context, address)?.file(&context)?;
        let mut attributes = Attributes::read(&from);
        if !metadata.is_empty() {
            attributes.metadata = metadata;
        }
        chosen.put(&mut attributes);
        let id = Uuid::new_v4().to_string();
        let source = address.split('?').next().unwrap_or_default().to_owned();
        let (bytes, completed) = (from.about.size, context.now);
        attributes.copy = Some(Copied { id: id.clone(), source, bytes, completed });
        let place = context.tree()?.place(&call.path)?;
        context.may_replace(&place)?;
        if place.node.as_ref().is_some_and(|there| there.about.inode == from.about.inode) {
            let message = "A file is not copied onto itself.";
            return Err(FilesError::because(Code::InvalidInput, message));
        }
        context.reserve(bytes)?;
        let flags = attributes.flags.take();
        let node = if call.says_true("x-ms-file-copy-ignore-readonly") {
            place.make_any_file(bytes, &attributes)?
        } else {
            place.make_file(bytes, &attributes)?
        };
        content::copy(&from, &node)?;
        attributes.flags = flags;
        attributes.write(&node)?;
        let node = chosen.finish(node, &mut attributes)?;
        let answer = tag(Answer::accepted(), &node.about);
        Ok(answer.header("x-ms-copy-id", id).header("x-ms-copy-status", "success"))
    })
    .await
}

/// A copy that has been answered is done.
pub(super) async fn abort(context: Arc<Context>) -> Result<Answer, FilesError> {
    blocking(move || {
        context.tree()?.file(&context.call.path)?;
        Err(Code::NoPendingCopyOperation.into())
    })
    .await
}
