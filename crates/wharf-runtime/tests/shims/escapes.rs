//! A container that tries to get out in the known ways; what stopped it is compared with the list
//! in `docs/security.md`.

use std::{collections::BTreeMap, os::unix::fs::symlink, process::Command};

use wharf_model::spec::{SecurityContext, VolumeMount, VolumeSource, VolumeSpec};

use crate::fixture::{Group, container, last_run, shell};

crate::tests![
    no_known_way_leads_out,
    links_in_volumes_lead_nowhere,
    an_image_cannot_get_hold_of_the_shims_program,
    rights_are_as_the_security_context_says,
    a_profile_of_ones_own_only_takes_away,
    users_and_groups_of_the_security_context_are_in_force,
];

const DOCUMENT: &str = include_str!("../../../../docs/security.md");

/// `| attempt | EPERM or EROFS | why |` of the document.
fn expected() -> BTreeMap<String, Vec<String>> {
    let rows = DOCUMENT.lines().skip_while(|line| !line.starts_with("| attempt |")).skip(2);
    rows.take_while(|line| line.starts_with('|'))
        .map(|line| {
            let mut cells = line.split('|').skip(1).map(str::trim);
            let name = cells.next().unwrap().to_owned();
            (name, cells.next().unwrap().split(" or ").map(ToOwned::to_owned).collect())
        })
        .collect()
}

fn compile(group: &mut Group) {
    let layer = group.path().join("attempts");
    fs_err::create_dir_all(layer.join("bin")).unwrap();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/shims/escapes/attempts.c");
    let made = Command::new("cc")
        .args(["-static", "-w", "-o", layer.join("bin/attempts").as_str(), source])
        .status();
    assert!(made.unwrap().success(), "cc -static");
    group.layers.insert(0, layer);
}

