//! Storage accounts and registries: plain resources whose names are taken for the whole host, since
//! names of hosts and directories are made of them.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};
use wharf_model::{Error, Name, ResourceKey};

use crate::{
    AcceptError, Resource, ResourceContent, SealKey, Store, StoreError, error::sql, resources, rows,
};

impl Store {
    /// [`Store::change_resource`], or `taken` when another one of the type has the name.
    pub fn change_unique_resource(
        &self,
        now: Timestamp,
        key: &ResourceKey,
        taken: Error,
        decide: impl FnOnce(Option<&Resource>) -> Result<ResourceContent, Error>,
    ) -> Result<(Resource, bool), AcceptError> {
        let seal = &self.inner.config.key;
        self.transact("change a resource with a name of its own", |tx| {
            if find(tx, seal, &key.kind, &key.name)?.is_some_and(|other| other.key != *key) {
                return Err(AcceptError::Refused(taken));
            }
            resources::change(tx, seal, now, key, |current| decide(current).map(Some))
        })
    }

    /// The resource of such a type and that name, wherever it is.
    pub fn unique_resource(&self, kind: &str, name: &str) -> Result<Option<Resource>, StoreError> {
        let (kind, name) = (Name::new(kind), Name::new(name));
        self.read(|connection| find(connection, &self.inner.config.key, &kind, &name))
    }
}

fn find(
    connection: &Connection,
    seal: &SealKey,
    kind: &Name,
    name: &Name,
) -> Result<Option<Resource>, StoreError> {
    let key: Option<String> = connection
        .prepare_cached("SELECT key FROM resources WHERE type_key = ? AND name_key = ?")
        .and_then(|mut select| {
            select.query_row([kind.folded(), name.folded()], |row| row.get(0)).optional()
        })
        .map_err(sql("find a resource by its name"))?;
    let Some(key) = key else { return Ok(None) };
    let key: ResourceKey = rows::from_json("resource key", &key)?;
    resources::find(connection, seal, &key)
}
