//! JSON with one value a line, each with the bytes that it was spelled with.

use super::compare;
use std::ops::Range;

/// A line, and the bytes of the payload that it stands for: a member with its name, a list with all that is in it,
/// or the sign that closes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    pub text: String,
    pub bytes: Range<u64>,
}

/// The lines of a payload; none where it is not JSON. Names and values are as they were sent.
pub fn lines(payload: &[u8]) -> Option<Vec<Line>> {
    // Only what is known to be JSON is laid out.
    compare::json(payload, false)?;
    let text = std::str::from_utf8(payload).ok()?;
    let mut layout = Layout::default();
    let mut at = 0;
    while let Some(sign) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let end = match sign {
            '"' => at + quoted(text.get(at..)?),
            _ if sign.is_whitespace() => at + sign.len_utf8(),
            '{' | '[' | '}' | ']' | ',' | ':' => at + 1,
            _ => at + bare(text.get(at..)?),
        };
        let token = text.get(at..end)?;
        if !sign.is_whitespace() {
            let rest = text.get(end..)?.trim_start();
            let empty = matches!(sign, '{' | '[') && rest.starts_with(['}', ']']);
            layout.take(token, at as u64..end as u64, empty);
        }
        at = end;
    }
    layout.end_line();
    Some(layout.lines)
}

/// Bytes of a text in quotes, with them.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().enumerate().skip(1).find(|&(_, byte)| {
        let end = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        end
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// Bytes of a number or a word.
fn bare(text: &str) -> usize {
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}' | ':'));
    end.unwrap_or(text.len()).max(1)
}

#[derive(Default)]
struct Layout {
    lines: Vec<Line>,
    /// The lines that open what is not closed yet; none where nothing is in it.
    open: Vec<Option<usize>>,
    now: Option<Line>,
}

impl Layout {
    fn take(&mut self, token: &str, at: Range<u64>, empty: bool) {
        match token {
            "{" | "[" => {
                self.add(token, at);
                self.open.push((!empty).then_some(self.lines.len()));
                if !empty {
                    self.end_line();
                }
            }
            "}" | "]" => match self.open.pop().flatten() {
                None => self.add(token, at),
                Some(opened) => {
                    self.end_line();
                    if let Some(line) = self.lines.get_mut(opened) {
                        line.bytes.end = at.end;
                    }
                    self.add(token, at);
                }
            },
            "," => {
                if let Some(line) = &mut self.now {
                    line.text.push(',');
                }
                self.end_line();
            }
            ":" => self.add(": ", at),
            _ => self.add(token, at),
        }
    }

    fn add(&mut self, text: &str, at: Range<u64>) {
        let depth = self.open.len();
        let line = self.now.get_or_insert_with(|| Line {
            text: "  ".repeat(depth),
            bytes: at.clone(),
        });
        line.text.push_str(text);
        line.bytes.end = at.end;
    }

    fn end_line(&mut self) {
        self.lines.extend(self.now.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = r#"{"z":1.50,"a":12345678901234567890123, "a":"q\"}, ","e":[],"o":{ },
        "t" : true,"l":[[1,2],{"x":"\\"},-3e5, null]}"#;

    #[test]
    fn lines_are_those_that_are_compared() {
        for sent in [
            SENT,
            "[]",
            "{}",
            "[1]",
            " [1]",
            "[[[]],\"\"]",
            "{\"a\":[{}]}",
        ] {
            let lines = lines(sent.as_bytes());
            let text = lines.map(|lines| {
                let lines: Vec<_> = lines.into_iter().map(|line| line.text).collect();
                lines.join("\n")
            });
            assert_eq!(text, compare::json(sent.as_bytes(), false), "{sent}");
        }
        assert_eq!(lines(b"{\"a\":"), None);
    }

    #[test]
    fn a_line_knows_its_bytes() {
        let lines = lines(SENT.as_bytes()).unwrap();
        let of = |text: &str| {
            let line = lines.iter().find(|line| line.text.trim() == text).unwrap();
            &SENT[line.bytes.start as usize..line.bytes.end as usize]
        };
        assert_eq!(of("\"z\": 1.50,"), "\"z\":1.50");
        assert_eq!(of("\"t\": true,"), "\"t\" : true");
        assert_eq!(of("\"l\": ["), "\"l\":[[1,2],{\"x\":\"\\\\\"},-3e5, null]");
        assert_eq!(of("["), "[1,2]");
        assert_eq!(of("2"), "2");
        assert_eq!(of("null"), "null");
        assert_eq!(lines.first().unwrap().bytes, 0..SENT.len() as u64);
    }
}
