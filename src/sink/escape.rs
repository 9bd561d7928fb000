//! Nothing from the wire reaches a terminal as a control character.

use std::fmt::{self, Write as _};

/// Text that shows what a terminal, or a reader's eye, would obey instead of show.
///
/// Control characters, line separators and the invisible characters that reorder or hide text are
/// written as Rust escapes; everything else stays as it is.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Most texts are of printable ASCII.
        if is_plain(self.0.as_bytes()) {
            return f.write_str(self.0);
        }
        let mut rest = self.0;
        while let Some((at, unsafe_char)) = rest.char_indices().find(|&(_, c)| is_unsafe(c)) {
            f.write_str(&rest[..at])?;
            write!(f, "{}", unsafe_char.escape_default())?;
            rest = &rest[at + unsafe_char.len_utf8()..];
        }
        f.write_str(rest)
    }
}

/// Whether these bytes are printable ASCII alone.
pub(super) fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Whether a character must not reach a terminal as it is.
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// At most `limit` characters of a text, escaped, in quotes; `…` says that there was more.
pub(crate) fn quote(out: &mut String, text: &str, limit: usize) {
    // Most texts are of printable ASCII: then a character is a byte, and none has to be written out.
    let head = text.get(..limit.min(text.len())).unwrap_or_default();
    if head.len() == limit.min(text.len()) && is_plain(head.as_bytes()) {
        out.push('"');
        out.push_str(head);
        out.push('"');
        if head.len() < text.len() {
            out.push('…');
        }
        return;
    }
    let end = text
        .char_indices()
        .nth(limit)
        .map_or(text.len(), |(at, _)| at);
    let _ = write!(out, "\"{}\"", Escaped(&text[..end]));
    if end < text.len() {
        out.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_written_out() {
        let hostile = "a\x1b[2Jb\r\n\u{9b}31m\u{202e}c\u{7f}";
        assert_eq!(
            Escaped(hostile).to_string(),
            r"a\u{1b}[2Jb\r\n\u{9b}31m\u{202e}c\u{7f}"
        );
    }

    #[test]
    fn what_people_write_stays() {
        let text = "你好 — \"quoted\" 👩\u{200d}💻 \\";
        assert_eq!(Escaped(text).to_string(), text);
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let mut out = String::new();
        quote(&mut out, "你好吗", 2);
        assert_eq!(out, "\"你好\"…");
        for (text, limit, shown) in [
            ("", 2, "\"\""),
            ("ab", 2, "\"ab\""),
            ("abc", 2, "\"ab\"…"),
            ("a你好", 2, "\"a你\"…"),
            ("ab\x1bc", 3, "\"ab\\u{1b}\"…"),
        ] {
            out.clear();
            quote(&mut out, text, limit);
            assert_eq!(out, shown);
        }
    }
}
