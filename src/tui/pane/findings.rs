//! All findings of the capture, worst first.

use crate::tui::app::App;
use crate::tui::canvas::{heading, put, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use wscope::explain::{of_rule, pad, said, texts::word};
use wscope::model::{Event, EventKind, Finding, Severity, Verdict};
use wscope::sink::{Escaped, Index, Moved};

/// Findings that are listed at most.
const MOST: usize = 20_000;

#[derive(Debug, Default)]
pub struct State {
    /// Each with the place of its connection.
    pub list: Vec<(usize, Box<Event>)>,
    pub at: usize,
    pub top: usize,
}

impl State {
    /// Connections have moved up in the list.
    pub fn moved(&mut self, moved: &Moved) {
        self.list.retain_mut(|(at, _)| match moved.to(*at) {
            Some(now) => {
                *at = now;
                true
            }
            None => false,
        });
        self.at = self.at.min(self.list.len().saturating_sub(1));
    }

    /// What was found so far: worst first, then as it came.
    pub fn new(index: &Index) -> Self {
        let mut list: Vec<_> = index
            .tracks()
            .iter()
            .enumerate()
            .filter(|(_, track)| track.findings.iter().any(|&count| count > 0))
            .flat_map(|(at, track)| track.those(is_failure).map(move |event| (at, event)))
            .take(MOST)
            .map(|(at, event)| (at, Box::new(event)))
            .collect();
        list.sort_by_key(|(_, event)| {
            let severity = finding(event).map_or(Severity::Note, |it| it.severity);
            (std::cmp::Reverse(severity), event.id)
        });
        Self {
            list,
            at: 0,
            top: 0,
        }
    }

    pub fn step(&mut self, by: isize, height: usize) {
        let last = self.list.len().saturating_sub(1);
        self.at = self.at.saturating_add_signed(by).min(last);
        let height = height.saturating_sub(DETAIL.into()).max(1);
        self.top = self
            .top
            .min(self.at)
            .max((self.at + 1).saturating_sub(height));
    }
}

fn is_failure(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Finding(finding) if finding.verdict == Verdict::Fail)
}

pub fn finding(event: &Event) -> Option<&Finding> {
    match &event.kind {
        EventKind::Finding(finding) => Some(finding),
        _ => None,
    }
}

/// Rows that the selected finding has for itself.
const DETAIL: u16 = 7;

pub fn render(app: &App, state: &State, area: Rect, buf: &mut Buffer) {
    let name = app.tr("{n} {n|finding|findings}", &[("n", &state.list.len())]);
    let inside = heading(
        buf,
        area,
        &name,
        &app.tr("Enter go there   Esc back", &[]),
        app.theme,
        true,
    );
    if state.list.is_empty() {
        let text = if app.load.done {
            "Nobody broke a rule that wscope could judge."
        } else {
            "None so far."
        };
        put(
            buf,
            (inside.x + 2, inside.y + 1),
            inside.right(),
            &app.tr(text, &[]),
            app.theme.dim(),
        );
        return;
    }
    let list = inside.height.saturating_sub(DETAIL);
    for ((at, (_, event)), y) in state
        .list
        .iter()
        .enumerate()
        .skip(state.top)
        .zip(inside.y..inside.y + list)
    {
        let Some(finding) = finding(event) else {
            continue;
        };
        let style = app.theme.severity(finding.severity);
        let line = format!(
            "{} #{:<4} {} {:<28} {}",
            pad(&word(app.lang, "severity", finding.severity.word()), 7),
            event.conn.to_string(),
            pad(&app.tr(finding.side.sender(), &[]), 6),
            finding.rule,
            Escaped(&said(app.lang, &finding.text)),
        );
        put(buf, (inside.x + 2, y), inside.right(), &line, style);
        if at == state.at {
            put(buf, (inside.x, y), inside.right(), "▸", app.theme.plain());
            buf.set_style(
                Rect {
                    y,
                    height: 1,
                    ..inside
                },
                app.theme.selected(true),
            );
        }
    }
    let Some(finding) = state
        .list
        .get(state.at)
        .and_then(|(_, event)| finding(event))
    else {
        return;
    };
    let below = Rect {
        y: inside.y + list,
        height: inside.height - list,
        ..inside
    };
    let text = heading(
        buf,
        below,
        &format!("{}, {}", finding.rule, app.tr(finding.section, &[])),
        "",
        app.theme,
        false,
    );
    let said = said(app.lang, &finding.text);
    let rule = wscope::rules::find(finding.rule);
    let cause = rule.map_or(finding.cause, |rule| of_rule(app.lang, rule).cause);
    let lines = [&said, &app.tr("usual cause:", &[]), cause].join("\n");
    let wrapped = lines.lines().flat_map(|line| {
        wrap(
            &Escaped(line).to_string(),
            usize::from(text.width).saturating_sub(4),
        )
    });
    for (line, y) in wrapped.zip(text.y..text.bottom()) {
        put(buf, (text.x + 2, y), text.right(), &line, app.theme.plain());
    }
}

#[cfg(test)]
mod tests {
    use crate::tui::fixture::{Bench, LARGE, SMALL};
    use insta::assert_snapshot;

    #[test]
    fn violations_on_a_small_screen() {
        let mut bench = Bench::new("violations.pcapng", SMALL);
        assert_snapshot!(bench.press("Fjj").screen());
    }

    #[test]
    fn violations_on_a_large_screen_and_where_they_lead() {
        let mut bench = Bench::new("violations.pcapng", LARGE);
        let list = bench.press("Fj").screen();
        assert_snapshot!(format!("{list}\n{}", bench.press("\n").screen()));
    }
}