fn no_known_way_leads_out() {
    let mut group = Group::new();
    compile(&mut group);
    let socket = group.layout.sandbox(&group.id).socket();
    let daemon = group.layout.run_dir.join("wharf.sock");
    let job = container("job", &["/bin/attempts", socket.as_str(), daemon.as_str()]);
    group.start(&job);
    let exit = group.exit(&job.name);
    let log = group.log(&job.name);
    assert_eq!(exit.code, 0, "{log}");
    let mut expected = expected();
    let mut wrong = Vec::new();
    for line in log.lines() {
        let (name, result) = line.rsplit_once(": ").unwrap();
        match expected.remove(name) {
            Some(known) if known.iter().any(|known| known == result) => {}
            known => wrong.push(format!("{name}: {result}, but docs/security.md has {known:?}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(expected.is_empty(), "not tried: {expected:#?}");
    group.finish();
}

fn links_in_volumes_lead_nowhere() {
    let mut group = Group::new();
    let volume = |name: &str| VolumeSpec { name: name.to_owned(), source: VolumeSource::EmptyDir };
    group.volumes = vec![volume("one"), volume("two")];
    let one = group.layout.storage(&group.id).empty_dir("one");
    fs_err::create_dir_all(&one).unwrap();
    let outside = group.path().join("outside");
    let up = format!("{}{}", "../".repeat(32), outside.as_str().trim_start_matches('/'));
    symlink(&up, one.join("relative")).unwrap();
    symlink(&outside, one.join("absolute")).unwrap();
    symlink("/proc/self/root", one.join("magic")).unwrap();
    let mount = |name: &str, path: &str| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: false,
    };
    let mut job = shell("job", "echo x > /one/relative/f; echo x > /one/absolute/g; ls /one/magic");
    job.volume_mounts = vec![
        mount("one", "/one"),
        mount("two", "/one/relative/a"),
        mount("two", "/one/absolute/b"),
    ];
    group.start(&job);
    let exit = group.exit(&job.name);
    let log = group.log(&job.name);
    assert_eq!((exit.code, exit.message), (0, None), "{log}");
    assert!(!outside.exists(), "something was made on the host");
    assert!(!log.contains("work\n"), "the host's root can be seen: {log}");
    group.finish();
}

/// CVE-2019-5736: an interpreter line that names the program that is becoming the container.
fn an_image_cannot_get_hold_of_the_shims_program() {
    let mut group = Group::new();
    let layer = group.path().join("evil");
    fs_err::create_dir_all(layer.join("bin")).unwrap();
    fs_err::write(layer.join("bin/evil"), "#!/proc/self/exe\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs_err::set_permissions(layer.join("bin/evil"), mode).unwrap();
    group.layers.insert(0, layer);
    let program = std::env::current_exe().unwrap();
    let before = fs_err::metadata(&program).unwrap().len();
    let known = group.start(&container("job", &["/bin/evil"]));
    let pid = known.pid;
    let exit = last_run(&known).exit.clone();
    assert!(pid.is_some() || exit.is_some_and(|exit| exit.code != 0));
    assert_ne!(group.exit(&crate::fixture::name("job")).code, 0);
    assert_eq!(fs_err::metadata(&program).unwrap().len(), before);
    group.finish();
}

fn rights(group: &Group, start: u32, security: SecurityContext) -> String {
    let mut job =
        shell("job", "grep -E '^(NoNewPrivs|CapEff|CapBnd|Seccomp):' /proc/self/status | cut -f2");
    job.security = security;
    let request = group.request(&job, start);
    group.runtime.block_on(group.shims.start(&group.id, request)).unwrap();
    assert_eq!(group.exit(&job.name).code, 0, "{}", group.log(&job.name));
    group.log(&job.name).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn rights_are_as_the_security_context_says() {
    let group = Group::new();
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let none = SecurityContext { dropped_capabilities: words(&["ALL"]), ..Default::default() };
    assert_eq!(rights(&group, 1, none), "0000000000000000 0000000000000000 1 2");
    let added = SecurityContext {
        dropped_capabilities: words(&["all"]),
        added_capabilities: words(&["CAP_NET_ADMIN", "chown"]),
        may_escalate: true,
        ..Default::default()
    };
    assert_eq!(rights(&group, 2, added), "0000000000001001 0000000000001001 0 2");
    let privileged =
        SecurityContext { is_privileged: true, may_escalate: true, ..Default::default() };
    let all = rights(&group, 3, privileged);
    assert!(all.ends_with(" 0 2") && all.contains('f'), "{all}");
    let other = SecurityContext { user: Some(1000), ..Default::default() };
    assert!(rights(&group, 4, other).starts_with("0000000000000000 00000000a"));
    group.finish();
}

fn a_profile_of_ones_own_only_takes_away() {
    let group = Group::new();
    let rule = r#"{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95}"#;
    let profile = format!(r#"{{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{rule}]}}"#);
    let mut job = shell("job", "mkdir /tmp/x; mount -t tmpfs x /tmp; unshare -U true; echo end");
    job.security.seccomp_profile = Some(profile);
    for (start, may_escalate) in [(1, false), (2, true)] {
        job.security.may_escalate = may_escalate;
        let request = group.request(&job, start);
        group.runtime.block_on(group.shims.start(&group.id, request)).unwrap();
        assert_eq!(group.exit(&job.name).code, 0);
        let log = group.log(&job.name);
        assert!(log.contains("can't create directory '/tmp/x': Operation not supported"), "{log}");
        assert!(log.contains("mount: permission denied"), "what is usually denied stays so: {log}");
        assert!(log.contains("Operation not permitted") && log.contains("end\n"), "{log}");
    }
    job.security.seccomp_profile = Some(r#"{"defaultAction":"SCMP_ACT_NOTIFY"}"#.to_owned());
    let request = group.request(&job, 3);
    let known = group.runtime.block_on(group.shims.start(&group.id, request)).unwrap();
    let message = last_run(&known).exit.clone().unwrap().message.unwrap();
    assert!(message.starts_with("the seccomp profile cannot be used"), "{message}");
    group.finish();
}

fn users_and_groups_of_the_security_context_are_in_force() {
    let group = Group::new();
    let ids = |start, user, gid| {
        let mut job = shell("job", "id -u; id -g; id -G");
        job.security = SecurityContext { user, group: gid, ..Default::default() };
        let request = group.request(&job, start);
        group.runtime.block_on(group.shims.start(&group.id, request)).unwrap();
        group.exit(&job.name);
        group.log(&job.name).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(ids(1, Some(33), None), "33 44 44 50");
    assert_eq!(ids(2, Some(1000), Some(7)), "1000 7 7");
    assert_eq!(ids(3, None, Some(7)), "0 7 7");
    group.finish();
}
