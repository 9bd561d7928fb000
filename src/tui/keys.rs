//! What each key does: one table for dispatch, footer, help and the palette.

use super::app::Pane;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// Something that a key asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    Up,
    Down,
    Left,
    Right,
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
    Return,
    Zoom,
    Fold,
    Unfold,
    Cycle,
    Clock,
    Pause,
    View,
    Sort,
    Choose,
    Together,
    Filter,
    Search,
    NextHit,
    PreviousHit,
    Command,
    Explain,
    Findings,
    Stats,
    Mark,
    Note,
    NextMark,
    Compare,
    Copy,
    CopyCommand,
    Save,
    Export,
    Grow,
    Shrink,
    Theme,
    Help,
    Suspend,
    Quit,
}

/// A line of the table.
pub struct Binding {
    pub keys: &'static [KeyCode],
    /// The keys as help shows them.
    pub name: &'static str,
    pub action: Action,
    pub help: &'static str,
    /// The word in the footer; not in it where empty.
    pub footer: &'static str,
    /// Where it does something.
    pub panes: &'static [Pane],
}

const ANYWHERE: &[Pane] = &Pane::ALL;
const LISTS: &[Pane] = &[Pane::Connections, Pane::Timeline];
const CONNECTIONS: &[Pane] = &[Pane::Connections];
const TIMELINE: &[Pane] = &[Pane::Timeline];
const READING: &[Pane] = &[Pane::Detail, Pane::Bytes];
const EVENTS: &[Pane] = &[Pane::Timeline, Pane::Detail, Pane::Bytes];

#[rustfmt::skip]
pub const KEYS: &[Binding] = {
    use Action as A;
    use KeyCode as K;
    &[
        Binding { keys: &[K::Enter], name: "Enter", action: A::Open, help: "look closer: timeline, bytes; in the detail follow a link", footer: "open", panes: ANYWHERE },
        Binding { keys: &[K::Char('e')], name: "e", action: A::Explain, help: "explain the event, bit by bit; ← → go from field to field", footer: "explain", panes: EVENTS },
        Binding { keys: &[K::Char('f')], name: "f", action: A::Cycle, help: "fold: messages, with frames, with TCP, with every ACK", footer: "fold", panes: TIMELINE },
        Binding { keys: &[K::Char('+'), K::Char('=')], name: "+", action: A::Unfold, help: "show one level more", footer: "", panes: TIMELINE },
        Binding { keys: &[K::Char('-')], name: "-", action: A::Fold, help: "show one level less", footer: "", panes: TIMELINE },
        Binding { keys: &[K::Char('t')], name: "t", action: A::Clock, help: "time since the start, since the line above, of day", footer: "", panes: TIMELINE },
        Binding { keys: &[K::Char('P')], name: "P", action: A::Pause, help: "live: stand still, and go on; what comes meanwhile is kept", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::Char('v')], name: "v", action: A::View, help: "view: all, text, JSON, payload, unmasked, as captured", footer: "view", panes: READING },
        Binding { keys: &[K::Char('o')], name: "o", action: A::Sort, help: "sort: as they came, by messages, bytes, time, findings", footer: "sort", panes: CONNECTIONS },
        Binding { keys: &[K::Char('x')], name: "x", action: A::Choose, help: "choose the connection, for side by side and for saving", footer: "", panes: CONNECTIONS },
        Binding { keys: &[K::Char('|')], name: "|", action: A::Together, help: "chosen connections side by side, and back", footer: "", panes: LISTS },
        Binding { keys: &[K::Char('&'), K::F(3)], name: "&", action: A::Filter, help: "show only what passes a filter; an empty one shows all", footer: "filter", panes: LISTS },
        Binding { keys: &[K::Char('/')], name: "/", action: A::Search, help: "search payloads: text, re:REGEX, hex:81 7e", footer: "find", panes: LISTS },
        Binding { keys: &[K::Char('n')], name: "n", action: A::NextHit, help: "the next match, or finding where nothing is searched", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::Char('N')], name: "N", action: A::PreviousHit, help: "the match or finding before", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::Char(']')], name: "]", action: A::Next, help: "the next event, from any pane", footer: "next", panes: READING },
        Binding { keys: &[K::Char('[')], name: "[", action: A::Previous, help: "the event before, from any pane", footer: "", panes: READING },
        Binding { keys: &[K::Backspace, K::Char('b')], name: "Bksp b", action: A::Return, help: "back to where a link was followed", footer: "", panes: EVENTS },
        Binding { keys: &[K::Esc], name: "Esc", action: A::Back, help: "back: out of the zoom, the pane, the search, the filter", footer: "back", panes: READING },
        Binding { keys: &[K::Char('F')], name: "F", action: A::Findings, help: "all findings", footer: "found", panes: LISTS },
        Binding { keys: &[K::Char('i')], name: "i", action: A::Stats, help: "statistics of the connection", footer: "", panes: LISTS },
        Binding { keys: &[K::Char('m')], name: "m", action: A::Mark, help: "mark the event, or take the mark away", footer: "", panes: EVENTS },
        Binding { keys: &[K::Char('M')], name: "M", action: A::Note, help: "write a note on the event", footer: "", panes: EVENTS },
        Binding { keys: &[K::Char('\'')], name: "'", action: A::NextMark, help: "the next mark", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::Char('c')], name: "c", action: A::Compare, help: "compare: once on the one message, once on the other", footer: "", panes: EVENTS },
        Binding { keys: &[K::Char('y')], name: "y", action: A::Copy, help: "copy the payload, or the field in the detail (OSC 52)", footer: "", panes: EVENTS },
        Binding { keys: &[K::Char('Y')], name: "Y", action: A::CopyCommand, help: "copy a command that shows the same", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::Char('s')], name: "s", action: A::Save, help: "save the payload to a file", footer: "", panes: EVENTS },
        Binding { keys: &[K::Char('w')], name: "w", action: A::Export, help: "save the chosen connections, or this one, as pcapng", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::Up, K::Char('k')], name: "↑ k", action: A::Up, help: "up", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::Down, K::Char('j')], name: "↓ j", action: A::Down, help: "down", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::Left, K::Char('h')], name: "← h", action: A::Left, help: "the byte before; elsewhere the pane before", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::Right, K::Char('l')], name: "→ l", action: A::Right, help: "the next byte; elsewhere the next pane", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::PageUp], name: "PgUp", action: A::PageUp, help: "a page up", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::PageDown, K::Char(' ')], name: "PgDn Space", action: A::PageDown, help: "a page down", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::Home, K::Char('g')], name: "Home g", action: A::First, help: "the first line", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::End, K::Char('G')], name: "End G", action: A::Last, help: "the last line", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::Tab], name: "Tab", action: A::NextPane, help: "the next pane", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::BackTab], name: "S-Tab", action: A::PreviousPane, help: "the pane before", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::Char('z')], name: "z", action: A::Zoom, help: "this pane alone, and back", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::Char('L')], name: "L", action: A::Grow, help: "this pane larger", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::Char('H')], name: "H", action: A::Shrink, help: "this pane smaller", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::Char('T')], name: "T", action: A::Theme, help: "the next theme: dark, light, 16 colours, none", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::Char(':')], name: ":", action: A::Command, help: "do something by its name", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::Char('?'), K::F(1)], name: "?", action: A::Help, help: "this page", footer: "help", panes: ANYWHERE },
        Binding { keys: &[], name: "Ctrl-Z", action: A::Suspend, help: "stand aside; `fg` comes back", footer: "", panes: ANYWHERE },
        Binding { keys: &[K::Char('q')], name: "q Ctrl-C", action: A::Quit, help: "quit", footer: "quit", panes: ANYWHERE },
    ]
};

