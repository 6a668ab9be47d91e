//! The expressions of the template language: `[concat('a', parameters('b').c[0])]`.

use std::borrow::Cow;

use serde_json::{Value, json};

/// How deep expressions may nest.
const DEPTH_MAX: usize = 64;

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    /// A text or a number.
    Literal(Value),
    /// A function, by name in lower case, with its namespace if it has one.
    Call(String, Vec<Expr>),
    /// A member or an item; a safe one is null when it is not there.
    Member { of: Box<Expr>, key: Box<Expr>, is_safe: bool },
}

/// What a text in a template is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Text<'a> {
    /// Just that.
    Plain(Cow<'a, str>),
    /// An expression, without its brackets.
    Expression(&'a str),
}

/// A text in brackets is an expression; one that begins with two is a text that begins with one.
pub(super) fn classify(text: &str) -> Text<'_> {
    if let Some(escaped) = text.strip_prefix("[[") {
        return Text::Plain(Cow::Owned(format!("[{escaped}")));
    }
    match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => Text::Expression(inside),
        None => Text::Plain(Cow::Borrowed(text)),
    }
}

/// Parses what is between the brackets.
pub(super) fn parse(text: &str) -> Result<Expr, String> {
    let mut parser = Parser { text, at: 0 };
    let parsed = parser.expression(0)?;
    parser.blanks();
    match parser.peek() {
        None => Ok(parsed),
        Some(_) => Err(parser.error("the end")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Takes a sign if it is next.
    fn take(&mut self, sign: &str) -> bool {
        self.blanks();
        let is_next = self.rest().starts_with(sign);
        if is_next {
            self.at += sign.len();
        }
        is_next
    }

    fn error(&self, expected: &str) -> String {
        format!(
            "The language expression '{}' is not valid: expected {expected} at position '{}'.",
            self.text, self.at
        )
    }

    fn expression(&mut self, depth: usize) -> Result<Expr, String> {
        if depth > DEPTH_MAX {
            return Err(format!("Expressions can nest {DEPTH_MAX} levels deep at most."));
        }
        self.blanks();
        let mut parsed = match self.peek() {
            Some('\'') => Expr::Literal(Value::String(self.quoted()?)),
            Some(c) if c.is_ascii_digit() || c == '-' || c == '+' => Expr::Literal(self.number()?),
            Some(c) if c.is_alphabetic() || c == '_' => self.call(depth)?,
            _ => return Err(self.error("a function, a text or a number")),
        };
        loop {
            let (key, is_safe) = if self.take(".?") {
                (self.name()?, true)
            } else if self.take(".") {
                (self.name()?, false)
            } else if self.take("[?") {
                (self.index(depth)?, true)
            } else if self.take("[") {
                (self.index(depth)?, false)
            } else {
                return Ok(parsed);
            };
            parsed = Expr::Member { of: Box::new(parsed), key: Box::new(key), is_safe };
        }
    }

    fn name(&mut self) -> Result<Expr, String> {
        self.word().map(|word| Expr::Literal(json!(word)))
    }

    fn index(&mut self, depth: usize) -> Result<Expr, String> {
        let index = self.expression(depth + 1)?;
        if self.take("]") { Ok(index) } else { Err(self.error("']'")) }
    }

    fn word(&mut self) -> Result<&'a str, String> {
        self.blanks();
        let rest = self.rest();
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || c == '-';
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.error("a name"));
        }
        self.at += end;
        Ok(&rest[..end])
    }

    fn call(&mut self, depth: usize) -> Result<Expr, String> {
        let mut name = self.word()?.to_ascii_lowercase();
        if self.take(".") {
            name = format!("{name}.{}", self.word()?.to_ascii_lowercase());
        }
        if !self.take("(") {
            return Err(self.error("'('"));
        }
        let mut args = Vec::new();
        if self.take(")") {
            return Ok(Expr::Call(name, args));
        }
        loop {
            args.push(self.expression(depth + 1)?);
            if self.take(")") {
                return Ok(Expr::Call(name, args));
            }
            if !self.take(",") {
                return Err(self.error("',' or ')'"));
            }
        }
    }

    /// A text in single quotes; a doubled one stands for itself.
    fn quoted(&mut self) -> Result<String, String> {
        let mut text = String::new();
        let mut letters = self.rest().char_indices().skip(1).peekable();
        while let Some((at, letter)) = letters.next() {
            if letter != '\'' {
                text.push(letter);
            } else if letters.next_if(|(_, next)| *next == '\'').is_some() {
                text.push('\'');
            } else {
                self.at += at + 1;
                return Ok(text);
            }
        }
        Err(self.error("a closing quote"))
    }

    fn number(&mut self) -> Result<Value, String> {
        let rest = self.rest();
        let is_part = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let text = rest[..end].trim_start_matches('+');
        let number = match text.parse::<i64>() {
            Ok(number) => json!(number),
            Err(_) => text.parse::<f64>().map(|n| json!(n)).map_err(|_| self.error("a number"))?,
        };
        self.at += end;
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn call(name: &str, args: Vec<Expr>) -> Expr {
        Expr::Call(name.to_owned(), args)
    }

    #[test]
    fn calls_members_and_items_nest() {
        let inner = call("parameters", vec![Expr::Literal(json!("it's"))]);
        let member = |of, key, is_safe| Expr::Member {
            of: Box::new(of),
            key: Box::new(Expr::Literal(key)),
            is_safe,
        };
        let expected = call(
            "concat",
            vec![
                member(member(inner, json!("a"), false), json!(-1), true),
                Expr::Literal(json!("b")),
            ],
        );
        assert_eq!(parse(" Concat( parameters('it''s').a[?-1] ,'b') ").unwrap(), expected);
        assert_eq!(parse("ns.fn()").unwrap(), call("ns.fn", vec![]));
    }

    #[test]
    fn brackets_make_expressions_and_double_ones_do_not() {
        assert_eq!(classify("[a()]"), Text::Expression("a()"));
        assert_eq!(classify("[[a()]"), Text::Plain("[a()]".into()));
        assert_eq!(classify("[a] b"), Text::Plain("[a] b".into()));
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for bad in ["", "a", "a(", "a(1", "a(1 2)", "'a", "a()b", "a().", "a()[1", "-"] {
            assert!(parse(bad).unwrap_err().contains("position"), "{bad}");
        }
        let deep = format!("{}1{}", "a(".repeat(1000), ")".repeat(1000));
        assert!(parse(&deep).unwrap_err().contains("nest"));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[a('.,)\\[\\]?1é -]{0,40}") {
            drop(parse(&text));
        }

        #[test]
        fn any_text_survives_quoting(text in "\\PC{0,20}") {
            let quoted = format!("'{}'", text.replace('\'', "''"));
            prop_assert_eq!(parse(&quoted).unwrap(), Expr::Literal(json!(text)));
        }
    }
}
