//! The terminal that this program was started in, if it was.

use std::io::{self, IsTerminal as _};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// Rows and columns, or zeros without a terminal.
pub(crate) fn size() -> (u16, u16) {
    let found = tcgetwinsize(io::stdout()).or_else(|_| tcgetwinsize(io::stdin()));
    found.map_or((0, 0), |size| (size.ws_row, size.ws_col))
}

/// Every key goes to the command, Ctrl-C too, until this is dropped.
pub(crate) struct RawMode(Termios);

impl RawMode {
    /// Nothing if standard input is not a terminal.
    pub(crate) fn enter() -> Option<Self> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&stdin, OptionalActions::Drain, &raw).ok()?;
        Some(Self(before))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // A terminal that is gone needs no settings.
        let _unset = tcsetattr(io::stdin(), OptionalActions::Drain, &self.0);
    }
}
