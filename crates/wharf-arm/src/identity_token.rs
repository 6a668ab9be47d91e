//! Tokens that containers ask for at `169.254.169.254`, as the instance metadata service of Azure
//! gives them (semantics.md §13).

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// The identity that a container asks for; with nothing said, the group's own or its only one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Selector {
    /// By client id.
    #[serde(rename = "client_id")]
    pub client: Option<String>,
    /// By object id.
    #[serde(rename = "object_id")]
    pub object: Option<String>,
    /// By the id of the resource; clients have two spellings.
    #[serde(rename = "msi_res_id", alias = "mi_res_id")]
    pub resource: Option<String>,
}

/// Why there is no identity to give a token of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoIdentity {
    /// There is none, or none of that kind.
    NotFound,
    /// There are several and none was chosen.
    Several,
    /// More than one way to choose was used.
    Contradiction,
}

impl NoIdentity {
    /// What Azure says.
    pub fn description(self) -> &'static str {
        match self {
            Self::NotFound => "Identity not found",
            Self::Several => {
                "Multiple user assigned identities exist, please specify the clientId / resourceId \
                 of the identity in the token request"
            }
            Self::Contradiction => {
                "Only one of 'client_id', 'object_id' and 'msi_res_id' can be specified"
            }
        }
    }
}

/// A token to be told.
#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    /// The token itself.
    pub text: &'a str,
    /// From when it is valid, in seconds since 1970.
    pub from: i64,
    /// Until when.
    pub until: i64,
    /// How many seconds of that are left.
    pub left: i64,
    /// What it is for, as asked.
    pub resource: &'a str,
}

/// The object id of the identity of a group that is meant.
pub fn choose(document: &str, selector: &Selector) -> Result<Uuid, NoIdentity> {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let block = &document["identity"];
    let system = block["principalId"].as_str();
    let assigned = block["userAssignedIdentities"].as_object();
    let mut assigned = assigned.into_iter().flatten();
    let principal = |ids: &Value| ids["principalId"].as_str().map(str::to_owned);
    let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    let is = |value: &Value, wanted: &str| {
        value.as_str().is_some_and(|value| value.eq_ignore_ascii_case(wanted))
    };
    let chosen = [&selector.client, &selector.object, &selector.resource].map(given);
    let found = match chosen {
        [None, None, None] => match (system, assigned.next(), assigned.next()) {
            (Some(own), ..) => Some(own.to_owned()),
            (None, Some((_, only)), None) => principal(only),
            (None, Some(_), Some(_)) => return Err(NoIdentity::Several),
            (None, None, _) => None,
        },
        [Some(client), None, None] => assigned
            .find(|(_, ids)| is(&ids["clientId"], &client))
            .and_then(|(_, ids)| principal(ids)),
        [None, Some(object), None] if is(&block["principalId"], &object) => Some(object),
        [None, Some(object), None] => assigned
            .find(|(_, ids)| is(&ids["principalId"], &object))
            .and_then(|(_, ids)| principal(ids)),
        [None, None, Some(id)] => assigned
            .find(|(own, _)| own.eq_ignore_ascii_case(&id))
            .and_then(|(_, ids)| principal(ids)),
        _ => return Err(NoIdentity::Contradiction),
    };
    found.and_then(|id| Uuid::parse_str(&id).ok()).ok_or(NoIdentity::NotFound)
}

/// The answer with a token: all members are strings.
pub fn render(token: Token<'_>) -> Value {
    json!({
        "access_token": token.text,
        "refresh_token": "",
        "expires_in": token.left.to_string(),
        "expires_on": token.until.to_string(),
        "not_before": token.from.to_string(),
        "resource": token.resource,
        "token_type": "Bearer",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEM: &str = "00000000-0000-0000-0000-000000000001";
    const FIRST: &str = "00000000-0000-0000-0000-000000000002";
    const SECOND: &str = "00000000-0000-0000-0000-000000000003";

    fn document(system: bool, assigned: &[(&str, &str)]) -> String {
        let mut block = json!({ "type": "any" });
        if system {
            block["principalId"] = json!(SYSTEM);
        }
        for (name, principal) in assigned {
            let ids = json!({ "principalId": principal, "clientId": format!("client-{name}") });
            block["userAssignedIdentities"][format!("/ids/{name}")] = ids;
        }
        json!({ "identity": block }).to_string()
    }

    #[test]
    fn the_own_identity_comes_first_and_an_only_one_needs_no_choice() {
        let chosen = |document: &str| choose(document, &Selector::default());
        let (one, two) = ([("a", FIRST)], [("a", FIRST), ("b", SECOND)]);
        assert_eq!(chosen(&document(true, &two)), Ok(Uuid::parse_str(SYSTEM).unwrap()));
        assert_eq!(chosen(&document(false, &one)), Ok(Uuid::parse_str(FIRST).unwrap()));
        assert_eq!(chosen(&document(false, &two)), Err(NoIdentity::Several));
        assert_eq!(chosen("{}"), Err(NoIdentity::NotFound));
    }

    #[test]
    fn a_user_assigned_identity_is_chosen_in_three_ways_but_by_one_at_a_time() {
        let document = document(true, &[("a", FIRST), ("b", SECOND)]);
        let chosen =
            |query: &Value| choose(&document, &serde_json::from_value(query.clone()).unwrap());
        let second = Ok(Uuid::parse_str(SECOND).unwrap());
        assert_eq!(chosen(&json!({ "client_id": "CLIENT-b", "object_id": "" })), second);
        assert_eq!(chosen(&json!({ "object_id": SECOND })), second);
        assert_eq!(chosen(&json!({ "msi_res_id": "/IDS/b" })), second);
        assert_eq!(chosen(&json!({ "mi_res_id": "/ids/b" })), second);
        assert_eq!(chosen(&json!({ "object_id": SYSTEM })), Ok(Uuid::parse_str(SYSTEM).unwrap()));
        assert_eq!(chosen(&json!({ "client_id": "other" })), Err(NoIdentity::NotFound));
        let both = json!({ "client_id": "client-a", "object_id": FIRST });
        assert_eq!(chosen(&both), Err(NoIdentity::Contradiction));
    }
}
