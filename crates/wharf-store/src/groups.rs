//! Container groups: accepting requests, recording what was found, forgetting.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc, time::Duration};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use wharf_model::{
    ContainerName, Error, Generation, GroupId, GroupKey, Name, OperationId, ResourceGroupKey,
    backend::Desired,
    change::{Decision, Next},
    event::Occurrence,
    group::{Group, Power},
    network::PrivatePlace,
    operation::{Operation, OperationKind, OperationState},
    status::GroupStatus,
};

use crate::{
    AcceptError, SealKey, Store, StoreConfig, StoreError, addresses, dns_names, error::sql, events,
    host_ports, operations, private_addresses, reservations, resource_groups, rows,
};

/// Ids for what a request may make.
#[derive(Clone, Debug)]
pub struct NewIds {
    /// For a group that is new.
    pub group: GroupId,
    /// For the operation.
    pub operation: OperationId,
}

/// An accepted request.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The group as it is now.
    pub group: Group,
    /// What to poll; `None` when nothing changed but tags at most.
    pub operation: Option<Operation>,
    /// Whether the group was not there before.
    pub is_new: bool,
}

/// Which groups to list.
#[derive(Clone, Debug)]
pub enum Filter {
    /// Those of a subscription.
    Subscription(Name),
    /// Those of a resource group.
    ResourceGroup(ResourceGroupKey),
}

impl Filter {
    /// Subscription and resource group as they stand in columns.
    pub(crate) fn folded(&self) -> (String, Option<String>) {
        match self {
            Self::Subscription(subscription) => (subscription.folded(), None),
            Self::ResourceGroup(key) => (key.subscription.folded(), Some(key.name.folded())),
        }
    }
}

const SELECT: &str =
    "SELECT groups.*, addresses.address, network, private_addresses.address AS private_address
     FROM groups LEFT JOIN addresses ON addresses.group_id = groups.id
     LEFT JOIN private_addresses ON private_addresses.group_id = groups.id";
const LIVE: &str = r#"power <> '"Deleted"'"#;

impl Store {
    /// Takes a decision about a group and writes what follows from it: desired state, generation,
    /// operation and address, in one transaction.
    pub fn accept(
        &self,
        now: Timestamp,
        key: &GroupKey,
        ids: NewIds,
        decide: impl FnOnce(Option<&Group>) -> Result<Decision, Error>,
    ) -> Result<Accepted, AcceptError> {
        self.transact("accept a request", |tx| {
            let home = resource_groups::find(tx, &key.resource_group)?.ok_or_else(|| {
                AcceptError::Refused(resource_groups::not_found(&key.resource_group))
            })?;
            let current = find(tx, &self.inner.config.key, key)?;
            if home.is_deleting && current.is_none() {
                return Err(AcceptError::Refused(resource_groups::being_deleted(
                    &key.resource_group,
                )));
            }
            let id = current.as_ref().map_or(ids.group, |group| group.id.clone());
            let decision = decide(current.as_ref()).map_err(AcceptError::Refused)?;
            let operation = match decision {
                Decision::Keep => None,
                Decision::Tags(tags) => {
                    tx.execute("UPDATE groups SET tags = ? WHERE id = ?", [&tags, id.as_str()])
                        .map_err(sql("replace tags"))?;
                    None
                }
                Decision::Write(next) => {
                    if current.is_none() {
                        insert(tx, now, &id, key)?;
                    }
                    let config = &self.inner.config;
                    Some(write(tx, config, now, &id, current.as_ref(), (&next, ids.operation))?)
                }
            };
            let group = find_by_id(tx, &self.inner.config.key, &id)?
                .ok_or_else(|| AcceptError::Refused(not_found(key)))?;
            Ok(Accepted { group, operation, is_new: current.is_none() })
        })
    }

    /// The live group of that name.
    pub fn group(&self, key: &GroupKey) -> Result<Option<Group>, StoreError> {
        self.read(|connection| find(connection, &self.inner.config.key, key))
    }

    /// The group of that id, live or going away.
    pub fn group_by_id(&self, id: &GroupId) -> Result<Option<Group>, StoreError> {
        self.read(|connection| find_by_id(connection, &self.inner.config.key, id))
    }

