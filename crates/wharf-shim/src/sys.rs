//! System calls that no library offers in a safe form: processes born into a cgroup, mounts by
//! descriptor, capabilities, filters.
//!
//! Nothing here decides anything; everything is a call with its error.

#![expect(unsafe_code, reason = "thin wrappers around system calls")]

use std::{
    ffi::CString,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

use nix::{errno::Errno, unistd::Pid};

/// A mount's attributes: `MOUNT_ATTR_*`.
pub(crate) type Attributes = u64;

fn check(result: libc::c_long) -> Result<libc::c_long, Errno> {
    Errno::result(result)
}

fn own(result: libc::c_long) -> Result<OwnedFd, Errno> {
    let fd = RawFd::try_from(check(result)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn c_string(text: &str) -> Result<CString, Errno> {
    CString::new(text).map_err(|_| Errno::EINVAL)
}

/// Takes over a descriptor that a message has brought.
pub(crate) fn adopt(fd: RawFd) -> OwnedFd {
    // SAFETY: the kernel has just made it for us, and nobody else knows its number.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Forks, with `CLONE_NEW*` flags, into a cgroup of version 2. `None` in the child.
///
/// For processes with one thread: the child is a full copy that may do anything.
pub(crate) fn fork_into(
    flags: libc::c_int,
    cgroup: Option<BorrowedFd<'_>>,
) -> Result<Option<Pid>, Errno> {
    // SAFETY: all fields are numbers, for which zero is "none".
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = u64::from(flags.cast_unsigned());
    args.exit_signal = u64::from(libc::SIGCHLD.cast_unsigned());
    if let Some(cgroup) = cgroup {
        args.flags |= INTO_CGROUP;
        args.cgroup = u64::from(cgroup.as_raw_fd().cast_unsigned());
    }
    // SAFETY: without a stack of its own and without CLONE_VM the child goes on with a copy of
    // ours, as after fork.
    let pid = check(unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of_val(&args)) })?;
    Ok((pid != 0).then(|| Pid::from_raw(i32::try_from(pid).unwrap_or(i32::MAX))))
}

/// `CLONE_INTO_CGROUP` does not fit the type that libc gives it.
const INTO_CGROUP: u64 = 0x2_0000_0000;

/// A child that holds new namespaces until the other end of its pipe is closed: by the caller, or by
/// its death.
///
/// For any process: the child calls nothing but the kernel. It keeps no other descriptor, since one
/// could be the other end of the pipe of another such child.
pub(crate) fn hold_namespaces(flags: libc::c_int, wait: BorrowedFd<'_>) -> Result<Pid, Errno> {
    if let Some(pid) = fork_into(flags, None)? {
        return Ok(pid);
    }
    let mut byte = 0_u8;
    // SAFETY: numbers, and a pointer to a byte that lives on; nothing of the library is used.
    unsafe {
        libc::dup2(wait.as_raw_fd(), 0);
        libc::syscall(libc::SYS_close_range, 1, libc::c_uint::MAX, 0);
        while libc::read(0, (&raw mut byte).cast(), 1) > 0 {}
    }
    end(0)
}

/// The user namespace that owns a namespace (`NS_GET_USERNS`, `ioctl_ns(2)`).
pub(crate) fn owner_of(namespace: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    const NS_GET_USERNS: libc::Ioctl = 0xb701;
    // SAFETY: numbers only.
    own(unsafe { libc::ioctl(namespace.as_raw_fd(), NS_GET_USERNS) }.into())
}

/// A new mount of a file system, attached nowhere.
pub(crate) fn new_mount(
    fs_type: &str,
    options: &[(&str, Option<&str>)],
    attributes: Attributes,
) -> Result<OwnedFd, Errno> {
    let name = c_string(fs_type)?;
    // SAFETY: a C string and a flag.
    let context =
        own(unsafe { libc::syscall(libc::SYS_fsopen, name.as_ptr(), libc::FSOPEN_CLOEXEC) })?;
    for (key, value) in options {
        let key = c_string(key)?;
        let value = value.map(c_string).transpose()?;
        let command =
            if value.is_some() { libc::FSCONFIG_SET_STRING } else { libc::FSCONFIG_SET_FLAG };
        let value = value.as_ref().map_or(std::ptr::null(), |value| value.as_ptr());
        // SAFETY: C strings that live until after the call, or null where there is no value.
        check(unsafe {
            libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), command, key.as_ptr(), value, 0)
        })?;
    }
    let none = std::ptr::null::<libc::c_char>();
    // SAFETY: this command has neither key nor value.
    check(unsafe {
        let command = libc::FSCONFIG_CMD_CREATE;
        libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), command, none, none, 0)
    })?;
    // SAFETY: numbers only.
    own(unsafe {
        let flags = libc::FSMOUNT_CLOEXEC;
        libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), flags, attributes)
    })
}

