//! Level 2: what several packets, or several fields, tell together.

use super::super::facts::{Facts, Seen};
use super::{Both, Form, Question, digits, question, side};
use crate::model::{AckKind, EventKind, Frame, Kind, Note, Tcp, Ws};

pub fn ask(facts: &Facts, into: &mut Vec<Question>) {
    acknowledged(facts, into);
    frames(facts, into);
    pongs(facts, into);
    messages(facts, into);
    numbers(facts, into);
}

/// Which packet acknowledges message 3?
fn acknowledged(facts: &Facts, into: &mut Vec<Question>) {
    let mut nth = std::collections::BTreeMap::new();
    for (seen, message) in facts
        .messages()
        .filter(|(_, message)| message.kind.is_data())
    {
        let number = nth.entry(message.session).or_insert(0u32);
        *number += 1;
        let conn = seen.event.conn;
        if !facts.is_sound(conn) {
            continue;
        }
        let told = facts.of(conn).find_map(|it| match &it.event.kind {
            EventKind::Tcp(Tcp::Note(Note::Delivered(delivered)))
                if it.event.about == Some(seen.event.id) =>
            {
                Some((it.event.packet, *delivered))
            }
            _ => None,
        });
        let Some((packet, delivered)) = told else {
            continue;
        };
        let Some(kind) = delivered.kind else { continue };
        let last = delivered.packet;
        let session = message.session;
        let (en, zh) = match kind {
            AckKind::Piggybacked => (
                "it carries data as well: the ACK rides along",
                "它自己也带着数据：捎带确认",
            ),
            AckKind::Delayed => (
                "it carries no data and came late: a delayed ACK",
                "它不带数据，来得晚：延迟确认",
            ),
            AckKind::EverySecond | AckKind::Cumulative | AckKind::Stretch => (
                "it confirms several segments at once",
                "它一次确认了好几个报文段",
            ),
            _ => ("it carries no data of its own", "它自己不带数据"),
        };
        let (who, wer) = side(seen.dir());
        into.push(
            question(
                2,
                "ack",
                Form::Number,
                Both::new(
                    format!("Which packet is the first to acknowledge all of message {number} of session {session}? (Text and binary messages counted from 1, both sides together, in the order in which they end.)"),
                    format!("会话 {session} 的第 {number} 条消息，最先确认它全部内容的是哪个包？（文本和二进制消息从 1 数起，双方合在一起，按结束的先后。）"),
                ),
            )
            .hint(
                format!("Find the packet with its last byte, then the first packet of the other side whose ACK number is not below the end of it. Message {number} comes from the {who}."),
                format!("先找到它最后一个字节所在的包，再找对方第一个确认号不小于其结尾的包。第 {number} 条消息是{wer}发的。"),
            )
            .answer(packet)
            .why(
                format!("Its last byte came in packet {last}; packet {packet} is the first whose ACK number covers it, and {en}."),
                format!("最后一个字节在第 {last} 个包里；确认号覆盖到它的第一个包是第 {packet} 个，{zh}。"),
            )
            .slip(
                last,
                "That packet carries the message itself; the acknowledgement comes from the other side.",
                "那个包带的是消息本身；确认要由对方发来。",
            ),
        );
    }
}

