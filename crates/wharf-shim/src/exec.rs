//! Commands that run in containers beside the containers' own processes.
//!
//! Each is a child of the shim, so that its exit code is known, in the container's PID namespace,
//! so that it dies with the container, and in a cgroup of its own below the container's, so that
//! all it has started can be killed when whoever wanted it has gone. Its input and output are the
//! client's own descriptors: nothing of it passes through the shim.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    panic::{AssertUnwindSafe, catch_unwind},
};

use nix::{
    errno::Errno,
    sched::{CloneFlags, setns},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    cgroup,
    create::{self, Report, read_report},
    engine::ClientId,
    join::{self, Target},
    protocol::{Exec, Reply, Start},
    sys,
};

/// One command.
#[derive(Debug)]
pub(crate) struct Session {
    client: ClientId,
    pid: Pid,
    cgroup: String,
    report: Option<File>,
    said: Vec<u8>,
    is_executing: bool,
}

/// All commands of the group.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    running: BTreeMap<u32, Session>,
    next: u32,
}

/// A command that ended, with what is to be said of it.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) client: ClientId,
    pub(crate) replies: Vec<Reply>,
    /// To be removed; what it has left running is still in there.
    pub(crate) cgroup: String,
}

impl Sessions {
    /// Begins to run a command in the container whose first process is given; does not wait.
    pub(crate) fn begin(
        &mut self,
        client: ClientId,
        exec: &Exec,
        (start, init): (&Start, Pid),
        descriptors: Vec<OwnedFd>,
    ) -> Result<(), Reply> {
        let refused = |error: &dyn std::error::Error| Reply::Refused {
            reason: format!("make a process: {}", crate::chain(error)),
        };
        let target = match (sys::open_process(init), join::differences(init)) {
            (Ok(process), Ok(namespaces)) => Target { start, process, namespaces },
            (Err(Errno::ESRCH | Errno::ENOENT), _) | (_, Err(Errno::ESRCH | Errno::ENOENT)) => {
                return Err(Reply::NotRunning);
            }
            (Err(error), _) | (_, Err(error)) => return Err(refused(&error)),
        };
        // The container's own processes have none of that name: they cannot make any.
        let cgroup = format!("{}/_exec-{}", start.cgroup, self.next);
        let (report, writer) = create::pipe_without_waiting().map_err(|error| refused(&error))?;
        let unified = cgroup::make_unified(&cgroup).map_err(|error| refused(&error))?;
        let born = fork_beside(init, unified.as_ref().map(AsFd::as_fd));
        let Some(pid) = born.map_err(|error| refused(&error))? else {
            let joined =
                catch_unwind(AssertUnwindSafe(|| join::join(&target, exec, descriptors, writer)));
            create::end_with(joined.ok())
        };
        let session = Session {
            client,
            pid,
            cgroup,
            report: Some(report),
            said: Vec::new(),
            is_executing: false,
        };
        self.running.insert(self.next, session);
        self.next = self.next.wrapping_add(1);
        Ok(())
    }

    /// Where reports come from, with the number to give back.
    pub(crate) fn reports(&self) -> impl Iterator<Item = (u32, BorrowedFd<'_>)> {
        self.running.iter().filter_map(|(n, session)| Some((*n, session.report.as_ref()?.as_fd())))
    }

    /// A command that is being started has something to say: whom to tell that it runs.
    pub(crate) fn report(&mut self, number: u32) -> Option<ClientId> {
        let session = self.running.get_mut(&number)?;
        session.read_report().then_some(session.client)
    }

    /// The client wants a signal to be sent.
    pub(crate) fn signal(&self, client: ClientId, signal: u8) {
        let found = self.running.values().find(|session| session.client == client);
        if let (Some(session), Ok(signal)) = (found, Signal::try_from(i32::from(signal))) {
            session.signal(signal);
        }
    }

    /// The client has gone: everything goes with it.
    pub(crate) fn abandon(&self, client: ClientId) {
        for session in self.running.values().filter(|session| session.client == client) {
            cgroup::kill(&session.cgroup);
            session.signal(Signal::SIGKILL);
        }
    }

    /// A child has ended; `None` if it is not one of these.
    pub(crate) fn reaped(&mut self, pid: Pid, code: i32) -> Option<Ended> {
        let (number, _) = self.running.iter().find(|(_, session)| session.pid == pid)?;
        let mut session = self.running.remove(&number.clone())?;
        // It may have begun and ended since the last look.
        let begun = session.read_report().then_some(Reply::Executing);
        let end = match (session.is_executing, read_report(&session.said)) {
            (true, _) => Reply::Ended { code, message: None },
            (false, Some(Report::Failed { code, message })) => {
                Reply::Ended { code, message: Some(message) }
            }
            (false, Some(Report::Ready { .. }) | None) => {
                let message = format!("ended with code {code} while being started");
                Reply::Ended { code: 128, message: Some(message) }
            }
        };
        let replies = begun.into_iter().chain([end]).collect();
        Some(Ended { client: session.client, replies, cgroup: session.cgroup })
    }
}

impl Session {
    /// Whether it has just become known that the command runs.
    fn read_report(&mut self) -> bool {
        let Some(mut pipe) = self.report.as_ref() else { return false };
        match pipe.read_to_end(&mut self.said) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Ok(_) | Err(_) => {
                self.report = None;
                self.is_executing = matches!(read_report(&self.said), Some(Report::Ready { .. }));
                self.is_executing
            }
        }
    }

    /// To all of its process group, which it leads as soon as it has begun to prepare itself. It is
    /// our child, so the number is its own until we have waited for it.
    fn signal(&self, signal: Signal) {
        if kill(Pid::from_raw(-self.pid.as_raw()), signal).is_err() {
            // It may have ended already.
            let _gone = kill(self.pid, signal);
        }
    }
}

/// Forks a child into the PID namespace of another process and into a cgroup. Children are born
/// where their parent says, which therefore says so for a moment.
fn fork_beside(other: Pid, cgroup: Option<BorrowedFd<'_>>) -> Result<Option<Pid>, Errno> {
    let open = |path: String| File::open(path).map_err(|error| crate::launch::errno(&error));
    let here = open("/proc/self/ns/pid".to_owned())?;
    let there = open(format!("/proc/{other}/ns/pid"))?;
    setns(&there, CloneFlags::CLONE_NEWPID)?;
    let born = sys::fork_into(0, cgroup);
    if !matches!(born, Ok(None)) {
        // A namespace that this process is in itself can always be chosen.
        setns(&here, CloneFlags::CLONE_NEWPID)?;
    }
    born
}
