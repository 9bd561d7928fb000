//! What is inside messages: requests, answers and heartbeats of the formats that carry ids.
//!
//! | file | format |
//! |---|---|
//! | `json` | JSON, as a small tree: a few levels, a few members, no long text |
//! | `rpc` | JSON-RPC 2.0, and what looks like it; JSON that says ping or pong |
//! | `graphql` | GraphQL over WebSocket: `graphql-transport-ws`, and the older `graphql-ws` |
//! | `socketio` | Engine.IO packets, and Socket.IO inside them |
//! | `stomp` | STOMP frames, and the newlines between them |
//! | `wamp` | WAMP 2, as JSON |
//!
//! A message is looked at alone; what belongs together is for the folds to find out. Whatever does
//! not follow its format says nothing: no rule of RFC 6455 asks for it.
#![deny(clippy::disallowed_methods)]
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod graphql;
mod json;
mod rpc;
mod socketio;
mod stomp;
mod wamp;

pub use json::Node;

use crate::model::{Beat, Open};

/// What a message says to whoever pairs messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// It wants an answer with this id.
    Ask {
        /// The format that has the id.
        format: &'static str,
        /// The id, as the format writes it.
        id: String,
        /// What is asked, where the format names it.
        name: Option<String>,
    },
    /// It answers what the other side asked with this id.
    Answer {
        /// The format that has the id.
        format: &'static str,
        /// The id, as the format writes it.
        id: String,
        /// It says that it failed.
        failed: bool,
        /// No more answers come with this id.
        last: bool,
    },
    /// Its sender wants no (more) answer with this id.
    Cancel {
        /// The format that has the id.
        format: &'static str,
        /// The id, as the format writes it.
        id: String,
    },
    /// A heartbeat that wants an answer with the same key.
    Ping(Beat, String),
    /// The answer to it.
    Pong(Beat, String),
    /// A heartbeat that wants none.
    Beat(Beat),
}

/// What is known of a session that tells how its messages are to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Dialect {
    graphql: Option<graphql::Version>,
    engine_io: bool,
    wamp: bool,
    stomp: bool,
}

impl Dialect {
    /// What the handshake tells.
    #[must_use]
    pub fn of(open: &Open) -> Self {
        let subprotocol = open.subprotocol.as_deref().unwrap_or_default();
        let query = open.uri.as_deref().and_then(|uri| uri.split_once('?'));
        Self {
            graphql: match subprotocol {
                "graphql-transport-ws" => Some(graphql::Version::Transport),
                "graphql-ws" => Some(graphql::Version::Legacy),
                _ => None,
            },
            engine_io: query.is_some_and(|(_, query)| {
                query
                    .split('&')
                    .any(|pair| matches!(pair, "EIO=4" | "EIO=3"))
            }),
            wamp: subprotocol == "wamp.2.json",
            stomp: matches!(subprotocol, "v10.stomp" | "v11.stomp" | "v12.stomp"),
        }
    }

    /// What a text message says of heartbeats that want an answer, or answer one.
    pub fn look_for_beats(&mut self, text: &[u8], said: &mut Vec<Said>) {
        if self.engine_io || text.len() <= 4 || may_have::<false>(text) {
            self.look(text, said);
            said.retain(|it| matches!(it, Said::Ping(..) | Said::Pong(..)));
        }
    }

    /// What a text message says; longer ones than a megabyte say nothing, nor do those that are not UTF-8.
    pub fn look(&mut self, text: &[u8], said: &mut Vec<Said>) {
        if text.len() <= LONGEST
            && self.may_tell(text)
            && let Ok(text) = simdutf8::basic::from_utf8(text)
        {
            self.read(text, said);
        }
    }

    /// Whether a text may say something. Most messages have neither an id nor a kind that is read: no
    /// need to read them.
    fn may_tell(self, text: &[u8]) -> bool {
        self.engine_io
            || self.wamp
            || self.graphql.is_some()
            // All that is not JSON is short, or a frame of STOMP.
            || text.len() <= 4
            || may_have::<true>(text)
            || memchr::memchr(0, text).is_some()
    }