fn frames(facts: &Facts, into: &mut Vec<Question>) {
    for seen in facts.sure() {
        let EventKind::Ws(Ws::Frame(frame)) = &seen.event.kind else {
            continue;
        };
        let packet = seen.event.packet;
        if frame.unfinished || !facts.has_one_frame(packet) {
            continue;
        }
        header(frame, packet.get(), into);
        let Some(key) = frame.masking_key else {
            continue;
        };
        let mut back = key.0;
        back.reverse();
        let at = frame.header_length - 4;
        into.push(
            question(
                2,
                "key",
                Form::Hex,
                Both::new(
                    format!("With which key is the frame in packet {packet} masked? (four bytes, hexadecimal)"),
                    format!("第 {packet} 个包里的帧用的掩码密钥是什么？（四个字节，十六进制）"),
                ),
            )
            .hint("The four bytes behind the length.", "长度后面的四个字节。")
            .answer(digits(&key.0))
            .why(
                format!("The bytes {at} to {} of the frame, behind the length: {}.", at + 3, digits(&key.0)),
                format!("帧里第 {at} 到 {} 字节，紧接在长度之后：{}。", at + 3, digits(&key.0)),
            )
            .slip(
                digits(&back),
                "The right bytes, in the wrong order: as they come, so they are used.",
                "字节对，顺序反了：按到达的顺序使用。",
            ),
        );
    }
}

fn header(frame: &Frame, packet: u64, into: &mut Vec<Question>) {
    let length = frame.header_length;
    let masked = frame.masking_key.is_some();
    let extra = length - 2 - if masked { 4 } else { 0 };
    let (key_en, key_zh) = match masked {
        true => (" + 4 for the masking key", " + 掩码密钥 4"),
        false => ("", ""),
    };
    let mut asked = question(
        2,
        "header",
        Form::Number,
        Both::new(
            format!("How many bytes long is the header of the frame in packet {packet}?"),
            format!("第 {packet} 个包里的帧，帧头有多少字节？"),
        ),
    )
    .hint(
        "Two bytes; more for a longer length; four more where it is masked.",
        "两个字节；长度写法更长就更多；有掩码再加四个。",
    )
    .answer(length)
    .why(
        format!(
            "2 + {extra} for the length of {}{key_en} = {length}.",
            frame.length
        ),
        format!(
            "2 + 长度（{}）多占的 {extra}{key_zh} = {length}。",
            frame.length
        ),
    );
    if masked {
        asked = asked.slip(
            length - 4,
            "The masking key is a part of the header.",
            "掩码密钥也是帧头的一部分。",
        );
    }
    into.push(asked.slip(
        u64::from(length) + frame.length,
        "That is the whole frame, with its payload.",
        "那是整个帧，连载荷都算进去了。",
    ));
}

fn pongs(facts: &Facts, into: &mut Vec<Question>) {
    let of = |kind: Kind| {
        let all: Vec<&Seen> = facts
            .messages()
            .filter(|(_, message)| message.kind == kind)
            .map(|(seen, _)| seen)
            .collect();
        all
    };
    let (pings, pongs) = (of(Kind::Ping), of(Kind::Pong));
    for ping in &pings {
        if !facts.is_sound(ping.event.conn) || !ping.is_sure() {
            continue;
        }
        let same = |it: &&&Seen| it.event.conn == ping.event.conn && it.payload == ping.payload;
        let mut answers = pongs
            .iter()
            .filter(same)
            .filter(|it| it.dir() != ping.dir());
        let twice = pings.iter().filter(same).count() > 1;
        let (Some(pong), None, false) = (answers.next(), answers.next(), twice) else {
            continue;
        };
        let alone = |seen: &Seen| facts.has_one_frame(seen.event.packet);
        if pong.event.id < ping.event.id || !alone(ping) || !alone(pong) {
            continue;
        }
        let (a, b) = (ping.event.packet, pong.event.packet);
        into.push(
            question(
                2,
                "pong",
                Form::Number,
                Both::new(
                    format!("Which packet brings the pong that answers the ping in packet {a}?"),
                    format!("回答第 {a} 个包里那个 ping 的 pong，在哪个包里？"),
                ),
            )
            .hint("It carries the same payload.", "它带着同样的载荷。")
            .answer(b)
            .why(
                format!(
                    "Packet {b} carries a pong with the payload of that ping: {}.",
                    digits(&ping.payload)
                ),
                format!(
                    "第 {b} 个包里的 pong 带着同样的载荷：{}。",
                    digits(&ping.payload)
                ),
            ),
        );
    }
}

