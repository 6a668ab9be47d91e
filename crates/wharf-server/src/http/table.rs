//! Routes that can be listed: a test walks all of them and shows that none is open by accident.

use axum::{Router, routing::MethodRouter};

use crate::app::App;

/// A router that knows its paths.
#[derive(Default)]
pub(super) struct Routes {
    router: Router<App>,
    paths: Vec<String>,
}

impl Routes {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds a path, as [`Router::route`].
    pub(super) fn route(mut self, path: &str, methods: MethodRouter<App>) -> Self {
        self.paths.push(path.to_owned());
        self.router = self.router.route(path, methods);
        self
    }

    /// Adds the paths of others, as [`Router::merge`].
    pub(super) fn merge(mut self, other: Self) -> Self {
        self.paths.extend(other.paths);
        self.router = self.router.merge(other.router);
        self
    }

    /// The router and its paths.
    pub(super) fn into_parts(self) -> (Router<App>, Vec<String>) {
        (self.router, self.paths)
    }
}
