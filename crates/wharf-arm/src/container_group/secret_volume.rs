//! Secret volumes (semantics.md §11): each property is a file with the decoded value.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use wharf_model::{Error, spec::SecretFile};

use crate::node::Node;

/// As a Kubernetes secret; what a container gets must fit into one message to its shim.
const BYTES_MAX: usize = 1 << 20;
const NAME_MAX: usize = 253;

/// The files of one volume. Complaints name the property and never show its value.
pub(super) fn parse(node: &Node<'_>) -> Result<Vec<SecretFile>, Error> {
    let files: Result<Vec<_>, _> = node.entries()?.iter().map(|(k, v)| file(k, v)).collect();
    let files = files?;
    check_size(&files, node)?;
    Ok(files)
}

/// Base64 characters of all files.
fn size(files: &[SecretFile]) -> usize {
    files.iter().map(|file| file.content.len()).sum::<usize>() / 4 * 3
}

/// The files of a map of plain texts, as a configuration map is.
pub(crate) fn plain_files(node: &Node<'_>) -> Result<Vec<SecretFile>, Error> {
    let plain = |(name, node): &(&str, Node<'_>)| {
        check_name(name, node)?;
        let content = BASE64_STANDARD.encode(node.loose_text()?);
        Ok(SecretFile { name: (*name).to_owned(), content })
    };
    let files = node.entries()?.iter().map(plain).collect::<Result<Vec<_>, Error>>()?;
    check_size(&files, node)?;
    Ok(files)
}

fn check_size(files: &[SecretFile], node: &Node<'_>) -> Result<(), Error> {
    if size(files) > BYTES_MAX {
        return Err(node.invalid("must not hold more than 1 MiB"));
    }
    Ok(())
}

fn check_name(name: &str, node: &Node<'_>) -> Result<(), Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty()
        || name.len() > NAME_MAX
        || !name.chars().all(fits)
        || name.starts_with("..")
        || name == "."
    {
        return Err(node.invalid(
            "must be named by 1 to 253 letters, digits, '-', '_' and '.', since it becomes a file",
        ));
    }
    Ok(())
}

fn file(name: &str, node: &Node<'_>) -> Result<SecretFile, Error> {
    check_name(name, node)?;
    // Line breaks, as `base64` and certificate tools write them, are no error to .NET either.
    let content: String = node.text()?.split_ascii_whitespace().collect();
    if BASE64_STANDARD.decode(&content).is_err() {
        return Err(node.invalid("must be base64"));
    }
    Ok(SecretFile { name: name.to_owned(), content })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_property_is_a_file_and_line_breaks_do_not_count() {
        let body = json!({ "a.pem": "aGVs\nbG8=\n", "pwd": "", "gone": null });
        let files = parse(&Node::root(&body)).unwrap();
        let seen: Vec<_> = files.iter().map(|f| (f.name.as_str(), f.content.as_str())).collect();
        assert_eq!(seen, [("a.pem", "aGVsbG8="), ("pwd", "")]);
        assert!(!format!("{files:?}").contains("aGVs"));
    }

    #[test]
    fn what_is_no_base64_or_no_file_name_is_refused_by_its_property_without_its_value() {
        for (name, value) in [("pwd", "hunter2!"), ("pwd", "aGVsbG8"), ("a/b", "aGVsbG8=")] {
            let body = json!({ "volumes": { (name): value } });
            let error = parse(&Node::root(&body).get("volumes").unwrap()).unwrap_err();
            assert_eq!(error.target.as_deref(), Some(format!("volumes.{name}").as_str()));
            assert!(!error.message.contains(value), "{error:?}");
        }
        for name in ["..", ".", "..data"] {
            assert!(parse(&Node::root(&json!({ (name): "aGVsbG8=" }))).is_err(), "{name}");
        }
    }

    #[test]
    fn a_volume_of_more_than_a_mebibyte_is_refused() {
        let body = json!({ "big": "A".repeat(1_500_000) });
        assert!(parse(&Node::root(&body)).is_err());
    }
}
