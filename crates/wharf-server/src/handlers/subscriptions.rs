//! Subscriptions: there is one, made at the first start.

use serde_json::{Value, json};

use crate::app::Settings;

pub(crate) mod get;
pub(crate) mod list;

pub(super) fn document(settings: &Settings) -> Value {
    let id = settings.subscription.as_str();
    json!({
        "id": format!("/subscriptions/{id}"),
        "subscriptionId": id,
        "tenantId": settings.tenant,
        "displayName": "Wharf",
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
    })
}
