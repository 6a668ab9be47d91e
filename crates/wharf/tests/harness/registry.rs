//! A real registry (Debian's docker-registry) on loopback, and an image of busybox to put in it.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Who may use a private registry.
pub(crate) const USER: &str = "puller";
/// With this password.
pub(crate) const PASSWORD: &str = "s3cret-Passw0rd";
/// The same as `htpasswd -B` writes it.
const HASHED: &str = "$2b$04$abcdefghijklmnopqrstuuPQVvvqMas6iqx0qWD1.eeCuuO2Xa/jW";

/// Who is known in an image.
const USERS: &str = "root:x:0:0::/root:/bin/sh\nother:x:70:70::/:/bin/sh\n";

/// A running registry.
pub(crate) struct Registry {
    child: Child,
    dir: tempfile::TempDir,
    pub(crate) address: String,
    is_private: bool,
}

impl Registry {
    /// One that asks nobody who they are.
    pub(crate) fn start() -> Self {
        Self::with("", "", false)
    }

    /// One that wants a user name and a password.
    pub(crate) fn private() -> Self {
        let auth = "auth:\n  htpasswd:\n    realm: lab\n    path: DIR/htpasswd\n";
        Self::with(auth, "", true)
    }

    /// More of its configuration file: at the top, and of its `http` part; `DIR` is its directory.
    pub(crate) fn with(more: &str, http: &str, is_private: bool) -> Self {
        Self::within(tempfile::tempdir().unwrap(), more, http, is_private)
    }

    /// The same in a directory that has files already.
    pub(crate) fn within(dir: tempfile::TempDir, more: &str, http: &str, is_private: bool) -> Self {
        let port = super::ports::free();
        let address = format!("127.0.0.1:{port}");
        let config = dir.path().join("config.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage:\n  delete: {{enabled: true}}\n  \
             filesystem:\n    rootdirectory: DIR/storage\n{more}http:\n  addr: {address}\n{http}"
        );
        let place = dir.path().to_str().unwrap();
        std::fs::write(&config, text.replace("DIR", place)).unwrap();
        std::fs::write(dir.path().join("htpasswd"), format!("{USER}:{HASHED}\n")).unwrap();
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry is installed");
        let up = super::wait_for(Duration::from_mins(1), || {
            std::net::TcpStream::connect(&address).is_ok()
        });
        assert!(up, "the registry did not start");
        Self { child, dir, address, is_private }
    }

    /// Builds an image of busybox and pushes it; returns its reference.
    pub(crate) fn push_busybox(&self, name: &str) -> String {
        let layout = self.dir.path().join(format!("layout-{}", name.replace('/', "-")));
        busybox_layout(&layout);
        self.push(&layout, name)
    }

    /// Pushes the only image of a layout; returns its reference.
    pub(crate) fn push(&self, layout: &Path, name: &str) -> String {
        self.push_as(layout, name, "latest")
    }