/// Something that `:` knows by name.
pub struct Command {
    pub name: &'static str,
    pub help: &'static str,
    pub does: Does,
}

/// What a command does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Does {
    Act(Action),
    /// `at 4711.1`
    Go,
    /// `filter …`, or a prompt without one
    Filter,
    Search,
    Theme,
    Save,
    Export,
    Note,
}

const fn act(name: &'static str, help: &'static str, action: Action) -> Command {
    let does = Does::Act(action);
    Command { name, help, does }
}

const fn with(name: &'static str, help: &'static str, does: Does) -> Command {
    Command { name, help, does }
}

#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    with("at", "go to an event: at 4711.1", Does::Go),
    act("back", "where a link was followed", Action::Return),
    act("clock", "another clock in the timeline", Action::Clock),
    act("compare", "this message with the one chosen before", Action::Compare),
    act("copy", "the payload, or the field", Action::Copy),
    act("copy-command", "that shows the same", Action::CopyCommand),
    act("explain", "what the event means", Action::Explain),
    with("export", "packets of the chosen connections: export FILE", Does::Export),
    with("filter", "show only what passes: filter websocket.opcode == 1", Does::Filter),
    act("findings", "all of them", Action::Findings),
    act("fold", "one level less", Action::Fold),
    act("help", "the keys", Action::Help),
    act("mark", "this event, or not", Action::Mark),
    with("note", "on this event: note TEXT", Does::Note),
    act("pause", "live: stand still, or go on", Action::Pause),
    act("quit", "leave", Action::Quit),
    with("save", "the payload: save FILE", Does::Save),
    with("search", "in payloads: search TEXT", Does::Search),
    act("sort", "connections by something else", Action::Sort),
    act("stats", "of the connection", Action::Stats),
    with("theme", "dark, light, 16 or none", Does::Theme),
    act("together", "chosen connections side by side", Action::Together),
    act("unfold", "one level more", Action::Unfold),
    act("view", "another view of the bytes", Action::View),
    act("zoom", "this pane alone", Action::Zoom),
];

/// What a key asks for.
pub fn action(key: KeyEvent) -> Option<Action> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key
        .modifiers
        .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
    {
        return match (key.modifiers, key.code) {
            (KeyModifiers::CONTROL, KeyCode::Char('c')) => Some(Action::Quit),
            (KeyModifiers::CONTROL, KeyCode::Char('z')) => Some(Action::Suspend),
            _ => None,
        };
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
        assert_eq!(key('z', KeyModifiers::CONTROL), Some(Action::Suspend));
        assert_eq!(key('q', KeyModifiers::CONTROL), None);
        assert_eq!(key('G', KeyModifiers::SHIFT), Some(Action::Last));
    }

    #[test]
    fn every_help_is_there_in_both_languages() {
        let keys = KEYS.iter().flat_map(|it| [it.help, it.footer]);
        let commands = COMMANDS.iter().map(|it| it.help);
        for help in keys.chain(commands).filter(|help| !help.is_empty()) {
            assert!(wscope::explain::texts::knows(help), "{help}");
        }
    }

    #[test]
    fn commands_are_in_order() {
        assert!(COMMANDS.is_sorted_by_key(|command| command.name));
    }
}
