//! Mounting, without any program of the host's.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs as _},
    os::fd::{AsRawFd as _, OwnedFd},
};

use camino::Utf8Path;
use fs_err as fs;
use nix::{
    errno::Errno,
    libc,
    mount::{MsFlags, mount},
    sys::{
        prctl,
        stat::{Mode, umask},
    },
    unistd::{Gid, Uid, setgid, setgroups, setuid},
};

use crate::wish::{Refusal, Wish};

/// The user and group `nobody` and `nogroup` of every system.
const NOBODY: u32 = 65_534;

/// Mounts what the returned descriptor will be asked about.
pub(crate) fn fuse(wish: &Wish, root: &Utf8Path) -> io::Result<OwnedFd> {
    let device = fs::OpenOptions::new().read(true).write(true).open("/dev/fuse")?;
    let device: OwnedFd = device.into_file().into();
    let options = format!(
        "fd={},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions",
        device.as_raw_fd()
    );
    let source = wish.location.to_string();
    let kind = Some("fuse.smb");
    mount(Some(source.as_str()), root.as_std_path(), kind, flags(wish), Some(options.as_str()))?;
    Ok(device)
}

fn flags(wish: &Wish) -> MsFlags {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    if wish.read_only { flags | MsFlags::MS_RDONLY } else { flags }
}

/// Mounts by the kernel's own client; `None`: it has none.
pub(crate) fn kernel(wish: &Wish, root: &Utf8Path) -> Option<Result<(), Refusal>> {
    // The kernel loads its client if it has one. What it is told here is too little for a mount.
    if mount(None::<&str>, root.as_std_path(), Some("cifs"), flags(wish), Some(""))
        == Err(Errno::ENODEV)
    {
        return None;
    }
    let place = &wish.location;
    let addresses = place.address().to_socket_addrs();
    let Some(address) = addresses.ok().and_then(|mut found| found.next()) else {
        let reason = format!("Host is down: the name of {place} is not known");
        return Some(Err(Refusal { errno: libc::EHOSTDOWN, reason }));
    };
    let (source, options) = (format!("//{}/{}", place.host, place.share), options(wish, address));
    let (source, options) = (Some(source.as_str()), Some(options.as_str()));
    match mount(source, root.as_std_path(), Some("cifs"), flags(wish), options) {
        Ok(()) => Some(Ok(())),
        Err(error) => {
            let reason = match error {
                Errno::EACCES | Errno::EKEYREJECTED => format!(
                    "Permission denied: the server refused the key of account '{}'",
                    wish.account
                ),
                Errno::ENOENT => format!("No such file or directory: {place} is not there"),
                Errno::EHOSTDOWN | Errno::ECONNREFUSED | Errno::EHOSTUNREACH => {
                    format!("Host is down: {place} cannot be reached")
                }
                other => format!("{}: {place}", other.desc()),
            };
            Some(Err(Refusal { errno: error as i32, reason }))
        }
    }
}

/// What the kernel's client is told. It shows all of it in `/proc/mounts` but the key.
fn options(wish: &Wish, address: SocketAddr) -> String {
    let place = &wish.location;
    let mut options = format!(
        "unc=\\\\{}\\{},ip={},port={},user={},pass={},vers=3,file_mode=0777,dir_mode=0777,uid=0,\
         gid=0,soft,serverino,mapposix,nosharesock",
        place.host,
        place.share,
        address.ip(),
        address.port(),
        wish.account,
        // A comma is written twice.
        wish.key.replace(',', ",,"),
    );
    if !place.folder.is_empty() {
        options.push_str(",prefixpath=");
        options.push_str(&place.folder);
    }
    options
}

/// Gives up everything that listening to a server does not need.
pub(crate) fn drop_rights() -> nix::Result<()> {
    umask(Mode::from_bits_truncate(0o077));
    setgroups(&[])?;
    setgid(Gid::from_raw(NOBODY))?;
    setuid(Uid::from_raw(NOBODY))?;
    prctl::set_no_new_privs()?;
    // The key is in this process's memory.
    prctl::set_dumpable(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{server::Server, wish::Via};

    #[test]
    fn the_kernel_is_told_what_mount_cifs_would_tell_it() {
        let server = Server::parse("nas:1445/export").unwrap();
        let wish = Wish {
            location: server.locate("docs").unwrap(),
            account: "acct".to_owned(),
            key: "c2Vj,cmV0==".to_owned(),
            read_only: true,
            via: Via::Kernel,
        };
        let told = options(&wish, "10.0.0.5:1445".parse().unwrap());
        assert!(told.starts_with("unc=\\\\nas\\export,ip=10.0.0.5,port=1445,user=acct,pass="));
        assert!(told.contains("pass=c2Vj,,cmV0==,vers=3,") && told.ends_with(",prefixpath=docs"));
        assert!(flags(&wish).contains(MsFlags::MS_RDONLY | MsFlags::MS_NODEV));
        assert!(!format!("{wish:?}").contains("c2Vj"));
    }
}
