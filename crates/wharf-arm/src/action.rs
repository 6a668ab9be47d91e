//! Which permission a request needs, from its method and path alone, so that every route is
//! covered the moment it exists: `GET` reads, `PUT` and `PATCH` write, `DELETE` deletes, and the
//! last word of a `POST` is an action.

/// What the maker of a request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needs {
    /// To be somebody. The answer lists only what they have a role in.
    Nobody,
    /// Any role at a scope, above it or below it: what is the same for all who work there.
    AnyRole {
        /// Where.
        scope: String,
    },
    /// A role that allows an action. A list may be asked for by who can read only some of it.
    Action {
        /// What, such as `Microsoft.ContainerInstance/containerGroups/write`.
        action: String,
        /// Where.
        scope: String,
        /// Whether the answer is a list of resources.
        is_list: bool,
    },
}

/// What a request needs. The path is canonical; `subscription` is where Wharf's own operations
/// belong.
pub fn needs(method: &str, path: &str, subscription: &str) -> Needs {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let is_read = matches!(method, "GET" | "HEAD");
    match segments.as_slice() {
        ["subscriptions" | "tenants"] | ["providers", ..] if is_read => Needs::Nobody,
        ["subscriptions", id] if is_read => {
            Needs::AnyRole { scope: format!("/subscriptions/{id}") }
        }
        ["subscriptions", _, ..] => of_resource(method, &segments),
        ["wharf", _, rest @ ..] => own(method, rest, format!("/subscriptions/{subscription}")),
        // No role is assigned up there: only the administrator passes.
        _ => Needs::Action {
            action: format!("Microsoft.Wharf/unknown/{}", verb(method)),
            scope: "/".to_owned(),
            is_list: false,
        },
    }
}

fn verb(method: &str) -> &'static str {
    match method {
        "GET" | "HEAD" => "read",
        "DELETE" => "delete",
        "PUT" | "PATCH" => "write",
        _ => "action",
    }
}

/// A path of types and names, in which `providers` begins the types of another namespace.
struct Parsed<'a> {
    namespace: &'a str,
    types: Vec<&'a str>,
    /// How many segments the scope has.
    scope: usize,
    /// Whether the path ends with a type, not with a name.
    ends_in_type: bool,
}

fn parse<'a>(segments: &[&'a str]) -> Parsed<'a> {
    let mut parsed = Parsed {
        namespace: "Microsoft.Resources",
        types: vec!["subscriptions"],
        scope: 2,
        ends_in_type: false,
    };
    let mut at = 2;
    while at < segments.len() {
        if segments[at].eq_ignore_ascii_case("providers") {
            parsed.namespace = segments.get(at + 1).copied().unwrap_or("Microsoft.Resources");
            parsed.types.clear();
            at += 2;
            continue;
        }
        parsed.types.push(segments[at]);
        at += 2;
        parsed.ends_in_type = at > segments.len();
        if !parsed.ends_in_type {
            parsed.scope = at;
        }
    }
    parsed
}

fn of_resource(method: &str, segments: &[&str]) -> Needs {
    let parsed = parse(segments);
    let scope_of = |count: usize| format!("/{}", segments[..count].join("/"));
    let is_read = verb(method) == "read";
    // An operation's id is a secret of who began it, whose roles may end with it.
    let last = parsed.types.last().map(|last| last.to_ascii_lowercase()).unwrap_or_default();
    let is_in_location = parsed.types.first().is_some_and(|first| {
        first.eq_ignore_ascii_case("locations") || first.eq_ignore_ascii_case("subscriptions")
    });
    if is_read && is_in_location && !parsed.ends_in_type && last.starts_with("operation") {
        return Needs::Nobody;
    }
    // What a provider offers is nobody's secret.
    let is_common = parsed.types.is_empty()
        || parsed.types.first().is_some_and(|first| first.eq_ignore_ascii_case("locations"))
        || (parsed.namespace == "Microsoft.Resources"
            && parsed.types.last().is_some_and(|last| last.eq_ignore_ascii_case("locations")));
    if is_read && is_common {
        return Needs::AnyRole { scope: scope_of(2) };
    }
    // Whether a name is free is asked by whoever is about to make something.
    if parsed.types == ["checkNameAvailability"] {
        return Needs::AnyRole { scope: scope_of(2) };
    }
    // What one may do oneself is asked by everybody who may do anything.
    if is_read && parsed.namespace == "Microsoft.Authorization" && parsed.types == ["permissions"] {
        return Needs::AnyRole { scope: scope_of(parsed.scope) };
    }
    let kind = [&[parsed.namespace], parsed.types.as_slice()].concat().join("/");
    let verb = match verb(method) {
        // To a thing itself, not to an action on it.
        "action" if !parsed.ends_in_type => "write",
        verb => verb,
    };
    Needs::Action {
        action: format!("{kind}/{verb}"),
        scope: scope_of(parsed.scope),
        is_list: is_read && parsed.ends_in_type,
    }
}

