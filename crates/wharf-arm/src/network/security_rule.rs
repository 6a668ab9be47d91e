//! `Microsoft.Network/networkSecurityGroups/securityRules`, and the default rules, alone and in the
//! body of their group.

use ipnet::Ipv4Net;
use serde_json::{Map, Value, json};
use wharf_model::{
    Error, Name, ResourceKey,
    network::{Direction, NamedRule, Place, RuleProtocol, SecurityRule},
};

use super::{DEFAULT_RULE, SECURITY_RULE, check_name, object, refuse};
use crate::{node::Node, resource_id};

/// Names of parts of the world that are known.
const PLACES: &[(&str, Place)] = &[
    ("*", Place::Any),
    ("Any", Place::Any),
    ("VirtualNetwork", Place::VirtualNetwork),
    ("Internet", Place::Internet),
    ("AzureLoadBalancer", Place::Nowhere),
];

/// Name, description, access, priority, source and destination of what every group has.
const DEFAULTS: &[(&str, &str, &str, u16, &str, &str, &str)] = &[
    (
        "AllowVnetInBound",
        "Allow inbound traffic from all VMs in VNET",
        "Allow",
        65000,
        "Inbound",
        "VirtualNetwork",
        "VirtualNetwork",
    ),
    (
        "AllowAzureLoadBalancerInBound",
        "Allow inbound traffic from azure load balancer",
        "Allow",
        65001,
        "Inbound",
        "AzureLoadBalancer",
        "*",
    ),
    ("DenyAllInBound", "Deny all inbound traffic", "Deny", 65500, "Inbound", "*", "*"),
    (
        "AllowVnetOutBound",
        "Allow outbound traffic from all VMs to all VMs in VNET",
        "Allow",
        65000,
        "Outbound",
        "VirtualNetwork",
        "VirtualNetwork",
    ),
    (
        "AllowInternetOutBound",
        "Allow outbound traffic from all VMs to Internet",
        "Allow",
        65001,
        "Outbound",
        "*",
        "Internet",
    ),
    ("DenyAllOutBound", "Deny all outbound traffic", "Deny", 65500, "Outbound", "*", "*"),
];

/// Reads the body of a PUT.
pub fn parse_body(body: &Value, name: &Name) -> Result<NamedRule, Error> {
    parse(&Node::root(body), Some(name))
}

pub(super) fn parse(node: &Node<'_>, name: Option<&Name>) -> Result<NamedRule, Error> {
    node.object()?;
    let name = match name {
        Some(name) => name.clone(),
        None => Name::new(node.require("name")?.text()?),
    };
    check_name(name.as_str())?;
    let properties = node.require("properties")?;
    properties.object()?;
    refuse(
        &properties,
        &["sourceApplicationSecurityGroups", "destinationApplicationSecurityGroups"],
        "there are no application security groups",
    )?;
    let mut kept = Map::new();
    kept.insert("provisioningState".to_owned(), json!("Succeeded"));
    if let Some(description) = properties.get("description") {
        kept.insert("description".to_owned(), json!(description.text()?));
    }
    let protocol = one_of(&properties, "protocol", &["*", "Tcp", "Udp", "Icmp"], &mut kept)?;
    let source_ports = ports(&properties, "sourcePortRange", &mut kept)?;
    let destination_ports = ports(&properties, "destinationPortRange", &mut kept)?;
    let sources = places(&properties, ["sourceAddressPrefix", "sourceAddressPrefixes"], &mut kept)?;
    let destinations =
        places(&properties, ["destinationAddressPrefix", "destinationAddressPrefixes"], &mut kept)?;
    let access = one_of(&properties, "access", &["Allow", "Deny"], &mut kept)?;
    let priority = priority(&properties, &mut kept)?;
    let direction = one_of(&properties, "direction", &["Inbound", "Outbound"], &mut kept)?;
    let rule = SecurityRule {
        priority,
        is_allowed: access == "Allow",
        protocol: match protocol {
            "Tcp" => RuleProtocol::Tcp,
            "Udp" => RuleProtocol::Udp,
            "Icmp" => RuleProtocol::Icmp,
            _ => RuleProtocol::Any,
        },
        sources,
        destinations,
        source_ports,
        destination_ports,
    };
    let direction = if direction == "Inbound" { Direction::Inbound } else { Direction::Outbound };
    Ok(NamedRule { name, direction, rule, echoed: Value::Object(kept).to_string() })
}

