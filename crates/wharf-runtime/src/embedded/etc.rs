//! The files in `/etc` that all containers of a group share (semantics.md §1, §12.4).

use std::{fmt::Write as _, net::Ipv4Addr};

use wharf_model::spec::DnsSpec;

use crate::shims::EtcFiles;

/// The C library reads no more servers than this.
const SERVERS_MAX: usize = 3;

/// Contents for a group; `resolver` is the name server that Wharf runs, and where short names are
/// looked for unless the group says otherwise.
pub(super) fn files(
    hostname: &str,
    address: Ipv4Addr,
    (resolver, search): (Ipv4Addr, Option<&str>),
    dns: Option<&DnsSpec>,
) -> EtcFiles {
    let hosts = format!("127.0.0.1\tlocalhost\n::1\tlocalhost\n{address}\t{hostname}\n");
    let resolv_conf = if let Some(dns) = dns {
        resolv_conf(dns, resolver)
    } else {
        let search = search.map(|domain| format!("search {domain}\n")).unwrap_or_default();
        format!("nameserver {resolver}\n{search}")
    };
    EtcFiles { hosts, resolv_conf }
}

/// The servers asked for, and ours behind them, as the real service adds its own.
fn resolv_conf(dns: &DnsSpec, resolver: Ipv4Addr) -> String {
    let mut text = String::new();
    let own = resolver.to_string();
    let own = (!dns.name_servers.contains(&own)).then_some(&own);
    for server in dns.name_servers.iter().chain(own).take(SERVERS_MAX) {
        // Writing to a string cannot fail.
        let _infallible = writeln!(text, "nameserver {server}");
    }
    for (key, value) in [("search", &dns.search_domains), ("options", &dns.options)] {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            let _infallible = writeln!(text, "{key} {value}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Ipv4Addr = Ipv4Addr::new(10, 203, 0, 1);

    fn dns(servers: &[&str]) -> DnsSpec {
        DnsSpec {
            name_servers: servers.iter().map(ToString::to_string).collect(),
            search_domains: Some("a.test b.test".to_owned()),
            options: Some("ndots:2".to_owned()),
        }
    }

    #[test]
    fn dns_settings_become_a_resolver_file_in_order_with_our_server_last() {
        let expected = "nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.203.0.1\nsearch \
                        a.test b.test\noptions ndots:2\n";
        assert_eq!(resolv_conf(&dns(&["10.0.0.1", "10.0.0.2"]), OWN), expected);
        let full = resolv_conf(&dns(&["10.0.0.1", "10.0.0.2", "10.0.0.3"]), OWN);
        assert!(!full.contains("10.203.0.1"), "{full}");
        assert_eq!(resolv_conf(&dns(&["10.203.0.1"]), OWN).matches("nameserver").count(), 1);
    }

    #[test]
    fn without_settings_our_server_is_the_only_one() {
        let files = files("web", Ipv4Addr::new(10, 203, 0, 9), (OWN, None), None);
        assert_eq!(files.resolv_conf, "nameserver 10.203.0.1\n");
        assert!(files.hosts.ends_with("10.203.0.9\tweb\n"));
    }
}
