//! Times as they are on the wire: UTC, whole seconds for events, milliseconds for states.

use jiff::Timestamp;

/// `2026-01-31T12:00:00Z`.
pub fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `2026-01-31T12:00:00.123Z`.
pub fn millis(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
