//! What was found, by session.

use std::collections::BTreeMap;
use std::io;
use wscope::explain::{Lang, texts::tr};
use wscope::model::{
    ConnId, Event, EventId, EventKind, Finding, Flow, Insight, InsightKind, Loan, SessionId,
    Severity, Sink, Verdict, Want, Ws,
};

/// Every session, and what was found in it.
#[derive(Default)]
pub struct Docket {
    pub cases: BTreeMap<(ConnId, Option<SessionId>), Case>,
}

/// A session, or a handshake that opened none.
#[derive(Default)]
pub struct Case {
    pub flow: Option<Flow>,
    pub uri: Option<String>,
    pub findings: Vec<Found>,
    /// How it ended.
    pub end: Option<String>,
}

/// A finding, and the event that it is about.
pub struct Found {
    pub about: Option<EventId>,
    pub offset: u64,
    pub finding: Finding,
}

impl Case {
    /// How many rules were broken at this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.fails()
            .filter(|found| found.finding.severity == severity)
            .count()
    }

    pub fn fails(&self) -> impl Iterator<Item = &Found> {
        self.with(Verdict::Fail)
    }

    pub fn open(&self) -> impl Iterator<Item = &Found> {
        self.with(Verdict::Undecidable)
    }

    fn with(&self, verdict: Verdict) -> impl Iterator<Item = &Found> {
        self.findings
            .iter()
            .filter(move |found| found.finding.verdict == verdict)
    }
}

impl Docket {
    /// Those with the worst first.
    pub fn worst_first(&self) -> Vec<(&(ConnId, Option<SessionId>), &Case)> {
        let mut cases: Vec<_> = self.cases.iter().collect();
        let counts = |case: &Case| {
            [Severity::Error, Severity::Warning, Severity::Note].map(|it| case.count(it))
        };
        cases.sort_by_key(|(_, case)| std::cmp::Reverse(counts(case)));
        cases
    }
}

/// What a session is called.
pub fn name(key: &(ConnId, Option<SessionId>), case: &Case, lang: Lang) -> String {
    let mut name = match key {
        (_, Some(session)) => tr(lang, "session {session}", &[("session", session)]),
        (conn, None) => tr(lang, "connection {conn}, no session", &[("conn", conn)]),
    };
    if let Some(flow) = &case.flow {
        name += &tr(lang, ", {flow}", &[("flow", flow)]);
    }
    if let Some(uri) = &case.uri {
        name += &tr(lang, ", ", &[]);
        name += uri;
    }
    name
}

impl Sink for Docket {
    fn want(&self) -> Want {
        Want {
            joined: true,
            ends_only: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, flow: &Flow, _: Loan<'_>) -> io::Result<()> {
        let session = match &event.kind {
            EventKind::Ws(Ws::Open(open)) => Some(open.session),
            EventKind::Ws(Ws::Close(close)) => Some(close.session),
            EventKind::Ws(Ws::Refused(_)) => None,
            EventKind::Finding(finding) => finding.session,
            EventKind::Insight(it) if matches!(it.kind, InsightKind::StillOpen(_)) => it.session,
            _ => return Ok(()),
        };
        let case = self.cases.entry((event.conn, session)).or_default();
        case.flow.get_or_insert(*flow);
        match &event.kind {
            EventKind::Ws(Ws::Open(open)) => case.uri.clone_from(&open.uri),
            EventKind::Ws(Ws::Refused(refused)) => case.uri = Some(refused.uri.clone()),
            EventKind::Ws(Ws::Close(close)) => case.end = Some(close.why.clone()),
            EventKind::Insight(Insight {
                kind: InsightKind::StillOpen(text),
                ..
            }) => case.end = Some(text.to_string()),
            EventKind::Finding(finding) => case.findings.push(Found {
                about: event.about,
                offset: event.span.start,
                finding: (**finding).clone(),
            }),
            _ => {}
        }
        Ok(())
    }
}
