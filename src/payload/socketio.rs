//! Engine.IO packets as text messages, and the Socket.IO packets inside.
//!
//! ```text
//!  4          2          /admin,     17      ["save",{"a":1}]
//!  message    event      namespace   ack id  arguments
//! ```

use super::{Said, json};
use crate::model::Beat;

const FORMAT: &str = "socket.io";

pub fn read(text: &str, said: &mut Vec<Said>) {
    let Some((kind, rest)) = text.split_at_checked(1) else {
        return;
    };
    match kind {
        "2" => said.push(Said::Ping(Beat::EngineIo, short(rest))),
        "3" => said.push(Said::Pong(Beat::EngineIo, short(rest))),
        "4" => said.extend(packet(rest)),
        _ => {}
    }
}

fn short(text: &str) -> String {
    text.chars().take(32).collect()
}

fn packet(text: &str) -> Option<Said> {
    let (kind, rest) = text.split_at_checked(1)?;
    let rest = match kind {
        "2" | "3" => rest,
        // With binary attachments: how many, and a dash.
        "5" | "6" => rest.split_once('-').filter(|(n, _)| is_digits(n))?.1,
        _ => return None,
    };
    let (namespace, rest) = match rest.strip_prefix('/') {
        Some(_) => rest.split_once(',')?,
        None => ("/", rest),
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, arguments) = rest.split_at_checked(digits)?;
    if number.is_empty() || number.len() > 20 {
        return None;
    }
    let id = format!("{} {number}", short(namespace));
    match kind {
        "2" | "5" => Some(Said::Ask {
            format: FORMAT,
            id,
            name: json::read(arguments).and_then(|it| Some(it.at(0)?.text()?.to_owned())),
        }),
        _ => Some(Said::Answer {
            format: FORMAT,
            id,
            failed: false,
            last: true,
        }),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
