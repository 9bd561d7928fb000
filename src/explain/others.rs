//! TLS, what could not be seen, what rules say, and what several events tell together.

use super::of_rule::of_rule;
use super::parts::{Block, Explanation};
use super::{Ask, Span, hex, said, texts};
use crate::model::{
    Anomaly, Beat, Dir, Finding, Hello, Insight, InsightKind, Tls, TlsClose, Verdict, Way,
};
use crate::rules;

pub(super) fn tls(ask: &Ask<'_>, tls: &Tls, told: &mut Explanation) {
    match tls {
        Tls::Hello(hello) => self::hello(ask, hello, told),
        Tls::Certificate(it) => {
            let names = it.names.join(", ");
            told.title(ask, "tls.certificate", &[]);
            told.tell(ask, "tls.certificate.what", &[("n", &it.chain)]);
            if let Some(subject) = &it.subject {
                told.tell(ask, "tls.certificate.subject", &[("name", subject)]);
            }
            if !names.is_empty() {
                told.tell(ask, "tls.certificate.names", &[("names", &names)]);
            }
        }
        Tls::Alert(alert) => {
            told.title(ask, "tls.alert", &[("name", &alert.name)]);
            let key = match (alert.code, alert.level) {
                (0, _) => "tls.alert.close_notify",
                (_, 2) => "tls.alert.fatal",
                _ => "tls.alert.warning",
            };
            told.tell(
                ask,
                key,
                &[
                    ("who", &ask.sender()),
                    ("name", &alert.name),
                    ("code", &alert.code),
                ],
            );
        }
        Tls::Inside(inside) => {
            let key = format!("tls.inside.{}", inside.state.word());
            told.title(ask, &format!("{key}.title"), &[]);
            told.tell(ask, &key, &[]);
            if let (Some(version), Some(cipher)) = (&inside.version, inside.cipher) {
                told.tell(
                    ask,
                    "tls.inside.cipher",
                    &[("version", version), ("cipher", &cipher)],
                );
            }
            told.tell(ask, "any.said", &[("text", &said(ask.lang, &inside.text))]);
        }
        Tls::Close(close) => tls_close(ask, close, told),
    }
}

fn hello(ask: &Ask<'_>, hello: &Hello, told: &mut Explanation) {
    let client = ask.event.dir != Some(Dir::S2c);
    let key = match (client, hello.retry) {
        (true, _) => "tls.client_hello",
        (false, true) => "tls.retry",
        (false, false) => "tls.server_hello",
    };
    told.title(ask, key, &[]);
    told.tell(ask, &format!("{key}.what"), &[]);
    let mut table = ask.table(&["head.field", "head.value", "head.meaning"]);
    let mut row = |name: &str, value: &str, key: &str| {
        if !value.is_empty() {
            let value = super::short(value, 160);
            table.row([name.to_owned(), value, ask.say(key, &[])]);
        }
    };
    row("version", &hello.version, "tls.version");
    row("versions", &hello.versions.join(", "), "tls.versions");
    row(
        "server name",
        hello.server_name.as_deref().unwrap_or_default(),
        "tls.server_name",
    );
    let ciphers = match client {
        true => "tls.ciphers",
        false => "tls.cipher",
    };
    row("cipher suites", &hello.ciphers.join(", "), ciphers);
    row("ALPN", &hello.alpn.join(", "), "tls.alpn");
    row("groups", &hello.groups.join(", "), "tls.groups");
    row("random", &hex(&hello.random), "tls.random");
    told.section(ask, "tls.hello.fields", vec![Block::Table(table)]);
}

fn tls_close(ask: &Ask<'_>, close: &TlsClose, told: &mut Explanation) {
    told.title(ask, "tls.close", &[]);
    told.tell(ask, "tls.close.what", &[]);
    let mut table = ask.table(&[
        "head.direction",
        "head.records",
        "head.bytes",
        "head.data",
        "head.sealed",
        "head.close_notify",
    ]);
    for (dir, side) in Dir::BOTH.into_iter().zip(&close.sides) {
        table.row([
            ask.side(dir),
            side.records.to_string(),
            side.bytes.to_string(),
            side.data.to_string(),
            side.sealed.to_string(),
            ask.yes(side.close_notify),
        ]);
    }
    told.section(ask, "tls.close.counts", vec![Block::Table(table)]);
    if let Some(why) = &close.websocket_likely {
        told.tell(ask, "tls.close.likely", &[("why", &said(ask.lang, why))]);
    }
}

