//! `aci-wordcount`: counts the words of a text and prints the most frequent ones, then ends.
//!
//! `NumWords` says how many (default 10), `MinLength` how long they must be at least (default 0).

use std::{cmp::Reverse, collections::HashMap, process::ExitCode};

/// Act III, scene I of William Shakespeare's Hamlet (1603): public domain.
const TEXT: &str = include_str!("hamlet.txt");

fn main() -> ExitCode {
    let (Some(number), Some(length)) = (setting("NumWords", 10), setting("MinLength", 0)) else {
        return ExitCode::FAILURE;
    };
    let mut counts: HashMap<String, usize> = HashMap::new();
    for word in TEXT.split(|c: char| !c.is_alphabetic() && c != '\'') {
        let word = word.trim_matches('\'').to_lowercase();
        if !word.is_empty() && word.len() >= length {
            *counts.entry(word).or_default() += 1;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
    let shown: Vec<String> =
        counts.iter().take(number).map(|(word, count)| format!("('{word}', {count})")).collect();
    println!("[{}]", shown.join(",\n "));
    ExitCode::SUCCESS
}

fn setting(name: &str, default: usize) -> Option<usize> {
    let Ok(text) = std::env::var(name) else { return Some(default) };
    let number = text.trim().parse().ok();
    if number.is_none() {
        eprintln!("{name} is \"{text}\", which is not a number");
    }
    number
}
