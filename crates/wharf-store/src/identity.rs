//! Principals, the hashes of their secrets, and the keys that sign tokens.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;
use wharf_model::access::{Principal, PrincipalKind};

use crate::{Store, StoreError, error::sql, rows};

/// A key that signs tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// Its name in tokens.
    pub kid: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The private key, PKCS #8.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

/// The hash of a secret of a principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Names it without telling it.
    pub id: Uuid,
    /// argon2id, as a PHC string.
    pub hash: String,
}

fn owner(kid: &str) -> String {
    format!("signing-key:{kid}")
}

fn kind_text(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::ServicePrincipal => "ServicePrincipal",
        PrincipalKind::User => "User",
        PrincipalKind::ManagedIdentity => "ManagedIdentity",
    }
}

fn read(row: &Row<'_>) -> Result<Principal, rusqlite::Error> {
    let id: String = row.get("id")?;
    let kind: String = row.get("kind")?;
    Ok(Principal {
        id: Uuid::parse_str(&id).unwrap_or_default(),
        kind: match kind.as_str() {
            "User" => PrincipalKind::User,
            "ManagedIdentity" => PrincipalKind::ManagedIdentity,
            _ => PrincipalKind::ServicePrincipal,
        },
        login: row.get("login")?,
        name: row.get("name")?,
        resource: row.get("resource")?,
        created_at: rows::time(row, "created_at")?,
        changed_at: rows::time(row, "changed_at")?,
    })
}

pub(crate) fn insert(
    connection: &Connection,
    principal: &Principal,
) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached(
            "INSERT INTO principals
             (id, kind, login_key, login, name, resource, resource_key, created_at, changed_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            principal.id.to_string(),
            kind_text(principal.kind),
            principal.login.to_lowercase(),
            principal.login,
            principal.name,
            principal.resource,
            principal.resource.as_ref().map(|resource| resource.to_lowercase()),
            rows::nanos(principal.created_at),
            rows::nanos(principal.changed_at),
        ])?;
    Ok(())
}

fn find(
    connection: &Connection,
    text: &'static str,
    value: &str,
) -> Result<Option<Principal>, StoreError> {
    connection
        .prepare_cached(text)
        .and_then(|mut select| select.query_row([value], read).optional())
        .map_err(sql("read a principal"))
}

