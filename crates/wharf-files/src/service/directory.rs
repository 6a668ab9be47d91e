//! Operations on directories.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _, sync::Arc};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use super::{
    Answer, Context, blocking,
    headers::{Chosen, PERMISSION_KEY, check_permission, describe, flags_of, metadata},
};
use crate::{
    error::FilesError,
    request::Call,
    times::{http_date, iso},
    tree::{
        About, Kind, Node,
        attributes::Attributes,
        list::{Wanted, list},
    },
    xml::{self, Document},
};

/// From this version on lists have the ids of files.
const IDS_SINCE: &str = "2020-04-08";

/// What a list says besides names.
#[derive(Debug)]
struct Included {
    words: Vec<String>,
    id: bool,
}

impl Included {
    fn wants_attributes(&self) -> bool {
        self.has("attributes") || self.has("timestamps")
    }

    fn has(&self, word: &str) -> bool {
        self.words.iter().any(|included| included == word)
    }
}

pub(super) async fn create(context: Arc<Context>) -> Result<Answer, FilesError> {
    blocking(move || {
        let call = &context.call;
        let chosen = Chosen::of(call, context.now)?;
        let mut attributes = Attributes { metadata: call.metadata()?, ..Attributes::default() };
        chosen.put(&mut attributes);
        let place = context.tree()?.place(&call.path)?;
        let parent = place.parent.try_clone().map_err(crate::tree::failed("open"))?;
        let node = place.make_directory(&attributes)?;
        let node = chosen.finish(node, &mut attributes)?;
        Ok(describe(Answer::created(), &node, &attributes, above(&context, &parent)))
    })
    .await
}

/// The parent, unless that is the share's own directory.
pub(super) fn above<'a, T>(context: &Context, parent: &'a T) -> Option<&'a T> {
    (context.call.path.len() > 1).then_some(parent)
}

pub(super) async fn get(context: Arc<Context>) -> Result<Answer, FilesError> {
    blocking(move || {
        let tree = context.tree()?;
        let node = tree.directory_node(&context.call.path)?;
        let parent = match context.call.path.split_last() {
            Some((_, above)) if !above.is_empty() => Some(tree.directory_node(above)?),
            _ => None,
        };
        let attributes = Attributes::read(&node);
        let answer = describe(Answer::ok(), &node, &attributes, parent.as_ref());
        Ok(metadata(answer.header("x-ms-server-encrypted", "false"), &attributes))
    })
    .await
}

pub(super) async fn delete(context: Arc<Context>) -> Result<Answer, FilesError> {
    blocking(move || {
        check_permission(&context.call)?;
        let tree = context.tree()?;
        tree.directory_node(&context.call.path)?;
        tree.existing(&context.call.path)?.remove_directory()?;
        Ok(Answer::accepted())
    })
    .await
}

pub(super) async fn set_properties(context: Arc<Context>) -> Result<Answer, FilesError> {
    blocking(move || {
        let chosen = Chosen::of(&context.call, context.now)?;
        change(&context, |attributes| chosen.put(attributes), &chosen)
    })
    .await
}

pub(super) async fn set_metadata(context: Arc<Context>) -> Result<Answer, FilesError> {
    blocking(move || {
        let sent = context.call.metadata()?;
        let nothing = Chosen::of(&context.call, context.now)?;
        change(&context, |attributes| attributes.metadata = sent, &nothing)
    })
    .await
}

fn change(
    context: &Context,
    change: impl FnOnce(&mut Attributes),
    chosen: &Chosen,
) -> Result<Answer, FilesError> {
    let node = context.tree()?.directory_node(&context.call.path)?;
    let mut attributes = Attributes::read(&node);
    attributes.changed = None;
    change(&mut attributes);
    attributes.write(&node)?;
    let node = chosen.finish(node, &mut attributes)?;
    Ok(describe(Answer::ok(), &node, &attributes, None::<&Node>))
}

