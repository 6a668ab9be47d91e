//! What containers see of the host and of each other.

use std::os::unix::fs::symlink;

use wharf_model::{
    spec::{VolumeMount, VolumeSource, VolumeSpec},
    status::ExitCause,
};

use crate::fixture::{Group, container, is_gone, last_run, name, shell, until};

crate::tests![
    the_default_filter_and_rights_are_in_force,
    forbidden_system_calls_fail,
    without_a_filter_nothing_is_started,
    an_image_cannot_misdirect_mounts,
    secrets_of_the_kernel_are_masked,
    what_the_kernel_offers_is_read_only,
    containers_share_the_network_and_hosts_but_not_processes_or_files,
    containers_share_volumes,
    nothing_is_mounted_in_the_hosts_view,
    no_descriptors_leak_into_a_container,
];

fn the_default_filter_and_rights_are_in_force() {
    let group = Group::new();
    let (_, log) =
        group.run("grep -E '^(Seccomp|NoNewPrivs|Cap(Eff|Prm|Bnd|Inh|Amb)):' /proc/self/status");
    let rights =
        if wharf_shim::cgroup::is_unified() { "00000000a00425fb" } else { "00000000a80425fb" };
    let expected = format!(
        "CapInh:\t0000000000000000\nCapPrm:\t{rights}\nCapEff:\t{rights}\nCapBnd:\t{rights}\n\
         CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n"
    );
    assert_eq!(log, expected);
    group.finish();
}

fn forbidden_system_calls_fail() {
    let group = Group::new();
    let (_, log) = group.run(
        "mount -t tmpfs x /tmp; unshare -m true; chroot / true && echo chroot; \
         mknod /dev/sda b 8 0 && head -c1 /dev/sda; ping -c1 -W1 127.0.0.1 >/dev/null && echo ping",
    );
    assert!(log.contains("mount: permission denied"), "{log}");
    assert!(log.contains("unshare: unshare(0x20000): Operation not permitted"), "{log}");
    assert!(log.contains("chroot\n") && log.contains("ping\n"), "{log}");
    assert!(log.contains("/dev/sda: Operation not permitted"), "{log}");
    group.finish();
}

fn without_a_filter_nothing_is_started() {
    let group = Group::new();
    for (start, content) in [(1, None), (2, Some("")), (3, Some("garbage!"))] {
        let request = group.request(&shell("job", "true"), start);
        let filter = request.bundle.join("seccomp.bpf");
        match content {
            None => fs_err::remove_file(filter).unwrap(),
            Some(content) => fs_err::write(filter, content).unwrap(),
        }
        let known = group.runtime.block_on(group.shims.start(&group.id, request)).unwrap();
        let exit = last_run(&known).exit.clone().unwrap();
        assert_eq!((exit.code, exit.cause), (128, ExitCause::StartFailed));
        assert!(exit.message.unwrap().contains("seccomp filter"));
    }
    group.finish();
}

fn an_image_cannot_misdirect_mounts() {
    let mut group = Group::new();
    let evil = group.path().join("evil");
    fs_err::create_dir_all(evil.join("etc")).unwrap();
    symlink("/proc/self/cwd/../../../../../../../tmp", evil.join("dev")).unwrap();
    group.layers.insert(0, evil.clone());
    let known = group.start(&shell("job", "true"));
    let message = last_run(&known).exit.clone().unwrap().message.unwrap();
    assert!(message.starts_with("mount /dev: "), "{message}");

    fs_err::remove_file(evil.join("dev")).unwrap();
    symlink("../../../../../../made/by/link", evil.join("etc/hosts")).unwrap();
    let request = group.request(&shell("job", "cat /made/by/link; cat /etc/hosts"), 2);
    group.runtime.block_on(group.shims.start(&group.id, request)).unwrap();
    let exit = group.exit(&name("job"));
    assert_eq!((exit.code, exit.message), (0, None));
    assert_eq!(group.log(&name("job")), "127.0.0.1 localhost\n127.0.0.1 localhost\n");
    assert!(!std::path::Path::new("/made").exists());
    group.finish();
}

fn secrets_of_the_kernel_are_masked() {
    let group = Group::new();
    let (_, log) = group.run(
        "wc -c < /proc/timer_list; ls /proc/acpi /sys/firmware | grep -v : | wc -w; \
         cut -d: -f3 /proc/self/cgroup | sort -u",
    );
    assert_eq!(log, "0\n0\n/\n");
    group.finish();
}

