//! Commands in running containers.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wharf_model::{plan::EndSignal, spec::ContainerSpec};
use wharf_runtime::exec::{Command, End, ExecError, Session, Streams, TerminalSize};

use crate::fixture::{Group, is_gone, name, shell, until, variable};

crate::tests![
    a_command_has_what_the_container_has,
    a_command_without_a_program_ends_with_127,
    streams_are_apart_and_input_has_an_end,
    a_terminal_has_a_size_and_signals,
    bytes_survive_in_both_directions,
    whoever_lets_go_of_a_command_kills_all_it_has_started,
    a_command_that_takes_too_long_is_killed,
    what_a_command_leaves_running_ends_with_the_container,
    a_container_takes_its_commands_along,
    only_a_running_container_has_commands,
    many_commands_at_once_leave_nothing,
];

fn sleeper() -> ContainerSpec {
    shell("web", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
}

fn running() -> (Group, ContainerSpec) {
    let (group, web) = (Group::new(), sleeper());
    group.start(&web);
    (group, web)
}

fn words(command: &[&str]) -> Vec<String> {
    command.iter().map(|&word| word.to_owned()).collect()
}

fn begin(group: &Group, streams: Streams, script: &str) -> Session {
    let command = Command { args: words(&["sh", "-c", script]), env: Vec::new(), streams };
    group.runtime.block_on(group.shims.exec(&group.id, &name("web"), command)).unwrap()
}

const PIPES: Streams = Streams::Pipes { has_input: true };
const TERMINAL: Streams = Streams::Terminal(TerminalSize { rows: 33, cols: 77 });

fn captured(group: &Group, script: &str) -> (i32, String) {
    let limits = (1 << 20, Duration::from_secs(20));
    let args = words(&["sh", "-c", script]);
    let web = name("web");
    let running = group.shims.exec_captured(&group.id, &web, args, limits);
    let captured = group.runtime.block_on(running).unwrap();
    (captured.end.code, String::from_utf8(captured.output).unwrap())
}

fn end(group: &Group, session: &mut Session) -> End {
    group.runtime.block_on(session.process.wait()).unwrap()
}

/// Reads until the text has come.
fn expect(group: &Group, session: &mut Session, text: &str) -> String {
    let mut seen = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&seen).contains(text) {
            let mut buffer = [0; 4096];
            let count = session.output.read(&mut buffer).await.unwrap();
            assert!(count > 0, "ended after {:?}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&buffer[..count]);
        }
    };
    let limit = Duration::from_secs(20);
    group.runtime.block_on(async { tokio::time::timeout(limit, reading).await }).unwrap();
    String::from_utf8(seen).unwrap()
}

/// The processes with a mark in their command lines, as the host sees them.
fn marked(mark: &str) -> Vec<u32> {
    let is_marked = |pid: &u32| {
        let line = fs_err::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(mark)
    };
    let entries = fs_err::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(is_marked).filter(|pid| *pid != std::process::id() && !is_gone(*pid)).collect()
}

fn a_command_has_what_the_container_has() {
    let group = Group::new();
    let look = "id -u; id -g; pwd; echo $OWN $FROM_IMAGE; hostname; for n in mnt cgroup pid net user; do \
                readlink /proc/self/ns/$n; done; \
                grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status; ls /; ls /proc/self/fd | wc -l; \
                cat /proc/self/cgroup | grep -v ^0: ; ulimit -n";
    let mut web = shell("web", &format!("{look}; echo done; sleep 1000"));
    web.environment = vec![variable("OWN", "a b")];
    group.start(&web);
    group.log_has(&web.name, "done\n");
    let (code, output) = captured(&group, look);
    assert_eq!(format!("{output}done\n"), group.log(&web.name));
    assert_eq!(code, 0);
    let init = group.table().containers[&web.name].pid.unwrap();
    let session = begin(&group, PIPES, "exec sleep 777.5");
    until("it is in the container's cgroups", || {
        let found = wharf_runtime::cgroups::pids(&group.layout, &group.id);
        (found.contains(&init) && marked("777.5").iter().all(|pid| found.contains(pid)))
            .then_some(())
    });
    drop(session);
    group.finish();
}

