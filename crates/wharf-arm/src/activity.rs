//! `Microsoft.Insights/eventtypes/management`: the activity log.

use jiff::Timestamp;
use serde_json::{Value, json};
use wharf_model::{
    Error,
    access::{Activity, covers},
};

use crate::time;

/// Which entries are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    resource_group: Option<String>,
    resource: Option<String>,
    correlation: Option<String>,
    caller: Option<String>,
}

impl Query {
    /// Everything.
    pub fn all() -> Self {
        Self {
            from: Timestamp::UNIX_EPOCH,
            to: Timestamp::MAX,
            resource_group: None,
            resource: None,
            correlation: None,
            caller: None,
        }
    }

    /// Reads `$filter`: terms joined by `and`, as the portal and `az` write them.
    pub fn parse(filter: Option<&str>) -> Result<Self, Error> {
        let mut query = Self::all();
        let Some(filter) = filter else { return Ok(query) };
        for term in filter.split(" and ").map(str::trim).filter(|term| !term.is_empty()) {
            let words: Vec<&str> = term.splitn(3, ' ').collect();
            let [name, operator, value] = words.as_slice() else { return Err(wrong(term)) };
            let value = value.trim().trim_matches('\'');
            let time = || value.parse::<Timestamp>().map_err(|_| wrong(term));
            let text = || Some(value.to_owned());
            match (name.to_ascii_lowercase().as_str(), operator.to_ascii_lowercase().as_str()) {
                ("eventtimestamp", "ge") => query.from = time()?,
                ("eventtimestamp", "le") => query.to = time()?,
                ("resourcegroupname", "eq") => query.resource_group = text(),
                ("resourceuri" | "resourceid", "eq") => query.resource = text(),
                ("correlationid", "eq") => query.correlation = text(),
                ("caller", "eq") => query.caller = text(),
                // What everything here is.
                ("eventchannels" | "resourceprovider" | "status" | "levels", "eq") => {}
                _ => return Err(wrong(term)),
            }
        }
        Ok(query)
    }

    /// Whether an entry is asked for.
    pub fn matches(&self, entry: &Activity) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(found))
        };
        let resource = self.resource.as_ref();
        is(&self.resource_group, resource_group(&entry.resource).unwrap_or_default())
            && resource.is_none_or(|wanted| covers(wanted, &entry.resource))
            && is(&self.correlation, &entry.correlation)
            && is(&self.caller, &entry.caller)
    }
}

fn wrong(term: &str) -> Error {
    let message = format!("The term '{term}' of the filter is not understood.");
    Error::invalid("InvalidFilterInQueryString", message, "$filter")
}

fn resource_group(resource: &str) -> Option<&str> {
    let mut segments = resource.split('/').filter(|segment| !segment.is_empty()).skip(2);
    let kind = segments.next()?;
    segments.next().filter(|_| kind.eq_ignore_ascii_case("resourceGroups"))
}

/// An entry as Azure shows it.
pub fn render(entry: &Activity, (tenant, subscription): (&str, &str)) -> Value {
    let at = time::millis(entry.at);
    let word = |value: &str| json!({ "value": value, "localizedValue": value });
    let has_failed = entry.status >= 400;
    let (status, level) =
        if has_failed { ("Failed", "Error") } else { ("Succeeded", "Informational") };
    let id = format!("{}/events/{}/ticks/{}", entry.resource, entry.id, entry.at.as_millisecond());
    json!({
        "id": id,
        "eventDataId": entry.id,
        "correlationId": entry.correlation,
        "operationId": entry.correlation,
        "caller": entry.caller,
        "claims": { "oid": entry.principal },
        "channels": "Operation",
        "category": word("Administrative"),
        "level": level,
        "eventName": word("EndRequest"),
        "operationName": word(&entry.action),
        "resourceId": entry.resource,
        "resourceGroupName": resource_group(&entry.resource).unwrap_or_default(),
        "resourceProviderName": word(entry.action.split('/').next().unwrap_or_default()),
        "status": word(status),
        "subStatus": word(&entry.status.to_string()),
        "eventTimestamp": at,
        "submissionTimestamp": at,
        "subscriptionId": subscription,
        "tenantId": tenant,
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn filters_select_and_what_is_not_understood_is_refused() {
        let entry = Activity {
            id: Uuid::nil(),
            at: Timestamp::UNIX_EPOCH,
            caller: "c".into(),
            principal: None,
            action: "Microsoft.ContainerInstance/containerGroups/write".into(),
            resource: "/subscriptions/s/resourceGroups/RG/providers/x/y/z".into(),
            status: 403,
            correlation: "k".into(),
        };
        let matches = |filter: &str| Query::parse(Some(filter)).unwrap().matches(&entry);
        assert!(matches("resourceGroupName eq 'rg'") && !matches("resourceGroupName eq 'other'"));
        assert!(matches("eventTimestamp ge '2026-01-01T00:00:00Z' and correlationId eq 'K'"));
        assert!(!matches("caller eq 'd'") && Query::all().matches(&entry));
        let error = Query::parse(Some("size gt 3")).unwrap_err();
        assert_eq!(error.target.as_deref(), Some("$filter"));
        let document = render(&entry, ("t", "s"));
        assert_eq!(document["status"]["value"], "Failed");
        assert_eq!(document["resourceGroupName"], "RG");
    }
}
