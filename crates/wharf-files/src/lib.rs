//! Azure file shares: kept in directories, served over REST.
//!
//! A share is a directory below `<root>/<account>/<share>`: `tree` holds what clients and
//! containers see, `share.json` what is known about the share. [`Shares`] is blocking; callers on
//! an async runtime use a blocking thread.

mod beneath;
mod clock;
mod durable;
mod error;
mod names;
mod shares;
mod usage;

pub use clock::Clock;
pub use error::{Code, FilesError};
pub use shares::{
    AccessPolicy, AccessTier, Change, Created, Listing, MAX_QUOTA, Protocol, Query, Settings,
    Share, Shares,
};
