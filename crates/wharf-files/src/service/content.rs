//! The bytes of files: read, written, cleared, listed.

use std::{fs::File, io, os::unix::fs::FileExt as _, sync::Arc};

use axum::body::{Body, to_bytes};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::stream::{self, Stream};
use md5::{Digest as _, Md5};
use rustix::fs::OFlags;

use super::{
    Answer, Context, blocking,
    directory::above,
    file::full,
    headers::{check_permission, describe, is_known, tag},
    source::Source,
};
use crate::{
    auth::Grant,
    error::{Code, FilesError},
    request::{Call, bad_header},
    times::iso,
    tree::{
        About, Node,
        attributes::Attributes,
        changes::set_written,
        content::{self, Span},
        failed,
    },
    xml::Document,
};

/// Bytes that one request may bring, or ask the checksum of.
pub(super) const RANGE_MAX: usize = 4 << 20;
/// Bytes that are read at once.
const PART: u64 = 512 << 10;

/// The bytes that a request is about. Without an end: until that of the file.
fn asked(call: &Call) -> Result<Option<(u64, Option<u64>)>, FilesError> {
    let (name, text) = match (call.header("x-ms-range"), call.header("range")) {
        (Some(text), _) => ("x-ms-range", text),
        (None, Some(text)) => ("range", text),
        (None, None) => return Ok(None),
    };
    parse_range(text).map(Some).ok_or_else(|| bad_header(name))
}

pub(super) fn parse_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let first = first.parse().ok()?;
    let last = if last.is_empty() { None } else { Some(last.parse().ok()?) };
    if last.is_some_and(|last| last < first) { None } else { Some((first, last)) }
}

/// Refuses bytes that do not have the checksum that they should; returns that.
pub(super) fn verify_md5(call: &Call, bytes: &[u8]) -> Result<String, FilesError> {
    let sum = STANDARD.encode(Md5::digest(bytes));
    match call.header("content-md5") {
        Some(sent) if STANDARD.decode(sent).map_or(0, |sent| sent.len()) != 16 => {
            Err(Code::InvalidMd5.into())
        }
        Some(sent) if sent != sum => Err(Code::Md5Mismatch.into()),
        _ => Ok(sum),
    }
}

pub(super) async fn get(context: Arc<Context>) -> Result<Answer, FilesError> {
    blocking(move || {
        let call = &context.call;
        check_permission(call)?;
        let place = context.tree()?.file(&call.path)?;
        let node = place.node.ok_or(Code::ResourceNotFound)?;
        if is_known(call, &node.about)? {
            return Ok(tag(Answer::not_modified(), &node.about));
        }
        let file = node.open(OFlags::RDONLY).map_err(failed("open"))?;
        let node = node.refreshed().map_err(failed("read"))?;
        let size = node.about.size;
        let wanted = asked(call)?;
        let span = span(wanted, size)?;
        let attributes = Attributes::read(&node);
        let parent = above(&context, &place.parent);
        let partial = wanted.is_some();
        let answer = if partial { Answer::partial() } else { Answer::ok() };
        let answer = full(describe(answer, &node, &attributes, parent), &node, &attributes);
        let answer = answer.header("accept-ranges", "bytes");
        let answer =
            if partial { range_headers(answer, call, &node, &attributes, span)? } else { answer };
        let answer = override_headers(answer, &context.grant);
        let length = span.map_or(0, Span::len);
        Ok(answer.header("content-length", length.to_string()).body(body(file, span)))
    })
    .await
}

fn body(file: File, span: Option<Span>) -> Body {
    span.map_or_else(Body::empty, |span| Body::from_stream(parts(Arc::new(file), span)))
}

/// What is there of the bytes that are wanted; nothing of an empty file that is wanted as a whole.
fn span(wanted: Option<(u64, Option<u64>)>, size: u64) -> Result<Option<Span>, FilesError> {
    let Some((first, last)) = wanted else {
        return Ok(size.checked_sub(1).map(|last| Span { first: 0, last }));
    };
    if first >= size {
        return Err(Code::InvalidRange.into());
    }
    Ok(Some(Span { first, last: last.unwrap_or(u64::MAX).min(size - 1) }))
}

fn range_headers(
    answer: Answer,
    call: &Call,
    node: &Node,
    attributes: &Attributes,
    span: Option<Span>,
) -> Result<Answer, FilesError> {
    let Some(span) = span else { return Ok(answer) };
    let range = format!("bytes {}-{}/{}", span.first, span.last, node.about.size);
    let answer = answer.header("content-range", range);
    let whole = attributes.content.get("content-md5");
    let answer = answer.maybe("x-ms-content-md5", whole).without("content-md5");
    if !call.says_true("x-ms-range-get-content-md5") {
        return Ok(answer);
    }
    if span.len() > RANGE_MAX as u64 {
        return Err(Code::OutOfRangeInput.into());
    }
    let sum = Md5::digest(content::read(node, span)?);
    Ok(answer.header("content-md5", STANDARD.encode(sum)))
}

fn override_headers(mut answer: Answer, grant: &Grant) -> Answer {
    if let Grant::Signed(scope) = grant {
        for (name, value) in &scope.overrides.0 {
            answer = answer.header(name, value);
        }
    }
    answer
}

/// Reads a file part by part as the client takes it.
fn parts(file: Arc<File>, span: Span) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold(span.first, move |at| {
        let file = Arc::clone(&file);
        async move {
            if at > span.last {
                return Ok(None);
            }
            let length = (span.last - at + 1).min(PART);
            let read = tokio::task::spawn_blocking(move || read_part(&file, at, length)).await;
            let bytes = read.map_err(io::Error::other)??;
            Ok(Some((bytes, at + length)))
        }
    })
}

