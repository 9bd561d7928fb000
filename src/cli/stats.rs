//! `wscope stats`: connections, sessions, totals.

use super::args::{Common, StatsArgs};
use super::{Done, progress, stdout};
use std::io::Write as _;
use wscope::sink::{Filtered, Format, Stats};

pub fn run(args: &StatsArgs, common: Common) -> Done {
    let mut out = stdout();
    let format = Format {
        json: args.json,
        totals_only: args.totals,
        checksum: args.checksum,
    };
    let stats = Stats::new(&mut out, format).in_words(common.lang().words());
    let mut sink = Filtered::new(args.captures.display.clone(), stats);
    let run = progress::run(&args.captures, &mut sink)?;
    sink.into_inner().finish(run.counts)?;
    out.flush()?;
    Ok(run.errors)
}