    /// Reserves for groups that were accepted before there were reservations.
    pub(crate) fn backfill_reservations(&self) -> Result<(), StoreError> {
        for id in self.group_ids()? {
            self.transact("reserve resources", |tx| {
                match find_by_id(tx, &self.inner.config.key, &id)? {
                    Some(group) => reservations::backfill(tx, &group),
                    None => Ok(()),
                }
            })?;
        }
        Ok(())
    }

    /// All groups, live or going away.
    pub fn group_ids(&self) -> Result<Vec<GroupId>, StoreError> {
        self.read(|connection| {
            let failed = sql("list group ids");
            let mut select = connection
                .prepare_cached("SELECT id FROM groups ORDER BY created_at, id")
                .map_err(&failed)?;
            let rows = select.query_map([], |row| row.get::<_, String>(0)).map_err(&failed)?;
            let ids: Vec<String> = rows.collect::<Result<_, _>>().map_err(&failed)?;
            Ok(ids.iter().filter_map(|id| GroupId::parse(id)).collect())
        })
    }

    /// The groups that should be running, each with the names of its containers.
    pub fn container_names(&self) -> Result<Vec<(GroupId, Vec<ContainerName>)>, StoreError> {
        self.read(|connection| {
            let failed = sql("list containers");
            let text = r#"SELECT id, revisions FROM groups WHERE power = '"Running"'"#;
            let mut select = connection.prepare_cached(text).map_err(&failed)?;
            let rows: Vec<(String, String)> = select
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
                .and_then(Iterator::collect)
                .map_err(&failed)?;
            let names = |(id, revisions): (String, String)| {
                let id = GroupId::parse(&id)?;
                Some(rows::from_json("revisions", &revisions).map(
                    |all: BTreeMap<ContainerName, Generation>| (id, all.into_keys().collect()),
                ))
            };
            rows.into_iter().filter_map(names).collect()
        })
    }

    /// Live groups ordered by resource group and name, from after a place in that order.
    pub fn list_groups(
        &self,
        filter: &Filter,
        after: Option<&(String, String)>,
        limit: u32,
    ) -> Result<Vec<Group>, StoreError> {
        let (subscription, resource_group) = filter.folded();
        let (after_home, after_name) = after.cloned().unwrap_or_default();
        self.read(|connection| {
            let failed = sql("list groups");
            let text = format!(
                "{SELECT} WHERE {LIVE} AND subscription = ?1
                 AND (?2 IS NULL OR resource_group = ?2)
                 AND (resource_group, name_key) > (?3, ?4)
                 ORDER BY resource_group, name_key LIMIT ?5"
            );
            let mut select = connection.prepare_cached(&text).map_err(&failed)?;
            let params = params![subscription, resource_group, after_home, after_name, limit];
            let raws = select
                .query_map(params, Raw::read)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(&failed)?;
            raws.into_iter().map(|raw| raw.parse(&self.inner.config.key)).collect()
        })
    }

    /// The group as a backend is to make it; `grace` is how long its containers may take to end.
    pub fn desired(&self, id: &GroupId, grace: Duration) -> Result<Option<Desired>, StoreError> {
        let seal = &self.inner.config.key;
        let found = self.read(|connection| {
            let Some(raw) = raw_by_id(connection, id)? else { return Ok(None) };
            let is_from_earlier_boot = raw.status_boot != self.inner.config.boot_id;
            let group = raw.parse(seal)?;
            let subnet = group.spec.subnet.as_ref();
            let private = private_addresses::find(connection, seal, id, subnet)?;
            Ok(Some((group, private, is_from_earlier_boot)))
        })?;
        let Some((group, private, is_from_earlier_boot)) = found else { return Ok(None) };
        Ok(Some(Desired {
            id: group.id,
            key: group.key,
            generation: group.generation,
            power: group.power,
            spec: group.spec,
            revisions: group.revisions,
            address: group.address,
            private,
            grace,
            recorded: group.status,
            is_from_earlier_boot,
        }))
    }

