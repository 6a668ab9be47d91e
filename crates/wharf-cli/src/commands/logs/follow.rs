//! Following a log through an API that only knows "the last N lines".
//!
//! Lines are always asked for with their times: with its nanoseconds a line is unlike every other,
//! so the last line printed marks the place where the next answer goes on, whatever was rotated
//! away meanwhile. A mark that is in no answer any more means a new log: the container was
//! restarted.

use super::{Log, LogsArgs};
use crate::{error::CliError, group, output, progress::Pause};

/// Lines asked for at once; when more were written between two looks, all are asked for.
const WINDOW: u32 = 1000;

/// Prints new lines until the container has ended for good.
pub(super) async fn run(log: &Log<'_>, args: &LogsArgs, container: &str) -> Result<(), CliError> {
    let client = log.context.client().await?;
    let mut pause =
        if client.is_local() { Pause::between(200, 500) } else { Pause::between(500, 2000) };
    let mut follower = Follower::new(args.timestamps);
    let mut is_first = true;
    loop {
        // The state first: what is printed after an end is all that there will be.
        let group = match log.context.group(&args.name).await {
            Err(error) if error.is_not_found() && !is_first => return Ok(()),
            other => other?,
        };
        let has_ended = group::has_ended(&group, container);
        let tail = if is_first { args.tail } else { Some(WINDOW) };
        let new = match read(log, &follower, tail).await {
            Ok(content) => follower.advance(&content, has_ended),
            // Not started yet, or the group has gone, which the next look tells.
            Err(error) if error.is_code("ContainerLogNotAvailable") && !has_ended => String::new(),
            Err(error) if error.is_not_found() && !is_first => String::new(),
            Err(error) => return Err(error),
        };
        is_first = false;
        if !new.is_empty() {
            output::text(&new)?;
            pause.reset();
        }
        if has_ended {
            return Ok(());
        }
        pause.next().await;
    }
}

async fn read(log: &Log<'_>, follower: &Follower, tail: Option<u32>) -> Result<String, CliError> {
    let content = log.read(tail, true).await?;
    if tail.is_some() && follower.has_lost(&content) {
        return log.read(None, true).await;
    }
    Ok(content)
}

/// Where printing has come to.
#[derive(Debug)]
struct Follower {
    with_times: bool,
    /// The last whole line printed, with its time.
    mark: Option<String>,
    /// The part of a line that is printed already, with its time.
    begun: Option<String>,
}

impl Follower {
    fn new(with_times: bool) -> Self {
        Self { with_times, mark: None, begun: None }
    }

    /// Whether the place to go on is not in there.
    fn has_lost(&self, content: &str) -> bool {
        self.mark.as_ref().is_some_and(|mark| !content.split_inclusive('\n').any(|l| l == mark))
    }

    /// What to print now. The log of a container without an end of line stays open until it ends.
    fn advance(&mut self, content: &str, has_ended: bool) -> String {
        let lines: Vec<&str> = content.split_inclusive('\n').collect();
        let printed =
            self.mark.as_ref().and_then(|mark| lines.iter().rposition(|line| line == mark));
        let mut text = String::new();
        for line in &lines[printed.map_or(0, |at| at + 1)..] {
            let begun = self.begun.take();
            let rest = begun.as_deref().and_then(|begun| line.strip_prefix(begun));
            if begun.is_some() && rest.is_none() {
                text.push('\n');
            }
            let whole = if self.with_times { line } else { without_time(line) };
            text.push_str(rest.unwrap_or(whole));
            if line.ends_with('\n') {
                self.mark = Some((*line).to_owned());
            } else {
                self.begun = Some((*line).to_owned());
            }
        }
        if has_ended && self.begun.take().is_some() {
            text.push('\n');
        }
        text
    }
}

fn without_time(line: &str) -> &str {
    line.split_once(' ').map_or(line, |(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_new_text_is_printed() {
        let mut follower = Follower::new(false);
        assert_eq!(follower.advance("1 a\n2 a\n", false), "a\na\n");
        assert_eq!(follower.advance("1 a\n2 a\n", false), "");
        assert_eq!(follower.advance("2 a\n3 b\n4 c\n", false), "b\nc\n");
        assert!(!follower.has_lost("4 c\n5 d\n"));
        assert!(follower.has_lost("5 d\n"));
    }

    #[test]
    fn a_restart_begins_a_new_log() {
        let mut follower = Follower::new(true);
        assert_eq!(follower.advance("1 a\n", false), "1 a\n");
        assert_eq!(follower.advance("7 a\n8 b\n", false), "7 a\n8 b\n");
    }

    #[test]
    fn an_open_line_grows_in_place() {
        let mut follower = Follower::new(false);
        assert_eq!(follower.advance("1 a\n2 .", false), "a\n.");
        assert_eq!(follower.advance("1 a\n2 .", false), "");
        assert_eq!(follower.advance("1 a\n2 ...", false), "..");
        assert_eq!(follower.advance("1 a\n2 ... done\n3 b\n", false), " done\nb\n");
        assert_eq!(follower.advance("3 b\n4 end", true), "end\n");
        assert_eq!(follower.advance("3 b\n4 end", true), "end\n", "asked only once in truth");
    }
}
