//! Who a container's process is: the image's `USER`, looked up in the image's own files.
//!
//! Rules as in Docker and containerd (`moby/sys/user`, `GetExecUser`): a name or a number, with an
//! optional group after a colon; a number need not be in the file.

use camino::Utf8PathBuf;

use super::{BundleError, layers};

/// A resolved user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) additional_gids: Vec<u32>,
    pub(super) home: String,
}

/// A user that the image does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("unable to find user {0}: no matching entries in passwd file")]
    User(String),
    #[error("unable to find group {0}: no matching entries in group file")]
    Group(String),
}

struct Passwd<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

struct Group<'a> {
    name: &'a str,
    gid: u32,
    members: Vec<&'a str>,
}

/// Resolves `wanted` (`""`, `user`, `uid`, `user:group` …) in the image.
pub(super) fn resolve(
    image_layers: &[Utf8PathBuf],
    wanted: &str,
) -> Result<Result<User, Refusal>, BundleError> {
    let passwd = layers::read(image_layers, "etc/passwd")?.unwrap_or_default();
    let group = layers::read(image_layers, "etc/group")?.unwrap_or_default();
    Ok(find(&passwd, &group, wanted))
}

fn find(passwd: &str, group: &str, wanted: &str) -> Result<User, Refusal> {
    let (user_part, group_part) = match wanted.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|g| !g.is_empty())),
        None => (wanted, None),
    };
    let user_part = if user_part.is_empty() { "0" } else { user_part };
    let number = user_part.parse::<u32>().ok();
    let entry = passwd
        .lines()
        .filter_map(parse_passwd)
        .find(|entry| entry.name == user_part || number.is_some_and(|number| entry.uid == number));
    let mut user = match (&entry, number) {
        (Some(entry), _) => User {
            uid: entry.uid,
            gid: entry.gid,
            additional_gids: Vec::new(),
            home: entry.home.to_owned(),
        },
        (None, Some(uid)) => User { uid, gid: 0, additional_gids: Vec::new(), home: String::new() },
        (None, None) => return Err(Refusal::User(user_part.to_owned())),
    };
    if user.home.is_empty() {
        (if user.uid == 0 { "/root" } else { "/" }).clone_into(&mut user.home);
    }
    let groups: Vec<Group<'_>> = group.lines().filter_map(parse_group).collect();
    if let Some(part) = group_part {
        let number = part.parse::<u32>().ok();
        let entry = groups.iter().find(|g| g.name == part || number.is_some_and(|n| g.gid == n));
        user.gid = match (entry, number) {
            (Some(entry), _) => entry.gid,
            (None, Some(gid)) => gid,
            (None, None) => return Err(Refusal::Group(part.to_owned())),
        };
    } else if let Some(entry) = entry {
        user.additional_gids = groups
            .iter()
            .filter(|g| g.gid != user.gid && g.members.contains(&entry.name))
            .map(|g| g.gid)
            .collect();
    }
    Ok(user)
}

/// `name:password:uid:gid:comment:home:shell`
fn parse_passwd(line: &str) -> Option<Passwd<'_>> {
    let mut fields = line.trim().split(':');
    let name = fields.next()?;
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(Passwd { name, uid, gid, home: fields.nth(1).unwrap_or_default() })
}

/// `name:password:gid:member,member`
fn parse_group(line: &str) -> Option<Group<'_>> {
    let mut fields = line.trim().split(':');
    let name = fields.next()?;
    let gid = fields.nth(1)?.parse().ok()?;
    Some(Group { name, gid, members: fields.next().unwrap_or_default().split(',').collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\nbroken\nweb:x:33:44::/srv/web:/bin/false\n";
    const GROUP: &str = "root:x:0:root\nweb:x:44:\nlog:x:50:web,root\nmail:x:51:web\n";

    fn user(uid: u32, gid: u32, additional_gids: &[u32], home: &str) -> User {
        User { uid, gid, additional_gids: additional_gids.to_vec(), home: home.to_owned() }
    }

    #[test]
    fn users_are_found_as_docker_finds_them() {
        for (wanted, expected) in [
            ("", user(0, 0, &[50], "/root")),
            ("root", user(0, 0, &[50], "/root")),
            ("web", user(33, 44, &[50, 51], "/srv/web")),
            ("33", user(33, 44, &[50, 51], "/srv/web")),
            ("web:log", user(33, 50, &[], "/srv/web")),
            ("web:7", user(33, 7, &[], "/srv/web")),
            ("1000", user(1000, 0, &[], "/")),
            ("1000:1001", user(1000, 1001, &[], "/")),
        ] {
            assert_eq!(find(PASSWD, GROUP, wanted), Ok(expected), "{wanted}");
        }
    }

    #[test]
    fn root_needs_no_files() {
        assert_eq!(find("", "", ""), Ok(user(0, 0, &[], "/root")));
    }

    #[test]
    fn unknown_names_are_refused() {
        assert_eq!(find(PASSWD, GROUP, "nobody"), Err(Refusal::User("nobody".to_owned())));
        assert_eq!(find(PASSWD, GROUP, "web:staff"), Err(Refusal::Group("staff".to_owned())));
    }
}
