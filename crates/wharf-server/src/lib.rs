//! The daemon: HTTP, identity, handlers, controller, wiring.
