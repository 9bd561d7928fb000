//! What the events of a step mean, over the step: as `e` shows it on the screen.

use super::page::bar;
use crate::tui::theme::{Theme, ascii};
use crossterm::event::KeyCode;
use ratatui::text::Line;
use wscope::explain::{self, Explanation, Lang, Look};

/// The explanations of a step's events, and what of them is seen.
pub struct Told {
    told: Vec<Explanation>,
    /// Which of them.
    at: usize,
    /// Its first line on the screen.
    top: usize,
}

impl Told {
    /// None where there is nothing to explain.
    pub fn new(told: Vec<Explanation>) -> Option<Self> {
        (!told.is_empty()).then_some(Self {
            told,
            at: 0,
            top: 0,
        })
    }

    /// Does what a key asks for; whether the explanation stays.
    fn key(&mut self, code: KeyCode, (width, height): (u16, u16)) -> bool {
        let room = usize::from(height.saturating_sub(2)).max(1);
        let lines = self.lines(width).len();
        let last = lines.saturating_sub(room);
        let page = room.saturating_sub(1).max(1);
        self.top = match code {
            KeyCode::Char('e' | 'q') | KeyCode::Esc | KeyCode::Backspace => return false,
            KeyCode::Down | KeyCode::Char('j') => self.top + 1,
            KeyCode::Up | KeyCode::Char('k') => self.top.saturating_sub(1),
            KeyCode::Char(' ') | KeyCode::PageDown | KeyCode::Enter => self.top + page,
            KeyCode::PageUp => self.top.saturating_sub(page),
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => last,
            KeyCode::Char(']') | KeyCode::Right => return self.turn(self.at + 1),
            KeyCode::Char('[') | KeyCode::Left => return self.turn(self.at.saturating_sub(1)),
            _ => self.top,
        }
        .min(last);
        true
    }

    /// The same after a key; none where it leads back to the step.
    pub fn after(mut self, code: KeyCode, size: (u16, u16)) -> Option<Self> {
        self.key(code, size).then_some(self)
    }

    /// Shows another event, if there is one.
    fn turn(&mut self, to: usize) -> bool {
        if to != self.at && to < self.told.len() {
            (self.at, self.top) = (to, 0);
        }
        true
    }

    fn lines(&self, width: u16) -> Vec<explain::Line> {
        let told = self.told.get(self.at);
        let width = usize::from(width).saturating_sub(1);
        told.map_or_else(Vec::new, |told| explain::lines(told, width))
    }

    /// A page of it.
    pub fn page(
        &self,
        (width, height): (u16, u16),
        lang: Lang,
        theme: Theme,
    ) -> Vec<Line<'static>> {
        let all = self.lines(width);
        let room = usize::from(height.saturating_sub(2));
        let (at, of) = (self.at + 1, self.told.len());
        let head = match lang {
            Lang::En => format!("explained - event {at} of {of}"),
            Lang::Zh => format!("讲解 · 第 {at} 个事件，共 {of} 个"),
        };
        let keys = match lang {
            Lang::En => "↑↓ lines   Space page   [ ] events   e back to the step",
            Lang::Zh => "↑↓ 逐行   空格 翻页   [ ] 事件   e 回到这一步",
        };
        let wide = usize::from(width);
        // The words of a language are left as they are.
        let sign = |c: char| match ascii(c.encode_utf8(&mut [0; 4])) {
            _ if c.is_ascii() => c.to_string(),
            "?" => c.to_string(),
            sign => sign.to_owned(),
        };
        let plain = |text: &str| match theme.ascii {
            true => text.chars().map(sign).collect(),
            false => text.to_owned(),
        };
        let mut lines = vec![bar(&plain(&head), wide, theme)];
        for line in all.iter().skip(self.top).take(room) {
            let style = match line.look {
                Look::Title | Look::Heading => theme.bold(),
                Look::Dim => theme.dim(),
                Look::Plain => theme.plain(),
            };
            lines.push(Line::styled(format!(" {}", plain(&line.text)), style));
        }
        lines.resize(room + 1, Line::default());
        lines.push(bar(&plain(keys), wide, theme));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::Palette;
    use wscope::lesson;

    const THEME: Theme = Theme {
        palette: Palette::None,
        ascii: false,
    };

    fn screen(told: &Told, lang: Lang) -> String {
        let lines = told.page((80, 24), lang, THEME);
        assert_eq!(lines.len(), 24);
        for line in &lines {
            assert!(line.width() <= 80, "{} columns: {line}", line.width());
        }
        let lines: Vec<_> = lines.iter().map(|line| line.to_string()).collect();
        let lines: Vec<_> = lines.iter().map(|line| line.trim_end()).collect();
        lines.join("\n")
    }

    /// Every event that a step points at is explained, in both languages, and no line is too wide.
    #[test]
    fn every_step_has_its_explanation() {
        for lesson in lesson::lessons() {
            let open = lesson.open().unwrap();
            for nth in 0..open.len() {
                for lang in Lang::ALL {
                    let told = open.explained(nth, lang);
                    let place = format!("lesson {} step {} {lang}", lesson.number, nth + 1);
                    assert_eq!(told.len(), lesson.steps[nth].at.len(), "{place}");
                    screen(&Told::new(told).unwrap(), lang);
                }
            }
        }
    }

    #[test]
    fn keys_scroll_turn_and_lead_back() {
        let lesson = lesson::lessons().find(|it| it.number == 14).unwrap();
        let open = lesson.open().unwrap();
        let mut told = Told::new(open.explained(0, Lang::En)).unwrap();
        let size = (80, 24);
        assert!(screen(&told, Lang::En).contains("event 1 of 2"));
        assert!(told.key(KeyCode::Char(']'), size) && told.at == 1);
        assert!(told.key(KeyCode::Right, size) && told.at == 1);
        assert!(told.key(KeyCode::End, size));
        let end = told.top;
        assert!(end > 0 && told.key(KeyCode::Down, size) && told.top == end);
        assert!(told.key(KeyCode::Char('['), size) && told.top == 0);
        assert!(!told.key(KeyCode::Char('e'), size) && !told.key(KeyCode::Esc, size));
        assert!(Told::new(Vec::new()).is_none());
    }

    #[test]
    fn a_step_explained_in_chinese() {
        let lesson = lesson::lessons().find(|it| it.number == 14).unwrap();
        let open = lesson.open().unwrap();
        let told = Told::new(open.explained(3, Lang::Zh)).unwrap();
        insta::assert_snapshot!(screen(&told, Lang::Zh));
    }
}