    fn read(&mut self, text: &str, said: &mut Vec<Said>) {
        if self.engine_io {
            return socketio::read(text, said);
        }
        if stomp::read(text, self.stomp, said) {
            self.stomp = true;
            return;
        }
        match text.trim_start().as_bytes().first() {
            Some(b'{' | b'[') => {}
            Some(b'p' | b'P') if text.eq_ignore_ascii_case("ping") => {
                return said.push(Said::Ping(Beat::Application, String::new()));
            }
            Some(b'p' | b'P') if text.eq_ignore_ascii_case("pong") => {
                return said.push(Said::Pong(Beat::Application, String::new()));
            }
            _ => return,
        }
        let Some(node) = json::read(text) else {
            return;
        };
        match self.graphql {
            Some(version) => graphql::read(version, &node, said),
            None if self.wamp => wamp::read(&node, said),
            None => rpc::read(&node, said),
        }
    }
}

/// How many places are looked at in one go.
const LANES: usize = 16;

/// Whether a text of JSON may have a heartbeat in it, or, where `IDS`, a member that is called `id`.
///
/// Sixteen places at a time and without a branch for each, so that they are looked at at once: every
/// text comes here.
fn may_have<const IDS: bool>(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(here) = rest.first_chunk() {
        if any::<IDS>(here) {
            return true;
        }
        rest = rest.get(LANES..).unwrap_or_default();
    }
    let mut last = [0; LANES + 5];
    if let Some(last) = last.get_mut(..rest.len()) {
        last.copy_from_slice(rest);
    }
    any::<IDS>(&last)
}

/// The same for one go: six rows of sixteen, each a byte further on, side by side.
#[expect(clippy::indexing_slicing, reason = "all rows are of one length")]
fn any<const IDS: bool>(bytes: &[u8; LANES + 5]) -> bool {
    let row = |from: usize| -> [u8; LANES] {
        let mut row = [0; LANES];
        row.copy_from_slice(&bytes[from..from + LANES]);
        row
    };
    let (a, b, c, d, e, f) = (row(0), row(1), row(2), row(3), row(4), row(5));
    // A loop, not a closure for each: however it is built, it is done side by side.
    let mut any = 0;
    for i in 0..LANES {
        let six = [a[i], b[i], c[i], d[i], e[i], f[i]];
        any |= u8::from(beats(six) | (IDS & ids(six)));
    }
    any != 0
}

/// Where a string of JSON may be `ping` or `pong`, in whichever case: as it stands or escaped.
#[inline(always)]
fn beats([a, b, _, d, e, f]: [u8; 6]) -> bool {
    let word = (a == b'"') & (b | 32 == b'p') & (d | 32 == b'n') & (e | 32 == b'g') & (f == b'"');
    word | (a == b'\\') & (b == b'u')
}

/// Where a member may be called `id`; one with escapes is found as above.
#[inline(always)]
fn ids([a, b, c, d, ..]: [u8; 6]) -> bool {
    (a == b'"') & (b == b'i') & (c == b'd') & (d == b'"')
}

