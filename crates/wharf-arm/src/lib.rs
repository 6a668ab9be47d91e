//! The ARM contract: wire types, resource ids, error envelope, paging, long-running operations, conversions.
