//! For each rule a dialogue that breaks it, and one that nearly does.

use crate::talk::{
    C, Fields as _, S, Says, Talk, binary, close, frame, masked, more, ping, pong, text,
};
use wscope::model::{Culprit, Ending, Inflated, Version};

type Script = fn(&mut Talk);

const OFFER: &str = "Sec-WebSocket-Extensions";
const PROTOCOL: &str = "Sec-WebSocket-Protocol";

/// The number of a rule, a breach, and what is nearly one.
pub const CASES: &[(u16, Script, Script)] = &[
    (
        1,
        |t| {
            t.head.method = b"POST".to_vec();
            t.ask();
        },
        |t| {
            t.ask();
        },
    ),
    (
        2,
        |t| {
            t.head.version = Version { major: 1, minor: 0 };
            t.ask();
        },
        |t| {
            t.head.version = Version { major: 1, minor: 1 };
            t.ask();
        },
    ),
    (
        3,
        |t| {
            t.head.target = b"/chat#top".to_vec();
            t.ask();
        },
        |t| {
            t.head.target = b"http://example.com/chat?a=%23".to_vec();
            t.ask();
        },
    ),
    (
        4,
        |t| {
            t.head.add("Host", "example.org");
            t.ask();
        },
        |t| {
            t.head.set("Host", "[::1]:8080");
            t.ask();
        },
    ),
    (
        5,
        |t| {
            t.head.set("Upgrade", "web-socket");
            t.ask();
        },
        |t| {
            t.head.set("Upgrade", "h2c, WebSocket");
            t.ask();
        },
    ),
    (
        6,
        |t| {
            t.head.set("Connection", "keep-alive");
            t.ask();
        },
        |t| {
            t.head.set("Connection", "keep-alive, UPGRADE");
            t.ask();
        },
    ),
    (
        7,
        |t| {
            t.head.drop("Sec-WebSocket-Key");
            t.ask();
        },
        |t| {
            t.ask();
        },
    ),
    (
        8,
        |t| {
            t.head.add("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==");
            t.ask();
        },
        |t| {
            t.ask();
        },
    ),
    (
        9,
        |t| {
            t.head.set("Sec-WebSocket-Key", "c2hvcnQ=");
            t.ask();
        },
        |t| {
            t.head.set("Sec-WebSocket-Key", "q83vASNFZ4mrze8BI0VniQ==");
            t.ask();
        },
    ),
    // The second asks while the first still waits: a proxy passes its request on.
    (
        10,
        |t| {
            t.open().again().ask();
        },
        |t| {
            t.ask().next().ask();
        },
    ),
    (
        11,
        |t| {
            t.head.set("Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4PEA==");
            t.ask();
        },
        |t| {
            t.head.set("Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4PEQ==");
            t.ask();
        },
    ),
    // "abcabcabcabcabca", and sixteen letters with one other character among them.
    (
        11,
        |t| {
            t.head.set("Sec-WebSocket-Key", "YWJjYWJjYWJjYWJjYWJjYQ==");
            t.ask();
        },
        |t| {
            t.head.set("Sec-WebSocket-Key", "cXdlcnR5dWlvcGFzZGZnLQ==");
            t.ask();
        },
    ),
    (
        11,
        |t| {
            t.head.set("Sec-WebSocket-Key", "cXdlcnR5dWlvcGFzZGZnaA==");
            t.ask();
        },
        |t| {
            t.ask();
        },
    ),
    (
        12,
        |t| {
            t.head.drop("Sec-WebSocket-Version");
            t.ask();
        },
        |t| {
            t.ask();
        },
    ),
    (
        13,
        |t| {
            t.head.set("Sec-WebSocket-Version", "8");
            t.ask();
        },
        |t| {
            t.ask();
        },
    ),
    (
        14,
        |t| {
            t.head.set("Sec-WebSocket-Version", "013");
            t.ask();
        },
        |t| {
            t.head.set("Sec-WebSocket-Version", "255");
            t.ask();
        },
    ),
    (
        15,
        |t| {
            t.head.add(PROTOCOL, "chat,,soap");
            t.ask();
        },
        |t| {
            t.head.add(PROTOCOL, "chat , soap");
            t.ask();
        },
    ),
    (
        16,
        |t| {
            t.head.add(PROTOCOL, "chat, soap").add(PROTOCOL, "chat");
            t.ask();
        },
        |t| {
            t.head.add(PROTOCOL, "chat, Chat");
            t.ask();
        },
    ),
    (
        17,
        |t| {
            t.head.add(OFFER, "permessage-deflate; =3");
            t.ask();
        },
        |t| {
            t.head.add(
                OFFER,
                "permessage-deflate; server_max_window_bits=\"10\", x",
            );
            t.ask();
        },
    ),
    (
        18,
        |t| {
            t.head.add(OFFER, "x-webkit-deflate-frame");
            t.ask();
        },
        |t| {
            t.head.add(OFFER, "bbf-usp-protocol; eid=\"doc--id\"");
            t.ask();
        },
    ),
    (
        19,
        |t| {
            t.head.add("Sec-WebSocket-Accept", "x");
            t.ask();
        },
        |t| {
            t.ask();
        },
    ),
    (
        20,
        |t| {
            t.head.add("User-Agent", "Mozilla/5.0");
            t.ask();
        },
        |t| {
            t.head
                .add("User-Agent", "Mozilla/5.0")
                .add("Origin", "null");
            t.ask();
        },
    ),
    (
        21,
        |t| {
            t.open().send(C, text("early").began_in(2));
        },
        |t| {
            t.open().send(C, text("in time"));
        },
    ),
    (
        22,
        |t| {
            t.ask().next();
            t.head.set("Sec-WebSocket-Key", "q83vASNFZ4mrze8BI0VniQ==");
            t.ask().back(0).reply();
        },
        |t| {
            t.ask().reply().next().ask().reply();
        },
    ),
    (
        23,
        |t| {
            t.head.add("Content-Length", "5");
            t.ask();
        },
        |t| {
            t.head.add("Content-Length", "0");
            t.ask();
        },
    ),
    (
        24,
        |t| {
            t.head.drop("Upgrade").set("Connection", "close");
            t.ask();
        },
        |t| {
            t.head.set("Connection", "close");
            t.ask();
        },
    ),
    (
        25,
        |t| {
            t.head.target = b"/chat?room=1&access_token=abc".to_vec();
            t.ask();
        },
        |t| {
            t.head.target = b"/chat?tokens=3&token=".to_vec();
            t.ask();
        },
    ),
    (
        26,
        |t| {
            for _ in 0..4 {
                t.open().fin(S).fin(C).again();
            }
            t.ask();
        },
        |t| {
            for _ in 0..4 {
                t.open().fin(S).fin(C).again().wait(3000);
            }
            t.ask();
        },
    ),
    (
        27,
        |t| {
            t.answer.status = 200;
            t.ask().reply();
        },
        |t| {
            t.answer.status = 200;
            t.answer.drop("Sec-WebSocket-Accept");
            t.ask().reply();
        },
    ),
    (
        28,
        |t| {
            t.answer.drop("Upgrade");
            t.ask().reply();
        },
        |t| {
            t.answer.set("Upgrade", "WebSocket");
            t.ask().reply();
        },
    ),
    (
        29,
        |t| {
            t.answer.set("Connection", "keep-alive");
            t.ask().reply();
        },
        |t| {
            t.answer.set("Connection", "keep-alive, upgrade");
            t.ask().reply();
        },
    ),
    (
        30,
        |t| {
            t.answer.drop("Sec-WebSocket-Accept");
            t.ask().reply();
        },
        |t| {
            t.ask().reply();
        },
    ),
    (
        31,
        |t| {
            t.answer.add("Sec-WebSocket-Accept", "x");
            t.ask().reply();
        },
        |t| {
            t.ask().reply();
        },
    ),
    (
        32,
        |t| {
            t.ask().reply().opened(false, false);
        },
        |t| {
            t.ask().reply().opened(true, false);
        },
    ),
    (
        33,
        |t| {
            t.answer.add(PROTOCOL, "chat, soap");
            t.ask().reply();
        },
        |t| {
            t.answer.add(PROTOCOL, "chat");
            t.ask().reply();
        },
    ),
    (
        34,
        |t| {
            t.head.add(PROTOCOL, "Chat");
            t.answer.add(PROTOCOL, "chat");
            t.ask().reply();
        },
        |t| {
            t.head.add(PROTOCOL, "soap, chat");
            t.answer.add(PROTOCOL, "chat");
            t.ask().reply();
        },
    ),
    (
        35,
        |t| {
            t.head.add(PROTOCOL, "chat");
            t.ask().reply();
        },
        |t| {
            t.ask().reply();
        },
    ),
    (
        36,
        |t| {
            t.answer.add(OFFER, "permessage-deflate");
            t.ask().reply();
        },
        |t| {
            t.deflate();
        },
    ),
    (
        37,
        |t| {
            t.answer.add(OFFER, "");
            t.ask().reply();
        },
        |t| {
            t.deflate();
        },
    ),
    (
        38,
        |t| {
            t.answer
                .add(OFFER, "permessage-deflate, permessage-deflate");
            t.ask().reply();
        },
        |t| {
            t.answer.add(OFFER, "permessage-deflate, bbf-usp-protocol");
            t.ask().reply();
        },
    ),
    (
        39,
        |t| {
            t.head.drop("Host");
            t.ask().reply();
        },
        |t| {
            t.head.drop("Host");
            t.answer.status = 400;
            t.ask().reply();
        },
    ),
    (
        40,
        |t| {
            t.head.set("Sec-WebSocket-Version", "25");
            t.answer.status = 426;
            t.ask().reply();
        },
        |t| {
            t.head.set("Sec-WebSocket-Version", "25");
            t.answer.status = 426;
            t.answer.add("Sec-WebSocket-Version", "13");
            t.ask().reply();
        },
    ),
    (
        41,
        |t| {
            t.answer.status = 426;
            t.answer.drop("Upgrade");
            t.ask().reply();
        },
        |t| {
            t.answer.status = 426;
            t.ask().reply();
        },
    ),
    (
        42,
        |t| {
            t.answer.add("Content-Length", "0");
            t.ask().reply();
        },
        |t| {
            t.answer.status = 400;
            t.answer.add("Content-Length", "0");
            t.ask().reply();
        },
    ),
    (
        43,
        |t| {
            t.answer.add("Content-Encoding", "gzip");
            t.ask().reply();
        },
        |t| {
            t.answer.status = 400;
            t.answer.add("Content-Encoding", "gzip");
            t.ask().reply();
        },
    ),
    (
        44,
        |t| {
            t.answer.set("Upgrade", "h2c");
            t.ask().reply();
        },
        |t| {
            t.head.set("Upgrade", "websocket, h2c");
            t.answer.set("Upgrade", "h2c");
            t.ask().reply();
        },
    ),
    (
        45,
        |t| {
            t.answer.status = 200;
            t.ask().reply();
        },
        |t| {
            t.answer.status = 404;
            t.ask().reply();
        },
    ),
    (
        46,
        |t| {
            t.answer.status = 302;
            t.answer.add("Location", "/login");
            t.ask().reply();
        },
        |t| {
            t.answer.status = 404;
            t.ask().reply();
        },
    ),
    (
        47,
        |t| {
            t.head
                .add("Cookie", "id=1")
                .add("Origin", "https://evil.example");
            t.ask().reply();
        },
        |t| {
            t.head
                .add("Cookie", "id=1")
                .add("Origin", "http://example.com:8080");
            t.ask().reply();
        },
    ),
    (
        48,
        |t| {
            t.answer
                .set("Sec-WebSocket-Accept", "zh1mJ0ZQ4yQvVQd2U5Ww3A==");
            t.ask().reply();
        },
        |t| {
            t.ask().reply();
        },
    ),
    (
        49,
        |t| {
            t.open().send(C, pong("").unmasked());
        },
        |t| {
            t.open().send(C, text("hi")).send(S, text("hi"));
        },
    ),
    (
        50,
        |t| {
            t.open().send(S, text("hi").key(7));
        },
        |t| {
            t.open().send(S, text("hi"));
        },
    ),
    (
        51,
        |t| {
            t.open().send(C, text("hi").rsv(4));
        },
        |t| {
            t.deflate().send(C, text("hi").rsv(4));
        },
    ),
    (
        52,
        |t| {
            t.deflate().send(S, text("hi").rsv(2));
        },
        |t| {
            t.answer.add(OFFER, "x-own");
            t.open().send(S, text("hi").rsv(2));
        },
    ),
    (
        53,
        |t| {
            t.open().send(S, ping("").rsv(1));
        },
        |t| {
            t.answer.add(OFFER, "x-own");
            t.open().send(S, text("hi").rsv(1));
        },
    ),
    (
        54,
        |t| {
            t.open().send(C, frame(3, ""));
        },
        |t| {
            t.open().send(C, binary(""));
        },
    ),
    (
        55,
        |t| {
            t.open().send(C, frame(11, ""));
        },
        |t| {
            t.open().send(C, pong(""));
        },
    ),
    (
        56,
        |t| {
            t.open().send(C, text([b'a'; 125]).form(2));
        },
        |t| {
            t.open().send(C, text([b'a'; 126]));
        },
    ),
    (
        57,
        |t| {
            t.open().send(C, text([b'a'; 126]).form(8));
        },
        |t| {
            t.open().send(C, text(vec![b'a'; 65536]));
        },
    ),
    (
        58,
        |t| {
            t.open().send(C, text("").length(1 << 63).unfinished());
        },
        |t| {
            t.open()
                .send(C, text("").length((1 << 63) - 1).unfinished());
        },
    ),
    (
        59,
        |t| {
            t.open().send(C, text("a").key(9)).send(C, text("b").key(9));
        },
        |t| {
            t.open()
                .send(C, text("a").key(9))
                .send(C, text("b").key(8))
                .send(C, text("c").key(9));
        },
    ),
    (
        60,
        |t| {
            t.open().send(C, text("a").key(0));
        },
        |t| {
            t.open().send(C, text("a").key(1));
        },
    ),
    (
        61,
        |t| {
            t.open();
            // One byte of sixteen keys stays the same, the others do not.
            for key in 0..16u32 {
                let key = key.wrapping_mul(0x9e37_79b9).wrapping_add(1) & 0xffff_00ff;
                t.send(C, text("a").key(key | 0x7700));
            }
        },
        |t| {
            t.open();
            for key in 0..16u32 {
                let key = (key * key).wrapping_mul(0x9e37_79b9) ^ 0x1357_9bdf;
                t.send(C, text("a").key(key));
            }
        },
    ),
    (
        61,
        |t| {
            t.open();
            for key in 0..9 {
                t.send(C, text("a").key(1000 + 3 * key));
            }
        },
        |t| {
            t.open();
            for key in 0..8 {
                t.send(C, text("a").key(1000 + 3 * key));
            }
            t.send(C, text("a").key(5));
        },
    ),
    (
        62,
        |t| {
            t.open().send(S, ping([b'a'; 126]));
        },
        |t| {
            t.open().send(S, ping([b'a'; 125]));
        },
    ),
    (
        63,
        |t| {
            t.open().send(S, ping("").part());
        },
        |t| {
            t.open().send(S, text("").part());
        },
    ),
    // "hello!", masked once too often.
    (
        64,
        |t| {
            t.open().send(
                C,
                text(masked("masked once more: é", 0x81c2_81e2)).key(0x81c2_81e2),
            );
        },
        |t| {
            // Noise that makes sense by chance, as a few bytes may.
            t.open()
                .send(C, text([0xf8, 0x80, 0x80, 0x80]).key(0xc951_2db3));
        },
    ),
    (
        65,
        |t| {
            t.open()
                .send(C, text("").length((1 << 31) + 1).unfinished());
        },
        |t| {
            t.open().send(C, text("").length(1 << 31).unfinished());
        },
    ),
    (
        65,
        // No more than half of what it announces was ever carried.
        |t| {
            t.open()
                .send(C, text("").length(5000).unfinished())
                .carried([2000, 500]);
        },
        |t| {
            t.open()
                .send(C, text("").length(5000).unfinished())
                .carried([2000, 3000]);
        },
    ),
    (
        66,
        |t| {
            t.open()
                .send(C, text("").length(9).unfinished())
                .fin(C)
                .fin(S);
        },
        |t| {
            // The server had heard enough.
            t.open()
                .send(C, text("").length(9).unfinished())
                .send(S, close(1009))
                .fin(S)
                .fin(C);
        },
    ),
    (
        67,
        |t| {
            t.open()
                .send(C, text("a").unmasked())
                .wait(2000)
                .send(S, text("fine"))
                .fin(S)
                .fin(C);
        },
        |t| {
            t.open()
                .send(C, text("a").unmasked())
                .wait(2000)
                .send(S, close(1002))
                .fin(S)
                .fin(C);
        },
    ),
    (
        68,
        |t| {
            t.open().send(C, text("a")).send(C, more("b"));
        },
        |t| {
            t.open()
                .send(C, text("a").part())
                .send(C, ping(""))
                .send(C, more("b"));
        },
    ),
    (
        69,
        |t| {
            t.open().send(C, text("a").part()).send(C, text("b"));
        },
        |t| {
            t.open()
                .send(C, text("a").part())
                .send(S, text("b"))
                .send(C, more("b"));
        },
    ),
    (
        70,
        |t| {
            t.open().send(C, text("a").part()).bye();
        },
        |t| {
            t.open().send(C, text("a").part()).send(C, more("")).bye();
        },
    ),
    (
        71,
        |t| {
            t.open().send(C, text([b'a', 0xc3, 0x28]));
        },
        |t| {
            t.open().send(C, text([0xc3]).part()).send(C, more([0xa9]));
        },
    ),
    (
        72,
        |t| {
            t.open().send(C, text([0xed, 0xa0, 0x80]));
        },
        |t| {
            t.open().send(C, text([0xed, 0x9f, 0xbf]));
        },
    ),
    (
        73,
        |t| {
            t.open().send(C, text([0xff]).part()).send(C, more("a"));
        },
        |t| {
            t.open().send(C, text([0xe4]).part()).send(C, more("a"));
        },
    ),
    (
        74,
        |t| {
            t.open().send(C, text("").part()).send(C, more("a"));
        },
        |t| {
            t.open().send(C, text("a").part()).send(C, more(""));
        },
    ),
    (
        75,
        |t| {
            t.open().send(C, binary(r#"{"a":1}"#));
        },
        |t| {
            t.open().send(C, binary("{\"a\":\0}"));
        },
    ),
    (
        76,
        |t| {
            t.open().send(C, text("a\0b"));
        },
        |t| {
            t.open().send(C, text("a\tb\r\n"));
        },
    ),
    (
        77,
        // A proxy asks with the client's key, and joins two fragments.
        |t| {
            t.ask().next().ask().reply().opened(true, false);
            t.back(0).reply().opened(true, false);
            t.send(C, text("hel").part()).send(C, more("lo"));
            t.back(1).send(C, text("hello"));
        },
        |t| {
            t.ask().next().ask().reply().opened(true, false);
            t.back(0).reply().opened(true, false);
            t.send(C, text("hel").part()).send(C, more("lo"));
            t.back(1).send(C, text("hel").part()).send(C, more("lo"));
            t.send(C, text("hello"));
        },
    ),
    (
        78,
        |t| {
            t.open()
                .send(S, ping("x"))
                .wait(2000)
                .send(C, text("busy"))
                .bye();
        },
        |t| {
            t.open().send(S, ping("x")).wait(2000).bye();
        },
    ),
    (
        79,
        |t| {
            t.open()
                .send(S, ping("x"))
                .send(C, pong("y"))
                .wait(2000)
                .send(C, text(""))
                .bye();
        },
        |t| {
            t.open()
                .send(S, ping("x"))
                .send(C, pong(""))
                .send(C, pong("x"))
                .wait(2000)
                .send(C, text(""))
                .bye();
        },
    ),
    (
        80,
        |t| {
            t.open()
                .send(S, ping("1"))
                .send(S, ping("2"))
                .send(C, pong("2"));
        },
        |t| {
            t.open()
                .send(S, ping("1"))
                .send(C, pong("1"))
                .send(S, ping("2"))
                .send(C, pong("2"));
        },
    ),
    (
        81,
        |t| {
            t.open().send(C, pong("x"));
        },
        |t| {
            t.open().send(S, ping("x")).send(C, pong("x"));
        },
    ),
    (
        82,
        |t| {
            t.open().send(S, ping("x")).wait(1500).send(C, pong("x"));
        },
        |t| {
            t.open().send(S, ping("x")).wait(900).send(C, pong("x"));
        },
    ),
    (
        83,
        |t| {
            t.open().send(S, close(1000)).send(S, ping(""));
        },
        |t| {
            t.open().send(C, close(1000)).send(S, ping(""));
        },
    ),
    (
        84,
        |t| {
            t.open()
                .send(C, text("a"))
                .wait(60_000)
                .fin(S)
                .fin(C)
                .again();
            t.open()
                .send(C, ping("1"))
                .wait(90_000)
                .send(C, ping("2"))
                .bye();
        },
        |t| {
            t.open()
                .send(C, text("a"))
                .wait(60_000)
                .fin(S)
                .fin(C)
                .again();
            t.open()
                .send(C, ping("1"))
                .wait(50_000)
                .send(C, ping("2"))
                .bye();
        },
    ),
    (
        85,
        |t| {
            t.open()
                .send(S, ping(""))
                .send(S, text(r#"{"type":"ping"}"#));
        },
        |t| {
            t.open()
                .send(S, ping(""))
                .send(C, text(r#"{"type":"ping"}"#));
        },
    ),
    (
        86,
        |t| {
            t.open().send(C, frame(8, [3]));
        },
        |t| {
            t.open().send(C, frame(8, []));
        },
    ),
    (
        87,
        |t| {
            t.open().send(C, frame(8, [3, 0xe8, 0xff]));
        },
        |t| {
            t.open().send(C, frame(8, [3, 0xe8, b'x']));
        },
    ),
    (
        88,
        |t| {
            t.open().send(C, close(999));
        },
        |t| {
            t.open().send(C, close(1000));
        },
    ),
    (
        89,
        |t| {
            t.open().send(C, close(1004));
        },
        |t| {
            t.open().send(C, close(1003));
        },
    ),
    (
        90,
        |t| {
            t.open().send(C, close(1005));
        },
        |t| {
            t.open().send(C, close(1007));
        },
    ),
    (
        91,
        |t| {
            t.open().send(C, close(1016));
        },
        |t| {
            t.open().send(C, close(1014));
        },
    ),
    (
        92,
        |t| {
            t.open().send(C, close(3001));
        },
        |t| {
            t.open().send(S, close(3003)).send(C, close(3003));
        },
    ),
    (
        93,
        |t| {
            t.open().send(C, close(4999));
        },
        |t| {
            t.open().send(C, close(3999));
        },
    ),
    (
        94,
        |t| {
            t.open().send(C, close(5000));
        },
        |t| {
            t.open().send(C, close(4999));
        },
    ),
    (
        95,
        |t| {
            t.open().send(S, close(1010));
        },
        |t| {
            t.open().send(C, close(1010)).send(S, close(1010));
        },
    ),
    (
        96,
        |t| {
            t.open().send(S, close(1012));
        },
        |t| {
            t.open().send(S, close(1000));
        },
    ),
    (
        97,
        |t| {
            t.open().send(C, close(1000)).send(C, text("a"));
        },
        |t| {
            t.open().send(C, close(1000)).send(S, text("a"));
        },
    ),
    (
        98,
        |t| {
            t.open().send(C, close(1000)).send(C, pong(""));
        },
        |t| {
            t.open().send(C, close(1000)).send(S, pong(""));
        },
    ),
    (
        99,
        |t| {
            t.open().send(C, close(1000)).wait(500).fin(S).fin(C);
        },
        |t| {
            // Who closed failed the connection, and waited for nothing.
            t.open().send(C, close(1002)).fin(C).wait(500).fin(S);
        },
    ),
    (
        100,
        |t| {
            t.open().send(C, close(1001)).send(S, close(1000));
        },
        |t| {
            // It answers the breach.
            t.open().send(C, close(999)).send(S, close(1002));
        },
    ),
    (
        101,
        |t| {
            t.open()
                .send(C, close(1000))
                .send(S, close(1000))
                .fin(C)
                .fin(S);
        },
        |t| {
            // A client that fails the connection.
            t.open()
                .send(S, frame(3, ""))
                .send(C, close(1002))
                .send(S, close(1002))
                .fin(C)
                .fin(S);
        },
    ),
    (
        101,
        |t| {
            t.tls = true;
            t.open().send(C, close(1000)).send(S, close(1000));
            t.leave(C).fin(C).leave(S).fin(S).notify([true, true], 0);
        },
        // The server had begun to end it.
        |t| {
            t.tls = true;
            t.open().send(C, close(1000)).send(S, close(1000));
            t.leave(S).leave(C).fin(C).fin(S).notify([true, true], 0);
        },
    ),
    (
        101,
        |t| {
            t.tls = true;
            t.open().send(C, close(1000)).send(S, close(1000));
            t.fin(C).fin(S).notify([false, false], 0);
        },
        // What was not opened may have been its beginning.
        |t| {
            t.tls = true;
            t.open().send(C, close(1000)).send(S, close(1000));
            t.fin(C).fin(S).notify([false, false], 24);
        },
    ),
    (
        102,
        |t| {
            t.open()
                .send(C, close(1000))
                .send(S, close(1000))
                .wait(2000)
                .fin(S)
                .fin(C);
        },
        |t| {
            t.open().bye();
        },
    ),
    (
        103,
        |t| {
            t.open().send(C, text("a")).fin(S).fin(C);
        },
        |t| {
            t.open().bye();
        },
    ),
    (
        104,
        |t| {
            t.open().rst(S);
        },
        |t| {
            t.open().fin(S).fin(C);
        },
    ),
    (
        105,
        |t| {
            t.open().send(C, close(1000)).wait(9000).fin(C).fin(S);
        },
        |t| {
            t.open()
                .send(C, close(1000))
                .wait(9000)
                .send(S, close(1000))
                .fin(C)
                .fin(S);
        },
    ),
    (
        106,
        |t| {
            t.open().send(C, close(1000)).send(C, close(1000));
        },
        |t| {
            t.open().bye();
        },
    ),
    (
        107,
        |t| {
            t.tls = true;
            t.open().bye().notify([true, false], 0);
        },
        |t| {
            t.tls = true;
            t.open().bye().notify([true, true], 0);
        },
    ),
    (
        107,
        |t| {
            t.tls = true;
            t.open().bye().notify([false, true], 0);
        },
        // What was not opened may have been it.
        |t| {
            t.tls = true;
            t.open().bye().notify([false, false], 24);
        },
    ),
    (
        108,
        |t| {
            t.head.add(OFFER, "permessage-deflate; level=9");
            t.ask();
        },
        |t| {
            t.head.add(
                OFFER,
                "permessage-deflate; client_max_window_bits; Server_No_Context_Takeover",
            );
            t.ask();
        },
    ),
    (
        109,
        |t| {
            t.head.add(
                OFFER,
                "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
            );
            t.ask();
        },
        |t| {
            t.head.add(OFFER, "permessage-deflate; client_max_window_bits, permessage-deflate; client_max_window_bits");
            t.ask();
        },
    ),
    (
        110,
        |t| {
            t.answer
                .add(OFFER, "permessage-deflate; server_no_context_takeover=true");
            t.ask().reply();
        },
        |t| {
            t.answer
                .add(OFFER, "permessage-deflate; server_no_context_takeover");
            t.ask().reply();
        },
    ),
    (
        111,
        |t| {
            t.head
                .add(OFFER, "permessage-deflate; server_max_window_bits=08");
            t.ask();
        },
        |t| {
            t.head
                .add(OFFER, "permessage-deflate; server_max_window_bits=8");
            t.ask();
        },
    ),
    (
        112,
        |t| {
            t.answer
                .add(OFFER, "permessage-deflate; client_max_window_bits");
            t.ask().reply();
        },
        |t| {
            t.head
                .add(OFFER, "permessage-deflate; client_max_window_bits");
            t.ask();
        },
    ),
    (
        113,
        |t| {
            t.head.add(OFFER, "permessage-deflate");
            t.answer
                .add(OFFER, "permessage-deflate; client_max_window_bits=10");
            t.ask().reply();
        },
        |t| {
            t.head
                .add(OFFER, "permessage-deflate; client_max_window_bits");
            t.answer
                .add(OFFER, "permessage-deflate; client_max_window_bits=10");
            t.ask().reply();
        },
    ),
    (
        114,
        |t| {
            t.head
                .add(OFFER, "permessage-deflate; server_max_window_bits=10");
            t.answer
                .add(OFFER, "permessage-deflate; server_max_window_bits=11");
            t.ask().reply();
        },
        |t| {
            t.head
                .add(OFFER, "permessage-deflate; server_max_window_bits=10");
            t.answer
                .add(OFFER, "permessage-deflate; server_max_window_bits=9");
            t.ask().reply();
        },
    ),
    (
        115,
        |t| {
            t.head
                .add(OFFER, "permessage-deflate; server_no_context_takeover");
            t.answer.add(OFFER, "permessage-deflate");
            t.ask().reply();
        },
        |t| {
            t.head.add(
                OFFER,
                "permessage-deflate; server_no_context_takeover, permessage-deflate",
            );
            t.answer.add(OFFER, "permessage-deflate");
            t.ask().reply();
        },
    ),
    (
        116,
        |t| {
            t.head.add(OFFER, "permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate");
            t.answer
                .add(OFFER, "permessage-deflate; client_max_window_bits=9");
            t.ask().reply();
        },
        |t| {
            t.head.add(OFFER, "permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate");
            t.answer.add(
                OFFER,
                "permessage-deflate; client_max_window_bits=9; server_max_window_bits=10",
            );
            t.ask().reply();
        },
    ),
    (
        117,
        |t| {
            t.deflate().send(C, ping("").rsv(4));
        },
        |t| {
            t.deflate().send(C, text("").rsv(4));
        },
    ),
    (
        118,
        |t| {
            t.deflate()
                .send(C, text("a").part())
                .send(C, more("b").rsv(4));
        },
        |t| {
            t.deflate()
                .send(C, text("a").part().rsv(4))
                .send(C, more("b"));
        },
    ),
    (
        119,
        |t| {
            t.deflate()
                .send(C, text("").deflated(broken(Culprit::Unknown), 9, 9));
        },
        |t| {
            t.deflate().send(C, text("").deflated(WHOLE, 9, 19));
        },
    ),
    (
        120,
        |t| {
            t.deflate().send(
                C,
                text("").deflated(
                    Inflated {
                        ending: Ending::TailLeft,
                        ..WHOLE
                    },
                    9,
                    19,
                ),
            );
        },
        |t| {
            t.deflate().send(C, text("").deflated(WHOLE, 9, 19));
        },
    ),
    (
        121,
        |t| {
            t.deflate()
                .send(C, text("").deflated(broken(Culprit::Window), 9, 9));
        },
        |t| {
            t.deflate().send(C, text("").deflated(WHOLE, 9, 19));
        },
    ),
    (
        122,
        |t| {
            t.deflate()
                .send(C, text("").deflated(broken(Culprit::Takeover), 9, 9));
        },
        |t| {
            t.deflate().send(C, text("").deflated(WHOLE, 9, 19));
        },
    ),
    (
        123,
        |t| {
            t.deflate().send(
                C,
                text("").deflated(
                    Inflated {
                        bfinal: true,
                        ..WHOLE
                    },
                    9,
                    19,
                ),
            );
        },
        |t| {
            t.deflate().send(C, text("").deflated(WHOLE, 9, 19));
        },
    ),
    (
        124,
        |t| {
            t.deflate()
                .send(C, text("").deflated(broken(Culprit::PlainKept), 9, 9));
        },
        |t| {
            t.deflate()
                .send(C, text("plain"))
                .send(C, text("").deflated(WHOLE, 9, 19));
        },
    ),
    (
        125,
        |t| {
            t.deflate().send(C, text("").deflated(WHOLE, 9, 9));
        },
        |t| {
            t.deflate().send(C, text("").deflated(WHOLE, 9, 10));
        },
    ),
    (
        126,
        |t| {
            t.deflate()
                .send(C, binary("").deflated(WHOLE, 2000, 2 << 20));
        },
        |t| {
            t.deflate()
                .send(C, binary("").deflated(WHOLE, 2000, 1 << 18));
        },
    ),
    (
        127,
        |t| {
            t.tls = true;
            t.deflate().send(C, text(r#"{"name":"attacker-chose-it"}"#));
            t.send(S, secret());
        },
        // Nobody sees the lengths of what is not inside TLS any better than what it says.
        |t| {
            t.deflate().send(C, text(r#"{"name":"attacker-chose-it"}"#));
            t.send(S, secret());
        },
    ),
    (
        127,
        |t| {
            t.tls = true;
            t.head.target = b"/chat?name=attacker-chose-it".to_vec();
            t.deflate().send(S, secret());
        },
        |t| {
            t.tls = true;
            t.deflate()
                .send(C, text(r#"{"name":"nothing that comes again"}"#));
            t.send(S, secret());
        },
    ),
];

const WHOLE: Inflated = Inflated {
    ending: Ending::Whole,
    window_bits: 0,
    bfinal: false,
};

fn broken(culprit: Culprit) -> Inflated {
    Inflated {
        ending: Ending::Broken(culprit),
        ..WHOLE
    }
}

/// A compressed message with a secret and a name.
fn secret() -> Says {
    let said = r#"{"token":"k3jf9a8sdf7a6s5d","name":"attacker-chose-it"}"#;
    text(said).deflated(Inflated::default(), 40, said.len() as u64)
}
