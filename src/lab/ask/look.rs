//! Level 1: what stands in the capture for who knows where to look.

use super::super::facts::{Facts, is_data};
use super::{Both, Form, Question, question, side};
use crate::model::{Dir, EventKind, Handshake, Http, Note, Tcp, Ws};

pub fn ask(facts: &Facts, into: &mut Vec<Question>) {
    handshakes(facts, into);
    statuses(facts, into);
    opcodes(facts, into);
    sessions(facts, into);
    fins(facts, into);
}

fn handshakes(facts: &Facts, into: &mut Vec<Question>) {
    for seen in &facts.seen {
        let EventKind::Tcp(Tcp::Open(open)) = &seen.event.kind else {
            continue;
        };
        let conn = seen.event.conn;
        if open.handshake != Handshake::Full {
            continue;
        }
        let note = |want: fn(&Note) -> bool| {
            let mut found = facts.of(conn).filter(|it| match &it.event.kind {
                EventKind::Tcp(Tcp::Note(note)) => want(note),
                _ => false,
            });
            // Where one was sent twice, which of them counts is not for a student to guess.
            found.next().filter(|_| found.next().is_none())
        };
        let (Some(syn), Some(answer)) = (
            note(|it| matches!(it, Note::Syn(_))),
            note(|it| matches!(it, Note::SynAck(_))),
        ) else {
            continue;
        };
        let [a, b, c] = [syn.event.packet, answer.event.packet, seen.event.packet];
        into.push(
            question(
                1,
                "handshake",
                Form::Numbers,
                Both::new(
                    format!("Which three packets are the three-way handshake of connection {conn} (tcp.stream {conn})? Give their numbers in order."),
                    format!("连接 {conn}（tcp.stream {conn}）的三次握手是哪三个包？按顺序写出编号。"),
                ),
            )
            .hint("Look for the flags SYN; SYN and ACK; ACK.", "找标志：SYN；SYN 加 ACK；ACK。")
            .answer(format!("{a} {b} {c}"))
            .why(
                format!("Packet {a} has SYN, packet {b} SYN and ACK, packet {c} ACK; none of them carries data."),
                format!("第 {a} 个包是 SYN，第 {b} 个是 SYN 加 ACK，第 {c} 个是 ACK；都不带数据。"),
            ),
        );
        let port = seen.flow.server.port;
        into.push(
            question(
                1,
                "port",
                Form::Number,
                Both::new(
                    format!("On which port does the server of connection {conn} listen?"),
                    format!("连接 {conn} 的服务器监听哪个端口？"),
                ),
            )
            .hint("To which port does the SYN go?", "SYN 发往哪个端口？")
            .answer(port)
            .why(
                format!(
                    "The SYN in packet {a} goes to port {port}: who is sent the SYN is the server."
                ),
                format!("第 {a} 个包里的 SYN 发往端口 {port}：收到 SYN 的一方就是服务器。"),
            )
            .slip(
                seen.flow.client.port,
                "That is the client's port: the SYN comes from it.",
                "那是客户端的端口：SYN 是从它发出的。",
            ),
        );
    }
}

fn statuses(facts: &Facts, into: &mut Vec<Question>) {
    for seen in facts.sure() {
        let EventKind::Http(Http::Response(response)) = &seen.event.kind else {
            continue;
        };
        let packet = seen.event.packet;
        let status = response.status;
        let heads = facts.seen.iter().filter(|it| {
            it.event.packet == packet && matches!(it.event.kind, EventKind::Http(Http::Response(_)))
        });
        if heads.count() != 1 {
            continue;
        }
        let (en, zh) = match status {
            101 => (
                "101: the protocol is switched, what follows are frames",
                "101：协议已切换，后面都是帧",
            ),
            200..=299 => (
                "a 2xx answer gives what was asked for, in HTTP",
                "2xx 表示按 HTTP 给出了所要的内容",
            ),
            300..=399 => (
                "a 3xx answer sends the client elsewhere",
                "3xx 让客户端到别处去",
            ),
            400..=499 => (
                "a 4xx answer says that the request is at fault",
                "4xx 表示请求有问题",
            ),
            _ => (
                "the first digit says what sort of answer it is",
                "第一位数字说明是哪一类响应",
            ),
        };
        into.push(
            question(
                1,
                "status",
                Form::Number,
                Both::new(
                    format!("Which status does the HTTP response in packet {packet} carry?"),
                    format!("第 {packet} 个包里的 HTTP 响应，状态码是多少？"),
                ),
            )
            .hint("The first line of the response.", "看响应的第一行。")
            .answer(status)
            .why(
                format!("Its first line begins HTTP/1.1 {status}; {en}."),
                format!("第一行是 HTTP/1.1 {status}；{zh}。"),
            ),
        );
    }
}

fn opcodes(facts: &Facts, into: &mut Vec<Question>) {
    for seen in facts.sure() {
        let EventKind::Ws(Ws::Frame(frame)) = &seen.event.kind else {
            continue;
        };
        let packet = seen.event.packet;
        if frame.unfinished || !facts.has_one_frame(packet) {
            continue;
        }
        let (number, name) = (frame.opcode.0, frame.opcode);
        into.push(
            question(
                1,
                "opcode",
                Form::Number,
                Both::new(
                    format!("Which opcode, as a number, has the frame in packet {packet}?"),
                    format!("第 {packet} 个包里的帧，opcode 是几（写数字）？"),
                ),
            )
            .hint(
                "The low four bits of the frame's first byte.",
                "帧第一字节的低四位。",
            )
            .answer(number)
            .why(
                format!("Its first byte ends in {number:x}: {name}."),
                format!("第一字节的低四位是 {number:x}，即 {name}。"),
            )
            .slip(
                u8::from(frame.fin) * 128 + frame.rsv * 16 + number,
                "That is the whole first byte; the opcode is its low four bits only.",
                "那是整个第一字节；opcode 只是它的低四位。",
            ),
        );
    }
}

