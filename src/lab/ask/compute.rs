//! Level 3: what has to be worked out.

use super::super::facts::Facts;
use super::{Both, Form, Question, digits, question, side};
use crate::codec::accept::{self, GUID};
use crate::codec::mask;
use crate::forge::Random;
use crate::model::{Dir, EventKind, Frame, Ws};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use sha1::{Digest as _, Sha1};

pub fn ask(facts: &Facts, random: &mut Random, into: &mut Vec<Question>) {
    accepts(facts, random, into);
    headers(facts, random, into);
    for seen in facts.sure() {
        if let EventKind::Ws(Ws::Frame(frame)) = &seen.event.kind
            && !frame.unfinished
            && facts.has_one_frame(seen.event.packet)
        {
            masks(frame, seen.event.packet.get(), random, into);
        }
    }
    overheads(facts, into);
    reports(facts, into);
}

/// The accept value, for the capture's key and for one of the student's own.
fn accepts(facts: &Facts, random: &mut Random, into: &mut Vec<Question>) {
    let mut opened = false;
    for seen in facts.sure() {
        let EventKind::Ws(Ws::Open(open)) = &seen.event.kind else {
            continue;
        };
        opened = true;
        // Only where the server answered it rightly: else two answers could be meant.
        if let (Some(key), Some(true)) = (&open.key, open.accept_ok) {
            let session = open.session;
            let ask = Both::new(
                format!(
                    "Compute the accept value for the key of session {session}, and compare it with the header. Which is it?"
                ),
                format!("用会话 {session} 的 key 算出 accept 值，并与响应首部比较。结果是什么？"),
            );
            into.push(accepted("accept", key, ask));
        }
    }
    if opened {
        let key = BASE64_STANDARD.encode(random.bytes(16));
        let ask = Both::new(
            format!(
                "Another client sends this key: {key}. Which accept value must the server answer?"
            ),
            format!("另一个客户端发来这个 key：{key}。服务器应当回什么 accept 值？"),
        );
        into.push(accepted("accept-own", &key, ask));
    }
}

fn accepted(topic: &str, key: &str, ask: Both) -> Question {
    let hash = accept::hash(key.as_bytes());
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let right = accept::value(key.as_bytes());
    question(3, topic, Form::Exact, ask)
        .hint(
            format!("echo -n KEY{GUID} | openssl sha1 -binary | base64"),
            format!("echo -n KEY{GUID} | openssl sha1 -binary | base64"),
        )
        .answer(&right)
        .why(
            format!("{key} and {GUID} together through SHA-1 give {hex}; its 20 bytes in base64 are {right}."),
            format!("{key} 接上 {GUID}，SHA-1 得 {hex}；这 20 个字节的 base64 是 {right}。"),
        )
        .slip(
            BASE64_STANDARD.encode(Sha1::digest(key)),
            "The fixed text was left out: first the key, then the GUID, then SHA-1.",
            "漏了固定字符串：先接上 GUID，再算 SHA-1。",
        )
        .slip(
            BASE64_STANDARD.encode(hex.as_bytes()),
            "These are the hexadecimal digits in base64: base64 takes the 20 bytes themselves.",
            "这是把十六进制文本做了 base64：应当对那 20 个字节本身做。",
        )
        .slip(
            BASE64_STANDARD.encode(Sha1::digest(format!("{key}{GUID}\n"))),
            "There was a line break at the end when it was hashed: echo needs -n.",
            "算哈希时末尾多了换行：echo 要加 -n。",
        )
        .slip(
            BASE64_STANDARD.encode(Sha1::digest(
                [&BASE64_STANDARD.decode(key).unwrap_or_default(), GUID.as_bytes()].concat(),
            )),
            "The key was decoded first: it is hashed as the text that it is.",
            "先把 key 解码了：应当把它当作文本直接参与计算。",
        )
        .slip(
            hex,
            "That is the hash in hexadecimal digits; the header has its bytes in base64.",
            "那是十六进制的哈希；首部里要的是这些字节的 base64。",
        )
}

