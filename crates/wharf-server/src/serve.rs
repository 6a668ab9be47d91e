//! Wiring: from settings to a running daemon, and down again.

mod early;
mod listening;
mod settings;

use std::{
    fs::File,
    io,
    sync::{Arc, OnceLock},
};

use camino::{Utf8Path, Utf8PathBuf};
use nix::fcntl::{Flock, FlockArg};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use wharf_image::{ImageConfig, ImageError, ImageStore};
use wharf_model::{
    backend::BackendError,
    clock::{Clock, SystemClock},
    error::chain,
};
use wharf_runtime::embedded::{Embedded, EmbeddedConfig, Hint, StartError};
use wharf_shim::paths::Layout;
use wharf_store::{AcceptError, SealKey, Store, StoreConfig, StoreError};

use self::{
    early::Early,
    listening::{bind, listen, socket},
    settings::settings,
};
use crate::{
    app::App,
    auth::Authenticator,
    config::{Config, ConfigError, ServeArgs},
    controller::Controller,
    deployments,
    file_shares::FileShares,
    host,
    http::{self, Front, Listeners},
    identity::{Identity, IdentityError},
    ids, images,
    ingress::{self, Certificates, Ingress},
    metadata_service::{self, MetadataError},
    metrics::Metrics,
    names,
    sessions::Tickets,
    tls::{self, Authority, TlsError},
};

