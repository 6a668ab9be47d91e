//! The order in which some clients sort headers: as a dictionary does, where hyphens and apostrophes
//! count only between words that are otherwise the same.

use std::cmp::Ordering;

/// Compares two names of headers.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let letters =
        |name: &str| name.bytes().filter(|byte| !ignored(*byte)).map(weight).collect::<Vec<_>>();
    letters(one).cmp(&letters(other)).then_with(|| hyphens(one, other))
}

fn ignored(byte: u8) -> bool {
    matches!(byte, b'-' | b'\'')
}

/// Marks come before digits, and these before letters.
fn weight(byte: u8) -> (u8, u8) {
    const MARKS: &[u8] = b"_ !\"#$%&()*+,./:;<=>?@[\\]^`{|}~";
    let mark = MARKS.iter().position(|mark| *mark == byte);
    match mark.and_then(|place| u8::try_from(place).ok()) {
        Some(place) => (0, place),
        None if byte.is_ascii_digit() => (1, byte),
        None => (2, byte.to_ascii_lowercase()),
    }
}

/// The first hyphen that only one has decides: the later it comes, the earlier the name.
fn hyphens(one: &str, other: &str) -> Ordering {
    let places = |name: &str| {
        name.bytes()
            .enumerate()
            .filter(|(_, byte)| ignored(*byte))
            .map(|(at, _)| at)
            .collect::<Vec<_>>()
    };
    let (mine, theirs) = (places(one), places(other));
    match mine.iter().zip(&theirs).find(|(mine, theirs)| mine != theirs) {
        Some((mine, theirs)) => theirs.cmp(mine),
        None => mine.len().cmp(&theirs.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn hyphens_count_last() {
        let mut names =
            ["x-ms-meta-a-c", "x-ms-meta-ab", "x-ms-meta-a1", "x-ms-meta-a_", "x-ms-date"];
        names.sort_by(|one, other| compare(one, other));
        let sorted = ["x-ms-date", "x-ms-meta-a_", "x-ms-meta-a1", "x-ms-meta-ab", "x-ms-meta-a-c"];
        assert_eq!(names, sorted);
    }
}
