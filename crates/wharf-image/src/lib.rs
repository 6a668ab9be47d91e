//! Pull, verify, content store, unpack, snapshots, garbage collection.
