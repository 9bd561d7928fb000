//! What differs between two messages: line by line, JSON by its values and not by its spelling.

use similar::{ChangeTag, TextDiff};
use std::time::Duration;
use wscope::engine::Replay;

/// Characters of either side that are compared.
const LONGEST: usize = 1 << 20;

/// Lines that are the same (` `), gone (`-`) or new (`+`).
pub fn compare(old: &Replay, new: &Replay) -> Vec<(char, String)> {
    let (old, new) = match (json(&old.payload, true), json(&new.payload, true)) {
        (Some(old), Some(new)) => (old, new),
        _ => (lines(&old.payload), lines(&new.payload)),
    };
    let diff = TextDiff::configure()
        .timeout(Duration::from_secs(2))
        .diff_lines(&old, &new);
    diff.iter_all_changes()
        .map(|change| {
            let sign = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            (sign, change.value().trim_end_matches('\n').to_owned())
        })
        .collect()
}

/// JSON with one value a line, each spelled as it was sent; keys in alphabetical order if `sorted`. None where it
/// is not JSON.
pub fn json(bytes: &[u8], sorted: bool) -> Option<String> {
    if bytes.len() > LONGEST || !matches!(bytes.first()?, b'{' | b'[') {
        return None;
    }
    // What is no JSON, or nested too deeply, ends here.
    serde_json::from_slice::<serde_json::Value>(bytes).ok()?;
    let mut out = String::new();
    let mut text = Text(std::str::from_utf8(bytes).ok()?);
    write(&mut out, &text.node()?, sorted, 0);
    Some(out)
}

/// A value, as it was spelled.
enum Node<'a> {
    Leaf(&'a str),
    List(Vec<Node<'a>>),
    Map(Vec<(&'a str, Node<'a>)>),
}

/// What is left of a text that is known to be JSON.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn next(&mut self) -> Option<char> {
        self.0 = self.0.trim_start();
        self.0.chars().next()
    }

    /// Takes this sign, if it is next.
    fn eat(&mut self, sign: char) -> bool {
        let is = self.next() == Some(sign);
        self.0 = &self.0[usize::from(is)..];
        is
    }

    fn node(&mut self) -> Option<Node<'a>> {
        if self.eat('[') {
            let mut list = Vec::new();
            while !self.eat(']') {
                list.push(self.node()?);
                self.eat(',');
            }
            return Some(Node::List(list));
        }
        if self.eat('{') {
            let mut map = Vec::new();
            while !self.eat('}') {
                let key = self.leaf()?;
                self.eat(':');
                map.push((key, self.node()?));
                self.eat(',');
            }
            return Some(Node::Map(map));
        }
        self.leaf().map(Node::Leaf)
    }

    /// A text in quotes, a number, or a word.
    fn leaf(&mut self) -> Option<&'a str> {
        let quoted = self.next()? == '"';
        let mut escaped = false;
        let end = self.0.char_indices().skip(1).find(|&(_, c)| match quoted {
            true => {
                let end = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                end
            }
            false => c.is_whitespace() || matches!(c, ',' | ']' | '}'),
        });
        let end = end.map_or(self.0.len(), |(at, _)| at + usize::from(quoted));
        let (leaf, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        Some(leaf)
    }
}

fn write(out: &mut String, node: &Node<'_>, sorted: bool, depth: usize) {
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    match node {
        Node::Leaf(leaf) => out.push_str(leaf),
        Node::List(list) if list.is_empty() => out.push_str("[]"),
        Node::Map(map) if map.is_empty() => out.push_str("{}"),
        Node::List(list) => {
            out.push('[');
            for (at, node) in list.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                line(out, depth + 1);
                write(out, node, sorted, depth + 1);
            }
            line(out, depth);
            out.push(']');
        }
        Node::Map(map) => {
            let mut pairs: Vec<_> = map.iter().collect();
            if sorted {
                pairs.sort_by_key(|(key, _)| *key);
            }
            out.push('{');
            for (at, (key, node)) in pairs.into_iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                line(out, depth + 1);
                out.push_str(key);
                out.push_str(": ");
                write(out, node, sorted, depth + 1);
            }
            line(out, depth);
            out.push('}');
        }
    }
}

/// Text as it is, and anything else as bytes, sixteen a line.
fn lines(bytes: &[u8]) -> String {
    let bytes = &bytes[..bytes.len().min(LONGEST)];
    match std::str::from_utf8(bytes) {
        Ok(text) => format!("{text}\n"),
        Err(_) => bytes
            .chunks(16)
            .map(|row| {
                let row: Vec<_> = row.iter().map(|byte| format!("{byte:02x}")).collect();
                row.join(" ") + "\n"
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_compared_by_value() {
        let a = json(br#"{"b":1,"a":[1,2]}"#, true);
        assert_eq!(a, json(b"{ \"a\" : [1, 2], \"b\" : 1 }", true));
        assert!(a.is_some());
        assert_eq!(json(b"plain text", true), None);
        assert_eq!(json(b"{\"a\":", true), None);
        assert_eq!(json("[".repeat(5000).as_bytes(), true), None);
        assert_eq!(lines(b"\xff\x00"), "ff 00\n");
    }

    #[test]
    fn json_is_shown_as_it_was_spelled() {
        let sent =
            r#"{"z":1.50,"a":12345678901234567890123,"a":"q\"}, ","e":[],"o":{}, "t" : true}"#;
        let shown = json(sent.as_bytes(), false).unwrap();
        let expected = r#"{
  "z": 1.50,
  "a": 12345678901234567890123,
  "a": "q\"}, ",
  "e": [],
  "o": {},
  "t": true
}"#;
        assert_eq!(shown, expected);
    }
}
