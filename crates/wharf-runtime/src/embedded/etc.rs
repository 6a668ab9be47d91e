//! The files in `/etc` that all containers of a group share (semantics.md §1, §12.4).

use std::{fmt::Write as _, net::Ipv4Addr};

use wharf_model::spec::DnsSpec;

use crate::shims::EtcFiles;

/// Contents for a group; without a DNS specification names are resolved as on the host.
pub(super) fn files(hostname: &str, address: Ipv4Addr, dns: Option<&DnsSpec>) -> EtcFiles {
    let hosts = format!("127.0.0.1\tlocalhost\n::1\tlocalhost\n{address}\t{hostname}\n");
    let resolv_conf = match dns {
        Some(dns) => resolv_conf(dns),
        None => inherited(&fs_err::read_to_string("/etc/resolv.conf").unwrap_or_default()),
    };
    EtcFiles { hosts, resolv_conf }
}

fn resolv_conf(dns: &DnsSpec) -> String {
    let mut text = String::new();
    for server in &dns.name_servers {
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

/// The host's file without servers on its loopback, which a group cannot reach.
fn inherited(host: &str) -> String {
    let is_local = |line: &&str| {
        let server = line.strip_prefix("nameserver").map(str::trim);
        server.is_some_and(|server| server.starts_with("127.") || server == "::1")
    };
    host.lines().filter(|line| !is_local(line)).fold(String::new(), |text, line| text + line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_settings_become_a_resolver_file_in_order() {
        let dns = DnsSpec {
            name_servers: vec!["10.0.0.1".to_owned(), "10.0.0.2".to_owned()],
            search_domains: Some("a.test b.test".to_owned()),
            options: Some("ndots:2".to_owned()),
        };
        let expected =
            "nameserver 10.0.0.1\nnameserver 10.0.0.2\nsearch a.test b.test\noptions ndots:2\n";
        assert_eq!(resolv_conf(&dns), expected);
    }

    #[test]
    fn a_resolver_on_the_hosts_loopback_is_left_out() {
        assert_eq!(inherited("nameserver 127.0.0.53\nsearch lan\n"), "search lan\n");
    }
}
