//! A terminal inside a container, of the container's own file system for terminals.

use std::{
    io::{self, IoSlice, IoSliceMut},
    os::{
        fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd, RawFd},
        unix::net::UnixStream,
    },
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
    sys::{
        socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg},
        stat::{SFlag, fstat, makedev},
        statfs::{FsType, fstatfs},
    },
    unistd::{Uid, fchown},
};

use crate::{inside::Root, protocol::TerminalSize, sys};

const DEVPTS: FsType = FsType(0x1cd1);

/// Opens a new terminal in the root of this process and makes it the controlling one. The master
/// side goes to the socket.
pub(crate) fn open(
    size: TerminalSize,
    owner: u32,
    socket: BorrowedFd<'_>,
) -> Result<OwnedFd, Errno> {
    let master = open_master()?;
    let terminal = sys::open_peer(master.as_fd())?;
    sys::resize(terminal.as_fd(), size.rows, size.cols)?;
    fchown(&terminal, Some(Uid::from_raw(owner)), None)?;
    sys::control(terminal.as_fd())?;
    send(socket, master.as_fd())?;
    Ok(terminal)
}

/// The container may have put anything in the place of `/dev/pts/ptmx`: a link, a pipe that never
/// opens, another device. What is opened is used only if it is what it should be.
fn open_master() -> Result<OwnedFd, Errno> {
    let root = Root::open("/".into())?;
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let how = OpenHow::new()
        .flags(flags)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_SYMLINKS);
    let master = openat2(root.fd(), "dev/pts/ptmx", how)?;
    let found = fstat(&master)?;
    let is_device = SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT == SFlag::S_IFCHR;
    if !is_device || found.st_rdev != makedev(5, 2) || fstatfs(&master)?.filesystem_type() != DEVPTS
    {
        return Err(Errno::ENOTTY);
    }
    Ok(master)
}

fn send(socket: BorrowedFd<'_>, master: BorrowedFd<'_>) -> Result<(), Errno> {
    let fds = [master.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&fds)];
    let bytes = [IoSlice::new(&[0])];
    sendmsg::<()>(socket.as_raw_fd(), &bytes, &rights, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}

/// What [`open`] has sent, if it has.
pub(crate) fn receive(socket: &UnixStream) -> io::Result<OwnedFd> {
    let mut byte = [0];
    let mut space = nix::cmsg_space!([RawFd; 1]);
    let mut bytes = [IoSliceMut::new(&mut byte)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut bytes, Some(&mut space), flags)?;
    for rights in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(fds) = rights
            && let [fd] = fds.as_slice()
        {
            return Ok(sys::adopt(*fd));
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}
