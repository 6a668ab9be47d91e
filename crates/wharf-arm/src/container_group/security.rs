//! `securityContext` of a container (semantics.md §19).
//!
//! Whether the host's policy allows what is asked for is decided elsewhere
//! ([`wharf_model::security::check`]); here is only what no host could do.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};
use wharf_model::{Error, security, spec::SecurityContext};

use crate::node::Node;

/// The largest system call filter that is read, in bytes of JSON.
const PROFILE_MAX: usize = 256 << 10;

/// The context of a container and what is echoed of it; `None` when the container has none.
pub(super) fn parse(properties: &Node<'_>) -> Result<(SecurityContext, Option<Value>), Error> {
    let Some(node) = properties.get("securityContext") else {
        return Ok((SecurityContext::default(), None));
    };
    node.object()?;
    let mut echo = Map::new();
    let mut boolean = |name: &str| -> Result<bool, Error> {
        let Some(value) = node.get(name).map(|node| node.boolean()).transpose()? else {
            return Ok(false);
        };
        echo.insert(name.to_owned(), json!(value));
        Ok(value)
    };
    let is_privileged = boolean("privileged")?;
    let may_escalate = boolean("allowPrivilegeEscalation")?;
    let (added_capabilities, dropped_capabilities) = capabilities(&node, &mut echo)?;
    let group = id(&node, "runAsGroup", &mut echo)?;
    let user = id(&node, "runAsUser", &mut echo)?;
    let seccomp_profile = profile(&node, &mut echo)?;
    let context = SecurityContext {
        is_privileged,
        may_escalate: may_escalate || is_privileged,
        added_capabilities,
        dropped_capabilities,
        user,
        group,
        seccomp_profile,
    };
    Ok((context, Some(Value::Object(echo))))
}

type Names = Vec<String>;

fn capabilities(node: &Node<'_>, echo: &mut Map<String, Value>) -> Result<(Names, Names), Error> {
    let Some(node) = node.get("capabilities") else { return Ok((Vec::new(), Vec::new())) };
    node.object()?;
    let mut document = Map::new();
    let mut list = |name: &str| -> Result<Names, Error> {
        let mut names = Vec::new();
        for item in node.list(name)? {
            let text = item.text()?;
            if !text.eq_ignore_ascii_case("ALL") && security::capability(text).is_none() {
                return Err(
                    item.invalid("must be a Linux capability such as 'NET_ADMIN', or 'ALL'")
                );
            }
            names.push(text.to_owned());
        }
        if node.get(name).is_some() {
            document.insert(name.to_owned(), json!(names));
        }
        Ok(names)
    };
    let lists = (list("add")?, list("drop")?);
    echo.insert("capabilities".to_owned(), Value::Object(document));
    Ok(lists)
}

/// A number from 0 to 2^31-1, as the contract has it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked before"
)]
fn id(node: &Node<'_>, name: &str, echo: &mut Map<String, Value>) -> Result<Option<u32>, Error> {
    let Some(node) = node.get(name) else { return Ok(None) };
    let number = node.number()?;
    if !(0.0..=f64::from(i32::MAX)).contains(&number) || number.fract() != 0.0 {
        return Err(node.invalid("must be a whole number from 0 to 2147483647"));
    }
    echo.insert(name.to_owned(), json!(number as u32));
    Ok(Some(number as u32))
}

/// The filter as JSON text; whether it can be compiled is known to those who do it.
fn profile(node: &Node<'_>, echo: &mut Map<String, Value>) -> Result<Option<String>, Error> {
    let Some(node) = node.get("seccompProfile") else { return Ok(None) };
    let encoded = node.text()?;
    let decoded = BASE64_STANDARD.decode(encoded.trim());
    let decoded = decoded.map_err(|_| node.invalid("must be base64"))?;
    if decoded.len() > PROFILE_MAX {
        return Err(node.invalid("must hold 256 KiB of JSON at most"));
    }
    let text = String::from_utf8(decoded).map_err(|_| node.invalid("must be JSON in base64"))?;
    let value: Value =
        serde_json::from_str(&text).map_err(|e| node.invalid(&format!("is no JSON: {e}")))?;
    if value.get("defaultAction").is_none_or(|action| !action.is_string()) {
        return Err(node.invalid("must be a seccomp profile with a 'defaultAction'"));
    }
    echo.insert("seccompProfile".to_owned(), json!(encoded));
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_value(context: &Value) -> Result<(SecurityContext, Option<Value>), Error> {
        let properties = json!({ "SecurityContext": context });
        parse(&Node::root(&properties))
    }

    #[test]
    fn everything_is_read_and_echoed_as_sent() {
        let encoded = BASE64_STANDARD.encode(r#"{"defaultAction":"SCMP_ACT_ALLOW"}"#);
        let sent = json!({
            "privileged": false, "allowPrivilegeEscalation": true,
            "capabilities": { "add": ["net_admin"], "drop": ["ALL"] },
            "runAsGroup": 44, "runAsUser": 33, "seccompProfile": encoded,
        });
        let (context, echo) = parse_value(&sent).unwrap();
        assert_eq!(echo, Some(sent));
        assert!(context.may_escalate && !context.is_privileged);
        assert_eq!((context.user, context.group), (Some(33), Some(44)));
        assert_eq!(context.added_capabilities, ["net_admin"]);
        assert!(context.seccomp_profile.unwrap().contains("SCMP_ACT_ALLOW"));
        assert_eq!(parse_value(&Value::Null).unwrap(), (SecurityContext::default(), None));
    }

    #[test]
    fn mistakes_name_the_property() {
        let no_action = BASE64_STANDARD.encode("{}");
        for (sent, path) in [
            (json!([]), "SecurityContext"),
            (json!({ "privileged": 1 }), "privileged"),
            (json!({ "runAsUser": -1 }), "runAsUser"),
            (json!({ "runAsGroup": 1.5 }), "runAsGroup"),
            (json!({ "capabilities": { "add": ["CAP_FLY"] } }), "capabilities.add[0]"),
            (json!({ "seccompProfile": "%" }), "seccompProfile"),
            (json!({ "seccompProfile": no_action }), "seccompProfile"),
        ] {
            let error = parse_value(&sent).unwrap_err();
            let target = error.target.unwrap_or_default().to_lowercase();
            assert!(target.ends_with(&path.to_lowercase()), "{sent}: {target}");
        }
    }
}
