//! The shim's one loop: requests, reports, output and ends of containers, each when it comes.

use std::{
    collections::BTreeMap,
    io::{self, IoSliceMut, Write},
    os::{
        fd::{AsFd, AsRawFd as _, OwnedFd, RawFd},
        unix::net::{UnixListener, UnixStream},
    },
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signalfd::SignalFd,
        socket::{ControlMessageOwned, MsgFlags, recvmsg},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::{
    boot::Shim,
    cri::Stream,
    engine::{ClientId, Engine, Word},
    log_writer::PATIENCE,
    protocol::{self, Operation, Reply, Request, VERSION},
    sys,
};

/// How many descriptors come with one message at most.
const DESCRIPTORS_MAX: usize = 3;

/// What became ready.
#[derive(Clone, Copy, Debug)]
enum Token {
    Report(u32),
    Output(u32, Stream),
    ExecReport(u32),
    Client(ClientId),
    Listener,
    Signals,
}

/// One connection.
#[derive(Debug)]
struct Client {
    stream: UnixStream,
    incoming: Vec<u8>,
    /// What came along with it, for the request that is under way.
    descriptors: Vec<OwnedFd>,
    outgoing: Vec<u8>,
    /// An answer is owed; what was asked after it has to wait.
    is_waiting: bool,
    use_of: Use,
    is_gone: bool,
}

/// What a connection is for: at first requests, from a certain one on that alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Requests,
    /// It is sent hints.
    Hints,
    /// It has a command, and sends signals for it.
    Command,
}

/// The shim at work.
#[derive(Debug)]
pub(crate) struct Server {
    listener: UnixListener,
    signals: SignalFd,
    engine: Engine,
    clients: BTreeMap<ClientId, Client>,
    next_client: ClientId,
}

impl Server {
    pub(crate) fn new(shim: Shim) -> Self {
        Self {
            listener: shim.listener,
            signals: shim.signals,
            engine: Engine::new(shim.journal),
            clients: BTreeMap::new(),
            next_client: 0,
        }
    }

    /// Works until it is told to shut down and nothing is left.
    pub(crate) fn run(mut self) -> io::Result<()> {
        while !self.engine.is_over() {
            // Children come last: what they have said before their end counts as before.
            for token in self.wait()? {
                match token {
                    Token::Report(number) => self.engine.report(number),
                    Token::Output(number, stream) => self.engine.output(number, stream),
                    Token::ExecReport(number) => self.engine.exec_report(number),
                    Token::Client(id) => self.serve(id),
                    Token::Listener => self.accept(),
                    Token::Signals => self.reap(),
                }
            }
            self.engine.write_begun_lines();
            self.deliver();
        }
        Ok(())
    }

