//! `wscope check`: what the rules say, grouped by session.

mod docket;
mod junit;
mod sarif;
mod text;

use super::args::{Check, Common, Format};
use super::{Done, progress, stdout};
use docket::Docket;
use std::io::{self, Write as _};
use wscope::engine::Run;
use wscope::model::{ConnId, Event, EventKind, Finding, Flow, Loan, Severity, Sink, Verdict, Want};
use wscope::sink::{Filtered, Jsonl, Only};

/// Checks, and says whether an error was found.
pub fn run(args: &Check, common: Common, found: &mut bool) -> Done {
    let mut out = stdout();
    let errors = match args.format {
        Format::Json => {
            let lines = Only::new(["finding", "ws.close"], Jsonl::new(&mut out))
                .map_err(|word| anyhow::anyhow!("{word} is no kind of event"))?;
            into(args, lines, found)?.0.errors
        }
        Format::Text | Format::Junit | Format::Sarif => {
            let docket = match args.format {
                Format::Text if !args.verbose => Docket::brief(),
                _ => Docket::default(),
            };
            let (run, docket) = into(args, docket, found)?;
            match args.format {
                Format::Junit => junit::write(&mut out, &docket)?,
                Format::Sarif => {
                    sarif::write(&mut out, &docket, &args.captures.files, &run.starts)?
                }
                _ => {
                    let style = text::Style {
                        all: args.verbose,
                        colour: common.colour(),
                        lang: common.lang(),
                    };
                    text::write(&mut out, &docket, style)?;
                }
            }
            run.errors
        }
    };
    out.flush()?;
    Ok(errors)
}

fn into<S: Sink>(args: &Check, sink: S, found: &mut bool) -> anyhow::Result<(Run, S)> {
    let watch = Watch { sink, found };
    let mut watch = Filtered::new(args.captures.display.clone(), watch);
    let run = progress::run(&args.captures, &mut watch)?;
    Ok((run, watch.into_inner().sink))
}

/// Notes whether an error was found.
struct Watch<'a, S> {
    sink: S,
    found: &'a mut bool,
}

impl<S: Sink> Sink for Watch<'_, S> {
    fn want(&self) -> Want {
        self.sink.want()
    }

    fn event(&mut self, event: &Event, flow: &Flow, loan: Loan<'_>) -> io::Result<()> {
        if let EventKind::Finding(finding) = &event.kind {
            *self.found |= fails(finding) && finding.severity == Severity::Error;
        }
        self.sink.event(event, flow, loan)
    }

    fn gone(&mut self, conn: ConnId) {
        self.sink.gone(conn);
    }
}

fn fails(finding: &Finding) -> bool {
    finding.verdict == Verdict::Fail
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Captures;
    use std::path::Path;
    use wscope::explain::Lang;

    /// What is not kept is not missed: of every capture the same is said as if all had been kept.
    #[test]
    fn the_brief_text_is_that_of_the_whole_docket() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
        let (mut kept, mut found) = ([0, 0], 0);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if !path.to_string_lossy().contains(".pcap") {
                continue;
            }
            let args = Check {
                captures: Captures::of([path.clone()]),
                format: Format::Text,
                verbose: false,
            };
            let said = [Docket::brief(), Docket::default()].map(|docket| {
                let (_, docket) = into(&args, docket, &mut false).unwrap();
                let style = text::Style {
                    all: false,
                    colour: false,
                    lang: Lang::En,
                };
                let mut out = Vec::new();
                text::write(&mut out, &docket, style).unwrap();
                (String::from_utf8(out).unwrap(), docket)
            });
            let [(brief, few), (whole, all)] = said;
            assert_eq!(brief, whole, "{}", path.display());
            kept[0] += few.cases.len();
            kept[1] += all.cases.len();
            found += all.totals.errors;
        }
        assert!(found > 0 && kept[0] < kept[1], "{kept:?}");
    }
}
