//! What containers write.

use wharf_model::{backend::LogQuery, status::ExitCause};
use wharf_runtime::logs;

use crate::fixture::{Group, container, shell};

crate::tests![
    both_streams_are_kept_in_order,
    a_line_of_100_kilobytes_survives,
    a_flood_is_rotated_and_its_end_is_there,
    a_closed_pipe_does_not_disturb,
    a_line_without_an_end_is_kept,
    a_line_without_an_end_can_be_read_while_the_container_waits,
    a_fast_writer_is_slowed_down_and_its_end_is_whole,
];

fn both_streams_are_kept_in_order() {
    let group = Group::new();
    let job = shell("job", "echo one; usleep 50000; echo two >&2; usleep 50000; echo three");
    group.start(&job);
    group.exit(&job.name);
    assert_eq!(group.log(&job.name), "one\ntwo\nthree\n");
    let storage = group.layout.storage(&group.id);
    let query = LogQuery { tail: Some(2), timestamps: true, ..LogQuery::default() };
    let text = logs::read_latest(&storage, &job.name, query).unwrap().unwrap();
    let times: Vec<&str> = text.lines().map(|line| line.split_once(' ').unwrap().0).collect();
    assert_eq!(times.len(), 2);
    assert!(
        times[0] < times[1] && times.iter().all(|t| t.len() == 30 && t.ends_with('Z')),
        "{times:?}"
    );
    let raw = fs_err::read_to_string(storage.log(&job.name, 1, 1)).unwrap();
    assert!(raw.lines().nth(1).unwrap().contains(" stderr F two"), "{raw}");
    group.finish();
}

fn a_line_of_100_kilobytes_survives() {
    let group = Group::new();
    let (_, log) = group.run("head -c 100000 /dev/zero | tr '\\0' x; echo; echo end");
    assert_eq!(log, format!("{}\nend\n", "x".repeat(100_000)));
    group.finish();
}

fn a_flood_is_rotated_and_its_end_is_there() {
    let group = Group::new();
    let (exit, log) = group.run("yes 0123456789 | head -n 500000; echo end");
    assert_eq!(exit.cause, ExitCause::Exited);
    assert!(log.ends_with("0123456789\nend\n"));
    assert!(log.len() > 500_000, "{}", log.len());
    let job = &container("job", &[]).name;
    let path = group.layout.storage(&group.id).log(job, 1, 1);
    let size = fs_err::metadata(&path).unwrap().len();
    let older = fs_err::metadata(format!("{path}.1")).unwrap().len();
    assert!(size + older >= 4 << 20 && size.max(older) < (4 << 20) + (64 << 10), "{size} {older}");
    group.finish();
}

fn a_closed_pipe_does_not_disturb() {
    let group = Group::new();
    let job = shell("job", "exec >&- 2>&-; sleep 0.2; exit 4");
    group.start(&job);
    assert_eq!(group.exit(&job.name).code, 4);
    group.finish();
}

fn a_line_without_an_end_is_kept() {
    let group = Group::new();
    assert_eq!(group.run("printf 'a\\nb'").1, "a\nb");
    group.finish();
}

fn a_line_without_an_end_can_be_read_while_the_container_waits() {
    let group = Group::new();
    let job = shell("job", "printf 'a\\nname? '; sleep 1000");
    group.start(&job);
    group.log_has(&job.name, "a\nname? ");
    group.finish();
}

/// 64 MB as fast as it goes: what is kept is the end of it without a gap, and the shim answers
/// all the while.
fn a_fast_writer_is_slowed_down_and_its_end_is_whole() {
    let group = Group::new();
    let job = shell(
        "job",
        "awk 'BEGIN { for (i = 1; i <= 1000000; i++) \
        printf \"%08d %055d\\n\", i, 0 }'",
    );
    group.start(&job);
    let mut looks = 0;
    let mut slowest = std::time::Duration::ZERO;
    loop {
        let begin = std::time::Instant::now();
        let table = group.table();
        slowest = slowest.max(begin.elapsed());
        looks += 1;
        if table.containers[&job.name].runs.last().unwrap().exit.is_some() {
            break;
        }
    }
    let log = group.log(&job.name);
    let numbers: Vec<u32> = log.lines().map(|line| line[..8].parse().unwrap()).collect();
    assert_eq!(numbers.last(), Some(&1_000_000));
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "a line is missing");
    assert!(numbers.len() > 30_000, "{}", numbers.len());
    println!("while 64 MB were written: {looks} answers, the slowest in {slowest:?}");
    group.finish();
}
