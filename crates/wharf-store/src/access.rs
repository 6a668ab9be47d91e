//! Custom roles, role assignments, and the log of what was asked for.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;
use wharf_model::{
    Error, ErrorKind,
    access::{Activity, Role, RoleAssignment},
};

use crate::{AcceptError, Store, StoreError, error::sql, rows};

/// How many entries of the activity log are kept.
const ACTIVITY_MAX: i64 = 10_000;

fn texts(
    connection: &Connection,
    text: &'static str,
    params: impl rusqlite::Params,
) -> Result<Vec<String>, StoreError> {
    let failed = sql("read roles and assignments");
    let mut select = connection.prepare_cached(text).map_err(&failed)?;
    let rows = select.query_map(params, |row| row.get(0)).map_err(&failed)?;
    rows.collect::<Result<_, _>>().map_err(&failed)
}

fn assignment(text: &str) -> Result<RoleAssignment, StoreError> {
    rows::from_json("role assignment", text)
}

impl Store {
    /// All custom roles.
    pub fn roles(&self) -> Result<Vec<Role>, StoreError> {
        let found = self.read(|connection| texts(connection, "SELECT role FROM roles", []))?;
        found.iter().map(|text| rows::from_json("role", text)).collect()
    }

    /// Adds or replaces a custom role; returns whether it is new.
    pub fn put_role(&self, role: &Role) -> Result<bool, StoreError> {
        let text = rows::json("role", role)?;
        self.write("put a role", |tx| {
            let id = role.id.to_string();
            let update = "UPDATE roles SET role = ? WHERE id = ?";
            if tx.execute(update, [&text, &id])? > 0 {
                return Ok(false);
            }
            tx.execute("INSERT INTO roles (id, role) VALUES (?, ?)", [&id, &text])?;
            Ok(true)
        })
    }

    /// Deletes a custom role that nobody has; returns whether there was one.
    pub fn delete_role(&self, id: Uuid) -> Result<bool, AcceptError> {
        self.transact("delete a role", |tx| {
            let failed = sql("delete a role");
            let select = "SELECT 1 FROM role_assignments WHERE role = ? LIMIT 1";
            let used = tx.query_row(select, [id.to_string()], |_| Ok(())).optional();
            if used.map_err(&failed)?.is_some() {
                let message = "There are existing role assignments referencing the role.";
                let error =
                    Error::new(ErrorKind::Conflict, "RoleDefinitionHasAssignments", message);
                return Err(AcceptError::Refused(error));
            }
            let delete = tx.execute("DELETE FROM roles WHERE id = ?", [id.to_string()]);
            Ok(delete.map_err(&failed)? > 0)
        })
    }

    /// All role assignments.
    pub fn role_assignments(&self) -> Result<Vec<RoleAssignment>, StoreError> {
        let text = "SELECT assignment FROM role_assignments ORDER BY scope_key, id";
        let found = self.read(|connection| texts(connection, text, []))?;
        found.iter().map(|text| assignment(text)).collect()
    }

    /// The role assignments of a principal.
    pub fn role_assignments_of(&self, principal: Uuid) -> Result<Vec<RoleAssignment>, StoreError> {
        let text = "SELECT assignment FROM role_assignments WHERE principal = ?";
        let found = self.read(|connection| texts(connection, text, [principal.to_string()]))?;
        found.iter().map(|text| assignment(text)).collect()
    }

    /// The role assignment of that name.
    pub fn role_assignment(&self, id: Uuid) -> Result<Option<RoleAssignment>, StoreError> {
        let text = "SELECT assignment FROM role_assignments WHERE id = ?";
        let found = self.read(|connection| texts(connection, text, [id.to_string()]))?;
        found.first().map(|text| assignment(text)).transpose()
    }