/// Bytes of a message that is looked into.
const LONGEST: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    pub fn of(subprotocol: &str, uri: &str) -> Dialect {
        Dialect::of(&Open {
            subprotocol: Some(subprotocol.to_owned()),
            uri: Some(uri.to_owned()),
            ..Open::default()
        })
    }

    fn look(mut dialect: Dialect, text: &str) -> Vec<Said> {
        let mut said = Vec::new();
        dialect.look(text.as_bytes(), &mut said);
        said
    }

    /// What is passed over would have said nothing.
    #[test]
    fn only_what_says_nothing_is_passed_over() {
        let words = [
            r#""id""#,
            r#""type""#,
            r#""op""#,
            r#""ping""#,
            r#""PoNg""#,
            r#""pung""#,
            r#""id2""#,
            r#""\u0069d""#,
            r#""\u0070ing""#,
            r#""i\u0064""#,
            r#""pin\u0067""#,
            r#""method""#,
            r#""result""#,
            r#""jsonrpc""#,
            r#""2.0""#,
            "1",
            "null",
            "{}",
            "[]",
            r#""\\ud""#,
        ];
        let mut state = 7_u32;
        let mut any = |below: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize % below
        };
        let mut told = 0;
        for _ in 0..200_000 {
            let mut text = String::from("{");
            for nth in 0..1 + any(4) {
                let comma = if nth > 0 { "," } else { "" };
                let (key, value) = (words[any(words.len() - 5)], words[any(words.len())]);
                let space = if any(9) == 0 { " " } else { "" };
                text += &format!("{comma}{space}{key}:{value}");
            }
            text += "}";
            let mut plain = Vec::new();
            if let Some(node) = json::read(&text) {
                rpc::read(&node, &mut plain);
            }
            assert_eq!(look(Dialect::default(), &text), plain, "{text}");
            told += usize::from(!plain.is_empty());
            plain.retain(|it| matches!(it, Said::Ping(..) | Said::Pong(..)));
            let mut beats = Vec::new();
            Dialect::default().look_for_beats(text.as_bytes(), &mut beats);
            assert_eq!(beats, plain, "{text}");
        }
        assert!(told > 10_000, "{told}");
    }

    fn ask(format: &'static str, id: &str, name: &str) -> Said {
        Said::Ask {
            format,
            id: id.to_owned(),
            name: (!name.is_empty()).then(|| name.to_owned()),
        }
    }

    fn answer(format: &'static str, id: &str, failed: bool, last: bool) -> Said {
        Said::Answer {
            format,
            id: id.to_owned(),
            failed,
            last,
        }
    }

    #[test]
    fn json_rpc_and_its_batches() {
        let plain = Dialect::default();
        let say = |text| look(plain, text);
        assert_eq!(
            say(r#"{"jsonrpc":"2.0","id":7,"method":"add","params":[1,2]}"#),
            [ask("json-rpc", "7", "add")]
        );
        assert_eq!(
            say(
                r#"[{"jsonrpc":"2.0","id":"7","result":3},{"jsonrpc":"2.0","id":null,"error":{"code":1}}]"#
            ),
            [
                answer("json-rpc", "\"7\"", false, true),
                answer("json-rpc", "null", true, true)
            ]
        );
        // A notification wants no answer; a number is not the text of it.
        assert_eq!(say(r#"{"jsonrpc":"2.0","method":"tick"}"#), []);
        assert_eq!(
            say(r#"{"id":1,"method":"Page.enable"}"#),
            [ask("json", "1", "Page.enable")]
        );
        assert_eq!(say(r#"{"id":1,"price":3}"#), []);
        assert_eq!(say(r#"{"jsonrpc":"2.0","id":1,"#), []);
    }

    #[test]
    fn heartbeats_of_applications() {
        let plain = Dialect::default();
        let ping = |key: &str| Said::Ping(Beat::Application, key.to_owned());
        assert_eq!(look(plain, r#"{"type":"ping"}"#), [ping("")]);
        assert_eq!(look(plain, r#"{"op": "PING", "id": 4}"#), [ping("4")]);
        assert_eq!(look(plain, "ping"), [ping("")]);
        assert_eq!(
            look(plain, r#"{"event":"pong"}"#),
            [Said::Pong(Beat::Application, String::new())]
        );
        assert_eq!(look(plain, r#"{"type":"pinguin"}"#), []);
        assert_eq!(look(plain, "pingpong"), []);
    }

    #[test]
    fn graphql_both_ways_of_writing_it() {
        let new = of("graphql-transport-ws", "/graphql");
        let graphql = "graphql";
        assert_eq!(
            look(
                new,
                r#"{"id":"a","type":"subscribe","payload":{"operationName":"Boats","query":"…"}}"#
            ),
            [ask(graphql, "a", "Boats")]
        );
        assert_eq!(
            look(new, r#"{"id":"a","type":"next","payload":{}}"#),
            [answer(graphql, "a", false, false)]
        );
        assert_eq!(
            look(new, r#"{"id":"a","type":"error","payload":[]}"#),
            [answer(graphql, "a", true, true)]
        );
        assert_eq!(
            look(new, r#"{"type":"ping"}"#),
            [Said::Ping(Beat::GraphQl, String::new())]
        );
        assert_eq!(
            look(new, r#"{"type":"connection_init"}"#),
            [ask(graphql, "connection", "connection_init")]
        );
        let old = of("graphql-ws", "/graphql");
        assert_eq!(
            look(old, r#"{"id":"1","type":"start","payload":{}}"#),
            [ask(graphql, "1", "")]
        );
        assert_eq!(look(old, r#"{"type":"ka"}"#), [Said::Beat(Beat::GraphQl)]);
        assert_eq!(
            look(old, r#"{"id":"1","type":"stop"}"#),
            [Said::Cancel {
                format: graphql,
                id: "1".into()
            }]
        );
    }

    #[test]
    fn socket_io_with_acknowledgements() {
        let io = of("", "/socket.io/?EIO=4&transport=websocket");
        assert_eq!(look(io, "2"), [Said::Ping(Beat::EngineIo, String::new())]);
        assert_eq!(
            look(io, "3probe"),
            [Said::Pong(Beat::EngineIo, "probe".into())]
        );
        assert_eq!(
            look(io, r#"421["save",{"a":1}]"#),
            [ask("socket.io", "/ 1", "save")]
        );
        assert_eq!(
            look(io, r#"42/admin,17["save"]"#),
            [ask("socket.io", "/admin 17", "save")]
        );
        assert_eq!(
            look(io, r#"431[true]"#),
            [answer("socket.io", "/ 1", false, true)]
        );
        assert_eq!(
            look(io, r#"451-2["blob",{"_placeholder":true,"num":0}]"#),
            [ask("socket.io", "/ 2", "blob")]
        );
        assert_eq!(look(io, r#"42["tick"]"#), []);
        assert_eq!(
            look(Dialect::default(), "2"),
            [],
            "two is only a ping where Engine.IO is spoken"
        );
    }

    #[test]
    fn stomp_receipts_and_newlines() {
        let mut stomp = Dialect::default();
        let mut said = Vec::new();
        stomp.look(b"\n", &mut said);
        assert_eq!(said, [], "a newline alone is only a heartbeat in STOMP");
        stomp.look(
            b"SEND\ndestination:/queue/a\nreceipt:m-1\n\nhello\0",
            &mut said,
        );
        stomp.look(b"\n", &mut said);
        stomp.look(b"RECEIPT\nreceipt-id:m-1\n\n\0\n", &mut said);
        stomp.look(b"ERROR\r\nreceipt-id:m-2\r\n\r\nno\0", &mut said);
        assert_eq!(
            said,
            [
                ask("stomp", "m-1", "SEND /queue/a"),
                Said::Beat(Beat::Stomp),
                answer("stomp", "m-1", false, true),
                answer("stomp", "m-2", true, true)
            ]
        );
    }

    #[test]
    fn wamp_calls_and_invocations() {
        let wamp = of("wamp.2.json", "/");
        assert_eq!(
            look(wamp, r#"[48,9,{},"com.boat.add",[1]]"#),
            [ask("wamp", "CALL 9", "com.boat.add")]
        );
        assert_eq!(
            look(wamp, "[50,9,{},[2]]"),
            [answer("wamp", "CALL 9", false, true)]
        );
        assert_eq!(
            look(wamp, r#"[8,48,9,{},"wamp.error.no"]"#),
            [answer("wamp", "CALL 9", true, true)]
        );
        assert_eq!(
            look(wamp, r#"[16,3,{},"topic"]"#),
            [],
            "it asks for no acknowledgement"
        );
        assert_eq!(
            look(wamp, r#"[16,3,{"acknowledge":true},"topic"]"#),
            [ask("wamp", "PUBLISH 3", "topic")]
        );
        assert_eq!(
            look(wamp, "[68,5,77,{}]"),
            [ask("wamp", "INVOCATION 5", "77")]
        );
        assert_eq!(
            look(wamp, r#"[70,5,{}]"#),
            [answer("wamp", "INVOCATION 5", false, true)]
        );
    }

    #[test]
    fn what_is_no_json_and_what_is_too_deep_says_nothing() {
        let deep = "[".repeat(100_000);
        for text in [
            "",
            "{",
            "{}",
            "[]",
            "[[[[[[1]]]]]]",
            "{\"id\":{}}",
            &deep,
            "\u{0}",
            "🌊",
        ] {
            for dialect in [
                Dialect::default(),
                of("wamp.2.json", ""),
                of("graphql-ws", ""),
            ] {
                assert_eq!(look(dialect, text), [], "{text:.20}");
            }
        }
    }
}
