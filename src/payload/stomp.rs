//! STOMP 1.0 to 1.2: frames of text that end with a zero byte, and newlines between them.

use super::Said;
use crate::model::Beat;

const FORMAT: &str = "stomp";

/// The id of the one exchange that has none: opening the connection.
const CONNECTION: &str = "connection";

/// The commands of clients and servers.
const COMMANDS: [&str; 15] = [
    "CONNECT",
    "STOMP",
    "CONNECTED",
    "SEND",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "ACK",
    "NACK",
    "BEGIN",
    "COMMIT",
    "ABORT",
    "DISCONNECT",
    "MESSAGE",
    "RECEIPT",
    "ERROR",
];

/// Reads the frames of a message; false where it has none. A newline alone is one where `known`.
pub fn read(text: &str, known: bool, said: &mut Vec<Said>) -> bool {
    if known && matches!(text, "\n" | "\r\n") {
        said.push(Said::Beat(Beat::Stomp));
        return true;
    }
    let mut any = false;
    let mut rest = text.trim_start_matches(['\r', '\n']);
    while let Some((frame, after)) = rest.split_once('\0') {
        let mut lines = frame.lines();
        let command = lines.next().unwrap_or_default();
        if !COMMANDS.contains(&command) {
            return any;
        }
        any = true;
        let headers: Vec<_> = lines
            .take_while(|line| !line.is_empty())
            .take(64)
            .filter_map(|line| line.split_once(':'))
            .collect();
        said.extend(self::frame(command, &headers));
        rest = after.trim_start_matches(['\r', '\n']);
    }
    any
}

fn frame(command: &str, headers: &[(&str, &str)]) -> Option<Said> {
    // Of a header that comes twice, the first counts.
    let header = |name| {
        let found = headers.iter().find(|(header, _)| *header == name);
        found.map(|(_, value)| value.chars().take(200).collect::<String>())
    };
    let answer = |id: String, failed| {
        Some(Said::Answer {
            format: FORMAT,
            id,
            failed,
            last: true,
        })
    };
    match command {
        "CONNECT" | "STOMP" => Some(Said::Ask {
            format: FORMAT,
            id: CONNECTION.to_owned(),
            name: Some(command.to_owned()),
        }),
        "CONNECTED" => answer(CONNECTION.to_owned(), false),
        "RECEIPT" => answer(header("receipt-id")?, false),
        "ERROR" => answer(header("receipt-id").unwrap_or(CONNECTION.to_owned()), true),
        "MESSAGE" => None,
        _ => Some(Said::Ask {
            format: FORMAT,
            id: header("receipt")?,
            name: Some(match header("destination") {
                Some(destination) => format!("{command} {destination}"),
                None => command.to_owned(),
            }),
        }),
    }
}
