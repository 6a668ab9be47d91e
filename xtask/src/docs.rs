//! Documents that stay true: every relative link and every path in back quotes exists.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// Checks all Markdown files of the repository.
pub(crate) fn check() -> Result<()> {
    let mut pages: Vec<PathBuf> = Vec::new();
    for dir in [".", "docs"] {
        let entries = std::fs::read_dir(dir).with_context(|| format!("list {dir}"))?;
        let paths = entries.flatten().map(|entry| entry.path());
        pages.extend(paths.filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    let mut wrong = Vec::new();
    for page in &pages {
        let text = std::fs::read_to_string(page)?;
        let base = page.parent().unwrap_or_else(|| Path::new("."));
        for target in links(&text) {
            if !base.join(&target).exists() {
                wrong.push(format!("{}: link to {target}", page.display()));
            }
        }
        for path in quoted_paths(&text).filter(|path| !Path::new(path).exists()) {
            wrong.push(format!("{}: `{path}`", page.display()));
        }
        if page.ends_with("ARCHITECTURE.md") && text.lines().count() > 400 {
            wrong.push("ARCHITECTURE.md has more than 400 lines".to_owned());
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("documents name what does not exist:\n  {}", wrong.join("\n  "));
}

fn links(text: &str) -> Vec<String> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split('#').next().unwrap_or_default().to_owned())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .collect()
}

/// Paths below the folders of the repository, as prose quotes them.
fn quoted_paths(text: &str) -> impl Iterator<Item = &str> {
    const ROOTS: [&str; 6] = ["crates/", "xtask/", "scripts/", "docs/", "examples/", ".ci/"];
    text.split('`').skip(1).step_by(2).filter(|quoted| {
        ROOTS.iter().any(|root| quoted.starts_with(root)) && !quoted.contains(['<', '*', ' ', '{'])
    })
}
