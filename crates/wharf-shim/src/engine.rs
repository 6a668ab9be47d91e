//! The containers of one shim: what is told to them and what becomes of them.
//!
//! Decides nothing. Knows no descriptors but those of its containers, and is driven by the
//! server's loop: something to read here, a child that ended there.

use std::{
    collections::BTreeMap,
    os::fd::{BorrowedFd, OwnedFd},
};

use nix::{
    sys::{
        signal::{Signal as Posix, kill},
        wait::WaitStatus,
    },
    unistd::Pid,
};
use wharf_model::{
    ContainerName,
    clock::{Clock, SystemClock},
    status::{Exit, ExitCause},
};

use crate::{
    cgroup,
    create::{self, Report},
    cri::Stream,
    exec::Sessions,
    journal::{Journal, Record},
    log_writer::LogWriter,
    protocol::{Exec, Reply, Signal, Start, VERSION},
    slot::{Slot, Stage},
    table::{Container, RunKey, Table},
};

/// A client that waits for an answer.
pub(crate) type ClientId = u64;

/// What the engine wants to be said.
#[derive(Debug)]
pub(crate) enum Word {
    /// An answer.
    Reply(ClientId, Reply),
    /// Something started or ended.
    Hint,
}

/// All containers with what is under way.
#[derive(Debug)]
pub(crate) struct Engine {
    table: Table,
    journal: Journal,
    slots: BTreeMap<u32, Slot>,
    next_slot: u32,
    sessions: Sessions,
    /// Cgroups that were busy when they should have been removed.
    leftovers: Vec<String>,
    closing: Option<ClientId>,
    words: Vec<Word>,
}

impl Engine {
    pub(crate) fn new(journal: Journal) -> Self {
        Self {
            table: Table::default(),
            journal,
            slots: BTreeMap::new(),
            next_slot: 0,
            sessions: Sessions::default(),
            leftovers: Vec::new(),
            closing: None,
            words: Vec::new(),
        }
    }

    /// What is to be said, once.
    pub(crate) fn take_words(&mut self) -> Vec<Word> {
        std::mem::take(&mut self.words)
    }

    /// What can be read from, with the number to give back.
    pub(crate) fn slots(&self) -> impl Iterator<Item = (u32, &Slot)> {
        self.slots.iter().map(|(number, slot)| (*number, slot))
    }

    /// All containers.
    pub(crate) fn state(&self) -> Reply {
        Reply::State { version: VERSION, table: self.table.clone() }
    }

    /// Starts a container, or answers with what there is. The answer may come later.
    pub(crate) fn start(&mut self, client: ClientId, mut start: Start) {
        if let Some(known) = self.table.seen(&start.key) {
            return self.words.push(Word::Reply(client, Reply::Container(known.clone())));
        }
        let name = &start.key.name;
        if let Some(slot) = self.slots.values_mut().find(|slot| slot.start.key.name == *name) {
            if slot.start.key == start.key {
                return slot.waiting.push(client);
            }
            let reason = format!("container {name} has not ended");
            return self.words.push(Word::Reply(client, Reply::Refused { reason }));
        }
        if self.closing.is_some() {
            let reason = "shutting down".to_owned();
            return self.words.push(Word::Reply(client, Reply::Refused { reason }));
        }
        let at = SystemClock.now();
        self.record(&Record::Intent { key: start.key.clone(), at });
        if let Some(reason) = start.impossible.clone() {
            return self.fail(&start.key, &[client], 128, reason);
        }
        match create::begin(&start) {
            Ok(attempt) => {
                // The child has its own copy.
                start.secrets.clear();
                let log = LogWriter::new(&start.log);
                self.slots.insert(self.next_slot, Slot::new(start, attempt, log, client));
                self.next_slot = self.next_slot.wrapping_add(1);
            }
            Err(error) => {
                self.fail(&start.key, &[client], 128, format!("cannot make a process: {error}"));
            }
        }
    }

