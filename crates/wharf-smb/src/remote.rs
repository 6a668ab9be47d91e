//! The connection to the server: made when it is needed, made anew when it is lost.
//!
//! Nothing here waits without a bound. A server that says nothing for [`SILENCE`], not even to an
//! echo, is taken for dead, and what waited for it fails; one that lives may take up to [`PATIENCE`]
//! for one call. After a failure to connect nobody tries again for [`PAUSE`]: who asks meanwhile
//! fails at once.

use std::{
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use nix::libc;
use smb2::{
    Error, Session, Tree,
    client::Connection,
    types::{Dialect, SessionId},
};
use tokio::{sync::Mutex, time::timeout};

use crate::{
    errors::{self, Errno},
    transport,
    wish::{Refusal, Wish},
};

/// How long a server may say nothing at all.
const SILENCE: Duration = Duration::from_secs(10);
/// How long one call may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long connecting, signing in and finding the share may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(15);
/// How long after a failure to connect nobody tries again.
const PAUSE: Duration = Duration::from_secs(1);
/// What is read or written by one call, in bytes.
const TRANSFER_MAX: u32 = 1 << 20;

/// One session with the server, in which the share is open.
pub(crate) struct Live {
    connection: Connection,
    session: SessionId,
    pub(crate) tree: Tree,
    /// Which session of this mount it is; files that were opened in another are to be opened anew.
    pub(crate) number: u64,
    pub(crate) read_max: u32,
    pub(crate) write_max: u32,
}

impl Live {
    /// A handle to the connection, as calls take it.
    pub(crate) fn connection(&self) -> Connection {
        self.connection.clone()
    }
}

/// The session if there is one, and what is known if there is none.
#[derive(Default)]
struct State {
    live: Option<Arc<Live>>,
    failed_at: Option<Instant>,
    /// The last session, for the server to forget with all that it holds open.
    previous: Option<SessionId>,
}

/// The server of one mount.
pub(crate) struct Remote {
    wish: Wish,
    state: Mutex<State>,
    sessions: AtomicU64,
}

impl Remote {
    pub(crate) fn new(wish: Wish) -> Self {
        Self { wish, state: Mutex::default(), sessions: AtomicU64::new(0) }
    }

    /// Connects for the first time.
    pub(crate) async fn begin(&self) -> Result<(), Refusal> {
        let mut state = self.state.lock().await;
        let (account, place) = (&self.wish.account, self.wish.location.to_string());
        let live = self.connect(None).await;
        let live = live.map_err(|error| errors::refusal(&error, account, &place))?;
        state.previous = Some(live.session);
        state.live = Some(live);
        Ok(())
    }

    /// The session, a new one if need be.
    pub(crate) async fn live(&self) -> Result<Arc<Live>, Errno> {
        let mut state = self.state.lock().await;
        if let Some(live) = &state.live {
            if !live.connection.is_disconnected() {
                return Ok(Arc::clone(live));
            }
            state.live = None;
            say(format_args!("the connection to {} is lost", self.wish.location));
        }
        if state.failed_at.is_some_and(|at| at.elapsed() < PAUSE) {
            return Err(libc::EIO);
        }
        match self.connect(state.previous).await {
            Ok(live) => {
                say(format_args!("connected to {} again", self.wish.location));
                state.previous = Some(live.session);
                state.failed_at = None;
                state.live = Some(Arc::clone(&live));
                Ok(live)
            }
            Err(error) => {
                if state.failed_at.is_none() {
                    say(format_args!("cannot connect to {}: {error}", self.wish.location));
                }
                state.failed_at = Some(Instant::now());
                Err(libc::EIO)
            }
        }
    }

    /// Does something by the present session. What can be done twice is done again in a new
    /// session if this one is lost meanwhile.
    pub(crate) async fn call<T, F>(
        &self,
        may_repeat: bool,
        what: impl Fn(Arc<Live>) -> F + Send,
    ) -> Result<T, Errno>
    where
        F: Future<Output = Result<T, Error>> + Send,
    {
        let mut tries = 0;
        loop {
            let live = self.live().await?;
            let number = live.number;
            let Ok(done) = timeout(PATIENCE, what(live)).await else {
                self.lose(number).await;
                return Err(libc::EIO);
            };
            match done {
                Ok(done) => return Ok(done),
                Err(error) if errors::is_lost(&error) => {
                    say(format_args!("a call failed: {error}"));
                    self.lose(number).await;
                    tries += 1;
                    if !may_repeat || tries > 1 || errors::is_silence(&error) {
                        return Err(libc::EIO);
                    }
                }
                Err(error) => return Err(errors::errno(&error)),
            }
        }
    }

    /// Gives up a session, unless there is another already.
    async fn lose(&self, number: u64) {
        let mut state = self.state.lock().await;
        if let Some(live) = state.live.take_if(|live| live.number == number) {
            live.connection.mark_dead();
        }
    }

    async fn connect(&self, previous: Option<SessionId>) -> Result<Arc<Live>, Error> {
        let connecting = self.open(previous);
        timeout(CONNECT_PATIENCE, connecting).await.unwrap_or(Err(Error::Timeout))
    }

    async fn open(&self, previous: Option<SessionId>) -> Result<Arc<Live>, Error> {
        let place = &self.wish.location;
        let mut connection = transport::connect(&place.host, &place.address(), SILENCE).await?;
        let params = connection.params().ok_or(Error::Disconnected)?;
        if params.dialect < Dialect::Smb3_1_1 {
            let dialect = params.dialect;
            let message = format!("the server speaks {dialect}, and SMB 3.1.1 is needed");
            return Err(Error::InvalidData { message });
        }
        if let Some(previous) = previous {
            connection.set_previous_session_id(previous);
        }
        let (account, key) = (&self.wish.account, &self.wish.key);
        let session = Session::setup(&mut connection, account, key, "").await?;
        let tree = Tree::connect(&mut connection, &place.share).await?;
        if tree.encrypt_data
            && !connection.should_encrypt()
            && let (Some(ours), Some(theirs), Some(cipher)) =
                (session.encryption_key, session.decryption_key, params.cipher)
        {
            connection.activate_encryption(ours, theirs, cipher);
        }
        Ok(Arc::new(Live {
            read_max: params.max_read_size.min(TRANSFER_MAX),
            write_max: params.max_write_size.min(TRANSFER_MAX),
            session: session.session_id,
            connection,
            tree,
            number: self.sessions.fetch_add(1, Ordering::Relaxed) + 1,
        }))
    }
}

/// One line for the log; where it cannot be written nobody would read it.
pub(crate) fn say(line: std::fmt::Arguments<'_>) {
    let _unwritten = writeln!(std::io::stderr(), "{line}");
}