fn read_part(file: &File, at: u64, length: u64) -> io::Result<Bytes> {
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes.into())
}

/// Put Range: bytes that the request brings, or takes from another file, or that become zero.
pub(super) async fn put_range(context: Arc<Context>, body: Body) -> Result<Answer, FilesError> {
    let call = &context.call;
    check_permission(call)?;
    let (first, last) = asked(call)?.ok_or(Code::MissingRequiredHeader)?;
    let last = last.ok_or_else(|| bad_header("x-ms-range"))?;
    let span = Span { first, last };
    let clear = match call.required("x-ms-write")?.to_ascii_lowercase().as_str() {
        "update" => false,
        "clear" => true,
        _ => return Err(bad_header("x-ms-write")),
    };
    if clear {
        return blocking(move || finish_write(&context, None, |node| content::clear(node, span)))
            .await;
    }
    if span.len() > RANGE_MAX as u64 {
        return Err(Code::RequestBodyTooLarge.into());
    }
    let source = call.header("x-ms-copy-source").map(str::to_owned);
    let bytes = match source {
        Some(source) => read_source(Arc::clone(&context), source).await?,
        None => to_bytes(body, RANGE_MAX).await.map_err(|_| Code::RequestBodyTooLarge)?,
    };
    if bytes.len() as u64 != span.len() {
        return Err(bad_header("content-length"));
    }
    blocking(move || {
        let sum = verify_md5(&context.call, &bytes)?;
        context.reserve(span.len())?;
        finish_write(&context, Some(sum), |node| content::write(node, first, &bytes))
    })
    .await
}

fn finish_write(
    context: &Context,
    sum: Option<String>,
    write: impl FnOnce(&Node) -> Result<(), FilesError>,
) -> Result<Answer, FilesError> {
    let place = context.tree()?.file(&context.call.path)?;
    let node = place.node.ok_or(Code::ResourceNotFound)?;
    write(&node)?;
    let time = context.call.header("x-ms-file-last-write-time");
    if time.is_some_and(|time| time.eq_ignore_ascii_case("preserve")) {
        set_written(&node, node.about.written)?;
    }
    let about = About::of(&node).map_err(failed("read"))?;
    Ok(tag(Answer::created(), &about)
        .maybe("content-md5", sum)
        .header("x-ms-file-last-write-time", iso(about.written))
        .header("x-ms-request-server-encrypted", "false"))
}

async fn read_source(context: Arc<Context>, source: String) -> Result<Bytes, FilesError> {
    blocking(move || {
        let source = Source::find_signed(&context, &source)?;
        let node = source.file(&context)?;
        let range = context.call.required("x-ms-source-range")?;
        let (first, last) = parse_range(range).ok_or_else(|| bad_header("x-ms-source-range"))?;
        let span = Span { first, last: last.ok_or_else(|| bad_header("x-ms-source-range"))? };
        if span.len() > RANGE_MAX as u64 {
            return Err(Code::RequestBodyTooLarge.into());
        }
        content::read(&node, span).map(Bytes::from)
    })
    .await
}

pub(super) async fn list_ranges(context: Arc<Context>) -> Result<Answer, FilesError> {
    blocking(move || {
        let call = &context.call;
        check_permission(call)?;
        if call.parameter("prevsharesnapshot").is_some() {
            let message = "Wharf does not tell what has changed since a snapshot.";
            return Err(FilesError::because(Code::NotImplemented, message));
        }
        let place = context.tree()?.file(&call.path)?;
        let node = place.node.ok_or(Code::ResourceNotFound)?;
        let size = node.about.size;
        let mut document = Document::new("Ranges", &[]);
        let wanted = asked(call)?;
        let span =
            if wanted.is_some_and(|(first, _)| first >= size) { None } else { span(wanted, size)? };
        let all = span.map_or_else(|| Ok(Vec::new()), |span| content::ranges(&node, span))?;
        let max = call.parameter("maxresults").map(|_| call.max_results()).transpose()?;
        let max = max.unwrap_or(usize::MAX);
        let marker = call.parameter("marker").unwrap_or("0");
        let marker: u64 = marker.parse().map_err(|_| Code::OutOfRangeQueryParameterValue)?;
        let mut later = all.iter().filter(|range| range.first >= marker);
        for range in later.by_ref().take(max) {
            document.begin("Range");
            document
                .text("Start", range.first.to_string())
                .text("End", range.last.to_string())
                .end();
        }
        if let Some(next) = later.next() {
            document.text("NextMarker", next.first.to_string());
        }
        let answer = tag(Answer::xml(document), &node.about);
        Ok(answer.header("x-ms-content-length", size.to_string()))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::{Span, parse_range, span};
    use crate::error::Code;

    #[test]
    fn ranges_are_read_as_http_has_them() {
        assert_eq!(parse_range("bytes=0-9"), Some((0, Some(9))));
        assert_eq!(parse_range("bytes=5-"), Some((5, None)));
        for bad in
            ["", "bytes=", "bytes=-5", "bytes=9-0", "items=0-9", "bytes=a-b", "bytes=0-9,11-12"]
        {
            assert_eq!(parse_range(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_range_ends_with_the_file() {
        assert_eq!(span(None, 0).unwrap(), None);
        assert_eq!(span(None, 10).unwrap(), Some(Span { first: 0, last: 9 }));
        assert_eq!(span(Some((5, None)), 10).unwrap(), Some(Span { first: 5, last: 9 }));
        assert_eq!(span(Some((5, Some(100))), 10).unwrap(), Some(Span { first: 5, last: 9 }));
        for size in [0, 10] {
            assert_eq!(span(Some((10, None)), size).unwrap_err().code(), Code::InvalidRange);
        }
    }
}
