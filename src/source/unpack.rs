//! Compressed captures: gzip and zstd, known by their content.

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufRead, BufReader, Cursor, Read};

/// How a stream is packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// Looks at the first bytes of a stream and gives them back, in front of the rest, unpacked.
pub(super) fn unpack(
    mut from: impl Read + Send + 'static,
) -> io::Result<(Packing, Box<dyn Read + Send>)> {
    let (packing, head) = sniff(&mut from)?;
    let from = Cursor::new(head).chain(from);
    let unpacked: Box<dyn Read + Send> = match packing {
        Packing::Plain => Box::new(from),
        Packing::Gzip => Box::new(Sips(MultiGzDecoder::new(BufReader::with_capacity(
            ROOM, from,
        )))),
        Packing::Zstd => Box::new(Zstd::new(BufReader::with_capacity(ROOM, from))),
    };
    Ok((packing, unpacked))
}

/// How the stream is packed, and the bytes that were read to know it.
pub(super) fn sniff(from: &mut impl Read) -> io::Result<(Packing, Vec<u8>)> {
    let mut head = Vec::with_capacity(4);
    from.by_ref().take(4).read_to_end(&mut head)?;
    let packing = match head.as_slice() {
        [0x1f, 0x8b, ..] => Packing::Gzip, // RFC 1952 section 2.3.1
        [0x28, 0xb5, 0x2f, 0xfd] => Packing::Zstd, // RFC 8878 section 3.1.1
        [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Packing::Zstd, // section 3.1.2, skippable
        _ => Packing::Plain,
    };
    Ok((packing, head))
}

/// Asks for a little at a time, for a decoder that keeps to itself what it made before it failed.
struct Sips<R>(R);

impl<R: Read> Read for Sips<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let len = into.len().min(SIP);
        match into.get_mut(..len) {
            Some(into) => self.0.read(into),
            None => Ok(0),
        }
    }
}

/// Any number of zstd frames, one after the other.
struct Zstd<R> {
    from: R,
    frame: FrameDecoder,
    failed: Option<io::Error>,
    over: bool,
}

impl<R: BufRead> Zstd<R> {
    fn new(from: R) -> Self {
        Self {
            from,
            frame: FrameDecoder::new(),
            failed: None,
            over: false,
        }
    }

    /// Decodes until there is something to collect, or nothing more will come.
    fn advance(&mut self) -> io::Result<()> {
        while self.frame.can_collect() == 0 && !self.over {
            if !self.frame.is_finished() {
                self.frame
                    .decode_blocks(&mut self.from, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(io::Error::other)?;
            } else if self.from.fill_buf()?.is_empty() {
                self.over = true;
            } else {
                self.next_frame()?;
            }
        }
        Ok(())
    }

    fn next_frame(&mut self) -> io::Result<()> {
        match self.frame.init(&mut self.from) {
            Ok(()) => Ok(()),
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let mut skipped = self.from.by_ref().take(u64::from(length));
                io::copy(&mut skipped, &mut io::sink()).map(drop)
            }
            Err(error) => Err(io::Error::other(error)),
        }
    }

    /// Ends a damaged frame, so that the decoder hands out what it holds back as its window.
    fn release(&mut self) {
        self.over = true;
        if !self.frame.is_finished() {
            // The last block, raw, of 0 bytes; then room for a checksum, which nobody compares.
            let end = [1, 0, 0, 0, 0, 0, 0];
            let _ = self
                .frame
                .decode_blocks(end.as_slice(), BlockDecodingStrategy::UptoBlocks(1));
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Err(error) = self.advance() {
            self.release();
            self.failed = Some(error);
        }
        match (self.frame.read(into)?, self.failed.take()) {
            (0, Some(error)) => Err(error),
            (read, failed) => {
                self.failed = failed;
                Ok(read)
            }
        }
    }
}

const ROOM: usize = 64 << 10;
const SIP: usize = 8 << 10;
