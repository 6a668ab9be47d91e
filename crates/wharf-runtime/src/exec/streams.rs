//! The daemon's ends of a command's input and output: pipes or the master side of a terminal.

use std::{
    io,
    os::fd::OwnedFd,
    pin::Pin,
    task::{Context, Poll},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::unix::pipe,
};

/// No pipe holds more, in bytes.
const HELD_MAX: usize = 1 << 20;

/// Where a command's output comes from. At its end reads give nothing, as with files.
#[derive(Debug)]
pub struct Output(pipe::Receiver);

/// Where a command's input goes to. Dropping it is the end of a pipe.
#[derive(Debug)]
pub struct Input(pipe::Sender);

impl Output {
    /// What is left when the command has ended. Others that it has started may still write, and
    /// are not waited for.
    pub fn drain(&self) -> Vec<u8> {
        let (mut found, mut buffer) = (Vec::new(), [0; 16 << 10]);
        while found.len() < HELD_MAX {
            match nix::unistd::read(&self.0, &mut buffer) {
                Ok(0) => break,
                Ok(count) => found.extend_from_slice(&buffer[..count]),
                Err(Errno::EINTR) => {}
                Err(_) => break,
            }
        }
        found
    }
}

/// Ours to read, theirs to write.
pub(super) fn output_pipe() -> io::Result<(Output, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    Ok((Output(pipe::Receiver::from_owned_fd(reader.into())?), writer.into()))
}

/// Ours to write, theirs to read.
pub(super) fn input_pipe() -> io::Result<(Input, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    Ok((Input(pipe::Sender::from_owned_fd(writer.into())?), reader.into()))
}

/// Both directions of a terminal's master side, which behave as pipes do but at the end.
pub(super) fn both_ways(master: &OwnedFd) -> io::Result<(Input, Output)> {
    let flags = OFlag::from_bits_truncate(fcntl(master, FcntlArg::F_GETFL)?);
    fcntl(master, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    let input = pipe::Sender::from_owned_fd_unchecked(master.try_clone()?)?;
    let output = pipe::Receiver::from_owned_fd_unchecked(master.try_clone()?)?;
    Ok((Input(input), Output(output)))
}

impl AsyncRead for Output {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.0).poll_read(context, buffer) {
            // Nobody has the other side of the terminal any more.
            Poll::Ready(Err(error)) if error.raw_os_error() == Some(Errno::EIO as i32) => {
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl AsyncWrite for Input {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
