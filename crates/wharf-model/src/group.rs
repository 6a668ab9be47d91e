//! A container group as the store keeps it.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    ContainerName, Generation, GroupId, GroupKey, network::PrivatePlace, operation::OperationKind,
    spec::GroupSpec, status::GroupStatus,
};

/// What the user wants the group to be doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Power {
    /// Its containers run, or have run to completion.
    Running,
    /// Nothing of it runs; it can be started again.
    Stopped,
    /// It goes away.
    Deleted,
}

/// A group: desired state, last recorded status, and what it was given.
#[derive(Clone, Debug)]
pub struct Group {
    /// Wharf's own id.
    pub id: GroupId,
    /// Where users find it.
    pub key: GroupKey,
    /// The region, short lower-case form.
    pub location: String,
    /// Counts accepted changes.
    pub generation: Generation,
    /// What it should be doing.
    pub power: Power,
    /// What it is made of.
    pub spec: Arc<GroupSpec>,
    /// The generation in which each container last changed.
    pub revisions: BTreeMap<ContainerName, Generation>,
    /// The address it was given, if it asked for one.
    pub address: Option<Ipv4Addr>,
    /// Its place in a virtual network, if it is in one.
    pub private: Option<PrivatePlace>,
    /// The normalised ARM `properties` and other members that are echoed, without any secret.
    /// Opaque to all but `wharf-arm`.
    pub document: String,
    /// Tags in the order given: a JSON object of strings, opaque to all but `wharf-arm`.
    pub tags: String,
    /// What was last found by looking.
    pub status: GroupStatus,
    /// The operation that made the present generation: its kind and whether it has ended.
    pub operation: OperationKind,
    /// Whether the present generation has settled.
    pub is_settled: bool,
    /// When the group was first created.
    pub created_at: Timestamp,
}