/// A copy of what is at a path with all mounts below it, attached nowhere.
pub(crate) fn copy_tree(path: &str) -> Result<OwnedFd, Errno> {
    copy(libc::AT_FDCWD, path, 0)
}

/// As [`copy_tree`], of what a descriptor refers to.
pub(crate) fn copy_tree_at(fd: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    copy(fd.as_raw_fd(), "", libc::AT_EMPTY_PATH)
}

fn copy(fd: RawFd, path: &str, flags: libc::c_int) -> Result<OwnedFd, Errno> {
    let path = c_string(path)?;
    let flags = (flags | libc::AT_RECURSIVE).cast_unsigned()
        | libc::OPEN_TREE_CLONE
        | libc::OPEN_TREE_CLOEXEC;
    // SAFETY: a C string and numbers.
    own(unsafe { libc::syscall(libc::SYS_open_tree, fd, path.as_ptr(), flags) })
}

/// A file as part of a mount of its own that cannot be written through, attached nowhere.
pub(crate) fn seal(path: &str) -> Result<OwnedFd, Errno> {
    let sealed = copy_tree(path)?;
    add_attributes(sealed.as_fd(), libc::MOUNT_ATTR_RDONLY)?;
    Ok(sealed)
}

/// Adds attributes to a mount and all below it.
pub(crate) fn add_attributes(mount: BorrowedFd<'_>, attributes: Attributes) -> Result<(), Errno> {
    let change =
        libc::mount_attr { attr_set: attributes, attr_clr: 0, propagation: 0, userns_fd: 0 };
    // SAFETY: an empty C string and a structure of the size given.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            &raw const change,
            size_of_val(&change),
        )
    })?;
    Ok(())
}

/// Maps the owners of files of a mount that is attached nowhere, as a user namespace does. `EINVAL`:
/// the file system cannot do that.
pub(crate) fn map_ids(mount: BorrowedFd<'_>, user: BorrowedFd<'_>) -> Result<(), Errno> {
    let change = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_IDMAP,
        attr_clr: 0,
        propagation: 0,
        userns_fd: u64::from(user.as_raw_fd().cast_unsigned()),
    };
    // SAFETY: an empty C string and a structure of the size given.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw const change,
            size_of_val(&change),
        )
    })?;
    Ok(())
}

/// Attaches a mount where a descriptor refers to.
pub(crate) fn attach(mount: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: empty C strings and numbers.
    check(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_raw_fd(),
            c"".as_ptr(),
            target.as_raw_fd(),
            c"".as_ptr(),
            libc::MOVE_MOUNT_F_EMPTY_PATH | libc::MOVE_MOUNT_T_EMPTY_PATH,
        )
    })?;
    Ok(())
}

/// `_LINUX_CAPABILITY_VERSION_3`.
const CAPABILITY_VERSION: u32 = 0x2008_0522;

/// The number of the last capability this kernel may know.
pub(crate) const LAST_CAPABILITY: u32 = 63;

/// Takes a capability away for good, from this process and all it becomes. `EINVAL`: the kernel
/// does not know it.
pub(crate) fn drop_from_bounding_set(capability: u32) -> Result<(), Errno> {
    // SAFETY: numbers only.
    let dropped =
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(capability), 0, 0, 0) };
    check(dropped.into()).map(drop)
}

/// Sets the permitted and effective capabilities, and none to inherit or keep.
pub(crate) fn set_capabilities(held: u64) -> Result<(), Errno> {
    let halves = [held & 0xffff_ffff, held >> 32].map(|half| u32::try_from(half).unwrap_or(0));
    let header: [u32; 2] = [CAPABILITY_VERSION, 0];
    // Effective, permitted, inheritable; then the same for the upper half.
    let data = [halves[0], halves[0], 0, halves[1], halves[1], 0];
    // SAFETY: the two structures are these numbers in this order.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) })?;
    let clear = libc::PR_CAP_AMBIENT_CLEAR_ALL;
    // SAFETY: numbers only.
    let cleared = unsafe { libc::prctl(libc::PR_CAP_AMBIENT, clear, 0, 0, 0) };
    check(cleared.into()).map(drop)
}

