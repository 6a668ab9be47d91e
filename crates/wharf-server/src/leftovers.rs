//! What is kept in directories for storage accounts and registries, after they are gone: they go with
//! their resource groups in the store, which knows nothing of directories.

use std::time::Duration;

use tokio::sync::MutexGuard;
use tokio_util::sync::CancellationToken;
use wharf_model::Error;

use crate::app::App;

/// How often it is looked for: resource groups may go later than their deletion is answered.
const PERIOD: Duration = Duration::from_secs(30);

impl App {
    /// Keeps everything from being swept while the guard lives: what has a directory is being made
    /// and is not in the store yet.
    pub(crate) async fn hold(&self) -> MutexGuard<'_, ()> {
        self.making.lock().await
    }

    /// Removes what is left.
    pub(crate) async fn sweep(&self) -> Result<(), Error> {
        let _held = self.hold().await;
        self.files.sweep().await?;
        self.registries.sweep().await
    }

    /// Sweeps now and then, until `stop`.
    pub(crate) async fn keep_swept(self, stop: CancellationToken) {
        let mut period = tokio::time::interval(PERIOD);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = period.tick() => {
                    if let Err(error) = self.sweep().await {
                        tracing::warn!(?error, "what deleted resources left is not swept");
                    }
                    // Nobody who makes or deletes something waits for this.
                    if let Err(error) = self.registries.collect().await {
                        tracing::warn!(?error, "registries are not collected");
                    }
                }
            }
        }
    }
}
