//! Presenter mode: a lesson step by step, one key each.

mod page;
mod told;

use super::msg::Msg;
use super::{Screen, Theme, jobs};
use anyhow::{Context as _, Result};
use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};
use page::{Head, page};
pub use page::{join, wrap};
use ratatui::text::Text;
use std::sync::mpsc;
use told::Told;
use wscope::explain::Lang;
use wscope::lesson::{Lesson, Open};

/// Shows a lesson until someone quits.
pub fn run(lesson: &'static Lesson, open: &Open, lang: Lang, theme: Theme) -> Result<()> {
    let (queue, messages) = mpsc::sync_channel(jobs::QUEUE);
    jobs::watch_signals(queue.clone()).context("cannot watch for signals")?;
    let mut screen = Screen::open().context("cannot use this terminal")?;
    jobs::listen(queue);
    let mut at = 0;
    let mut told: Option<Told> = None;
    loop {
        let head = Head {
            lesson,
            nth: at,
            of: open.len(),
        };
        screen.terminal.draw(|frame| {
            let area = frame.area();
            if let Some(told) = &told {
                let page = told.page((area.width, area.height), lang, theme);
                frame.render_widget(Text::from(page), area);
            } else if let Some(slide) = open.slide(at, lang) {
                let page = page(&slide, head, (area.width, area.height), lang, theme);
                frame.render_widget(Text::from(page.lines), area);
            }
        })?;
        match messages.recv() {
            Ok(Msg::Input(Event::Key(key))) if key.kind != KeyEventKind::Release => {
                let control = key.modifiers.contains(KeyModifiers::CONTROL);
                match (key.code, control) {
                    (KeyCode::Char('z'), true) => screen.suspend()?,
                    (KeyCode::Char('c'), true) => return Ok(()),
                    (code, _) if told.is_some() => {
                        let size = screen.terminal.size()?;
                        told = told.and_then(|told| told.after(code, (size.width, size.height)));
                    }
                    (KeyCode::Char('e'), false) => told = Told::new(open.explained(at, lang)),
                    (code, control) => match turn(code, control, at, open.len()) {
                        Some(next) => at = next,
                        None => return Ok(()),
                    },
                }
            }
            Ok(Msg::Suspend) => screen.suspend()?,
            Ok(Msg::Stop) | Err(_) => return Ok(()),
            // A new size, or the mouse: the page is drawn anew.
            Ok(_) => {}
        }
    }
}

/// Which step a key leads to; none where it ends the lesson.
fn turn(code: KeyCode, control: bool, at: usize, of: usize) -> Option<usize> {
    let last = of.saturating_sub(1);
    Some(match code {
        KeyCode::Char('c') if control => return None,
        KeyCode::Char('q') | KeyCode::Esc => return None,
        KeyCode::Char(' ' | 'n' | 'l' | 'j') | KeyCode::Right | KeyCode::Down => (at + 1).min(last),
        KeyCode::Enter | KeyCode::PageDown => (at + 1).min(last),
        KeyCode::Left | KeyCode::Up | KeyCode::Backspace | KeyCode::PageUp => at.saturating_sub(1),
        KeyCode::Char('p' | 'h' | 'k') => at.saturating_sub(1),
        KeyCode::Home | KeyCode::Char('g') => 0,
        KeyCode::End | KeyCode::Char('G') => last,
        KeyCode::Char(digit @ '1'..='9') => (digit as usize - '1' as usize).min(last),
        KeyCode::Char('0') => 9.min(last),
        _ => at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_on_and_back_and_never_beyond() {
        let go = |code, at| turn(code, false, at, 6);
        assert_eq!(go(KeyCode::Char(' '), 0), Some(1));
        assert_eq!(go(KeyCode::Right, 5), Some(5));
        assert_eq!(go(KeyCode::Left, 0), Some(0));
        assert_eq!(go(KeyCode::Backspace, 3), Some(2));
        assert_eq!(go(KeyCode::Home, 3), Some(0));
        assert_eq!(go(KeyCode::End, 0), Some(5));
        assert_eq!(go(KeyCode::Char('3'), 0), Some(2));
        assert_eq!(go(KeyCode::Char('9'), 0), Some(5));
        assert_eq!(go(KeyCode::Char('x'), 4), Some(4));
        assert_eq!(go(KeyCode::Char('q'), 4), None);
        assert_eq!(turn(KeyCode::Char('c'), true, 4, 6), None);
    }
}