fn messages(facts: &Facts, into: &mut Vec<Question>) {
    for (seen, message) in facts.messages() {
        let packet = seen.event.packet;
        let others = facts.messages().filter(|(it, _)| it.event.packet == packet);
        if !seen.is_sure() || !message.kind.is_data() || others.count() != 1 {
            continue;
        }
        if message.frames > 1 {
            let count = message.frames;
            into.push(
                question(
                    2,
                    "fragments",
                    Form::Number,
                    Both::new(
                        format!("The message that ends in packet {packet} is fragmented. Of how many frames is it made?"),
                        format!("在第 {packet} 个包里结束的消息是分片的。它由多少个帧组成？"),
                    ),
                )
                .hint(
                    "From the frame with opcode 1 or 2 to the one with FIN; control frames between them do not belong to it.",
                    "从 opcode 为 1 或 2 的帧数到带 FIN 的帧；中间的控制帧不算。",
                )
                .answer(count)
                .why(
                    format!("One frame that names the type, then {} continuations, the last of them with FIN.", count - 1),
                    format!("一个写明类型的帧，加 {} 个延续帧，最后一个带 FIN。", count - 1),
                )
                .slip(
                    count - 1,
                    "The first frame counts, too.",
                    "第一帧也要算。",
                ),
            );
        }
        if message.compressed {
            let (wire, length) = (message.wire_length, message.length);
            into.push(
                question(
                    2,
                    "inflated",
                    Form::Number,
                    Both::new(
                        format!("The message that ends in packet {packet} is compressed to {wire} bytes. How many bytes does the application get?"),
                        format!("在第 {packet} 个包里结束的消息压缩后是 {wire} 字节。应用程序得到多少字节？"),
                    ),
                )
                .hint("wscope print shows both lengths.", "wscope print 会显示两个长度。")
                .answer(length)
                .why(
                    format!("{wire} bytes of DEFLATE inflate to {length}."),
                    format!("{wire} 字节的 DEFLATE 数据解压后是 {length} 字节。"),
                )
                .slip(wire, "That is what travels.", "那是线路上的长度。"),
            );
        }
    }
}

/// Relative acknowledgement numbers, as Wireshark shows them.
fn numbers(facts: &Facts, into: &mut Vec<Question>) {
    for seen in &facts.seen {
        let EventKind::Tcp(Tcp::Note(Note::Ack(ack))) = &seen.event.kind else {
            continue;
        };
        let conn = seen.event.conn;
        if ack.bytes == 0 || seen.event.span.start == 0 || !facts.is_sound(conn) {
            continue;
        }
        let fins = facts.of(conn).filter(|it| {
            it.event.id < seen.event.id
                && matches!(it.event.kind, EventKind::Tcp(Tcp::Note(Note::Fin)))
        });
        // Behind a FIN the sum has one more than bytes.
        if fins.count() > 0 {
            continue;
        }
        let packet = seen.event.packet;
        let bytes = seen.event.span.start;
        into.push(
            question(
                2,
                "number",
                Form::Number,
                Both::new(
                    format!("Which relative acknowledgement number does Wireshark show for packet {packet}?"),
                    format!("Wireshark 给第 {packet} 个包显示的相对确认号是多少？"),
                ),
            )
            .hint(
                "All bytes that the other side had sent up to there, and one for its SYN.",
                "对方到那时为止发出的全部字节数，再加上 SYN 占的 1。",
            )
            .answer(bytes + 1)
            .why(
                format!("{bytes} bytes had come from the other side, and the SYN counts as one: {bytes} + 1 = {}.", bytes + 1),
                format!("对方已经发来 {bytes} 字节，SYN 算 1 个：{bytes} + 1 = {}。", bytes + 1),
            )
            .slip(
                bytes,
                "That is the number of bytes; the SYN counts as one more.",
                "那是字节数；SYN 还要占一个。",
            ),
        );
    }
}
