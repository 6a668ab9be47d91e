//! Blobs that are there.

use std::io::SeekFrom;

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncSeekExt as _},
};
use tokio_util::io::ReaderStream;

use super::{
    Call, Service,
    answer::{Answer, DIGEST, begin, end},
    blocking, unsupported,
};
use crate::{
    error::{Code, RegistryError},
    names::Digest,
    storage::{Repository, unknown_blob},
};

/// How much is read at once.
const BUFFER: usize = 256 << 10;

impl Service {
    pub(super) async fn blob(
        &self,
        repository: Repository,
        call: Call,
        digest: Digest,
    ) -> Result<Answer, RegistryError> {
        match call.method {
            Method::GET => send(&repository, &call, &digest).await,
            Method::HEAD => {
                // Who asks whether it is there may count on it.
                let (storage, at, wanted) =
                    (self.storage.clone(), repository.clone(), digest.clone());
                blocking(move || {
                    let _changing = storage.lock();
                    at.renew(&wanted)
                })
                .await?;
                send(&repository, &call, &digest).await
            }
            Method::DELETE => {
                let storage = self.storage.clone();
                blocking(move || {
                    let _changing = storage.lock();
                    repository.delete_blob(&digest)
                })
                .await?;
                end(begin(StatusCode::ACCEPTED), Body::empty())
            }
            _ => Err(unsupported()),
        }
    }
}

async fn send(
    repository: &Repository,
    call: &Call,
    digest: &Digest,
) -> Result<Answer, RegistryError> {
    let path = repository.blob(digest);
    let failed = |error| RegistryError::file("read", &path)(error);
    let mut file = match File::open(&path).await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(unknown_blob(digest));
        }
        opened => opened.map_err(failed)?,
    };
    let size = file.metadata().await.map_err(failed)?.len();
    let answer = |status| {
        begin(status)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::ACCEPT_RANGES, "bytes")
            .header(header::ETAG, format!("\"{digest}\""))
            .header(DIGEST, digest.to_string())
    };
    let wanted = call.header("range").map_or(Part::Whole, |range| part(range, size));
    let (answer, count) = match wanted {
        Part::Whole => (answer(StatusCode::OK), size),
        Part::Outside => {
            let refused = answer(StatusCode::RANGE_NOT_SATISFIABLE);
            let refused = refused.header(header::CONTENT_RANGE, format!("bytes */{size}"));
            return end(refused, Body::empty());
        }
        Part::Between(first, last) => {
            file.seek(SeekFrom::Start(first)).await.map_err(failed)?;
            let range = format!("bytes {first}-{last}/{size}");
            let answer = answer(StatusCode::PARTIAL_CONTENT);
            (answer.header(header::CONTENT_RANGE, range), last - first + 1)
        }
    };
    let body = if call.method == Method::HEAD {
        Body::empty()
    } else {
        Body::from_stream(ReaderStream::with_capacity(file.take(count), BUFFER))
    };
    end(answer.header(header::CONTENT_LENGTH, count), body)
}

/// What of a blob is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// All of it: what was sent is no single range.
    Whole,
    /// From this byte to that one.
    Between(u64, u64),
    /// Nothing that there is.
    Outside,
}

fn part(range: &str, size: u64) -> Part {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'))
    else {
        return Part::Whole;
    };
    let number = |text: &str| text.parse::<u64>().ok();
    let (first, last) = match (number(first), number(last)) {
        (Some(first), None) if last.is_empty() => (first, u64::MAX),
        (Some(first), Some(last)) if first <= last => (first, last),
        (None, Some(0)) if first.is_empty() => return Part::Outside,
        (None, Some(count)) if first.is_empty() => (size.saturating_sub(count), u64::MAX),
        _ => return Part::Whole,
    };
    match size.checked_sub(1) {
        Some(end) if first <= end => Part::Between(first, last.min(end)),
        _ => Part::Outside,
    }
}

/// Where a chunk of an upload begins and ends.
pub(super) fn chunk(range: &str) -> Result<(u64, u64), RegistryError> {
    let range = range.strip_prefix("bytes ").unwrap_or(range);
    let range = range.split_once('/').map_or(range, |(range, _)| range);
    let parts = range.split_once('-');
    let parsed = parts.and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
    parsed.filter(|(first, last)| first <= last).ok_or_else(|| {
        RegistryError::because(Code::BlobUploadInvalid, "Content-Range is not of the form 0-9.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_what_is_there() {
        assert_eq!(part("bytes=0-", 10), Part::Between(0, 9));
        assert_eq!(part("bytes=3-99", 10), Part::Between(3, 9));
        assert_eq!(part("bytes=-4", 10), Part::Between(6, 9));
        assert_eq!(part("bytes=10-", 10), Part::Outside);
        assert_eq!(part("bytes=0-", 0), Part::Outside);
        assert_eq!(part("bytes=5-2", 10), Part::Whole);
        assert_eq!(part("lines=1-2", 10), Part::Whole);
        assert!(chunk("0-9").is_ok() && chunk("bytes 5-9/10").is_ok());
        assert!(chunk("9-0").is_err() && chunk("x").is_err());
    }
}
