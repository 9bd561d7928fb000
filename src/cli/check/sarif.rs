//! Findings as SARIF 2.1.0.

use super::docket::{Docket, Found, name};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use wscope::model::{PacketNo, Severity, Verdict};
use wscope::rules::rules;

/// Writes one run; `starts` has the number of each file's first packet.
pub fn write(
    out: &mut impl Write,
    docket: &Docket,
    files: &[PathBuf],
    starts: &[PacketNo],
) -> io::Result<()> {
    writeln!(
        out,
        r#"{{
  "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
  "version": "2.1.0",
  "runs": [{{
    "tool": {{ "driver": {{
      "name": "wscope",
      "version": "{}",
      "rules": ["#,
        env!("CARGO_PKG_VERSION")
    )?;
    for (nth, rule) in rules().enumerate() {
        let level = level(rule.severity);
        write!(
            out,
            r#"{}        {{ "id": "{}", "shortDescription": {{ "text": {} }}, "fullDescription": {{ "text": {} }}, "help": {{ "text": {} }}, "defaultConfiguration": {{ "level": "{level}" }}, "properties": {{ "section": "{}" }} }}"#,
            comma(nth),
            rule.id,
            Json(rule.title),
            Json(rule.why),
            Json(&format!(
                "Usual cause: {}. See {}.",
                rule.cause, rule.section
            )),
            rule.section
        )?;
    }
    let artifacts: Vec<_> = files.iter().map(|file| uri(file)).collect();
    write!(out, "\n      ]\n    }} }},\n    \"artifacts\": [")?;
    for (nth, artifact) in artifacts.iter().enumerate() {
        let comma = if nth > 0 { ", " } else { "" };
        write!(out, r#"{comma}{{ "location": {{ "uri": "{artifact}" }} }}"#)?;
    }
    write!(out, "],\n    \"results\": [\n")?;
    let all = docket.cases.iter().flat_map(|(key, case)| {
        case.findings
            .iter()
            .map(move |found| (name(key, case, wscope::explain::Lang::En), found))
    });
    for (nth, (session, found)) in all.enumerate() {
        out.write_all(comma(nth).as_bytes())?;
        result(out, &session, found, &artifacts, starts)?;
    }
    writeln!(out, "\n    ]\n  }}]\n}}")
}

fn result(
    out: &mut impl Write,
    session: &str,
    found: &Found,
    artifacts: &[String],
    starts: &[PacketNo],
) -> io::Result<()> {
    let finding = &found.finding;
    // A result of another kind than `fail` has no level.
    let (kind, level) = match finding.verdict {
        Verdict::Fail => ("fail", level(finding.severity)),
        Verdict::Undecidable => ("open", "none"),
    };
    let index = rules()
        .position(|rule| rule.id == finding.rule)
        .unwrap_or(0);
    write!(
        out,
        r#"      {{ "ruleId": "{}", "ruleIndex": {index}, "kind": "{kind}", "level": "{level}", "message": {{ "text": {} }}, "locations": [{{ "#,
        finding.rule,
        Json(&format!("the {}: {}", finding.side.sender(), finding.text))
    )?;
    if let Some((index, artifact)) = file(found, artifacts, starts) {
        write!(
            out,
            r#""physicalLocation": {{ "artifactLocation": {{ "uri": "{artifact}", "index": {index} }} }}, "#
        )?;
    }
    write!(
        out,
        r#""logicalLocations": [{{ "fullyQualifiedName": {} }}] }}], "properties": {{ "side": "{}", "section": "{}""#,
        Json(session),
        finding.side.sender(),
        finding.section
    )?;
    if let Some(about) = found.about {
        write!(out, r#", "event": "{about}", "offset": {}"#, found.offset)?;
    }
    if let Some([first, last]) = finding.packets {
        write!(out, r#", "packets": [{}, {}]"#, first.get(), last.get())?;
    }
    write!(out, " }} }}")
}

/// The file that has the packet which showed it; the only one, where no packet did.
fn file<'a>(
    found: &Found,
    artifacts: &'a [String],
    starts: &[PacketNo],
) -> Option<(usize, &'a String)> {
    let shown = found.finding.packets.map(|[_, last]| last);
    let index = match (shown, artifacts) {
        (_, [_]) => 0,
        (Some(packet), _) => starts
            .partition_point(|start| *start <= packet)
            .checked_sub(1)?,
        (None, _) => return None,
    };
    Some((index, artifacts.get(index)?))
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn comma(nth: usize) -> &'static str {
    if nth > 0 { ",\n" } else { "" }
}

/// A path as a URI reference: relative, or with its scheme.   RFC 3986 section 4.1, SARIF 3.4.3
fn uri(path: &Path) -> String {
    let mut uri = match path.is_absolute() {
        true => "file://".to_owned(),
        false => String::new(),
    };
    for &byte in path.to_string_lossy().as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => uri += &format!("%{byte:02X}"),
        }
    }
    uri
}

/// A string as JSON has it.
struct Json<'a>(&'a str);

impl std::fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("\"")?;
        self.0.chars().try_for_each(|c| match c {
            '"' => f.write_str("\\\""),
            '\\' => f.write_str("\\\\"),
            c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c)),
            c => write!(f, "{c}"),
        })?;
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_from_the_root_has_its_scheme() {
        assert_eq!(uri(Path::new("/tmp/a b.pcap")), "file:///tmp/a%20b.pcap");
        assert_eq!(
            uri(Path::new("captures/tour.pcapng")),
            "captures/tour.pcapng"
        );
    }
}
