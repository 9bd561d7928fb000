//! What differs between two messages: line by line, JSON by its values and not by its spelling.

use similar::{ChangeTag, TextDiff};
use std::time::Duration;
use wscope::engine::Replay;

/// Characters of either side that are compared.
const LONGEST: usize = 1 << 20;

/// Lines that are the same (` `), gone (`-`) or new (`+`).
pub fn compare(old: &Replay, new: &Replay) -> Vec<(char, String)> {
    let (old, new) = match (json(&old.payload), json(&new.payload)) {
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

/// JSON with one value a line and its keys in order; none where it is not JSON.
pub fn json(bytes: &[u8]) -> Option<String> {
    if bytes.len() > LONGEST || !matches!(bytes.first()?, b'{' | b'[') {
        return None;
    }
    let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    serde_json::to_string_pretty(&value).ok()
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
        let a = json(br#"{"b":1,"a":[1,2]}"#);
        assert_eq!(a, json(b"{ \"a\" : [1, 2], \"b\" : 1 }"));
        assert!(a.is_some());
        assert_eq!(json(b"plain text"), None);
        assert_eq!(json(b"{\"a\":"), None);
        assert_eq!(lines(b"\xff\x00"), "ff 00\n");
    }
}
