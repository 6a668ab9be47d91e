//! The shim's one loop: requests, reports, output and ends of containers, each when it comes.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    os::{
        fd::AsFd,
        unix::net::{UnixListener, UnixStream},
    },
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signalfd::SignalFd,
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::{
    boot::Shim,
    cri::Stream,
    engine::{ClientId, Engine, Word},
    protocol::{self, Operation, Reply, Request, VERSION},
};

/// What became ready.
#[derive(Clone, Copy, Debug)]
enum Token {
    Report(u32),
    Output(u32, Stream),
    Client(ClientId),
    Listener,
    Signals,
}

/// One connection.
#[derive(Debug)]
struct Client {
    stream: UnixStream,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    /// An answer is owed; what was asked after it has to wait.
    is_waiting: bool,
    is_subscribed: bool,
    is_gone: bool,
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
                    Token::Client(id) => self.serve(id),
                    Token::Listener => self.accept(),
                    Token::Signals => self.reap(),
                }
            }
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
        match poll(&mut fds, PollTimeout::NONE) {
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
                    outgoing: Vec::new(),
                    is_waiting: false,
                    is_subscribed: false,
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
            if client.is_waiting || client.is_subscribed {
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
                    client.is_subscribed = true;
                }
                Some(Reply::Done)
            }
            Operation::Start(start) => {
                self.engine.start(id, *start);
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
        self.clients.retain(|_, client| !client.is_gone);
    }

    /// One byte for each subscriber; one that has not read the last ones needs no more.
    fn hint(&mut self) {
        for client in self.clients.values_mut().filter(|c| c.is_subscribed) {
            if client.outgoing.is_empty() {
                client.outgoing.push(0);
            }
            client.send();
        }
    }
}

impl Client {
    fn receive(&mut self) {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return self.is_gone = true,
                Ok(count) => self.incoming.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.is_gone = true,
            }
        }
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
