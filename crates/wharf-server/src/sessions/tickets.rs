//! What `exec` and `attach` give out: the right to one session.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::Timestamp;
use uuid::Uuid;
use wharf_model::{ContainerName, GroupId, clock::Clock};
use wharf_runtime::{exec::Command, logs::Follower};

/// How long a ticket can be used.
const LIFE: Duration = Duration::from_mins(1);
/// What Azure's passwords end with; clients send it back with the rest.
const END_MARK: &str = "[[EOM]]";

/// What a session is for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// Running a command.
    Exec(Command),
    /// Seeing what the container writes.
    Attach(Box<Follower>),
}

/// The right to a session.
pub(crate) struct Ticket {
    pub(crate) group: GroupId,
    pub(crate) container: ContainerName,
    pub(crate) purpose: Purpose,
    password: String,
    expires_at: Timestamp,
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("group", &self.group).finish_non_exhaustive()
    }
}

impl Ticket {
    /// Whether it is this one's.
    pub(crate) fn is_password(&self, text: &str) -> bool {
        verify_slices_are_equal(text.as_bytes(), self.password.as_bytes()).is_ok()
    }
}

/// What the client gets.
pub(crate) struct Given {
    /// The last segment of the address.
    pub(crate) session: String,
    /// What it must say there.
    pub(crate) password: String,
}

/// All tickets that were not used yet.
#[derive(Clone)]
pub(crate) struct Tickets {
    clock: Arc<dyn Clock>,
    open: Arc<Mutex<HashMap<String, Ticket>>>,
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tickets")
    }
}

impl Tickets {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, open: Arc::default() }
    }

    /// Makes a ticket, and forgets those that are too old.
    pub(crate) fn give(&self, group: GroupId, container: ContainerName, purpose: Purpose) -> Given {
        let word = || Uuid::new_v4().simple().to_string();
        let (session, password) = (word(), format!("{}{}{END_MARK}", word(), word()));
        let now = self.clock.now();
        let expires_at = now.checked_add(LIFE).unwrap_or(now);
        let ticket = Ticket { group, container, purpose, password: password.clone(), expires_at };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, ticket| ticket.expires_at > now);
        open.insert(session.clone(), ticket);
        Given { session, password }
    }

    /// Uses up a ticket.
    pub(crate) fn take(&self, session: &str) -> Option<Ticket> {
        let now = self.clock.now();
        let ticket = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(session);
        ticket.filter(|ticket| ticket.expires_at > now)
    }
}

#[cfg(test)]
mod tests {
    use wharf_runtime::exec::Streams;

    use super::*;

    #[derive(Debug)]
    struct At(Mutex<Timestamp>);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }
    }

    #[test]
    fn a_ticket_is_used_once_in_time_and_with_its_password() {
        let clock = Arc::new(At(Mutex::new(Timestamp::UNIX_EPOCH)));
        let tickets = Tickets::new(clock.clone());
        let give = || {
            let streams = Streams::Pipes { has_input: false };
            let command = Command { args: Vec::new(), env: Vec::new(), streams };
            let name = ContainerName::parse("web").unwrap();
            tickets.give(GroupId::from_bits(1), name, Purpose::Exec(command))
        };
        let (given, other) = (give(), give());
        assert!(given.password.ends_with("[[EOM]]") && given.password.len() > 64);
        let ticket = tickets.take(&given.session).unwrap();
        assert!(ticket.is_password(&given.password) && !ticket.is_password(&other.password));
        assert!(!ticket.is_password("") && !ticket.is_password(&given.password[..64]));
        assert!(tickets.take(&given.session).is_none());
        *clock.0.lock().unwrap() += Duration::from_mins(1);
        assert!(tickets.take(&other.session).is_none());
        give();
        assert_eq!(tickets.open.lock().unwrap().len(), 1);
    }
}
