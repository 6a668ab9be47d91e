//! Long-running operations: what clients poll.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use uuid::Uuid;
use wharf_model::{
    Generation, GroupId, OperationId,
    operation::{Operation, OperationState},
};

use crate::{Store, StoreError, error::sql, rows};

pub(crate) fn insert(tx: &Transaction<'_>, operation: &Operation) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO operations (id, group_id, key, kind, generation, state, started_at)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .and_then(|mut insert| {
        insert.execute(params![
            operation.id.to_string(),
            operation.group.as_str(),
            serde_json::to_string(&operation.key).unwrap_or_default(),
            serde_json::to_string(&operation.kind).unwrap_or_default(),
            operation.generation.0,
            serde_json::to_string(&operation.state).unwrap_or_default(),
            rows::nanos(operation.started_at),
        ])
    })
    .map_err(sql("insert an operation"))?;
    Ok(())
}

/// Ends the unfinished operations of a group, all up to a generation or only that one.
pub(crate) fn finish(
    tx: &Transaction<'_>,
    now: Timestamp,
    id: &GroupId,
    generations: std::ops::RangeInclusive<u64>,
    state: &OperationState,
) -> Result<(), StoreError> {
    let state = rows::json("operation state", state)?;
    tx.prepare_cached(
        "UPDATE operations SET state = ?, finished_at = ?
         WHERE group_id = ? AND generation BETWEEN ? AND ? AND finished_at IS NULL",
    )
    .and_then(|mut update| {
        let (first, last) = generations.into_inner();
        update.execute(params![state, rows::nanos(now), id.as_str(), first, last])
    })
    .map_err(sql("finish an operation"))?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Operation, rusqlite::Error> {
    let parsed = |column: &str| -> Result<serde_json::Value, rusqlite::Error> {
        Ok(serde_json::from_str(&row.get::<_, String>(column)?).unwrap_or_default())
    };
    let invalid = |error: serde_json::Error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into())
    };
    let id: String = row.get("id")?;
    let group: String = row.get("group_id")?;
    let finished: Option<i64> = row.get("finished_at")?;
    Ok(Operation {
        id: OperationId(Uuid::parse_str(&id).unwrap_or_default()),
        group: GroupId::parse(&group).unwrap_or_else(|| GroupId::from_bits(0)),
        key: serde_json::from_value(parsed("key")?).map_err(invalid)?,
        kind: serde_json::from_value(parsed("kind")?).map_err(invalid)?,
        generation: Generation(row.get("generation")?),
        state: serde_json::from_value(parsed("state")?).map_err(invalid)?,
        started_at: rows::time(row, "started_at")?,
        finished_at: finished.map(|_| rows::time(row, "finished_at")).transpose()?,
    })
}

impl Store {
    /// The operation of that id; operations outlive their groups.
    pub fn operation(&self, id: &OperationId) -> Result<Option<Operation>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT * FROM operations WHERE id = ?")
                .and_then(|mut select| select.query_row([id.to_string()], read).optional())
                .map_err(sql("read an operation"))
        })
    }

    /// Ends the operations that were accepted before a time and have not ended; returns how many.
    pub fn fail_overdue(
        &self,
        now: Timestamp,
        before: Timestamp,
        state: &OperationState,
    ) -> Result<usize, StoreError> {
        let state = rows::json("operation state", state)?;
        self.write("fail overdue operations", |tx| {
            tx.execute(
                "UPDATE operations SET state = ?, finished_at = ?
                 WHERE finished_at IS NULL AND started_at < ?",
                params![state, rows::nanos(now), rows::nanos(before)],
            )
        })
    }

    /// Forgets operations that ended before a time; returns how many.
    pub fn prune_operations(&self, before: Timestamp) -> Result<usize, StoreError> {
        self.write("prune operations", |tx| {
            tx.execute("DELETE FROM operations WHERE finished_at < ?", [rows::nanos(before)])
        })
    }
}