/// Wharf's own operations. Those on principals count as changes of access rights, which
/// Contributors may not make.
fn own(method: &str, rest: &[&str], scope: String) -> Needs {
    let action = match (rest, verb(method)) {
        // The watch itself tells only of what the caller may see.
        (["environment" | "watch"], "read") => return Needs::AnyRole { scope },
        (["identity", ..], verb) => {
            let verb = if verb == "action" { "write" } else { verb };
            format!("Microsoft.Authorization/wharfPrincipals/{verb}")
        }
        ([kind, .., last], "action") => format!("Microsoft.Wharf/{kind}/{last}/action"),
        (rest, verb) => format!("Microsoft.Wharf/{}/{verb}", rest.first().unwrap_or(&"unknown")),
    };
    Needs::Action { action, scope, is_list: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerInstance/\
                         containerGroups/c";

    fn needs(method: &str, path: &str) -> Needs {
        super::needs(method, path, "s")
    }

    #[test]
    fn actions_are_named_as_on_azure() {
        let in_group = |rest: &str| format!("{GROUP}{rest}");
        for (method, path, action, scope) in [
            ("PUT", in_group(""), "containerGroups/write", GROUP),
            ("PATCH", in_group(""), "containerGroups/write", GROUP),
            ("GET", in_group(""), "containerGroups/read", GROUP),
            ("DELETE", in_group(""), "containerGroups/delete", GROUP),
            ("POST", in_group("/stop"), "containerGroups/stop/action", GROUP),
            (
                "POST",
                in_group("/containers/x/exec"),
                "containerGroups/containers/exec/action",
                &in_group("/containers/x"),
            ),
            (
                "GET",
                in_group("/containers/x/logs"),
                "containerGroups/containers/logs/read",
                &in_group("/containers/x"),
            ),
        ] {
            let Needs::Action { action: found, scope: at, .. } = needs(method, &path) else {
                panic!("{method} {path}");
            };
            assert_eq!(found, format!("Microsoft.ContainerInstance/{action}"));
            assert_eq!(at, scope, "{method} {path}");
        }
    }

    #[test]
    fn other_scopes_and_namespaces() {
        let found = |method: &str, path: &str| match needs(method, path) {
            Needs::Nobody => "nobody".to_owned(),
            Needs::AnyRole { scope } => format!("any role at {scope}"),
            Needs::Action { action, scope, is_list } => {
                format!("{action} at {scope}{}", if is_list { ", a list" } else { "" })
            }
        };
        let text = [
            ("GET", "/subscriptions"),
            ("GET", "/subscriptions/s"),
            ("DELETE", "/subscriptions/s"),
            ("GET", "/subscriptions/s/resourceGroups"),
            ("HEAD", "/subscriptions/s/resourceGroups/providers"),
            ("PUT", "/subscriptions/s/resourceGroups/g"),
            ("GET", "/subscriptions/s/resourceGroups/g/resources"),
            ("GET", "/subscriptions/s/locations"),
            ("GET", "/subscriptions/s/providers"),
            ("GET", "/subscriptions/s/providers/Microsoft.X"),
            ("POST", "/subscriptions/s/providers/Microsoft.X/register"),
            ("GET", "/subscriptions/s/providers/Microsoft.X/locations/l/operations/o"),
            ("GET", "/subscriptions/s/providers/Microsoft.X/things"),
            ("GET", "/subscriptions/s/providers/Microsoft.Insights/eventtypes/management/values"),
            (
                "PUT",
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.Authorization/\
                 roleAssignments/a",
            ),
            ("POST", "/wharf/v1/images/pull"),
            ("GET", "/wharf/v1/doctor"),
            ("GET", "/wharf/v1/environment"),
            ("POST", "/wharf/v1/identity/users/u/resetSecret"),
            ("DELETE", "/wharf/v1/identity/users/u"),
            ("GET", "/anything/else"),
        ]
        .map(|(method, path)| found(method, path))
        .join("\n");
        insta::assert_snapshot!(text, @r"
        nobody
        any role at /subscriptions/s
        Microsoft.Resources/subscriptions/delete at /subscriptions/s
        Microsoft.Resources/subscriptions/resourceGroups/read at /subscriptions/s, a list
        Microsoft.Resources/subscriptions/resourceGroups/read at /subscriptions/s/resourceGroups/providers
        Microsoft.Resources/subscriptions/resourceGroups/write at /subscriptions/s/resourceGroups/g
        Microsoft.Resources/subscriptions/resourceGroups/resources/read at /subscriptions/s/resourceGroups/g, a list
        any role at /subscriptions/s
        any role at /subscriptions/s
        any role at /subscriptions/s
        Microsoft.X/register/action at /subscriptions/s
        nobody
        Microsoft.X/things/read at /subscriptions/s, a list
        Microsoft.Insights/eventtypes/values/read at /subscriptions/s/providers/Microsoft.Insights/eventtypes/management, a list
        Microsoft.Authorization/roleAssignments/write at /subscriptions/s/resourceGroups/g/providers/Microsoft.Authorization/roleAssignments/a
        Microsoft.Wharf/images/pull/action at /subscriptions/s
        Microsoft.Wharf/doctor/read at /subscriptions/s
        any role at /subscriptions/s
        Microsoft.Authorization/wharfPrincipals/write at /subscriptions/s
        Microsoft.Authorization/wharfPrincipals/delete at /subscriptions/s
        Microsoft.Wharf/unknown/read at /
        ");
    }
}
