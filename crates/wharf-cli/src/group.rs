//! What people want to know of a group, out of the API's document.

use jiff::Timestamp;
use serde_json::Value;

/// Text at a JSON pointer.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// List at a JSON pointer, empty when there is none.
pub(crate) fn items<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Group state; lists do not carry it and show the provisioning state instead, as `az` does.
pub(crate) fn state(group: &Value) -> &str {
    text(group, "/properties/instanceView/state")
        .or_else(|| text(group, "/properties/provisioningState"))
        .unwrap_or("Unknown")
}

/// Init containers first, each with whether it is one.
pub(crate) fn all_containers(group: &Value) -> Vec<(bool, &Value)> {
    let init = items(group, "/properties/initContainers").iter().map(|c| (true, c));
    init.chain(items(group, "/properties/containers").iter().map(|c| (false, c))).collect()
}

/// `NAME`s of the containers that write logs.
pub(crate) fn container_names(group: &Value) -> Vec<&str> {
    items(group, "/properties/containers").iter().filter_map(|c| text(c, "/name")).collect()
}

/// Images in order, each once.
pub(crate) fn images(group: &Value) -> Vec<&str> {
    let mut images = Vec::new();
    for container in items(group, "/properties/containers") {
        if let Some(image) = text(container, "/properties/image")
            && !images.contains(&image)
        {
            images.push(image);
        }
    }
    images
}

/// `80/TCP`s of the group's address.
pub(crate) fn ports(value: &Value, pointer: &str) -> Vec<String> {
    let port = |port: &Value| {
        let number = port.get("port")?;
        let number = number.as_str().map_or_else(|| number.to_string(), str::to_owned);
        let protocol = text(port, "/protocol").unwrap_or("TCP");
        Some(format!("{number}/{}", protocol.to_uppercase()))
    };
    items(value, pointer).iter().filter_map(port).collect()
}

/// `10.88.0.2:80,443`: protocols only where they are not TCP.
pub(crate) fn address(group: &Value) -> String {
    let ports = ports(group, "/properties/ipAddress/ports").join(",").replace("/TCP", "");
    match text(group, "/properties/ipAddress/ip") {
        Some(ip) if ports.is_empty() => ip.to_owned(),
        Some(ip) => format!("{ip}:{ports}"),
        None => String::new(),
    }
}

/// Sum of a request over the containers.
fn requested(group: &Value, name: &str) -> f64 {
    let pointer = format!("/properties/resources/requests/{name}");
    let values = items(group, "/properties/containers").iter();
    // An empty sum of floats is minus zero.
    values.filter_map(|c| c.pointer(&pointer).and_then(Value::as_f64)).fold(0.0, |sum, n| sum + n)
}

/// `1 / 1.5 GB`.
pub(crate) fn size(group: &Value) -> String {
    // Sums of decimal fractions are not decimal fractions.
    let round = |value: f64| (value * 100.0).round() / 100.0;
    let (cpu, memory) = (round(requested(group, "cpu")), round(requested(group, "memoryInGB")));
    format!("{cpu} / {memory} GB")
}

/// Restarts of all containers together.
pub(crate) fn restarts(group: &Value) -> Option<u64> {
    let counts = all_containers(group).into_iter().filter_map(|(_, c)| {
        c.pointer("/properties/instanceView/restartCount").and_then(Value::as_u64)
    });
    counts.fold(None, |sum, count| Some(sum.unwrap_or(0) + count))
}

/// When the group was first heard of: the API tells no creation time, so its first event.
pub(crate) fn first_seen(group: &Value) -> Option<Timestamp> {
    let in_containers = all_containers(group)
        .into_iter()
        .flat_map(|(_, c)| items(c, "/properties/instanceView/events"));
    let events = items(group, "/properties/instanceView/events").iter().chain(in_containers);
    events.filter_map(|event| text(event, "/firstTimestamp")?.parse().ok()).min()
}

/// `42s`, `5m`, `3h`, `2d`: how long ago.
pub(crate) fn age(now: Timestamp, then: Option<Timestamp>) -> String {
    let Some(then) = then else { return String::new() };
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Resource group out of an id, which knows no case.
pub(crate) fn resource_group_of(id: &str) -> Option<&str> {
    let mut parts = id.split('/');
    parts.by_ref().find(|part| part.eq_ignore_ascii_case("resourceGroups"))?;
    parts.next()
}

/// Whether the container will not run again by itself (semantics.md §5.2).
pub(crate) fn has_ended(group: &Value, container: &str) -> bool {
    if matches!(
        text(group, "/properties/instanceView/state"),
        Some("Stopped" | "Succeeded" | "Failed")
    ) {
        return true;
    }
    let policy = text(group, "/properties/restartPolicy").unwrap_or("Always");
    let found =
        all_containers(group).into_iter().find(|(_, c)| text(c, "/name") == Some(container));
    let Some((is_init, found)) = found else { return false };
    let current = "/properties/instanceView/currentState";
    if text(found, &format!("{current}/state")) != Some("Terminated") {
        return false;
    }
    let exit_code = found.pointer(&format!("{current}/exitCode")).and_then(Value::as_i64);
    match policy {
        "Never" => true,
        "OnFailure" => exit_code == Some(0),
        _ => is_init && exit_code == Some(0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn group(policy: &str, state: &str, code: i64) -> Value {
        json!({"properties": {"restartPolicy": policy, "containers": [{"name": "a", "properties":
            {"instanceView": {"currentState": {"state": state, "exitCode": code}}}}]}})
    }

    #[test]
    fn following_ends_when_the_policy_says_so() {
        assert!(has_ended(&group("Never", "Terminated", 1), "a"));
        assert!(has_ended(&group("OnFailure", "Terminated", 0), "a"));
        assert!(!has_ended(&group("OnFailure", "Terminated", 1), "a"));
        assert!(!has_ended(&group("Always", "Terminated", 0), "a"));
        assert!(!has_ended(&group("Never", "Running", 0), "a"));
        assert!(has_ended(&json!({"properties": {"instanceView": {"state": "Stopped"}}}), "a"));
    }

    #[test]
    fn ages_are_short() {
        let now: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        let ago = |then: &str| age(now, Some(then.parse().unwrap()));
        assert_eq!(ago("2026-01-01T23:59:01Z"), "59s");
        assert_eq!(ago("2026-01-01T23:30:00Z"), "30m");
        assert_eq!(ago("2026-01-01T12:00:00Z"), "12h");
        assert_eq!(ago("2025-12-01T00:00:00Z"), "32d");
        assert_eq!(ago("2026-01-02T00:00:09Z"), "0s");
    }
}
