//! The properties of an account's file service: kept and told, without effect.

use std::{collections::BTreeMap, sync::Arc};

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use quick_xml::{Reader, events::Event};

use super::{Answer, Context, blocking};
use crate::{
    error::{Code, FilesError},
    xml::Document,
};

const DOCUMENT_MAX: usize = 64 << 10;
const CORS_RULES_MAX: usize = 5;
const ROOT: &str = "StorageServiceProperties";
const METRICS: &str = "<Version>1.0</Version><Enabled>false</Enabled>\
                       <RetentionPolicy><Enabled>false</Enabled></RetentionPolicy>";

/// What is said about one part of the service, as XML.
pub(crate) type Parts = BTreeMap<String, String>;

pub(super) async fn get(context: Arc<Context>) -> Result<Answer, FilesError> {
    let kept = blocking(move || context.shares.service_properties(&context.account.name)).await?;
    let mut parts = Parts::from([
        ("HourMetrics".to_owned(), METRICS.to_owned()),
        ("MinuteMetrics".to_owned(), METRICS.to_owned()),
        ("Cors".to_owned(), String::new()),
    ]);
    parts.extend(kept);
    let mut document = Document::new(ROOT, &[]);
    for (name, inner) in &parts {
        document.raw(&format!("<{name}>{inner}</{name}>"));
    }
    Ok(Answer::xml(document))
}

/// What is not in the document stays as it was.
pub(super) async fn set(context: Arc<Context>, body: Body) -> Result<Answer, FilesError> {
    let parts = parts(&read_document(body).await?)?;
    blocking(move || {
        let mut kept = context.shares.service_properties(&context.account.name)?;
        kept.extend(parts);
        context.shares.set_service_properties(&context.account.name, &kept)
    })
    .await?;
    Ok(Answer::accepted())
}

/// Reads a small document.
pub(super) async fn read_document(body: Body) -> Result<Bytes, FilesError> {
    to_bytes(body, DOCUMENT_MAX).await.map_err(|_| Code::RequestBodyTooLarge.into())
}

fn parts(text: &[u8]) -> Result<Parts, FilesError> {
    let wrong = || FilesError::from(Code::InvalidXmlDocument);
    let text = std::str::from_utf8(text).map_err(|_| wrong())?.trim_start_matches('\u{feff}');
    let mut reader = Reader::from_str(text);
    let (mut parts, mut inside, mut ended) = (Parts::new(), false, false);
    loop {
        match reader.read_event().map_err(|_| wrong())? {
            Event::Start(start) if !inside => {
                if start.name().as_ref() != ROOT.as_bytes() {
                    return Err(wrong());
                }
                inside = true;
            }
            Event::Start(start) => {
                let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
                let inner = reader.read_text(start.name()).map_err(|_| wrong())?;
                if inner.matches("<CorsRule>").count() > CORS_RULES_MAX {
                    return Err(wrong());
                }
                parts.insert(known(name)?, inner.into_owned());
            }
            Event::Empty(empty) if inside => {
                let name = String::from_utf8_lossy(empty.name().as_ref()).into_owned();
                parts.insert(known(name)?, String::new());
            }
            Event::End(_) => ended = true,
            Event::Eof => break,
            _ => {}
        }
    }
    if ended { Ok(parts) } else { Err(wrong()) }
}

fn known(name: String) -> Result<String, FilesError> {
    const NAMES: [&str; 4] = ["HourMetrics", "MinuteMetrics", "Cors", "ProtocolSettings"];
    if NAMES.contains(&name.as_str()) { Ok(name) } else { Err(Code::InvalidXmlDocument.into()) }
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn a_document_is_split_into_its_parts() {
        let text = b"<?xml version='1.0'?>\n<StorageServiceProperties><Cors /><HourMetrics>\
                     <Enabled>true</Enabled></HourMetrics></StorageServiceProperties>";
        let parts = parts(text).unwrap();
        assert_eq!(parts["Cors"], "");
        assert_eq!(parts["HourMetrics"], "<Enabled>true</Enabled>");
    }

    #[test]
    fn other_documents_are_refused() {
        for text in ["", "<Other/>", "<Other></Other>", "<StorageServiceProperties>", "text"] {
            assert!(parts(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parts(b"<StorageServiceProperties><Evil/></StorageServiceProperties>").is_err());
    }
}
