//! JSON-RPC 2.0, what looks like it without saying so, and JSON that says ping or pong.

use super::{Node, Said};
use crate::model::Beat;

pub fn read(node: &Node, said: &mut Vec<Said>) {
    match node {
        Node::Object(_) => one(node, said),
        // A batch.   JSON-RPC 2.0 section 6
        Node::List(batch) => batch
            .iter()
            .filter(|it| it.get("jsonrpc").is_some())
            .for_each(|it| one(it, said)),
        _ => {}
    }
}

fn one(node: &Node, said: &mut Vec<Said>) {
    if let Some(beat) = beat(node) {
        return said.push(beat);
    }
    let format = match node.get("jsonrpc").and_then(Node::text) {
        Some("2.0") => "json-rpc",
        _ => "json",
    };
    let Some(id) = node.get("id").and_then(Node::id) else {
        return;
    };
    let (result, error) = (node.get("result"), node.get("error"));
    match (node.get("method").and_then(Node::text), result.or(error)) {
        (Some(method), None) => said.push(Said::Ask {
            format,
            id,
            name: Some(method.to_owned()),
        }),
        (None, Some(_)) => said.push(Said::Answer {
            format,
            id,
            failed: error.is_some_and(|error| *error != Node::Null),
            last: true,
        }),
        _ => {}
    }
}

/// A small object whose kind is ping or pong.
fn beat(node: &Node) -> Option<Said> {
    const KINDS: [&str; 6] = ["type", "op", "event", "action", "cmd", "msg"];
    let kind = KINDS.iter().find_map(|name| node.get(name)?.text())?;
    let key = node.get("id").and_then(Node::id).unwrap_or_default();
    if kind.eq_ignore_ascii_case("ping") {
        Some(Said::Ping(Beat::Application, key))
    } else if kind.eq_ignore_ascii_case("pong") {
        Some(Said::Pong(Beat::Application, key))
    } else {
        None
    }
}
