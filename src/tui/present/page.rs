//! A step of a lesson as a page: the ladder beside the text, and what is worked out below.

use super::super::theme::{Theme, ascii};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};
use wscope::explain::Lang;
use wscope::lesson::{Lesson, Row, Slide};
use wscope::model::Dir;

/// Where in which lesson.
#[derive(Clone, Copy)]
pub struct Head {
    pub lesson: &'static Lesson,
    /// From 0.
    pub nth: usize,
    pub of: usize,
}

/// A page.
pub struct Page {
    pub lines: Vec<Line<'static>>,
    /// Lines that found no room.
    #[cfg_attr(not(test), allow(dead_code))]
    pub cut: usize,
}

/// Lays a step out on so many columns and rows.
pub fn page(slide: &Slide, head: Head, size: (u16, u16), lang: Lang, theme: Theme) -> Page {
    let (width, height) = (usize::from(size.0), usize::from(size.1));
    let plain;
    let slide = match theme.ascii {
        true => {
            plain = in_ascii(slide);
            &plain
        }
        false => slide,
    };
    let mut panel: Vec<String> = Vec::new();
    for line in &slide.panel {
        panel.extend(wrap(line, width.saturating_sub(2)));
    }
    let body = height.saturating_sub(2);
    let below = if panel.is_empty() { 0 } else { panel.len() + 1 };
    let top = body.saturating_sub(below);
    let left = (width * 48 / 100).clamp(30, 72).min(width);
    let right = width.saturating_sub(left + 3);

    let (words, cut) = words(slide, right, top, theme);
    let rows = ladder(&slide.rows, left, top, lang, theme);
    let mut lines = vec![bar(&title(head, lang), width, theme)];
    for nth in 0..top {
        let mut spans = rows.get(nth).cloned().unwrap_or_else(|| vec![blank(left)]);
        spans.push(Span::raw(if theme.ascii { " | " } else { " │ " }));
        spans.extend(words.get(nth).cloned());
        lines.push(Line::from(spans));
    }
    let mut lost = cut;
    if below > 0 {
        let rule = if theme.ascii { "-" } else { "─" };
        lines.push(Line::styled(rule.repeat(width), theme.dim()));
        lines.extend(
            panel
                .iter()
                .map(|line| Line::styled(format!(" {line}"), theme.bold())),
        );
        lost += (below + 2).saturating_sub(height);
    }
    lines.truncate(height.saturating_sub(1));
    lines.push(bar(keys(lang), width, theme));
    Page { lines, cut: lost }
}

/// The same without signs that not every terminal has; the words of a language are left as they are.
fn in_ascii(slide: &Slide) -> Slide {
    const SIGNS: [(&str, &str); 5] = [
        ("→", "->"),
        ("…", "..."),
        ("·", "."),
        ("“", "\""),
        ("”", "\""),
    ];
    let plain = |text: &String| {
        let replace = |text: String, (sign, with): &(&str, &str)| text.replace(sign, with);
        SIGNS.iter().fold(text.clone(), replace)
    };
    Slide {
        title: plain(&slide.title),
        text: plain(&slide.text),
        panel: slide.panel.iter().map(plain).collect(),
        ..slide.clone()
    }
}

fn title(head: Head, lang: Lang) -> String {
    let (number, name) = (head.lesson.number, head.lesson.title.in_lang(lang));
    match lang {
        Lang::En => format!("{number} {name} - step {} of {}", head.nth + 1, head.of),
        Lang::Zh => format!(
            "{number} {name} · 第 {} 步，共 {} 步",
            head.nth + 1,
            head.of
        ),
    }
}

fn keys(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "Space next   Backspace back   1-9 step   e explain   Home End   q quit",
        Lang::Zh => "空格 下一步   退格 上一步   1-9 跳到   e 讲解   Home End 首尾   q 退出",
    }
}

/// The text in so many columns and rows, and how many lines found no room; with much room its lines
/// stand apart, for those in the last row.
fn words(slide: &Slide, width: usize, height: usize, theme: Theme) -> (Vec<Span<'static>>, usize) {
    let mut lines = Vec::new();
    for line in wrap(&slide.title, width) {
        lines.push(Span::styled(
            line,
            theme.bold().add_modifier(Modifier::UNDERLINED),
        ));
    }
    let heading = lines.len();
    lines.push(Span::raw(""));
    for paragraph in slide.text.split("\n\n") {
        let paragraph = join(paragraph);
        lines.extend(wrap(&paragraph, width).into_iter().map(Span::raw));
        lines.push(Span::raw(""));
    }
    if slide.see.is_empty() {
        lines.pop();
    } else {
        let arrow = if theme.ascii { ">" } else { "→" };
        let see = format!("{arrow} {}", slide.see.join(", "));
        lines.extend(
            wrap(&see, width)
                .into_iter()
                .map(|line| Span::styled(line, theme.dim())),
        );
    }
    let apart = heading + (lines.len() - heading) * 2;
    if apart <= height && width >= 60 {
        let rest = lines.split_off(heading);
        for line in rest {
            lines.push(line);
            lines.push(Span::raw(""));
        }
    }
    let cut = lines.len().saturating_sub(height);
    lines.truncate(height);
    (lines, cut)
}

