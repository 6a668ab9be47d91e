//! The client commands; speaks only the ARM API.
