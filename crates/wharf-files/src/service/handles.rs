//! Handles of SMB clients, of which there are none.

use std::sync::Arc;

use super::{Answer, Context, blocking};
use crate::{error::FilesError, xml::Document};

pub(super) async fn list(context: Arc<Context>) -> Result<Answer, FilesError> {
    exists(context).await?;
    let mut document = Document::new("EnumerationResults", &[]);
    document.text("Entries", "").text("NextMarker", "");
    Ok(Answer::xml(document))
}

pub(super) async fn close(context: Arc<Context>) -> Result<Answer, FilesError> {
    exists(context).await?;
    let answer = Answer::ok().header("x-ms-number-of-handles-closed", "0");
    Ok(answer.header("x-ms-number-of-handles-failed", "0"))
}

async fn exists(context: Arc<Context>) -> Result<(), FilesError> {
    blocking(move || {
        let path = &context.call.path;
        let tree = context.tree()?;
        if path.is_empty() { tree.root().map(drop) } else { tree.existing(path).map(drop) }
    })
    .await
}