fn a_command_without_a_program_ends_with_127() {
    let (group, web) = running();
    for (program, code) in [("/no/such", 127), ("/bin/not-executable", 126), ("none", 127)] {
        for streams in [PIPES, TERMINAL] {
            let command = Command { args: words(&[program]), env: Vec::new(), streams };
            let exec = group.shims.exec(&group.id, &web.name, command);
            let mut session = group.runtime.block_on(exec).unwrap();
            let end = end(&group, &mut session);
            assert_eq!(end.code, code, "{end:?}");
            assert!(end.message.unwrap().contains(&format!("\"{program}\"")));
        }
    }
    group.finish();
}

fn streams_are_apart_and_input_has_an_end() {
    let (group, _) = running();
    let mut session = begin(&group, PIPES, "cat; echo bad >&2; exit 5");
    let (output, errors) = group.runtime.block_on(async {
        let mut input = session.input.take().unwrap();
        input.write_all(b"given\n").await.unwrap();
        drop(input);
        let (mut output, mut errors) = (String::new(), String::new());
        session.output.read_to_string(&mut output).await.unwrap();
        session.errors.as_mut().unwrap().read_to_string(&mut errors).await.unwrap();
        (output, errors)
    });
    assert_eq!((output.as_str(), errors.as_str()), ("given\n", "bad\n"));
    assert_eq!(end(&group, &mut session), End { code: 5, message: None });
    assert_eq!(captured(&group, "cat"), (0, String::new()));
    group.finish();
}

fn a_terminal_has_a_size_and_signals() {
    let (group, _) = running();
    let script = "stty size; tty; trap 'echo got' INT; trap 'stty size' WINCH; echo ready; \
                  until read -t 1 x; do :; done; echo \"line $x\"; exit 9";
    let mut session = begin(&group, TERMINAL, script);
    let seen = expect(&group, &mut session, "ready");
    assert!(seen.contains("33 77") && seen.contains("/dev/pts/0"), "{seen}");
    let terminal = session.terminal.as_ref().unwrap();
    terminal.resize(TerminalSize { rows: 12, cols: 34 }).unwrap();
    expect(&group, &mut session, "12 34");
    let input = session.input.as_mut().unwrap();
    group.runtime.block_on(input.write_all(b"\x03")).unwrap();
    expect(&group, &mut session, "got");
    let input = session.input.as_mut().unwrap();
    group.runtime.block_on(input.write_all(b"hello\r")).unwrap();
    let mut rest = String::new();
    group.runtime.block_on(session.output.read_to_string(&mut rest)).unwrap();
    assert!(rest.contains("line hello"), "{rest}");
    assert_eq!(end(&group, &mut session).code, 9);
    group.finish();
}

fn bytes_survive_in_both_directions() {
    let (group, _) = running();
    let session = begin(&group, PIPES, "cat");
    let Session { input, mut output, errors: _errors, process, .. } = session;
    let sent: Vec<u8> = (0..=255_u8).cycle().take(8 << 20).collect();
    let received = group.runtime.block_on(async {
        let mut input = input.unwrap();
        let mut received = Vec::new();
        let writing = async {
            input.write_all(&sent).await.unwrap();
            drop(input);
        };
        tokio::join!(writing, async { output.read_to_end(&mut received).await.unwrap() });
        received
    });
    assert!(received == sent, "{} bytes", received.len());
    drop(process);
    group.finish();
}

fn whoever_lets_go_of_a_command_kills_all_it_has_started() {
    let (group, web) = running();
    for (streams, mark) in [(PIPES, "4001.5"), (TERMINAL, "4002.5")] {
        let script = format!(
            "trap '' HUP TERM; (setsid sleep {mark} &); sh -c 'sleep {mark}' & echo ready; \
             sleep {mark}"
        );
        let mut session = begin(&group, streams, &script);
        expect(&group, &mut session, "ready");
        until("all have begun", || (marked(mark).len() >= 3).then_some(()));
        drop(session);
        until("all have ended", || marked(mark).is_empty().then_some(()));
    }
    assert!(group.table().containers[&web.name].pid.is_some());
    group.finish();
}

