//! `wscope lesson`: the lessons, in presenter mode or as plain text.

use super::args::{Common, Screen};
use super::{Done, generate, stdout};
use crate::tui::{Palette, present};
use anyhow::{Context as _, anyhow};
use clap::Args;
use std::fs;
use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use wscope::explain::Lang;
use wscope::lesson::{Lesson, Open, Row, Slide, lessons};
use wscope::model::Dir;

/// The lessons that are built in, or one of them.
#[derive(Args, Debug)]
pub struct LessonArgs {
    /// Which one; without, they are listed.
    #[arg(value_name = "NUMBER")]
    pub number: Option<u32>,

    /// Print all steps, also on a terminal.
    #[arg(long, requires = "number")]
    pub print: bool,

    /// Write the lesson's captures into this directory, to look at them with anything.
    #[arg(long, value_name = "DIR", requires = "number")]
    pub save: Option<PathBuf>,

    /// Colours: as for the screen.
    #[arg(long, value_name = "THEME", value_enum, default_value_t = Palette::Dark)]
    pub theme: Palette,

    /// Only ASCII characters in what is drawn.
    #[arg(long)]
    pub ascii: bool,
}

pub fn run(args: &LessonArgs, common: Common) -> Done {
    let lang = common.lang();
    let Some(number) = args.number else {
        list(lang)?;
        return Ok(Vec::new());
    };
    let lesson = lessons()
        .find(|lesson| lesson.number == number)
        .ok_or_else(|| {
            let last = lessons().map(|lesson| lesson.number).max().unwrap_or(0);
            anyhow!(
                "there is no lesson {number}: `wscope lesson` lists those there are, up to {last}"
            )
        })?;
    let open = lesson.open()?;
    if let Some(dir) = &args.save {
        save(lesson, &open, dir)?;
    } else if io::stdout().is_terminal() && io::stdin().is_terminal() && !args.print {
        let screen = Screen {
            at: None,
            theme: args.theme,
            ascii: args.ascii,
            no_history: true,
        };
        present::run(lesson, &open, lang, screen.opening(common).theme)?;
    } else {
        print(lesson, &open, lang)?;
    }
    Ok(Vec::new())
}

fn list(lang: Lang) -> io::Result<()> {
    let mut out = stdout();
    for lesson in lessons() {
        let (title, about) = (lesson.title.in_lang(lang), lesson.about.in_lang(lang));
        writeln!(out, "{:>3}  {title}", lesson.number)?;
        for line in present::wrap(about, 72) {
            writeln!(out, "       {line}")?;
        }
    }
    out.flush()
}

/// Writes the captures of a lesson.
fn save(lesson: &Lesson, open: &Open, dir: &PathBuf) -> anyhow::Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut said = stdout();
    for (step, source) in open.captures() {
        let path = dir.join(format!(
            "lesson-{}-from-step-{}.pcapng",
            lesson.number,
            step + 1
        ));
        let mut out = generate::output(&path, false)?;
        out.write_all(&source.bytes()?)?;
        out.flush()?;
        writeln!(said, "{}", path.display())?;
    }
    said.flush()?;
    Ok(())
}

/// All steps as plain text.
fn print(lesson: &Lesson, open: &Open, lang: Lang) -> io::Result<()> {
    let mut out = stdout();
    writeln!(out, "{}  {}", lesson.number, lesson.title.in_lang(lang))?;
    writeln!(out, "{}", "=".repeat(78))?;
    for line in present::wrap(lesson.about.in_lang(lang), 78) {
        writeln!(out, "{line}")?;
    }
    for nth in 0..open.len() {
        let Some(slide) = open.slide(nth, lang) else {
            break;
        };
        writeln!(out)?;
        step(&mut out, lesson.number, nth, &slide)?;
    }
    out.flush()
}

fn step(out: &mut impl Write, number: u32, nth: usize, slide: &Slide) -> io::Result<()> {
    writeln!(out, "{number}.{}  {}", nth + 1, slide.title)?;
    writeln!(out, "{}", "-".repeat(78))?;
    for paragraph in slide.text.split("\n\n") {
        for line in present::wrap(&present::join(paragraph), 78) {
            writeln!(out, "{line}")?;
        }
        writeln!(out)?;
    }
    let first = slide.rows.iter().position(|row| row.marked);
    if let Some(first) = first {
        for row in slide.rows.iter().skip(first.saturating_sub(2)).take(AROUND) {
            writeln!(out, "{}", rung(row))?;
        }
    }
    if !slide.panel.is_empty() {
        writeln!(out)?;
        for line in &slide.panel {
            writeln!(out, "    {line}")?;
        }
    }
    if !slide.see.is_empty() {
        writeln!(out, "\n→ {}", slide.see.join(", "))?;
    }
    Ok(())
}

fn rung(row: &Row) -> String {
    let mark = if row.marked { ">" } else { " " };
    let arrow = match row.dir {
        Some(Dir::C2s) => "→",
        Some(Dir::S2c) => "←",
        None => "·",
    };
    let seconds = row.time as f64 / 1e9;
    let id = row.id.map_or(row.packet.to_string(), |id| id.to_string());
    format!("{mark} {id:>7} {seconds:>10.6}  {arrow} {}", row.label)
}

/// Rows that are printed around those that a step points at.
const AROUND: usize = 12;
