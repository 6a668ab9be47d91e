//! From a wish to a mount that is served.

use std::{
    env,
    io::{self, Read as _, Write as _},
    os::fd::OwnedFd,
    process::ExitCode,
};

use camino::Utf8PathBuf;
use fuser::{Config, Session, SessionACL};
use nix::{
    libc,
    mount::{MntFlags, umount2},
    unistd::setsid,
};
use tokio::runtime::Runtime;

use crate::{
    filesystem::Share,
    mount,
    place::{Place, hold_lock},
    remote::{Remote, say},
    tree::Tree,
    wish::{Answer, Refusal, Via, Wish},
};

/// A wish is not longer than this.
const WISH_MAX: u64 = 64 << 10;

pub(crate) fn main() -> ExitCode {
    let served = begin();
    let answer = match &served {
        Ok(Served::ByKernel) => Answer::Mounted(Via::Kernel),
        Ok(Served::Here { .. }) => Answer::Mounted(Via::Fuse),
        Err(refusal) => Answer::Refused(refusal.clone()),
    };
    tell(&answer);
    if let Ok(Served::Here { session, runtime: _runtime }) = served
        && let Err(error) = session.run()
    {
        say(format_args!("serving ended: {error}"));
        return ExitCode::FAILURE;
    }
    answer.exit_code()
}

/// Who serves the mount.
enum Served {
    ByKernel,
    /// This process, which has the connection in the runtime.
    Here {
        session: Box<Session<Share>>,
        runtime: Background,
    },
}

/// A runtime that is not waited for: looking up a name may take minutes.
struct Background(Option<Runtime>);

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

fn begin() -> Result<Served, Refusal> {
    let failed = |step: &str, error: &dyn std::fmt::Display| Refusal {
        errno: libc::EIO,
        reason: format!("Input/output error: {step}: {error}"),
    };
    let wish = hear().map_err(|error| failed("read what to mount", &error))?;
    if !wish.location.is_plain() {
        return Err(failed("read what to mount", &"the name of the share is none"));
    }
    // Whoever started this may end. It leads a session already if it is run by hand.
    let _new_or_own = setsid();
    let here = env::current_dir().and_then(|path| {
        Utf8PathBuf::from_path_buf(path).map_err(|_| io::ErrorKind::InvalidFilename.into())
    });
    let root = Place::at(here.map_err(|error| failed("find the place", &error))?).root();
    if wish.via != Via::Fuse {
        match mount::kernel(&wish, &root) {
            Some(done) => return done.map(|()| Served::ByKernel),
            None if wish.via == Via::Kernel => {
                return Err(Refusal {
                    errno: libc::ENODEV,
                    reason: "No such device: the kernel has no SMB client (cifs)".to_owned(),
                });
            }
            None => {}
        }
    }
    hold_lock().map_err(|error| failed("hold the lock", &error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| failed("start", &error))?;
    let handle = runtime.handle().clone();
    let runtime = Background(Some(runtime));
    let (place, folder) = (wish.location.to_string(), wish.location.folder.clone());
    let remote = Remote::new(wish.clone());
    handle.block_on(remote.begin())?;
    let tree = handle.block_on(Tree::open(remote, folder)).map_err(|errno| Refusal {
        errno,
        reason: format!("{}: {place}", nix::errno::Errno::from_raw(errno).desc()),
    })?;
    let device = mount::fuse(&wish, &root).map_err(|error| failed("mount by FUSE", &error))?;
    let session = serve(Share::new(tree, handle), device);
    match session {
        Ok(session) => Ok(Served::Here { session: Box::new(session), runtime }),
        Err(error) => {
            let _mounted_no_more = umount2(root.as_std_path(), MntFlags::MNT_DETACH);
            Err(failed("serve by FUSE", &error))
        }
    }
}

fn serve(share: Share, device: OwnedFd) -> io::Result<Session<Share>> {
    let session = Session::from_fd(share, device, SessionACL::All, Config::default())?;
    mount::drop_rights()?;
    Ok(session)
}

fn hear() -> io::Result<Wish> {
    let mut text = String::new();
    io::stdin().take(WISH_MAX).read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

/// Tells whoever waits, and lets go of the pipe. If nobody waits any more that is all right.
fn tell(answer: &Answer) {
    let text = serde_json::to_string(answer).unwrap_or_default();
    let mut out = io::stdout();
    let _heard = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    if let Ok(nothing) = fs_err::OpenOptions::new().read(true).write(true).open("/dev/null") {
        let _closed = nix::unistd::dup2_stdout(nothing.file());
    }
}