    /// The same under this tag.
    pub(crate) fn push_as(&self, layout: &Path, name: &str, tag: &str) -> String {
        let reference = format!("{}/{name}:{tag}", self.address);
        let mut copy = Command::new("skopeo");
        copy.args(["copy", "--quiet", "--insecure-policy", "--dest-tls-verify=false"]);
        if self.is_private {
            copy.arg(format!("--dest-creds={USER}:{PASSWORD}"));
        }
        copy.arg(format!("oci:{}:latest", layout.display()));
        copy.arg(format!("docker://{reference}"));
        let output = copy.output().expect("skopeo is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        reference
    }

    /// Stores signatures beside the image with this digest, as cosign does: payloads, and what is
    /// said to be their signatures.
    pub(crate) fn push_signatures(&self, name: &str, of: &str, signatures: &[(Vec<u8>, String)]) {
        let layout = self.dir.path().join("layout-signatures");
        drop(std::fs::remove_dir_all(&layout));
        let layers = signatures.iter().map(|(payload, _)| (payload.clone(), digest(payload)));
        layout_of(&layout, &layers.collect::<Vec<_>>());
        rewrite_manifest(&layout, |manifest| {
            let layers = manifest["layers"].as_array_mut().unwrap().iter_mut();
            for (layer, (_, signature)) in layers.zip(signatures) {
                layer["mediaType"] = json!("application/vnd.dev.cosign.simplesigning.v1+json");
                layer["annotations"] = json!({ "dev.cosignproject.cosign/signature": signature });
            }
        });
        self.push_as(&layout, name, &format!("{}.sig", of.replace(':', "-")));
    }

    /// Where it keeps its files.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Changes a byte in the middle of every layer that is stored.
    pub(crate) fn tamper(&self) {
        let blobs = find(&self.dir.path().join("storage"));
        let layers = blobs.iter().filter(|path| path.metadata().unwrap().len() > 100_000);
        let mut count = 0;
        for path in layers {
            let mut bytes = std::fs::read(path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0xff;
            std::fs::write(path, bytes).unwrap();
            count += 1;
        }
        assert!(count > 0, "there is a layer to change");
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// All files below a directory.
pub(crate) fn find(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        if entry.path().is_dir() {
            found.extend(find(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

/// An OCI layout with one image: busybox, its applets, and a line in `/etc/passwd`.
pub(crate) fn busybox_layout(dir: &Path) {
    image_layout(dir, &[], &[]);
}

/// The same with a program of this host's and the libraries that it needs.
pub(crate) fn program_layout(dir: &Path, program: &str) {
    programs_layout(dir, &[program], &[], &[]);
}

/// The same with several, with files and directories of this host's, and with files of a text.
pub(crate) fn programs_layout(
    dir: &Path,
    programs: &[&str],
    more: &[&str],
    texts: &[(&str, &str)],
) {
    let output = Command::new("ldd").args(programs).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let libraries = listed.split_whitespace().filter(|word| word.starts_with('/'));
    let mut files: Vec<PathBuf> = libraries
        .filter(|word| !word.ends_with(':'))
        .chain(programs.iter().copied())
        .map(PathBuf::from)
        .collect();
    for path in more.iter().map(PathBuf::from) {
        if path.is_dir() { files.extend(find(&path)) } else { files.push(path) }
    }
    files.sort();
    files.dedup();
    image_layout(dir, &files, texts);
}

fn image_layout(dir: &Path, files: &[PathBuf], texts: &[(&str, &str)]) {
    let mut layer = tar::Builder::new(Vec::new());
    let busybox = std::fs::read("/bin/busybox").expect("busybox-static is installed");
    let mut add = |path: &str, bytes: &[u8], mode: u32| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        layer.append_data(&mut header, path, bytes).unwrap();
    };
    add("bin/busybox", &busybox, 0o755);
    for file in files {
        let path = file.to_str().unwrap().trim_start_matches('/');
        add(path, &std::fs::read(file).unwrap(), 0o755);
    }
    for (path, text) in texts {
        add(path, text.as_bytes(), 0o755);
    }
    add("etc/passwd", USERS.as_bytes(), 0o644);
    for applet in ["sh", "sleep", "cat", "echo", "true", "wget", "nc", "ls", "id", "trap", "yes"] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_mode(0o777);
        header.set_uid(0);
        header.set_gid(0);
        layer.append_link(&mut header, format!("bin/{applet}"), "busybox").unwrap();
    }
    let layer = layer.into_inner().unwrap();
    let diff_id = digest(&layer);
    layout_of(dir, &[(layer, diff_id)]);
}

/// `sha256:…`.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let hex = Sha256::digest(bytes);
    hex.iter().fold("sha256:".to_owned(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// An OCI layout with one image of these layers (as packed, and the digest of what is in them).
pub(crate) fn layout_of(dir: &Path, layers: &[(Vec<u8>, String)]) {
    let blobs = dir.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let put = |kind: &str, bytes: &[u8]| {
        let digest = digest(bytes);
        std::fs::write(blobs.join(&digest[7..]), bytes).unwrap();
        json!({
            "mediaType": format!("application/vnd.oci.image.{kind}"),
            "digest": digest,
            "size": bytes.len(),
        })
    };
    let kind = |bytes: &[u8]| match bytes {
        [0x1f, 0x8b, ..] => "layer.v1.tar+gzip",
        [0x28, 0xb5, ..] => "layer.v1.tar+zstd",
        _ => "layer.v1.tar",
    };
    let put_all = layers.iter().map(|(bytes, _)| put(kind(bytes), bytes));
    let diff_ids = layers.iter().map(|(_, diff_id)| diff_id).collect::<Vec<_>>();
    let layers = put_all.collect::<Vec<_>>();
    let config = json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "config": { "Cmd": ["sh"], "Env": ["PATH=/bin:/usr/bin"], "WorkingDir": "/" },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    let config = put("config.v1+json", config.to_string().as_bytes());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": layers,
    });
    let mut entry = put("manifest.v1+json", manifest.to_string().as_bytes());
    entry["annotations"] = json!({ "org.opencontainers.image.ref.name": "latest" });
    let index = json!({ "schemaVersion": 2, "manifests": [entry] });
    std::fs::write(dir.join("index.json"), index.to_string()).unwrap();
    std::fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

/// Changes the only manifest of a layout.
fn rewrite_manifest(layout: &Path, change: impl FnOnce(&mut Value)) {
    let read =
        |path: &Path| serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap();
    let mut index = read(&layout.join("index.json"));
    let blob = |digest: &Value| layout.join("blobs/sha256").join(&digest.as_str().unwrap()[7..]);
    let mut manifest = read(&blob(&index["manifests"][0]["digest"]));
    change(&mut manifest);
    let text = manifest.to_string().into_bytes();
    index["manifests"][0]["digest"] = json!(digest(&text));
    index["manifests"][0]["size"] = json!(text.len());
    std::fs::write(blob(&index["manifests"][0]["digest"]), text).unwrap();
    std::fs::write(layout.join("index.json"), index.to_string()).unwrap();
}

/// What cosign signs of an image with this digest.
pub(crate) fn signed_payload(of: &str) -> Value {
    json!({
        "critical": {
            "identity": { "docker-reference": "lab/app" },
            "image": { "docker-manifest-digest": of },
            "type": "cosign container image signature",
        },
        "optional": null,
    })
}
