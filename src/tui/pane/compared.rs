//! What differs between two messages.

use crate::tui::app::App;
use crate::tui::canvas::{heading, put};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use wscope::sink::Escaped;

pub fn render(app: &App, lines: &[(char, String)], top: usize, area: Rect, buf: &mut Buffer) {
    let count = |wanted: char| lines.iter().filter(|(sign, _)| *sign == wanted).count();
    let name = match (count('-'), count('+')) {
        (0, 0) => app.tr("compared: the same", &[]),
        (gone, new) => app.tr(
            "compared: {gone} lines gone, {new} new",
            &[("gone", &gone), ("new", &new)],
        ),
    };
    let inside = heading(buf, area, &name, &app.tr("Esc back", &[]), app.theme, true);
    for ((sign, text), y) in lines.iter().skip(top).zip(inside.y..inside.bottom()) {
        let style = match sign {
            '-' => app.theme.bad(),
            '+' => app.theme.good(),
            _ => app.theme.dim(),
        };
        let text = format!("{sign} {}", Escaped(text));
        put(buf, (inside.x + 1, y), inside.right(), &text, style);
    }
}

#[cfg(test)]
mod tests {
    use crate::tui::fixture::{Bench, LARGE, SMALL};
    use insta::assert_snapshot;

    #[test]
    fn two_texts_on_a_small_screen() {
        let mut bench = Bench::new("tour.pcapng", SMALL);
        assert_snapshot!(bench.press("jjjjjcjjc").screen());
    }

    #[test]
    fn the_same_on_a_large_screen() {
        let mut bench = Bench::new("tour.pcapng", LARGE);
        assert_snapshot!(bench.press("jjjjjcjc").screen());
    }
}
