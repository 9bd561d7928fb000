//! Colours: sixteen of them, or none. Whatever a colour says, a word or a sign says too.

use ratatui::style::{Color, Modifier, Style};
use wscope::model::{Dir, Event, EventKind, Tcp, Ws};

/// With colours or without.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Theme {
    pub colour: bool,
}

impl Theme {
    pub fn plain(self) -> Style {
        Style::new()
    }

    pub fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub fn bold(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The bars at the top and the bottom.
    pub fn bar(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// The line that the keys move.
    pub fn selected(self, focused: bool) -> Style {
        Style::new().add_modifier(if focused {
            Modifier::REVERSED
        } else {
            Modifier::BOLD
        })
    }

    /// The name of a pane.
    pub fn heading(self, focused: bool) -> Style {
        if focused {
            self.tint(Color::Yellow).add_modifier(Modifier::BOLD)
        } else {
            self.dim()
        }
    }

    pub fn bad(self) -> Style {
        self.tint(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub fn client(self) -> Style {
        self.tint(Color::Cyan)
    }

    pub fn server(self) -> Style {
        self.tint(Color::Green)
    }

    /// A line of the timeline.
    pub fn event(self, event: &Event) -> Style {
        match (&event.kind, event.dir) {
            (EventKind::Anomaly(_), _) => self.bad(),
            (EventKind::Ws(Ws::Message(message)), _) if !message.complete => self.bad(),
            (EventKind::Ws(Ws::Message(_)), Some(Dir::C2s)) => self.client(),
            (EventKind::Ws(Ws::Message(_)), _) => self.server(),
            (EventKind::Ws(Ws::Open(_) | Ws::Close(_)), _) => self.bold(),
            (EventKind::Ws(Ws::Refused(_)), _) => self.tint(Color::Yellow),
            (EventKind::Ws(Ws::Frame(_)) | EventKind::Tcp(Tcp::Note(_)), _) => self.dim(),
            (EventKind::Finding(_), _) => self.tint(Color::Yellow),
            (EventKind::Insight(_), _) => self.dim(),
            (EventKind::Http(_) | EventKind::Tls(_) | EventKind::Tcp(_), _) => self.plain(),
        }
    }

    fn tint(self, colour: Color) -> Style {
        if self.colour {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }
}