    /// Records what a pass found for a generation. What is no longer current is ignored; a
    /// generation that has settled stays so, and its operation has succeeded.
    pub fn record(
        &self,
        now: Timestamp,
        id: &GroupId,
        generation: Generation,
        found: (&GroupStatus, bool),
        occurrences: &[Occurrence],
    ) -> Result<(), StoreError> {
        let (status, is_settled) = found;
        let text = rows::json("status", status)?;
        self.transact("record a status", |tx| {
            let changed = tx
                .prepare_cached(
                    "UPDATE groups SET status = ?, status_boot = ?, is_settled = is_settled OR ?
                     WHERE id = ? AND generation = ?",
                )
                .and_then(|mut update| {
                    let boot = &self.inner.config.boot_id;
                    update.execute(params![text, boot, is_settled, id.as_str(), generation.0])
                })
                .map_err(sql("record a status"))?;
            if changed == 0 {
                return Ok(());
            }
            events::add(tx, id, occurrences).map_err(sql("record events"))?;
            if is_settled && status.state.is_terminal() {
                reservations::release(tx, id)?;
            }
            if is_settled {
                let succeeded = OperationState::Succeeded;
                operations::finish(tx, now, id, generation.0..=generation.0, &succeeded)?;
            }
            Ok(())
        })
    }

    /// Forgets a group that is gone, and its resource group if that was waiting for it.
    pub fn forget(&self, now: Timestamp, id: &GroupId) -> Result<(), StoreError> {
        self.transact("forget a group", |tx| {
            tx.execute("DELETE FROM groups WHERE id = ?", [id.as_str()])
                .and_then(|_| resource_groups::remove_emptied(tx))
                .map_err(sql("forget a group"))?;
            operations::finish(tx, now, id, 0..=i64::MAX as u64, &OperationState::Succeeded)
        })
    }
}

fn not_found(key: &GroupKey) -> Error {
    Error::internal(format!("group {key} vanished within a transaction"))
}

fn insert(
    tx: &Transaction<'_>,
    now: Timestamp,
    id: &GroupId,
    key: &GroupKey,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO groups VALUES (?, ?, ?, ?, ?, '', 0, '', x'', '', '', '', '', '', '', 0, ?)",
        params![
            id.as_str(),
            key.resource_group.subscription.folded(),
            key.resource_group.name.folded(),
            key.name.folded(),
            rows::json("group key", key)?,
            rows::nanos(now),
        ],
    )
    .map_err(sql("insert a group"))?;
    Ok(())
}

/// Writes the next generation of a group with its operation and address.
pub(crate) fn write(
    tx: &Transaction<'_>,
    config: &StoreConfig,
    now: Timestamp,
    id: &GroupId,
    current: Option<&Group>,
    (next, operation): (&Next, OperationId),
) -> Result<Operation, AcceptError> {
    let generation = current.map_or_else(Generation::default, |group| group.generation).next();
    if next.power != Power::Deleted {
        addresses::allocate(tx, &config.pools, id, &next.spec)?;
        private_addresses::allocate(tx, &config.key, id, &next.spec)?;
    }
    dns_names::assign(tx, id, next)?;
    if config.publishes_ports {
        host_ports::assign(tx, id, (&next.spec, next.power))?;
    }
    if next.power == Power::Running {
        let wanted = (&*next.spec, next.location.as_str());
        reservations::reserve(tx, &config.capacity, id, wanted)?;
    } else {
        reservations::release(tx, id)?;
    }
    let spec = rows::json("specification", &*next.spec)?;
    let sealed = config
        .key
        .seal(id.as_str(), spec.as_bytes())
        .ok_or_else(|| StoreError::Sealed { id: id.to_string() })?;
    let status = match next.kind {
        OperationKind::Create | OperationKind::Start => GroupStatus::default(),
        OperationKind::Update
        | OperationKind::Stop
        | OperationKind::Restart
        | OperationKind::Delete => current.map(|group| group.status.clone()).unwrap_or_default(),
    };
    // The boot of a kept status is kept with it: it tells which of its containers died with the host.
    tx.prepare_cached(
        "UPDATE groups SET location = ?, generation = ?, power = ?, spec = ?, revisions = ?,
         document = ?, tags = ?, status = ?, operation = ?, is_settled = 0,
         status_boot = CASE status_boot WHEN '' THEN ? ELSE status_boot END WHERE id = ?",
    )
    .map_err(sql("write a group"))?
    .execute(params![
        next.location,
        generation.0,
        rows::json("power", &next.power)?,
        sealed,
        rows::json("revisions", &next.revisions)?,
        next.document,
        next.tags,
        rows::json("status", &status)?,
        rows::json("operation kind", &next.kind)?,
        config.boot_id,
        id.as_str(),
    ])
    .map_err(sql("write a group"))?;
    operations::finish(tx, now, id, 0..=generation.0, &OperationState::Canceled)?;
    let key: String = tx
        .query_row("SELECT key FROM groups WHERE id = ?", [id.as_str()], |row| row.get(0))
        .map_err(sql("read a group key"))?;
    let operation = Operation {
        id: operation,
        group: id.clone(),
        key: rows::from_json("group key", &key)?,
        kind: next.kind,
        generation,
        state: OperationState::Running,
        started_at: now,
        finished_at: None,
    };
    operations::insert(tx, &operation)?;
    Ok(operation)
}