/// Makes all capabilities effective that this process may have.
pub(crate) fn raise_permitted() -> Result<(), Errno> {
    let header: [u32; 2] = [CAPABILITY_VERSION, 0];
    let mut data = [0_u32; 6];
    // SAFETY: the two structures are these numbers in this order.
    check(unsafe { libc::syscall(libc::SYS_capget, header.as_ptr(), data.as_mut_ptr()) })?;
    (data[0], data[3]) = (data[1], data[4]);
    // SAFETY: as above.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) }).map(drop)
}

/// Puts a compiled filter in force: eight bytes an instruction, in this machine's byte order.
pub(crate) fn load_filter(program: &[u8]) -> Result<(), Errno> {
    let mut instructions: Vec<libc::sock_filter> = program
        .chunks_exact(8)
        .map(|bytes| libc::sock_filter {
            code: u16::from_ne_bytes([bytes[0], bytes[1]]),
            jt: bytes[2],
            jf: bytes[3],
            k: u32::from_ne_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
        })
        .collect();
    let length = u16::try_from(instructions.len()).map_err(|_| Errno::E2BIG)?;
    let program = libc::sock_fprog { len: length, filter: instructions.as_mut_ptr() };
    // SAFETY: as many instructions as it says, alive until after the call.
    check(unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program)
    })?;
    Ok(())
}

/// A session keyring of its own instead of the starter's.
pub(crate) fn join_new_keyring() -> Result<(), Errno> {
    let unnamed = std::ptr::null::<libc::c_char>();
    // SAFETY: no name is a null pointer.
    check(unsafe { libc::syscall(libc::SYS_keyctl, libc::KEYCTL_JOIN_SESSION_KEYRING, unnamed) })?;
    Ok(())
}

/// Moves a descriptor to number 3 and closes all that follow.
///
/// For a process that is about to become another program: no owner of a descriptor may be used
/// afterwards.
pub(crate) fn keep_only(kept: OwnedFd) -> Result<OwnedFd, Errno> {
    const PLACE: RawFd = 3;
    let kept = if kept.as_raw_fd() == PLACE {
        kept
    } else {
        // SAFETY: whoever owned the number is not used any more.
        let moved = own(unsafe { libc::dup3(kept.as_raw_fd(), PLACE, libc::O_CLOEXEC) }.into())?;
        drop(kept);
        moved
    };
    // SAFETY: as above.
    check(unsafe { libc::syscall(libc::SYS_close_range, PLACE + 1, libc::c_uint::MAX, 0) })?;
    Ok(kept)
}

/// A descriptor of a process of which it is known that it has not been buried.
pub(crate) fn open_process(pid: Pid) -> Result<OwnedFd, Errno> {
    // SAFETY: numbers only.
    own(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })
}

/// Hides this process's memory and descriptors from whoever it may soon share a namespace with;
/// until it executes a program.
pub(crate) fn hide_from_others() -> Result<(), Errno> {
    // SAFETY: numbers only.
    check(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) }.into()).map(drop)
}

/// Unlocks the terminal of a master side and opens its other side, wherever that is mounted.
pub(crate) fn open_peer(master: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let unlocked: libc::c_int = 0;
    // SAFETY: a pointer to a number that lives until after the call.
    let done = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked) };
    check(done.into())?;
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: numbers only.
    own(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags) }.into())
}

/// Makes a terminal the controlling one of this session, which must have none.
pub(crate) fn control(terminal: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: numbers only.
    check(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY, 0) }.into()).map(drop)
}

/// Sets the size of a terminal, of either side.
pub(crate) fn resize(terminal: BorrowedFd<'_>, rows: u16, cols: u16) -> Result<(), Errno> {
    let size = libc::winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: a pointer to a structure that lives until after the call.
    check(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) }.into())
        .map(drop)
}

/// Ends the process at once.
pub(crate) fn end(code: i32) -> ! {
    // SAFETY: nothing of this process is used any more.
    unsafe { libc::_exit(code) }
}
