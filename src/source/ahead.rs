//! Secrets of a pcapng file that stand behind the packets they open.
//!
//! ```text
//! section · interface · packets ……………………………………… packets · names · secrets · statistics
//! ├── are there secrets between the packets? ──┤                ◄── what stands behind the last packet
//! ```
//! Each block says its length at both of its ends, so a file can be walked from its end, too.

use super::notes::Secrets;
use super::pcapng::{ENHANCED, MAGIC, OBSOLETE, SECRETS, SECTION, SIMPLE};
use super::{BLOCK_LIMIT, Capture};
use crate::model::Keys;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use zeroize::Zeroizing;

/// Blocks that are looked at from the end.
const BLOCKS: usize = 64;

/// Bytes that are looked at from the beginning.
const HEAD: u64 = 1 << 20;

impl Capture {
    /// Looks for secrets that open TLS where they can be found without reading everything: at the
    /// end of the files, where some programs write them once they know them all. Where a file begins
    /// with secrets between its packets, more of them are waited for.
    pub fn look_ahead(&self, keys: &Keys) {
        for input in self.inputs.iter() {
            if let (true, Some(path)) = (input.plain, &input.path) {
                // What cannot be read will be said when its turn comes.
                let _ = look(path, keys);
            }
        }
    }
}

fn look(path: &Path, keys: &Keys) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut head = Zeroizing::new(Vec::new());
    // Most files are no pcapng: they are not read twice.
    file.by_ref().take(12).read_to_end(&mut head)?;
    let Some((first, order)) = head.first_chunk::<12>().map(|head| head.split_at(8)) else {
        return Ok(());
    };
    if !first.starts_with(&MAGIC) {
        return Ok(());
    }
    let order = Order {
        big_endian: order == [0x1a, 0x2b, 0x3c, 0x4d],
    };
    file.by_ref().take(HEAD - 12).read_to_end(&mut head)?;
    if order.secrets_among_packets(&head) {
        keys.expect();
    }
    order.behind_the_packets(&mut file, keys)
}

#[derive(Clone, Copy)]
struct Order {
    big_endian: bool,
}

impl Order {
    fn word(self, bytes: &[u8], at: usize) -> Option<u32> {
        let word = *bytes.get(at..)?.first_chunk()?;
        Some(match self.big_endian {
            true => u32::from_be_bytes(word),
            false => u32::from_le_bytes(word),
        })
    }

    fn secrets_among_packets(self, mut blocks: &[u8]) -> bool {
        let mut packets = false;
        while let (Some(kind), Some(len)) = (self.word(blocks, 0), self.word(blocks, 4)) {
            match kind {
                ENHANCED | SIMPLE | OBSOLETE => packets = true,
                SECRETS if packets => return true,
                _ => {}
            }
            match blocks.get((len as usize).max(12)..) {
                Some(rest) => blocks = rest,
                None => break,
            }
        }
        false
    }

    fn behind_the_packets(self, file: &mut File, keys: &Keys) -> io::Result<()> {
        let mut end = file.seek(SeekFrom::End(0))?;
        for _ in 0..BLOCKS {
            let Some(last) = end.checked_sub(4) else {
                break;
            };
            let len = self.read_word(file, last)?;
            let fits = len >= 12 && len.is_multiple_of(4) && u64::from(len) <= BLOCK_LIMIT;
            let Some(begin) = end.checked_sub(len.into()).filter(|_| fits) else {
                break;
            };
            let kind = self.read_word(file, begin)?;
            let same = self.read_word(file, begin + 4)? == len;
            if !same || matches!(kind, ENHANCED | SIMPLE | OBSOLETE | SECTION) {
                break;
            }
            if kind == SECRETS && len >= 20 {
                let mut block = Zeroizing::new(vec![0; len as usize]);
                file.seek(SeekFrom::Start(begin))?;
                file.read_exact(&mut block)?;
                let data = self
                    .word(&block, 12)
                    .and_then(|len| block.get(16..block.len() - 4)?.get(..len as usize));
                if let (Some(Secrets::TLS_KEY_LOG), Some(data)) = (self.word(&block, 8), data) {
                    keys.lines(data);
                }
            }
            end = begin;
        }
        Ok(())
    }

    fn read_word(self, file: &mut File, at: u64) -> io::Result<u32> {
        let mut word = [0; 4];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut word)?;
        Ok(self.word(&word, 0).unwrap_or_default())
    }
}
