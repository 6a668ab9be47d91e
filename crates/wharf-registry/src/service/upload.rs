//! Blobs on their way in.

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use uuid::Uuid;

use super::{
    Call, Service,
    answer::{Answer, begin, created, end, range},
    blob::chunk,
    blocking, unsupported,
};
use crate::{
    error::{Code, RegistryError},
    names::Digest,
    storage::Repository,
    uploads::{Held, append},
};

impl Service {
    /// Begins an upload, or takes a whole blob at once, or one of another repository.
    pub(super) async fn begin(
        &self,
        repository: Repository,
        call: Call,
        body: Body,
    ) -> Result<Answer, RegistryError> {
        if call.method != Method::POST {
            return Err(unsupported());
        }
        if let Some(answer) = self.mount(&repository, &call).await? {
            return Ok(answer);
        }
        let digest = call.query.get("digest").map(|text| Digest::parse(text)).transpose()?;
        let (uploads, wanted) = (self.uploads.clone(), repository.clone());
        let storage = self.storage.clone();
        let id = blocking(move || uploads.begin(&storage, &wanted)).await?;
        let Some(digest) = digest else {
            return under_way(StatusCode::ACCEPTED, &repository, &call, id, 0);
        };
        let held = self.uploads.hold(&repository, id).await?;
        match append(held, body).await {
            Ok(held) => self.finish(held, repository, &call, digest).await,
            Err(error) => {
                let held = self.uploads.hold(&repository, id).await?;
                let uploads = self.uploads.clone();
                blocking(move || uploads.cancel(held)).await?;
                Err(error)
            }
        }
    }

    async fn mount(
        &self,
        repository: &Repository,
        call: &Call,
    ) -> Result<Option<Answer>, RegistryError> {
        let (Some(digest), Some(from)) = (call.query.get("mount"), call.query.get("from")) else {
            return Ok(None);
        };
        let digest = Digest::parse(digest)?;
        let from = from.strip_prefix(call.prefix.as_str()).unwrap_or(from);
        // From a name that cannot be there is nothing to be had, nor from one that is not theirs.
        let Ok(from) = self.of(call, from) else { return Ok(None) };
        if !Self::may_pull(&call.caller, &call.registry, &call.rights, &from.name) {
            return Ok(None);
        }
        let (target, wanted, storage) = (repository.clone(), digest.clone(), self.storage.clone());
        if blocking(move || target.mount(&storage, &from, &wanted)).await? {
            let place = call.location(repository, &format!("blobs/{digest}"));
            return created(place, &digest).map(Some);
        }
        Ok(None)
    }

    /// Goes on with an upload, or ends it.
    pub(super) async fn go_on(
        &self,
        repository: Repository,
        call: Call,
        id: Uuid,
        body: Body,
    ) -> Result<Answer, RegistryError> {
        let held = self.uploads.hold(&repository, id).await?;
        match call.method {
            Method::GET | Method::HEAD => {
                under_way(StatusCode::NO_CONTENT, &repository, &call, id, held.size())
            }
            Method::PATCH => {
                check_order(&held, &repository, &call, id)?;
                let held = append(held, body).await?;
                under_way(StatusCode::ACCEPTED, &repository, &call, id, held.size())
            }
            Method::PUT => {
                let missing = || {
                    let message = "The digest of the whole is required.";
                    RegistryError::because(Code::DigestInvalid, message)
                };
                let digest = Digest::parse(call.query.get("digest").ok_or_else(missing)?)?;
                check_order(&held, &repository, &call, id)?;
                let held = append(held, body).await?;
                self.finish(held, repository, &call, digest).await
            }
            Method::DELETE => {
                let uploads = self.uploads.clone();
                blocking(move || uploads.cancel(held)).await?;
                end(begin(StatusCode::NO_CONTENT), Body::empty())
            }
            _ => Err(unsupported()),
        }
    }

    async fn finish(
        &self,
        held: Held,
        repository: Repository,
        call: &Call,
        digest: Digest,
    ) -> Result<Answer, RegistryError> {
        let place = call.location(&repository, &format!("blobs/{digest}"));
        let (uploads, wanted, storage) =
            (self.uploads.clone(), digest.clone(), self.storage.clone());
        blocking(move || uploads.finish(held, (&storage, &repository), &wanted)).await?;
        created(place, &digest)
    }
}

/// A chunk has to begin where the one before it ended.
fn check_order(
    held: &Held,
    repository: &Repository,
    call: &Call,
    id: Uuid,
) -> Result<(), RegistryError> {
    let Some(given) = call.header("content-range") else { return Ok(()) };
    let size = held.size();
    if chunk(given)?.0 == size {
        return Ok(());
    }
    let location = call.location(repository, &format!("blobs/uploads/{id}"));
    Err(RegistryError::OutOfOrder { size, location })
}

fn under_way(
    status: StatusCode,
    repository: &Repository,
    call: &Call,
    id: Uuid,
    size: u64,
) -> Result<Answer, RegistryError> {
    let answer = begin(status)
        .header(header::LOCATION, call.location(repository, &format!("blobs/uploads/{id}")))
        .header(header::RANGE, range(size))
        .header("docker-upload-uuid", id.to_string());
    end(answer, Body::empty())
}
