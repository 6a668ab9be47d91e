//! What images need of the daemon: tokens to pull with; and an eye on the disk, from which those
//! that nobody uses are removed before it is full.

use std::{error::Error as StdError, time::Duration};

use tokio_util::sync::CancellationToken;
use wharf_image::{Keeping, Removed};
use wharf_model::{Error, error::chain};
use wharf_store::Store;

use crate::{
    app::App,
    identity::{Identity, REGISTRY_AUDIENCE},
};

/// How often the disk is looked at.
const PERIOD: Duration = Duration::from_mins(1);

/// Makes the tokens with which images are pulled.
#[derive(Debug)]
pub(crate) struct RegistryTokens {
    pub(crate) store: Store,
    pub(crate) identity: Identity,
}

impl wharf_image::IdentityTokens for RegistryTokens {
    fn token(&self, principal: &str) -> Result<String, Box<dyn StdError + Send + Sync>> {
        let found = self.store.principal(principal.parse()?)?;
        let found = found.ok_or("the identity was deleted")?;
        let issued = self.identity.access_token(&found, &found.login, REGISTRY_AUDIENCE);
        Ok(issued.map_err(|error| error.message)?.token)
    }
}

/// Images that a group names, as its user wrote them.
pub(crate) async fn in_use(app: &App) -> Result<Vec<String>, Error> {
    let groups = app
        .read(|store| {
            let ids = store.group_ids()?;
            ids.iter().map(|id| store.group_by_id(id)).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let specs = groups.iter().flatten().map(|group| &group.spec);
    Ok(specs.flat_map(|spec| spec.all_containers().map(|c| c.image.clone())).collect())
}

/// Removes what has to go, again and again.
pub(crate) async fn keep_collected(app: App, keeping: Keeping, stop: CancellationToken) {
    let mut period = tokio::time::interval(PERIOD);
    period.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = period.tick() => {}
            () = stop.cancelled() => return,
        }
        match collect(&app, keeping).await {
            Ok(removed) if removed.images.is_empty() => {}
            Ok(removed) => tracing::info!(images = ?removed.images, "removed unused images"),
            Err(error) => tracing::warn!(%error, "removing unused images failed"),
        }
    }
}

async fn collect(app: &App, keeping: Keeping) -> Result<Removed, String> {
    let pruning = app.images.begin_pruning().await;
    let in_use = in_use(app).await.map_err(|error| format!("{error:?}"))?;
    pruning.collect(&in_use, keeping, app.clock.now()).await.map_err(|error| chain(&error))
}