    /// Runs a command in a container that runs. The answer comes later.
    pub(crate) fn exec(&mut self, client: ClientId, exec: &Exec, descriptors: Vec<OwnedFd>) {
        let is_there = |slot: &&Slot| slot.start.key.name == exec.name;
        let begun = match self.slots.values().find(is_there) {
            Some(slot) if slot.stage == Stage::Running => {
                self.sessions.begin(client, exec, (&slot.start, slot.pid), descriptors)
            }
            Some(_) | None => Err(Reply::NotRunning),
        };
        if let Err(reply) = begun {
            self.words.push(Word::Reply(client, reply));
        }
    }

    /// Where commands that are being started report, with the number to give back.
    pub(crate) fn exec_reports(&self) -> impl Iterator<Item = (u32, BorrowedFd<'_>)> {
        self.sessions.reports()
    }

    /// A command that is being started has something to say.
    pub(crate) fn exec_report(&mut self, number: u32) {
        if let Some(client) = self.sessions.report(number) {
            self.words.push(Word::Reply(client, Reply::Executing));
        }
    }

    /// A client wants its command to get a signal.
    pub(crate) fn exec_signal(&self, client: ClientId, signal: u8) {
        self.sessions.signal(client, signal);
    }

    /// A client has left, and what runs for it alone has to end.
    pub(crate) fn client_left(&self, client: ClientId) {
        self.sessions.abandon(client);
    }

    /// Signals a container's first process. While it is being started it can only be killed.
    pub(crate) fn signal(&mut self, name: &ContainerName, signal: Signal) -> Reply {
        if let Some(slot) = self.slots.values().find(|slot| slot.start.key.name == *name) {
            let posix = match (slot.stage, signal) {
                (_, Signal::Kill) => Some(Posix::SIGKILL),
                (Stage::Running, Signal::Term) => Some(Posix::SIGTERM),
                (Stage::Starting, Signal::Term) => None,
            };
            if let Some(posix) = posix {
                if let Err(error) = kill(slot.pid, posix) {
                    return Reply::Refused { reason: format!("kill: {error}") };
                }
                self.note_signal(name, signal);
            }
        }
        Reply::Container(self.table.containers.get(name).cloned().unwrap_or_default())
    }

    fn note_signal(&mut self, name: &ContainerName, signal: Signal) {
        let Some(container) = self.table.containers.get_mut(name) else { return };
        match signal {
            Signal::Term => {
                container.term_sent_at.get_or_insert_with(|| SystemClock.now());
            }
            Signal::Kill => container.is_killed = true,
        }
    }

    /// Forgets an ended container.
    pub(crate) fn remove(&mut self, name: &ContainerName) -> Reply {
        if self.slots.values().any(|slot| slot.start.key.name == *name) {
            return Reply::Refused { reason: format!("container {name} has not ended") };
        }
        if self.table.containers.contains_key(name) {
            self.record(&Record::Removed { name: name.clone() });
            self.table.remove(name);
        }
        Reply::Done
    }

    /// Kills everything; the answer comes when it is dead.
    pub(crate) fn shutdown(&mut self, client: ClientId) {
        self.closing = Some(client);
        let names: Vec<ContainerName> =
            self.slots.values().map(|slot| slot.start.key.name.clone()).collect();
        for name in names {
            self.signal(&name, Signal::Kill);
        }
        self.close_if_empty();
    }

    /// Whether all is done after a shutdown.
    pub(crate) fn is_over(&self) -> bool {
        self.closing.is_some() && self.slots.is_empty()
    }

    fn close_if_empty(&mut self) {
        if let (Some(client), true) = (self.closing, self.slots.is_empty()) {
            self.words.push(Word::Reply(client, Reply::Done));
        }
    }

    /// A container has written something.
    pub(crate) fn output(&mut self, number: u32, stream: Stream) {
        if let Some(slot) = self.slots.get_mut(&number) {
            slot.copy_output(stream, SystemClock.now());
        }
    }

    /// Writes lines without an end to the logs if it is time.
    pub(crate) fn write_begun_lines(&mut self) {
        for slot in self.slots.values_mut().filter(|slot| slot.has_begun_line()) {
            slot.write_begun_line(SystemClock.now());
        }
    }

