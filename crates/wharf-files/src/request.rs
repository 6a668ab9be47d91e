//! A request, taken apart once.

use std::{collections::BTreeMap, ffi::OsString, net::IpAddr, os::unix::ffi::OsStringExt as _};

use axum::http::{HeaderMap, Method, Uri, header::HOST, request::Parts};
use percent_encoding::percent_decode_str;

use crate::error::{Code, FilesError};

/// The oldest version whose signatures are known here.
const OLDEST: &str = "2015-02-21";
/// Directories that a path may go through, and bytes it may have.
pub(crate) const DEPTH_MAX: usize = 250;
pub(crate) const PATH_MAX: usize = 2048;
const NAME_MAX: usize = 255;

/// Where a request was sent, which the server knows and the request does not say.
#[derive(Clone, Debug)]
pub struct Target {
    /// The account's name, from the path or the host name.
    pub account: String,
    /// The path below the account, as it was sent: `/share/directory/file`.
    pub path: String,
    /// Who sent it.
    pub peer: IpAddr,
    /// Whether it came by TLS.
    pub secure: bool,
}

/// A request without its body.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) uri: Uri,
    pub(crate) target: Target,
    /// Names in lower case, values decoded.
    pub(crate) query: BTreeMap<String, Vec<String>>,
    pub(crate) share: Option<String>,
    /// Below the share.
    pub(crate) path: Vec<OsString>,
}

impl Call {
    pub(crate) fn new(target: Target, parts: Parts) -> Result<Self, FilesError> {
        let query = query(parts.uri.query().unwrap_or_default())?;
        // Whoever means a snapshot and names none does not mean the share.
        if query.get("sharesnapshot").is_some_and(|values| values.iter().any(String::is_empty)) {
            let message = "The parameter sharesnapshot is empty.";
            return Err(FilesError::because(Code::InvalidQueryParameterValue, message));
        }
        let exact = parts.headers.get("x-ms-allow-trailing-dot").is_some_and(|value| {
            value.to_str().is_ok_and(|value| value.eq_ignore_ascii_case("true"))
        });
        let mut path = components(&target.path, exact)?.into_iter();
        let share = path.next().map(|share| share.to_string_lossy().into_owned());
        let path = path.collect();
        let (method, headers, uri) = (parts.method, parts.headers, parts.uri);
        Ok(Self { method, headers, uri, target, query, share, path })
    }

    /// A parameter of the query, if it says something.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let values = self.query.get(name)?;
        values.first().map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Which snapshot of the share is meant; without: what is in the share now.
    pub(crate) fn snapshot(&self) -> Option<&str> {
        self.parameter("sharesnapshot")
    }

    /// A header, if it says something.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name)?.to_str().ok()?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// A header that has to be a number.
    pub(crate) fn number(&self, name: &'static str) -> Result<Option<u64>, FilesError> {
        let parse = |value: &str| value.parse().map_err(|_| bad_header(name));
        self.header(name).map(parse).transpose()
    }

    /// A header that has to be there.
    pub(crate) fn required(&self, name: &'static str) -> Result<&str, FilesError> {
        self.header(name).ok_or_else(|| {
            let message = format!("The header {name} is missing.");
            FilesError::because(Code::MissingRequiredHeader, message)
        })
    }

