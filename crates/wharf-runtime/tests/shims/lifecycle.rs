//! Starts, ends, signals, and what is told about them.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use wharf_model::{plan::EndSignal, status::ExitCause};
use wharf_runtime::shims::{ShimError, ignores_term};

use crate::fixture::{Group, container, last_run, name, shell, until, variable};

crate::tests![
    exit_code_and_log_are_what_the_program_made_them,
    what_the_image_and_the_specification_say_is_what_the_program_gets,
    a_user_of_the_image_is_looked_up,
    a_missing_working_directory_is_made,
    a_missing_program_is_a_run_that_failed_with_127,
    a_file_that_is_no_program_is_a_run_that_failed_with_126,
    an_impossible_start_is_a_run_that_failed,
    sigterm_reaches_a_program_that_handles_it,
    sigterm_is_known_to_be_ignored_by_a_program_that_does_not,
    sigkill_takes_all_processes_of_the_container,
    the_same_start_is_never_done_twice,
    a_second_start_of_a_running_container_is_refused,
    a_container_can_be_started_again_with_an_empty_writable_layer,
    a_removed_container_is_forgotten,
    subscribers_are_told_of_starts_and_exits_and_of_the_end,
];

fn exit_code_and_log_are_what_the_program_made_them() {
    let group = Group::new();
    let (exit, log) = group.run("echo hi; exit 3");
    assert_eq!((exit.code, exit.cause, exit.message), (3, ExitCause::Exited, None));
    assert_eq!(log, "hi\n");
    let run = last_run(&group.table().containers[&name("job")]).clone();
    assert!(run.started_at <= exit.at, "{run:?}");
    group.finish();
}

fn what_the_image_and_the_specification_say_is_what_the_program_gets() {
    let group = Group::new();
    let mut job = shell(
        "job",
        "echo $FROM_IMAGE $BOTH $OWN $HOME $HOSTNAME $(hostname) $PATH; id -u; pwd; cat /etc/layer; \
         cat /etc/hosts /etc/hostname /etc/resolv.conf; echo $$",
    );
    job.environment = vec![variable("BOTH", "spec"), variable("OWN", "a b")];
    group.start(&job);
    assert_eq!(group.exit(&job.name).code, 0);
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let expected = format!(
        "1 spec a b /root testgroup testgroup {path}\n0\n/\ntop\n\
         127.0.0.1 localhost\ntestgroup\nnameserver 127.0.0.1\n1\n"
    );
    assert_eq!(group.log(&job.name), expected);
    group.finish();
}

fn a_user_of_the_image_is_looked_up() {
    let mut group = Group::new();
    let config = group.image.config().clone().unwrap();
    let mut config = config;
    config.set_user(Some("web".to_owned()));
    group.image.set_config(Some(config));
    let (exit, log) = group.run("id -u; id -g; id -G; echo $HOME; grep CapEff /proc/self/status");
    assert_eq!(exit.code, 0);
    assert_eq!(log, "33\n44\n44 50\n/srv\nCapEff:\t0000000000000000\n");
    group.finish();
}

fn a_missing_working_directory_is_made() {
    let mut group = Group::new();
    let mut config = group.image.config().clone().unwrap();
    config.set_working_dir(Some("/srv/app/deep".to_owned()));
    group.image.set_config(Some(config));
    assert_eq!(group.run("pwd").1, "/srv/app/deep\n");
    group.finish();
}

fn a_missing_program_is_a_run_that_failed_with_127() {
    let group = Group::new();
    let known = group.start(&container("job", &["no-such-program", "x"]));
    let exit = last_run(&known).exit.clone().unwrap();
    assert_eq!((exit.code, exit.cause), (127, ExitCause::StartFailed));
    let message = exit.message.unwrap();
    assert!(message.contains("no-such-program") && message.contains("No such file"), "{message}");
    assert_eq!(group.table().containers[&name("job")], known);
    group.finish();
}

fn a_file_that_is_no_program_is_a_run_that_failed_with_126() {
    let group = Group::new();
    let known = group.start(&container("job", &["/bin/not-executable"]));
    let exit = last_run(&known).exit.clone().unwrap();
    assert_eq!((exit.code, exit.cause), (126, ExitCause::StartFailed));
    group.finish();
}

fn an_impossible_start_is_a_run_that_failed() {
    let mut group = Group::new();
    let mut config = group.image.config().clone().unwrap();
    config.set_user(Some("nobody-knows".to_owned()));
    group.image.set_config(Some(config));
    let known = group.start(&shell("job", "true"));
    let exit = last_run(&known).exit.clone().unwrap();
    assert_eq!((exit.code, exit.cause), (128, ExitCause::StartFailed));
    assert!(exit.message.unwrap().contains("unable to find user nobody-knows"));
    group.finish();
}