fn find(
    connection: &Connection,
    seal: &SealKey,
    key: &GroupKey,
) -> Result<Option<Group>, StoreError> {
    let text = format!(
        "{SELECT} WHERE {LIVE} AND subscription = ? AND resource_group = ? AND name_key = ?"
    );
    let home = &key.resource_group;
    connection
        .prepare_cached(&text)
        .and_then(|mut select| {
            let params = [home.subscription.folded(), home.name.folded(), key.name.folded()];
            select.query_row(params, Raw::read).optional()
        })
        .map_err(sql("read a group"))?
        .map(|raw| raw.parse(seal))
        .transpose()
}

fn raw_by_id(connection: &Connection, id: &GroupId) -> Result<Option<Raw>, StoreError> {
    connection
        .prepare_cached(&format!("{SELECT} WHERE id = ?"))
        .and_then(|mut select| select.query_row([id.as_str()], Raw::read).optional())
        .map_err(sql("read a group"))
}

pub(crate) fn find_by_id(
    connection: &Connection,
    seal: &SealKey,
    id: &GroupId,
) -> Result<Option<Group>, StoreError> {
    raw_by_id(connection, id)?.map(|raw| raw.parse(seal)).transpose()
}

pub(crate) fn live_in(
    connection: &Connection,
    seal: &SealKey,
    key: &ResourceGroupKey,
) -> Result<Vec<Group>, StoreError> {
    let text = format!("{SELECT} WHERE {LIVE} AND subscription = ? AND resource_group = ?");
    let failed = sql("list groups");
    let mut select = connection.prepare_cached(&text).map_err(&failed)?;
    let raws = select
        .query_map([key.subscription.folded(), key.name.folded()], Raw::read)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(&failed)?;
    raws.into_iter().map(|raw| raw.parse(seal)).collect()
}

/// A row as it is stored.
struct Raw {
    id: String,
    key: String,
    location: String,
    generation: u64,
    power: String,
    spec: Vec<u8>,
    revisions: String,
    address: Option<u32>,
    network: Option<u16>,
    private_address: Option<u32>,
    document: String,
    tags: String,
    status: String,
    status_boot: String,
    operation: String,
    is_settled: bool,
    created_at: Timestamp,
}

impl Raw {
    fn read(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            id: row.get("id")?,
            key: row.get("key")?,
            location: row.get("location")?,
            generation: row.get("generation")?,
            power: row.get("power")?,
            spec: row.get("spec")?,
            revisions: row.get("revisions")?,
            address: row.get("address")?,
            network: row.get("network")?,
            private_address: row.get("private_address")?,
            document: row.get("document")?,
            tags: row.get("tags")?,
            status: row.get("status")?,
            status_boot: row.get("status_boot")?,
            operation: row.get("operation")?,
            is_settled: row.get("is_settled")?,
            created_at: rows::time(row, "created_at")?,
        })
    }

    fn parse(self, seal: &SealKey) -> Result<Group, StoreError> {
        let sealed = || StoreError::Sealed { id: self.id.clone() };
        let id = GroupId::parse(&self.id).ok_or_else(sealed)?;
        let spec = seal.open(id.as_str(), &self.spec).ok_or_else(sealed)?;
        let spec = serde_json::from_slice(&spec)
            .map_err(|source| StoreError::Content { what: "specification", source })?;
        Ok(Group {
            id,
            key: rows::from_json("group key", &self.key)?,
            location: self.location,
            generation: Generation(self.generation),
            power: rows::from_json("power", &self.power)?,
            spec: Arc::new(spec),
            revisions: rows::from_json("revisions", &self.revisions)?,
            address: self.address.map(Ipv4Addr::from),
            private: self.network.zip(self.private_address).map(|(network, address)| {
                PrivatePlace { network, address: Ipv4Addr::from(address) }
            }),
            document: self.document,
            tags: self.tags,
            status: rows::from_json("status", &self.status)?,
            operation: rows::from_json("operation kind", &self.operation)?,
            is_settled: self.is_settled,
            created_at: self.created_at,
        })
    }
}
