//! What Samba is told. Every account has a file of its own that is read for its user only, so that
//! two accounts may have shares of one name.

use camino::{Utf8Path, Utf8PathBuf};

/// Samba's own configuration.
pub(super) const SMB_CONF: &str = "/etc/samba/smb.conf";
/// Where ours is.
pub(super) const DIRECTORY: &str = "/etc/samba/wharf";
/// What has Samba read it.
pub(super) const INCLUDE: &str = "include = /etc/samba/wharf/wharf.conf";
/// How users are made that can do nothing but this: Samba has passwords of users of the host only.
pub(super) const USER_ADD: [&str; 7] = [
    "--system",
    "--no-create-home",
    "--no-user-group",
    "--gid",
    "nogroup",
    "--shell",
    "/usr/sbin/nologin",
];

/// The same for all shares: what is made belongs to root and is open to all, as by REST; links that
/// containers make lead nowhere; nothing is kept in attributes of files.
const RIGHTS: &str = "force user = root
force group = root
read only = no
create mask = 0777
force create mode = 0777
directory mask = 0777
force directory mode = 0777
follow symlinks = no
wide links = no
ea support = no
nt acl support = no
store dos attributes = no
map archive = no
smb encrypt = required
";

/// A storage account.
pub(super) struct Account {
    /// Its path in the API.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) shares: Vec<String>,
}

/// An account and the key that opens it. Has no `Debug`: it holds a secret.
pub(super) struct Login<'a> {
    pub(super) account: &'a Account,
    pub(super) key: String,
}

impl Account {
    /// The host's user that stands for it.
    pub(super) fn user(&self) -> String {
        user(&self.name)
    }
}

/// The host's user that stands for an account; no account's name is one that the host has already.
pub(super) fn user(account: &str) -> String {
    format!("wharf-{account}")
}

/// A file of the configuration.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) path: Utf8PathBuf,
    pub(super) text: String,
}

/// All files, in the order in which they are written.
pub(super) fn files(accounts: &[Account], data: &Utf8Path) -> Vec<File> {
    let directory = Utf8Path::new(DIRECTORY);
    let mut files = vec![
        File {
            path: directory.join("users"),
            text: accounts.iter().fold(String::new(), |text, account| {
                text + &format!("{} = {}\n", account.user(), account.name)
            }),
        },
        File {
            path: directory.join("wharf.conf"),
            text: format!(
                "[global]\nsecurity = user\nmap to guest = never\n\
                 username map = {DIRECTORY}/users\ninclude = {DIRECTORY}/accounts/%U.conf\n"
            ),
        },
    ];
    for account in accounts {
        let sections = account.shares.iter().map(|share| {
            let tree = data.join("shares").join(&account.name).join(share).join("tree");
            format!("[{share}]\npath = {tree}\nvalid users = {}\n{RIGHTS}", account.user())
        });
        let path = directory.join("accounts").join(format!("{}.conf", account.name));
        files.push(File { path, text: sections.collect() });
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_account_has_its_shares_to_itself() {
        let account = |name: &str, shares: &[&str]| Account {
            id: String::new(),
            name: name.to_owned(),
            shares: shares.iter().map(ToString::to_string).collect(),
        };
        let accounts = [account("one", &["data", "more"]), account("two", &["data"])];
        let files = files(&accounts, "/var/lib/wharf".into());
        let text = |name: &str| {
            let file = files.iter().find(|file| file.path.as_str().ends_with(name)).unwrap();
            file.text.as_str()
        };
        assert_eq!(text("/users"), "wharf-one = one\nwharf-two = two\n");
        assert!(text("wharf.conf").ends_with("include = /etc/samba/wharf/accounts/%U.conf\n"));
        assert!(text("accounts/one.conf").contains(
            "[more]\npath = /var/lib/wharf/shares/one/more/tree\nvalid users = wharf-one\n"
        ));
        assert!(text("accounts/two.conf").contains("follow symlinks = no\n"));
    }
}
