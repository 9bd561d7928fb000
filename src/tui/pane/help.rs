//! The keys, and how to read the screen.

use crate::tui::app::{App, Pane};
use crate::tui::canvas::{heading, put};
use crate::tui::keys::{Binding, KEYS};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// How to read the ladder.
const SIGNS: &[(&str, &str)] = &[
    ("──▶ ◀──", "a message, or a head of HTTP"),
    ("╌╌▷ ◁╌╌", "a frame"),
    ("┈┈> <┈┈", "a note about TCP"),
    (
        "╳╳╳",
        "something that the capture lost, or that cannot be understood",
    ),
    ("⋮ 1.0 s", "nothing happened for so long"),
    ("??", "a byte that the capture does not have"),
    ("●", "chosen, or found by the search"),
    ("◆", "marked"),
    ("›", "a link: Enter follows it, Backspace comes back"),
    ("2! 1?", "two errors and a warning were found"),
];

/// What all of it says: the keys of this pane first, then those of everywhere, then the signs.
fn lines(pane: Pane) -> Vec<(&'static str, &'static str)> {
    let everywhere = |binding: &&Binding| binding.panes.len() == Pane::ALL.len();
    let line = |binding: &Binding| (binding.name, binding.help);
    let here = KEYS
        .iter()
        .filter(|binding| binding.panes.contains(&pane) && !everywhere(binding));
    let mut lines: Vec<_> = here.map(line).collect();
    lines.push(("", ""));
    lines.extend(KEYS.iter().filter(everywhere).map(line));
    lines.push(("", ""));
    lines.extend(SIGNS);
    lines
}

pub fn render(app: &App, top: usize, area: Rect, buf: &mut Buffer) {
    let name = app.tr(
        "keys of the pane {pane}",
        &[("pane", &app.tr(app.focus.word(), &[]))],
    );
    let inside = heading(
        buf,
        area,
        &name,
        &app.tr("↓ more   Esc back", &[]),
        app.theme,
        true,
    );
    for ((sign, meaning), y) in lines(app.focus)
        .into_iter()
        .skip(top)
        .zip(inside.y..inside.bottom())
    {
        put(
            buf,
            (inside.x + 3, y),
            inside.right(),
            sign,
            app.theme.bold(),
        );
        put(
            buf,
            (inside.x + 16, y),
            inside.right(),
            &app.tr(meaning, &[]),
            app.theme.plain(),
        );
    }
}

/// How many lines it takes to show all, with the heading.
pub fn height(pane: Pane) -> usize {
    lines(pane).len() + 1
}

#[cfg(test)]
mod tests {
    use crate::tui::fixture::{Bench, LARGE, SMALL};
    use insta::assert_snapshot;

    #[test]
    fn all_of_it_in_chinese() {
        for (_, meaning) in super::SIGNS {
            assert!(wscope::explain::texts::knows(meaning), "{meaning}");
        }
        let mut bench = Bench::new("tour.pcapng", LARGE);
        bench.app.lang = wscope::explain::Lang::Zh;
        assert_snapshot!(bench.press("?").screen());
    }

    #[test]
    fn all_of_it_on_a_large_screen() {
        let mut bench = Bench::new("tour.pcapng", LARGE);
        assert_snapshot!(bench.press("?").screen());
    }

    #[test]
    fn its_end_on_a_small_screen() {
        let mut bench = Bench::new("tour.pcapng", SMALL);
        assert_snapshot!(bench.press("?G").screen());
    }
}
