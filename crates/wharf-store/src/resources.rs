//! Plain resources: a name, a location, tags and a document that the store does not look into.
//!
//! They live in a resource group and go with it. What only its owner may read (a key, a parameter)
//! is kept apart from the document, sealed.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use wharf_model::{Error, Name, ResourceKey};

use crate::{AcceptError, Filter, SealKey, Store, StoreError, error::sql, resource_groups, rows};

/// What a request writes of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceContent {
    /// Its region.
    pub location: String,
    /// Its tags: a JSON object of strings.
    pub tags: String,
    /// What is told of it: JSON, without secrets.
    pub document: String,
    /// What is not told, if anything.
    pub secret: Option<Vec<u8>>,
}

/// A plain resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Where it is, as the user wrote it.
    pub key: ResourceKey,
    /// What was last written.
    pub content: ResourceContent,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last written.
    pub changed_at: Timestamp,
}

/// Which resources to list.
#[derive(Clone, Debug)]
pub struct ResourceFilter {
    /// Where they are.
    pub scope: Filter,
    /// Of what type; `None` for all.
    pub kind: Option<Name>,
}

impl Store {
    /// Makes a resource or replaces one; returns it and whether it is new.
    pub fn put_resource(
        &self,
        now: Timestamp,
        key: &ResourceKey,
        content: ResourceContent,
    ) -> Result<(Resource, bool), AcceptError> {
        self.change_resource(now, key, |_| Ok(Some(content)))
    }

    /// Takes a decision about a resource and writes what it says, in one transaction; `None` leaves
    /// the resource as it is, which must then be there. Returns it and whether it is new.
    pub fn change_resource(
        &self,
        now: Timestamp,
        key: &ResourceKey,
        decide: impl FnOnce(Option<&Resource>) -> Result<Option<ResourceContent>, Error>,
    ) -> Result<(Resource, bool), AcceptError> {
        let seal = &self.inner.config.key;
        self.transact("change a resource", |tx| change(tx, seal, now, key, decide))
    }

    /// The resource of that type and name.
    pub fn resource(&self, key: &ResourceKey) -> Result<Option<Resource>, StoreError> {
        self.read(|connection| find(connection, &self.inner.config.key, key))
    }

    /// Resources by resource group, type and name.
    pub fn list_resources(&self, filter: &ResourceFilter) -> Result<Vec<Resource>, StoreError> {
        self.read(|connection| list(connection, &self.inner.config.key, filter))
    }

    /// Deletes a resource; returns it as it was, or `None` when it was not there.
    pub fn delete_resource(&self, key: &ResourceKey) -> Result<Option<Resource>, StoreError> {
        self.transact("delete a resource", |tx| delete(tx, &self.inner.config.key, key))
    }
}

/// Takes a decision about a resource and writes what it says.
pub(crate) fn change(
    tx: &Transaction<'_>,
    seal: &SealKey,
    now: Timestamp,
    key: &ResourceKey,
    decide: impl FnOnce(Option<&Resource>) -> Result<Option<ResourceContent>, Error>,
) -> Result<(Resource, bool), AcceptError> {
    let home = resource_groups::find(tx, &key.resource_group)?
        .ok_or_else(|| AcceptError::Refused(resource_groups::not_found(&key.resource_group)))?;
    let current = find(tx, seal, key)?;
    if home.is_deleting && current.is_none() {
        let error = resource_groups::being_deleted(&key.resource_group);
        return Err(AcceptError::Refused(error));
    }
    let is_new = current.is_none();
    if let Some(content) = decide(current.as_ref()).map_err(AcceptError::Refused)? {
        write(tx, seal, now, key, &content)?;
    }
    let stored = find(tx, seal, key)?
        .ok_or_else(|| AcceptError::Refused(Error::internal(format!("{key} was not written"))))?;
    Ok((stored, is_new))
}

