//! User namespaces: whom the host sees, whom the container sees, and what is on the disk.

use std::os::unix::fs::MetadataExt as _;

use wharf_model::spec::{SecurityContext, VolumeMount, VolumeSource, VolumeSpec};
use wharf_shim::userns::IdRange;

use crate::fixture::{Group, shell};

crate::tests![
    the_root_of_a_container_is_nobody_on_the_host,
    what_is_on_the_disk_has_the_containers_users,
    every_user_can_open_its_own_output,
    who_needs_the_hosts_users_has_them,
];

const LOOK: &str = "tr -s ' ' </proc/self/uid_map; tr -s ' ' </proc/self/gid_map";

fn range(group: &Group) -> IdRange {
    let noted = fs_err::read_to_string(group.layout.sandbox(&group.id).ids()).unwrap();
    IdRange::parse(&noted).unwrap()
}

fn the_root_of_a_container_is_nobody_on_the_host() {
    let group = Group::new();
    let first = range(&group).first();
    let mut job = shell("job", "sleep 1000");
    for (name, user, expected) in [("root", 0, first), ("web", 33, first + 33)] {
        job.name = crate::fixture::name(name);
        job.security.user = Some(user);
        let pid = group.start(&job).pid.unwrap();
        let status = fs_err::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let uid = status.lines().find(|line| line.starts_with("Uid:")).unwrap();
        assert!(uid.split_whitespace().skip(1).all(|id| id == expected.to_string()), "{uid}");
    }
    let (exit, log) = group.run(LOOK);
    let line = format!(" 0 {first} 65536\n");
    assert_eq!((exit.code, log), (0, line.repeat(2)));
    group.finish();
}

fn what_is_on_the_disk_has_the_containers_users() {
    let mut group = Group::new();
    group.volumes = vec![VolumeSpec { name: "data".to_owned(), source: VolumeSource::EmptyDir }];
    let script = "set -e; stat -c %u:%g /bin/busybox /etc /tmp /dev /mnt/x; cd /mnt/x
        echo a >root; echo a >web; chown 33:44 web; ln web linked; mkdir dir; chown 65535:1 dir
        chown 33 /etc/layer; stat -c %u:%g /etc/layer web linked dir; chmod 4755 web
        mv web moved; rm linked; touch /new; mkdir /etc/made; mv /etc/group /etc/other";
    let mut job = shell("job", script);
    job.volume_mounts = vec![VolumeMount {
        name: "data".to_owned(),
        mount_path: "/mnt/x".to_owned(),
        read_only: false,
    }];
    group.start(&job);
    assert_eq!(group.exit(&job.name).code, 0, "{}", group.log(&job.name));
    let log = group.log(&job.name);
    assert_eq!(log, "0:0\n".repeat(5) + "33:0\n33:44\n33:44\n65535:1\n");
    let storage = group.layout.storage(&group.id);
    let volume = storage.empty_dir("data");
    let upper = storage.writable_layer(&job.name).join("upper");
    for (path, owner) in [
        (volume.join("root"), (0, 0)),
        (volume.join("moved"), (33, 44)),
        (volume.join("dir"), (65535, 1)),
        (upper.join("etc/layer"), (33, 0)),
        (upper.join("new"), (0, 0)),
        (upper.join("etc/made"), (0, 0)),
        (upper.join("etc/other"), (0, 0)),
    ] {
        let found = fs_err::metadata(&path).unwrap();
        assert_eq!((found.uid(), found.gid()), owner, "{path}");
    }
    group.finish();
}

fn every_user_can_open_its_own_output() {
    let group = Group::new();
    let mut job = shell("job", "echo out >/dev/stdout; id -u >/dev/stdout; echo >/dev/stderr");
    for (start, user) in [(1, 0), (2, 33), (3, 70_000)] {
        job.security.user = Some(user);
        let request = group.request(&job, start);
        group.runtime.block_on(group.shims.start(&group.id, request)).unwrap();
        assert_eq!(group.exit(&job.name).code, 0);
        assert!(group.log(&job.name).contains(&format!("out\n{user}\n")));
    }
    group.finish();
}

fn who_needs_the_hosts_users_has_them() {
    let mut group = Group::new();
    group.volumes = vec![VolumeSpec { name: "data".to_owned(), source: VolumeSource::EmptyDir }];
    let own = format!(" 0 {} 65536\n", range(&group).first());
    let hosts = " 0 0 4294967295\n";
    let add = |name: &str| SecurityContext {
        added_capabilities: vec![name.to_owned()],
        ..SecurityContext::default()
    };
    let privileged = SecurityContext { is_privileged: true, ..SecurityContext::default() };
    let large = SecurityContext { user: Some(1 << 16), ..SecurityContext::default() };
    for (start, (security, map)) in (1..).zip([
        (SecurityContext::default(), own.as_str()),
        (add("NET_ADMIN"), &own),
        (add("IPC_LOCK"), hosts),
        (privileged, hosts),
        (large, hosts),
    ]) {
        // Whoever they are on the host, they are the same in the group's volumes.
        let mut job = shell("job", &format!("{LOOK}; touch /mnt/x/{start}; stat -c %u /mnt/x/1"));
        job.volume_mounts = vec![VolumeMount {
            name: "data".to_owned(),
            mount_path: "/mnt/x".to_owned(),
            read_only: false,
        }];
        job.security = security.clone();
        let request = group.request(&job, start);
        group.runtime.block_on(group.shims.start(&group.id, request)).unwrap();
        group.exit(&job.name);
        let log = group.log(&job.name);
        assert!(log.starts_with(&map.repeat(2)) && log.ends_with("\n0\n"), "{security:?}: {log}");
    }
    group.finish();
}
