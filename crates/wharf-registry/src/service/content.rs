//! Manifests, tags, repositories.

use axum::{
    body::{Body, to_bytes},
    http::{Method, StatusCode, header},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::{
    Call, Service,
    answer::{Answer, DIGEST, begin, created, document, end},
    blocking,
    route::Place,
    unsupported,
};
use crate::{
    error::{Code, RegistryError},
    manifests::MANIFEST_MAX,
    names::{Digest, Reference},
    storage::Repository,
};

/// The media type of lists of referrers.
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// How many names a list has if nobody says.
const PAGE: usize = 1000;

/// Tells that there is a registry here.
pub(super) fn base(method: &Method) -> Result<Answer, RegistryError> {
    match *method {
        Method::GET | Method::HEAD => document("application/json", &json!({}), None),
        _ => Err(unsupported()),
    }
}

/// The answer to somebody who is known and means no registry in particular.
pub(super) fn homeless(place: &Place, method: &Method) -> Result<Answer, RegistryError> {
    match place {
        Place::Base => base(method),
        _ => Err(RegistryError::because(Code::NameUnknown, "No registry is named.")),
    }
}

impl Service {
    pub(super) async fn catalog(&self, call: Call) -> Result<Answer, RegistryError> {
        let (storage, registry) = (self.storage.clone(), call.registry.clone());
        let mut names = blocking(move || storage.repositories(&registry)).await?;
        for name in &mut names {
            name.insert_str(0, &call.prefix);
        }
        let (page, next) = page(&call, names, &format!("/v2/{}_catalog", call.prefix))?;
        document("application/json", &json!({ "repositories": page }), next)
    }

    pub(super) async fn tags(
        &self,
        repository: Repository,
        call: Call,
    ) -> Result<Answer, RegistryError> {
        let path = call.location(&repository, "tags/list");
        let name = format!("{}{}", call.prefix, repository.name);
        let tags = blocking(move || {
            repository.require_manifests()?;
            repository.tags()
        });
        let (page, next) = page(&call, tags.await?, &path)?;
        document("application/json", &json!({ "name": name, "tags": page }), next)
    }

    pub(super) async fn referrers(
        &self,
        repository: Repository,
        call: Call,
        digest: Digest,
    ) -> Result<Answer, RegistryError> {
        if !matches!(call.method, Method::GET | Method::HEAD) {
            return Err(unsupported());
        }
        let mut found = blocking(move || repository.referrers(&digest)).await?;
        let wanted = call.query.get("artifactType").filter(|wanted| !wanted.is_empty());
        if let Some(wanted) = wanted {
            found.retain(|descriptor| descriptor["artifactType"] == **wanted);
        }
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": found });
        let mut answer = document(INDEX, &index, None)?;
        if wanted.is_some() {
            let applied = header::HeaderValue::from_static("artifactType");
            answer.headers_mut().insert("oci-filters-applied", applied);
        }
        Ok(answer)
    }

    pub(super) async fn manifest(
        &self,
        repository: Repository,
        call: Call,
        reference: Reference,
        body: Body,
    ) -> Result<Answer, RegistryError> {
        let storage = self.storage.clone();
        match call.method {
            Method::GET | Method::HEAD => {
                let is_pull = call.method == Method::GET;
                let found = blocking(move || {
                    let found = repository.manifest(&reference)?;
                    if is_pull {
                        repository.renew_parts(&storage, &found.bytes)?;
                    }
                    Ok(found)
                })
                .await?;
                let answer = begin(StatusCode::OK)
                    .header(header::CONTENT_TYPE, found.media_type)
                    .header(header::CONTENT_LENGTH, found.bytes.len())
                    .header(header::ETAG, format!("\"{}\"", found.digest))
                    .header(DIGEST, found.digest.to_string());
                end(answer, Body::from(found.bytes))
            }
            Method::PUT => self.put(repository, call, reference, body).await,
            Method::DELETE => {
                blocking(move || repository.delete_manifest(&storage, &reference)).await?;
                end(begin(StatusCode::ACCEPTED), Body::empty())
            }
            _ => Err(unsupported()),
        }
    }

    async fn put(
        &self,
        repository: Repository,
        call: Call,
        reference: Reference,
        body: Body,
    ) -> Result<Answer, RegistryError> {
        let too_large = |_| {
            let message = format!("A manifest has at most {MANIFEST_MAX} bytes, and all of them.");
            RegistryError::because(Code::ManifestTooLarge, message)
        };
        let bytes = to_bytes(body, MANIFEST_MAX).await.map_err(too_large)?;
        let media_type = call
            .header("content-type")
            .map(|kind| kind.split(';').next().unwrap_or_default().trim().to_owned());
        let (storage, target) = (self.storage.clone(), repository.clone());
        let pushed = blocking(move || {
            target.put_manifest(&storage, &reference, media_type.as_deref(), &bytes)
        })
        .await?;
        let place = call.location(&repository, &format!("manifests/{}", pushed.digest));
        let mut answer = created(place, &pushed.digest)?;
        if let Some(Ok(subject)) = pushed.subject.map(|subject| subject.parse()) {
            answer.headers_mut().insert("oci-subject", subject);
        }
        Ok(answer)
    }
}

/// The part of a list that is asked for, and where the next one is.
fn page(
    call: &Call,
    mut names: Vec<String>,
    path: &str,
) -> Result<(Vec<String>, Option<String>), RegistryError> {
    if !matches!(call.method, Method::GET | Method::HEAD) {
        return Err(unsupported());
    }
    let count = count(call, PAGE)?;
    if let Some(last) = call.query.get("last") {
        names.retain(|name| name > last);
    }
    let is_more = names.len() > count;
    names.truncate(count);
    let next = names.last().filter(|_| is_more).map(|last| {
        format!("{path}?last={}&n={count}", utf8_percent_encode(last, NON_ALPHANUMERIC))
    });
    Ok((names, next))
}

/// How many entries a list may have.
pub(super) fn count(call: &Call, most: usize) -> Result<usize, RegistryError> {
    let invalid = |_| RegistryError::because(Code::RequestInvalid, "n is a number.");
    let wanted = call.query.get("n").map(|n| n.parse::<usize>()).transpose().map_err(invalid)?;
    Ok(wanted.unwrap_or(most).min(most))
}