/// A paragraph of a file as one line: a line break is a space, but between Chinese characters nothing.
pub fn join(paragraph: &str) -> String {
    let mut joined = String::new();
    for line in paragraph.lines().map(str::trim) {
        let wide = |c: Option<char>| c.and_then(char::width) == Some(2);
        let close = wide(joined.chars().last()) || wide(line.chars().next());
        if !joined.is_empty() && !close {
            joined.push(' ');
        }
        joined.push_str(line);
    }
    joined
}

/// Text in lines of so many columns: broken between words, and anywhere between Chinese characters but
/// before those that may not begin a line.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(4);
    let mut lines = Vec::new();
    let mut line = String::new();
    for piece in pieces(text) {
        let room = width.saturating_sub(line.width());
        if piece.trim_end().width() <= room {
            line.push_str(piece);
            continue;
        }
        if !line.trim().is_empty() {
            lines.push(line.trim_end().to_owned());
        }
        line = String::new();
        for c in piece.chars() {
            if line.width() + c.width().unwrap_or(0) > width {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// What stays together on a line: a word with the space behind it; a wide character with what may not
/// begin a line behind it.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut before: Option<char> = None;
    for (at, c) in text.char_indices() {
        let wide = |c: char| c.width() == Some(2);
        let may = match before {
            None => false,
            Some(last) if "（《“‘「".contains(last) => false,
            Some(_) if "，。；：！？）》、”’」…—·".contains(c) => false,
            Some(' ') => c != ' ',
            Some(last) => (wide(last) || wide(c)) && c != ' ',
        };
        if may {
            pieces.push(&text[start..at]);
            start = at;
        }
        before = Some(c);
    }
    pieces.push(&text[start..]);
    pieces
}

/// The rows around those that are marked, each with packet, seconds and arrow.
fn ladder(
    rows: &[Row],
    width: usize,
    height: usize,
    lang: Lang,
    theme: Theme,
) -> Vec<Vec<Span<'static>>> {
    let (client, server) = match lang {
        Lang::En => ("client", "server"),
        Lang::Zh => ("客户端", "服务器"),
    };
    let arrow = width.saturating_sub(AHEAD);
    let gap = arrow.saturating_sub(client.width() + server.width());
    let ends = format!("{}{client}{}{server}", " ".repeat(AHEAD), " ".repeat(gap));
    let mut lines = vec![vec![Span::styled(ends, theme.bold())]];
    let room = height.saturating_sub(1);
    let first = rows.iter().position(|row| row.marked);
    let last = rows.iter().rposition(|row| row.marked);
    let start = match (first, last) {
        (Some(first), Some(last)) => {
            let middle = (first + last).div_ceil(2);
            // Where not all that is marked has room, it begins with the first of them.
            middle.saturating_sub(room / 2).min(first)
        }
        _ => 0,
    };
    let start = start.min(rows.len().saturating_sub(room));
    for row in rows.iter().skip(start).take(room) {
        lines.push(rung(row, width, theme));
    }
    lines
}

fn rung(row: &Row, width: usize, theme: Theme) -> Vec<Span<'static>> {
    let mark = match (row.marked, theme.ascii) {
        (false, _) => " ",
        (true, true) => ">",
        (true, false) => "▶",
    };
    let packet = row.packet.to_string();
    let time = row.time as f64 / 1e9;
    let ahead = format!("{mark}{packet:>4} {time:>7.3} ");
    let arrow = arrow(row, width.saturating_sub(ahead.width()), theme.ascii);
    let style = match (row.marked, row.dir) {
        (true, _) => theme.bold().add_modifier(Modifier::REVERSED),
        (false, Some(Dir::C2s)) => theme.client(),
        (false, Some(Dir::S2c)) => theme.server(),
        (false, None) => theme.plain(),
    };
    let plain = if row.marked { style } else { Style::new() };
    vec![Span::styled(ahead, plain), Span::styled(arrow, style)]
}

