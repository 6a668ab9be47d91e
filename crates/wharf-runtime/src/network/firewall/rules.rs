//! The text that `nft` reads: rules that are always there, and the members of virtual networks.
//!
//! A packet between two groups of a virtual network carries the network's mark, given by the link
//! that it came in by before anything else is decided; routes and open ports are looked up with
//! it, so that networks with the same ranges never meet.

use std::{fmt::Write as _, net::Ipv4Addr};

use wharf_model::network::{Place, PrivateAddress, RuleProtocol, SecurityRule};

use super::super::{NetworkConfig, Services};

/// Where containers ask for tokens and facts.
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// All rules but the elements of sets and maps, as one batch that replaces what is there.
pub(super) fn rules(config: &NetworkConfig) -> String {
    let (table, gateway) = (config.layout.nft_table(), config.gateway());
    let pools: Vec<String> = config.pools.ranges().map(|range| range.to_string()).collect();
    let pools = format!("{{ {} }}", pools.join(", "));
    let links = format!("\"{}*\"", config.layout.veth_prefix());
    let (base, mask) = (config.mark(0), super::super::MARK_MASK);
    let of_network = format!("iifname {links} meta mark & {mask:#x} == {base:#x}");
    let chains = [
        ("from_group", ""),
        ("to_group", ""),
        ("to_host", ""),
        ("spoofed", "{ type filter hook prerouting priority raw; policy accept; }"),
        ("forward", "{ type filter hook forward priority filter; policy accept; }"),
        ("input", "{ type filter hook input priority filter; policy accept; }"),
        ("output", "{ type filter hook output priority filter; policy accept; }"),
        ("postrouting", "{ type nat hook postrouting priority srcnat; policy accept; }"),
        ("publish", ""),
        ("publish_in", "{ type nat hook prerouting priority dstnat; policy accept; }"),
        ("publish_out", "{ type nat hook output priority -100; policy accept; }"),
        ("metadata", "{ type nat hook prerouting priority dstnat; policy accept; }"),
    ];
    let mut text = format!(
        "add table inet {table}
add set inet {table} open {{ type ipv4_addr . inet_proto . inet_service; }}
add set inet {table} open6 {{ type ipv6_addr . inet_proto . inet_service; }}
add set inet {table} open_inside {{ type mark . ipv4_addr . inet_proto . inet_service; }}
add map inet {table} published {{ type inet_proto . inet_service : ipv4_addr; }}
add map inet {table} networks {{ type ifname : mark; }}
add map inet {table} inbound {{ type ifname : verdict; }}
add map inet {table} outbound {{ type ifname : verdict; }}
"
    );
    for (name, hook) in chains {
        line(&mut text, &format!("add chain inet {table} {name} {hook}"));
    }
    for (name, _) in chains.iter().filter(|(name, _)| *name != "metadata") {
        line(&mut text, &format!("flush chain inet {table} {name}"));
    }
    for rule in [
        "from_group ct state established,related accept",
        "from_group ip daddr 169.254.0.0/16 reject with icmpx port-unreachable",
        "from_group iifname vmap @outbound",
        &format!("from_group {of_network} oifname != {links} reject with icmpx port-unreachable"),
        "to_group ct state established,related accept",
        "to_group oifname vmap @inbound",
        "to_group icmp type echo-request accept",
        // Who has which address on the link.
        "to_group icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, echo-request } accept",
        "to_group ip6 daddr . meta l4proto . th dport @open6 accept",
        &format!(
            "to_group {of_network} meta mark . ip daddr . meta l4proto . th dport @open_inside accept"
        ),
        "to_group ip daddr . meta l4proto . th dport @open accept",
        "to_group meta l4proto tcp reject with tcp reset",
        "to_group reject with icmpx port-unreachable",
        "to_host ct state established,related accept",
        &format!("to_host ip daddr {gateway} icmp type echo-request accept"),
        &format!("to_host ip daddr {gateway} meta l4proto {{ tcp, udp }} th dport 53 accept"),
        &format!(
            "to_host ip daddr {gateway} ct original ip daddr {{ {METADATA}, {gateway} }} ct status dnat accept"
        ),
        "to_host meta l4proto tcp reject with tcp reset",
        "to_host meta nfproto ipv4 reject with icmpx port-unreachable",
        "to_host icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept",
        "to_host drop",
        &format!("spoofed iifname {links} ip saddr != {pools} meta mark set iifname map @networks"),
        &format!("spoofed iifname {links} fib saddr . mark . iif oif missing drop"),
        &format!("forward iifname {links} jump from_group"),
        &format!("forward oifname {links} jump to_group"),
        &format!("input iifname {links} jump to_host"),
        &format!("output oifname {links} jump to_group"),
        &format!("publish ip daddr {pools} return"),
        "publish ip daddr 127.0.0.0/8 return",
        "publish meta l4proto { tcp, udp } dnat ip to meta l4proto . th dport map @published",
        "publish_in fib daddr type local jump publish",
        "publish_out fib daddr type local jump publish",
        &format!("postrouting ip saddr {pools} oifname != {links} masquerade"),
    ] {
        line(&mut text, &format!("add rule inet {table} {rule}"));
    }
    if let Some(pool) = config.ipv6 {
        let rule = format!("postrouting ip6 saddr {} oifname != {links} masquerade", pool.range());
        line(&mut text, &format!("add rule inet {table} {rule}"));
    }
    text
}

