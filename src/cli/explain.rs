//! `wscope explain`: what events mean, with this capture's own bytes.

use super::args::{Captures, Common, ExplainArgs};
use super::{Done, progress, stdout};
use anyhow::{Context as _, anyhow};
use std::fs;
use std::io::{self, IsTerminal as _, Write};
use std::path::Path;
use wscope::explain::{Explanation, Lang, Look, Page, Story, columns, explain, lines, pad};
use wscope::field::{Filter, View};
use wscope::model::{Event, EventId, Flow, Loan, Timestamp};

/// Columns of text where nothing says how wide the terminal is, and no more where it is wider.
const WIDTH: usize = 100;

pub fn run(args: &ExplainArgs, common: Common) -> Done {
    let lang = common.lang();
    if args.html.is_some() || args.markdown.is_some() {
        return page(args, lang);
    }
    let mut out = stdout();
    let errors = match args.event {
        Some(id) => one(args, id, lang, common, &mut out)?,
        None => all(args, lang, &mut out)?,
    };
    out.flush()?;
    Ok(errors)
}

/// A run over the captures that tells of every event.
fn follow(
    captures: &Captures,
    acks: bool,
    tell: impl FnMut(&Event, &Flow, Loan<'_>, &wscope::explain::Talk) -> io::Result<()>,
) -> anyhow::Result<Vec<wscope::Error>> {
    let mut story = Story::new(acks, tell);
    Ok(progress::run(captures, &mut story)?.errors)
}

fn one(args: &ExplainArgs, id: EventId, lang: Lang, common: Common, out: &mut dyn Write) -> Done {
    let mut found = None;
    // Once it is there, nothing more has to be read.
    let ended = follow(&args.captures(), args.acks, |event, flow, loan, talk| {
        if event.id != id {
            return Ok(());
        }
        found = Some(explain(lang, event, flow, loan, talk));
        Err(io::Error::other(Found))
    });
    let errors = match ended {
        Err(error) if is_found(&error) => Vec::new(),
        other => other?,
    };
    let told = found.ok_or_else(|| {
        anyhow!(
            "there is no event {id}: `wscope print{} FILE` lists them in its first column",
            if args.acks { " --acks" } else { "" }
        )
    })?;
    show(&told, width(), common, out)?;
    Ok(errors)
}

/// The event has come.
#[derive(Debug)]
struct Found;

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("found")
    }
}

impl std::error::Error for Found {}

fn is_found(error: &anyhow::Error) -> bool {
    let found = |it: &io::Error| it.get_ref().is_some_and(|inner| inner.is::<Found>());
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(found))
}

fn width() -> usize {
    let size = io::stdout().is_terminal().then(crossterm::terminal::size);
    let columns = size.and_then(Result::ok);
    columns.map_or(WIDTH, |(columns, _)| usize::from(columns).min(WIDTH))
}

fn show(told: &Explanation, width: usize, common: Common, out: &mut dyn Write) -> io::Result<()> {
    let colour = common.colour();
    for line in lines(told, width) {
        let on = match line.look {
            Look::Title | Look::Heading => "\x1b[1m",
            Look::Dim => "\x1b[2m",
            Look::Plain => "",
        };
        match colour && !on.is_empty() {
            true => writeln!(out, "{on}{}\x1b[0m", line.text)?,
            false => writeln!(out, "{}", line.text)?,
        }
    }
    Ok(())
}

/// Every event in one line: its title, and where to read more.
fn all(args: &ExplainArgs, lang: Lang, out: &mut dyn Write) -> Done {
    let mut start = Timestamp::default();
    let filter = args.display.clone();
    follow(&args.captures(), args.acks, |event, flow, loan, talk| {
        if talk.start != Timestamp::default() {
            start = talk.start;
        }
        if !passes(&filter, event, flow, loan, start) {
            return Ok(());
        }
        let told = explain(lang, event, flow, loan, talk);
        let seconds = event.time.since(start) as f64 / 1e9;
        let id = format!("{:>8}", event.id.to_string());
        let arrow = match event.dir {
            Some(wscope::model::Dir::C2s) => "→",
            Some(wscope::model::Dir::S2c) => "←",
            None => "·",
        };
        let see = told.see.first().map_or("", String::as_str);
        let line = format!(
            "{id} {seconds:>11.6} #{:<3} {arrow} {}",
            event.conn, told.title
        );
        let line = match columns(&line) < 96 {
            true => pad(&line, 96),
            false => line,
        };
        writeln!(out, "{}", format!("{line}  {see}").trim_end())
    })
}

fn passes(
    filter: &Option<Filter>,
    event: &Event,
    flow: &Flow,
    loan: Loan<'_>,
    start: Timestamp,
) -> bool {
    filter.as_ref().is_none_or(|filter| {
        filter.passes(&View {
            event,
            flow,
            loan,
            start,
        })
    })
}

/// One page with everything.
fn page(args: &ExplainArgs, lang: Lang) -> Done {
    let name = args.file.file_name().unwrap_or(args.file.as_os_str());
    let mut page = Page::new(lang, &name.to_string_lossy());
    let mut start = Timestamp::default();
    let only = args.event;
    let mut left = args.limit;
    let filter = args.display.clone();
    let errors = follow(&args.captures(), args.acks, |event, flow, loan, talk| {
        if talk.start != Timestamp::default() {
            start = talk.start;
        }
        if only.is_some_and(|id| id != event.id) || !passes(&filter, event, flow, loan, start) {
            return Ok(());
        }
        if left == 0 {
            page.left_out();
            return Ok(());
        }
        left -= 1;
        let told = explain(lang, event, flow, loan, talk);
        page.add(event, flow, talk.start, told);
        Ok(())
    })?;
    for (path, text) in [
        (&args.html, Page::html as fn(&Page) -> String),
        (&args.markdown, Page::markdown),
    ] {
        if let Some(path) = path {
            write(path, &text(&page))?;
        }
    }
    Ok(errors)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if path == Path::new("-") {
        let mut out = stdout();
        out.write_all(text.as_bytes())?;
        return Ok(out.flush()?);
    }
    fs::write(path, text).with_context(|| path.display().to_string())
}