/// The header of a frame that is not in the capture.
fn headers(facts: &Facts, random: &mut Random, into: &mut Vec<Question>) {
    if !facts
        .seen
        .iter()
        .any(|seen| matches!(seen.event.kind, EventKind::Ws(Ws::Frame(_))))
    {
        return;
    }
    let length = match random.below(3) {
        0 => 2 + random.below(124),
        1 => 126 + random.below(65_000),
        _ => 65_536 + random.below(100_000),
    };
    let (bytes, en, zh) = match length {
        0..=125 => (
            vec![0x81, length as u8],
            "fits into seven bits",
            "7 位装得下",
        ),
        126..=65_535 => (
            [&[0x81, 126][..], &(length as u16).to_be_bytes()].concat(),
            "takes 126 and 16 bits",
            "要写 126，再用 16 位",
        ),
        _ => (
            [&[0x81, 127][..], &length.to_be_bytes()].concat(),
            "takes 127 and 64 bits",
            "要写 127，再用 64 位",
        ),
    };
    let mut masked = bytes.clone();
    masked[1] |= 0x80;
    let mut open = bytes.clone();
    open[0] = 1;
    into.push(
        question(
            3,
            "write-header",
            Form::Hex,
            Both::new(
                format!("A server sends a text of {length} bytes in one frame, not compressed. Write the bytes of the frame's header. (hexadecimal)"),
                format!("服务器用一个帧发送 {length} 字节的文本，不压缩。写出帧头的全部字节。（十六进制）"),
            ),
        )
        .hint(
            "FIN and the opcode first; then MASK and the length in the shortest form that fits, high byte first.",
            "先是 FIN 和 opcode；再是 MASK 和长度，用能装下的最短写法，高位在前。",
        )
        .answer(digits(&bytes))
        .why(
            format!("81: FIN and opcode 1. A server does not mask, and {length} {en}: {}.", digits(&bytes)),
            format!("81：FIN 加 opcode 1。服务器不加掩码，{length} {zh}：{}。", digits(&bytes)),
        )
        .slip(
            digits(&masked),
            "The mask bit is set: a server must not mask.",
            "MASK 位置了 1：服务器不许加掩码。",
        )
        .slip(
            digits(&open),
            "FIN is missing: one frame is the last one as well.",
            "漏了 FIN：只有一帧，它也就是最后一帧。",
        ),
    );
}

/// A word, masked with a key of the capture.
fn masks(frame: &Frame, packet: u64, random: &mut Random, into: &mut Vec<Question>) {
    let Some(key) = frame.masking_key else { return };
    let word = WORDS[random.below(WORDS.len() as u64) as usize];
    let bytes = word.as_bytes();
    let mut masked = bytes.to_vec();
    mask::apply(&mut masked, key.0, 0);
    let first = format!("{:02x} XOR {:02x} = {:02x}", bytes[0], key.0[0], masked[0]);
    into.push(
        question(
            3,
            "mask",
            Form::Hex,
            Both::new(
                format!("Mask the text \"{word}\" with the key of the frame in packet {packet}. (hexadecimal)"),
                format!("用第 {packet} 个包里那个帧的密钥给文本 \"{word}\" 加掩码。（十六进制）"),
            ),
        )
        .hint(
            "Byte i XOR key byte i modulo 4.",
            "第 i 个字节与密钥的第 i mod 4 个字节异或。",
        )
        .answer(digits(&masked))
        .why(
            format!("The key is {}; {first}, and so on, from the fifth byte with the first key byte again.", digits(&key.0)),
            format!("密钥是 {}；{first}，以此类推，第五个字节又从密钥第一个字节开始。", digits(&key.0)),
        )
        .slip(
            digits(bytes),
            "That is the text as it is, without the key.",
            "那是文本本身，没有用密钥。",
        ),
    );
    into.push(
        question(
            3,
            "unmask",
            Form::Exact,
            Both::new(
                format!("With the key of the frame in packet {packet}, these bytes came: {}. Which word is it?", digits(&masked)),
                format!("用第 {packet} 个包里那个帧的密钥，收到这些字节：{}。这是哪个词？", digits(&masked)),
            ),
        )
        .hint(
            "XOR with the key, then ASCII.",
            "与密钥异或，再按 ASCII 读。",
        )
        .answer(word)
        .why(
            format!("XOR with {} gives {}: \"{word}\".", digits(&key.0), digits(bytes)),
            format!("与 {} 异或得 {}：\"{word}\"。", digits(&key.0), digits(bytes)),
        ),
    );
}

