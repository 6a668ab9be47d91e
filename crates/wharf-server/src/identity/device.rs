//! Logins with a code on another device (RFC 8628). They live for minutes, hence in memory.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// For how long a code can be entered.
pub(crate) const LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// How many logins can be under way.
const PENDING_MAX: usize = 1000;
/// Letters and digits that nobody takes for one another.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// A login that was begun.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    /// What the user enters.
    pub(crate) user_code: String,
    /// Which client asked.
    pub(crate) client: String,
    /// For which service.
    pub(crate) resource: Option<String>,
    expires_at: Timestamp,
    approved_by: Option<Uuid>,
}

/// What a client that asks again is told.
#[derive(Debug)]
pub(crate) enum Poll {
    /// The user has not answered.
    Waiting,
    /// There is no such login, or no longer.
    Gone,
    /// The user agreed.
    Approved(Uuid, Pending),
}

/// All logins under way, by device code.
#[derive(Debug, Default)]
pub(crate) struct Devices(Mutex<HashMap<String, Pending>>);

impl Devices {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Pending>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a login; returns its device code and user code, or `None` when too many are under way.
    pub(crate) fn begin(
        &self,
        now: Timestamp,
        client: &str,
        resource: Option<String>,
    ) -> Option<(String, String)> {
        let mut pending = self.lock();
        pending.retain(|_, login| now < login.expires_at);
        if pending.len() >= PENDING_MAX {
            return None;
        }
        let device_code = super::secrets::random();
        let bits = Uuid::new_v4().into_bytes();
        let letter = |byte: &u8| char::from(ALPHABET[usize::from(byte & 31)]);
        // Not the bytes that hold a UUID's version and variant.
        let letters: String = bits[..4].iter().chain(&bits[10..14]).map(letter).collect();
        let user_code = format!("{}-{}", &letters[..4], &letters[4..]);
        let login = Pending {
            user_code: user_code.clone(),
            client: client.to_owned(),
            resource,
            expires_at: now + LIFETIME,
            approved_by: None,
        };
        pending.insert(device_code.clone(), login);
        Some((device_code, user_code))
    }

    /// The user who entered that code agrees; returns whether there is such a login.
    pub(crate) fn approve(&self, now: Timestamp, user_code: &str, user: Uuid) -> bool {
        let entered = user_code.trim().to_ascii_uppercase();
        let mut pending = self.lock();
        let login = pending.values_mut().find(|login| login.user_code == entered);
        match login.filter(|login| now < login.expires_at && login.approved_by.is_none()) {
            Some(login) => {
                login.approved_by = Some(user);
                true
            }
            None => false,
        }
    }

    /// Whether the user has agreed. A code can be redeemed once.
    pub(crate) fn poll(&self, now: Timestamp, device_code: &str) -> Poll {
        let mut pending = self.lock();
        let Some(login) = pending.get(device_code) else { return Poll::Gone };
        if login.expires_at <= now {
            pending.remove(device_code);
            return Poll::Gone;
        }
        let Some(user) = login.approved_by else { return Poll::Waiting };
        match pending.remove(device_code) {
            Some(login) => Poll::Approved(user, login),
            None => Poll::Gone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_redeemed_once_after_the_user_agreed_and_in_time() {
        let (devices, now) = (Devices::default(), Timestamp::UNIX_EPOCH);
        let (device, user_code) = devices.begin(now, "c", None).unwrap();
        assert!(matches!(devices.poll(now, &device), Poll::Waiting));
        assert!(!devices.approve(now, "AAAA-AAAA", Uuid::nil()));
        assert!(devices.approve(now, &user_code.to_lowercase(), Uuid::nil()));
        assert!(!devices.approve(now, &user_code, Uuid::max()), "somebody agreed already");
        let Poll::Approved(user, login) = devices.poll(now, &device) else { panic!("agreed") };
        assert_eq!((user, login.client.as_str()), (Uuid::nil(), "c"));
        assert!(matches!(devices.poll(now, &device), Poll::Gone));
        let (late, _) = devices.begin(now, "c", None).unwrap();
        assert!(matches!(devices.poll(now + LIFETIME, &late), Poll::Gone));
    }
}
