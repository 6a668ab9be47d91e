//! The per-group monitor, the create helper, their protocol and journal.
