//! An explanation as lines of text, for a terminal; Chinese characters are two columns wide.

use super::parts::{Block, Explanation, Ruler, Table};
use std::ops::Range;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// A line, and what of it belongs to which field of the ruler.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Line {
    /// What it says.
    pub text: String,
    /// How it is meant.
    pub look: Look,
    /// The columns that show a field of the ruler, by its number.
    pub cells: Vec<(usize, Range<usize>)>,
}

/// How a line is meant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Look {
    /// The explanation's own title.
    Title,
    /// A section's heading.
    Heading,
    /// What is read.
    #[default]
    Plain,
    /// What only frames the rest.
    Dim,
}

/// Lines of at most `width` columns where words allow it, and no fewer than 24.
#[must_use]
pub fn lines(told: &Explanation, width: usize) -> Vec<Line> {
    let mut out = Lines {
        lines: Vec::new(),
        width: width.max(24),
    };
    let title = match told.id {
        Some(id) => format!("{id}  {}", told.title),
        None => told.title.clone(),
    };
    out.wrapped(&title, 0, Look::Title);
    for text in &told.what {
        out.wrapped(text, 2, Look::Plain);
    }
    for section in &told.sections {
        out.push(String::new(), Look::Plain);
        out.wrapped(&section.title, 2, Look::Heading);
        for block in &section.blocks {
            match block {
                Block::Text(text) => out.wrapped(text, 4, Look::Plain),
                Block::Table(table) => out.table(table),
                Block::Ruler(ruler) => out.ruler(ruler),
                Block::Bytes(at, bytes) => out.bytes(*at, bytes),
            }
        }
    }
    if !told.see.is_empty() {
        out.push(String::new(), Look::Plain);
        out.wrapped(&told.see.join(" · "), 2, Look::Dim);
    }
    out.lines
}

/// How many columns a text takes.
#[must_use]
pub fn columns(text: &str) -> usize {
    text.width()
}

/// Fills a text with spaces up to so many columns.
#[must_use]
pub fn pad(text: &str, to: usize) -> String {
    let fill = to.saturating_sub(columns(text));
    format!("{text}{}", " ".repeat(fill))
}

/// Cuts a text into lines of so many columns: at spaces, and between Chinese characters.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(4);
    let mut out = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in words(text) {
        let wide = columns(word.trim_end());
        if used > 0 && used + wide > width {
            out.push(line.trim_end().to_owned());
            line.clear();
            used = 0;
        }
        if wide <= width {
            line.push_str(word);
            used += columns(word);
            continue;
        }
        // A word that no line can hold is cut where the line ends.
        for c in word.chars() {
            let wide = c.width().unwrap_or(0);
            if used + wide > width {
                out.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used += wide;
        }
    }
    if !line.trim_end().is_empty() || out.is_empty() {
        out.push(line.trim_end().to_owned());
    }
    out
}

/// The pieces of a text between which a line may end, spaces at their ends.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut chars = rest.char_indices().peekable();
        let end = loop {
            let Some((_, c)) = chars.next() else {
                break rest.len();
            };
            let Some(&(at, next)) = chars.peek() else {
                break rest.len();
            };
            let may_end = match (c, next) {
                (' ', ' ') => false,
                (' ', _) => true,
                // No line begins with what closes, and none ends with what opens.
                (c, next) if opens(c) || closes(next) || next == ' ' => false,
                (c, next) => is_wide(c) || is_wide(next),
            };
            if may_end {
                break at;
            }
        };
        let (word, after) = rest.split_at(end);
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

fn is_wide(c: char) -> bool {
    c.width() == Some(2)
}

fn closes(c: char) -> bool {
    matches!(
        c,
        '，' | '。'
            | '、'
            | '；'
            | '：'
            | '？'
            | '！'
            | '）'
            | '”'
            | '’'
            | '》'
            | '…'
            | ')'
            | ','
            | '.'
    )
}

fn opens(c: char) -> bool {
    matches!(c, '（' | '“' | '‘' | '《' | '(')
}

struct Lines {
    lines: Vec<Line>,
    width: usize,
}

impl Lines {
    fn push(&mut self, text: String, look: Look) {
        self.lines.push(Line {
            text,
            look,
            cells: Vec::new(),
        });
    }

    fn wrapped(&mut self, text: &str, indent: usize, look: Look) {
        for line in wrap(text, self.width.saturating_sub(indent)) {
            self.push(format!("{}{line}", " ".repeat(indent)), look);
        }
    }

    fn table(&mut self, table: &Table) {
        let last = table.head.len().saturating_sub(1);
        let widest = |column: usize| {
            let cells = table.rows.iter().filter_map(|row| row.get(column));
            let cells = cells.chain(table.head.get(column));
            cells.map(|cell| columns(cell)).max().unwrap_or(0)
        };
        let room = self.width.saturating_sub(4);
        let mut widths: Vec<usize> = (0..table.head.len()).map(widest).collect();
        let all: usize = widths.iter().sum::<usize>() + 2 * last;
        if all > room {
            // The last column gives way first, the widest of the others after it.
            let others: usize = widths.iter().take(last).sum::<usize>() + 2 * last;
            let left = room.saturating_sub(others).max(24.min(room / 2));
            if let Some(width) = widths.last_mut() {
                *width = left.min(*width);
            }
            let mut over = (others + widths.last().copied().unwrap_or(0)).saturating_sub(room);
            while over > 0
                && let Some(widest) = widths.iter_mut().take(last).max()
                && *widest > 8
            {
                *widest -= 1;
                over -= 1;
            }
        }
        self.row(&table.head, &widths, Look::Dim);
        for row in &table.rows {
            self.row(row, &widths, Look::Plain);
        }
    }

