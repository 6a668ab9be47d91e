//! SQLite: schema, migrations, queries, event log, address allocations.
