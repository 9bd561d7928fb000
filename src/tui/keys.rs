//! What each key does: one table for dispatch, footer and help.

use super::app::Pane;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// Something that a key asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Next,
    Previous,
    NextPane,
    PreviousPane,
    Open,
    Back,
    Zoom,
    Fold,
    Unfold,
    Cycle,
    Clock,
    Pause,
    Help,
    Quit,
}

/// A line of the table.
pub struct Binding {
    pub keys: &'static [KeyCode],
    /// The keys as help shows them.
    pub name: &'static str,
    pub action: Action,
    pub help: &'static str,
    /// The word in the footer, and the panes where it stands there; not in it where empty.
    pub footer: &'static str,
    pub panes: &'static [Pane],
}

const ANYWHERE: &[Pane] = &[Pane::Connections, Pane::Timeline, Pane::Detail, Pane::Bytes];
const LISTS: &[Pane] = &[Pane::Connections, Pane::Timeline];
const TIMELINE: &[Pane] = &[Pane::Timeline];
const READING: &[Pane] = &[Pane::Detail, Pane::Bytes];

#[rustfmt::skip]
pub const KEYS: &[Binding] = {
    use Action as A;
    use KeyCode as K;
    &[
        Binding { keys: &[K::Up, K::Char('k')], name: "↑ k", action: A::Up, help: "the line above", footer: "", panes: &[] },
        Binding { keys: &[K::Down, K::Char('j')], name: "↓ j", action: A::Down, help: "the line below", footer: "", panes: &[] },
        Binding { keys: &[K::PageUp], name: "PgUp", action: A::PageUp, help: "a page up", footer: "", panes: &[] },
        Binding { keys: &[K::PageDown, K::Char(' ')], name: "PgDn Space", action: A::PageDown, help: "a page down", footer: "", panes: &[] },
        Binding { keys: &[K::Home, K::Char('g')], name: "Home g", action: A::First, help: "the first line", footer: "", panes: &[] },
        Binding { keys: &[K::End, K::Char('G')], name: "End G", action: A::Last, help: "the last line", footer: "", panes: &[] },
        Binding { keys: &[K::Enter], name: "Enter", action: A::Open, help: "look closer: connection, timeline, bytes, full screen", footer: "open", panes: LISTS },
        Binding { keys: &[K::Char('f')], name: "f", action: A::Cycle, help: "fold: messages only, with frames, with TCP", footer: "fold", panes: TIMELINE },
        Binding { keys: &[K::Char('+'), K::Char('=')], name: "+", action: A::Unfold, help: "show one level more", footer: "", panes: &[] },
        Binding { keys: &[K::Char('-')], name: "-", action: A::Fold, help: "show one level less", footer: "", panes: &[] },
        Binding { keys: &[K::Char('n')], name: "n", action: A::Next, help: "the next line, from any pane", footer: "next", panes: READING },
        Binding { keys: &[K::Char('p')], name: "p", action: A::Previous, help: "the previous line, from any pane", footer: "previous", panes: READING },
        Binding { keys: &[K::Char('t')], name: "t", action: A::Clock, help: "time since the start, since the line above, of day", footer: "time", panes: TIMELINE },
        Binding { keys: &[K::Char('P')], name: "P", action: A::Pause, help: "live: stand still, and go on; what comes meanwhile is kept", footer: "", panes: &[] },
        Binding { keys: &[K::Tab, K::Right, K::Char('l')], name: "Tab → l", action: A::NextPane, help: "the next pane", footer: "pane", panes: ANYWHERE },
        Binding { keys: &[K::BackTab, K::Left, K::Char('h')], name: "S-Tab ← h", action: A::PreviousPane, help: "the pane before", footer: "", panes: &[] },
        Binding { keys: &[K::Char('z')], name: "z", action: A::Zoom, help: "this pane alone, and back", footer: "zoom", panes: ANYWHERE },
        Binding { keys: &[K::Esc, K::Backspace], name: "Esc", action: A::Back, help: "back", footer: "back", panes: READING },
        Binding { keys: &[K::Char('?'), K::F(1)], name: "?", action: A::Help, help: "this page", footer: "help", panes: ANYWHERE },
        Binding { keys: &[K::Char('q')], name: "q Ctrl-C", action: A::Quit, help: "quit", footer: "quit", panes: ANYWHERE },
    ]
};

/// What a key asks for.
pub fn action(key: KeyEvent) -> Option<Action> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key
        .modifiers
        .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
    {
        let quit = key.modifiers == KeyModifiers::CONTROL && key.code == KeyCode::Char('c');
        return quit.then_some(Action::Quit);
    }
    KEYS.iter()
        .find(|binding| binding.keys.contains(&key.code))
        .map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things() {
        let mut seen = Vec::new();
        for key in KEYS.iter().flat_map(|binding| binding.keys) {
            assert!(!seen.contains(key), "{key}");
            seen.push(*key);
        }
    }

    #[test]
    fn control_and_a_letter_are_not_the_letter() {
        let key = |code, modifiers| action(KeyEvent::new(KeyCode::Char(code), modifiers));
        assert_eq!(key('c', KeyModifiers::CONTROL), Some(Action::Quit));
        assert_eq!(key('q', KeyModifiers::CONTROL), None);
        assert_eq!(key('G', KeyModifiers::SHIFT), Some(Action::Last));
    }
}
