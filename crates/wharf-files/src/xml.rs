//! The little XML that the service writes and reads.

use quick_xml::escape::escape;

use crate::error::{Code, FilesError};

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";

/// A document that is being written.
#[derive(Debug)]
pub(crate) struct Document {
    text: String,
    open: Vec<&'static str>,
}

impl Document {
    /// Begins a document with its outermost element.
    pub(crate) fn new(root: &'static str, attributes: &[(&str, &str)]) -> Self {
        let mut text = format!("{DECLARATION}<{root}");
        for (name, value) in attributes {
            text.extend([" ", name, "=\"", escape(*value).as_ref(), "\""]);
        }
        text.push('>');
        Self { text, open: vec![root] }
    }

    /// Begins an element.
    pub(crate) fn begin(&mut self, name: &'static str) -> &mut Self {
        self.text.extend(["<", name, ">"]);
        self.open.push(name);
        self
    }

    /// Ends the element that was begun last.
    pub(crate) fn end(&mut self) -> &mut Self {
        if let Some(name) = self.open.pop() {
            self.text.extend(["</", name, ">"]);
        }
        self
    }

    /// An element with text.
    pub(crate) fn text(&mut self, name: &str, value: impl AsRef<str>) -> &mut Self {
        match value.as_ref() {
            "" => self.text.extend(["<", name, " />"]),
            value => self.text.extend(["<", name, ">", escape(value).as_ref(), "</", name, ">"]),
        }
        self
    }

    /// An element with text that is percent-encoded.
    pub(crate) fn encoded(&mut self, name: &str, value: &str) -> &mut Self {
        let value = escape(value);
        self.text.extend(["<", name, " Encoded=\"true\">", value.as_ref(), "</", name, ">"]);
        self
    }

    /// An element with text, if there is any.
    pub(crate) fn maybe(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.text(name, value);
        }
        self
    }

    /// Text that is XML already.
    pub(crate) fn raw(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// The whole document.
    pub(crate) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.end();
        }
        self.text
    }
}

/// Reads a document into what it means.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(text: &[u8]) -> Result<T, FilesError> {
    let text = std::str::from_utf8(text).map_err(|_| Code::InvalidXmlDocument)?;
    let text = text.trim_start_matches('\u{feff}');
    quick_xml::de::from_str(text)
        .map_err(|error| FilesError::detailed(Code::InvalidXmlDocument, error.to_string()))
}

/// Whether a name can be in a document as it is.
pub(crate) fn is_plain(name: &str) -> bool {
    name.chars().all(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}'))
}
