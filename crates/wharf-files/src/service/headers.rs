//! Headers that describe files and directories, in requests and responses.

use std::{collections::BTreeMap, os::fd::AsFd};

use jiff::Timestamp;

use super::Answer;
use crate::{
    error::{Code, FilesError},
    request::{Call, bad_header},
    times::{http_date, iso, parse_http_date, parse_iso},
    tree::{
        About, Kind, Node,
        attributes::{Attributes, Changed},
        changes::{set_written, sync},
        failed,
    },
};

/// Stands for the permissions of everything: whoever may use the share may do everything.
pub(super) const PERMISSION_KEY: &str = "0*0";
const FLAGS: [&str; 8] = [
    "ReadOnly",
    "Hidden",
    "System",
    "Archive",
    "Temporary",
    "Offline",
    "NotContentIndexed",
    "NoScrubData",
];
/// Properties of content: what a request calls them, and what a response does.
const CONTENT: [(&str, &str); 6] = [
    ("x-ms-content-type", "content-type"),
    ("x-ms-content-encoding", "content-encoding"),
    ("x-ms-content-language", "content-language"),
    ("x-ms-cache-control", "cache-control"),
    ("x-ms-content-disposition", "content-disposition"),
    ("x-ms-content-md5", "content-md5"),
];

/// A property that a request may leave as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice<T> {
    Keep,
    Set(T),
}

impl<T> Choice<T> {
    pub(super) fn or(self, kept: T) -> T {
        match self {
            Self::Keep => kept,
            Self::Set(chosen) => chosen,
        }
    }
}

/// Properties that a request chooses, besides content and metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) flags: Choice<Option<String>>,
    pub(super) created: Choice<Timestamp>,
    pub(super) written: Choice<Timestamp>,
    pub(super) changed: Choice<Timestamp>,
}

impl Chosen {
    pub(super) fn of(call: &Call, now: Timestamp) -> Result<Self, FilesError> {
        check_permission(call)?;
        Ok(Self {
            flags: flags(call)?,
            created: time(call, "x-ms-file-creation-time", now)?,
            written: time(call, "x-ms-file-last-write-time", now)?,
            changed: time(call, "x-ms-file-change-time", now)?,
        })
    }

    /// Whether nothing is chosen.
    pub(super) fn is_empty(&self) -> bool {
        let times = [&self.created, &self.written, &self.changed];
        self.flags == Choice::Keep && times.iter().all(|time| **time == Choice::Keep)
    }

    /// Puts what is chosen among the attributes.
    pub(super) fn put(&self, attributes: &mut Attributes) {
        attributes.flags = self.flags.clone().or(attributes.flags.take());
        if let Choice::Set(created) = self.created {
            attributes.created = Some(created);
        }
        attributes.changed = None;
    }

    /// Sets the chosen times of a node that is otherwise finished.
    pub(super) fn finish(
        &self,
        node: Node,
        attributes: &mut Attributes,
    ) -> Result<Node, FilesError> {
        if let Choice::Set(time) = self.written {
            set_written(&node, time)?;
        }
        let node = node.refreshed().map_err(failed("read"))?;
        if let Choice::Set(chosen) = self.changed {
            attributes.changed = Some(Changed { chosen, written: node.about.written });
            attributes.write(&node)?;
        }
        sync(&node)?;
        node.refreshed().map_err(failed("read"))
    }
}

