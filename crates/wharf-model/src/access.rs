//! Who may do what: principals, roles, and where roles are assigned.
//!
//! The decision is a pure function of what a principal was assigned; where its parts come from
//! (tokens, requests, the store) is others' business.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What kind of identity a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PrincipalKind {
    /// A program with a client id and secrets.
    ServicePrincipal,
    /// A person with a user name and a password.
    User,
    /// The identity of a resource; it has no secret, its resource gets tokens for it.
    ManagedIdentity,
}

/// Somebody who can be given roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The object id, which role assignments name.
    pub id: Uuid,
    /// What kind of identity this is.
    pub kind: PrincipalKind,
    /// What it logs in with: a client id or a user name. Compares without regard to case.
    pub login: String,
    /// What people call it.
    pub name: String,
    /// The id of the resource whose identity it is.
    pub resource: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its secrets last changed: refresh tokens from before are void.
    pub changed_at: Timestamp,
}

/// One set of permissions of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// Patterns of actions that are allowed, `*` standing for anything.
    pub actions: Vec<String>,
    /// Patterns of actions that are taken out again.
    pub not_actions: Vec<String>,
    /// The same for what resources hold.
    #[serde(default)]
    pub data_actions: Vec<String>,
    /// The same for what resources hold.
    #[serde(default)]
    pub not_data_actions: Vec<String>,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its id: Azure's for the built-in ones.
    pub id: Uuid,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Whether it comes with Wharf and cannot be changed.
    pub is_built_in: bool,
    /// What it allows.
    pub permissions: Vec<Permission>,
    /// Scopes at which it can be assigned.
    pub assignable_scopes: Vec<String>,
}

impl Role {
    /// Whether the role allows an action.
    pub fn allows(&self, action: &str) -> bool {
        let matches = |patterns: &[String]| patterns.iter().any(|pattern| glob(pattern, action));
        self.permissions.iter().any(|set| matches(&set.actions) && !matches(&set.not_actions))
    }

    /// Whether the role allows an action on data, such as reading a file.
    pub fn allows_on_data(&self, action: &str) -> bool {
        let matches = |patterns: &[String]| patterns.iter().any(|pattern| glob(pattern, action));
        let allows =
            |set: &Permission| matches(&set.data_actions) && !matches(&set.not_data_actions);
        self.permissions.iter().any(allows)
    }
}

/// A role given to a principal at a scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleAssignment {
    /// Its name.
    pub id: Uuid,
    /// Who has the role.
    pub principal: Uuid,
    /// Which role.
    pub role: Uuid,
    /// Where: the id of a subscription, resource group or resource, as written.
    pub scope: String,
    /// Free text.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Option<Uuid>,
}

/// One entry of the log of what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Names the entry.
    pub id: Uuid,
    /// When the answer was given.
    pub at: Timestamp,
    /// Who asked: a client id or user name.
    pub caller: String,
    /// The object id of who asked; the administrator at the socket has none.
    pub principal: Option<Uuid>,
    /// What for, such as `Microsoft.ContainerInstance/containerGroups/write`.
    pub action: String,
    /// Of what.
    pub resource: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// What ties it to other requests.
    pub correlation: String,
}

/// What a principal was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(pub Vec<(String, Role)>);

impl Grants {
    /// Whether an action is allowed at a scope.
    pub fn allow(&self, action: &str, scope: &str) -> bool {
        self.0.iter().any(|(at, role)| covers(at, scope) && role.allows(action))
    }

    /// Whether an action on data is allowed at a scope.
    pub fn allow_on_data(&self, action: &str, scope: &str) -> bool {
        self.0.iter().any(|(at, role)| covers(at, scope) && role.allows_on_data(action))
    }

    /// Whether there is any role at a scope, above it or below it.
    pub fn touch(&self, scope: &str) -> bool {
        self.0.iter().any(|(at, _)| covers(at, scope) || covers(scope, at))
    }
}

/// Whether a scope is the other or contains it.
pub fn covers(outer: &str, inner: &str) -> bool {
    let outer = outer.trim_end_matches('/');
    let Some(head) = inner.get(..outer.len()) else { return false };
    let rest = inner.get(outer.len()..).unwrap_or_default();
    head.eq_ignore_ascii_case(outer) && (rest.is_empty() || rest.starts_with('/'))
}

/// Whether a text matches a pattern in which `*` stands for anything, without regard to case.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_ascii_lowercase(), text.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let Some(rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    let mut rest = rest;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(actions: &[&str], not_actions: &[&str]) -> Role {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        Role {
            id: Uuid::nil(),
            name: String::new(),
            description: String::new(),
            is_built_in: false,
            permissions: vec![Permission {
                actions: texts(actions),
                not_actions: texts(not_actions),
                ..Permission::default()
            }],
            assignable_scopes: Vec::new(),
        }
    }

    #[test]
    fn patterns_match_whole_actions_without_regard_to_case() {
        for (pattern, action, expected) in [
            ("*", "A/b/read", true),
            ("*/read", "A/b/READ", true),
            ("*/read", "A/b/reader", false),
            ("a/*/write", "A/b/c/write", true),
            ("a/*/write", "A/write", false),
            ("A/b/read", "a/B/read", true),
            ("A/b/read", "a/B/read/x", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(glob(pattern, action), expected, "{pattern} {action}");
        }
    }

    #[test]
    fn what_is_taken_out_of_one_role_another_can_give() {
        let contributor = role(&["*"], &["Microsoft.Authorization/*/write"]);
        assert!(contributor.allows("Microsoft.ContainerInstance/containerGroups/write"));
        assert!(!contributor.allows("Microsoft.Authorization/roleAssignments/write"));
        let admin = role(&["Microsoft.Authorization/*"], &[]);
        let grants = Grants(vec![("/s".into(), contributor), ("/s/g".into(), admin)]);
        assert!(grants.allow("Microsoft.Authorization/roleAssignments/write", "/s/g/x"));
        assert!(!grants.allow("Microsoft.Authorization/roleAssignments/write", "/s/h"));
    }

    #[test]
    fn a_scope_covers_what_is_below_it_and_no_namesake() {
        assert!(covers("/subscriptions/A", "/SUBSCRIPTIONS/a/resourceGroups/g"));
        assert!(covers("/", "/subscriptions/a"));
        assert!(!covers("/s/resourceGroups/g", "/s/resourceGroups/g2"));
        assert!(!covers("/s/resourceGroups/g", "/s"));
        let grants = Grants(vec![("/s/g".into(), role(&["*"], &[]))]);
        assert!(grants.touch("/s") && grants.touch("/s/g/x") && !grants.touch("/s/h"));
    }
}