fn what_the_kernel_offers_is_read_only() {
    let group = Group::new();
    let (_, log) = group.run(
        "echo x > /proc/sys/kernel/hostname; touch /sys/x /sys/fs/cgroup/x; \
         for f in $(find /sys/fs/cgroup -name 'memory.limit_in_bytes' -o -name memory.max); do \
         cat $f; echo 4g > $f; mkdir $(dirname $f)/x; done",
    );
    assert!(log.contains(&format!("{}\n", 256 << 20)), "limits can be read: {log}");
    assert_eq!(log.matches("Read-only file system").count(), 5, "{log}");
    group.finish();
}

fn containers_share_the_network_and_hosts_but_not_processes_or_files() {
    let group = Group::new();
    let web = shell(
        "web",
        "mkdir /www && echo hello > /www/index.html && echo 127.0.0.1 sidecar-made >> /etc/hosts \
         && echo up && exec httpd -f -p 80 -h /www",
    );
    group.start(&web);
    group.log_has(&web.name, "up");
    let pids = ["web", "other"].map(|text| {
        let known = group.table().containers.get(&name(text)).and_then(|known| known.pid);
        known.unwrap_or_else(|| group.start(&container(text, &["sleep", "1000"])).pid.unwrap())
    });
    for namespace in ["net", "ipc", "uts"] {
        let [one, other] =
            pids.map(|pid| fs_err::read_link(format!("/proc/{pid}/ns/{namespace}")).unwrap());
        assert_eq!(one, other);
        assert_ne!(one, fs_err::read_link(format!("/proc/self/ns/{namespace}")).unwrap());
    }
    for namespace in ["pid", "mnt", "cgroup"] {
        let [one, other] =
            pids.map(|pid| fs_err::read_link(format!("/proc/{pid}/ns/{namespace}")).unwrap());
        assert_ne!(one, other);
    }
    let asker = shell(
        "asker",
        "until wget -q -O - http://sidecar-made/; do usleep 10000; done; ls /www; echo $(pidof httpd | wc -w) httpd",
    );
    group.start(&asker);
    assert_eq!(group.exit(&asker.name).code, 0);
    let log = group.log(&asker.name);
    assert!(log.contains("hello\n") && log.contains("ls: /www: No such file"), "{log}");
    assert!(log.contains("\n0 httpd\n"), "{log}");
    group.finish();
}

fn containers_share_volumes() {
    let mut group = Group::new();
    group.volumes = vec![VolumeSpec { name: "scratch".to_owned(), source: VolumeSource::EmptyDir }];
    let mount = |read_only| {
        vec![VolumeMount { name: "scratch".to_owned(), mount_path: "/mnt/x".to_owned(), read_only }]
    };
    let mut writer = shell("writer", "echo data > /mnt/x/file");
    writer.volume_mounts = mount(false);
    group.start(&writer);
    assert_eq!(group.exit(&writer.name).code, 0);
    let mut reader = shell("reader", "cat /mnt/x/file; echo more > /mnt/x/file");
    reader.volume_mounts = mount(true);
    group.start(&reader);
    assert_ne!(group.exit(&reader.name).code, 0);
    let log = group.log(&reader.name);
    assert!(log.starts_with("data\n") && log.contains("Read-only file system"), "{log}");
    group.finish();
}

fn nothing_is_mounted_in_the_hosts_view() {
    let group = Group::new();
    let before = mounts();
    let job = container("job", &["sleep", "1000"]);
    let pid = group.start(&job).pid.unwrap();
    assert_eq!(mounts().len(), before.len());
    let inside = fs_err::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap();
    assert!(inside.contains(" - overlay overlay "), "{inside}");
    assert!(!inside.contains("/sys/fs/bpf"), "the host's mounts are not visible: {inside}");
    let root = fs_err::read_to_string(format!("/proc/{pid}/root/etc/layer")).unwrap();
    assert_eq!(root, "top\n");
    group.clean();
    until("the container is gone", || is_gone(pid).then_some(()));
    group.finish();
}

fn mounts() -> Vec<String> {
    let text = fs_err::read_to_string("/proc/self/mountinfo").unwrap();
    text.lines().filter(|line| line.contains("overlay")).map(ToOwned::to_owned).collect()
}

fn no_descriptors_leak_into_a_container() {
    let group = Group::new();
    let other = container("other", &["sleep", "1000"]);
    group.start(&other);
    let job = container("job", &["ls", "-l", "/proc/self/fd"]);
    group.start(&job);
    assert_eq!(group.exit(&job.name).code, 0);
    let log = group.log(&job.name);
    let targets = log.lines().filter_map(|line| Some(line.split_once(" -> ")?.1));
    let mut seen: Vec<&str> = targets.map(|t| t.split(':').next().unwrap_or_default()).collect();
    seen.sort_unstable();
    // It has closed the directory that it lists by the time it looks where that leads.
    assert_eq!(seen, ["/dev/null", "pipe", "pipe"], "{log}");
    group.finish();
}
