//! Colours: for dark grounds, for light ones, the terminal's sixteen, or none. Whatever a colour says, a word or a
//! sign says too.

use clap::ValueEnum;
use ratatui::style::{Color, Modifier, Style};
use wscope::model::{Dir, Event, EventKind, Severity, Tcp, Ws};

/// Which colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Palette {
    /// For a dark ground, from the 256 colours
    Dark,
    /// For a light ground, from the 256 colours
    Light,
    /// The sixteen colours that the terminal was set to
    #[value(name = "16")]
    Sixteen,
    /// No colours
    None,
}

/// How everything looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Theme {
    pub palette: Palette,
    /// Only characters that every terminal has.
    pub ascii: bool,
}

/// What a colour stands for.
#[derive(Clone, Copy)]
enum Hue {
    Client,
    Server,
    Bad,
    Warn,
    Good,
    Focus,
}

impl Theme {
    pub fn next(self) -> Self {
        let palette = match self.palette {
            Palette::Dark => Palette::Light,
            Palette::Light => Palette::Sixteen,
            Palette::Sixteen => Palette::None,
            Palette::None => Palette::Dark,
        };
        Self { palette, ..self }
    }

    pub fn word(self) -> &'static str {
        match self.palette {
            Palette::Dark => "dark",
            Palette::Light => "light",
            Palette::Sixteen => "16",
            Palette::None => "none",
        }
    }

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

    /// Bytes of a field, and the field of a byte.
    pub fn linked(self) -> Style {
        self.tint(Hue::Focus)
            .add_modifier(Modifier::UNDERLINED | Modifier::BOLD)
    }

    /// The name of a pane.
    pub fn heading(self, focused: bool) -> Style {
        if focused {
            self.tint(Hue::Focus).add_modifier(Modifier::BOLD)
        } else {
            self.dim()
        }
    }

    pub fn bad(self) -> Style {
        self.tint(Hue::Bad).add_modifier(Modifier::BOLD)
    }

    pub fn warn(self) -> Style {
        self.tint(Hue::Warn)
    }

    pub fn good(self) -> Style {
        self.tint(Hue::Good)
    }

    pub fn client(self) -> Style {
        self.tint(Hue::Client)
    }

    pub fn server(self) -> Style {
        self.tint(Hue::Server)
    }

    pub fn severity(self, severity: Severity) -> Style {
        match severity {
            Severity::Error => self.bad(),
            Severity::Warning => self.warn(),
            Severity::Note => self.dim(),
        }
    }

    /// A line of the timeline.
    pub fn event(self, event: &Event) -> Style {
        match (&event.kind, event.dir) {
            (EventKind::Anomaly(_), _) => self.bad(),
            (EventKind::Ws(Ws::Message(message)), _) if !message.complete => self.bad(),
            (EventKind::Ws(Ws::Message(_)), Some(Dir::C2s)) => self.client(),
            (EventKind::Ws(Ws::Message(_)), _) => self.server(),
            (EventKind::Ws(Ws::Open(_) | Ws::Close(_)), _) => self.bold(),
            (EventKind::Ws(Ws::Refused(_)), _) => self.warn(),
            (EventKind::Ws(Ws::Frame(_)) | EventKind::Tcp(Tcp::Note(_)), _) => self.dim(),
            (EventKind::Finding(finding), _) => self.severity(finding.severity),
            (EventKind::Insight(_), _) => self.dim(),
            (EventKind::Http(_) | EventKind::Tls(_) | EventKind::Tcp(_), _) => self.plain(),
        }
    }

    fn tint(self, hue: Hue) -> Style {
        let [dark, light, sixteen] = match hue {
            Hue::Client => [Color::Indexed(117), Color::Indexed(25), Color::Cyan],
            Hue::Server => [Color::Indexed(114), Color::Indexed(22), Color::Green],
            Hue::Bad => [Color::Indexed(203), Color::Indexed(124), Color::Red],
            Hue::Warn => [Color::Indexed(221), Color::Indexed(130), Color::Yellow],
            Hue::Good => [Color::Indexed(114), Color::Indexed(22), Color::Green],
            Hue::Focus => [Color::Indexed(221), Color::Indexed(90), Color::Yellow],
        };
        match self.palette {
            Palette::Dark => Style::new().fg(dark),
            Palette::Light => Style::new().fg(light),
            Palette::Sixteen => Style::new().fg(sixteen),
            Palette::None => Style::new(),
        }
    }
}

/// A character that every terminal has, for one that not every one has.
pub fn ascii(symbol: &str) -> &'static str {
    match symbol {
        "▸" | "▶" | "▷" | "→" | "›" => ">",
        "◀" | "◁" | "←" => "<",
        "─" | "╌" | "┈" | "–" | "−" => "-",
        "━" => "=",
        "│" | "┃" => "|",
        "├" | "┤" => "+",
        "╳" => "x",
        "⋮" | "·" => ":",
        "…" => "~",
        "↑" => "^",
        "↓" => "v",
        "µ" => "u",
        "●" | "◆" => "*",
        "▁" => "_",
        "▂" => ".",
        "▃" => "-",
        "▄" => "=",
        "▅" => "+",
        "▆" => "*",
        "▇" => "#",
        "█" => "@",
        _ => "?",
    }
}
