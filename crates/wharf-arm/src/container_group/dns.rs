//! Name resolution inside the group (semantics.md §12.4).

use serde_json::{Value, json};
use wharf_model::{Error, spec::DnsSpec};

use crate::node::Node;

pub(super) fn parse(properties: &Node<'_>) -> Result<(Option<DnsSpec>, Option<Value>), Error> {
    let Some(node) = properties.get("dnsConfig") else { return Ok((None, None)) };
    let mut name_servers = Vec::new();
    for server in node.require("nameServers")?.items()? {
        let text = server.text()?;
        if text.parse::<std::net::IpAddr>().is_err() {
            return Err(server.invalid("must be an IP address"));
        }
        name_servers.push(text.to_owned());
    }
    let text = |name: &str| -> Result<Option<String>, Error> {
        let Some(node) = node.get(name) else { return Ok(None) };
        let text = node.text()?;
        if text.contains(['\n', '\r']) {
            return Err(node.invalid("must be one line"));
        }
        Ok(Some(text.to_owned()))
    };
    let (search_domains, options) = (text("searchDomains")?, text("options")?);
    let mut document = json!({ "nameServers": name_servers });
    for (name, value) in [("searchDomains", &search_domains), ("options", &options)] {
        if let Some(value) = value {
            document[name] = json!(value);
        }
    }
    Ok((Some(DnsSpec { name_servers, search_domains, options }), Some(document)))
}