    /// Whether a header says yes.
    pub(crate) fn says_true(&self, name: &str) -> bool {
        self.header(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// How many results at most: up to 5,000.
    pub(crate) fn max_results(&self) -> Result<usize, FilesError> {
        const MAX: usize = 5000;
        let Some(text) = self.parameter("maxresults") else { return Ok(MAX) };
        match text.parse::<usize>() {
            Ok(0) | Err(_) => Err(FilesError::because(
                Code::OutOfRangeQueryParameterValue,
                "maxresults is a number from 1 to 5000.",
            )),
            Ok(max) => Ok(max.min(MAX)),
        }
    }

    /// Metadata that the request brings.
    pub(crate) fn metadata(&self) -> Result<BTreeMap<String, String>, FilesError> {
        let mut metadata = BTreeMap::new();
        for (name, value) in &self.headers {
            let Some(key) = name.as_str().strip_prefix("x-ms-meta-") else { continue };
            if key.is_empty() {
                return Err(Code::EmptyMetadataKey.into());
            }
            let value = value.to_str().map_err(|_| Code::InvalidMetadata)?;
            metadata.insert(key.to_owned(), value.trim().to_owned());
        }
        crate::names::check_metadata(&metadata)?;
        Ok(metadata)
    }

    /// The version of the protocol that the client speaks.
    pub(crate) fn version(&self) -> Result<&str, FilesError> {
        let parameters = ["api-version", "sv"].into_iter().find_map(|name| self.parameter(name));
        let Some(version) = self.header("x-ms-version").or(parameters) else { return Ok(OLDEST) };
        let digits = version.bytes().filter(u8::is_ascii_digit).count();
        if version.len() != 10 || digits != 8 || version < OLDEST {
            return Err(bad_header("x-ms-version"));
        }
        Ok(version)
    }

    /// Scheme, host and path by which the client reaches the account.
    pub(crate) fn endpoint(&self) -> String {
        let scheme = if self.target.secure { "https" } else { "http" };
        let authority = self.uri.authority().map(ToString::to_string);
        let host = authority.or_else(|| self.header(HOST.as_str()).map(str::to_owned));
        let all = self.uri.path();
        let account = all.strip_suffix(self.target.path.as_str()).unwrap_or_default();
        format!("{scheme}://{}{}/", host.unwrap_or_default(), account.trim_end_matches('/'))
    }
}

pub(crate) fn bad_header(name: &str) -> FilesError {
    FilesError::because(
        Code::InvalidHeaderValue,
        format!("The value of the header {name} is invalid."),
    )
}

/// The parts of a query: names in lower case, values decoded. A plus is a plus.
pub(crate) fn query(text: &str) -> Result<BTreeMap<String, Vec<String>>, FilesError> {
    let mut query: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for part in text.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let decode = |text| percent_decode_str(text).decode_utf8().map_err(|_| Code::InvalidUri);
        query.entry(decode(name)?.to_lowercase()).or_default().push(decode(value)?.into_owned());
    }
    Ok(query)
}

/// The names in a path. An encoded slash separates as a plain one does; nothing else does, and no
/// name leads upwards.
pub(crate) fn components(path: &str, trailing_dots: bool) -> Result<Vec<OsString>, FilesError> {
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    let mut components = Vec::new();
    for name in decoded.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
        if matches!(name, b"." | b"..") || name.contains(&0) {
            return Err(Code::InvalidResourceName.into());
        }
        let kept = name.iter().rposition(|byte| *byte != b'.').map_or(0, |last| last + 1);
        let name = if trailing_dots { name } else { &name[..kept] };
        if name.is_empty() {
            return Err(Code::InvalidResourceName.into());
        }
        if name.len() > NAME_MAX {
            return Err(Code::InvalidFileOrDirectoryPathName.into());
        }
        components.push(OsString::from_vec(name.to_vec()));
    }
    if decoded.len() > PATH_MAX || components.len() > DEPTH_MAX {
        return Err(Code::InvalidFileOrDirectoryPathName.into());
    }
    Ok(components)
}

#[cfg(test)]
mod tests {
    use super::{components, query};
    use crate::error::Code;

    fn refused(path: &str) -> Code {
        components(path, false).unwrap_err().code()
    }

    #[test]
    fn no_name_of_a_path_leads_upwards() {
        for path in ["/a/../b", "/a/%2e%2e/b", "/a/%2E./b", "/a/.", "/a%2f..%2fb", "/a/%00", "/..."]
        {
            assert_eq!(refused(path), Code::InvalidResourceName, "{path}");
        }
    }

    #[test]
    fn an_encoded_slash_separates() {
        assert_eq!(components("/a%2Fb//c/", false).unwrap(), ["a", "b", "c"]);
        assert_eq!(components("/a%252fb", false).unwrap(), ["a%2fb"]);
    }

    #[test]
    fn long_names_and_deep_paths_are_refused() {
        let long = format!("/a/{}", "x".repeat(256));
        let deep = "/a".repeat(251);
        for path in [long, deep] {
            assert_eq!(refused(&path), Code::InvalidFileOrDirectoryPathName);
        }
    }

    #[test]
    fn dots_at_the_end_count_only_if_the_client_says_so() {
        assert_eq!(components("/a./b..", false).unwrap(), ["a", "b"]);
        assert_eq!(components("/a./b..", true).unwrap(), ["a.", "b.."]);
        assert!(components("/..", true).is_err());
    }

    #[test]
    fn a_query_is_decoded_once() {
        let query = query("Comp=list&prefix=a%2Bb+c%2526&include=x&include=y&empty").unwrap();
        assert_eq!(query["comp"], ["list"]);
        assert_eq!(query["prefix"], ["a+b+c%26"]);
        assert_eq!(query["include"], ["x", "y"]);
        assert_eq!(query["empty"], [""]);
    }
}