    /// Adds a role assignment; returns what is there afterwards and whether it is new.
    pub fn add_role_assignment(
        &self,
        new: &RoleAssignment,
    ) -> Result<(RoleAssignment, bool), AcceptError> {
        let text = rows::json("role assignment", new)?;
        self.transact("add a role assignment", |tx| {
            let failed = sql("add a role assignment");
            let (id, scope) = (new.id.to_string(), new.scope.to_lowercase());
            let (principal, role) = (new.principal.to_string(), new.role.to_string());
            let select = "SELECT assignment FROM role_assignments WHERE id = ?
                          OR (principal = ? AND role = ? AND scope_key = ?)";
            let known = texts(tx, select, [&id, &principal, &role, &scope])?;
            if let Some(known) = known.first() {
                return same(assignment(known)?, new).map(|known| (known, false));
            }
            let insert = "INSERT INTO role_assignments (id, principal, role, scope_key, assignment)
                          VALUES (?, ?, ?, ?, ?)";
            tx.execute(insert, [&id, &principal, &role, &scope, &text]).map_err(failed)?;
            Ok((new.clone(), true))
        })
    }

    /// Deletes a role assignment; returns it if there was one.
    pub fn delete_role_assignment(&self, id: Uuid) -> Result<Option<RoleAssignment>, StoreError> {
        let known = self.role_assignment(id)?;
        self.write("delete a role assignment", |tx| {
            tx.execute("DELETE FROM role_assignments WHERE id = ?", [id.to_string()])
        })?;
        Ok(known)
    }

    /// Deletes the role assignments at a scope and below, and the identities of resources there:
    /// what is made there later under the same name is another thing.
    pub fn forget_access_below(&self, scope: &str) -> Result<(), StoreError> {
        let scope = scope.trim_end_matches('/').to_lowercase();
        self.write("forget the access to a scope", |tx| {
            for delete in [
                "DELETE FROM role_assignments
                 WHERE scope_key = ?1 OR substr(scope_key, 1, length(?1) + 1) = ?1 || '/'",
                "DELETE FROM principals WHERE resource_key = ?1
                 OR substr(resource_key, 1, length(?1) + 1) = ?1 || '/'",
            ] {
                tx.execute(delete, [&scope])?;
            }
            Ok(())
        })
    }

    /// Adds to the activity log, of which the newest entries are kept.
    pub fn add_activity(&self, entry: &Activity) -> Result<(), StoreError> {
        let text = rows::json("activity", entry)?;
        self.write("add to the activity log", |tx| {
            let insert = "INSERT INTO activity (at, entry) VALUES (?, ?)";
            tx.execute(insert, params![rows::nanos(entry.at), text])?;
            let oldest = tx.last_insert_rowid() - ACTIVITY_MAX;
            tx.execute("DELETE FROM activity WHERE sequence <= ?", [oldest])?;
            Ok(())
        })
    }

    /// The activity log between two times, newest first.
    pub fn activity(
        &self,
        from: Timestamp,
        to: Timestamp,
        limit: u32,
    ) -> Result<Vec<Activity>, StoreError> {
        let text = "SELECT entry FROM activity WHERE at BETWEEN ? AND ?
                    ORDER BY sequence DESC LIMIT ?";
        let between = params![rows::nanos(from), rows::nanos(to), limit];
        let found = self.read(|connection| texts(connection, text, between))?;
        found.iter().map(|text| rows::from_json("activity", text)).collect()
    }
}

/// Asking again for what is there changes nothing; another name or content is a conflict.
fn same(known: RoleAssignment, new: &RoleAssignment) -> Result<RoleAssignment, AcceptError> {
    let refused = |code, message: String| {
        Err(AcceptError::Refused(Error::new(ErrorKind::Conflict, code, message)))
    };
    if known.id != new.id {
        let message = format!(
            "The role assignment already exists. The ID of the existing role assignment is {}.",
            known.id.simple()
        );
        return refused("RoleAssignmentExists", message);
    }
    let is_same = known.principal == new.principal
        && known.role == new.role
        && known.scope.eq_ignore_ascii_case(&new.scope);
    if is_same {
        return Ok(known);
    }
    let message = "Tenant ID, application ID, principal ID, role definition and scope are not \
                   allowed to be updated.";
    refused("RoleAssignmentUpdateNotPermitted", message.to_owned())
}
