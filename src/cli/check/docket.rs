//! What was found, by session.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
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
    /// Only errors and warnings are kept, and the sessions that have any: nobody reads the rest.
    brief: bool,
    pub totals: Totals,
}

/// What there was, kept or not.
#[derive(Clone, Copy, Default)]
pub struct Totals {
    pub sessions: usize,
    pub errors: usize,
    pub warnings: usize,
    pub notes: usize,
    pub undecidable: usize,
}

impl Totals {
    fn add(&mut self, finding: &Finding) {
        *match (finding.verdict, finding.severity) {
            (Verdict::Undecidable, _) => &mut self.undecidable,
            (_, Severity::Error) => &mut self.errors,
            (_, Severity::Warning) => &mut self.warnings,
            (_, Severity::Note) => &mut self.notes,
        } += 1;
    }
}

/// A session, or a handshake that opened none.
#[derive(Default)]
pub struct Case {
    pub flow: Option<Flow>,
    pub uri: Option<String>,
    pub findings: Vec<Found>,
    /// Notes that are counted and not kept.
    notes: usize,
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
        let kept = self
            .fails()
            .filter(|found| found.finding.severity == severity);
        let counted = usize::from(severity == Severity::Note) * self.notes;
        kept.count() + counted
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
    /// One that keeps only errors, warnings, and the sessions that have them.
    pub fn brief() -> Self {
        Self {
            brief: true,
            ..Self::default()
        }
    }

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
        if let EventKind::Finding(finding) = &event.kind {
            self.totals.add(finding);
        }
        let case = match self.cases.entry((event.conn, session)) {
            Entry::Occupied(it) => it.into_mut(),
            Entry::Vacant(it) => {
                self.totals.sessions += usize::from(session.is_some());
                it.insert(Case::default())
            }
        };
        case.flow.get_or_insert(*flow);
        match &event.kind {
            EventKind::Ws(Ws::Open(open)) => case.uri.clone_from(&open.uri),
            EventKind::Ws(Ws::Refused(refused)) => case.uri = Some(refused.uri.clone()),
            // How it ended is shown where all is.
            EventKind::Ws(Ws::Close(_)) | EventKind::Insight(_) if self.brief => {}
            EventKind::Ws(Ws::Close(close)) => case.end = Some(close.why.clone()),
            EventKind::Insight(Insight {
                kind: InsightKind::StillOpen(text),
                ..
            }) => case.end = Some(text.to_string()),
            EventKind::Finding(finding) if self.brief && !is_serious(finding) => {
                case.notes += usize::from(finding.verdict == Verdict::Fail);
            }
            EventKind::Finding(finding) => case.findings.push(Found {
                about: event.about,
                offset: event.span.start,
                finding: (**finding).clone(),
            }),
            _ => {}
        }
        Ok(())
    }

    /// Of a session that was not kept nothing more is said: what comes last speaks of handshakes.
    fn gone(&mut self, conn: ConnId) {
        if self.brief {
            let sessions = (conn, Some(SessionId(0)))..=(conn, Some(SessionId(u32::MAX)));
            let clean: Vec<_> = self
                .cases
                .range(sessions)
                .filter(|(_, case)| case.findings.is_empty())
                .map(|(key, _)| *key)
                .collect();
            for key in clean {
                self.cases.remove(&key);
            }
        }
    }
}

/// Whether a finding is an error or a warning.
fn is_serious(finding: &Finding) -> bool {
    finding.verdict == Verdict::Fail && finding.severity > Severity::Note
}