    fn row(&mut self, cells: &[String], widths: &[usize], look: Look) {
        let cells: Vec<_> = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| wrap(cell, *width))
            .collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let mut text = "    ".to_owned();
            for (cell, width) in cells.iter().zip(widths) {
                let piece = cell.get(line).map_or("", String::as_str);
                text.push_str(&pad(piece, *width));
                text.push_str("  ");
            }
            self.push(text.trim_end().to_owned(), look);
        }
    }

    /// The picture of RFC 6455 section 5.2, with this frame's bits, and what each field means.
    fn ruler(&mut self, ruler: &Ruler) {
        let bits = if self.width >= 70 { 32 } else { 8 };
        let indent = "    ";
        if bits == 32 {
            let tens = (0..32).map(|i| {
                if i % 10 == 0 {
                    (b'0' + i / 10) as char
                } else {
                    ' '
                }
            });
            let ones = (0..32).map(|i| (b'0' + i % 10) as char);
            let spread = |it: &mut dyn Iterator<Item = char>| -> String {
                it.flat_map(|c| [' ', c]).collect()
            };
            let (mut tens, mut ones) = (tens, ones);
            let tens = format!("{indent}{}", spread(&mut tens));
            self.push(tens.trim_end().to_owned(), Look::Dim);
            self.push(format!("{indent}{}", spread(&mut ones)), Look::Dim);
        }
        let rows = ruler.rows(bits);
        let mut above = 0;
        for row in &rows {
            let len: usize = row.iter().map(|run| run.len).sum();
            let edge = |bits: usize| format!("{indent}{}+", "+-".repeat(bits));
            self.push(edge(len.max(above)), Look::Dim);
            above = len;
            let mut drawn = Line::default();
            let mut named = Line::default();
            for line in [&mut drawn, &mut named] {
                line.text = format!("{indent}|");
            }
            for run in row {
                let Some(cell) = ruler.cells.get(run.cell) else {
                    continue;
                };
                let start = columns(&drawn.text);
                let bits: Vec<_> = cell.bits.chars().skip(run.from).take(run.len).collect();
                let bits: Vec<_> = bits.iter().map(char::to_string).collect();
                let room = 2 * run.len - 1;
                drawn.text.push_str(&bits.join(" "));
                drawn.text.push('|');
                let name = match (run.from, room) {
                    (0, 1) => cell.name.chars().take(1).collect(),
                    (0, _) => cell.name.chars().take(room).collect(),
                    _ => String::new(),
                };
                named.text.push_str(&pad(&name, room));
                named.text.push('|');
                let range = start..start + room;
                drawn.cells.push((run.cell, range.clone()));
                named.cells.push((run.cell, range));
            }
            self.lines.push(drawn);
            self.lines.push(named);
        }
        self.push(format!("{indent}{}+", "+-".repeat(above)), Look::Dim);
        let name = ruler.cells.iter().map(|it| columns(&it.name)).max();
        let value = ruler.cells.iter().map(|it| columns(&it.value)).max();
        let (name, value) = (name.unwrap_or(0), value.unwrap_or(0).min(24));
        for (i, cell) in ruler.cells.iter().enumerate() {
            let head = format!("{indent}{}  ", pad(&cell.name, name));
            let start = columns(&head);
            let values = wrap(&cell.value, value.max(8));
            let indent = start + value.max(8) + 2;
            let meaning = wrap(&cell.meaning, self.width.saturating_sub(indent));
            for line in 0..values.len().max(meaning.len()) {
                let head = if line == 0 {
                    head.clone()
                } else {
                    " ".repeat(start)
                };
                let value_text = values.get(line).map_or("", String::as_str);
                let text = format!(
                    "{head}{}  {}",
                    pad(value_text, value.max(8)),
                    meaning.get(line).map_or("", String::as_str)
                );
                let text = text.trim_end().to_owned();
                let wide = columns(&text);
                self.lines.push(Line {
                    text,
                    look: Look::Plain,
                    cells: vec![(i, 4..wide.max(4))],
                });
            }
        }
    }

    fn bytes(&mut self, at: u64, bytes: &[Option<u8>]) {
        let count = if self.width >= 82 { 16 } else { 8 };
        for (i, line) in bytes.chunks(count).enumerate() {
            let at = at + (i * count) as u64;
            let hex: Vec<_> = line
                .iter()
                .map(|byte| byte.map_or_else(|| "??".into(), |byte| format!("{byte:02x}")))
                .collect();
            let text: String = line
                .iter()
                .map(|byte| match byte {
                    Some(byte @ 0x20..=0x7e) => char::from(*byte),
                    Some(_) => '.',
                    None => '?',
                })
                .collect();
            let hex = pad(&hex.join(" "), count * 3 - 1);
            self.push(format!("    {at:06x}  {hex}  {text}"), Look::Plain);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_spaces_and_between_chinese_characters() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(
            wrap("三次握手：SYN、ACK。", 10),
            ["三次握手：", "SYN、ACK。"]
        );
        assert_eq!(wrap("握手，帧", 5), ["握", "手，", "帧"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        for line in wrap("客户端的每一帧都必须加掩码（RFC 6455）", 9) {
            assert!(columns(&line) <= 9, "{line}");
        }
    }

    #[test]
    fn no_text_is_lost_and_no_line_too_wide() {
        for lang in crate::explain::Lang::ALL {
            for (key, text) in crate::explain::texts::all() {
                let text = text.in_lang(lang);
                let lines = wrap(text, 30);
                let joined: String = lines.concat().split_whitespace().collect();
                let whole: String = text.split_whitespace().collect();
                assert_eq!(joined, whole, "{key}");
                assert!(lines.iter().all(|line| columns(line) <= 30), "{key}");
            }
        }
    }
}