/// Why the daemon did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The settings cannot be used.
    #[error("configuration")]
    Config(#[from] ConfigError),
    /// The log filter is not one.
    #[error("log filter \"{filter}\"")]
    Log {
        /// What was given.
        filter: String,
        /// Why.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// The file shares cannot be kept.
    #[error("open the file shares")]
    Files(#[from] wharf_files::FilesError),
    /// The registries cannot be kept.
    #[error("open the registries")]
    Registries(#[from] wharf_registry::RegistryError),
    /// Not run by root.
    #[error("the daemon must run as root: it makes namespaces, cgroups and network links")]
    NotRoot,
    /// A file or directory cannot be made.
    #[error("prepare {path}")]
    Prepare {
        /// Which one.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another daemon has the data directory.
    #[error("another daemon uses {path}")]
    Locked {
        /// The lock file.
        path: Utf8PathBuf,
    },
    /// An address cannot be listened on.
    #[error("listen on {address}")]
    Listen {
        /// Which one.
        address: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The state cannot be opened, or failed.
    #[error("open the state")]
    Store(#[from] StoreError),
    /// The image store cannot be opened.
    #[error("open the image store")]
    Images(#[from] ImageError),
    /// TLS cannot be set up.
    #[error("set up TLS")]
    Tls(#[from] TlsError),
    /// Tokens cannot be made or checked.
    #[error("set up identity")]
    Identity(#[from] IdentityError),
    /// The host cannot be prepared.
    #[error("prepare the host")]
    Backend(#[from] StartError),
    /// Something is left on the host.
    #[error("uninstall")]
    Uninstall(#[from] BackendError),
    /// Groups cannot be told about themselves.
    #[error("answer the metadata address")]
    Metadata(#[from] MetadataError),
    /// The runtime cannot be made.
    #[error("start the runtime")]
    Runtime(#[source] io::Error),
}

impl ServeError {
    /// 2 for what the user has to change in the settings, 1 for the rest.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Log { .. } => 2,
            _ => 1,
        }
    }
}

/// Runs the daemon until it is told to stop.
pub(crate) fn main(args: ServeArgs) -> Result<(), ServeError> {
    let config = Config::load(args)?;
    start_log(&config.log)?;
    if !nix::unistd::geteuid().is_root() {
        return Err(ServeError::NotRoot);
    }
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?;
    let result = runtime.block_on(run(config));
    // Containers stay; blocking work that hangs does not hold the daemon up.
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    result
}

fn start_log(filter: &str) -> Result<(), ServeError> {
    let parsed = tracing_subscriber::EnvFilter::try_new(filter)
        .map_err(|source| ServeError::Log { filter: filter.to_owned(), source })?;
    tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(io::stderr)
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
        .init();
    Ok(())
}

async fn run(config: Config) -> Result<(), ServeError> {
    let _lock = prepare(&config)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = open_store(&config)?;
    let instance = store.instance(ids::random_bits())?;
    let layout =
        Layout { data_dir: config.data_dir.clone(), run_dir: config.run_dir.clone(), instance };
    let files =
        FileShares::open(&config.data_dir.join("shares"), store.clone(), config.smb.clone())?;
    let suffix = names::suffix(&config.dns_suffix);
    let management = format!("{}.{suffix}", names::MANAGEMENT);
    let directory = config.data_dir.join("tls");
    let authority = Authority::load(&directory)?;
    let zones = [names::FILES, names::REGISTRIES].map(|zone| format!("*.{zone}.{suffix}"));
    let [of_files, of_registries] = zones;
    let more = [management.clone(), of_files, of_registries];
    let tls = tls::load(&authority, &directory, config.listen.ip(), more)?;
    let early = if config.is_uninstalling {
        None
    } else {
        Some(Early::start(&config, &store, &clock).await?)
    };
    let sources = early.as_ref().map(|early| early.sources(&config, &store));
    let images = ImageStore::open(ImageConfig {
        registries: sources.unwrap_or_default(),
        policy: config.image_policy.clone(),
        boot_id: config.boot_id.clone(),
        ..ImageConfig::new(config.data_dir.join("images"))
    })?;
    // The backend's hints go to the controller, which needs the backend first.
    let controller: Arc<OnceLock<Controller<Embedded>>> = Arc::default();
    let target = Arc::clone(&controller);
    let hint = Hint(Arc::new(move |id| {
        if let Some(controller) = target.get() {
            controller.poke(id);
        }
    }));
    let backend = Embedded::start(EmbeddedConfig {
        layout,
        pools: config.pools,
        ipv6: config.ipv6,
        uplink: config.uplink.clone(),
        publishes_ports: config.publishes_ports,
        prepared_networks: 8,
        user_namespaces: config.user_namespaces,
        disk_quota_bytes: config.disk_quota_bytes,
        names: (!config.is_uninstalling).then(|| names::names(store.clone(), &config)),
        executable: executable()?,
        images: images.clone(),
        shares: Arc::new(files.clone()),
        smb_client: config.smb.client,
        clock: Arc::clone(&clock),
        hint,
    })
    .await?;
    let Some(Early { tcp, identity, registries }) = early else {
        return Ok(backend.uninstall().await?);
    };
    let made = Controller::new(store.clone(), backend, Arc::clone(&clock), config.grace);
    let controller = controller.get_or_init(|| made).clone();
    let gateway = controller.backend().name_server();
    let listeners = listen(&config, tcp, gateway, tls).await?;
    let ingress = ingress(&config, authority).await?;
    let settings = Arc::new(settings(&config, &store, &listeners, &management)?);
    let auth = authenticator(&config, identity.clone())?;
    match deployments::fail_unfinished(&store, clock.now(), &settings.subscription) {
        Ok(0) => {}
        Ok(count) => tracing::warn!(count, "deployments were interrupted"),
        Err(AcceptError::Store(error)) => return Err(error.into()),
        Err(AcceptError::Refused(error)) => tracing::error!(?error, "interrupted deployments"),
    }
    let (tickets, metrics) = (Tickets::new(Arc::clone(&clock)), Metrics::default());
    let app = App {
        store,
        controller,
        images,
        clock,
        auth,
        metrics,
        tickets,
        identity,
        files,
        registries,
        making: Arc::default(),
        settings,
    };
    serve(&config, app, listeners, ingress).await
}

/// The front of groups, if there is to be one.
async fn ingress(config: &Config, authority: Authority) -> Result<Option<Ingress>, ServeError> {
    let Some(wanted) = &config.ingress else { return Ok(None) };
    let certificates = match &wanted.files {
        Some((certificate, key)) => Certificates::read(certificate, key)?,
        None => Certificates::made_by(authority),
    };
    Ok(Some(Ingress { listener: bind(wanted.listen).await?, certificates }))
}

async fn serve(
    config: &Config,
    app: App,
    listeners: Listeners,
    ingress: Option<Ingress>,
) -> Result<(), ServeError> {
    let failed = |source| ServeError::Listen { address: "the gateway".to_owned(), source };
    let management = listeners.groups.local_addr().map_err(failed)?.port();
    metadata_service::start(app.clone(), management).await?;
    let stop = CancellationToken::new();
    tokio::spawn(app.clone().keep_swept(stop.clone()));
    let (collected, stopped) = (app.clone(), stop.clone());
    tokio::spawn(images::keep_collected(collected, config.keeping, stopped));
    let controlling = {
        let (controller, stop) = (app.controller.clone(), stop.clone());
        tokio::spawn(async move { controller.run(stop).await })
    };
    let (sampled, stopped) = (app.clone(), stop.clone());
    tokio::spawn(async move { sampled.metrics.clone().run(sampled, stopped).await });
    let address = listeners.tcp.local_addr().unwrap_or(config.listen);
    tracing::info!(%address, socket = %socket(config), "ready");
    let fronting = ingress.map(|ingress| {
        let address = ingress.listener.local_addr().ok();
        tracing::info!(?address, "leading HTTPS to groups");
        tokio::spawn(ingress::serve(ingress, app.clone(), stop.clone()))
    });
    let serving = tokio::spawn(http::serve(listeners, Front::new(app), stop.clone()));
    wait_for_signal().await;
    tracing::info!("stopping; containers keep running");
    stop.cancel();
    if let Some(Err(error)) = futures::future::OptionFuture::from(fronting).await {
        tracing::error!(%error, "the front of groups panicked");
    }
    for ended in [serving.await.map(Ok), controlling.await] {
        match ended {
            Ok(result) => result?,
            Err(error) => tracing::error!(%error, "a part of the daemon panicked"),
        }
    }
    Ok(())
}

/// Directories, and the lock that keeps a second daemon out.
fn prepare(config: &Config) -> Result<Flock<File>, ServeError> {
    for (path, mode) in [(&config.data_dir, 0o711), (&config.run_dir, 0o711)] {
        let make = || {
            fs_err::create_dir_all(path)?;
            fs_err::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
        };
        make().map_err(|source| ServeError::Prepare { path: path.clone(), source })?;
    }
    let path = config.data_dir.join("lock");
    let file = fs_err::File::create(&path)
        .map_err(|source| ServeError::Prepare { path: path.clone(), source })?;
    Flock::lock(file.into_parts().0, FlockArg::LockExclusiveNonblock)
        .map_err(|_| ServeError::Locked { path })
}

fn open_store(config: &Config) -> Result<Store, ServeError> {
    let path = Utf8Path::new("/proc/sys/kernel/random/boot_id");
    let boot_id = match &config.boot_id {
        Some(boot_id) => boot_id.clone(),
        None => fs_err::read_to_string(path)
            .map_err(|source| ServeError::Prepare { path: path.to_owned(), source })?,
    };
    Ok(Store::open(StoreConfig {
        path: config.data_dir.join("state.db"),
        key: SealKey::load_or_create(&config.data_dir.join("state.key"))?,
        pools: config.pools,
        publishes_ports: config.publishes_ports,
        capacity: host::capacity(config.capacity),
        boot_id: boot_id.trim().to_owned(),
    })?)
}

fn authenticator(config: &Config, identity: Identity) -> Result<Authenticator, ServeError> {
    let path = config.data_dir.join("admin.token");
    Authenticator::load_or_create(&path, identity)
        .map_err(|source| ServeError::Prepare { path, source })
}

/// This very program: shims are started from it.
fn executable() -> Result<Utf8PathBuf, ServeError> {
    let link = Utf8PathBuf::from("/proc/self/exe");
    let failed = |source| ServeError::Prepare { path: link.clone(), source };
    let path = fs_err::read_link(&link).map_err(failed)?;
    Utf8PathBuf::from_path_buf(path)
        .map_err(|path| failed(io::Error::other(format!("{} is not UTF-8", path.display()))))
}

async fn wait_for_signal() {
    let (Ok(mut term), Ok(mut int)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!(error = chain(&io::Error::last_os_error()), "signals cannot be awaited");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}
