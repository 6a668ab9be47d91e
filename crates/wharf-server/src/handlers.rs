//! One file per operation: `<resource>/<operation>.rs`.

pub(crate) mod container_groups;
pub(crate) mod doctor;
pub(crate) mod health;
pub(crate) mod images;
pub(crate) mod operations;
pub(crate) mod resource_groups;
pub(crate) mod subscriptions;
