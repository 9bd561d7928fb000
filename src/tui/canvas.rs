//! Writing text into a rectangle: what does not fit is cut, and nothing else can get through.

use super::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};
use wscope::sink::{Escaped, is_unsafe};

/// Writes at `x`, `y`, up to but without the column `end`; `…` says that there was more. Answers
/// with the column behind.
pub fn put(buf: &mut Buffer, (x, y): (u16, u16), end: u16, text: &str, style: Style) -> u16 {
    let room = end.saturating_sub(x);
    if room == 0 || !buf.area.contains((x, y).into()) {
        return x;
    }
    // Whatever was not escaped where it was read is escaped here at the latest.
    match text.contains(is_unsafe) {
        true => {
            buf.set_stringn(
                x,
                y,
                fit(&Escaped(text).to_string(), room.into()),
                room.into(),
                style,
            )
            .0
        }
        false => {
            buf.set_stringn(x, y, fit(text, room.into()), room.into(), style)
                .0
        }
    }
}

/// Writes so that the text ends before the column `end`. Answers with its first column.
pub fn put_right(
    buf: &mut Buffer,
    (from, y): (u16, u16),
    end: u16,
    text: &str,
    style: Style,
) -> u16 {
    let text = fit(text, end.saturating_sub(from).into());
    let x = end.saturating_sub(text.width() as u16).max(from);
    put(buf, (x, y), end, &text, style);
    x
}

/// Repeats a character from `x` up to but without `end`.
pub fn fill(buf: &mut Buffer, (x, y): (u16, u16), end: u16, with: &str, style: Style) {
    for x in x..end {
        put(buf, (x, y), end, with, style);
    }
}

/// The head line of a pane: `─ name ────── notes ─`, heavy where the keys are. Answers with the rectangle below.
pub fn heading(
    buf: &mut Buffer,
    area: Rect,
    name: &str,
    notes: &str,
    theme: Theme,
    focused: bool,
) -> Rect {
    if area.is_empty() {
        return area;
    }
    let (y, end) = (area.y, area.right());
    let style = theme.heading(focused);
    fill(buf, (area.x, y), end, rule(focused), style);
    let after = put(buf, (area.x + 2, y), end, &format!(" {name} "), style);
    if !notes.is_empty() {
        put_right(
            buf,
            (after + 1, y),
            end.saturating_sub(1),
            &format!(" {notes} "),
            style,
        );
    }
    Rect {
        y: y + 1,
        height: area.height - 1,
        ..area
    }
}

/// The stroke of a head line.
pub fn rule(focused: bool) -> &'static str {
    if focused { "━" } else { "─" }
}

/// As much of a text as `width` columns hold.
pub fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.into();
    }
    let mut used = 0;
    let mut out = String::new();
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used >= width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// Breaks a text into lines of at most `width` columns, at spaces where that is not too early.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(2);
    let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0);
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > width {
            let space = line
                .rfind(' ')
                .filter(|&at| at > 0 && line[at..].width() <= width * 2 / 3);
            let rest = space.map(|at| line.split_off(at)).unwrap_or_default();
            lines.push(std::mem::replace(&mut line, rest.trim_start().into()));
            used = line.width();
        }
        line.push(c);
        used += wide;
    }
    lines.push(line);
    lines
}

/// Bytes in a unit that reads well: `96 B`, `1.3 kB`.
pub fn size(bytes: u64) -> String {
    let scaled = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} kB", scaled(1_000)),
        10_000_000..10_000_000_000 => format!("{} MB", scaled(1_000_000)),
        _ => format!("{} GB", scaled(1_000_000_000)),
    }
}

/// Nanoseconds in a unit that reads well: `19 µs`, `4.11 s`, `2 h 05 min`.
pub fn span(nanos: i64) -> String {
    let (sign, nanos) = (if nanos < 0 { "−" } else { "" }, nanos.unsigned_abs());
    let in_unit = |unit: u64| nanos as f64 / unit as f64;
    let text = match nanos {
        0..1_000_000 => format!("{:.0} µs", in_unit(1_000)),
        1_000_000..10_000_000 => format!("{:.2} ms", in_unit(1_000_000)),
        10_000_000..1_000_000_000 => format!("{:.0} ms", in_unit(1_000_000)),
        1_000_000_000..10_000_000_000 => format!("{:.2} s", in_unit(1_000_000_000)),
        10_000_000_000..100_000_000_000 => format!("{:.1} s", in_unit(1_000_000_000)),
        100_000_000_000..6_000_000_000_000 => format!("{:.0} min", in_unit(60_000_000_000)),
        _ => format!(
            "{} h {:02} min",
            nanos / 3_600_000_000_000,
            nanos / 60_000_000_000 % 60
        ),
    };
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_are_counted_as_wide() {
        assert_eq!(fit("你好吗", 6), "你好吗");
        assert_eq!(fit("你好吗", 5), "你好…");
        assert_eq!(fit("你好吗", 4), "你…");
        assert_eq!(fit("🌊🌊", 3), "🌊…");
        assert_eq!(wrap("你好abc", 4), ["你好", "abc"]);
        assert_eq!(
            wrap("server 10.7.0.2:9026", 14),
            ["server", "10.7.0.2:9026"]
        );
    }

    #[test]
    fn sizes_and_spans_read_well() {
        assert_eq!(
            [96, 13_300, 25_000_000].map(size),
            ["96 B", "13.3 kB", "25.0 MB"]
        );
        let spans = [19_500, 4_107_993_000, 14_000_000, 7_500_000_000_000].map(span);
        assert_eq!(spans, ["20 µs", "4.11 s", "14 ms", "2 h 05 min"]);
    }
}
