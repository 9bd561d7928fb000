//! Ordered bytes become events: the whole contract between layers on one page.
//!
//! A [`Host`] sits on each stream and feeds one layer. It takes what it understands and
//! says how much; what it cannot take yet the host keeps. A layer that hands over says
//! what comes next: an upgrade in the middle of a buffer needs no special case.
#![deny(clippy::disallowed_methods)]
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod detect;
mod host;
mod http1;
mod opaque;
mod tls;
mod tunnel;
mod websocket;

pub use detect::asks;
pub use host::Host;
pub(crate) use websocket::{Header as FrameHeader, header as frame_header};

use crate::model::{Cx, Dir, Input, Span, What};
use detect::Detect;
use http1::Http1;
use opaque::Opaque;
use tls::Tls;
use tunnel::Socks;
use websocket::WebSocket;

/// What a layer did with its input.
#[derive(Debug)]
enum Step {
    /// Nothing: it needs more bytes behind these. The same bytes come again, with more.
    Wait,
    /// Nothing: it is the other direction's turn. The same bytes come again after that.
    Pause,
    /// It took this many bytes.
    Took(usize),
    /// It took this many bytes, and what follows belongs to another layer, in both directions.
    Become(usize, Layer),
}

/// What may speak on a stream.
#[derive(Clone, Debug)]
enum Layer {
    Detect(Detect),
    Socks(Socks),
    Tls(Box<Tls>),
    Http1(Box<Http1>),
    WebSocket(Box<WebSocket>),
    Opaque(Opaque),
}

/// Bytes that a layer takes which keeps no more than heads: what waits for it waits in its host.
const HEAD: usize = 1 << 10;

impl Layer {
    /// About how many bytes of memory it takes.
    fn weight(&self) -> usize {
        match self {
            Self::WebSocket(layer) => layer.weight(),
            Self::Tls(layer) => layer.weight(),
            Self::Detect(_) | Self::Socks(_) | Self::Http1(_) | Self::Opaque(_) => HEAD,
        }
    }

    /// Offers the layer its next input. The answer to a gap or an end is not asked for bytes.
    fn feed(&mut self, dir: Dir, input: Input<'_>, cx: &mut Cx<'_>) -> Step {
        match self {
            Self::Detect(layer) => layer.feed(dir, input, cx),
            Self::Socks(layer) => layer.feed(dir, input, cx),
            Self::Tls(layer) => layer.feed(dir, input, cx),
            Self::Http1(layer) => layer.feed(dir, input, cx),
            Self::WebSocket(layer) => layer.feed(dir, input, cx),
            Self::Opaque(layer) => layer.feed(dir, input, cx),
        }
    }

    /// Shows the layer once more the bytes that it would not take, now that the stream ends with
    /// them. Where that tells it something, it answers how many of them it passes over.
    fn last_look(&mut self, dir: Dir, at: u64, bytes: &[u8], cx: &mut Cx<'_>) -> Option<usize> {
        match self {
            Self::WebSocket(layer) => layer.last_look(dir, at, bytes, cx),
            Self::Detect(_) | Self::Socks(_) | Self::Tls(_) | Self::Http1(_) | Self::Opaque(_) => {
                None
            }
        }
    }

    /// Tells the layer that the bytes it waits with will never go on.
    fn leave(&mut self, dir: Dir, at: u64, bytes: &[u8], cx: &mut Cx<'_>) {
        match self {
            Self::WebSocket(layer) => layer.leave(dir, at, bytes, cx),
            Self::Detect(_) | Self::Socks(_) | Self::Tls(_) | Self::Http1(_) | Self::Opaque(_) => {
                let span = Span::tcp(at, bytes.len() as u64);
                cx.anomaly(dir, span, What::Unfinished, UNFINISHED);
            }
        }
    }
}

const UNFINISHED: &str = "these bytes begin something whose rest is missing";