fn one_of(
    properties: &Node<'_>,
    name: &str,
    known: &[&'static str],
    kept: &mut Map<String, Value>,
) -> Result<&'static str, Error> {
    let node = properties.require(name)?;
    let Some(found) = node.one_of(known) else {
        let message = format!(
            "Security rule parameter {name} has the unsupported value {}. Supported values are \
             {}.",
            node.value,
            known.join(", ")
        );
        return Err(Error::invalid(
            "SecurityRuleParameterContainsUnsupportedValue",
            message,
            &node.path,
        ));
    };
    kept.insert(name.to_owned(), json!(found));
    Ok(found)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked before"
)]
fn priority(properties: &Node<'_>, kept: &mut Map<String, Value>) -> Result<u16, Error> {
    let node = properties.require("priority")?;
    let number = node.number()?;
    if (100.0..=4096.0).contains(&number) && number.fract() == 0.0 {
        kept.insert("priority".to_owned(), json!(number as u16));
        return Ok(number as u16);
    }
    let message = format!(
        "Security rule has invalid Priority. Value provided: {} Allowed range 100-4096.",
        node.value
    );
    Err(Error::invalid("SecurityRuleInvalidPriority", message, &node.path))
}

/// The values of a property and of its plural, at least one.
fn values<'a>(
    properties: &Node<'a>,
    [one, many]: [&str; 2],
    kept: &mut Map<String, Value>,
) -> Result<Vec<Node<'a>>, Error> {
    let single = properties.get(one).filter(|node| node.value != &json!(""));
    let several = properties.list(many)?;
    let texts: Vec<String> = several.iter().map(Node::loose_text).collect::<Result<_, _>>()?;
    kept.insert(many.to_owned(), json!(texts));
    if let Some(single) = single {
        kept.insert(one.to_owned(), json!(single.loose_text()?));
        return Ok([vec![single], several].concat());
    }
    if several.is_empty() {
        let message = format!("Security rule must specify {one} or {many}.");
        let path =
            properties.require(one).map_or_else(|error| error.target, |node| Some(node.path));
        let target = path.unwrap_or_default();
        return Err(Error::invalid("SecurityRuleParameterNotSpecified", message, &target));
    }
    Ok(several)
}

/// Ranges of ports; none for all.
fn ports(
    properties: &Node<'_>,
    name: &str,
    kept: &mut Map<String, Value>,
) -> Result<Vec<(u16, u16)>, Error> {
    let mut ranges = Vec::new();
    for node in values(properties, [name, &format!("{name}s")], kept)? {
        let text = node.loose_text()?;
        let text = text.trim();
        if text == "*" {
            return Ok(Vec::new());
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (first.trim().parse::<u16>(), last.trim().parse::<u16>()) {
            (Ok(first), Ok(last)) if first <= last => ranges.push((first, last)),
            _ => {
                let message = format!(
                    "Security rule has invalid Port range. Value provided: {text}. Value should be \
                     an integer OR integer range with '-' delimiter. Valid range 0-65535."
                );
                return Err(Error::invalid("SecurityRuleInvalidPortRange", message, &node.path));
            }
        }
    }
    Ok(ranges)
}

fn places(
    properties: &Node<'_>,
    names: [&str; 2],
    kept: &mut Map<String, Value>,
) -> Result<Vec<Place>, Error> {
    values(properties, names, kept)?.iter().map(place).collect()
}

fn place(node: &Node<'_>) -> Result<Place, Error> {
    let text = node.text()?.trim();
    if let Some((_, known)) = PLACES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        return Ok(*known);
    }
    let address = || text.parse::<std::net::Ipv4Addr>().ok().map(Ipv4Net::from);
    if let Some(range) = text.parse::<Ipv4Net>().ok().or_else(address) {
        return Ok(Place::Range(range.trunc()));
    }
    let message = format!(
        "Security rule has invalid Address prefix. Value provided: {text}. It must be an IPv4 \
         address or range, '*', or one of the service tags that Wharf knows: VirtualNetwork, \
         Internet, AzureLoadBalancer."
    );
    Err(Error::invalid("SecurityRuleInvalidAddressPrefix", message, &node.path))
}

/// The document of a rule of a security group.
pub fn render(group: &ResourceKey, rule: &NamedRule, etag: &str) -> Value {
    document(group, (SECURITY_RULE, rule.name.as_str()), &object(&rule.echoed).into(), etag)
}