pub(super) fn anomaly(ask: &Ask<'_>, anomaly: &Anomaly, told: &mut Explanation) {
    let key = format!("anomaly.{}", anomaly.what.word());
    let values: [super::Value<'_>; 2] = [("n", &ask.event.span.len), ("at", &ask.event.span.start)];
    told.title(ask, &format!("{key}.title"), &values);
    told.tell(ask, &key, &values);
    told.tell(ask, "any.said", &[("text", &said(ask.lang, &anomaly.text))]);
    told.tell(ask, "anomaly.nobody", &[]);
}

pub(super) fn finding(ask: &Ask<'_>, finding: &Finding, told: &mut Explanation) {
    let severity = ask.say(&format!("severity.{}", finding.severity.word()), &[]);
    let side = ask.side(finding.side);
    let values: [super::Value<'_>; 3] = [
        ("rule", &finding.rule),
        ("severity", &severity),
        ("who", &side),
    ];
    match finding.verdict {
        Verdict::Fail => {
            told.title(ask, "finding.title", &values);
            told.tell(ask, "finding.what", &values);
        }
        Verdict::Undecidable => {
            told.title(ask, "finding.undecidable", &values);
            told.tell(ask, "finding.undecidable.what", &values);
        }
    }
    let mut table = ask.table(&["head.field", "head.value"]);
    let mut row = |key: &str, value: &str| {
        if !value.is_empty() {
            table.row([ask.say(key, &[]), value.to_owned()]);
        }
    };
    row("finding.seen", &said(ask.lang, &finding.text));
    if let Some(rule) = rules::find(finding.rule) {
        let rule = of_rule(ask.lang, rule);
        row("finding.rule", rule.title);
        row("finding.why", rule.why);
        row("finding.cause", rule.cause);
    } else {
        row("finding.cause", finding.cause);
    }
    let section = vec![Block::Table(table)];
    told.section(ask, "finding.rule_says", section);
    if !finding.section.is_empty() {
        told.see.push(texts::tr(ask.lang, finding.section, &[]));
    }
}

fn beat(ask: &Ask<'_>, beat: Beat) -> String {
    let key = format!("beat.{}", beat.word().replace('.', "_"));
    ask.say(&key, &[])
}

/// A request inside the socket (its format, id and name), and how long it took or has waited.
fn request(
    ask: &Ask<'_>,
    key: &str,
    (format, id, name): (&str, &str, Option<&str>),
    nanos: i64,
    told: &mut Explanation,
) {
    let values: [super::Value<'_>; 4] = [
        ("format", &format),
        ("id", &id),
        ("name", &name.unwrap_or("-")),
        ("time", &Span(nanos)),
    ];
    told.tell(ask, key, &values);
}

pub(super) fn insight(ask: &Ask<'_>, insight: &Insight, told: &mut Explanation) {
    let key = format!("insight.{}", insight.kind.word());
    told.title(ask, &format!("{key}.title"), &[]);
    match &insight.kind {
        InsightKind::RoundTrip { by, nanos } => {
            let values: [super::Value<'_>; 2] =
                [("beat", &beat(ask, *by)), ("time", &Span(*nanos))];
            told.tell(ask, &key, &values);
        }
        InsightKind::Heartbeat {
            by,
            pings,
            answered,
            period,
            round_trip,
        } => {
            let who = ask.sender();
            told.tell(
                ask,
                &key,
                &[("beat", &beat(ask, *by)), ("n", pings), ("who", &who)],
            );
            if let Some(answered) = answered {
                told.tell(ask, "insight.heartbeat.answered", &[("n", answered)]);
            }
            if let Some(period) = period {
                told.tell(ask, "insight.heartbeat.period", &[("time", &Span(*period))]);
            }
            if let Some(rtt) = round_trip {
                told.tell(ask, "insight.heartbeat.rtt", &[("time", &Span(*rtt))]);
            }
            let how = match by {
                Beat::Tcp => "insight.heartbeat.tcp",
                Beat::WebSocket => "insight.heartbeat.websocket",
                Beat::Application | Beat::EngineIo | Beat::Stomp | Beat::GraphQl => {
                    "insight.heartbeat.application"
                }
            };
            told.tell(ask, how, &[]);
        }
        InsightKind::Answered(it) => {
            let asked = (it.format, &*it.id, it.name.as_deref());
            request(ask, &key, asked, it.nanos, told);
            if let Some(times) = it.outlier {
                told.tell(ask, "insight.answered.late", &[("n", &times)]);
            }
            if let Some((id, label)) = it.meanwhile {
                let name = ask.say(&format!("label.{}.title", label.word()), &[]);
                told.tell(
                    ask,
                    "insight.answered.meanwhile",
                    &[("id", &id), ("label", &name)],
                );
            }
        }
        InsightKind::Unanswered(it) => {
            let asked = (it.format, &*it.id, it.name.as_deref());
            request(ask, &key, asked, it.waited, told);
        }
        InsightKind::Pairs(it) => {
            let name = it.name.as_deref().unwrap_or("-");
            told.tell(
                ask,
                &key,
                &[
                    ("format", &it.format),
                    ("name", &name),
                    ("n", &it.asked),
                    ("answered", &it.answered),
                    ("failed", &it.failed),
                ],
            );
            if let (Some(median), Some(longest)) = (it.median, it.longest) {
                told.tell(
                    ask,
                    "insight.pairs.times",
                    &[("median", &Span(median)), ("longest", &Span(longest))],
                );
            }
        }
        InsightKind::Cost(cost) => {
            let total = cost.total();
            told.tell(
                ask,
                &key,
                &[
                    ("n", &cost.packets),
                    ("bytes", &total),
                    ("payload", &cost.payload),
                ],
            );
            let mut table = ask.table(&["head.layer", "head.bytes", "head.share"]);
            for (name, bytes) in cost.rows() {
                if bytes > 0 {
                    let share = bytes as f64 * 100.0 / total.max(1) as f64;
                    let name = ask.say(&format!("cost.{name}"), &[]);
                    table.row([name, bytes.to_string(), format!("{share:.1} %")]);
                }
            }
            told.section(ask, "insight.cost.table", vec![Block::Table(table)]);
            match cost.saved {
                0 => {}
                saved => told.tell(ask, "insight.cost.saved", &[("n", &saved)]),
            }
        }
        InsightKind::Delivery(it) => {
            let way = match it.way {
                Way::Polling => "way.polling",
                Way::LongPolling => "way.long_polling",
                Way::Sse => "way.sse",
                Way::WebSocket => "way.websocket",
            };
            let name = ask.say(way, &[]);
            told.tell(
                ask,
                &key,
                &[
                    ("way", &name),
                    ("path", &it.path),
                    ("n", &it.updates),
                    ("requests", &it.requests),
                    ("bytes", &it.bytes),
                ],
            );
            if let Some(price) = it.price() {
                told.tell(ask, "insight.delivery.price", &[("n", &price)]);
            }
            if let Some(waited) = it.waited {
                told.tell(ask, "insight.delivery.waited", &[("time", &Span(waited))]);
            }
        }
        InsightKind::Silence(it) => {
            let timers: Vec<_> = it
                .outlived
                .iter()
                .map(|(seconds, who)| {
                    let who = said(ask.lang, who);
                    texts::tr(ask.lang, "{who} ({n} s)", &[("who", &who), ("n", seconds)])
                })
                .collect();
            let timers = timers.join(&texts::tr(ask.lang, "; ", &[]));
            let values: [super::Value<'_>; 4] = [
                ("time", &Span(it.nanos)),
                ("from", &it.from),
                ("to", &it.to),
                ("timers", &timers),
            ];
            told.tell(ask, &key, &values);
            if it.probes > 0 {
                told.tell(ask, "insight.silence.probes", &[("n", &it.probes)]);
            }
        }
        InsightKind::StillOpen(text) => {
            told.tell(ask, &key, &[]);
            told.tell(ask, "any.said", &[("text", &said(ask.lang, text))]);
        }
        InsightKind::GivenUp { what, count } => {
            told.tell(ask, &key, &[("n", count)]);
            told.tell(ask, "any.said", &[("text", &said(ask.lang, what))]);
        }
    }
}
