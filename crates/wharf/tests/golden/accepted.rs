//! The differences that are accepted.

/// A difference and where it was seen: `#25` for a recorded exchange, or the name of an example.
pub(crate) struct Found {
    pub(crate) place: String,
    pub(crate) what: String,
}

/// One line: `PLACES | WHAT | REASON`, places separated by blanks; `*` at an end stands for any.
struct Line {
    text: &'static str,
    places: Vec<&'static str>,
    what: &'static str,
}

pub(crate) struct Accepted(Vec<Line>);

impl Accepted {
    pub(crate) fn load() -> Self {
        let lines = include_str!("accepted.txt").lines();
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
        Self(lines.map(Line::parse).collect())
    }

    /// What was found and is not listed, and what is listed and was not found.
    pub(crate) fn judge(&self, found: &[Found]) -> (Vec<String>, Vec<&'static str>) {
        let unlisted = found.iter().filter(|found| !self.0.iter().any(|line| line.fits(found)));
        let gone = self.0.iter().filter(|line| !found.iter().any(|found| line.fits(found)));
        (
            unlisted.map(|found| format!("{} | {}", found.place, found.what)).collect(),
            gone.map(|line| line.text).collect(),
        )
    }
}

impl Line {
    fn parse(text: &'static str) -> Self {
        let parts: Vec<&str> = text.split('|').map(str::trim).collect();
        let [places, what, reason] = parts[..] else {
            panic!("not PLACES | WHAT | REASON: {text}")
        };
        assert!(!reason.is_empty(), "a difference needs a reason: {text}");
        Self { text, places: places.split(' ').collect(), what }
    }

    fn fits(&self, found: &Found) -> bool {
        self.places.iter().any(|place| fits(place, &found.place)) && fits(self.what, &found.what)
    }
}

fn fits(pattern: &str, text: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(""), _) => true,
        (Some(end), None) => text.ends_with(end),
        (None, Some(start)) => text.starts_with(start),
        _ => pattern == text,
    }
}
