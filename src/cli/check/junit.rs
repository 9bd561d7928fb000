//! Findings as JUnit XML: a suite for each session, a case for each rule that had something to say.

use super::docket::{Case, Docket, Found, name};
use std::io::{self, Write};
use wscope::model::{Severity, Verdict};

pub fn write(out: &mut impl Write, docket: &Docket) -> io::Result<()> {
    let sum = |f: fn(&Case) -> usize| -> usize { docket.cases.values().map(f).sum() };
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(
        out,
        r#"<testsuites name="wscope check" tests="{}" failures="{}" errors="0" time="0">"#,
        sum(tests),
        sum(failures)
    )?;
    for (key, case) in &docket.cases {
        let name = Xml(&name(key, case, wscope::explain::Lang::En)).to_string();
        writeln!(
            out,
            r#"  <testsuite name="{name}" tests="{}" failures="{}" errors="0" skipped="{}" time="0">"#,
            tests(case),
            failures(case),
            case.open().count()
        )?;
        for found in &case.findings {
            self::found(out, &name, found)?;
        }
        if case.findings.is_empty() {
            writeln!(
                out,
                r#"    <testcase classname="{name}" name="no rule was broken" time="0"/>"#
            )?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

fn tests(case: &Case) -> usize {
    case.findings.len().max(1)
}

fn failures(case: &Case) -> usize {
    case.count(Severity::Error)
}

fn found(out: &mut impl Write, class: &str, found: &Found) -> io::Result<()> {
    let finding = &found.finding;
    let event = found.about.map_or(String::new(), |id| format!(" at {id}"));
    let text = format!(
        "{}, {}, the {}: {}",
        finding.severity.word(),
        finding.section,
        finding.side.sender(),
        finding.text
    );
    let text = Xml(&text);
    let name = format!("{} {}{event}", finding.rule, finding.side.sender());
    writeln!(
        out,
        r#"    <testcase classname="{class}" name="{}" time="0">"#,
        Xml(&name)
    )?;
    match (finding.verdict, finding.severity) {
        (Verdict::Undecidable, _) => writeln!(out, r#"      <skipped message="{text}"/>"#)?,
        (_, Severity::Error) => writeln!(
            out,
            r#"      <failure message="{text}" type="{}">{}</failure>"#,
            finding.rule,
            Xml(finding.cause)
        )?,
        _ => writeln!(out, "      <system-out>{text}</system-out>")?,
    }
    writeln!(out, "    </testcase>")
}

/// Text as XML has it; what XML 1.0 cannot have is replaced.
struct Xml<'a>(&'a str);

impl std::fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&apos;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => f.write_str("\u{fffd}"),
            c => write!(f, "{c}"),
        })
    }
}
