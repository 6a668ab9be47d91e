//! Regions: `West US` and `westus` are one.

/// The short lower-case form.
pub fn normalise(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}
