//! Images from a real registry and from files.

use std::{
    io::Read as _,
    net::TcpListener,
    process::Stdio,
    time::{Duration, Instant},
};

use crate::harness::{
    Daemon,
    registry::{PASSWORD, Registry, USER, busybox_layout, digest, layout_of},
};

#[test]
fn an_image_from_a_registry_runs_and_its_exit_code_and_log_are_told() {
    let (wharf, registry) = (Daemon::start(), Registry::start());
    let image = registry.push_busybox("team/busybox");
    wharf.ok(&[
        "create",
        "task",
        "--image",
        &image,
        "--restart-policy",
        "Never",
        "--command-line",
        "sh -c 'echo hi; exit 3'",
    ]);
    wharf.wait_for_state("task", "Failed");
    let state = &wharf.view("task", 0)["currentState"];
    assert_eq!((&state["state"], &state["exitCode"]), (&"Terminated".into(), &3.into()));
    assert_eq!(state["detailStatus"], "Error");
    assert_eq!(wharf.ok(&["logs", "task"]), "hi\n");
    assert!(wharf.ok(&["image", "list"]).contains("team/busybox"));
    let names: Vec<String> = wharf.view("task", 0)["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["Pulling", "Pulled", "Created", "Started"]);
    let pulled = wharf.view("task", 0)["events"][1]["message"].clone();
    let pulled = pulled.as_str().unwrap();
    let azures = format!("Successfully pulled image \"{image}\" in ");
    assert!(pulled.starts_with(&azures) && pulled.contains(" s: 1 layer, "), "{pulled}");
    assert!(pulled.ends_with(" MiB/s"), "{pulled}");
    // It is cached now: the registry is not needed any more.
    drop(registry);
    wharf.ok(&[
        "create",
        "again",
        "--image",
        &image,
        "--restart-policy",
        "Never",
        "--command-line",
        "true",
    ]);
    wharf.wait_for_state("again", "Succeeded");
}

#[test]
fn a_private_image_that_is_here_is_not_there_for_who_cannot_pull_it() {
    let (wharf, registry) = (Daemon::start(), Registry::private());
    let image = registry.push_busybox("team/secret");
    let server = registry.address.clone();
    let with = |name: &str, password: &str| {
        let args = ["create", name, "--image", &image, "--registry-login-server", &server];
        let login = ["--registry-username", USER, "--registry-password", password];
        let rest = ["--restart-policy", "Never", "--command-line", "true"];
        [&args[..], &login, &rest].concat().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let run = |args: &[String]| wharf.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let first = run(&with("first", PASSWORD));
    assert!(first.status.success(), "{}", crate::harness::text(&first.stderr));
    wharf.wait_for_state("first", "Succeeded");
    let (code, error) = wharf.fails(&["create", "second", "--image", &image]);
    assert!(code == 1 && error.contains("InaccessibleImage"), "{error}");
    let third = run(&with("third", "wrong"));
    let error = crate::harness::text(&third.stderr);
    assert!(!third.status.success() && error.contains("InaccessibleImage"), "{error}");
    assert!(!wharf.log().contains(PASSWORD), "no password is in the log");
    // Who was allowed before needs the registry no more; whoever else does.
    drop(registry);
    let fourth = run(&with("fourth", PASSWORD));
    assert!(fourth.status.success(), "{}", crate::harness::text(&fourth.stderr));
    wharf.wait_for_state("fourth", "Succeeded");
    let (_, error) = wharf.fails(&["create", "fifth", "--image", &image]);
    assert!(error.contains("RegistryErrorResponse"), "{error}");
}

#[test]
fn an_image_that_is_not_there_is_refused_before_anything_is_made() {
    let (wharf, registry) = (Daemon::start(), Registry::start());
    let image = format!("{}/nobody/nothing:latest", registry.address);
    let (code, error) = wharf.fails(&["create", "g", "--image", &image]);
    assert_eq!(code, 1);
    assert!(error.contains("InaccessibleImage") && error.contains(&image), "{error}");
    assert_eq!(wharf.fails(&["show", "g"]).0, 3);
}

#[test]
fn a_layer_that_is_not_what_its_digest_says_never_runs() {
    let (wharf, registry) = (Daemon::start(), Registry::start());
    let image = registry.push_busybox("bad/busybox");
    registry.tamper();
    let (code, error) = wharf.fails(&["image", "pull", &image]);
    assert_ne!(code, 0);
    assert!(!wharf.ok(&["image", "list"]).contains("bad/busybox"), "{error}");
    // A group that names it is accepted, since its manifest is there, and tells why it waits.
    wharf.ok(&["create", "g", "--image", &image, "--no-wait"]);
    let told = crate::harness::wait_for(Duration::from_secs(20), || {
        wharf.view("g", 0).to_string().contains("Failed to pull image")
    });
    assert!(told, "{:#}", wharf.view("g", 0));
    assert_eq!(wharf.view("g", 0)["currentState"]["state"], "Waiting");
    let back_off = wharf.events("g", 0, "BackOff");
    assert_eq!(back_off[0].0, format!("Back-off pulling image \"{image}\""));
    let layers = wharf.dir().join("d/images/layers");
    assert_eq!(std::fs::read_dir(layers).unwrap().count(), 0, "nothing half-made is left");
}

#[test]
fn a_proxy_of_the_environment_is_used_and_not_for_what_is_on_this_host() {
    let registry = Registry::start();
    let image = registry.push_busybox("team/busybox");
    // The registry takes the part of the proxy: it does not look at the host that is asked for.
    let proxy = format!("http://{}", registry.address);
    let mut wharf = Daemon::with(&["--insecure-registry", "registry.lab.invalid"]);
    let far = image.replace(&registry.address, "registry.lab.invalid");
    let (code, error) = wharf.fails(&["image", "pull", &far]);
    assert!(code == 1 && error.contains("no answer"), "{error}");
    wharf.stop();
    wharf.up(&[("HTTP_PROXY", &proxy), ("http_proxy", &proxy)]);
    wharf.ok(&["image", "pull", &far]);
    wharf.stop();
    wharf.up(&[("HTTP_PROXY", "http://127.0.0.1:1"), ("http_proxy", "http://127.0.0.1:1")]);
    wharf.ok(&["image", "pull", &image]);
    assert!(!wharf.run(&["image", "pull", &far]).status.success());
}

#[test]
fn a_daemon_that_is_killed_in_the_middle_of_a_pull_leaves_nothing_and_pulls_again() {
    let (mut wharf, registry) = (Daemon::start(), Registry::start());
    let mut layer = tar::Builder::new(Vec::new());
    for number in 0..1_500_u32 {
        let content = number.to_le_bytes().repeat(2_000);
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        let name = format!("d{}/f{number}", number % 50);
        layer.append_data(&mut header, name, content.as_slice()).unwrap();
    }
    let layer = layer.into_inner().unwrap();
    let layout = registry.dir().join("large");
    let diff_id = digest(&layer);
    layout_of(&layout, &[(layer, diff_id)]);
    let image = registry.push(&layout, "team/large");
    let mut broken = 0;
    for milliseconds in [20, 60, 120] {
        let mut pull = wharf.command(&["image", "pull", &image]);
        let mut pull = pull.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let end = Instant::now() + Duration::from_millis(milliseconds);
        crate::harness::wait_for(Duration::from_secs(5), || Instant::now() >= end);
        wharf.kill();
        broken += u32::from(!pull.wait().unwrap().success());
        wharf.up(&[]);
        let left = std::fs::read_dir(wharf.dir().join("d/images/tmp")).unwrap().count();
        assert_eq!(left, 0, "half-done work is cleared away");
        wharf.ok(&["image", "pull", &image]);
        wharf.ok(&["image", "prune"]);
        let layers = std::fs::read_dir(wharf.dir().join("d/images/layers")).unwrap().count();
        assert_eq!(layers, 0);
    }
    assert!(broken > 0, "at least one was in the middle");
}

#[test]
fn a_registry_that_hangs_is_an_error_in_bounded_time() {
    let wharf = Daemon::start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let image = format!("{}/a/b:latest", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            drop(connection.read(&mut [0; 64]));
            open.push(connection);
        }
    });
    let (code, error) = wharf.fails(&["create", "g", "--image", &image]);
    assert_eq!(code, 1);
    assert!(error.contains("RegistryErrorResponse"), "{error}");
    assert_eq!(wharf.fails(&["show", "g"]).0, 3);
}

