//! TLS records and hellos of both directions, with keys that open some of them: cut into any segments,
//! they show the same messages.
//!
//! ```text
//!  sizes (1 + up to 4)   length of the client's (2)   the client's …   the server's …
//! ```

use crate::Choices;
use std::io;
use std::sync::OnceLock;
use wscope::engine::Engine;
use wscope::forge::connection;
use wscope::model::{
    Config, Dir, Event, EventKind, Flow, Keys, Loan, Piece, Sink, Space, Want, Ws,
};
use wscope::source::Capture;

/// Captures whose streams are where the inputs begin.
const CAPTURES: [&str; 3] = ["tls13", "tls12", "tls10-and-11"];

/// Bytes of each direction that a seed has.
const SEED: usize = 3000;

/// Streams of real connections, and the keys that open them.
struct Known {
    keys: Keys,
    seeds: Vec<Vec<u8>>,
}

static KNOWN: OnceLock<Known> = OnceLock::new();

/// Sends the bytes, whole and cut.
pub fn run(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let sizes = choices.sizes();
    let (client, server) = choices.two();
    let whole = decode(client, server, vec![60_000]);
    let cut = decode(client, server, sizes);
    assert_eq!(whole, cut);
}

/// What the inputs begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    known().seeds.clone()
}

type Message = (Option<Dir>, Vec<u8>);

fn decode(client: &[u8], server: &[u8], sizes: Vec<usize>) -> Vec<Message> {
    let forged = connection()
        .net(|net| net.cuts = sizes)
        .client(client)
        .server(server)
        .fin()
        .forge();
    let config = Config {
        keys: known().keys.clone(),
        ..Config::default()
    };
    let mut watch = Watch::default();
    let mut engine = Engine::new(config, watch.want());
    for packet in forged.packets() {
        engine.packet(packet, &mut watch).unwrap();
    }
    engine.finish(&mut watch).unwrap();
    watch.messages.sort();
    watch.messages
}

fn known() -> &'static Known {
    KNOWN.get_or_init(|| {
        let (keys, mut seeds) = (Keys::default(), Vec::new());
        for name in CAPTURES {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../captures");
            let mut capture = Capture::open([format!("{folder}/{name}.pcapng")]).unwrap();
            let mut watch = Watch::default();
            wscope::engine::run(
                &mut capture,
                Config {
                    keys: keys.clone(),
                    ..Config::default()
                },
                &mut watch,
                |_, _| true,
            )
            .unwrap();
            for [client, server] in watch.streams {
                let client = &client[..client.len().min(SEED)];
                let mut seed = vec![1, 90, 200];
                seed.extend((client.len() as u16).to_be_bytes());
                seed.extend(client);
                seed.extend(&server[..server.len().min(SEED)]);
                seeds.push(seed);
            }
        }
        Known { keys, seeds }
    })
}

#[derive(Default)]
struct Watch {
    messages: Vec<Message>,
    streams: Vec<[Vec<u8>; 2]>,
}

impl Sink for Watch {
    fn want(&self) -> Want {
        Want {
            joined: true,
            stream: true,
            unjudged: true,
            ..Want::default()
        }
    }

    fn event(&mut self, event: &Event, _: &Flow, loan: Loan<'_>) -> io::Result<()> {
        if let EventKind::Ws(Ws::Message(_)) = event.kind {
            self.messages.push((event.dir, loan.bytes.to_vec()));
        }
        Ok(())
    }

    fn stream(&mut self, piece: Piece<'_>) -> io::Result<()> {
        if piece.space == Space::Tcp {
            let at = piece.conn.0 as usize;
            self.streams.resize(self.streams.len().max(at + 1), Default::default());
            let side = usize::from(piece.dir == Dir::S2c);
            self.streams[at][side].extend_from_slice(piece.bytes);
        }
        Ok(())
    }
}
