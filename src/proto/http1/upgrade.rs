//! Is this an upgrade to WebSocket, and what was agreed?   RFC 6455 section 4

use super::grammar::{extension_list, list, number};
use crate::codec::accept;
use crate::model::{Deflate, Open, Refused, Request, Response, SessionId, Side};

/// Whether the request asks for WebSocket.
pub fn is_asked(request: &Request) -> bool {
    names_websocket(request.all("upgrade")) && request.method == b"GET"
}

/// Whether the response grants it.
pub fn is_granted(response: &Response) -> bool {
    response.status == 101 && names_websocket(response.all("upgrade"))
}

/// The name of the draft that was agreed on instead, whose frames are of another kind; the drafts
/// 7 and later (versions 7, 8 and 13) have the frames of the RFC.
pub fn older_draft(request: Option<&Request>, response: &Response) -> Option<&'static str> {
    let asked = |name| request.is_some_and(|request| request.all(name).next().is_some());
    let answered = |name| response.all(name).next().is_some();
    if answered("sec-websocket-accept") {
        None
    } else if asked("sec-websocket-key1") || answered("sec-websocket-origin") {
        Some("WebSocket draft hixie-76")
    } else if answered("websocket-origin") {
        Some("WebSocket draft hixie-75")
    } else {
        None
    }
}

fn names_websocket<'a>(values: impl Iterator<Item = &'a [u8]>) -> bool {
    values
        .flat_map(list)
        .any(|token| token.eq_ignore_ascii_case(b"websocket"))
}

/// What request and response agree on; without the request, what the response alone tells.
pub fn agree(session: SessionId, request: Option<&Request>, response: &Response) -> Open {
    let asked = |name| request.and_then(|request| joined(request.all(name)));
    let key = asked("sec-websocket-key");
    let accept = joined(response.all("sec-websocket-accept"));
    let accept_expected = key.as_ref().map(|key| accept::value(key.as_bytes()));
    let accept_ok = match (&accept_expected, &accept) {
        (Some(expected), Some(accept)) => Some(expected == accept),
        _ => None,
    };
    let offered = request
        .into_iter()
        .flat_map(|request| request.all("sec-websocket-protocol"));
    Open {
        session,
        uri: request.map(|request| text(&request.target)),
        host: asked("host"),
        origin: asked("origin"),
        version: asked("sec-websocket-version"),
        key,
        accept,
        accept_ok,
        accept_expected,
        subprotocol: joined(response.all("sec-websocket-protocol")),
        subprotocols_offered: offered.flat_map(list).map(text).collect(),
        extensions: joined(response.all("sec-websocket-extensions")),
        deflate: deflate(response),
        inferred: request.is_none(),
    }
}

/// A session whose granting was not captured: what the request alone tells.
pub fn assume(session: SessionId, request: &Request) -> Open {
    let silent = Response {
        status: 101,
        reason: Vec::new(),
        version: request.version,
        headers: Vec::new(),
    };
    Open {
        inferred: true,
        ..agree(session, Some(request), &silent)
    }
}

/// What a refusal says.
pub fn refuse(request: &Request, response: &Response) -> Refused {
    let wants = [
        "sec-websocket-version",
        "upgrade",
        "www-authenticate",
        "location",
    ]
    .iter()
    .filter_map(|name| Some(format!("{name}: {}", joined(response.all(name))?)))
    .collect::<Vec<_>>();
    Refused {
        status: response.status,
        uri: text(&request.target),
        wants: (!wants.is_empty()).then(|| wants.join("; ")),
    }
}

/// The agreed parameters of permessage-deflate; none where it is not agreed.   RFC 7692 section 7.1
fn deflate(response: &Response) -> Option<Deflate> {
    let value = joined(response.all("sec-websocket-extensions"))?;
    let agreed = extension_list(value.as_bytes())?
        .into_iter()
        .find(|extension| extension.name.eq_ignore_ascii_case(b"permessage-deflate"))?;
    let param = |name: &[u8]| {
        agreed
            .params
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|&(_, v)| v)
    };
    let bits = |name| {
        let bits = param(name).flatten().and_then(number);
        bits.and_then(|bits| u8::try_from(bits).ok())
            .filter(|bits| (8..=15).contains(bits))
    };
    let side = |takeover, window| Side {
        no_context_takeover: param(takeover).is_some(),
        window_bits: bits(window).unwrap_or(15),
    };
    Some(Deflate {
        client: side(b"client_no_context_takeover", b"client_max_window_bits"),
        server: side(b"server_no_context_takeover", b"server_max_window_bits"),
    })
}

/// The values of a repeated field, as one.   RFC 9110 section 5.3
fn joined<'a>(values: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let values: Vec<_> = values.map(text).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::grammar::{request, response};
    use super::*;

    #[test]
    fn request_and_response_agree_on_what_both_say() {
        let asked = request(
            b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nupgrade: WebSocket\r\n\
              Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, super\r\n\
              Sec-WebSocket-Protocol: third\r\nSec-WebSocket-Version: 13\r\n\r\n",
        )
        .unwrap();
        let granted = response(
            b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
              Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate; \
              client_no_context_takeover; server_max_window_bits=\"10\"\r\n\r\n",
        )
        .unwrap();
        assert!(is_asked(&asked) && is_granted(&granted));
        let open = agree(SessionId(0), Some(&asked), &granted);
        assert_eq!(open.accept_ok, Some(true));
        assert_eq!(open.subprotocols_offered, ["chat", "super", "third"]);
        assert_eq!(open.subprotocol.as_deref(), Some("chat"));
        let client = Side {
            no_context_takeover: true,
            window_bits: 15,
        };
        let server = Side {
            no_context_takeover: false,
            window_bits: 10,
        };
        assert_eq!(open.deflate, Some(Deflate { client, server }));
        assert!(!open.inferred);
    }

    #[test]
    fn without_the_request_the_session_is_inferred() {
        let granted =
            response(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n");
        let open = agree(SessionId(0), None, &granted.unwrap());
        assert!(open.inferred);
        assert_eq!((open.uri, open.accept_ok), (None, None));
    }

    #[test]
    fn drafts_with_other_frames_are_named() {
        let asked = request(
            b"GET / HTTP/1.1\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key1: 1 2\r\nSec-WebSocket-Key2: 3 4\r\n\r\n",
        );
        let answer = response(
            b"HTTP/1.1 101 WebSocket Protocol Handshake\r\nUpgrade: WebSocket\r\nSec-WebSocket-Origin: x\r\n\r\n",
        )
        .unwrap();
        assert_eq!(
            older_draft(asked.as_ref(), &answer),
            Some("WebSocket draft hixie-76")
        );
        assert_eq!(older_draft(None, &answer), Some("WebSocket draft hixie-76"));
        let rfc =
            response(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n");
        assert_eq!(older_draft(None, &rfc.unwrap()), None);
    }

    #[test]
    fn a_refusal_says_what_is_wanted_instead() {
        let asked = request(b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n").unwrap();
        let answer =
            response(b"HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13, 8\r\n\r\n");
        let refused = refuse(&asked, &answer.unwrap());
        assert_eq!(refused.status, 426);
        assert_eq!(
            refused.wants.as_deref(),
            Some("sec-websocket-version: 13, 8")
        );
    }
}
