//! A file service on loopback, without TLS: `http://127.0.0.1:port/<account>/<share>/...`

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, State},
    http::Request,
    response::Response,
};
use tokio::{net::TcpListener, runtime::Runtime};
use wharf_files::{Account, Accounts, Service, Settings, Shares, Target, Verdict};

pub(crate) const ACCOUNT: &str = "devstore";
/// A request with this header counts as one that came by TLS.
pub(crate) const SECURE: &str = "x-wharf-test-tls";
/// Another account, with the same keys.
pub(crate) const OTHER: &str = "remotestore";
/// `a key of the tests` in base64.
pub(crate) const KEY: &str = "YSBrZXkgb2YgdGhlIHRlc3Rz";

#[derive(Debug)]
struct TwoAccounts;

impl Accounts for TwoAccounts {
    fn token(
        &self,
        account: &str,
        token: &str,
        action: &str,
    ) -> Result<Verdict, Box<dyn std::error::Error + Send + Sync>> {
        Ok(match token {
            "owner" if account == ACCOUNT => Verdict::Allowed,
            "reader" if action.ends_with("/read") => Verdict::Allowed,
            "reader" => Verdict::Forbidden,
            _ => Verdict::Unknown,
        })
    }

    fn account(
        &self,
        name: &str,
    ) -> Result<Option<Account>, Box<dyn std::error::Error + Send + Sync>> {
        let keys = vec![b"the second key".to_vec(), b"a key of the tests".to_vec()];
        let name = [ACCOUNT, OTHER].contains(&name).then(|| name.to_owned());
        Ok(name.map(|name| Account { name, keys, https_only: false, shared_key_access: true }))
    }
}

pub(crate) struct Server {
    runtime: Option<Runtime>,
    address: SocketAddr,
    pub(crate) shares: Arc<Shares>,
    dir: tempfile::TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let shares = Arc::new(Shares::open(&dir.path().join("shares")).unwrap());
        let service = Service::new(Arc::clone(&shares), Arc::new(TwoAccounts));
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(serve).with_state(service);
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { runtime: Some(runtime), address, shares, dir }
    }

    /// With a share `data`.
    pub(crate) fn with_share() -> Self {
        let server = Self::start();
        server.shares.create(ACCOUNT, "data", Settings::default()).unwrap();
        server
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}/{ACCOUNT}", self.address)
    }

    /// The same with the account in the name of the host, which no name server knows.
    pub(crate) fn endpoint_by_host(&self) -> String {
        format!("http://{ACCOUNT}.file.wharf.test:{}", self.address.port())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A directory beside the shares.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn tree(&self, share: &str) -> PathBuf {
        self.shares.tree(ACCOUNT, share).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(
    State(service): State<Service>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request<Body>,
) -> Response {
    let path = request.uri().path();
    let host = request.headers().get("host").and_then(|host| host.to_str().ok());
    let by_host = host.and_then(|host| host.split_once(".file."));
    let end = path[1..].find('/').map_or(path.len(), |end| end + 1);
    let by_path = (&path[1..end], &path[end..]);
    let (account, path) = by_host.map_or(by_path, |(account, _)| (account, path));
    let (account, path) = (account.to_owned(), path.to_owned());
    let secure = request.headers().contains_key(SECURE);
    let target = Target { account, path, peer: peer.ip(), secure };
    service.handle(target, request).await
}