    fn wait(&self) -> io::Result<Vec<Token>> {
        let mut tokens = Vec::new();
        let mut fds = Vec::new();
        for (number, slot) in self.engine.slots() {
            if let Some(fd) = slot.report_fd() {
                tokens.push(Token::Report(number));
                fds.push(PollFd::new(fd, PollFlags::POLLIN));
            }
            for stream in [Stream::Stdout, Stream::Stderr] {
                if let Some(fd) = slot.output_fd(stream) {
                    tokens.push(Token::Output(number, stream));
                    fds.push(PollFd::new(fd, PollFlags::POLLIN));
                }
            }
        }
        for (number, fd) in self.engine.exec_reports() {
            tokens.push(Token::ExecReport(number));
            fds.push(PollFd::new(fd, PollFlags::POLLIN));
        }
        for (id, client) in &self.clients {
            let mut events = PollFlags::POLLIN;
            events.set(PollFlags::POLLOUT, !client.outgoing.is_empty());
            tokens.push(Token::Client(*id));
            fds.push(PollFd::new(client.stream.as_fd(), events));
        }
        for (token, fd) in
            [(Token::Listener, self.listener.as_fd()), (Token::Signals, self.signals.as_fd())]
        {
            tokens.push(token);
            fds.push(PollFd::new(fd, PollFlags::POLLIN));
        }
        let has_begun_line = self.engine.slots().any(|(_, slot)| slot.has_begun_line());
        let limit = if has_begun_line {
            PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::NONE)
        } else {
            PollTimeout::NONE
        };
        match poll(&mut fds, limit) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        }
        let is_ready = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
        Ok(tokens.into_iter().zip(&fds).filter(|(_, fd)| is_ready(fd)).map(|(t, _)| t).collect())
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            if stream.set_nonblocking(true).is_ok() {
                let client = Client {
                    stream,
                    incoming: Vec::new(),
                    descriptors: Vec::new(),
                    outgoing: Vec::new(),
                    is_waiting: false,
                    use_of: Use::Requests,
                    is_gone: false,
                };
                self.clients.insert(self.next_client, client);
                self.serve(self.next_client);
                self.next_client += 1;
            }
        }
    }

    fn reap(&mut self) {
        while let Ok(Some(_)) = self.signals.read_signal() {}
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(status @ (WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _))) => {
                    self.engine.reaped(Pid::from_raw(pid.as_raw()), status);
                }
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// Reads what a client has sent and does what it asks, as far as it is complete.
    fn serve(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.receive();
        self.answer(id);
    }

    fn answer(&mut self, id: ClientId) {
        loop {
            let Some(client) = self.clients.get_mut(&id) else { return };
            if client.is_waiting || client.use_of == Use::Hints {
                return;
            }
            if client.use_of == Use::Command {
                for signal in std::mem::take(&mut client.incoming) {
                    self.engine.exec_signal(id, signal);
                }
                return;
            }
            let request = match protocol::take::<Request>(&mut client.incoming) {
                Ok(Some(request)) => request,
                Ok(None) => return,
                Err(error) => {
                    client.is_gone = true;
                    return crate::complain(&error);
                }
            };
            client.is_waiting = true;
            match self.obey(id, request) {
                Some(reply) => self.reply(id, &reply),
                None => return,
            }
        }
    }

    /// The answer, if there is one already.
    fn obey(&mut self, id: ClientId, request: Request) -> Option<Reply> {
        if request.version > VERSION {
            let reason = format!("version {} is newer than {VERSION}", request.version);
            return Some(Reply::Refused { reason });
        }
        match request.operation {
            Operation::State => Some(self.engine.state()),
            Operation::Signal { name, signal } => Some(self.engine.signal(&name, signal)),
            Operation::Remove { name } => Some(self.engine.remove(&name)),
            Operation::Subscribe => {
                if let Some(client) = self.clients.get_mut(&id) {
                    client.use_of = Use::Hints;
                }
                Some(Reply::Done)
            }
            Operation::Start(start) => {
                self.engine.start(id, *start);
                None
            }
            Operation::Exec(exec) => {
                let client = self.clients.get_mut(&id)?;
                client.use_of = Use::Command;
                let descriptors = std::mem::take(&mut client.descriptors);
                self.engine.exec(id, &exec, descriptors);
                None
            }
            Operation::Shutdown => {
                self.engine.shutdown(id);
                None
            }
        }
    }

    fn reply(&mut self, id: ClientId, reply: &Reply) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.is_waiting = false;
        match protocol::encode(reply) {
            Ok(frame) => client.outgoing.extend_from_slice(&frame),
            Err(error) => crate::complain(&error),
        }
        client.send();
    }

    /// Says what the engine wants to be said, and lets go of clients that have left.
    fn deliver(&mut self) {
        loop {
            let words = self.engine.take_words();
            if words.is_empty() {
                break;
            }
            for word in words {
                match word {
                    Word::Reply(id, reply) => {
                        self.reply(id, &reply);
                        self.answer(id);
                    }
                    Word::Hint => self.hint(),
                }
            }
        }
        for client in self.clients.values_mut() {
            client.send();
        }
        for (id, _) in self.clients.extract_if(.., |_, client| client.is_gone) {
            self.engine.client_left(id);
        }
    }

    /// One byte for each subscriber; one that has not read the last ones needs no more.
    fn hint(&mut self) {
        for client in self.clients.values_mut().filter(|c| c.use_of == Use::Hints) {
            if client.outgoing.is_empty() {
                client.outgoing.push(0);
            }
            client.send();
        }
    }
}

impl Client {
    fn receive(&mut self) {
        loop {
            match self.receive_some() {
                Ok(0) => return self.is_gone = true,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return,
                Err(_) => return self.is_gone = true,
            }
        }
    }

    fn receive_some(&mut self) -> Result<usize, Errno> {
        let mut buffer = [0; 4096];
        let mut space = nix::cmsg_space!([RawFd; DESCRIPTORS_MAX]);
        let mut bytes = [IoSliceMut::new(&mut buffer)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message = recvmsg::<()>(self.stream.as_raw_fd(), &mut bytes, Some(&mut space), flags)?;
        for rights in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(fds) = rights {
                self.descriptors.extend(fds.into_iter().map(sys::adopt));
            }
        }
        let count = message.bytes;
        self.incoming.extend_from_slice(&buffer[..count]);
        Ok(count)
    }

    fn send(&mut self) {
        while !self.outgoing.is_empty() && !self.is_gone {
            match self.stream.write(&self.outgoing) {
                Ok(count) => drop(self.outgoing.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.is_gone = true,
            }
        }
    }
}
