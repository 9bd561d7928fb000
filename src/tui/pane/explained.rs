//! What the selected event means; the field that one is at lights up in the picture of the frame.

use crate::tui::app::App;
use crate::tui::canvas::{heading, put, wrap};
use crate::tui::view;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use wscope::explain::{Explanation, Line, Look, lines, texts::say};
use wscope::model::EventId;

/// An explanation, and where one is in it.
#[derive(Debug, Default)]
pub struct State {
    /// The event that is explained, and the number of the job that was asked.
    pub of: Option<(EventId, u64)>,
    /// What came of it.
    pub answer: Option<Result<Box<Explanation>, String>>,
    pub at: usize,
    pub top: usize,
}

/// Where it is: beside the timeline where there is room, else over everything.
pub fn area(app: &App) -> Rect {
    let layout = view::layout(app);
    match view::beside(&layout) {
        Some(area) => area,
        None => layout.body,
    }
}

fn text(state: &State, width: usize) -> Vec<Line> {
    match &state.answer {
        Some(Ok(told)) => lines(told, width),
        Some(Err(_)) | None => Vec::new(),
    }
}

impl State {
    /// Moves so many lines; `(width, height)` is the room for the text.
    pub fn step(&mut self, by: isize, (width, height): (usize, usize)) {
        let lines = text(self, width);
        let last = lines.len().saturating_sub(1);
        self.at = self.at.saturating_add_signed(by).min(last);
        self.top = self.top.min(self.at);
        self.top = self.top.max((self.at + 1).saturating_sub(height.max(1)));
    }

    /// Moves to the field before or after the one that one is at.
    pub fn step_field(&mut self, forward: bool, (width, height): (usize, usize)) {
        let lines = text(self, width);
        let is_field = |at: &usize| field(&lines, *at).is_some() && first(&lines, *at);
        let next = match forward {
            true => (self.at + 1..lines.len()).find(is_field),
            false => (0..self.at).rev().find(is_field),
        };
        if let Some(at) = next {
            self.step(at as isize - self.at as isize, (width, height));
        }
    }
}

/// The field that a line of the legend is about.
fn field(lines: &[Line], at: usize) -> Option<usize> {
    match lines.get(at)?.cells.as_slice() {
        [(cell, _)] if !drawn(lines, at) => Some(*cell),
        _ => None,
    }
}

/// Whether a line belongs to the picture, and not to the legend.
fn drawn(lines: &[Line], at: usize) -> bool {
    lines
        .get(at)
        .is_some_and(|line| line.text.trim_start().starts_with('|'))
}

/// Whether it is the first line of its field.
fn first(lines: &[Line], at: usize) -> bool {
    at.checked_sub(1)
        .is_none_or(|before| field(lines, before) != field(lines, at))
}

/// The room for the text within the pane.
pub fn room(app: &App) -> (usize, usize) {
    let area = area(app);
    let width = usize::from(area.width).saturating_sub(3);
    (width, usize::from(area.height.saturating_sub(1)))
}

pub fn render(app: &App, state: &State, buf: &mut Buffer) {
    let area = area(app);
    let blank = " ".repeat(area.width.into());
    for y in area.y..area.bottom() {
        put(buf, (area.x, y), area.right(), &blank, Style::default());
    }
    let name = say(app.lang, "ui.explained", &[]);
    let hint = say(app.lang, "ui.explained.hint", &[]);
    let inside = heading(buf, area, &name, &hint, app.theme, true);
    let (width, height) = room(app);
    let waits = match &state.answer {
        None => Some(say(app.lang, "ui.explained.wait", &[])),
        Some(Err(why)) => Some(why.clone()),
        Some(Ok(_)) => None,
    };
    if let Some(text) = waits {
        for (line, y) in wrap(&text, width).iter().zip(inside.y + 1..inside.bottom()) {
            put(
                buf,
                (inside.x + 2, y),
                inside.right(),
                line,
                app.theme.dim(),
            );
        }
        return;
    }
    let lines = text(state, width);
    let lit = field(&lines, state.at);
    let pinned = pinned(&lines, lit, state.top, height);
    for (row, y) in (inside.y..inside.bottom()).enumerate() {
        let at = match pinned.get(row) {
            Some(at) => *at,
            None => state.top + row,
        };
        let Some(line) = lines.get(at) else { break };
        self::line(app, line, (inside.x, y), inside.right(), lit, buf);
        if at == state.at {
            put(buf, (inside.x, y), inside.right(), "▸", app.theme.bold());
        }
    }
}

