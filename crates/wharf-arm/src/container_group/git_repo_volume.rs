//! Git repository volumes (semantics.md §11).

use serde_json::{Value, json};
use wharf_model::{Error, spec::GitRepo};

use crate::node::Node;

/// What is wanted, and how it is told back: without user and password.
pub(super) fn parse(node: &Node<'_>) -> Result<(GitRepo, Value), Error> {
    let (repository, userinfo) = repository(&node.require("repository")?)?;
    let mut document = json!({ "repository": repository });
    let directory = match node.get("directory").filter(|node| node.value != "") {
        Some(directory) => {
            let text = directory.text()?.to_owned();
            check_directory(&directory, &text)?;
            document["directory"] = json!(text);
            text
        }
        None => name_of(&repository).ok_or_else(|| {
            let path = format!("{}.repository", node.path);
            node.invalid("must end with a name, or 'directory' must say where it goes").at(&path)
        })?,
    };
    let revision = node.get("revision").filter(|node| node.value != "");
    let revision = revision.map(|node| revision_of(&node)).transpose()?;
    if let Some(revision) = &revision {
        document["revision"] = json!(revision);
    }
    Ok((GitRepo { repository, userinfo, directory, revision }, document))
}

/// The address and what stood before its `@`.
fn repository(node: &Node<'_>) -> Result<(String, Option<String>), Error> {
    let text = node.text()?;
    let is_plain = text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\'));
    let rest = text.split_once("://").filter(|(scheme, _)| {
        scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
    });
    let Some((scheme, rest)) = rest.filter(|_| is_plain) else {
        return Err(node.invalid("must be an http or https address"));
    };
    let scheme = scheme.to_ascii_lowercase();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (userinfo, host) = match authority.rsplit_once('@') {
        Some((userinfo, host)) => (Some(userinfo.to_owned()), host),
        None => (None, authority),
    };
    if host.is_empty() || host.starts_with('-') || path.contains(['?', '#']) {
        return Err(node.invalid("must be an http or https address of a host and a path"));
    }
    Ok((format!("{scheme}://{host}{path}"), userinfo))
}

/// Relative, below the volume, and no place that git itself uses.
fn check_directory(node: &Node<'_>, text: &str) -> Result<(), Error> {
    let parts: Vec<&str> = text.split('/').collect();
    if parts.contains(&"..") {
        return Err(node.invalid("must not contain '..'"));
    }
    let is_plain = |part: &&str| !part.is_empty() && !part.chars().any(char::is_control);
    if text.starts_with(['/', '-']) || !parts.iter().all(is_plain) || text.len() > 1024 {
        return Err(node.invalid("must be a relative path below the volume"));
    }
    if parts.iter().any(|part| part.eq_ignore_ascii_case(".git")) {
        return Err(node.invalid("must not lead into '.git'"));
    }
    Ok(())
}

/// As `git clone` names its directory.
fn name_of(repository: &str) -> Option<String> {
    let (_, path) = repository.split_once("://")?.1.split_once('/')?;
    let path = path.trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or(path);
    let name = last.strip_suffix(".git").unwrap_or(last);
    let is_name = !name.is_empty() && !name.starts_with(['-', '.']);
    is_name.then(|| name.to_owned())
}

fn revision_of(node: &Node<'_>) -> Result<String, Error> {
    let text = node.text()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/');
    if text.starts_with('-') || text.contains("..") || text.len() > 255 || !text.chars().all(fits) {
        return Err(node.invalid("must be a commit, a branch or a tag"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &Value) -> Result<(GitRepo, Value), Error> {
        parse(&Node::root(body))
    }

    #[test]
    fn without_a_directory_it_goes_where_git_clone_would_put_it() {
        for (address, name) in [
            ("https://github.com/Azure-Samples/aci-helloworld", "aci-helloworld"),
            ("HTTP://host:8080/a/b.git/", "b"),
        ] {
            let (repo, _) = read(&json!({ "repository": address })).unwrap();
            assert_eq!(repo.directory, name);
        }
        let (repo, document) =
            read(&json!({ "repository": "https://h/r", "directory": ".", "revision": "abc" }))
                .unwrap();
        assert_eq!((repo.directory.as_str(), repo.revision.as_deref()), (".", Some("abc")));
        assert_eq!(
            document,
            json!({"repository": "https://h/r", "directory": ".", "revision": "abc"})
        );
    }

    #[test]
    fn user_and_token_are_kept_apart_and_never_told_back() {
        let (repo, document) = read(&json!({ "repository": "https://u:t@k@h/r" })).unwrap();
        assert_eq!(repo.repository, "https://h/r");
        assert_eq!(repo.userinfo.as_deref(), Some("u:t@k"));
        assert!(!format!("{repo:?}{document}").contains("t@k"));
    }

    #[test]
    fn other_protocols_ways_out_and_options_are_refused_by_property() {
        for (property, value) in [
            ("repository", "file:///etc"),
            ("repository", "ext::sh -c id"),
            ("repository", "git@github.com:a/b"),
            ("repository", "--upload-pack=id"),
            ("repository", "https://-host/r"),
            ("directory", "../up"),
            ("directory", "a/../../up"),
            ("directory", "/etc"),
            ("directory", ".git/hooks"),
            ("revision", "--help"),
            ("revision", "a b"),
        ] {
            let mut body = json!({ "repository": "https://h/r" });
            body[property] = json!(value);
            let error = read(&body).unwrap_err();
            assert_eq!(error.target.as_deref(), Some(property), "{value}: {error:?}");
        }
    }
}
