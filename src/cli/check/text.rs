//! Findings as text: the worst session first, one line a finding.

use super::docket::{Case, Docket, Found, name};
use std::collections::BTreeMap;
use std::io::{self, Write};
use wscope::model::{Dir, Severity};
use wscope::sink::Escaped;

pub fn write(out: &mut impl Write, docket: &Docket, all: bool, colour: bool) -> io::Result<()> {
    for (key, case) in docket.worst_first() {
        let serious = case.count(Severity::Error) + case.count(Severity::Warning);
        if serious > 0 || all && (key.1.is_some() || !case.findings.is_empty()) {
            writeln!(out, "{}", Escaped(&name(key, case)))?;
            self::case(out, case, key.1.is_some(), all, colour)?;
            writeln!(out)?;
        }
    }
    totals(out, docket, all)
}

fn case(
    out: &mut impl Write,
    case: &Case,
    opened: bool,
    all: bool,
    colour: bool,
) -> io::Result<()> {
    let mut fails: Vec<_> = case.fails().collect();
    fails.sort_by_key(|found| std::cmp::Reverse(found.finding.severity));
    let shown = |found: &&&Found| all || found.finding.severity > Severity::Note;
    for found in fails.iter().filter(shown) {
        line(out, found, all, colour)?;
    }
    if !all {
        return Ok(());
    }
    match &case.end {
        Some(end) => writeln!(out, "  the end: {}", Escaped(end))?,
        None if opened => {
            writeln!(
                out,
                "  the end: none, the session is still open at the end of the capture"
            )?;
        }
        None => {}
    }
    // One line for each reason: the rules that it kept from being decided.
    let mut open: BTreeMap<(Dir, &str), Vec<&str>> = BTreeMap::new();
    for Found { finding, .. } in case.open() {
        let rules = open.entry((finding.side, &finding.text)).or_default();
        rules.push(finding.rule);
    }
    for ((side, why), rules) in open {
        let (count, side) = (rules.len(), side.sender());
        writeln!(
            out,
            "  undecidable, {side}: {why}: {count} rules: {}",
            rules.join(" ")
        )?;
    }
    Ok(())
}

fn line(out: &mut impl Write, found: &Found, all: bool, colour: bool) -> io::Result<()> {
    let finding = &found.finding;
    let word = finding.severity.word();
    let (on, off) = match (colour, finding.severity) {
        (false, _) | (_, Severity::Note) => ("", ""),
        (_, Severity::Error) => ("\x1b[1;31m", "\x1b[0m"),
        (_, Severity::Warning) => ("\x1b[33m", "\x1b[0m"),
    };
    let event = found
        .about
        .map_or(String::new(), |id| format!(" in event {id}"));
    writeln!(
        out,
        "  {on}{word:<7}{off} {} the {}{event}: {} [{}]",
        finding.rule,
        finding.side.sender(),
        Escaped(&finding.text),
        finding.section
    )?;
    if all {
        writeln!(out, "          usual cause: {}", finding.cause)?;
    }
    Ok(())
}

fn totals(out: &mut impl Write, docket: &Docket, all: bool) -> io::Result<()> {
    let count =
        |severity| -> usize { docket.cases.values().map(|case| case.count(severity)).sum() };
    let sessions = docket
        .cases
        .keys()
        .filter(|(_, session)| session.is_some())
        .count();
    let open: usize = docket.cases.values().map(|case| case.open().count()).sum();
    write!(
        out,
        "{}: {}, {}, {}",
        plural(sessions, "session"),
        plural(count(Severity::Error), "error"),
        plural(count(Severity::Warning), "warning"),
        plural(count(Severity::Note), "note")
    )?;
    if open > 0 {
        write!(out, ", {open} not decidable")?;
    }
    let more = open + count(Severity::Note) > 0;
    writeln!(out, "{}", if more && !all { " (-v shows all)" } else { "" })
}

fn plural(count: usize, word: &str) -> String {
    match count {
        1 => format!("1 {word}"),
        _ => format!("{count} {word}s"),
    }
}