fn a_command_that_takes_too_long_is_killed() {
    let (group, web) = running();
    let args = words(&["sh", "-c", "sleep 4003.5 & sleep 4003.5"]);
    let limits = (1 << 10, Duration::from_millis(200));
    let running = group.shims.exec_captured(&group.id, &web.name, args, limits);
    let error = group.runtime.block_on(running).unwrap_err();
    assert!(matches!(error, ExecError::TimedOut { .. }), "{error}");
    until("all have ended", || marked("4003.5").is_empty().then_some(()));
    group.finish();
}

fn what_a_command_leaves_running_ends_with_the_container() {
    let (group, web) = running();
    let (code, output) = captured(&group, "sleep 4004.5 & echo left");
    assert_eq!((code, output.as_str()), (0, "left\n"));
    assert_eq!(marked("4004.5").len(), 1);
    group.signal(&web.name, EndSignal::Kill);
    assert_eq!(group.exit(&web.name).code, 137);
    until("all have ended", || marked("4004.5").is_empty().then_some(()));
    group.finish();
}

fn a_container_takes_its_commands_along() {
    let (group, web) = running();
    let mut session = begin(&group, TERMINAL, "echo ready; trap '' HUP; sleep 4005.5");
    expect(&group, &mut session, "ready");
    group.signal(&web.name, EndSignal::Term);
    assert_eq!(group.exit(&web.name).code, 0);
    assert_eq!(end(&group, &mut session).code, 137);
    until("all have ended", || marked("4005.5").is_empty().then_some(()));
    group.finish();
}

fn only_a_running_container_has_commands() {
    let group = Group::new();
    let web = shell("web", "exit 0");
    let attempt = |who: &str| {
        let command = Command { args: words(&["true"]), env: Vec::new(), streams: PIPES };
        group.runtime.block_on(group.shims.exec(&group.id, &name(who), command)).unwrap_err()
    };
    assert!(matches!(attempt("web"), ExecError::NotRunning { .. }));
    group.start(&web);
    group.exit(&web.name);
    assert!(matches!(attempt("web"), ExecError::NotRunning { .. }));
    group.clean();
    assert!(matches!(attempt("web"), ExecError::NotRunning { .. }));
    group.finish();
}

fn many_commands_at_once_leave_nothing() {
    let (group, web) = running();
    let shim = fs_err::read_to_string(group.layout.sandbox(&group.id).pid_file()).unwrap();
    let open_files = || fs_err::read_dir(format!("/proc/{}/fd", shim.trim())).unwrap().count();
    captured(&group, "true");
    let before = until("the shim has closed all", || Some(open_files()));
    let all = group.runtime.block_on(async {
        let run = |number: usize| {
            let args = words(&["sh", "-c", &format!("echo {number}; exit {}", number % 200)]);
            let limits = (100, Duration::from_secs(30));
            let (shims, id, name) = (group.shims.clone(), group.id.clone(), web.name.clone());
            async move { shims.exec_captured(&id, &name, args, limits).await.unwrap() }
        };
        futures::future::join_all((0..60).map(run)).await
    });
    for (number, captured) in all.into_iter().enumerate() {
        assert_eq!(captured.end.code, i32::try_from(number).unwrap());
        assert_eq!(captured.output, format!("{number}\n").into_bytes());
    }
    until("the shim has closed all", || (open_files() <= before).then_some(()));
    let unified =
        format!("/sys/fs/cgroup/unified/{}", group.layout.container_cgroup(&group.id, &web.name));
    if let Ok(entries) = fs_err::read_dir(unified) {
        let left: Vec<_> = entries.flatten().filter(|e| e.path().is_dir()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
    group.finish();
}
