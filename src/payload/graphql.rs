//! GraphQL over WebSocket, as the subprotocols `graphql-transport-ws` and `graphql-ws` write it.

use super::{Node, Said};
use crate::model::Beat;

/// Which of the two subprotocols.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    /// `graphql-transport-ws`, of the library graphql-ws.
    Transport,
    /// `graphql-ws`, of the library subscriptions-transport-ws.
    Legacy,
}

const FORMAT: &str = "graphql";

/// The id of the one exchange that has none: opening the connection.
const CONNECTION: &str = "connection";

pub fn read(version: Version, node: &Node, said: &mut Vec<Said>) {
    use Version::{Legacy, Transport};
    let Some(kind) = node.get("type").and_then(Node::text) else {
        return;
    };
    let id = match node.get("id") {
        Some(Node::Text(id)) => id.clone(),
        Some(other) => other.id().unwrap_or_default(),
        None => String::new(),
    };
    let name = |payload: &Node| Some(payload.get("operationName")?.text()?.to_owned());
    let answer = |id: String, failed, last| Said::Answer {
        format: FORMAT,
        id,
        failed,
        last,
    };
    said.extend(Some(match (version, kind) {
        (_, "connection_init") => Said::Ask {
            format: FORMAT,
            id: CONNECTION.to_owned(),
            name: Some(kind.to_owned()),
        },
        (_, "connection_ack") => answer(CONNECTION.to_owned(), false, true),
        (Legacy, "connection_error") => answer(CONNECTION.to_owned(), true, true),
        (Transport, "subscribe") | (Legacy, "start") => Said::Ask {
            format: FORMAT,
            id,
            name: node.get("payload").and_then(name),
        },
        (Transport, "next") | (Legacy, "data") => answer(id, false, false),
        (_, "error") => answer(id, true, true),
        // Of the client it means that no more is wanted: whoever pairs finds nothing to answer.
        (_, "complete") => answer(id, false, true),
        (Legacy, "stop") => Said::Cancel { format: FORMAT, id },
        (Transport, "ping") => Said::Ping(Beat::GraphQl, String::new()),
        (Transport, "pong") => Said::Pong(Beat::GraphQl, String::new()),
        (Legacy, "ka") => Said::Beat(Beat::GraphQl),
        _ => return,
    }));
}
