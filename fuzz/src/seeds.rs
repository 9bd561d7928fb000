//! Inputs to begin with: what the targets would hardly find by themselves.

use wscope::forge::{
    Acks, Form, Mask, Scenario, binary, close, frame, ping, request, response, text,
};
use wscope::model::{Dir, Link, Opcode};

/// The seeds of a target.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "capture" | "file" => captures(),
        "frames" => frames(),
        "filter" => [
            "websocket.opcode == 1 && ip.addr == 10.0.0.0/8 && websocket.payload.text contains \"price\"",
            "!(tcp.port in {80, 8000..8999}) or frame.time_relative > 1.5min and websocket.fin",
            "http.host matches \"a|b\" || websocket.masking_key == 81:96:df:00 || frame.time < 2026-11-21T09:42:41Z",
            "ipv6.addr != fe80::/10 and wscope.kind in {ws.message, finding}",
        ]
        .map(|text| text.as_bytes().to_vec())
        .to_vec(),
        "http" => http(),
        "inflate" => vec![
            // A dynamic block whose code for code lengths has no symbol.
            vec![0, 0, 0xcd, 0x36, 0, 0, 0, 0],
            [&[0, 255][..], &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]].concat(),
            [
                &[0, 1][..],
                &[0x00, 5, 0, 0xfa, 0xff, b'H', b'e', b'l', b'l', b'o', 0],
            ]
            .concat(),
        ],
        "keylog" => vec![
            format!("CLIENT_RANDOM {} {}", "ab".repeat(32), "cd".repeat(48)).into_bytes(),
            format!("SERVER_TRAFFIC_SECRET_0 {} {}", "AB".repeat(32), "12".repeat(32)).into_bytes(),
        ],
        "tls" => crate::tls::seeds(),
        _ => Vec::new(),
    }
}

fn captures() -> Vec<Vec<u8>> {
    let dialogue = |scenario: Scenario| {
        scenario
            .handshake()
            .upgrade(|upgrade| upgrade.deflate("permessage-deflate").subprotocol("chat"))
            .client(text("hi"))
            .server(text("hello hello").fragments(2).between(ping("x")))
            .keep_alive(Dir::C2s, b"\0")
            .client(binary(300))
            .close(1000, "bye")
            .fin()
            .forge()
    };
    let raw = Scenario::new(2).net(|net| {
        net.link = Link::RAW;
        net.ipv6();
    });
    let small = Scenario::new(3).mss(90).net(|net| net.acks = Acks::Delayed);
    let plain = dialogue(Scenario::new(1));
    let forged = [
        plain.clone().lose([9, 12]).late(5, 2),
        plain.clone().snaplen(90),
        plain.clone().begin_at(7),
        plain.and(dialogue(raw)),
        dialogue(small)
            .shuffle(1)
            .overlap(6, 2, [10, 100])
            .conflict(8, 1),
        Scenario::new(4)
            .handshake()
            .refuse(426, |u| u)
            .rst(Dir::S2c)
            .forge(),
    ];
    let write = |forged: &wscope::forge::Forged| {
        let mut file = Vec::new();
        forged.write(&mut file).expect("a Vec takes all");
        file
    };
    forged.iter().map(write).collect()
}

fn frames() -> Vec<Vec<u8>> {
    let deflated =
        |seed| Scenario::new(seed).upgrade(|upgrade| upgrade.deflate("permessage-deflate"));
    let talks = [
        (
            0,
            Scenario::new(1)
                .client(text("hi"))
                .server(text("hello").fragments(3)),
        ),
        (
            0,
            Scenario::new(2)
                .client(close(1000, "bye"))
                .server(close(1001, "")),
        ),
        (
            0,
            Scenario::new(3).client(frame(Opcode(3)).rsv(7).mask(Mask::None).payload("x")),
        ),
        (
            0,
            Scenario::new(4).server(frame(Opcode::BINARY).form(Form::Claim(1 << 62))),
        ),
        (
            0,
            Scenario::new(5).server(text(200).form(Form::Bits64).between(ping("x"))),
        ),
        (
            1,
            deflated(6)
                .client(text(200))
                .client(text(200))
                .server(text(300)),
        ),
        (
            2,
            deflated(7).client(text(200).fragments(2)).server(text(300)),
        ),
    ];
    let talks = talks.into_iter().map(|(deflate, scenario)| {
        let forged = scenario.forge();
        // Without the handshake, where there is one.
        let [client, server] = Dir::BOTH.map(|dir| {
            let starts = forged.told.iter().filter(|told| told.dir == dir);
            let start = starts.map(|told| told.span.start).min().unwrap_or(0);
            dir.of(&forged.conns[0].streams)[start as usize..].to_vec()
        });
        let length = (client.len() as u16).to_be_bytes();
        let head = [&[deflate, 1, 3, 9][..], &length].concat();
        [head, client, server].concat()
    });
    talks.collect()
}

fn http() -> Vec<Vec<u8>> {
    let upgraded = Scenario::new(1).upgrade(|upgrade| upgrade.deflate("permessage-deflate"));
    let talks = [
        upgraded.client(text("hi")).server(text("hello")),
        Scenario::new(2).refuse(401, |upgrade| upgrade),
        Scenario::new(3)
            .client(request("POST", "/").chunked([&b"one"[..], b"three"]))
            .server(response(200).chunked([&b"0123456789abcdef"[..]]))
            .client(request("HEAD", "/"))
            .server(response(200).field("Content-Length", "9"))
            .client(request("GET", "/"))
            .server(response(200).body("nine")),
        Scenario::new(4)
            .client(request("CONNECT", "example.com:80"))
            .server(response(200))
            .upgrade(|upgrade| upgrade)
            .client(text("hi")),
        Scenario::new(5).client(&[5, 1, 0][..]).server(&[5, 0][..]),
    ];
    let talks = talks.into_iter().map(|scenario| {
        let [client, server] = scenario.forge().conns[0].streams.clone();
        let length = (client.len() as u16).to_be_bytes();
        [&[1, 3, 9][..], &length, &client, &server].concat()
    });
    talks.collect()
}
