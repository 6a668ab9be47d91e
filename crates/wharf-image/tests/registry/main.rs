//! Pulls from a real registry, also when registry and network misbehave.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]
#![expect(dead_code, reason = "the harness is shared with the tests of the whole binary")]

use std::{
    io::Write as _,
    sync::Mutex,
    time::{Duration, Instant},
};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use wharf_image::{
    Audience, Credential, ErrorKind, Image, ImageConfig, ImageError, ImagePolicy, ImageStore,
    Progress, RegistryConfig,
};

mod credentials;
mod faults;
mod hostile;
mod keeping;
#[path = "../../../wharf/tests/harness/ports.rs"]
mod ports;
mod proxy;
#[path = "../../../wharf/tests/harness/registry.rs"]
mod registry;
mod signatures;
mod token_server;

/// Whether a predicate comes true in time.
#[expect(clippy::disallowed_methods, reason = "the one place where tests wait")]
fn wait_for(limit: Duration, mut is_true: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if is_true() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// A store of one's own.
struct Lab {
    dir: tempfile::TempDir,
    store: ImageStore,
    config: ImageConfig,
    progress: Mutex<Vec<Progress>>,
}

impl Lab {
    fn new() -> Self {
        Self::with(RegistryConfig::default())
    }

    fn with(registries: RegistryConfig) -> Self {
        Self::opened(registries, ImagePolicy::default())
    }

    fn under(policy: ImagePolicy) -> Self {
        Self::opened(RegistryConfig::default(), policy)
    }

    fn opened(registries: RegistryConfig, policy: ImagePolicy) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let images = Utf8Path::from_path(dir.path()).unwrap().join("images");
        let config = ImageConfig { registries, policy, ..ImageConfig::new(images) };
        let store = ImageStore::open(config.clone()).unwrap();
        Self { store, dir, config, progress: Mutex::default() }
    }

    /// What the next daemon finds.
    fn reopened(&self) -> ImageStore {
        ImageStore::open(self.config.clone()).unwrap()
    }

    fn reopened_under(&self, policy: ImagePolicy) -> ImageStore {
        ImageStore::open(ImageConfig { policy, ..self.config.clone() }).unwrap()
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.dir.path()).unwrap().join("images").join(name)
    }

    async fn pull(&self, image: &str) -> Result<Image, ImageError> {
        self.pull_as(image, &[]).await
    }

    async fn pull_as(&self, image: &str, who: &[Credential]) -> Result<Image, ImageError> {
        let tell = |progress| self.progress.lock().unwrap().push(progress);
        self.store.pull(image, (who, Audience::Holders), Timestamp::UNIX_EPOCH, tell).await
    }

    /// Pulls what must not come, and looks that nothing of it stayed.
    async fn refused(&self, image: &str) -> (ErrorKind, String) {
        let error = self.pull(image).await.unwrap_err();
        assert_eq!(self.store.list().len(), 0);
        for place in ["layers", "tmp"] {
            let is_empty = || self.path(place).read_dir_utf8().unwrap().count() == 0;
            assert!(wait_for(Duration::from_mins(1), is_empty), "{place}");
        }
        (error.kind(), chain(&error))
    }
}

/// An error with all its reasons.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// Bytes that cannot be packed any further.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(count).collect()
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        // As it stands: the library would not write the paths of the hostile.
        let name = &mut header.as_gnu_mut().unwrap().name;
        name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        archive.append(&header, *content).unwrap();
    }
    archive.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// An image of one layer with these files, in a registry.
fn push(registry: &registry::Registry, name: &str, files: &[(&str, &[u8])]) -> String {
    let bytes = archive(files);
    push_layer(registry, name, gzip(&bytes), registry::digest(&bytes))
}

fn push_layer(
    registry: &registry::Registry,
    name: &str,
    packed: Vec<u8>,
    diff_id: String,
) -> String {
    let layout = registry.dir().join(format!("layout-{}", name.replace('/', "-")));
    registry::layout_of(&layout, &[(packed, diff_id)]);
    registry.push(&layout, name)
}