fn sessions(facts: &Facts, into: &mut Vec<Question>) {
    for seen in facts.sure() {
        let EventKind::Ws(Ws::Close(close)) = &seen.event.kind else {
            continue;
        };
        let (conn, session) = (seen.event.conn, close.session);
        if !facts.is_whole(conn) {
            continue;
        }
        for dir in Dir::BOTH {
            let sent = facts.messages().filter(|(it, message)| {
                message.session == session && it.dir() == dir && is_data(message.kind)
            });
            let count = sent.count();
            let frames = facts.of(conn).filter(|it| {
                it.dir() == dir
                    && matches!(&it.event.kind, EventKind::Ws(Ws::Frame(frame)) if frame.session == session)
            });
            let (en, zh) = side(dir);
            into.push(
                question(
                    1,
                    "count",
                    Form::Number,
                    Both::new(
                        format!("How many text and binary messages did the {en} send in session {session}?"),
                        format!("在会话 {session} 中，{zh}发送了多少条文本和二进制消息？"),
                    ),
                )
                .hint(
                    "Control frames are not messages of the application; fragments are one message together.",
                    "控制帧不算应用消息；分片合起来算一条。",
                )
                .answer(count)
                .why(
                    format!("wscope print --events ws.message lists {count} of them."),
                    format!("wscope print --events ws.message 列出了 {count} 条。"),
                )
                .slip(
                    frames.count(),
                    "That is the number of frames, with control frames and each fragment counted.",
                    "那是帧的数目，把控制帧和每个分片都算进去了。",
                ),
            );
        }
        closes(facts, seen.event.conn, close, into);
    }
}

fn closes(
    facts: &Facts,
    conn: crate::model::ConnId,
    close: &crate::model::Close,
    into: &mut Vec<Question>,
) {
    let session = close.session;
    let first = facts.messages().find(|(it, message)| {
        it.event.conn == conn
            && message.session == session
            && message.kind == crate::model::Kind::Close
    });
    let Some((first, _)) = first else { return };
    let (en, zh) = side(first.dir());
    let packet = first.event.packet;
    into.push(
        question(
            1,
            "closer",
            Form::Side,
            Both::new(
                format!(
                    "Which side sent the first close frame of session {session}: client or server?"
                ),
                format!(
                    "会话 {session} 中，哪一方先发关闭帧：client（客户端）还是 server（服务器）？"
                ),
            ),
        )
        .hint(
            "The first frame with opcode 8.",
            "第一个 opcode 为 8 的帧。",
        )
        .answer(first.dir().sender())
        .why(
            format!("The first one is in packet {packet}, and the {en} sent it."),
            format!("第一个关闭帧在第 {packet} 个包里，是{zh}发的。"),
        ),
    );
    let code = match first.dir() {
        Dir::C2s => close.code_client,
        Dir::S2c => close.code_server,
    };
    if let Some(code) = code {
        into.push(
            question(
                1,
                "code",
                Form::Number,
                Both::new(
                    format!("Which code does the first close frame of session {session} carry?"),
                    format!("会话 {session} 的第一个关闭帧带的代码是多少？"),
                ),
            )
            .hint(
                "The first two bytes of its payload, unmasked.",
                "去掉掩码后，载荷的前两个字节。",
            )
            .answer(code.0)
            .why(
                format!("Packet {packet}: {} ({}).", code.0, code.name()),
                format!("第 {packet} 个包：{}（{}）。", code.0, code.name()),
            )
            .slip(
                1006,
                "1006 is never on the wire: it is what an API reports where no close frame came.",
                "1006 从不出现在线路上：没收到关闭帧时，接口才报告它。",
            ),
        );
    }
}

fn fins(facts: &Facts, into: &mut Vec<Question>) {
    for seen in facts.sure() {
        let EventKind::Tcp(Tcp::Close(close)) = &seen.event.kind else {
            continue;
        };
        let conn = seen.event.conn;
        if close.reset || !facts.is_whole(conn) {
            continue;
        }
        let fin = |it: &&super::super::facts::Seen| {
            matches!(it.event.kind, EventKind::Tcp(Tcp::Note(Note::Fin)))
        };
        let Some(first) = facts.of(conn).find(fin) else {
            continue;
        };
        let (en, zh) = side(first.dir());
        let packet = first.event.packet;
        into.push(
            question(
                1,
                "fin",
                Form::Side,
                Both::new(
                    format!("Which side ended TCP connection {conn} first, with FIN: client or server?"),
                    format!("TCP 连接 {conn} 中，哪一方先发 FIN：client（客户端）还是 server（服务器）？"),
                ),
            )
            .hint("Not the close frame: the flag FIN of TCP.", "不是关闭帧，是 TCP 的 FIN 标志。")
            .answer(first.dir().sender())
            .why(
                format!("Packet {packet} is the first with FIN, and the {en} sent it."),
                format!("第一个带 FIN 的是第 {packet} 个包，由{zh}发出。"),
            ),
        );
    }
}