/// Leads what groups ask of the metadata address, and of the gateway's port for HTTPS, to ports of
/// the gateway.
pub(super) fn services(config: &NetworkConfig, services: Services) -> String {
    let (table, gateway) = (config.layout.nft_table(), config.gateway());
    let links = format!("\"{}*\"", config.layout.veth_prefix());
    let mut text = format!("flush chain inet {table} metadata\n");
    for (address, port, at) in
        [(METADATA, 80, services.metadata), (gateway, 443, services.management)]
    {
        let asked = format!("iifname {links} ip daddr {address} tcp dport {port}");
        let rule = format!("add rule inet {table} metadata {asked} dnat ip to {gateway}:{at}");
        line(&mut text, &rule);
    }
    text
}

/// Makes a link one of a virtual network, with its guards.
pub(super) fn member(table: &str, link: &str, mark: u32, place: &PrivateAddress) -> String {
    let mut text = String::new();
    for chain in ["in", "out"] {
        line(&mut text, &format!("add chain inet {table} {chain}_{link}"));
        line(&mut text, &format!("flush chain inet {table} {chain}_{link}"));
    }
    // Whoever does not come from within the network meets closed ports.
    for how in ["meta l4proto tcp reject with tcp reset", "reject with icmpx port-unreachable"] {
        let rule = format!("add rule inet {table} in_{link} meta mark != {mark:#x} {how}");
        line(&mut text, &rule);
    }
    for (chain, rules, guard) in
        [("in", &place.inbound, Side::Source), ("out", &place.outbound, Side::Destination)]
    {
        for rule in rules.iter().flatten() {
            for matched in guarded(rule, place, guard) {
                line(&mut text, &format!("add rule inet {table} {chain}_{link} {matched}"));
            }
        }
    }
    line(&mut text, &format!("add element inet {table} networks {{ \"{link}\" : {mark:#x} }}"));
    for (map, chain) in [("inbound", "in"), ("outbound", "out")] {
        let element = format!("\"{link}\" : jump {chain}_{link}");
        line(&mut text, &format!("add element inet {table} {map} {{ {element} }}"));
    }
    text
}

