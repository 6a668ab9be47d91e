//! The connections and the schema.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use camino::Utf8PathBuf;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};
use wharf_model::{InstanceId, capacity::Capacity, network::Pools};

use crate::{SealKey, StoreError, error::sql};

/// Schema versions, oldest first; each brings the one before it up to date.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_resources.sql"),
    include_str!("migrations/0040_reservations.sql"),
    include_str!("migrations/0050_dns_names.sql"),
    include_str!("migrations/0060_identity.sql"),
    include_str!("migrations/0070_virtual_networks.sql"),
    include_str!("migrations/0100_host_ports.sql"),
];

/// How to open a store.
#[derive(Debug)]
pub struct StoreConfig {
    /// The database file.
    pub path: Utf8PathBuf,
    /// What seals specifications.
    pub key: SealKey,
    /// Where group addresses come from.
    pub pools: Pools,
    /// Whether ports of public groups are also open at the host's own addresses.
    pub publishes_ports: bool,
    /// What groups may reserve together.
    pub capacity: Capacity,
    /// The present boot of the host (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: String,
}

/// All state that outlives the daemon.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    pub(crate) config: StoreConfig,
}

impl Store {
    /// Opens the database, makes it if it is not there, and brings its schema up to date.
    pub fn open(config: StoreConfig) -> Result<Self, StoreError> {
        let mut writer = connect(&config)?;
        let had_reservations = has_table(&writer, "reservations", &config)?;
        migrate(&mut writer, &config)?;
        let inner = Inner { writer: Mutex::new(writer), readers: Mutex::default(), config };
        let store = Self { inner: Arc::new(inner) };
        if !had_reservations {
            store.backfill_reservations()?;
        }
        store.renew_host_ports()?;
        Ok(store)
    }

    /// The id of this installation; made from `random` when there is none yet.
    pub fn instance(&self, random: u64) -> Result<InstanceId, StoreError> {
        let made = InstanceId::from_bits(random);
        let text = self.write("read the instance id", |tx| {
            let insert =
                "INSERT INTO meta (key, value) VALUES ('instance', ?) ON CONFLICT DO NOTHING";
            tx.execute(insert, [made.as_str()])?;
            tx.query_row("SELECT value FROM meta WHERE key = 'instance'", [], |row| {
                row.get::<_, String>(0)
            })
        })?;
        Ok(InstanceId::parse(&text).unwrap_or(made))
    }

    /// A value kept for the daemon under a key; made by `make` when there is none yet.
    pub fn meta(&self, key: &str, make: impl FnOnce() -> String) -> Result<String, StoreError> {
        self.write("read a setting", |tx| {
            let select = "SELECT value FROM meta WHERE key = ?";
            let known = tx.query_row(select, [key], |row| row.get(0)).optional()?;
            if let Some(known) = known {
                return Ok(known);
            }
            let value = make();
            tx.execute("INSERT INTO meta (key, value) VALUES (?, ?)", [key, &value])?;
            Ok(value)
        })
    }

    /// Runs `work` in one transaction that writes.
    pub(crate) fn write<T>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        self.transact(operation, |tx| work(tx).map_err(sql(operation)))
    }

    /// Runs `work` in one transaction that writes and may fail for other reasons than SQL.
    pub(crate) fn transact<T, E: From<StoreError>>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut writer = lock(&self.inner.writer);
        let tx = writer
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(sql(operation))?;
        let value = work(&tx)?;
        tx.commit().map_err(sql(operation))?;
        Ok(value)
    }

    /// Runs `work` on a connection that only reads.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = lock(&self.inner.readers).pop();
        let reader = match idle {
            Some(reader) => reader,
            None => connect(&self.inner.config)?,
        };
        let value = work(&reader)?;
        lock(&self.inner.readers).push(reader);
        Ok(value)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(config: &StoreConfig) -> Result<Connection, StoreError> {
    let open = || {
        let connection = Connection::open(&config.path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    };
    open().map_err(|source| StoreError::Open { path: config.path.clone(), source })
}

fn has_table(
    connection: &Connection,
    name: &str,
    config: &StoreConfig,
) -> Result<bool, StoreError> {
    let text = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?";
    connection
        .query_row(text, [name], |row| row.get::<_, u32>(0))
        .map(|count| count > 0)
        .map_err(|source| StoreError::Open { path: config.path.clone(), source })
}

fn migrate(connection: &mut Connection, config: &StoreConfig) -> Result<(), StoreError> {
    let failed = |source| StoreError::Open { path: config.path.clone(), source };
    let version: u32 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    if version > known {
        return Err(StoreError::TooNew { path: config.path.clone(), found: version, known });
    }
    for (to, migration) in (version + 1..).zip(&MIGRATIONS[version as usize..]) {
        let tx = connection.transaction().map_err(failed)?;
        tx.execute_batch(migration).map_err(failed)?;
        tx.pragma_update(None, "user_version", to).map_err(failed)?;
        tx.commit().map_err(failed)?;
    }
    Ok(())
}
