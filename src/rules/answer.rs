//! The answer to the request that opens a session.   RFC 6455 sections 4.1 and 4.2

use super::fields::{Extension, elements, extensions, has_token, is_token, joined, show};
use super::{By, Check, H, HX, Note, Rule, Scene, note};
use crate::model::Response;
use crate::model::Severity::{self, Error, Warning};

pub const RULES: &[Rule] = &[
    Rule {
        number: 27,
        id: "WS-ANSWER-STATUS",
        section: "RFC 6455 4.2.2",
        severity: Error,
        by: By::Server,
        needs: H,
        title: "The upgrade is accepted with status 101",
        why: "With any other status there is no WebSocket, whatever the fields say",
        cause: "A framework that overwrites the status after the handshake",
        check: Check::Answer(|answer, _| {
            let accept = answer.all("sec-websocket-accept").next().is_some();
            (accept && (200..300).contains(&answer.status)).then(|| {
                note(format!(
                    "the status is {}, with a Sec-WebSocket-Accept field",
                    answer.status
                ))
            })
        }),
    },
    Rule {
        number: 28,
        id: "WS-ANSWER-UPGRADE",
        section: "RFC 6455 4.1",
        severity: Error,
        by: By::Server,
        needs: H,
        title: "Upgrade in the answer is websocket",
        why: "A client must fail the connection otherwise",
        cause: "A hand-written server, or a proxy that drops the field",
        check: Check::Answer(|answer, _| {
            let values: Vec<_> = answer.all("upgrade").collect();
            let right = matches!(values[..], [value] if value.eq_ignore_ascii_case(b"websocket"));
            (answer.status == 101 && !right)
                .then(|| note(format!("Upgrade is {}", found(answer, "upgrade"))))
        }),
    },
    Rule {
        number: 29,
        id: "WS-ANSWER-CONNECTION",
        section: "RFC 6455 4.1",
        severity: Error,
        by: By::Server,
        needs: H,
        title: "Connection in the answer contains Upgrade",
        why: "A client must fail the connection otherwise",
        cause: "A proxy that writes its own Connection field",
        check: Check::Answer(|answer, _| {
            (answer.status == 101 && !has_token(answer.all("connection"), b"upgrade"))
                .then(|| note(format!("Connection is {}", found(answer, "connection"))))
        }),
    },
    Rule {
        number: 30,
        id: "WS-ANSWER-ACCEPT",
        section: "RFC 6455 4.1",
        severity: Error,
        by: By::Server,
        needs: H,
        title: "Sec-WebSocket-Accept is there",
        why: "It proves that the server read this very request as WebSocket",
        cause: "A hand-written server, or a server of another protocol",
        check: Check::Answer(|answer, _| {
            (answer.status == 101 && answer.all("sec-websocket-accept").next().is_none())
                .then(|| note("there is no Sec-WebSocket-Accept"))
        }),
    },
    Rule {
        number: 31,
        id: "WS-ANSWER-ACCEPT-ONCE",
        section: "RFC 6455 11.3.3",
        severity: Error,
        by: By::Server,
        needs: H,
        title: "Sec-WebSocket-Accept occurs once",
        why: "With two, nobody knows which one counts",
        cause: "A proxy and a server that both answer the handshake",
        check: Check::Answer(|answer, _| {
            let count = answer.all("sec-websocket-accept").count();
            (count > 1).then(|| note(format!("it occurs {count} times")))
        }),
    },
    Rule {
        number: 32,
        id: "WS-ANSWER-ACCEPT-VALUE",
        section: "RFC 6455 4.2.2",
        severity: Error,
        by: By::Server,
        needs: H,
        title: "Sec-WebSocket-Accept is the hash of the key",
        why: "A client must fail the connection otherwise",
        cause: "A constant copied from an example, or a cache that answers with another client's handshake",
        check: Check::Open(|open, _| {
            (open.accept_ok == Some(false)).then(|| {
                note(format!(
                    "it is {:?}, and the key asks for {:?}",
                    show(open.accept.as_deref().unwrap_or_default().as_bytes()),
                    open.accept_expected.as_deref().unwrap_or_default()
                ))
            })
        }),
    },
    Rule {
        number: 33,
        id: "WS-ANSWER-PROTOCOL-FORM",
        section: "RFC 6455 4.2.2",
        severity: Error,
        by: By::Server,
        needs: H,
        title: "The answer names at most one subprotocol, a token",
        why: "One subprotocol is spoken, not several",
        cause: "A server that sends the client's list back",
        check: Check::Answer(|answer, _| {
            let values: Vec<_> = answer.all("sec-websocket-protocol").collect();
            let right = match values[..] {
                [] => true,
                [value] => is_token(value),
                _ => false,
            };
            (answer.status == 101 && !right)
                .then(|| note(format!("it is {}", found(answer, "sec-websocket-protocol"))))
        }),
    },
    Rule {
        number: 34,
        id: "WS-ANSWER-PROTOCOL-OFFERED",
        section: "RFC 6455 4.1",
        severity: Error,
        by: By::Server,
        needs: H,
        title: "The selected subprotocol was offered",
        why: "A client must fail the connection otherwise",
        cause: "A server that always names its own subprotocol",
        check: Check::Answer(protocol_offered),
    },
    Rule {
        number: 35,
        id: "WS-ANSWER-PROTOCOL-NONE",
        section: "RFC 6455 4.2.2",
        severity: Severity::Note,
        by: By::Server,
        needs: H,
        title: "One of the offered subprotocols is selected",
        why: "Without one the client may go on, or close at once: browsers go on",
        cause: "A server that knows none of them, or does not look",
        check: Check::Answer(|answer, scene| {
            let offers: Vec<_> = scene
                .history
                .request()?
                .all("sec-websocket-protocol")
                .flat_map(elements)
                .map(show)
                .collect();
            let none = answer.all("sec-websocket-protocol").next().is_none();
            (answer.status == 101 && none && !offers.is_empty())
                .then(|| note(format!("{} offered, none selected", offers.join(", "))))
        }),
    },
    Rule {
        number: 36,
        id: "WS-ANSWER-EXTENSION-OFFERED",
        section: "RFC 6455 4.1",
        severity: Error,
        by: By::Server,
        needs: H,
        title: "Every selected extension was offered",
        why: "A client must fail the connection otherwise",
        cause: "A server that always answers with permessage-deflate",
        check: Check::Answer(|answer, scene| {
            let selected = selected(answer)?;
            let offered = offered(scene);
            let other = selected.iter().find(|it| {
                !offered
                    .iter()
                    .any(|offer| offer.name.eq_ignore_ascii_case(&it.name))
            })?;
            Some(note(format!("{} was not offered", show(&other.name))))
        }),
    },
    Rule {
        number: 37,
        id: "WS-ANSWER-EXTENSIONS-FORM",
        section: "RFC 6455 9.1",
        severity: Error,
        by: By::Server,
        needs: H,
        title: "Sec-WebSocket-Extensions in the answer follows the grammar, and is not empty",
        why: "A client must fail the connection otherwise",
        cause: "A server that sends the field with nothing in it",
        check: Check::Answer(|answer, _| {
            let value =
                joined(answer.all("sec-websocket-extensions")).filter(|_| answer.status == 101)?;
            extensions(&value).err().map(note)
        }),
    },
    Rule {
        number: 38,
        id: "WS-ANSWER-EXTENSIONS-CLASH",
        section: "RFC 7692 6",
        severity: Error,
        by: By::Server,
        needs: H,
        title: "No two selected extensions use the same reserved bit",
        why: "RSV1 can say one thing only",
        cause: "A server that accepts every offer, fallbacks too",
        check: Check::Answer(|answer, _| {
            let selected = selected(answer)?;
            let count = selected.iter().filter(|it| uses_rsv1(&it.name)).count();
            (count > 1).then(|| {
                note(format!(
                    "{count} of the selected extensions compress messages, and mark them with RSV1"
                ))
            })
        }),
    },
    Rule {
        number: 39,
        id: "WS-ANSWER-TO-BROKEN",
        section: "RFC 6455 4.2.1",
        severity: Error,
        by: By::Server,
        needs: H,
        title: "A request that breaks the rules is refused",
        why: "A server must stop and answer with an error such as 400",
        cause: "A server that looks at the key alone",
        check: Check::Answer(|answer, scene| {
            let faults = &scene.history.request.as_ref()?.faults;
            let must: Vec<_> = faults
                .iter()
                .copied()
                .filter(|id| REQUIRED.contains(id))
                .collect();
            (answer.status == 101 && !must.is_empty())
                .then(|| note(format!("the request broke {}", must.join(", "))))
        }),
    },
    Rule {
        number: 40,
        id: "WS-ANSWER-VERSIONS",
        section: "RFC 6455 4.2.2",
        severity: Error,
        by: By::Server,
        needs: H,
        title: "An unsupported version is refused with the versions that are supported",
        why: "The client may try again with one of them",
        cause: "A server that treats a wrong version as any bad request",
        check: Check::Answer(|answer, scene| {
            let version = scene
                .history
                .request()?
                .all("sec-websocket-version")
                .next()?;
            let listed = answer.all("sec-websocket-version").next().is_some();
            (version != b"13" && matches!(answer.status, 400 | 426) && !listed).then(|| {
                note(format!(
                    "version {} was refused with {}, and no Sec-WebSocket-Version lists others",
                    show(version),
                    answer.status
                ))
            })
        }),
    },
    Rule {
        number: 41,
        id: "WS-ANSWER-426-UPGRADE",
        section: "RFC 9110 15.5.22",
        severity: Warning,
        by: By::Server,
        needs: H,
        title: "A 426 has an Upgrade field",
        why: "It must say to what an upgrade is required",
        cause: "A server that sets the status by hand",
        check: Check::Answer(|answer, _| {
            (answer.status == 426 && answer.all("upgrade").next().is_none())
                .then(|| note("there is no Upgrade field"))
        }),
    },
    Rule {
        number: 42,
        id: "WS-ANSWER-101-LENGTH",
        section: "RFC 9112 6.1",
        severity: Error,
        by: By::Server,
        needs: H,
        title: "A 101 has neither Content-Length nor Transfer-Encoding",
        why: "What follows a 101 is WebSocket, and a length would make it a body",
        cause: "A framework that adds Content-Length to every answer",
        check: Check::Answer(|answer, _| {
            let name = ["content-length", "transfer-encoding"]
                .into_iter()
                .find(|name| answer.all(name).next().is_some())?;
            (answer.status == 101).then(|| note(format!("there is a {name} field")))
        }),
    },
    Rule {
        number: 43,
        id: "WS-ANSWER-101-ENCODING",
        section: "RFC 9110 15.2.2",
        severity: Warning,
        by: By::Server,
        needs: H,
        title: "A 101 has no Content-Encoding",
        why: "There is no content to encode; some clients and proxies then try to",
        cause: "A compressing filter in front of the server",
        check: Check::Answer(|answer, _| {
            let value = answer.all("content-encoding").next()?;
            (answer.status == 101).then(|| note(format!("Content-Encoding is {}", show(value))))
        }),
    },
    Rule {
        number: 44,
        id: "WS-ANSWER-PROTOCOL-SWITCH",
        section: "RFC 9110 7.8",
        severity: Error,
        by: By::Server,
        needs: H,
        title: "The server switches only to a protocol that the client listed",
        why: "The client could not go on",
        cause: "A server or proxy that upgrades to HTTP/2 on its own",
        check: Check::Answer(|answer, scene| {
            let asked = scene.history.request()?;
            let other = answer
                .all("upgrade")
                .flat_map(elements)
                .find(|to| !has_token(asked.all("upgrade"), to))?;
            (answer.status == 101).then(|| note(format!("it switches to {:?}", show(other))))
        }),
    },
    Rule {
        number: 45,
        id: "WS-ANSWER-IGNORED",
        section: "RFC 6455 4.1",
        severity: Warning,
        by: By::Server,
        needs: H,
        title: "A request for WebSocket is not answered like any other",
        why: "With 200 the client learns only that there is no WebSocket",
        cause: "A wrong path, or a proxy that does not pass the upgrade on",
        check: Check::Answer(|answer, _| {
            (200..300)
                .contains(&answer.status)
                .then(|| note(format!("the status is {}", answer.status)))
        }),
    },
    Rule {
        number: 46,
        id: "WS-ANSWER-REDIRECTED",
        section: "RFC 6455 4.2.2",
        severity: Severity::Note,
        by: By::Server,
        needs: HX,
        title: "A redirect, or a demand for credentials, is followed by the client",
        why: "Clients may follow, and browsers do not",
        cause: "A login that has expired, or a server that moved",
        check: Check::Next(|answer, _| {
            let more = ["location", "www-authenticate"]
                .into_iter()
                .find_map(|name| Some(format!(", {name} {}", show(answer.all(name).next()?))));
            matches!(answer.status, 300..=399 | 401 | 403).then(|| {
                note(format!(
                    "the status is {}{}",
                    answer.status,
                    more.unwrap_or_default()
                ))
            })
        }),
    },
    Rule {
        number: 47,
        id: "WS-ANSWER-CROSS-ORIGIN",
        section: "RFC 6455 10.2",
        severity: Severity::Note,
        by: By::Server,
        needs: H,
        title: "A request with cookies from another site is not accepted unseen",
        why: "Cookies go along whoever asks, so another site's page may act for its visitor",
        cause: "A server that does not look at Origin",
        check: Check::Answer(cross_origin),
    },
    Rule {
        number: 48,
        id: "WS-ANSWER-KEY-ECHO",
        section: "RFC 6455 4.2.2",
        severity: Error,
        by: By::Server,
        needs: H,
        title: "The answer does not send the key back",
        why: "A key sent back proves nothing: an echo server does it too",
        cause: "A server that copies the fields of the request",
        check: Check::Answer(|answer, scene| {
            let key = scene.history.request()?.all("sec-websocket-key").next()?;
            let echoed = answer.all("sec-websocket-key").next().is_some();
            let accept = answer
                .all("sec-websocket-accept")
                .any(|accept| accept == key);
            (answer.status == 101 && (echoed || accept)).then(|| {
                note(if accept {
                    "Sec-WebSocket-Accept is the key itself"
                } else {
                    "there is a Sec-WebSocket-Key field"
                })
            })
        }),
    },
];