/// The documents of the rules that every security group has.
pub fn defaults(group: &ResourceKey, etag: &str) -> Vec<Value> {
    let render = |&(name, description, access, priority, direction, source, destination): &(
        &str,
        &str,
        &str,
        u16,
        &str,
        &str,
        &str,
    )| {
        let properties = json!({
            "provisioningState": "Succeeded",
            "description": description,
            "protocol": "*",
            "sourcePortRange": "*",
            "destinationPortRange": "*",
            "sourceAddressPrefix": source,
            "destinationAddressPrefix": destination,
            "access": access,
            "priority": priority,
            "direction": direction,
            "sourcePortRanges": [],
            "destinationPortRanges": [],
            "sourceAddressPrefixes": [],
            "destinationAddressPrefixes": [],
        });
        document(group, (DEFAULT_RULE, name), &properties, etag)
    };
    DEFAULTS.iter().map(render).collect()
}

fn document(
    group: &ResourceKey,
    (kind, name): (&str, &str),
    properties: &Value,
    etag: &str,
) -> Value {
    let part = kind.rsplit('/').next().unwrap_or_default();
    json!({
        "name": name,
        "id": format!("{}/{part}/{name}", resource_id::resource(group)),
        "etag": etag,
        "type": kind,
        "properties": properties,
    })
}

#[cfg(test)]
mod tests {
    use wharf_model::network::default_rules;

    use super::{
        super::{SECURITY_GROUP, tests::key},
        *,
    };

    fn body() -> Value {
        json!({
            "protocol": "tcp", "access": "deny", "direction": "inbound", "priority": 200,
            "sourceAddressPrefixes": ["10.0.0.5", "virtualNetwork"], "sourcePortRange": "*",
            "destinationAddressPrefix": "*", "destinationPortRanges": ["80", "8000-8080"],
        })
    }

    fn read(name: &str, value: Value) -> Result<NamedRule, Error> {
        let mut properties = body();
        properties[name] = value;
        parse_body(&json!({ "properties": properties }), &"r".into())
    }

    #[test]
    fn a_rule_is_read_and_can_be_sent_back() {
        let rule = read("description", json!("no")).unwrap();
        assert_eq!(rule.direction, Direction::Inbound);
        let says = &rule.rule;
        assert!(!says.is_allowed);
        assert_eq!(says.sources[0], Place::Range("10.0.0.5/32".parse().unwrap()));
        assert_eq!(says.sources[1], Place::VirtualNetwork);
        assert_eq!(
            (&says.source_ports, &says.destination_ports),
            (&vec![], &vec![(80, 80), (8000, 8080)])
        );
        let document = render(&key(SECURITY_GROUP, "n"), &rule, "e");
        assert_eq!(document["properties"]["protocol"], "Tcp");
        assert_eq!(parse_body(&document, &"r".into()).unwrap(), rule);
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (name, value, code) in [
            ("priority", json!(99), "SecurityRuleInvalidPriority"),
            ("protocol", json!("Esp"), "SecurityRuleParameterContainsUnsupportedValue"),
            ("destinationPortRanges", json!(["90-80"]), "SecurityRuleInvalidPortRange"),
            ("destinationPortRanges", json!([]), "SecurityRuleParameterNotSpecified"),
            ("sourceAddressPrefixes", json!(["Storage"]), "SecurityRuleInvalidAddressPrefix"),
            ("access", Value::Null, "InvalidRequestContent"),
            ("sourceApplicationSecurityGroups", json!([{ "id": "/x" }]), "FeatureNotSupported"),
        ] {
            assert_eq!(read(name, value).unwrap_err().code, code, "{name}");
        }
    }

    #[test]
    fn the_default_rules_are_told_as_they_are_enforced() {
        let told = defaults(&key(SECURITY_GROUP, "n"), "e");
        let mut read: Vec<SecurityRule> = Vec::new();
        for document in &told {
            // Their priorities are beyond what a user can ask for.
            let mut own = document.clone();
            own["properties"]["priority"] = json!(100);
            let mut rule = parse_body(&own, &"r".into()).unwrap().rule;
            rule.priority =
                u16::try_from(document["properties"]["priority"].as_u64().unwrap()).unwrap();
            read.push(rule);
        }
        assert_eq!(read, [default_rules(true), default_rules(false)].concat());
    }
}
