//! Deaths of daemons and shims, and clearing up after them.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use wharf_model::status::ExitCause;
use wharf_runtime::{cgroups, shims::Found};

use crate::fixture::{Group, container, is_gone, name, namespaces_with_loopback, shell, until};

crate::tests![
    a_shim_is_independent_of_who_started_it,
    a_shim_ignores_all_signals_but_sigkill,
    a_dead_shims_journal_tells_what_it_knew_and_nothing_of_it_remains,
    a_hung_shim_cannot_stall_its_removal,
    a_second_shim_does_not_take_the_place_of_the_first,
    a_shim_whose_directory_is_gone_gives_up_and_leaves_no_trace,
    a_start_is_ended_by_shutdown,
    an_idle_shim_is_small,
    the_shims_program_cannot_be_written_through_proc,
    groups_are_found_by_looking,
];

fn shim_pid(group: &Group) -> i32 {
    let text = fs_err::read_to_string(group.layout.sandbox(&group.id).pid_file()).unwrap();
    text.trim().parse().unwrap()
}

fn stat_field(pid: i32, field: usize) -> i32 {
    let stat = fs_err::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let rest = stat.rsplit(')').next().unwrap();
    rest.split_whitespace().nth(field - 3).unwrap().parse().unwrap()
}

fn a_shim_is_independent_of_who_started_it() {
    let group = Group::new();
    let pid = shim_pid(&group);
    let own = i32::try_from(std::process::id()).unwrap();
    let (parent, process_group, session) =
        (stat_field(pid, 4), stat_field(pid, 5), stat_field(pid, 6));
    assert_ne!(parent, own);
    assert_ne!(process_group, stat_field(own, 5));
    assert_ne!(session, stat_field(own, 6));
    let where_it_is = fs_err::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let shim_cgroup = group.layout.shim_cgroup(&group.id);
    for line in where_it_is.lines().filter(|l| l.contains("name=systemd") || l.contains("::")) {
        assert!(line.ends_with(&shim_cgroup), "{line}");
    }
    let environment = fs_err::read(format!("/proc/{pid}/environ")).unwrap();
    assert!(environment.is_empty());
    group.finish();
}

fn a_shim_ignores_all_signals_but_sigkill() {
    let group = Group::new();
    let pid = Pid::from_raw(shim_pid(&group));
    for signal in [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGPIPE,
        Signal::SIGUSR1,
    ] {
        kill(pid, signal).unwrap();
    }
    assert_eq!(group.run("echo fine").1, "fine\n");
    group.finish();
}

fn a_dead_shims_journal_tells_what_it_knew_and_nothing_of_it_remains() {
    let group = Group::new();
    group.run("exit 5");
    let stays = shell("stays", "sleep 1000 & sleep 1000");
    let pid = group.start(&stays).pid.unwrap();
    let told = group.table();
    kill(Pid::from_raw(shim_pid(&group)), Signal::SIGKILL).unwrap();
    let found = until("the shim is dead", || {
        match group.runtime.block_on(group.shims.state(&group.id)).unwrap() {
            Found::Dead(table) => Some(table),
            Found::Alive(_) | Found::Absent => None,
        }
    });
    assert_eq!(found, told);
    let exit = found.containers[&name("job")].runs[0].exit.clone().unwrap();
    assert_eq!((exit.code, exit.cause), (5, ExitCause::Exited));
    assert!(!is_gone(pid), "containers survive their shim until they are cleared away");
    assert!(cgroups::pids(&group.layout, &group.id).contains(&pid));
    group.clean();
    until("its processes are gone", || is_gone(pid).then_some(()));
    group.spawn();
    assert!(group.table().containers.is_empty());
    group.finish();
}

fn a_hung_shim_cannot_stall_its_removal() {
    let group = Group::new();
    let pid = group.start(&container("job", &["sleep", "1000"])).pid.unwrap();
    kill(Pid::from_raw(shim_pid(&group)), Signal::SIGSTOP).unwrap();
    group.runtime.block_on(group.shims.state(&group.id)).unwrap_err();
    group.clean();
    until("its processes are gone", || is_gone(pid).then_some(()));
    group.finish();
}

fn a_second_shim_does_not_take_the_place_of_the_first() {
    let group = Group::new();
    let pid = shim_pid(&group);
    let etc = wharf_runtime::shims::EtcFiles { hosts: String::new(), resolv_conf: String::new() };
    let second = group.shims.spawn(&group.id, "other", namespaces_with_loopback(), &etc);
    group.runtime.block_on(second).unwrap_err();
    assert!(!is_gone(u32::try_from(pid).unwrap()));
    assert_eq!(group.run("hostname").1, "testgroup\n");
    assert_eq!(shim_pid(&group), pid);
    group.finish();
}

fn a_shim_whose_directory_is_gone_gives_up_and_leaves_no_trace() {
    let group = Group::without_shim();
    let directory = group.layout.sandbox(&group.id).dir().to_owned();
    fs_err::create_dir_all(&directory).unwrap();
    let program = std::env::current_exe().unwrap();
    // The directory is taken away between being entered and being used.
    let script = "cd \"$1\" && rmdir \"$1\" && mkdir \"$1\" && shift && exec \"$@\"";
    let output = std::process::Command::new("sh")
        .args(["-c", script, "sh", directory.as_str()])
        .arg(program)
        .args(["shim", "--data-dir", group.layout.data_dir.as_str()])
        .args(["--run-dir", group.layout.run_dir.as_str()])
        .args(["--instance", group.layout.instance.as_str()])
        .args(["--group", group.id.as_str(), "--hostname", "x"])
        .stdin(namespaces_with_loopback().network)
        .output()
        .unwrap();
    let word = String::from_utf8(output.stdout).unwrap();
    assert!(word.contains("No such file or directory"), "{word}");
    until("its cgroup is gone", || (!cgroups::exists(&group.layout, &group.id)).then_some(()));
    group.finish();
}

fn a_start_is_ended_by_shutdown() {
    let group = Group::new();
    let request = group.request(&container("job", &["sleep", "1000"]), 1);
    group.runtime.block_on(async {
        let (started, cleaned) = tokio::join!(
            group.shims.start(&group.id, request),
            group.shims.shutdown_and_clean(&group.id),
        );
        drop(started);
        cleaned.unwrap();
    });
    group.finish();
}

fn an_idle_shim_is_small() {
    let group = Group::new();
    group.start(&container("job", &["sleep", "1000"]));
    let rollup =
        fs_err::read_to_string(format!("/proc/{}/smaps_rollup", shim_pid(&group))).unwrap();
    let private: u64 = rollup
        .lines()
        .filter(|line| line.starts_with("Private_"))
        .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .sum();
    println!("private memory of a shim: {private} KiB");
    assert!(private <= 4096, "{private} KiB");
    group.finish();
}

fn the_shims_program_cannot_be_written_through_proc() {
    let group = Group::new();
    let program = format!("/proc/{}/exe", shim_pid(&group));
    let mount = nix::sys::statvfs::statvfs(program.as_str()).unwrap();
    assert!(mount.flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY));
    group.finish();
}

fn groups_are_found_by_looking() {
    let group = Group::new();
    let just_this = std::slice::from_ref(&group.id);
    assert_eq!(group.runtime.block_on(group.shims.scan()).unwrap(), just_this);
    assert_eq!(cgroups::scan(&group.layout), just_this);
    assert!(!cgroups::remove_root(&group.layout).unwrap());
    group.clean();
    assert!(group.runtime.block_on(group.shims.scan()).unwrap().is_empty());
    assert!(cgroups::scan(&group.layout).is_empty());
    group.finish();
}