/// The rules that a server must check before it says 101.   RFC 6455 section 4.2.1
const REQUIRED: [&str; 10] = [
    "WS-REQUEST-METHOD",
    "WS-REQUEST-VERSION",
    "WS-REQUEST-HOST",
    "WS-REQUEST-UPGRADE",
    "WS-REQUEST-CONNECTION",
    "WS-REQUEST-KEY",
    "WS-REQUEST-KEY-ONCE",
    "WS-REQUEST-KEY-FORM",
    "WS-REQUEST-VERSION-FIELD",
    "WS-REQUEST-VERSION-13",
];

fn found(answer: &Response, name: &'static str) -> String {
    joined(answer.all(name)).map_or("absent".to_owned(), |value| format!("{:?}", show(&value)))
}

/// The extensions that a 101 selects; none where it is no 101, or they do not follow the grammar.
pub fn selected(answer: &Response) -> Option<Vec<Extension>> {
    let value = joined(answer.all("sec-websocket-extensions"))?;
    extensions(&value).ok().filter(|_| answer.status == 101)
}

/// The extensions that the request offers, as far as they follow the grammar.
pub fn offered(scene: &Scene<'_>) -> Vec<Extension> {
    let request = scene.history.request();
    let value = request.and_then(|it| joined(it.all("sec-websocket-extensions")));
    value
        .and_then(|value| extensions(&value).ok())
        .unwrap_or_default()
}

