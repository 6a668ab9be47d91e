//! GET how much of the host is used: groups against addresses, what they have reserved of the host's cores and
//! memory (the last one begun counted whole), and the disk. Memory and disk go beyond Azure.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use wharf_arm::location::{Usage, normalise};

use crate::{
    app::App,
    host,
    http::{ApiResult, Version},
};

const GIB: u64 = 1 << 30;

pub(crate) async fn handle(
    State(app): State<App>,
    Path((subscription, location)): Path<(String, String)>,
    Version(_): Version,
) -> ApiResult<Response> {
    let subscription = app.subscription(&subscription)?;
    let (groups, reserved) =
        app.read(|store| Ok((store.group_ids()?.len(), store.reserved()?))).await?;
    let addresses = app.store.address_count();
    let location = normalise(&location);
    let (disk_used, disk_size) = host::disk(&app.settings.data_dir)?;
    let usages = [
        Usage {
            name: "ContainerGroups",
            display_name: "Container Groups",
            current: groups as u64,
            limit: app.settings.capacity.groups.map_or(addresses, |quota| quota.min(addresses)),
        },
        Usage {
            name: "StandardCores",
            display_name: "Standard Cores",
            current: reserved.cpu_millis.div_ceil(1000),
            limit: app
                .settings
                .capacity
                .cores
                .unwrap_or(app.settings.capacity.host.cpu_millis / 1000),
        },
        Usage {
            name: "MemoryInGB",
            display_name: "Memory in GB",
            current: reserved.memory_bytes.div_ceil(GIB),
            limit: app.settings.capacity.host.memory_bytes / GIB,
        },
        Usage {
            name: "DiskInGB",
            display_name: "Disk in GB",
            current: disk_used.div_ceil(GIB),
            limit: disk_size / GIB,
        },
    ];
    let documents: Vec<_> =
        usages.iter().map(|usage| usage.render(&subscription, &location)).collect();
    Ok(Json(wharf_arm::list::page(&documents, None)).into_response())
}
