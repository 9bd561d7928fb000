//! The line at the bottom in which one types: filters, searches, commands, names of files, notes.

use super::canvas::{fit, put};
use super::keys::COMMANDS;
use super::sift::Pattern;
use super::theme::Theme;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::collections::HashMap;
use std::ops::Range;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};
use wscope::explain::texts::tr;
use wscope::explain::{Lang, said};
use wscope::field::Filter;
use wscope::field::filter::complete;

/// What is being typed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Purpose {
    Filter,
    Search,
    Command,
    Save,
    Export,
    Note,
}

impl Purpose {
    fn sign(self) -> &'static str {
        match self {
            Self::Filter => "filter & ",
            Self::Search => "search / ",
            Self::Command => ": ",
            Self::Save => "save payload to: ",
            Self::Export => "save packets to: ",
            Self::Note => "note: ",
        }
    }
}

/// What was typed before, by purpose.
pub type Histories = HashMap<Purpose, Vec<String>>;

#[derive(Debug)]
pub struct Prompt {
    pub purpose: Purpose,
    text: Vec<char>,
    cursor: usize,
    /// How far back in the history.
    back: usize,
    /// Which completion Tab chose last.
    chosen: Option<usize>,
    /// What Tab can put there, from this character on.
    choices: Vec<(usize, String, String)>,
    /// What is wrong, and where.
    wrong: Option<(Range<usize>, String)>,
}

/// What a key did.
pub enum Typed {
    More,
    Done(String),
    Gone,
}

impl Prompt {
    pub fn new(purpose: Purpose, text: &str) -> Self {
        let text: Vec<char> = text.chars().filter(|c| !c.is_control()).collect();
        let mut prompt = Self {
            purpose,
            cursor: text.len(),
            text,
            back: 0,
            chosen: None,
            choices: Vec::new(),
            wrong: None,
        };
        prompt.check();
        prompt
    }

    pub fn text(&self) -> String {
        self.text.iter().collect()
    }

    pub fn key(&mut self, key: KeyEvent, histories: &Histories) -> Typed {
        if key.kind == KeyEventKind::Release {
            return Typed::More;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return Typed::Gone,
            KeyCode::Char('c') if control => return Typed::Gone,
            KeyCode::Enter => {
                let empty = self.text.is_empty();
                return if self.wrong.is_none() || empty {
                    Typed::Done(self.text())
                } else {
                    Typed::More
                };
            }
            KeyCode::Tab => return self.tab(1),
            KeyCode::BackTab => return self.tab(-1),
            KeyCode::Up | KeyCode::Down => {
                let history = histories.get(&self.purpose).map_or(&[][..], Vec::as_slice);
                self.back = match key.code {
                    KeyCode::Up => (self.back + 1).min(history.len()),
                    _ => self.back.saturating_sub(1),
                };
                let old = self
                    .back
                    .checked_sub(1)
                    .map(|back| &history[history.len() - 1 - back]);
                self.text = old.map(|old| old.chars().collect()).unwrap_or_default();
                self.cursor = self.text.len();
            }
            KeyCode::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Right => self.cursor = (self.cursor + 1).min(self.text.len()),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            KeyCode::Char('a') if control => self.cursor = 0,
            KeyCode::Char('e') if control => self.cursor = self.text.len(),
            KeyCode::Char('u') if control => {
                self.text.drain(..self.cursor);
                self.cursor = 0;
            }
            KeyCode::Char('w') if control => {
                let before = &self.text[..self.cursor];
                let word = before
                    .iter()
                    .rposition(|c| !c.is_whitespace())
                    .map_or(0, |end| {
                        before[..end]
                            .iter()
                            .rposition(|c| c.is_whitespace())
                            .map_or(0, |at| at + 1)
                    });
                self.text.drain(word..self.cursor);
                self.cursor = word;
            }
            KeyCode::Backspace if self.cursor > 0 => {
                self.cursor -= 1;
                self.text.remove(self.cursor);
            }
            KeyCode::Backspace if self.text.is_empty() => return Typed::Gone,
            KeyCode::Delete if self.cursor < self.text.len() => _ = self.text.remove(self.cursor),
            KeyCode::Char(c) if !control && !c.is_control() => {
                self.text.insert(self.cursor, c);
                self.cursor += 1;
            }
            _ => return Typed::More,
        }
        self.check();
        Typed::More
    }

    /// Takes pasted text.
    pub fn paste(&mut self, text: &str) {
        for c in text.chars().filter(|c| !c.is_control()) {
            self.text.insert(self.cursor, c);
            self.cursor += 1;
        }
        self.check();
    }

    /// Puts the next completion where the last one stands.
    fn tab(&mut self, by: isize) -> Typed {
        if self.choices.is_empty() {
            return Typed::More;
        }
        let count = self.choices.len() as isize;
        let next = self
            .chosen
            .map_or(0, |at| (at as isize + by).rem_euclid(count)) as usize;
        let (from, text, _) = self.choices[next].clone();
        let choices = self.choices.clone();
        self.text.splice(from..self.cursor, text.chars());
        self.cursor = from + text.chars().count();
        self.check();
        self.choices = choices;
        self.chosen = Some(next);
        Typed::More
    }

