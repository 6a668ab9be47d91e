//! Resource groups: where container groups live.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use wharf_model::{
    Error, ErrorKind, GroupId, Name, OperationId, ResourceGroupKey, change, change::Decision,
};

use crate::{AcceptError, Store, StoreError, error::sql, groups, rows, virtual_networks};

/// A resource group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceGroup {
    /// Where it is, as the user wrote it.
    pub key: ResourceGroupKey,
    /// Its region.
    pub location: String,
    /// Its tags: a JSON object of strings.
    pub tags: String,
    /// Whether it goes away as soon as its groups have.
    pub is_deleting: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

const SELECT: &str = "SELECT * FROM resource_groups WHERE subscription = ? AND name_key = ?";

pub(crate) fn find(
    connection: &Connection,
    key: &ResourceGroupKey,
) -> Result<Option<ResourceGroup>, StoreError> {
    connection
        .prepare_cached(SELECT)
        .and_then(|mut select| {
            select.query_row([key.subscription.folded(), key.name.folded()], read).optional()
        })
        .map_err(sql("read a resource group"))
}

fn read(row: &Row<'_>) -> Result<ResourceGroup, rusqlite::Error> {
    let key: String = row.get("key")?;
    let subscription: String = row.get("subscription")?;
    let name: String = row.get("name_key")?;
    Ok(ResourceGroup {
        key: serde_json::from_str(&key).unwrap_or_else(|_| ResourceGroupKey {
            subscription: Name::new(subscription),
            name: Name::new(name),
        }),
        location: row.get("location")?,
        tags: row.get("tags")?,
        is_deleting: row.get("is_deleting")?,
        created_at: rows::time(row, "created_at")?,
    })
}

pub(crate) fn not_found(key: &ResourceGroupKey) -> Error {
    let message = format!("Resource group '{}' could not be found.", key.name);
    Error::new(ErrorKind::NotFound, "ResourceGroupNotFound", message)
}

pub(crate) fn being_deleted(key: &ResourceGroupKey) -> Error {
    let message = format!(
        "The resource group '{}' is in deprovisioning state and cannot perform this operation.",
        key.name
    );
    Error::new(ErrorKind::Conflict, "ResourceGroupBeingDeleted", message)
}

impl Store {
    /// Makes a resource group, or replaces the tags of one; returns it and whether it is new.
    pub fn put_resource_group(
        &self,
        now: Timestamp,
        key: &ResourceGroupKey,
        location: &str,
        tags: &str,
    ) -> Result<(ResourceGroup, bool), AcceptError> {
        self.transact("put a resource group", |tx| {
            let known = find(tx, key)?;
            if known.as_ref().is_some_and(|known| known.is_deleting) {
                return Err(AcceptError::Refused(being_deleted(key)));
            }
            tx.execute(
                "INSERT INTO resource_groups (subscription, name_key, key, location, tags, created_at)
                 VALUES (?, ?, ?, ?, ?, ?)
                 ON CONFLICT (subscription, name_key) DO UPDATE SET tags = excluded.tags",
                params![
                    key.subscription.folded(),
                    key.name.folded(),
                    rows::json("resource group key", key)?,
                    location,
                    tags,
                    rows::nanos(now),
                ],
            )
            .map_err(sql("put a resource group"))?;
            let stored = find(tx, key)?.ok_or_else(|| AcceptError::Refused(not_found(key)))?;
            Ok((stored, known.is_none()))
        })
    }

    /// The resource group of that name.
    pub fn resource_group(
        &self,
        key: &ResourceGroupKey,
    ) -> Result<Option<ResourceGroup>, StoreError> {
        self.read(|connection| find(connection, key))
    }

    /// All resource groups of a subscription, by name.
    pub fn resource_groups(&self, subscription: &Name) -> Result<Vec<ResourceGroup>, StoreError> {
        self.read(|connection| {
            let failed = sql("list resource groups");
            let text = "SELECT * FROM resource_groups WHERE subscription = ? ORDER BY name_key";
            let mut select = connection.prepare_cached(text).map_err(&failed)?;
            let rows = select.query_map([subscription.folded()], read).map_err(&failed)?;
            rows.collect::<Result<_, _>>().map_err(&failed)
        })
    }

    /// Asks for everything in a resource group to be deleted, and then the resource group; returns
    /// the groups to look at, or `None` when there is no such resource group.
    pub fn delete_resource_group(
        &self,
        now: Timestamp,
        key: &ResourceGroupKey,
        mut new_operation: impl FnMut() -> OperationId,
    ) -> Result<Option<Vec<GroupId>>, AcceptError> {
        self.transact("delete a resource group", |tx| {
            if find(tx, key)?.is_none() {
                return Ok(None);
            }
            virtual_networks::check_home_is_free(tx, &self.inner.config.key, key)?;
            let mark = "UPDATE resource_groups SET is_deleting = 1
                        WHERE subscription = ? AND name_key = ?";
            tx.execute(mark, [key.subscription.folded(), key.name.folded()])
                .map_err(sql("mark a resource group"))?;
            let mut ids = Vec::new();
            for group in groups::live_in(tx, &self.inner.config.key, key)? {
                if let Decision::Write(next) = change::delete(&group) {
                    groups::write(
                        tx,
                        &self.inner.config,
                        now,
                        &group.id,
                        Some(&group),
                        (&next, new_operation()),
                    )?;
                }
                ids.push(group.id);
            }
            remove_emptied(tx).map_err(sql("remove a resource group"))?;
            Ok(Some(ids))
        })
    }
}

/// Removes the resource groups that were only waiting for their last group to go.
pub(crate) fn remove_emptied(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached(
            "DELETE FROM resource_groups WHERE is_deleting = 1 AND NOT EXISTS
             (SELECT 1 FROM groups WHERE groups.subscription = resource_groups.subscription
              AND groups.resource_group = resource_groups.name_key)",
        )?
        .execute([])?;
    Ok(())
}
