//! `wscope print`: the timeline as text or JSON Lines.

use super::args::{Common, Print};
use super::keys::Fits;
#[cfg(unix)]
use super::live::{Lines, LiveArgs, Notes};
use super::{Done, embed, progress, stdout};
use anyhow::anyhow;
use std::io::Write as _;
#[cfg(unix)]
use wscope::engine;
use wscope::model::{KINDS, Sink};
use wscope::sink::{Filtered, Jsonl, Only, Text};
#[cfg(unix)]
use wscope::source::Capture;

pub fn run(args: &Print, common: Common) -> Done {
    let mut out = stdout();
    let errors = match args.json {
        true => into(args, Jsonl::new(&mut out)),
        false => into(args, text(&mut out, common)),
    }?;
    out.flush()?;
    Ok(errors)
}

/// Lines of text, in the language to speak.
fn text<W: std::io::Write>(out: W, common: Common) -> Text<W> {
    Text::new(out, common.colour()).in_words(common.lang().words())
}

fn into(args: &Print, sink: impl Sink) -> Done {
    let sink = only(&args.events, args.acks, sink)?;
    let mut sink = Filtered::new(args.captures.display.clone(), sink);
    let Some(path) = &args.write else {
        return Ok(progress::run(&args.captures, &mut sink)?.errors);
    };
    embed::check(&args.captures, path)?;
    let mut fits = Fits::default();
    let mut noting = embed::Noting {
        sink,
        fits: &mut fits,
    };
    let run = progress::run(&args.captures, &mut noting)?;
    embed::write(&args.captures, path, args.embed_keys.then_some(&fits))?;
    Ok(run.errors)
}

/// What `--events` and `--acks` let through.
fn only<S: Sink>(events: &[String], acks: bool, sink: S) -> anyhow::Result<Only<S>> {
    let kinds = events.iter().map(|kind| kind.trim());
    let sink = Only::new(kinds, sink).map_err(|word| {
        anyhow!(
            "--events: no event is called {word:?}; there are {}",
            KINDS.join(", ")
        )
    })?;
    Ok(sink.with_acks(acks))
}

/// `wscope live --print`: the same, while it happens.
#[cfg(unix)]
pub fn live(
    capture: &mut Capture,
    args: &LiveArgs,
    common: Common,
    mut notes: Notes,
    lines: &Lines,
) -> Done {
    let out = lines.clone();
    notes.count(capture.drops());
    let mut sink: Box<dyn Sink + '_> = match args.json {
        true => Box::new(only(&args.events, args.acks, Jsonl::new(out))?),
        false => Box::new(only(&args.events, args.acks, text(out, common))?),
    };
    let mut sink = notes.listen(Filtered::new(args.display.clone(), &mut *sink));
    let run = engine::run_each(
        capture,
        args.config(),
        &mut sink,
        None,
        |_, _| true,
        |packet, _| {
            // The clock is not asked for every packet.
            if packet.no.get().is_multiple_of(16) {
                lines.look()?;
            }
            notes.packet(packet)
        },
    )?;
    let dropped = run.counts.dropped;
    if dropped > 0 {
        // Also where no connection was open to which it could have been said.
        let noun = if dropped == 1 { "packet" } else { "packets" };
        super::say(&format!(
            "{dropped} {noun} came faster than they could be taken, and were dropped"
        ));
    }
    Ok(run.errors)
}
