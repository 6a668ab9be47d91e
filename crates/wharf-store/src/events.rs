//! The event log: equal occurrences folded, replays counted once, bounded per group.

use rusqlite::{Transaction, params};
use wharf_model::{
    ContainerName, GroupId,
    event::{Event, EventReason, Occurrence},
};

use crate::{Store, StoreError, error::sql, rows};

/// Event rows kept of one group; the least recent go first.
const KEPT: u32 = 200;

/// Adds occurrences; those not later than the last of their kind are known already.
pub(crate) fn add(
    tx: &Transaction<'_>,
    id: &GroupId,
    occurrences: &[Occurrence],
) -> Result<(), rusqlite::Error> {
    if occurrences.is_empty() {
        return Ok(());
    }
    let mut upsert = tx.prepare_cached(
        "INSERT INTO events (group_id, container, reason, message, count, first, last)
         VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5)
         ON CONFLICT (group_id, container, reason, message)
         DO UPDATE SET count = count + 1, last = ?5 WHERE ?5 > last",
    )?;
    for occurrence in occurrences {
        let container = occurrence.container.as_ref().map_or("", ContainerName::as_str);
        let (reason, at) = (occurrence.reason.as_str(), rows::nanos(occurrence.at));
        upsert.execute(params![id.as_str(), container, reason, occurrence.message, at])?;
    }
    tx.prepare_cached(
        "DELETE FROM events WHERE group_id = ?1 AND last <
         (SELECT last FROM events WHERE group_id = ?1 ORDER BY last DESC LIMIT 1 OFFSET ?2)",
    )?
    .execute(params![id.as_str(), KEPT])?;
    Ok(())
}

impl Store {
    /// The events of a group, in the order in which they first happened.
    pub fn events(&self, id: &GroupId) -> Result<Vec<Event>, StoreError> {
        self.read(|connection| {
            let failed = sql("list events");
            // Of one moment, what comes first in a container's life comes first.
            let mut select = connection
                .prepare_cached(
                    "SELECT * FROM events WHERE group_id = ? ORDER BY first,
                     CASE reason WHEN 'Pulling' THEN 0 WHEN 'Pulled' THEN 1 WHEN 'Created' THEN 2
                     WHEN 'Started' THEN 3 ELSE 4 END",
                )
                .map_err(&failed)?;
            let rows = select
                .query_map([id.as_str()], |row| {
                    let container: String = row.get("container")?;
                    let reason: String = row.get("reason")?;
                    Ok(Event {
                        container: ContainerName::parse(&container),
                        count: row.get("count")?,
                        first: rows::time(row, "first")?,
                        last: rows::time(row, "last")?,
                        reason: EventReason::parse(&reason).unwrap_or(EventReason::Failed),
                        message: row.get("message")?,
                    })
                })
                .map_err(&failed)?;
            rows.collect::<Result<_, _>>().map_err(&failed)
        })
    }
}
