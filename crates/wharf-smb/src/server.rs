//! Where the shares of an account are.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The port of SMB.
const PORT: u16 = 445;

/// An SMB server, and where on it the shares of an account are: `host[:port][/share[/folder…]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    host: String,
    port: u16,
    /// A share of the server and folders in it; nothing: shares have names of their own.
    prefix: Vec<String>,
}

/// One share: a server's share, or a folder in one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// A name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The server's share.
    pub share: String,
    /// The folder in it that is mounted, with `/`; empty: all of it.
    pub folder: String,
}

impl Server {
    /// What `host[:port][/share[/folder…]]` names; `None`: it names no server.
    pub fn parse(text: &str) -> Option<Self> {
        let (authority, path) = text.split_once('/').unwrap_or((text, ""));
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                (host, rest.strip_prefix(':'))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = port.map_or(Some(PORT), |port| port.parse().ok())?;
        let prefix: Vec<String> =
            path.split('/').filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect();
        let is_plain = is_plain(host) && prefix.iter().all(|name| is_plain(name));
        is_plain.then(|| Self { host: host.to_owned(), port, prefix })
    }

    /// The server of a host's own name, with shares of their own names.
    pub fn of_host(host: String) -> Self {
        Self { host, port: PORT, prefix: Vec::new() }
    }

    /// Where the share of an account is; `None`: the name is none that leads just there.
    pub fn locate(&self, share: &str) -> Option<Location> {
        if !is_plain(share) {
            return None;
        }
        let mut names = self.prefix.iter().map(String::as_str).chain([share]);
        let first = names.next().unwrap_or(share).to_owned();
        Some(Location {
            host: self.host.clone(),
            port: self.port,
            share: first,
            folder: names.collect::<Vec<_>>().join("/"),
        })
    }
}

impl Location {
    /// `host:port`, as programs connect to it.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Whether all parts are such that they lead where they seem to.
    pub fn is_plain(&self) -> bool {
        let folders = self.folder.split('/').filter(|name| !name.is_empty());
        is_plain(&self.host) && is_plain(&self.share) && folders.clone().all(is_plain)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "//{before}{}{after}", self.host)?;
        if self.port != PORT {
            write!(f, ":{}", self.port)?;
        }
        write!(f, "/{}", self.share)?;
        if self.folder.is_empty() { Ok(()) } else { write!(f, "/{}", self.folder) }
    }
}

/// One name: no separators, nothing that an option of a mount could end with.
fn is_plain(name: &str) -> bool {
    let is_odd = |c: char| c.is_control() || matches!(c, '/' | '\\' | ',');
    !name.is_empty() && name != "." && name != ".." && !name.contains(is_odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located(server: &str, share: &str) -> String {
        Server::parse(server).unwrap().locate(share).unwrap().to_string()
    }

    #[test]
    fn a_share_is_found_by_its_own_name_or_below_a_prefix() {
        assert_eq!(located("nas", "docs"), "//nas/docs");
        assert_eq!(located("10.0.0.5:1445", "docs"), "//10.0.0.5:1445/docs");
        assert_eq!(located("nas/export", "docs"), "//nas/export/docs");
        let deep = Server::parse("[fd00::1]:1445/export/a/").unwrap().locate("docs").unwrap();
        assert_eq!((deep.share.as_str(), deep.folder.as_str()), ("export", "a/docs"));
        assert_eq!(deep.address(), "[fd00::1]:1445");
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for text in ["", ":445", "nas:x", "nas/../etc", "nas,uid=0/x", "[::1", "na\\s"] {
            assert!(Server::parse(text).is_none(), "{text}");
        }
        let server = Server::of_host("nas".to_owned());
        for share in ["", "..", "a/b", "a\\b", "a,b", "a\nb"] {
            assert_eq!(server.locate(share), None, "{share}");
        }
    }
}