pub(crate) fn list(
    connection: &Connection,
    seal: &SealKey,
    filter: &ResourceFilter,
) -> Result<Vec<Resource>, StoreError> {
    let (subscription, resource_group) = filter.scope.folded();
    let kind = filter.kind.as_ref().map(Name::folded);
    let failed = sql("list resources");
    let text = "SELECT * FROM resources WHERE subscription = ?1
                AND (?2 IS NULL OR resource_group = ?2) AND (?3 IS NULL OR type_key = ?3)
                ORDER BY resource_group, type_key, name_key";
    let mut select = connection.prepare_cached(text).map_err(&failed)?;
    let found = select
        .query_map(params![subscription, resource_group, kind], Raw::read)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(&failed)?;
    found.into_iter().map(|raw| raw.parse(seal)).collect()
}

/// Deletes a resource; returns it as it was.
pub(crate) fn delete(
    tx: &Transaction<'_>,
    seal: &SealKey,
    key: &ResourceKey,
) -> Result<Option<Resource>, StoreError> {
    let found = find(tx, seal, key)?;
    tx.prepare_cached(
        "DELETE FROM resources WHERE subscription = ? AND resource_group = ?
         AND type_key = ? AND name_key = ?",
    )
    .and_then(|mut delete| delete.execute(folded(key)))
    .map_err(sql("delete a resource"))?;
    Ok(found)
}

/// A key as it stands in columns.
pub(crate) fn folded(key: &ResourceKey) -> [String; 4] {
    let home = &key.resource_group;
    [home.subscription.folded(), home.name.folded(), key.kind.folded(), key.name.folded()]
}

/// Whom a sealed secret is bound to.
fn owner(key: &ResourceKey) -> String {
    folded(key).join("/")
}

pub(crate) fn find(
    connection: &Connection,
    seal: &SealKey,
    key: &ResourceKey,
) -> Result<Option<Resource>, StoreError> {
    connection
        .prepare_cached(
            "SELECT * FROM resources WHERE subscription = ? AND resource_group = ?
             AND type_key = ? AND name_key = ?",
        )
        .and_then(|mut select| select.query_row(folded(key), Raw::read).optional())
        .map_err(sql("read a resource"))?
        .map(|raw| raw.parse(seal))
        .transpose()
}

fn write(
    tx: &Transaction<'_>,
    seal: &SealKey,
    now: Timestamp,
    key: &ResourceKey,
    content: &ResourceContent,
) -> Result<(), StoreError> {
    let owner = owner(key);
    let sealed = match &content.secret {
        None => None,
        Some(secret) => {
            Some(seal.seal(&owner, secret).ok_or(StoreError::Sealed { id: owner.clone() })?)
        }
    };
    let [subscription, resource_group, kind, name] = folded(key);
    tx.prepare_cached(
        "INSERT INTO resources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET location = excluded.location, tags = excluded.tags,
         document = excluded.document, secret = excluded.secret, changed_at = excluded.changed_at",
    )
    .map_err(sql("write a resource"))?
    .execute(params![
        subscription,
        resource_group,
        kind,
        name,
        rows::json("resource key", key)?,
        content.location,
        content.tags,
        content.document,
        sealed,
        rows::nanos(now),
        rows::nanos(now),
    ])
    .map_err(sql("write a resource"))?;
    Ok(())
}

/// A row as it is stored.
struct Raw {
    key: String,
    content: ResourceContent,
    created_at: Timestamp,
    changed_at: Timestamp,
}

impl Raw {
    fn read(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            key: row.get("key")?,
            content: ResourceContent {
                location: row.get("location")?,
                tags: row.get("tags")?,
                document: row.get("document")?,
                secret: row.get("secret")?,
            },
            created_at: rows::time(row, "created_at")?,
            changed_at: rows::time(row, "changed_at")?,
        })
    }

    fn parse(self, seal: &SealKey) -> Result<Resource, StoreError> {
        let key: ResourceKey = rows::from_json("resource key", &self.key)?;
        let mut content = self.content;
        if let Some(sealed) = content.secret.take() {
            let owner = owner(&key);
            let opened = seal.open(&owner, &sealed);
            content.secret = Some(opened.ok_or(StoreError::Sealed { id: owner })?);
        }
        let (created_at, changed_at) = (self.created_at, self.changed_at);
        Ok(Resource { key, content, created_at, changed_at })
    }
}
