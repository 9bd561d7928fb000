//! WAMP 2 as JSON: arrays that begin with the kind of message and mostly a request id.

use super::{Node, Said};

const FORMAT: &str = "wamp";

/// Kinds that ask, what they are called, where their name stands, and the kind that answers.
const ASKS: [(&str, &str, usize, &str); 7] = [
    ("48", "CALL", 3, "50"),
    ("32", "SUBSCRIBE", 3, "33"),
    ("34", "UNSUBSCRIBE", 2, "35"),
    ("16", "PUBLISH", 3, "17"),
    ("64", "REGISTER", 3, "65"),
    ("66", "UNREGISTER", 2, "67"),
    ("68", "INVOCATION", 2, "70"),
];

pub fn read(node: &Node, said: &mut Vec<Said>) {
    said.extend(message(node));
}

fn message(node: &Node) -> Option<Said> {
    let number = |place| match node.at(place) {
        Some(Node::Number(number)) => Some(number.as_str()),
        _ => None,
    };
    let kind = number(0)?;
    let answer = |id: String, failed| Said::Answer {
        format: FORMAT,
        id,
        failed,
        last: true,
    };
    match kind {
        // HELLO, and WELCOME or ABORT in answer.
        "1" => {
            return Some(Said::Ask {
                format: FORMAT,
                id: "HELLO".to_owned(),
                name: Some(node.at(1)?.text()?.to_owned()),
            });
        }
        "2" => return Some(answer("HELLO".to_owned(), false)),
        "3" => return Some(answer("HELLO".to_owned(), true)),
        // ERROR names the kind of what it answers.
        "8" => {
            let (_, word, ..) = ASKS.iter().find(|(ask, ..)| Some(*ask) == number(1))?;
            return Some(answer(format!("{word} {}", number(2)?), true));
        }
        _ => {}
    }
    if let Some((_, word, ..)) = ASKS.iter().find(|(.., reply)| *reply == kind) {
        // A result that has more to come says so.
        let progress = node.at(2).and_then(|details| details.get("progress"));
        return Some(Said::Answer {
            format: FORMAT,
            id: format!("{word} {}", number(1)?),
            failed: false,
            last: progress != Some(&Node::Bool(true)),
        });
    }
    let (_, word, place, _) = ASKS.iter().find(|(ask, ..)| *ask == kind)?;
    let acknowledged = node.at(2).and_then(|options| options.get("acknowledge"));
    if *word == "PUBLISH" && acknowledged != Some(&Node::Bool(true)) {
        return None;
    }
    Some(Said::Ask {
        format: FORMAT,
        id: format!("{word} {}", number(1)?),
        name: match node.at(*place) {
            Some(Node::Text(name)) => Some(name.clone()),
            Some(Node::Number(name)) => Some(name.clone()),
            _ => None,
        },
    })
}
