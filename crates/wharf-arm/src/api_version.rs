//! Which dated contract a request is written in (operations.md A.1).

use wharf_model::{Error, ErrorKind};

/// Versions of `Microsoft.ContainerInstance` that are understood, oldest first.
pub const CONTAINER_INSTANCE: &[&str] = &[
    "2018-02-01-preview",
    "2018-04-01",
    "2018-06-01",
    "2018-09-01",
    "2018-10-01",
    "2019-12-01",
    "2020-11-01",
    "2021-03-01",
    "2021-07-01",
    "2021-09-01",
    "2021-10-01",
    "2022-09-01",
    "2022-10-01-preview",
    "2023-02-01-preview",
    "2023-05-01",
    "2024-05-01-preview",
    "2024-09-01-preview",
    "2024-10-01-preview",
    "2024-11-01-preview",
    "2025-09-01",
];

/// Those of them that know container group profiles, oldest first.
pub const PROFILES: &[&str] =
    &["2024-05-01-preview", "2024-09-01-preview", "2024-11-01-preview", "2025-09-01"];

/// A version that is understood. Versions order by date, since ISO dates order as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion(&'static str);

impl ApiVersion {
    /// The newest.
    pub const LATEST: Self = Self("2025-09-01");

    /// The version of a request for a container group; `None` when it names none.
    pub fn parse(text: Option<&str>) -> Result<Self, Error> {
        let text = required(text)?;
        let known = CONTAINER_INSTANCE.iter().find(|known| known.eq_ignore_ascii_case(text));
        known.map(|known| Self(known)).ok_or_else(|| {
            Error::invalid(
                "InvalidApiVersionParameter",
                format!(
                    "The api-version '{text}' is invalid. The supported versions are '{}'.",
                    CONTAINER_INSTANCE.iter().rev().copied().collect::<Vec<_>>().join(",")
                ),
                "api-version",
            )
        })
    }

    /// As text.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// The live service tells the provisioning timeout since about 2023.
    pub(crate) fn has_provisioning_timeout(self) -> bool {
        self.0 >= "2023-02-01"
    }
}

/// Every request must name a version.
pub fn required(text: Option<&str>) -> Result<&str, Error> {
    text.filter(|text| !text.is_empty()).ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidParameter,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    })
}

/// Checks the version of a request for a resource of ARM itself (`Microsoft.Resources`), whose
/// answers here are the same in all of them: any date from 2014 on.
pub fn check_resources(text: Option<&str>) -> Result<(), Error> {
    let text = required(text)?;
    let date = text.get(..10).unwrap_or_default();
    let is_date = date.parse::<jiff::civil::Date>().is_ok_and(|date| date.year() >= 2014);
    let suffix = text.get(10..).unwrap_or_default();
    if is_date && (suffix.is_empty() || suffix.eq_ignore_ascii_case("-preview")) {
        return Ok(());
    }
    Err(Error::invalid(
        "InvalidApiVersionParameter",
        format!("The api-version '{text}' is invalid. It is a date such as '2024-11-01'."),
        "api-version",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_versions_are_told_the_known_ones() {
        assert_eq!(ApiVersion::parse(Some("2025-09-01")).unwrap(), ApiVersion::LATEST);
        assert_eq!(ApiVersion::parse(None).unwrap_err().code, "MissingApiVersionParameter");
        let error = ApiVersion::parse(Some("2031-01-01")).unwrap_err();
        assert!(error.message.contains("2025-09-01,2024-11-01-preview"), "{}", error.message);
        assert!(check_resources(Some("2024-11-01")).is_ok());
        assert!(check_resources(Some("tomorrow")).is_err());
    }
}