fn sigterm_reaches_a_program_that_handles_it() {
    let group = Group::new();
    let job = shell("job", "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 1; done");
    let pid = group.start(&job).pid.unwrap();
    group.log_has(&job.name, "up");
    assert!(!ignores_term(pid));
    group.signal(&job.name, EndSignal::Term);
    let known = group.table().containers[&job.name].clone();
    assert!(known.term_sent_at.is_some() && !known.is_killed);
    assert_eq!(group.exit(&job.name).code, 7);
    assert!(group.log(&job.name).ends_with("bye\n"));
    group.finish();
}

fn sigterm_is_known_to_be_ignored_by_a_program_that_does_not() {
    let group = Group::new();
    let job = container("job", &["sleep", "1000"]);
    let pid = group.start(&job).pid.unwrap();
    assert!(ignores_term(pid));
    group.finish();
}

fn sigkill_takes_all_processes_of_the_container() {
    let group = Group::new();
    let job = shell("job", "sleep 1000 & (setsid sleep 1001 &) ; echo up; wait");
    group.start(&job);
    group.log_has(&job.name, "up");
    group.signal(&job.name, EndSignal::Kill);
    let exit = group.exit(&job.name);
    assert_eq!((exit.code, exit.cause), (137, ExitCause::Exited));
    assert!(group.table().containers[&job.name].is_killed);
    let left = wharf_shim::cgroup::pids(&group.layout.container_cgroup(&group.id, &job.name));
    assert_eq!(left, [0_u32; 0]);
    group.finish();
}

fn the_same_start_is_never_done_twice() {
    let group = Group::new();
    let job = shell("job", "echo once; sleep 1000");
    let request = group.request(&job, 1);
    let both = group.runtime.block_on(async {
        tokio::join!(
            group.shims.start(&group.id, request.clone()),
            group.shims.start(&group.id, request.clone()),
        )
    });
    let (first, second) = (both.0.unwrap(), both.1.unwrap());
    assert_eq!(first, second);
    let third = group.runtime.block_on(group.shims.start(&group.id, request)).unwrap();
    assert_eq!(first, third);
    group.log_has(&job.name, "once");
    assert_eq!(group.log(&job.name), "once\n");
    group.finish();
}

fn a_second_start_of_a_running_container_is_refused() {
    let group = Group::new();
    let job = container("job", &["sleep", "1000"]);
    group.start(&job);
    let mut request = group.request(&job, 1);
    request.key.start = 2;
    let refusal = group.runtime.block_on(group.shims.start(&group.id, request)).unwrap_err();
    assert!(matches!(refusal, ShimError::Refused { .. }), "{refusal:?}");
    let refusal = group.runtime.block_on(group.shims.remove(&group.id, &job.name)).unwrap_err();
    assert!(matches!(refusal, ShimError::Refused { .. }), "{refusal:?}");
    group.finish();
}

fn a_container_can_be_started_again_with_an_empty_writable_layer() {
    let group = Group::new();
    let job = shell("job", "cat /mark; echo x > /mark; exit 1");
    for start in 1..=3 {
        let request = group.request(&job, start);
        group.runtime.block_on(group.shims.start(&group.id, request)).unwrap();
        assert_eq!(group.exit(&job.name).code, 1);
        assert!(group.log(&job.name).contains("can't open '/mark'"), "start {start}");
    }
    let starts: Vec<u32> =
        group.table().containers[&job.name].runs.iter().map(|run| run.start).collect();
    assert_eq!(starts, [1, 2, 3]);
    group.finish();
}

fn a_removed_container_is_forgotten() {
    let group = Group::new();
    group.run("true");
    for _ in 0..2 {
        group.runtime.block_on(group.shims.remove(&group.id, &name("job"))).unwrap();
    }
    assert!(group.table().containers.is_empty());
    assert!(!group.layout.sandbox(&group.id).bundle(&name("job")).exists());
    assert!(!group.layout.storage(&group.id).writable_layer(&name("job")).exists());
    group.finish();
}

fn subscribers_are_told_of_starts_and_exits_and_of_the_end() {
    let group = Group::new();
    let hints = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&hints);
    let task = {
        let _context = group.runtime.enter();
        group.shims.subscribe(group.id.clone(), move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
        })
    };
    let job = container("job", &["sleep", "1000"]);
    let seen = |least: u32| {
        until("a hint", || {
            group.runtime.block_on(tokio::task::yield_now());
            group
                .runtime
                .block_on(async { tokio::time::sleep(std::time::Duration::from_millis(1)).await });
            (hints.load(Ordering::SeqCst) >= least).then_some(())
        });
    };
    group.runtime.block_on(group.shims.state(&group.id)).unwrap();
    group.start(&job);
    seen(1);
    group.signal(&job.name, EndSignal::Kill);
    seen(2);
    group.clean();
    group.runtime.block_on(task).unwrap();
    assert!(hints.load(Ordering::SeqCst) >= 3);
    group.finish();
}
