//! The words of wscope as types: data only, depends on nothing else in the crate.
//!
//! *packet* what was captured, numbered from 1 · *segment* TCP · *stream* one direction's bytes,
//! offset from 0 · *frame* WebSocket, never a packet · *message* WebSocket, after joining
//! fragments · *connection* one TCP connection · *session* one WebSocket dialogue · *event* an
//! entry on the timeline · *anomaly* something that wscope could not see or understand ·
//! *finding* a peer broke a rule · *sink* anything that takes events.

#![deny(clippy::disallowed_methods)]

mod carried;
mod config;
mod conns;
mod counts;
mod cx;
mod event;
mod finding;
mod flow;
mod http;
mod id;
mod insight;
mod keys;
mod labels;
mod limits;
mod packet;
mod segment;
mod sink;
mod span;
mod stream;
mod tcp;
mod time;
mod tls;
mod ws;

pub use carried::Carried;
pub use config::{Config, Protocol};
pub use conns::Conns;
pub use counts::Counts;
pub use cx::{Counters, Cx, Mark, Place};
pub use event::{Anomaly, Event, EventKind, KINDS, What};
pub use finding::{Finding, Severity, Verdict};
pub use flow::{Dir, Endpoint, Flow};
pub use http::{Header, Http, Request, Response, Version};
pub use id::{ConnId, EventId, PacketNo, SessionId};
pub use insight::{
    Answered, Beat, Cost, Delivery, Insight, InsightKind, Pairs, Silence, Unanswered, Way,
};
pub use keys::{BadLine, By, ClientRandom, Haste, Keys, Secret, SecretKind};
pub use labels::{Label, LostWhere, Remark, WIRESHARK, Why, Wireshark};
pub use limits::Limits;
pub use packet::{Link, Packet, Wire};
pub use segment::{Flags, Options, Segment};
pub use sink::{Loan, MessageRef, Now, Piece, Sink, Want};
pub use span::{Space, Span, Trust};
pub use stream::{End, Input};
pub use tcp::{
    Ack, AckKind, Delivered, Handshake, How, Note, Offload, Offloader, Rest, Syn, Tap, Tcp,
    TcpClose, TcpOpen, Unfilled,
};
pub use time::{Clock, Timestamp};
pub use tls::{Alert, Certificate, Hello, Inside, InsideState, Tls, TlsClose, TlsCounts};
pub use ws::{
    Close, CloseCode, Culprit, Deflate, Ending, Frame, FrameStart, Inflated, Kind, MaskingKey,
    Message, Opcode, Open, Refused, Side, TcpEnd, Ws,
};