/// The lines of the picture with the field that one is at, where they would be out of sight: they stay on top.
fn pinned(lines: &[Line], lit: Option<usize>, top: usize, height: usize) -> Vec<usize> {
    let Some(lit) = lit else {
        return Vec::new();
    };
    let has = |at: &usize| {
        drawn(lines, *at)
            && lines
                .get(*at)
                .is_some_and(|line| line.cells.iter().any(|it| it.0 == lit))
    };
    let picture: Vec<_> = (0..lines.len()).filter(has).collect();
    let seen = picture.iter().all(|at| (top..top + height).contains(at));
    // No more than half of the pane, and the first of them say most.
    let room = if seen { 0 } else { height / 2 };
    picture.into_iter().take(room).collect()
}

fn line(
    app: &App,
    line: &Line,
    (x, y): (u16, u16),
    end: u16,
    lit: Option<usize>,
    buf: &mut Buffer,
) {
    let style = match line.look {
        Look::Title | Look::Heading => app.theme.bold(),
        Look::Dim => app.theme.dim(),
        Look::Plain => app.theme.plain(),
    };
    put(buf, (x + 1, y), end, &line.text, style);
    for (cell, columns) in &line.cells {
        if Some(*cell) == lit {
            let from = x + 1 + columns.start as u16;
            let to = (x + 1 + columns.end as u16).min(end);
            let area = Rect {
                x: from,
                y,
                width: to.saturating_sub(from),
                height: 1,
            };
            buf.set_style(area, app.theme.linked());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::tui::fixture::{Bench, LARGE, SMALL};
    use insta::assert_snapshot;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::style::Modifier;
    use wscope::explain::Lang;

    /// What is lit: the characters of cells that stand out.
    fn lit(bench: &Bench) -> String {
        let size = bench.app.size;
        let mut terminal = Terminal::new(TestBackend::new(size.width, size.height)).unwrap();
        terminal
            .draw(|frame| crate::tui::view::view(&bench.app, frame))
            .unwrap();
        let buf = terminal.backend().buffer();
        let linked = bench.app.theme.linked();
        let lit = buf.content.iter().filter(|cell| {
            let on = linked.add_modifier;
            cell.style().add_modifier.contains(on) && on != Modifier::empty()
        });
        lit.map(|cell| cell.symbol()).collect()
    }

    #[test]
    fn a_masked_frame_on_a_large_screen() {
        let mut bench = Bench::new("tour.pcapng", LARGE);
        bench.app.at = Some("16.0".parse().unwrap());
        assert_snapshot!(bench.press("f:at 16.0\ne").screen());
    }

    #[test]
    fn a_field_lights_up_its_bits_on_a_small_screen() {
        let mut bench = Bench::new("tour.pcapng", SMALL);
        bench.press("f:at 16.0\ne");
        assert_eq!(lit(&bench), "");
        // FIN, RSV1, RSV2, RSV3, opcode.
        bench.press("lllll");
        let lit = lit(&bench);
        assert!(lit.contains("0 0 0 1") && lit.contains("opcode"), "{lit}");
        assert_snapshot!(bench.screen());
    }

    #[test]
    fn it_follows_the_selection_and_speaks_chinese() {
        let mut bench = Bench::new("tour.pcapng", SMALL);
        bench.app.lang = Lang::Zh;
        bench.press("f:at 16.0\ne");
        assert!(bench.screen().contains("客户端发出"), "{}", bench.screen());
        bench.press("]");
        assert_snapshot!(bench.screen());
    }

    #[test]
    fn findings_and_acknowledgements_are_explained_too() {
        let mut bench = Bench::new("violations.pcapng", LARGE);
        let findings: Vec<_> = bench
            .app
            .index
            .tracks()
            .iter()
            .flat_map(|track| {
                track.those(|kind| matches!(kind, wscope::model::EventKind::Finding(_)))
            })
            .map(|event| event.id)
            .collect();
        assert!(findings.len() > 5);
        for id in findings.iter().take(6) {
            bench.press(&format!(":at {id}\ne"));
            let screen = bench.screen();
            assert!(
                screen.contains("Rule broken") || screen.contains("Not decidable"),
                "{screen}"
            );
            bench.press("<");
        }
        let mut bench = Bench::new("tour.pcapng", SMALL);
        bench.press("fffgjjje");
        assert!(bench.screen().contains("ACK"), "{}", bench.screen());
    }
}