    /// A container that is being started has something to say.
    pub(crate) fn report(&mut self, number: u32) {
        let Some(slot) = self.slots.get_mut(&number) else { return };
        // A failure is dealt with when the process has ended, and with it all it had.
        let Some(Report::Ready { at }) = slot.read_report() else { return };
        let waiting = std::mem::take(&mut slot.waiting);
        let key = slot.start.key.clone();
        let pid = slot.pid.as_raw().cast_unsigned();
        slot.stage = Stage::Running;
        self.record(&Record::Started { key: key.clone(), at, pid });
        self.table.begin(&key, at, Some(pid));
        self.tell(&key, &waiting);
    }

    /// A child has ended: a container, or an orphan.
    pub(crate) fn reaped(&mut self, pid: Pid, status: WaitStatus) {
        let code = match status {
            WaitStatus::Exited(_, code) => code,
            WaitStatus::Signaled(_, signal, _) => 128 + signal as i32,
            // Not an end; waiting does not ask for these.
            WaitStatus::Stopped(..)
            | WaitStatus::Continued(_)
            | WaitStatus::StillAlive
            | WaitStatus::PtraceEvent(..)
            | WaitStatus::PtraceSyscall(_) => return,
        };
        let number = self.slots.iter().find(|(_, slot)| slot.pid == pid).map(|(n, _)| *n);
        if let Some(number) = number {
            self.report(number);
            if let Some(slot) = self.slots.remove(&number) {
                self.ended(slot, code);
            }
        } else {
            self.exec_reaped(pid, code);
        }
        self.leftovers.retain(|cgroup| !cgroup::remove(cgroup).unwrap_or(true));
        self.close_if_empty();
    }

    fn exec_reaped(&mut self, pid: Pid, code: i32) {
        if let Some(ended) = self.sessions.reaped(pid, code) {
            self.clear(ended.cgroup);
            for reply in ended.replies {
                self.words.push(Word::Reply(ended.client, reply));
            }
        }
    }

    fn ended(&mut self, mut slot: Slot, code: i32) {
        let now = SystemClock.now();
        slot.drain(now);
        let is_oom = code == 137 && cgroup::oom_kills(&slot.start.cgroup) > 0;
        match slot.stage {
            Stage::Starting => {
                let (code, message) = slot.failure(code);
                self.fail(&slot.start.key, &slot.waiting, code, message);
            }
            Stage::Running => {
                let cause = if is_oom { ExitCause::OutOfMemory } else { ExitCause::Exited };
                let exit = Exit { code, at: now, cause, message: None };
                self.record(&Record::Ended { key: slot.start.key.clone(), exit: exit.clone() });
                self.table.end(&slot.start.key, exit);
                self.words.push(Word::Hint);
            }
        }
        self.clear(slot.start.cgroup);
    }

    fn clear(&mut self, cgroup: String) {
        if !cgroup::remove(&cgroup).unwrap_or(true) {
            self.leftovers.push(cgroup);
        }
    }

    /// A start that came to nothing is a run all the same.
    fn fail(&mut self, key: &RunKey, waiting: &[ClientId], code: i32, message: String) {
        let at = SystemClock.now();
        let cause = ExitCause::StartFailed;
        let exit = Exit { code, at, cause, message: Some(message) };
        self.record(&Record::Ended { key: key.clone(), exit: exit.clone() });
        self.table.begin(key, at, None);
        self.table.end(key, exit);
        self.tell(key, waiting);
    }

    fn tell(&mut self, key: &RunKey, waiting: &[ClientId]) {
        let container: Container =
            self.table.containers.get(&key.name).cloned().unwrap_or_default();
        for client in waiting {
            self.words.push(Word::Reply(*client, Reply::Container(container.clone())));
        }
        self.words.push(Word::Hint);
    }

    fn record(&mut self, record: &Record) {
        // Without a journal the table is still right; only a later reader will know less.
        if let Err(error) = self.journal.append(record) {
            crate::complain(&error);
        }
    }
}
