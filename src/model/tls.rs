//! TLS: what can be told of it with and without its secrets.

use super::keys::ClientRandom;

/// An event of TLS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tls {
    /// A client or server hello.
    Hello(Box<Hello>),
    /// A certificate chain.
    Certificate(Box<Certificate>),
    /// An alert.
    Alert(Box<Alert>),
    /// What is known of the inside: it is open from here on, or it stays shut, and why.
    Inside(Box<Inside>),
    /// The connection is over: what it carried.
    Close(Box<TlsClose>),
}

/// A hello; names are as the registries write them, `0x….` where they have none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hello {
    /// Its random bytes; the client's name the connection in key logs.
    pub random: ClientRandom,
    /// A server's: the version it chose. A client's: the highest that it offers.
    pub version: String,
    /// All versions that a client offers, where it lists them.
    pub versions: Vec<String>,
    /// The cipher suites offered, or the one chosen.
    pub ciphers: Vec<String>,
    /// The name of the server that the client wants.
    pub server_name: Option<String>,
    /// The protocols offered inside, or the one chosen; in TLS 1.3 a server's choice is encrypted.
    pub alpn: Vec<String>,
    /// The groups for key exchange offered, or the one chosen.
    pub groups: Vec<String>,
    /// A client's: it offers to go on with an earlier session. A server's: it does so.
    pub resumption: bool,
    /// A client's: data follow at once.
    pub early_data: bool,
    /// A server's: it asks for another client hello.
    pub retry: bool,
}

/// A certificate chain, by the names in its first certificate.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Certificate {
    /// The common name of its subject.
    pub subject: Option<String>,
    /// The host names that it is for.
    pub names: Vec<String>,
    /// How many certificates the chain has.
    pub chain: u64,
}

/// An alert.   RFC 8446 section 6
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Alert {
    /// 1 warning, 2 fatal.
    pub level: u8,
    /// Its number.
    pub code: u8,
    /// Its name.
    pub name: &'static str,
}

impl Alert {
    /// Whether it says that its sender will send no more.
    #[must_use]
    pub fn is_close_notify(&self) -> bool {
        self.code == 0
    }
}

/// What is known of the inside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inside {
    /// In one word.
    pub state: InsideState,
    /// Version and cipher suite, where they are known.
    pub version: Option<String>,
    /// The cipher suite.
    pub cipher: Option<&'static str>,
    /// The protocol agreed on for the inside, where that is known.
    pub alpn: Option<String>,
    /// What that means here, in one sentence without a full stop.
    pub text: String,
}

/// Whether the inside is open.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum InsideState {
    /// The secrets fit: a record was authenticated with them.
    Open,
    /// No secrets are known for this client random.
    NoKeys,
    /// There are secrets for it, and no record authenticates under them.
    WrongKeys,
    /// The cipher suite or version is not one that can be opened.
    Unsupported,
    /// Something that is needed to derive keys was not captured.
    Lost,
}

impl InsideState {
    /// The stable word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::NoKeys => "no-keys",
            Self::WrongKeys => "wrong-keys",
            Self::Unsupported => "unsupported",
            Self::Lost => "lost",
        }
    }
}

/// What a connection carried, by direction: to the server, to the client.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TlsClose {
    /// Each direction.
    pub sides: [TlsCounts; 2],
    /// Why WebSocket is likely inside although it could not be opened.
    pub websocket_likely: Option<String>,
}

/// What was counted in one direction, in bytes where nothing else is said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TlsCounts {
    /// Records.
    pub records: u64,
    /// All of them, with their headers.
    pub bytes: u64,
    /// Of these: handshake messages, cipher changes and alerts, with all that is around them.
    pub handshake: u64,
    /// Of these: data as the application gets them. Only what was opened.
    pub data: u64,
    /// Of these: headers, nonces, tags and padding around such data.
    pub around: u64,
    /// Of these: records that were not opened.
    pub sealed: u64,
    /// The sender said that it is done (`close_notify`); hidden where nothing was opened.
    pub close_notify: bool,
}
