//! `$filter` of lists: comparisons joined by `and`, as the front door of ARM takes them.

use wharf_model::{Error, ErrorKind};

/// What can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Type,
    Name,
    ResourceGroup,
    Location,
    TagName,
    TagValue,
}

const FIELDS: &[(&str, Field)] = &[
    ("resourceType", Field::Type),
    ("name", Field::Name),
    ("resourceGroup", Field::ResourceGroup),
    ("location", Field::Location),
    ("tagName", Field::TagName),
    ("tagValue", Field::TagValue),
];

/// A filter; the empty one lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceFilter {
    terms: Vec<(Field, bool, String)>,
}

/// What of a resource is compared.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its full type.
    pub kind: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its resource group's name.
    pub resource_group: &'a str,
    /// Its region.
    pub location: &'a str,
    /// Its tags: an object of strings.
    pub tags: &'a serde_json::Value,
}

impl ResourceFilter {
    /// Reads the text of a `$filter`.
    pub fn parse(text: Option<&str>) -> Result<Self, Error> {
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
            return Ok(Self::default());
        };
        let tokens = tokens(text).ok_or_else(|| invalid(text))?;
        let mut terms = Vec::new();
        for (i, token) in tokens.chunks(4).enumerate() {
            let (term, joint) = token.split_at(token.len().min(3));
            let is_last = (i + 1) * 4 >= tokens.len();
            let is_joined = joint.first().is_none_or(|joint| joint.eq_ignore_ascii_case("and"));
            let [field, operator, value] = term else { return Err(invalid(text)) };
            let field = FIELDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(field));
            let is_equal = match operator.to_ascii_lowercase().as_str() {
                "eq" => true,
                "ne" => false,
                _ => return Err(invalid(text)),
            };
            let value = value.strip_prefix('\'');
            let (Some((_, field)), Some(value)) = (field, value) else { return Err(invalid(text)) };
            if !is_joined || (is_last && !joint.is_empty()) {
                return Err(invalid(text));
            }
            terms.push((*field, is_equal, value.to_owned()));
        }
        Ok(Self { terms })
    }

    /// Whether a resource passes. A tag's value is that of the tag which the filter names, or of any.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        let same = |text: &str, wanted: &str| text.eq_ignore_ascii_case(wanted);
        let tag = self.terms.iter().find(|(field, ..)| *field == Field::TagName);
        self.terms.iter().all(|(field, is_equal, wanted)| {
            let found = match field {
                Field::Type => same(subject.kind, wanted),
                Field::Name => same(subject.name, wanted),
                Field::ResourceGroup => same(subject.resource_group, wanted),
                Field::Location => {
                    crate::location::normalise(subject.location)
                        == crate::location::normalise(wanted)
                }
                Field::TagName => tags(subject).any(|(name, _)| same(name, wanted)),
                Field::TagValue => tags(subject).any(|(name, value)| {
                    value == wanted && tag.is_none_or(|(.., wanted)| same(name, wanted))
                }),
            };
            found == *is_equal
        })
    }
}

fn tags<'a>(subject: &Subject<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let entries = subject.tags.as_object().into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
}

/// Words and quoted texts; a quoted one keeps its first quote as a mark.
fn tokens(text: &str) -> Option<Vec<String>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('\'') {
            let mut token = String::from("'");
            let mut letters = quoted.char_indices().peekable();
            let end = loop {
                match letters.next()? {
                    (_, '\'') if letters.next_if(|(_, next)| *next == '\'').is_some() => {
                        token.push('\'');
                    }
                    (at, '\'') => break at,
                    (_, letter) => token.push(letter),
                }
            };
            tokens.push(token);
            rest = quoted[end + 1..].trim_start();
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            tokens.push(rest[..end].to_owned());
            rest = rest[end..].trim_start();
        }
    }
    Some(tokens)
}

fn invalid(text: &str) -> Error {
    Error::new(
        ErrorKind::InvalidParameter,
        "InvalidFilterInQueryString",
        format!(
            "Invalid $filter '{text}' specified in the query string. Comparisons (eq, ne) of \
             resourceType, name, resourceGroup, location, tagName and tagValue with a quoted text \
             can be joined by 'and'."
        ),
    )
    .at("$filter")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn passes(filter: &str) -> bool {
        let tags = json!({ "Env": "test", "b": "it's" });
        let subject = Subject {
            kind: "Microsoft.ContainerInstance/containerGroups",
            name: "web",
            resource_group: "rg1",
            location: "westus",
            tags: &tags,
        };
        ResourceFilter::parse(Some(filter)).unwrap().matches(&subject)
    }

    #[test]
    fn comparisons_are_joined() {
        assert!(passes(""));
        assert!(passes("resourceType eq 'microsoft.containerinstance/containergroups'"));
        assert!(passes("resourceGroup eq 'RG1' and name eq 'web'"));
        assert!(!passes("resourceGroup eq 'RG1' and name ne 'web'"));
        assert!(passes("location eq 'West US'"));
        assert!(passes("tagName eq 'env' and tagValue eq 'test'"));
        assert!(!passes("tagName eq 'b' and tagValue eq 'test'"));
        assert!(passes("tagname eq 'b' and tagvalue eq 'it''s'"));
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        for bad in [
            "name",
            "name eq web",
            "name gt 'web'",
            "kind eq 'x'",
            "name eq 'a' or name eq 'b'",
            "name eq 'a' and",
            "name eq 'a",
        ] {
            let error = ResourceFilter::parse(Some(bad)).unwrap_err();
            assert_eq!(error.code, "InvalidFilterInQueryString", "{bad}");
        }
    }
}
