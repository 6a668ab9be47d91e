//! Splits a command line into words exactly as `az` does (Python's `shlex.split`), so that the same
//! `--command-line` gives the same `command` array, and an exec the same words. Crates of this name follow the shell instead:
//! they know comments and other escapes inside double quotes.

/// The words, or `None` when a quote or an escape is left open.
pub fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\'' => loop {
                let word = word.get_or_insert_default();
                match chars.next()? {
                    '\'' => break,
                    c => word.push(c),
                }
            },
            '"' => double_quoted(&mut chars, word.get_or_insert_default())?,
            '\\' => word.get_or_insert_default().push(chars.next()?),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

/// Inside double quotes a backslash escapes only itself and the quote.
fn double_quoted(chars: &mut std::str::Chars<'_>, word: &mut String) -> Option<()> {
    loop {
        match chars.next()? {
            '"' => return Some(()),
            '\\' => match chars.next()? {
                c @ ('"' | '\\') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values printed by Python's `shlex.split`.
    #[test]
    fn words_are_those_of_python() {
        let table: [(&str, &[&str]); 7] = [
            ("sh -c 'echo hi; exit 3'", &["sh", "-c", "echo hi; exit 3"]),
            (r#"a "b \" \$x \\" c\ d"#, &["a", r#"b " \$x \"#, "c d"]),
            ("echo #not a comment", &["echo", "#not", "a", "comment"]),
            ("''", &[""]),
            ("a''b\"c\"", &["abc"]),
            ("  \t\n", &[]),
            (r"'\n'", &[r"\n"]),
        ];
        for (text, words) in table {
            assert_eq!(split(text).unwrap(), words, "{text}");
        }
        for open in ["'a", "\"a", "a\\", "\"a\\"] {
            assert_eq!(split(open), None, "{open}");
        }
    }
}
