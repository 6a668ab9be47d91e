//! Resource providers: built in, hence always registered.

use serde_json::Value;
use wharf_arm::{
    location::Location,
    provider::{self, Provider},
};
use wharf_model::Name;

use crate::app::App;

pub(crate) mod get;
pub(crate) mod get_at_tenant;
pub(crate) mod list;
pub(crate) mod list_at_tenant;
pub(crate) mod list_operations;
pub(crate) mod register;
pub(crate) mod unregister;

fn document(app: &App, provider: &Provider, subscription: Option<&Name>) -> Value {
    provider::render(provider, subscription, &Location::new(&app.settings.location))
}
