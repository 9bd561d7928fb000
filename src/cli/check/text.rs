//! Findings as text: the worst session first, one line a finding.

use super::docket::{Case, Docket, Found, Totals, name};
use std::collections::BTreeMap;
use std::io::{self, Write};
use wscope::explain::texts::{Value, tr, word};
use wscope::explain::{Lang, of_rule, pad, said};
use wscope::model::{Dir, Severity};
use wscope::sink::Escaped;

/// What is shown, and how.
#[derive(Clone, Copy)]
pub struct Style {
    /// Also notes, usual causes, ends, and what could not be decided.
    pub all: bool,
    pub colour: bool,
    pub lang: Lang,
}

impl Style {
    fn say(self, english: &str, values: &[Value<'_>]) -> String {
        tr(self.lang, english, values)
    }

    fn side(self, dir: Dir) -> String {
        self.say(dir.sender(), &[])
    }
}

pub fn write(out: &mut impl Write, docket: &Docket, style: Style) -> io::Result<()> {
    let all = style.all;
    for (key, case) in docket.worst_first() {
        let serious = case.count(Severity::Error) + case.count(Severity::Warning);
        if serious > 0 || all && (key.1.is_some() || !case.findings.is_empty()) {
            writeln!(out, "{}", Escaped(&name(key, case, style.lang)))?;
            self::case(out, case, key.1.is_some(), style)?;
            writeln!(out)?;
        }
    }
    totals(out, docket, style)
}

fn case(out: &mut impl Write, case: &Case, opened: bool, style: Style) -> io::Result<()> {
    let all = style.all;
    let mut fails: Vec<_> = case.fails().collect();
    fails.sort_by_key(|found| std::cmp::Reverse(found.finding.severity));
    let shown = |found: &&&Found| all || found.finding.severity > Severity::Note;
    for found in fails.iter().filter(shown) {
        line(out, found, style)?;
    }
    if !all {
        return Ok(());
    }
    match &case.end {
        Some(end) => {
            let end = said(style.lang, end);
            writeln!(out, "{}", style.say("  the end: {end}", &[("end", &end)]))?;
        }
        None if opened => {
            let none = "  the end: none, the session is still open at the end of the capture";
            writeln!(out, "{}", style.say(none, &[]))?;
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
        let (side, why) = (style.side(side), said(style.lang, why));
        let text = style.say(
            "  undecidable, {side}: {why}: {n} rules: ",
            &[("side", &side), ("why", &why), ("n", &rules.len())],
        );
        writeln!(out, "{text}{}", rules.join(" "))?;
    }
    Ok(())
}

fn line(out: &mut impl Write, found: &Found, style: Style) -> io::Result<()> {
    let finding = &found.finding;
    let word = pad(&word(style.lang, "severity", finding.severity.word()), 7);
    let (on, off) = match (style.colour, finding.severity) {
        (false, _) | (_, Severity::Note) => ("", ""),
        (_, Severity::Error) => ("\x1b[1;31m", "\x1b[0m"),
        (_, Severity::Warning) => ("\x1b[33m", "\x1b[0m"),
    };
    let event = found.about.map_or(String::new(), |id| {
        style.say(" in event {id}", &[("id", &id)])
    });
    let (side, section) = (style.side(finding.side), style.say(finding.section, &[]));
    let head = style.say(
        " {rule} the {side}{event}: ",
        &[("rule", &finding.rule), ("side", &side), ("event", &event)],
    );
    let text = said(style.lang, &finding.text);
    let (open, close) = (style.say(" [", &[]), style.say("]", &[]));
    let text = Escaped(&text);
    writeln!(out, "  {on}{word}{off}{head}{text}{open}{section}{close}")?;
    if style.all {
        let rule = wscope::rules::find(finding.rule);
        let cause = rule.map_or(finding.cause, |rule| of_rule(style.lang, rule).cause);
        let text = style.say("          usual cause: {cause}", &[("cause", &cause)]);
        writeln!(out, "{text}")?;
    }
    Ok(())
}

fn totals(out: &mut impl Write, docket: &Docket, style: Style) -> io::Result<()> {
    let Totals {
        sessions,
        errors,
        warnings,
        notes,
        undecidable,
    } = docket.totals;
    let mut text = style.say(
        "{n} {n|session|sessions}: {errors} {errors|error|errors}, {warnings} {warnings|warning|warnings}, {notes} {notes|note|notes}",
        &[
            ("n", &sessions),
            ("errors", &errors),
            ("warnings", &warnings),
            ("notes", &notes),
        ],
    );
    if undecidable > 0 {
        text += &style.say(", {n} not decidable", &[("n", &undecidable)]);
    }
    let more = undecidable + notes > 0;
    if more && !style.all {
        text += &style.say(" (-v shows all)", &[]);
    }
    writeln!(out, "{text}")
}
