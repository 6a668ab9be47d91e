//! What Azure Container Registry tells of repositories, tags and manifests: `/acr/v1/`.

use std::time::SystemTime;

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{
    Call, Service,
    answer::{Answer, begin, document, end},
    blocking,
    content::count,
    route::Part,
    unsupported,
};
use crate::{
    error::RegistryError,
    metadata::{ManifestNote, TagNote, Times},
    names::{Digest, Reference},
    storage::Repository,
};

/// How many entries a list has if nobody says.
const PAGE: usize = 100;

impl Service {
    pub(super) async fn metadata(
        &self,
        repository: Repository,
        call: Call,
        part: Part,
    ) -> Result<Answer, RegistryError> {
        match call.method {
            Method::GET | Method::HEAD => tell(repository, call, part).await,
            Method::DELETE => self.forget(repository, part).await,
            _ => Err(unsupported()),
        }
    }

    async fn forget(&self, repository: Repository, part: Part) -> Result<Answer, RegistryError> {
        let storage = self.storage.clone();
        match part {
            Part::Whole => {
                let removed = blocking(move || repository.delete(&storage)).await?;
                let told = json!({
                    "manifestsDeleted": removed.manifests,
                    "tagsDeleted": removed.tags,
                });
                let mut answer = document("application/json", &told, None)?;
                *answer.status_mut() = StatusCode::ACCEPTED;
                Ok(answer)
            }
            Part::Tag(tag) => {
                let tag = Reference::Tag(tag);
                blocking(move || repository.delete_manifest(&storage, &tag)).await?;
                end(begin(StatusCode::ACCEPTED), Body::empty())
            }
            Part::Tags | Part::Manifests | Part::Manifest(_) => Err(unsupported()),
        }
    }
}

async fn tell(repository: Repository, call: Call, part: Part) -> Result<Answer, RegistryError> {
    let (told, next) = blocking(move || {
        let mut next = None;
        let mut told = json!({ "registry": call.host, "imageName": repository.name });
        match &part {
            Part::Whole => told = whole(&repository, told)?,
            Part::Tag(name) => told["tag"] = tag(&repository.tag_note(name)?),
            Part::Manifest(digest) => {
                let note = repository.manifest_note(digest, &repository.tag_notes()?)?;
                told["manifest"] = manifest(&note);
            }
            Part::Tags => {
                repository.require_manifests()?;
                let mut notes = repository.tag_notes()?;
                if let Some(wanted) = call.query.get("digest").filter(|text| !text.is_empty()) {
                    let wanted = Digest::parse(wanted)?;
                    notes.retain(|note| note.digest == wanted);
                }
                let key = |note: &TagNote| (note.name.clone(), note.times.updated);
                let (page, link) = page(&call, notes, key)?;
                next = link.map(|query| format!("/acr/v1/{}/_tags?{query}", repository.name));
                told["tags"] = page.iter().map(tag).collect();
            }
            Part::Manifests => {
                repository.require_manifests()?;
                // Only those that are told of are read.
                let all = repository.manifest_times()?;
                let key = |(digest, at): &(Digest, SystemTime)| (digest.to_string(), *at);
                let (page, link) = page(&call, all, key)?;
                next = link.map(|query| format!("/acr/v1/{}/_manifests?{query}", repository.name));
                let notes = repository.manifest_notes(page.iter().map(|(digest, _)| digest))?;
                told["manifests"] = notes.iter().map(manifest).collect();
            }
        }
        Ok((told, next))
    })
    .await?;
    document("application/json", &told, next)
}

fn whole(repository: &Repository, mut told: Value) -> Result<Value, RegistryError> {
    with_times(&mut told, repository.times()?);
    told["manifestCount"] = json!(repository.digests()?.len());
    told["tagCount"] = json!(repository.tags()?.len());
    told["changeableAttributes"] = open_to_change();
    Ok(told)
}

fn tag(note: &TagNote) -> Value {
    let mut told = json!({ "name": note.name, "digest": note.digest.to_string() });
    with_times(&mut told, note.times);
    told["signed"] = json!(false);
    told["changeableAttributes"] = open_to_change();
    told
}

fn manifest(note: &ManifestNote) -> Value {
    let mut told = json!({ "digest": note.digest.to_string() });
    with_times(&mut told, note.times);
    for (name, value) in note.about.as_object().into_iter().flatten() {
        told[name] = value.clone();
    }
    if !note.tags.is_empty() {
        told["tags"] = json!(note.tags);
    }
    told["changeableAttributes"] = open_to_change();
    told
}

/// Nothing can be locked.
fn open_to_change() -> Value {
    json!({ "deleteEnabled": true, "writeEnabled": true, "readEnabled": true, "listEnabled": true })
}

fn with_times(told: &mut Value, times: Times) {
    told["createdTime"] = json!(time(times.created));
    told["lastUpdateTime"] = json!(time(times.updated));
}

/// As Azure writes it, with ten millionths of a second.
fn time(at: SystemTime) -> String {
    let at = jiff::Timestamp::try_from(at).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%S.%7fZ").to_string()
}

/// The part of a list that is asked for, in the order that is asked for, and the query of the next.
fn page<T>(
    call: &Call,
    mut notes: Vec<T>,
    key: impl Fn(&T) -> (String, SystemTime),
) -> Result<(Vec<T>, Option<String>), RegistryError> {
    let order = call.query.get("orderby").map_or("", String::as_str);
    match order {
        "timedesc" => notes.sort_by_key(|note| std::cmp::Reverse(key(note).1)),
        "timeasc" => notes.sort_by_key(|note| key(note).1),
        _ => notes.sort_by_key(|note| key(note).0),
    }
    if let Some(last) = call.query.get("last").filter(|last| !last.is_empty()) {
        let at = notes.iter().position(|note| key(note).0 == *last);
        let by_name = || notes.iter().position(|note| key(note).0 > *last).unwrap_or(notes.len());
        notes.drain(..at.map_or_else(by_name, |at| at + 1));
    }
    let count = count(call, PAGE)?;
    let is_more = notes.len() > count;
    notes.truncate(count);
    let next = notes.last().filter(|_| is_more).map(|last| {
        let last = utf8_percent_encode(&key(last).0, NON_ALPHANUMERIC).to_string();
        format!("last={last}&n={count}&orderby={order}")
    });
    Ok((notes, next))
}
