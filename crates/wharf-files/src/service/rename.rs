//! Renaming files and directories within a share.

use std::sync::Arc;

use super::{
    Answer, Context, blocking,
    headers::{Chosen, describe},
    source::Source,
};
use crate::{
    error::{Code, FilesError},
    tree::{Kind, attributes::Attributes, changes::Replace},
};

pub(super) async fn rename(context: Arc<Context>, kind: Kind) -> Result<Answer, FilesError> {
    blocking(move || {
        let call = &context.call;
        let chosen = Chosen::of(call, context.now)?;
        let metadata = call.metadata()?;
        let address = call.required("x-ms-file-rename-source")?;
        let source = Source::find_to_move(&context, address)?;
        let tree = context.tree()?;
        let from = tree.existing(&source.call.path)?;
        let moved = from.node.as_ref().ok_or(Code::ResourceNotFound)?;
        if moved.about.kind != kind {
            return Err(Code::ResourceTypeMismatch.into());
        }
        let mut attributes = Attributes::read(moved);
        let to = tree.place(&call.path)?;
        context.may_replace(&to)?;
        let replace = match call.says_true("x-ms-file-rename-replace-if-exists") {
            false => Replace::No,
            true if call.says_true("x-ms-file-rename-ignore-readonly") => Replace::Any,
            true => Replace::Writable,
        };
        let node = from.rename(&to, replace)?;
        let before = attributes.clone();
        if !metadata.is_empty() {
            attributes.metadata = metadata;
        }
        if let Some(kind) = call.header("x-ms-content-type") {
            attributes.content.insert("content-type".to_owned(), kind.to_owned());
        }
        chosen.put(&mut attributes);
        if attributes != before {
            attributes.write(&node)?;
        }
        let node = chosen.finish(node, &mut attributes)?;
        Ok(describe(
            Answer::ok(),
            &node,
            &attributes,
            super::directory::above(&context, &to.parent),
        ))
    })
    .await
}