pub(super) async fn list_entries(context: Arc<Context>) -> Result<Answer, FilesError> {
    let call = &context.call;
    let wanted = Wanted {
        prefix: call.parameter("prefix").unwrap_or_default().as_bytes().to_vec(),
        marker: call.parameter("marker").map(str::to_owned),
        max: call.max_results()?,
    };
    blocking(move || {
        let directory = context.tree()?.directory_node(&context.call.path)?;
        let page = list(&directory, &wanted)?;
        let mut document = head(&context, &directory)?;
        let included = included(&context.call);
        document.begin("Entries");
        for (name, about) in &page.entries {
            let attributes =
                included.wants_attributes().then(|| attributes(&directory, name)).flatten();
            describe_entry(&mut document, name, about, &attributes.unwrap_or_default(), &included);
        }
        document.end().text("NextMarker", page.next.unwrap_or_default());
        Ok(Answer::xml(document))
    })
    .await
}

fn head(context: &Context, directory: &Node) -> Result<Document, FilesError> {
    let call = &context.call;
    let path = call.path.join(OsStr::new("/"));
    let plain = path.to_str().filter(|path| xml::is_plain(path));
    let encoded = plain.is_none().then(|| encode(&path));
    let endpoint = call.endpoint();
    let mut attributes =
        vec![("ServiceEndpoint", endpoint.as_str()), ("ShareName", context.share()?)];
    attributes.extend(call.snapshot().map(|snapshot| ("ShareSnapshot", snapshot)));
    if let Some(encoded) = &encoded {
        attributes.extend([("DirectoryPath", encoded.as_str()), ("Encoded", "true")]);
    } else {
        attributes.push(("DirectoryPath", plain.unwrap_or_default()));
    }
    let mut document = Document::new("EnumerationResults", &attributes);
    document.maybe("Marker", call.parameter("marker"));
    match call.parameter("prefix") {
        Some(prefix) if !xml::is_plain(prefix) => {
            document.encoded("Prefix", &encode(OsStr::new(prefix)))
        }
        prefix => document.maybe("Prefix", prefix),
    };
    document.maybe("MaxResults", call.parameter("maxresults"));
    let id = if call.path.is_empty() { 0 } else { directory.about.inode };
    document.text("DirectoryId", id.to_string());
    Ok(document)
}

fn encode(name: &OsStr) -> String {
    percent_encode(name.as_bytes(), NON_ALPHANUMERIC).to_string()
}

fn included(call: &Call) -> Included {
    let asked = call.query.get("include").map(|all| all.join(",").to_ascii_lowercase());
    let words = asked.iter().flat_map(|asked| asked.split(',')).map(|word| word.trim().to_owned());
    let words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
    let more = !words.is_empty() || call.says_true("x-ms-file-extended-info");
    let id = more || call.version().is_ok_and(|version| version >= IDS_SINCE);
    Included { words, id }
}

fn attributes(directory: &Node, name: &OsStr) -> Option<Attributes> {
    let opened = crate::beneath::open(directory, name, rustix::fs::OFlags::PATH).ok()?;
    Some(Attributes::read(&Node::new(opened).ok()?))
}

fn describe_entry(
    document: &mut Document,
    name: &OsStr,
    about: &About,
    attributes: &Attributes,
    included: &Included,
) {
    let is_file = about.kind == Kind::File;
    document.begin(if is_file { "File" } else { "Directory" });
    match name.to_str().filter(|name| xml::is_plain(name)) {
        Some(plain) => document.text("Name", plain),
        None => {
            document.encoded("Name", &percent_encode(name.as_bytes(), NON_ALPHANUMERIC).to_string())
        }
    };
    if included.id {
        document.text("FileId", about.inode.to_string());
    }
    document.begin("Properties");
    if is_file {
        document.text("Content-Length", about.size.to_string());
    }
    if included.has("timestamps") {
        document
            .text("CreationTime", iso(attributes.created.unwrap_or(about.created)))
            .text("LastAccessTime", iso(about.accessed))
            .text("LastWriteTime", iso(about.written))
            .text("ChangeTime", iso(attributes.changed(about)))
            .text("Last-Modified", http_date(about.changed));
    }
    if included.has("etag") {
        document.text("Etag", about.etag());
    }
    document.end();
    if included.has("attributes") {
        document.text("Attributes", flags_of(about.kind, attributes));
    }
    if included.has("permissionkey") {
        document.text("PermissionKey", PERMISSION_KEY);
    }
    document.end();
}
