//! What groups have reserved of the host: rows written in the transaction that accepts a group, so
//! that two groups can never have the same room.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use wharf_model::{
    GroupId,
    capacity::{self, Capacity, Total},
    group::{Group, Power},
    spec::{Amount, GroupSpec},
};

use crate::{AcceptError, Store, StoreError, error::sql};

/// Reserves what a group asks for, if there is room. One that asks for no more than it has already
/// is let through even when the host has shrunk.
pub(crate) fn reserve(
    tx: &Transaction<'_>,
    capacity: &Capacity,
    id: &GroupId,
    (spec, location): (&GroupSpec, &str),
) -> Result<(), AcceptError> {
    let wanted = capacity::requests(spec);
    let own = own(tx, id)?;
    let grows = own.is_none_or(|own| {
        wanted.cpu_millis > own.cpu_millis || wanted.memory_bytes > own.memory_bytes
    });
    if grows {
        capacity::check(capacity, total(tx, id.as_str())?, wanted, location)
            .map_err(AcceptError::Refused)?;
    }
    Ok(insert(tx, id, wanted)?)
}

impl Store {
    /// What all groups have reserved together.
    pub fn reserved(&self) -> Result<Total, StoreError> {
        self.read(|connection| total(connection, ""))
    }
}

/// What the group has reserved is free again.
pub(crate) fn release(tx: &Transaction<'_>, id: &GroupId) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM reservations WHERE group_id = ?")
        .and_then(|mut delete| delete.execute([id.as_str()]))
        .map(drop)
        .map_err(sql("release a reservation"))
}

/// For groups accepted before there were reservations.
pub(crate) fn backfill(tx: &Transaction<'_>, group: &Group) -> Result<(), StoreError> {
    if group.power == Power::Running && !(group.is_settled && group.status.state.is_terminal()) {
        insert(tx, &group.id, capacity::requests(&group.spec))?;
    }
    Ok(())
}

fn insert(tx: &Transaction<'_>, id: &GroupId, amount: Amount) -> Result<(), StoreError> {
    let text = "INSERT INTO reservations VALUES (?1, ?2, ?3)
                ON CONFLICT (group_id) DO UPDATE SET cpu_millis = ?2, memory_bytes = ?3";
    tx.prepare_cached(text)
        .and_then(|mut insert| {
            insert.execute(params![id.as_str(), amount.cpu_millis, amount.memory_bytes])
        })
        .map(drop)
        .map_err(sql("reserve resources"))
}

fn own(tx: &Transaction<'_>, id: &GroupId) -> Result<Option<Amount>, StoreError> {
    tx.prepare_cached("SELECT cpu_millis, memory_bytes FROM reservations WHERE group_id = ?")
        .and_then(|mut select| {
            let amount = |row: &rusqlite::Row<'_>| {
                Ok(Amount { cpu_millis: row.get(0)?, memory_bytes: row.get(1)? })
            };
            select.query_row([id.as_str()], amount).optional()
        })
        .map_err(sql("read a reservation"))
}

/// What all groups but one have reserved.
fn total(connection: &Connection, but: &str) -> Result<Total, StoreError> {
    let text = "SELECT count(*), coalesce(sum(cpu_millis), 0), coalesce(sum(memory_bytes), 0)
                FROM reservations WHERE group_id <> ?";
    connection
        .prepare_cached(text)
        .and_then(|mut select| {
            select.query_row([but], |row| {
                Ok(Total {
                    groups: row.get(0)?,
                    cpu_millis: row.get(1)?,
                    memory_bytes: row.get(2)?,
                })
            })
        })
        .map_err(sql("add up reservations"))
}
