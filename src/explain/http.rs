//! The upgrade: HTTP heads, key and accept, what was agreed, what was refused.   RFC 6455 section 4

use super::parts::{Block, Explanation};
use super::{Ask, Span, hex, short, texts};
use crate::codec::accept;
use crate::model::{Dir, Header, Open, Refused, Request, Response};

/// Characters of a value that are shown.
const VALUE: usize = 120;

pub(super) fn request(ask: &Ask<'_>, request: &Request, told: &mut Explanation) {
    let [method, target] = [&request.method, &request.target].map(|it| text(it));
    let values: [super::Value<'_>; 4] = [
        ("method", &method),
        ("target", &target),
        ("who", &ask.sender()),
        ("whom", &ask.receiver()),
    ];
    told.title(ask, "http.request", &values);
    let upgrade = request.all("upgrade").any(|value| {
        value
            .to_ascii_lowercase()
            .windows(9)
            .any(|it| it == b"websocket")
    });
    match upgrade {
        true => told.tell(ask, "http.request.upgrade", &values),
        false => told.tell(ask, "http.request.plain", &values),
    }
    let waiting = ask.talk.asked.len().saturating_sub(1);
    if waiting > 0 {
        told.tell(ask, "http.request.pipelined", &[("n", &waiting)]);
    }
    head(ask, &request.headers, told);
}

pub(super) fn response(ask: &Ask<'_>, response: &Response, told: &mut Explanation) {
    let reason = text(&response.reason);
    let values: [super::Value<'_>; 4] = [
        ("status", &response.status),
        ("reason", &reason),
        ("who", &ask.sender()),
        ("whom", &ask.receiver()),
    ];
    told.title(ask, "http.response", &values);
    status(ask, response.status, told);
    if let Some((id, time)) = ask.talk.asked.front() {
        let waited = Span(ask.event.time.since(*time));
        told.tell(ask, "http.response.of", &[("id", id), ("time", &waited)]);
    }
    head(ask, &response.headers, told);
}

fn status(ask: &Ask<'_>, status: u16, told: &mut Explanation) {
    let key = format!("status.{status}");
    match texts::find(&key) {
        Some(_) => told.tell(ask, &key, &[]),
        None => {
            let class = (status / 100).clamp(1, 5);
            told.tell(ask, &format!("status.{class}xx"), &[("status", &status)]);
        }
    }
}

/// The header fields, each with what it is for.
fn head(ask: &Ask<'_>, headers: &[Header], told: &mut Explanation) {
    if headers.is_empty() {
        return;
    }
    let mut table = ask.table(&["head.field", "head.value", "head.meaning"]);
    for header in headers.iter().take(64) {
        let name = text(&header.name);
        let key = format!("header.{}", name.to_ascii_lowercase());
        let side = match ask.event.dir {
            Some(Dir::S2c) => format!("{key}.answer"),
            _ => format!("{key}.ask"),
        };
        let known = [side, key]
            .into_iter()
            .find(|key| texts::find(key).is_some());
        let meaning = known.map_or_else(String::new, |key| {
            told.refer(&key);
            ask.say(&key, &[])
        });
        table.row([name, short(&text(&header.value), VALUE), meaning]);
    }
    told.section(ask, "http.head", vec![Block::Table(table)]);
}

pub(super) fn open(ask: &Ask<'_>, open: &Open, told: &mut Explanation) {
    let uri = open.uri.clone().unwrap_or_else(|| "?".into());
    told.title(
        ask,
        "open.title",
        &[("session", &open.session), ("uri", &uri)],
    );
    match open.inferred {
        true => told.tell(ask, "open.inferred", &[]),
        false => told.tell(ask, "open.what", &[]),
    }
    if let Some(key) = &open.key {
        accepted(ask, key, open, told);
    }
    let offered = open.subprotocols_offered.join(", ");
    match (&open.subprotocol, offered.is_empty()) {
        (Some(chosen), _) => told.tell(
            ask,
            "open.subprotocol",
            &[("name", chosen), ("offered", &offered)],
        ),
        (None, false) => told.tell(ask, "open.no_subprotocol", &[("offered", &offered)]),
        (None, true) => {}
    }
    match (&open.deflate, &open.extensions) {
        (Some(deflate), _) => {
            told.tell(ask, "open.deflate", &[]);
            let mut table = ask.table(&["head.end", "head.takeover", "head.window"]);
            for (dir, side) in [(Dir::C2s, deflate.client), (Dir::S2c, deflate.server)] {
                let key = match side.no_context_takeover {
                    true => "deflate.forgets",
                    false => "deflate.remembers",
                };
                let bits = side.window_bits;
                let window = format!("2^{bits} = {}", 1_u32 << bits.min(15));
                table.row([ask.side(dir), ask.say(key, &[]), window]);
            }
            told.section(ask, "open.deflate.title", vec![Block::Table(table)]);
        }
        (None, Some(names)) => told.tell(ask, "open.extensions", &[("names", names)]),
        (None, None) => told.tell(ask, "open.no_extensions", &[]),
    }
}

/// Key, GUID, SHA-1, base64, equal or not.
fn accepted(ask: &Ask<'_>, key: &str, open: &Open, told: &mut Explanation) {
    let joined = format!("{}{}", key.trim(), accept::GUID);
    let hash = accept::hash(key.as_bytes());
    let value = accept::value(key.as_bytes());
    let mut table = ask.table(&["head.step", "head.what", "head.result"]);
    let mut step = |what: &str, result: String| {
        let nth = table.rows.len() + 1;
        table.row([nth.to_string(), ask.say(what, &[]), short(&result, 160)]);
    };
    step("accept.key", key.to_owned());
    step("accept.joined", joined);
    step("accept.hash", hex(&hash));
    step("accept.base64", value);
    step(
        "accept.seen",
        open.accept.clone().unwrap_or_else(|| "-".into()),
    );
    let verdict = match open.accept_ok {
        Some(true) => "accept.equal",
        Some(false) => "accept.differs",
        None => "accept.unknown",
    };
    step("accept.compare", ask.say(verdict, &[]));
    let mut groups = ask.table(&["head.bytes", "head.bits", "head.characters"]);
    let value = accept::value(key.as_bytes());
    for (three, four) in hash.chunks(3).zip(value.as_bytes().chunks(4)).take(2) {
        let bits: String = three.iter().map(|byte| format!("{byte:08b}")).collect();
        let bits: Vec<_> = bits
            .as_bytes()
            .chunks(6)
            .map(|six| String::from_utf8_lossy(six).into_owned())
            .collect();
        groups.row([hex(three), bits.join(" "), text(four)]);
    }
    let blocks = vec![
        Block::Table(table),
        Block::Text(ask.say("accept.groups", &[])),
        Block::Table(groups),
        Block::Text(ask.say("accept.why", &[])),
    ];
    told.section(ask, "accept.title", blocks);
}

pub(super) fn refused(ask: &Ask<'_>, refused: &Refused, told: &mut Explanation) {
    told.title(
        ask,
        "refused.title",
        &[("status", &refused.status), ("uri", &refused.uri)],
    );
    told.tell(ask, "refused.what", &[("status", &refused.status)]);
    status(ask, refused.status, told);
    if let Some(wants) = &refused.wants {
        told.tell(ask, "refused.wants", &[("wants", wants)]);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