#[test]
fn an_imported_layout_runs_under_the_name_it_is_given() {
    let wharf = Daemon::start();
    let layout = wharf.dir().join("layout");
    busybox_layout(&layout);
    let path = layout.to_str().unwrap();
    wharf.ok(&["image", "import", path, "--name", "local/busybox:1"]);
    wharf.ok(&[
        "create",
        "g",
        "--image",
        "local/busybox:1",
        "--restart-policy",
        "Never",
        "--command-line",
        "sh -c 'id; cat /etc/hostname'",
    ]);
    wharf.wait_for_state("g", "Succeeded");
    assert!(wharf.ok(&["logs", "g"]).ends_with("g\n"));
    wharf.ok(&["image", "prune"]);
    assert!(wharf.ok(&["image", "list"]).contains("local/busybox"), "it is in use");
    let archive = wharf.dir().join("busybox.tar");
    let file = archive.to_str().unwrap();
    wharf.ok(&["image", "export", "local/busybox:1", "--file", file]);
    wharf.ok(&["image", "import", file, "--name", "local/again:1"]);
    let again = ["create", "h", "--image", "local/again:1", "--restart-policy", "Never"];
    wharf.ok(&[&again[..], &["--command-line", "true"]].concat());
    wharf.wait_for_state("h", "Succeeded");
    assert_eq!(wharf.fails(&["image", "export", "local/nothing", "--file", file]).0, 3);
    wharf.clear();
    wharf.ok(&["image", "prune"]);
    assert!(!wharf.ok(&["image", "list"]).contains("local/busybox"));
}

/// A small file system of its own, unmounted at the end of the test.
struct Small(std::path::PathBuf);

impl Drop for Small {
    fn drop(&mut self) {
        drop(std::process::Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[test]
fn a_full_disk_is_told_and_leaves_nothing_half_made() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("d");
    let images = data.join("images");
    std::fs::create_dir_all(&images).unwrap();
    let mount = ["-t", "tmpfs", "-o", "size=600k", "small", images.to_str().unwrap()];
    assert!(std::process::Command::new("mount").args(mount).status().unwrap().success());
    let small = Small(images.clone());
    let run = dir.path().join("r");
    let registry = Registry::start();
    let image = registry.push_busybox("big/busybox");
    let args = ["--data-dir", data.to_str().unwrap(), "--run-dir", run.to_str().unwrap()];
    let wharf = Daemon::at(dir.path(), &args);
    let (code, error) = wharf.fails(&["image", "pull", &image]);
    assert!(code == 1 && error.contains("No space left on device"), "{error}");
    for place in ["layers", "tmp"] {
        assert_eq!(std::fs::read_dir(images.join(place)).unwrap().count(), 0, "{place}");
    }
    assert!(!wharf.ok(&["image", "list"]).contains("big/busybox"));
    drop(wharf);
    drop(small);
}
