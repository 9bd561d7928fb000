//! `wscope stats`: connections, sessions, totals.

use super::args::StatsArgs;
use super::{Done, progress, stdout};
use std::io::Write as _;
use wscope::sink::{Filtered, Format, Stats};

pub fn run(args: &StatsArgs) -> Done {
    let mut out = stdout();
    let format = Format {
        json: args.json,
        totals_only: args.totals,
        checksum: args.checksum,
    };
    let mut sink = Filtered::new(args.captures.display.clone(), Stats::new(&mut out, format));
    let run = progress::run(&args.captures, &mut sink)?;
    sink.into_inner().finish(run.counts)?;
    out.flush()?;
    Ok(run.errors)
}