impl Store {
    /// All signing keys, newest first.
    pub fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        let sealed: Vec<(String, Timestamp, Vec<u8>)> = self.read(|connection| {
            let failed = sql("read the signing keys");
            let text = "SELECT * FROM signing_keys ORDER BY created_at DESC, rowid DESC";
            let mut select = connection.prepare_cached(text).map_err(&failed)?;
            let rows = select.query_map([], |row| {
                Ok((row.get("kid")?, rows::time(row, "created_at")?, row.get("key")?))
            });
            rows.and_then(Iterator::collect).map_err(&failed)
        })?;
        let open = |(kid, created_at, sealed): (String, Timestamp, Vec<u8>)| {
            let owner = owner(&kid);
            let key = self.inner.config.key.open(&owner, &sealed);
            let key = key.ok_or(StoreError::Sealed { id: owner })?;
            Ok(SigningKey { kid, created_at, key })
        };
        sealed.into_iter().map(open).collect()
    }

    /// Adds a signing key and forgets those that are older than a time.
    pub fn add_signing_key(&self, key: &SigningKey, older: Timestamp) -> Result<(), StoreError> {
        let owner = owner(&key.kid);
        let sealed = self.inner.config.key.seal(&owner, &key.key);
        let sealed = sealed.ok_or(StoreError::Sealed { id: owner })?;
        self.write("add a signing key", |tx| {
            tx.execute("DELETE FROM signing_keys WHERE created_at < ?", [rows::nanos(older)])?;
            let insert = "INSERT INTO signing_keys (kid, created_at, key) VALUES (?, ?, ?)";
            tx.execute(insert, params![key.kid, rows::nanos(key.created_at), sealed])?;
            Ok(())
        })
    }

    /// Adds a principal with a secret if it has one; returns whether there was none of that login.
    pub fn add_principal(
        &self,
        principal: &Principal,
        secret: Option<&Secret>,
    ) -> Result<bool, StoreError> {
        self.write("add a principal", |tx| {
            let select = "SELECT 1 FROM principals WHERE login_key = ?";
            let known = tx.query_row(select, [principal.login.to_lowercase()], |_| Ok(()));
            if known.optional()?.is_some() {
                return Ok(false);
            }
            insert(tx, principal)?;
            if let Some(secret) = secret {
                insert_secret(tx, principal.id, secret, principal.changed_at)?;
            }
            Ok(true)
        })
    }

    /// The principal with that object id.
    pub fn principal(&self, id: Uuid) -> Result<Option<Principal>, StoreError> {
        let text = "SELECT * FROM principals WHERE id = ?";
        self.read(|connection| find(connection, text, &id.to_string()))
    }

    /// The principal with that client id or user name, and the hashes of its secrets.
    pub fn principal_by_login(
        &self,
        login: &str,
    ) -> Result<Option<(Principal, Vec<Secret>)>, StoreError> {
        self.read(|connection| {
            let text = "SELECT * FROM principals WHERE login_key = ?";
            let Some(principal) = find(connection, text, &login.to_lowercase())? else {
                return Ok(None);
            };
            let failed = sql("read the secrets of a principal");
            let text = "SELECT id, hash FROM secrets WHERE principal = ? ORDER BY created_at";
            let mut select = connection.prepare_cached(text).map_err(&failed)?;
            let secrets = select
                .query_map([principal.id.to_string()], |row| {
                    let id: String = row.get(0)?;
                    Ok(Secret { id: Uuid::parse_str(&id).unwrap_or_default(), hash: row.get(1)? })
                })
                .and_then(Iterator::collect)
                .map_err(&failed)?;
            Ok(Some((principal, secrets)))
        })
    }

    /// The identity of a resource.
    pub fn principal_of_resource(&self, resource: &str) -> Result<Option<Principal>, StoreError> {
        let text = "SELECT * FROM principals WHERE resource_key = ?";
        self.read(|connection| find(connection, text, &resource.to_lowercase()))
    }

    /// The identity of a resource; `made` when it has none yet.
    pub fn ensure_managed_identity(&self, made: &Principal) -> Result<Principal, StoreError> {
        let resource = made.resource.as_deref().unwrap_or_default().to_lowercase();
        self.write("make a managed identity", |tx| {
            let text = "SELECT * FROM principals WHERE resource_key = ?";
            if let Some(known) = tx.query_row(text, [resource], read).optional()? {
                return Ok(known);
            }
            insert(tx, made)?;
            Ok(made.clone())
        })
    }

    /// All principals, by name.
    pub fn principals(&self) -> Result<Vec<Principal>, StoreError> {
        self.read(|connection| {
            let failed = sql("list principals");
            let text = "SELECT * FROM principals ORDER BY name, id";
            let mut select = connection.prepare_cached(text).map_err(&failed)?;
            let rows = select.query_map([], read).map_err(&failed)?;
            rows.collect::<Result<_, _>>().map_err(&failed)
        })
    }

    /// Replaces all secrets of a principal by one; returns whether there is such a principal.
    pub fn replace_secrets(
        &self,
        now: Timestamp,
        principal: Uuid,
        secret: &Secret,
    ) -> Result<bool, StoreError> {
        self.write("replace the secrets of a principal", |tx| {
            let update = "UPDATE principals SET changed_at = ? WHERE id = ?";
            let count = tx.execute(update, params![rows::nanos(now), principal.to_string()])?;
            if count == 0 {
                return Ok(false);
            }
            tx.execute("DELETE FROM secrets WHERE principal = ?", [principal.to_string()])?;
            insert_secret(tx, principal, secret, now)?;
            Ok(true)
        })
    }

    /// Deletes a principal with its secrets; returns whether there was one.
    pub fn delete_principal(&self, id: Uuid) -> Result<bool, StoreError> {
        self.write("delete a principal", |tx| {
            Ok(tx.execute("DELETE FROM principals WHERE id = ?", [id.to_string()])? > 0)
        })
    }
}

fn insert_secret(
    connection: &Connection,
    principal: Uuid,
    secret: &Secret,
    now: Timestamp,
) -> Result<(), rusqlite::Error> {
    let insert = "INSERT INTO secrets (id, principal, hash, created_at) VALUES (?, ?, ?, ?)";
    let (id, principal) = (secret.id.to_string(), principal.to_string());
    connection.execute(insert, params![id, principal, secret.hash, rows::nanos(now)])?;
    Ok(())
}
