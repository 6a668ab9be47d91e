//! Azure file shares: kept in directories, served over REST.
//!
//! A share is a directory below `<root>/<account>/<share>`: `tree` holds what clients and
//! containers see, `share.json` what is known about the share, `snapshots` earlier states of both.
//! [`Shares`] is blocking; callers on an async runtime use a blocking thread. [`Service`] is the
//! Azure Files REST service on top.

mod accounts;
mod auth;
mod beneath;
mod clock;
mod durable;
mod error;
mod names;
mod request;
mod service;
mod shares;
mod times;
mod tree;
mod usage;
mod xml;

pub use accounts::{Account, Accounts, Verdict};
pub use clock::Clock;
pub use error::{Code, FilesError};
pub use request::Target;
pub use service::Service;
pub use shares::{
    AccessPolicy, AccessTier, Change, Created, Listing, MAX_QUOTA, Protocol, Query, Settings,
    Share, Shares, WithSnapshots,
};
