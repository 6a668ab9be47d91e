//! Responses: what all of them have, and how errors look.

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, SERVER, WWW_AUTHENTICATE},
        request::Parts,
    },
};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    error::{Code, FilesError},
    times::{http_date, iso},
    xml::Document,
};

const NAME: &str = "Wharf-File/1.0";
const CLIENT_REQUEST_ID_MAX: usize = 1024;

/// What an operation answers.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
}

impl Answer {
    pub(crate) fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Body::empty() }
    }

    pub(crate) fn ok() -> Self {
        Self::new(StatusCode::OK)
    }

    pub(crate) fn created() -> Self {
        Self::new(StatusCode::CREATED)
    }

    pub(crate) fn accepted() -> Self {
        Self::new(StatusCode::ACCEPTED)
    }

    /// What a condition of a reader's says it knows already.
    pub(crate) fn not_modified() -> Self {
        let answer = Self::new(StatusCode::NOT_MODIFIED);
        answer.header("x-ms-error-code", Code::ConditionNotMet.name())
    }

    pub(crate) fn partial() -> Self {
        Self::new(StatusCode::PARTIAL_CONTENT)
    }

    /// A document.
    pub(crate) fn xml(document: Document) -> Self {
        let answer = Self::ok().header("content-type", "application/xml");
        answer.body(document.finish().into())
    }

    /// Adds a header; what cannot be one is left out.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_str(value.as_ref());
        if let (Ok(name), Ok(value)) = (name, value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Adds a header if there is something to say.
    pub(crate) fn maybe(self, name: &str, value: Option<impl AsRef<str>>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// Takes a header away.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    pub(crate) fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }
}

/// A response before its answer is known.
#[derive(Debug)]
pub(crate) struct Reply {
    headers: HeaderMap,
    id: Uuid,
    now: Timestamp,
    head: bool,
}

impl Reply {
    pub(crate) fn begin(parts: &Parts, now: Timestamp) -> Self {
        let id = Uuid::new_v4();
        let mut headers = HeaderMap::new();
        headers.insert(SERVER, HeaderValue::from_static(NAME));
        let mut put = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        put(DATE.as_str(), &http_date(now));
        put("x-ms-request-id", &id.to_string());
        for name in ["x-ms-version", "x-ms-client-request-id"] {
            let sent = parts.headers.get(name).and_then(|value| value.to_str().ok());
            if let Some(value) = sent.filter(|value| value.len() <= CLIENT_REQUEST_ID_MAX) {
                put(name, value);
            }
        }
        Self { headers, id, now, head: parts.method == Method::HEAD }
    }

    pub(crate) fn send(self, answer: Answer) -> Response<Body> {
        let mut response = Response::new(answer.body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = self.headers;
        response.headers_mut().extend(answer.headers);
        response
    }

    pub(crate) fn refuse(self, error: &FilesError) -> Response<Body> {
        let code = error.code();
        let (message, detail) = match error {
            FilesError::Refused { message, detail, .. } => (message.as_ref(), detail.as_deref()),
            FilesError::Source { .. } => (code.message(), None),
            FilesError::File { .. } => {
                tracing::error!(error = error as &dyn std::error::Error, "a file request failed");
                (code.message(), None)
            }
        };
        let status = StatusCode::from_u16(code.status()).unwrap_or_default();
        let mut answer = Answer::new(status).header("x-ms-error-code", code.name());
        if let FilesError::Source { source } = error {
            answer = answer
                .header("x-ms-copy-source-error-code", source.code().name())
                .header("x-ms-copy-source-status-code", source.code().status().to_string());
        }
        if code.status() == 401 {
            answer.headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("SharedKey"));
        }
        if self.head {
            answer.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
            return self.send(answer);
        }
        let mut document = Document::new("Error", &[]);
        let (id, time) = (self.id, iso(self.now));
        document.text("Code", code.name());
        document.text("Message", format!("{message}\nRequestId:{id}\nTime:{time}"));
        document.maybe("AuthenticationErrorDetail", detail);
        answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        self.send(answer.body(document.finish().into()))
    }
}
