//! `wscope print`: the timeline as text or JSON Lines.

use super::args::{Common, Print};
use super::{Done, progress, stdout};
use anyhow::anyhow;
use std::io::Write as _;
use wscope::model::{KINDS, Sink};
use wscope::sink::{Filtered, Jsonl, Only, Text};

pub fn run(args: &Print, common: Common) -> Done {
    let mut out = stdout();
    let errors = match args.json {
        true => into(args, Jsonl::new(&mut out)),
        false => into(args, Text::new(&mut out, common.colour())),
    }?;
    out.flush()?;
    Ok(errors)
}

fn into(args: &Print, sink: impl Sink) -> Done {
    let kinds = args.events.iter().map(|kind| kind.trim());
    let sink = Only::new(kinds, sink).map_err(|word| {
        anyhow!(
            "--events: no event is called {word:?}; there are {}",
            KINDS.join(", ")
        )
    })?;
    let mut sink = Filtered::new(args.captures.display.clone(), sink.with_acks(args.acks));
    Ok(progress::run(&args.captures, &mut sink)?.errors)
}