/// What framing cost in one direction of a session.
fn overheads(facts: &Facts, into: &mut Vec<Question>) {
    for seen in facts.sure() {
        let EventKind::Ws(Ws::Close(close)) = &seen.event.kind else {
            continue;
        };
        let (conn, session) = (seen.event.conn, close.session);
        if !facts.is_whole(conn) {
            continue;
        }
        for dir in Dir::BOTH {
            let mut frames = Vec::new();
            for it in facts.of(conn).filter(|it| it.dir() == dir) {
                if let EventKind::Ws(Ws::Frame(frame)) = &it.event.kind
                    && frame.session == session
                {
                    frames.push(*frame);
                }
            }
            if frames.is_empty() || frames.len() > 12 || frames.iter().any(|it| it.unfinished) {
                continue;
            }
            let headers: u64 = frames.iter().map(|it| u64::from(it.header_length)).sum();
            let keys = frames.iter().filter(|it| it.masking_key.is_some()).count() as u64 * 4;
            let (en, zh) = side(dir);
            let each: Vec<_> = frames
                .iter()
                .map(|it| it.header_length.to_string())
                .collect();
            let each = each.join(" + ");
            into.push(
                question(
                    3,
                    "overhead",
                    Form::Number,
                    Both::new(
                        format!("How many bytes of frame headers, masking keys included, did the {en} send in session {session}?"),
                        format!("会话 {session} 中，{zh}一共发了多少字节的帧头（含掩码密钥）？"),
                    ),
                )
                .hint(
                    "Every frame, control frames as well: 2 bytes, the longer forms of length, the key.",
                    "每个帧都算，控制帧也算：2 个字节，加上更长的长度，加上密钥。",
                )
                .answer(headers)
                .why(
                    format!("{} frames: {each} = {headers}.", frames.len()),
                    format!("{} 个帧：{each} = {headers}。", frames.len()),
                )
                .slip(
                    headers - keys,
                    "The masking keys are missing: four bytes for each masked frame.",
                    "漏了掩码密钥：每个带掩码的帧四个字节。",
                ),
            );
        }
    }
}

/// What the program was told.
fn reports(facts: &Facts, into: &mut Vec<Question>) {
    for seen in facts.sure() {
        let EventKind::Ws(Ws::Close(close)) = &seen.event.kind else {
            continue;
        };
        let Some(code) = close.client_saw.filter(|_| facts.is_whole(seen.event.conn)) else {
            continue;
        };
        let session = close.session;
        let (en, zh) = match (code.0, close.code_server) {
            (1006, _) => (
                "no close frame came from the server, so the client's own library reports 1006"
                    .to_owned(),
                "服务器没有发来关闭帧，所以客户端自己的库报告 1006".to_owned(),
            ),
            (1005, _) => (
                "the server's close frame had no code, which an API reports as 1005".to_owned(),
                "服务器的关闭帧没有带代码，接口报告为 1005".to_owned(),
            ),
            (code, _) => (
                format!("the server's close frame carries {code}"),
                format!("服务器的关闭帧带着 {code}"),
            ),
        };
        into.push(
            question(
                3,
                "report",
                Form::Number,
                Both::new(
                    format!("Which close code does the client's API report for session {session}?"),
                    format!("会话 {session} 结束时，客户端的接口报告的关闭代码是多少？"),
                ),
            )
            .hint(
                "The code that it received; 1005 where there was none, 1006 where no close frame came.",
                "它收到的代码；没带代码是 1005，没收到关闭帧是 1006。",
            )
            .answer(code.0)
            .why(format!("{}: {en}.", code.0), format!("{}：{zh}。", code.0)),
        );
    }
}

/// Short enough to mask by hand, long enough to need the key again.
const WORDS: [&str; 8] = [
    "frame", "socket", "hello", "upgrade", "packet", "stream", "server", "client",
];
