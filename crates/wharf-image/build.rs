//! Builds the quickstart images: compiles their programs with `rustc`, puts Debian's static busybox
//! beside them and packs both as OCI layout archives, the same bytes every time.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;
use sha2::{Digest as _, Sha256};

/// Image, its program's source, and the port it listens on.
const IMAGES: &[(&str, &str, Option<u16>)] = &[
    ("aci-helloworld", "helloworld", Some(80)),
    ("aci-tutorial-sidecar", "sidecar", None),
    ("aci-wordcount", "wordcount", None),
];
/// Busybox programs that a user of a sample expects.
const APPLETS: &[&str] = &[
    "cat", "chmod", "cp", "cut", "date", "df", "du", "echo", "env", "false", "find", "free",
    "grep", "head", "hostname", "id", "ifconfig", "ip", "kill", "less", "ln", "ls", "mkdir",
    "more", "mount", "mv", "nc", "netstat", "nslookup", "ping", "printenv", "ps", "pwd", "rm",
    "rmdir", "route", "sed", "sh", "sleep", "sort", "stat", "tail", "tar", "tee", "test", "top",
    "touch", "tr", "true", "uname", "uptime", "vi", "wc", "wget", "which", "whoami", "xargs",
];

fn main() -> io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| failed("OUT_DIR is not set"))?);
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=quickstart");
    println!("cargo::rerun-if-env-changed=WHARF_BUSYBOX");
    let busybox = env::var_os("WHARF_BUSYBOX").map_or_else(|| "/bin/busybox".into(), PathBuf::from);
    let busybox = fs::read(&busybox).map_err(|error| {
        failed(&format!(
            "{}: {error}; install Debian's busybox-static or set WHARF_BUSYBOX",
            busybox.display()
        ))
    })?;
    for (image, program, port) in IMAGES {
        let program = compile(program, &out)?;
        let archive = archive(image, &program, &busybox, *port)?;
        let packed = zstd::encode_all(archive.as_slice(), 19)?;
        fs::write(out.join(format!("{image}.tar.zst")), packed)?;
    }
    Ok(())
}

fn failed(text: &str) -> io::Error {
    io::Error::other(text.to_owned())
}

/// Compiles one source file to a static program. It runs on the target, not on the host.
fn compile(name: &str, out: &Path) -> io::Result<Vec<u8>> {
    let source = Path::new("quickstart").join(format!("{name}.rs"));
    let program = out.join(name);
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let status = Command::new(rustc)
        .args(["--edition=2024", "-Copt-level=s", "-Cpanic=abort", "-Cstrip=symbols"])
        .arg("-Ctarget-feature=+crt-static")
        .arg(format!("--target={}", env::var("TARGET").map_err(io::Error::other)?))
        .arg("-o")
        .arg(&program)
        .arg(&source)
        .status()?;
    if !status.success() {
        return Err(failed(&format!("rustc {} failed", source.display())));
    }
    fs::read(program)
}

fn archive(image: &str, program: &[u8], busybox: &[u8], port: Option<u16>) -> io::Result<Vec<u8>> {
    let tools = tools_layer(busybox)?;
    let own = program_layer(image, program)?;
    let config = json!({
        "architecture": architecture(),
        "os": "linux",
        "config": {
            "Cmd": [format!("/usr/local/bin/{image}")],
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "WorkingDir": "/",
            "ExposedPorts": port.map(|port| json!({ format!("{port}/tcp"): {} })).unwrap_or(json!({})),
        },
        "rootfs": { "type": "layers", "diff_ids": [digest(&tools), digest(&own)] },
    })
    .to_string()
    .into_bytes();
    let describe = |kind: &str, bytes: &[u8]| {
        json!({
            "mediaType": format!("application/vnd.oci.image.{kind}"),
            "digest": digest(bytes),
            "size": bytes.len(),
        })
    };
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": describe("config.v1+json", &config),
        "layers": [describe("layer.v1.tar", &tools), describe("layer.v1.tar", &own)],
    })
    .to_string()
    .into_bytes();
    let mut entry = describe("manifest.v1+json", &manifest);
    let name = format!("mcr.microsoft.com/azuredocs/{image}:latest");
    entry["annotations"] = json!({ "io.containerd.image.name": name });
    let index = json!({ "schemaVersion": 2, "manifests": [entry] }).to_string();

    let mut layout = tar::Builder::new(Vec::new());
    add(&mut layout, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#, 0o644)?;
    add(&mut layout, "index.json", index.as_bytes(), 0o644)?;
    for blob in [&manifest, &config, &tools, &own] {
        let path = digest(blob).replace("sha256:", "blobs/sha256/");
        add(&mut layout, &path, blob, 0o644)?;
    }
    layout.into_inner()
}

fn architecture() -> &'static str {
    match env::var("CARGO_CFG_TARGET_ARCH").as_deref() {
        Ok("aarch64") => "arm64",
        _ => "amd64",
    }
}

/// A minimal root: busybox with its applets, users, a writable `/tmp`.
fn tools_layer(busybox: &[u8]) -> io::Result<Vec<u8>> {
    let mut layer = tar::Builder::new(Vec::new());
    for dir in ["bin", "dev", "etc", "proc", "root", "sys", "usr", "usr/local", "usr/local/bin"] {
        add_dir(&mut layer, dir, 0o755)?;
    }
    add_dir(&mut layer, "tmp", 0o1777)?;
    add(&mut layer, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n", 0o644)?;
    add(&mut layer, "etc/group", b"root:x:0:\n", 0o644)?;
    add(&mut layer, "bin/busybox", busybox, 0o755)?;
    for applet in APPLETS {
        let mut header = header(0, 0o777);
        header.set_entry_type(tar::EntryType::Symlink);
        layer.append_link(&mut header, format!("bin/{applet}"), "busybox")?;
    }
    layer.into_inner()
}

fn program_layer(image: &str, program: &[u8]) -> io::Result<Vec<u8>> {
    let mut layer = tar::Builder::new(Vec::new());
    add(&mut layer, &format!("usr/local/bin/{image}"), program, 0o755)?;
    layer.into_inner()
}

fn header(size: usize, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size as u64);
    header.set_mode(mode);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn add<W: io::Write>(
    archive: &mut tar::Builder<W>,
    path: &str,
    bytes: &[u8],
    mode: u32,
) -> io::Result<()> {
    archive.append_data(&mut header(bytes.len(), mode), path, bytes)
}

fn add_dir<W: io::Write>(archive: &mut tar::Builder<W>, path: &str, mode: u32) -> io::Result<()> {
    let mut header = header(0, mode);
    header.set_entry_type(tar::EntryType::Directory);
    archive.append_data(&mut header, format!("{path}/"), io::empty())
}

fn digest(bytes: &[u8]) -> String {
    let hex: Vec<String> = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{}", hex.concat())
}
