//! The keys, and how to read the screen.

use crate::tui::app::App;
use crate::tui::canvas::{heading, put};
use crate::tui::keys::KEYS;
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
];

pub fn render(app: &App, top: usize, area: Rect, buf: &mut Buffer) {
    let inside = heading(
        buf,
        area,
        "help",
        "↓ more   Esc back",
        app.theme.heading(true),
    );
    let keys = KEYS.iter().map(|binding| (binding.name, binding.help));
    let lines = keys.chain([("", "")]).chain(SIGNS.iter().copied());
    for ((sign, meaning), y) in lines.skip(top).zip(inside.y..inside.bottom()) {
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
            meaning,
            app.theme.plain(),
        );
    }
}

/// How many lines it takes to show all, with the heading.
pub fn height() -> usize {
    KEYS.len() + 1 + SIGNS.len() + 1
}

#[cfg(test)]
mod tests {
    use crate::tui::fixture::{Bench, LARGE, SMALL};
    use insta::assert_snapshot;

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