/// Undoes [`member`].
pub(super) fn no_member(table: &str, link: &str) -> String {
    let mut text = String::new();
    for map in ["networks", "inbound", "outbound"] {
        line(&mut text, &format!("delete element inet {table} {map} {{ \"{link}\" }}"));
    }
    for chain in ["in", "out"] {
        line(&mut text, &format!("flush chain inet {table} {chain}_{link}"));
        line(&mut text, &format!("delete chain inet {table} {chain}_{link}"));
    }
    text
}

/// The side of a packet that is not the group itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Source,
    Destination,
}

/// A security rule as rules of a chain of its group; none when it is not about this group.
fn guarded(rule: &SecurityRule, place: &PrivateAddress, other: Side) -> Vec<String> {
    let (own, others) = match other {
        Side::Source => (&rule.destinations, &rule.sources),
        Side::Destination => (&rule.sources, &rule.destinations),
    };
    if !own.iter().any(|own| own.contains(place.address, &place.ranges)) {
        return Vec::new();
    }
    let field = if other == Side::Source { "saddr" } else { "daddr" };
    let network: Vec<String> = place.ranges.iter().map(ToString::to_string).collect();
    let network = network.join(", ");
    let addresses = others.iter().filter_map(|other| match other {
        Place::Any => Some(String::new()),
        Place::VirtualNetwork => Some(format!("ip {field} {{ {network} }} ")),
        Place::Internet => Some(format!("ip {field} != {{ {network} }} ")),
        Place::Nowhere => None,
        Place::Range(range) => Some(format!("ip {field} {range} ")),
    });
    let verdict = if rule.is_allowed { "return" } else { "drop" };
    let about = about(rule);
    addresses.map(|address| format!("{address}{about}{verdict}")).collect()
}

fn about(rule: &SecurityRule) -> String {
    let protocol = match rule.protocol {
        RuleProtocol::Tcp => "meta l4proto tcp ",
        RuleProtocol::Udp => "meta l4proto udp ",
        RuleProtocol::Icmp => return "meta l4proto icmp ".to_owned(),
        RuleProtocol::Any if rule.source_ports.is_empty() && rule.destination_ports.is_empty() => {
            ""
        }
        RuleProtocol::Any => "meta l4proto { tcp, udp } ",
    };
    let ports = |field: &str, ranges: &[(u16, u16)]| {
        if ranges.is_empty() {
            return String::new();
        }
        let ranges: Vec<String> = ranges
            .iter()
            .map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") })
            .collect();
        format!("th {field} {{ {} }} ", ranges.join(", "))
    };
    let (from, to) = (ports("sport", &rule.source_ports), ports("dport", &rule.destination_ports));
    format!("{protocol}{from}{to}")
}

fn line(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _infallible = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_security_rule_is_about_the_other_side() {
        let place = PrivateAddress {
            address: Ipv4Addr::new(10, 0, 0, 4),
            network: 1,
            ranges: vec!["10.0.0.0/16".parse().unwrap()],
            inbound: None,
            outbound: None,
        };
        let mut rule = SecurityRule {
            priority: 100,
            is_allowed: true,
            protocol: RuleProtocol::Tcp,
            sources: vec![Place::VirtualNetwork, Place::Range("192.0.2.0/24".parse().unwrap())],
            destinations: vec![Place::Range("10.0.0.4/32".parse().unwrap())],
            source_ports: Vec::new(),
            destination_ports: vec![(80, 80), (1000, 2000)],
        };
        assert_eq!(
            guarded(&rule, &place, Side::Source),
            [
                "ip saddr { 10.0.0.0/16 } meta l4proto tcp th dport { 80, 1000-2000 } return",
                "ip saddr 192.0.2.0/24 meta l4proto tcp th dport { 80, 1000-2000 } return",
            ]
        );
        rule.destinations = vec![Place::Range("10.0.0.5/32".parse().unwrap())];
        assert!(guarded(&rule, &place, Side::Source).is_empty(), "another group's rule");
        rule = wharf_model::network::default_rules(false)[2].clone();
        assert_eq!(guarded(&rule, &place, Side::Destination), ["drop"]);
    }
}