fn uses_rsv1(name: &[u8]) -> bool {
    let known: [&[u8]; 4] = [
        b"permessage-deflate",
        b"permessage-bzip2",
        b"x-webkit-deflate-frame",
        b"deflate-frame",
    ];
    known.iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn protocol_offered(answer: &Response, scene: &Scene<'_>) -> Option<Note> {
    let chosen = answer.all("sec-websocket-protocol").next()?;
    let request = scene.history.request()?;
    let offers = || request.all("sec-websocket-protocol").flat_map(elements);
    if answer.status != 101 || offers().any(|offer| offer == chosen) {
        return None;
    }
    let text = match offers().find(|offer| offer.eq_ignore_ascii_case(chosen)) {
        Some(offer) => format!(
            "{:?} was offered as {:?}: case matters",
            show(chosen),
            show(offer)
        ),
        None => format!("{:?} was not offered", show(chosen)),
    };
    Some(note(text))
}

fn cross_origin(answer: &Response, scene: &Scene<'_>) -> Option<Note> {
    let request = scene.history.request()?;
    let (origin, host) = (request.all("origin").next()?, request.all("host").next()?);
    let at = origin.windows(3).position(|three| three == b"://")?;
    let from = origin.get(at + 3..)?;
    let cookies = request.all("cookie").next().is_some();
    (answer.status == 101 && cookies && !from.eq_ignore_ascii_case(host)).then(|| {
        note(format!(
            "a page of {} was let in to {}, with cookies",
            show(from),
            show(host)
        ))
    })
}
