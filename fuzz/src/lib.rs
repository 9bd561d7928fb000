//! What the fuzz targets do, as plain functions: libFuzzer calls them, and so does `cargo test`.

pub mod capture;
pub mod decode;
pub mod file;
pub mod filter;
pub mod frames;
pub mod http;
pub mod inflate;
pub mod keylog;
pub mod ledger;
pub mod seeds;
mod talk;
pub mod tls;

/// Takes any bytes, and panics where wscope is wrong.
pub type Target = fn(&[u8]);

/// Every target, by name.
pub const TARGETS: [(&str, Target); 10] = [
    ("capture", capture::run),
    ("decode", decode::run),
    ("file", file::run),
    ("filter", filter::run),
    ("frames", frames::run),
    ("http", http::run),
    ("inflate", inflate::run),
    ("keylog", keylog::run),
    ("ledger", ledger::run),
    ("tls", tls::run),
];

/// Reads choices from the front of the input; zeros once it is used up.
pub(crate) struct Choices<'a>(pub &'a [u8]);

impl<'a> Choices<'a> {
    pub fn byte(&mut self) -> u8 {
        let [byte] = self.bytes();
        byte
    }

    pub fn half(&mut self) -> u16 {
        u16::from_be_bytes(self.bytes())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Up to four sizes, each at least 1.
    pub fn sizes(&mut self) -> Vec<usize> {
        let count = 1 + self.byte() % 4;
        (0..count).map(|_| 1 + usize::from(self.byte())).collect()
    }

    /// The rest, in two parts.
    pub fn two(&mut self) -> (&'a [u8], &'a [u8]) {
        let first = usize::from(self.half());
        self.0.split_at(first.min(self.0.len()))
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        let (now, later) = self.0.split_at(N.min(self.0.len()));
        bytes[..now.len()].copy_from_slice(now);
        self.0 = later;
        bytes
    }
}
