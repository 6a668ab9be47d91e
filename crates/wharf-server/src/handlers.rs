//! One file per operation: `<resource>/<operation>.rs`.

pub(crate) mod activity_log;
pub(crate) mod container_groups;
pub(crate) mod deployments;
pub(crate) mod dns;
pub(crate) mod doctor;
pub(crate) mod environment;
pub(crate) mod health;
pub(crate) mod images;
pub(crate) mod locations;
pub(crate) mod metadata;
pub(crate) mod metrics;
pub(crate) mod oauth;
pub(crate) mod operations;
pub(crate) mod principals;
pub(crate) mod profiles;
pub(crate) mod providers;
pub(crate) mod resource_groups;
pub(crate) mod resources;
pub(crate) mod role_assignments;
pub(crate) mod role_definitions;
pub(crate) mod sessions;
pub(crate) mod subnets;
pub(crate) mod subscriptions;
pub(crate) mod tenants;
pub(crate) mod user_assigned_identities;