/// `──SYN──▶`: from the left the client's, from the right the server's.
fn arrow(row: &Row, width: usize, plain: bool) -> String {
    let sign = |symbol: &'static str| if plain { ascii(symbol) } else { symbol };
    let room = width.saturating_sub(4);
    let label = fit(&row.label, room, sign("…"));
    let label = match plain {
        true => label
            .chars()
            .map(|c| if c.is_ascii() { c } else { '?' })
            .collect(),
        false => label,
    };
    let rest = width.saturating_sub(label.width() + 4);
    let fill = sign("─").repeat(rest);
    let line = sign("─");
    match row.dir {
        Some(Dir::C2s) => format!("{line} {label} {fill}{}", sign("▶")),
        Some(Dir::S2c) => format!("{}{fill} {label} {line}", sign("◀")),
        None => {
            let label = fit(&row.label, width.saturating_sub(4), sign("…"));
            let rest = width.saturating_sub(label.width() + 4);
            format!("{line} {label} {}", sign("─").repeat(rest + 1))
        }
    }
}

/// At most so many columns of a text.
fn fit(text: &str, width: usize, more: &str) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    for c in text.chars() {
        if cut.width() + c.width().unwrap_or(0) + more.width() > width {
            break;
        }
        cut.push(c);
    }
    cut + more
}

pub fn bar(text: &str, width: usize, theme: Theme) -> Line<'static> {
    let text = fit(&format!(" {text}"), width, "~");
    let rest = width.saturating_sub(text.width());
    Line::styled(
        format!("{text}{}", " ".repeat(rest)),
        theme.bar().add_modifier(Modifier::BOLD),
    )
}

fn blank(width: usize) -> Span<'static> {
    Span::raw(" ".repeat(width))
}

/// Columns in front of an arrow: mark, packet, seconds.
const AHEAD: usize = 14;

#[cfg(test)]
mod tests {
    use super::super::super::Palette;
    use super::*;
    use wscope::lesson;

    const THEME: Theme = Theme {
        palette: Palette::None,
        ascii: false,
    };

    #[test]
    fn lines_break_where_they_may() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("掩码不是加密。", 8), ["掩码不是", "加密。"]);
        assert_eq!(wrap("掩码不是。加密", 8), ["掩码不", "是。加密"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(join("掩码\n不是 XOR\n加密"), "掩码不是 XOR加密");
    }

    #[test]
    fn without_unicode_an_english_page_is_ascii() {
        let theme = Theme {
            ascii: true,
            ..THEME
        };
        for lesson in lesson::lessons() {
            let open = lesson.open().unwrap();
            for nth in 0..open.len() {
                let slide = open.slide(nth, Lang::En).unwrap();
                let head = Head {
                    lesson,
                    nth,
                    of: open.len(),
                };
                let page = page(&slide, head, (80, 24), Lang::En, theme);
                // What a capture itself has of other characters is shown as it is.
                for line in page
                    .lines
                    .iter()
                    .filter(|line| !line.to_string().contains("会话"))
                {
                    assert!(
                        line.to_string().is_ascii(),
                        "{} {nth}: {line}",
                        lesson.number
                    );
                }
            }
        }
    }

    /// Every step of every lesson has room on the smallest screen, and no line is wider than it.
    #[test]
    fn every_step_fits_on_80_by_24_in_both_languages() {
        let mut wrong = Vec::new();
        for lesson in lesson::lessons() {
            let open = lesson.open().unwrap();
            for nth in 0..open.len() {
                for lang in Lang::ALL {
                    let slide = open.slide(nth, lang).unwrap();
                    let of = open.len();
                    let head = Head { lesson, nth, of };
                    for size in [(80, 24), (160, 50)] {
                        let page = page(&slide, head, size, lang, THEME);
                        let place =
                            format!("lesson {} step {} {lang} {size:?}", lesson.number, nth + 1);
                        if page.cut > 0 {
                            wrong.push(format!("{place}: {} lines too many", page.cut));
                        }
                        assert_eq!(page.lines.len(), usize::from(size.1), "{place}");
                        for line in &page.lines {
                            let width = line.width();
                            if width > usize::from(size.0) {
                                wrong.push(format!("{place}: {width} columns: {line}"));
                            }
                        }
                        let marked = slide.rows.iter().filter(|row| row.marked).count();
                        let drawn = page
                            .lines
                            .iter()
                            .filter(|line| line.to_string().starts_with('▶'))
                            .count();
                        if marked > 0 && drawn == 0 {
                            wrong.push(format!("{place}: nothing is pointed at"));
                        }
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