fn keeps(value: &str) -> bool {
    ["preserve", "inherit", "source"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

fn time(call: &Call, name: &'static str, now: Timestamp) -> Result<Choice<Timestamp>, FilesError> {
    match call.header(name) {
        None => Ok(Choice::Keep),
        Some(value) if keeps(value) => Ok(Choice::Keep),
        Some(value) if value.eq_ignore_ascii_case("now") => Ok(Choice::Set(now)),
        Some(value) => parse_iso(value).map(Choice::Set).ok_or_else(|| bad_header(name)),
    }
}

fn flags(call: &Call) -> Result<Choice<Option<String>>, FilesError> {
    const NAME: &str = "x-ms-file-attributes";
    let Some(text) = call.header(NAME).filter(|text| !keeps(text)) else { return Ok(Choice::Keep) };
    let mut flags = Vec::new();
    for word in text.split('|').map(str::trim) {
        if ["None", "Normal", "Directory"].iter().any(|known| known.eq_ignore_ascii_case(word)) {
            continue;
        }
        let known = FLAGS.iter().find(|flag| flag.eq_ignore_ascii_case(word));
        flags.push(*known.ok_or_else(|| bad_header(NAME))?);
    }
    Ok(Choice::Set((!flags.is_empty()).then(|| flags.join("|"))))
}

/// Refuses what would have to have an effect that it cannot have.
pub(super) fn check_permission(call: &Call) -> Result<(), FilesError> {
    if call.header("x-ms-file-permission").is_some_and(|value| !keeps(value)) {
        let message = "Wharf keeps no permissions of files; send inherit or preserve.";
        return Err(FilesError::because(Code::UnsupportedHeader, message));
    }
    let key = call.header("x-ms-file-permission-key");
    if key.is_some_and(|key| !keeps(key) && key != PERMISSION_KEY) {
        return Err(Code::FileInvalidPermissionKey.into());
    }
    for name in ["x-ms-mode", "x-ms-owner", "x-ms-group", "x-ms-structured-body"] {
        if call.header(name).is_some() {
            let message = format!("Wharf does not know the header {name}.");
            return Err(FilesError::because(Code::UnsupportedHeader, message));
        }
    }
    if call.header("x-ms-lease-id").is_some() {
        return Err(Code::LeaseNotPresentWithFileOperation.into());
    }
    Ok(())
}

/// Properties of content that a request brings.
pub(super) fn content(call: &Call) -> BTreeMap<String, String> {
    let sent = CONTENT.iter().filter_map(|(sent, kept)| {
        call.header(sent).map(|value| ((*kept).to_owned(), value.to_owned()))
    });
    sent.collect()
}

/// What responses about a file or directory say; `parent` is absent for the share's own directory.
pub(super) fn describe(
    answer: Answer,
    node: &Node,
    attributes: &Attributes,
    parent: Option<&impl AsFd>,
) -> Answer {
    let about = &node.about;
    let parent = parent.and_then(|parent| About::of(parent).ok());
    tag(answer, about)
        .header("x-ms-file-attributes", flags_of(about.kind, attributes))
        .header("x-ms-file-creation-time", iso(attributes.created.unwrap_or(about.created)))
        .header("x-ms-file-last-write-time", iso(about.written))
        .header("x-ms-file-change-time", iso(attributes.changed(about)))
        .header("x-ms-file-permission-key", PERMISSION_KEY)
        .header("x-ms-file-id", about.inode.to_string())
        .header("x-ms-file-parent-id", parent.map_or(0, |parent| parent.inode).to_string())
        .header("x-ms-request-server-encrypted", "false")
}

/// Attributes in words.
pub(super) fn flags_of(kind: Kind, attributes: &Attributes) -> String {
    match (kind, &attributes.flags) {
        (Kind::Directory, None) => "Directory".to_owned(),
        (Kind::Directory, Some(flags)) => format!("{flags}|Directory"),
        (_, None) => "Archive".to_owned(),
        (_, Some(flags)) => flags.clone(),
    }
}

/// Which version of a file this is.
pub(super) fn tag(answer: Answer, about: &About) -> Answer {
    answer.header("etag", about.etag()).header("last-modified", http_date(about.changed))
}

/// Metadata as headers.
pub(super) fn metadata(mut answer: Answer, attributes: &Attributes) -> Answer {
    for (name, value) in &attributes.metadata {
        answer = answer.header(&format!("x-ms-meta-{name}"), value);
    }
    answer
}

/// Whether a reader has what it asks for already; refuses if it expected something else.
pub(super) fn is_known(call: &Call, about: &About) -> Result<bool, FilesError> {
    let etag = about.etag();
    let names = |list: &str| {
        list.split(',').any(|one| matches!(one.trim(), tag if tag == "*" || tag == etag))
    };
    let date = |name| call.header(name).and_then(parse_http_date);
    let changed = about.changed.as_second();
    if call.header("if-match").is_some_and(|list| !names(list)) {
        return Err(Code::ConditionNotMet.into());
    }
    if date("if-unmodified-since").is_some_and(|date| changed > date.as_second()) {
        return Err(Code::ConditionNotMet.into());
    }
    if let Some(list) = call.header("if-none-match") {
        return Ok(names(list));
    }
    Ok(date("if-modified-since").is_some_and(|date| changed <= date.as_second()))
}