    /// Looks at what stands there now: what is wrong, and how it may go on.
    fn check(&mut self) {
        let text = self.text();
        let before: String = self.text[..self.cursor].iter().collect();
        self.chosen = None;
        self.wrong = None;
        self.choices.clear();
        match self.purpose {
            Purpose::Filter => {
                self.choices = complete(&before)
                    .into_iter()
                    .map(|it| (it.from, it.text.to_owned(), it.doc.to_owned()))
                    .collect();
                if let Err(problem) = Filter::new(&text) {
                    self.wrong = Some((problem.at.clone(), problem.to_string()));
                }
            }
            Purpose::Search => {
                if let Err(why) = Pattern::new(&text) {
                    self.wrong = Some((0..self.text.len(), why));
                }
            }
            Purpose::Command => {
                self.choices = COMMANDS
                    .iter()
                    .filter(|command| command.name.starts_with(&before))
                    .map(|command| (0, command.name.to_owned(), command.help.to_owned()))
                    .collect();
                let word = text.split(' ').next().unwrap_or_default();
                if !COMMANDS.iter().any(|command| command.name == word) {
                    self.wrong = Some((
                        0..word.chars().count(),
                        "no such command; Tab completes".into(),
                    ));
                }
            }
            Purpose::Save | Purpose::Export => {
                if std::path::Path::new(&text).exists() {
                    self.wrong = Some((0..self.text.len(), "is there already".into()));
                }
            }
            Purpose::Note => {}
        }
    }

    /// Draws it over the last rows of the screen; answers with where the cursor stands.
    pub fn render(&self, theme: Theme, lang: Lang, area: Rect, buf: &mut Buffer) -> (u16, u16) {
        let rows = 3.min(area.height);
        let top = area.bottom().saturating_sub(rows);
        for y in top..area.bottom() {
            for x in area.x..area.right() {
                buf[(x, y)].reset();
            }
        }
        let y = top + rows.saturating_sub(2).min(1);
        let sign = &tr(lang, self.purpose.sign(), &[]);
        let start = put(buf, (area.x + 1, y), area.right(), sign, theme.bold());
        let width = usize::from(area.right().saturating_sub(start + 1)).max(1);
        // The window on a long text moves with the cursor.
        let columns = |range: Range<usize>| -> usize {
            self.text[range]
                .iter()
                .map(|c| c.width().unwrap_or(1))
                .sum()
        };
        let mut from = 0;
        while columns(from..self.cursor) >= width {
            from += 1;
        }
        let shown: String = self.text[from..].iter().collect();
        let known = self.wrong.is_none();
        let style = if known { theme.good() } else { theme.plain() };
        put(buf, (start, y), area.right(), &fit(&shown, width), style);
        let cursor = (start + columns(from..self.cursor) as u16, y);
        if y + 1 < area.bottom() {
            self.under((theme, lang), from, (start, y + 1), area, buf);
        }
        if y > top {
            self.over((theme, lang), (area.x + 1, top), area, buf);
        }
        cursor
    }

    /// What is wrong, with a mark under it.
    fn under(
        &self,
        (theme, lang): (Theme, Lang),
        from: usize,
        (start, y): (u16, u16),
        area: Rect,
        buf: &mut Buffer,
    ) {
        let Some((at, why)) = self.wrong.as_ref().filter(|_| !self.text.is_empty()) else {
            let hint = match self.purpose {
                Purpose::Filter => "Enter shows only these   Tab completes   ↑ older   empty: all",
                Purpose::Search => "text, re:REGEX or hex:81 7e   n next   N previous",
                _ => "Enter does it   Esc gives up",
            };
            let hint = tr(lang, hint, &[]);
            put(buf, (area.x + 1, y), area.right(), &hint, theme.dim());
            return;
        };
        let why = &said(lang, &tr(lang, why, &[]));
        let width = |text: &[char]| -> usize { text.iter().map(|c| c.width().unwrap_or(1)).sum() };
        let first = at.start.clamp(from, self.text.len().max(from));
        let before =
            width(&self.text[from.min(self.text.len())..first.min(self.text.len())]) as u16;
        let marks = at.end.saturating_sub(at.start).max(1);
        let x = put(
            buf,
            (start + before, y),
            area.right(),
            &"^".repeat(marks.min(40)),
            theme.bad(),
        );
        let room = area.right().saturating_sub(x + 1);
        if usize::from(room) > why.width().min(30) {
            put(buf, (x + 1, y), area.right(), why, theme.bad());
        } else {
            put(buf, (area.x + 1, y), start + before, why, theme.bad());
        }
    }

    /// How it may go on.
    fn over(&self, (theme, lang): (Theme, Lang), (x, y): (u16, u16), area: Rect, buf: &mut Buffer) {
        let skip = self.chosen.unwrap_or(0).saturating_sub(2);
        let mut x = x;
        for (at, (_, text, doc)) in self.choices.iter().enumerate().skip(skip) {
            if x + 4 > area.right() {
                break;
            }
            let on = self.chosen == Some(at);
            let style = if on {
                theme.selected(true)
            } else {
                theme.dim()
            };
            x = put(buf, (x, y), area.right(), text, style) + 1;
            if (on || self.choices.len() == 1) && !doc.is_empty() {
                x = put(
                    buf,
                    (x, y),
                    area.right(),
                    &format!("({})", tr(lang, doc, &[])),
                    theme.dim(),
                ) + 1;
            }
            x += 1;
        }
    }
}

#[cfg(test)]
mod tests;
