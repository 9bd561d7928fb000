//! Opening records: one key, one direction, and a number that counts records.
//!
//! ```text
//! TLS 1.3       nonce = iv ⊕ number             sealed: data, type, zeros
//! 1.2 GCM, CCM  nonce = iv, 8 bytes sent        authenticated beside: number, type, version, length
//! 1.2 ChaCha20  nonce = iv ⊕ number
//! CBC           one block sent (1.1 and 1.2), or the last block of the record before (1.0)
//! ```
//! Nothing is handed out that was not authenticated.   RFC 8446 section 5.2, RFC 5246 section 6.2.3,
//! RFC 5288, RFC 6655, RFC 7905, RFC 7366

use super::schedule::{self, Bytes};
use super::suites::{Bulk, Hash, Mac, Suite};
use aes::{Aes128, Aes256};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use cbc::cipher::block_padding::NoPadding;
use ccm::Ccm;
use ccm::aead::consts::{U8, U12, U16};
use ccm::aead::{AeadInOut, KeyInit, Nonce, Tag};
use chacha20poly1305::ChaCha20Poly1305;
use hmac::Hmac;
use sha1::Sha1;
use sha2::{Sha256, Sha384};
use std::fmt;

/// A record's header: type, version, length.
pub type Header = [u8; 5];

/// Why a record does not open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// Too short to hold what every record of this cipher has.
    Short,
    /// Its tag is not that of its bytes under this key and number.
    Tag,
    /// It is authentic, and holds nothing but zeros.
    Empty,
}

/// What a record held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opened {
    /// The type of what is inside.
    pub kind: u8,
    /// How much of the buffer is content.
    pub len: usize,
    /// Bytes of padding that the content had.
    pub padding: usize,
}

/// Which secret of TLS 1.3 a key was made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    Early,
    Handshake,
    /// Data, after so many key updates.
    Data(u32),
}

/// Opens the records of one direction under one key.
#[derive(Clone)]
pub struct Opener {
    pub suite: &'static Suite,
    pub phase: Phase,
    /// The number of the next record.
    pub next: u64,
    key: Key,
    /// What the next key is made of; TLS 1.3 only.
    secret: Bytes,
}

#[derive(Clone)]
enum Key {
    Aead { aead: Aead, iv: Bytes, form: Form },
    Cbc(Box<Cbc>),
}

/// How nonce and authenticated bytes are made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Tls13,
    /// Eight bytes of the nonce are sent.
    Sent,
    /// All of the nonce is computed.
    Computed,
}

#[derive(Clone)]
enum Aead {
    Aes128Gcm(Box<Aes128Gcm>),
    Aes256Gcm(Box<Aes256Gcm>),
    ChaCha20(Box<ChaCha20Poly1305>),
    Aes128Ccm(Box<Ccm<Aes128, U16, U12>>),
    Aes256Ccm(Box<Ccm<Aes256, U16, U12>>),
    Aes128Ccm8(Box<Ccm<Aes128, U8, U12>>),
    Aes256Ccm8(Box<Ccm<Aes256, U8, U12>>),
}

#[derive(Clone)]
struct Cbc {
    bulk: Bulk,
    mac: Mac,
    mac_key: Bytes,
    key: Bytes,
    /// The last block before the next record: TLS 1.0 only.
    chained: Option<[u8; BLOCK]>,
    encrypt_then_mac: bool,
}

const BLOCK: usize = 16;

impl Opener {
    /// TLS 1.3: from a traffic secret.   RFC 8446 section 7.3
    pub fn tls13(suite: &'static Suite, phase: Phase, secret: &[u8]) -> Option<Self> {
        if secret.len() != suite.hash.len() || !suite.is_tls13() {
            return None;
        }
        let key = schedule::expand_label(suite.hash, secret, "key", suite.bulk.key_len());
        let iv = schedule::expand_label(suite.hash, secret, "iv", 12);
        Some(Self {
            suite,
            phase,
            next: 0,
            key: Key::Aead {
                aead: Aead::new(suite.bulk, &key)?,
                iv,
                form: Form::Tls13,
            },
            secret: Bytes::new(secret.to_vec()),
        })
    }

    /// The key after a key update.   RFC 8446 section 7.2
    pub fn updated(&self) -> Option<Self> {
        let Phase::Data(updates) = self.phase else {
            return None;
        };
        let hash = self.suite.hash;
        let secret = schedule::expand_label(hash, &self.secret, "traffic upd", hash.len());
        Self::tls13(self.suite, Phase::Data(updates.saturating_add(1)), &secret)
    }

    /// TLS 1.2 and before: from the master secret; `server` says whose records these are.
    pub fn before_13(
        suite: &'static Suite,
        version: u16,
        master: &[u8],
        randoms: [&[u8; 32]; 2],
        server: bool,
        encrypt_then_mac: bool,
    ) -> Option<Self> {
        let hash = if version >= 0x0303 {
            suite.hash
        } else {
            Hash::Md5Sha1
        };
        let [client_random, server_random] = randoms;
        let mac_len = suite.mac.map_or(0, Mac::len);
        let key_len = suite.bulk.key_len();
        let iv_len = match (suite.bulk, suite.mac) {
            (_, Some(_)) => BLOCK,
            (Bulk::ChaCha20, _) => 12,
            _ => 4,
        };
        let seed: [&[u8]; 2] = [server_random, client_random];
        let block = schedule::prf(
            hash,
            master,
            "key expansion",
            &seed,
            2 * (mac_len + key_len + iv_len),
        );
        let part = |at: usize, len: usize| {
            let from = at + if server { len } else { 0 };
            block.get(from..from + len).unwrap_or_default()
        };
        let mac_key = part(0, mac_len);
        let key = part(2 * mac_len, key_len);
        let iv = part(2 * (mac_len + key_len), iv_len);
        let key = match suite.mac {
            Some(mac) => Key::Cbc(Box::new(Cbc {
                bulk: suite.bulk,
                mac,
                mac_key: Bytes::new(mac_key.to_vec()),
                key: Bytes::new(key.to_vec()),
                chained: iv.first_chunk().copied().filter(|_| version <= 0x0301),
                encrypt_then_mac,
            })),
            None => Key::Aead {
                aead: Aead::new(suite.bulk, key)?,
                iv: Bytes::new(iv.to_vec()),
                form: match suite.bulk {
                    Bulk::ChaCha20 => Form::Computed,
                    _ => Form::Sent,
                },
            },
        };
        Some(Self {
            suite,
            phase: Phase::Data(0),
            next: 0,
            key,
            secret: Bytes::default(),
        })
    }

    /// Bytes that every record has beside its content, at least, the header included.
    pub fn around(&self) -> usize {
        5 + match &self.key {
            Key::Aead { form, .. } => {
                let tag = self.suite.bulk.tag_len();
                tag + match form {
                    Form::Tls13 => 1,
                    Form::Sent => 8,
                    Form::Computed => 0,
                }
            }
            Key::Cbc(cbc) => cbc.mac.len() + 1 + if cbc.chained.is_some() { 0 } else { BLOCK },
        }
    }

    /// Whether a record's length tells the length of its content.
    pub fn is_exact(&self) -> bool {
        matches!(&self.key, Key::Aead { form, .. } if *form != Form::Tls13)
    }

    /// Whether a record cannot be opened without the one before it.
    pub fn is_chained(&self) -> bool {
        matches!(&self.key, Key::Cbc(cbc) if cbc.chained.is_some())
    }

    /// Notes the end of a record that was opened, or passed over.
    pub fn passed(&mut self, body: &[u8]) {
        if let Key::Cbc(cbc) = &mut self.key
            && let Some(chained) = &mut cbc.chained
            && let mac = if cbc.encrypt_then_mac {
                cbc.mac.len()
            } else {
                0
            }
            && let Some(last) = body
                .get(..body.len().saturating_sub(mac))
                .and_then(<[u8]>::last_chunk)
        {
            *chained = *last;
        }
    }

    /// Opens a record as the one with this number; its content is put into `out`.
    pub fn open(
        &self,
        number: u64,
        header: Header,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Opened, Why> {
        match &self.key {
            Key::Aead { aead, iv, form } => open_aead(aead, iv, *form, number, header, body, out),
            Key::Cbc(cbc) => cbc.open(number, header, body, out),
        }
    }
}

fn open_aead(
    aead: &Aead,
    iv: &[u8],
    form: Form,
    number: u64,
    header: Header,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Result<Opened, Why> {
    let tag_len = aead.tag_len();
    let (sent, sealed) = match form {
        Form::Sent => body.split_at_checked(8).ok_or(Why::Short)?,
        Form::Tls13 | Form::Computed => (&[][..], body),
    };
    let len = sealed.len().checked_sub(tag_len).ok_or(Why::Short)?;
    let (sealed, tag) = sealed.split_at_checked(len).ok_or(Why::Short)?;
    let mut nonce = [0; 12];
    let counted = number.to_be_bytes();
    match form {
        Form::Sent => {
            for (to, from) in nonce.iter_mut().zip(iv.iter().chain(sent)) {
                *to = *from;
            }
        }
        Form::Tls13 | Form::Computed => {
            for (to, from) in nonce.iter_mut().zip(iv) {
                *to = *from;
            }
            for (to, from) in nonce.iter_mut().skip(4).zip(counted) {
                *to ^= from;
            }
        }
    }
    out.clear();
    out.extend_from_slice(sealed);
    let authentic = match form {
        Form::Tls13 => aead.decrypt(&nonce, &header, out, tag),
        Form::Sent | Form::Computed => {
            let beside = beside(number, header, len);
            aead.decrypt(&nonce, &beside, out, tag)
        }
    };
    if !authentic {
        out.clear();
        return Err(Why::Tag);
    }
    if form != Form::Tls13 {
        let [kind, ..] = header;
        return Ok(Opened {
            kind,
            len,
            padding: 0,
        });
    }
    // The type is the last byte that is not zero.   RFC 8446 section 5.4
    let Some(at) = out.iter().rposition(|&byte| byte != 0) else {
        return Err(Why::Empty);
    };
    let kind = out.get(at).copied().unwrap_or_default();
    let padding = out.len() - at - 1;
    out.truncate(at);
    Ok(Opened {
        kind,
        len: at,
        padding,
    })
}

/// What TLS 1.2 authenticates beside the content: number, type, version, length of the content.
fn beside(number: u64, header: Header, len: usize) -> [u8; 13] {
    let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
    let [kind, major, minor, ..] = header;
    let [high, low] = (len as u16).to_be_bytes();
    [a, b, c, d, e, f, g, h, kind, major, minor, high, low]
}

impl Aead {
    fn new(bulk: Bulk, key: &[u8]) -> Option<Self> {
        fn boxed<A: KeyInit>(key: &[u8]) -> Option<Box<A>> {
            A::new_from_slice(key).ok().map(Box::new)
        }
        Some(match bulk {
            Bulk::Aes128Gcm => Self::Aes128Gcm(boxed(key)?),
            Bulk::Aes256Gcm => Self::Aes256Gcm(boxed(key)?),
            Bulk::ChaCha20 => Self::ChaCha20(boxed(key)?),
            Bulk::Aes128Ccm => Self::Aes128Ccm(boxed(key)?),
            Bulk::Aes256Ccm => Self::Aes256Ccm(boxed(key)?),
            Bulk::Aes128Ccm8 => Self::Aes128Ccm8(boxed(key)?),
            Bulk::Aes256Ccm8 => Self::Aes256Ccm8(boxed(key)?),
            Bulk::Aes128Cbc | Bulk::Aes256Cbc => return None,
        })
    }

    fn tag_len(&self) -> usize {
        match self {
            Self::Aes128Ccm8(_) | Self::Aes256Ccm8(_) => 8,
            _ => 16,
        }
    }

    /// Decrypts in place; whether the tag is right.
    fn decrypt(&self, nonce: &[u8; 12], beside: &[u8], data: &mut [u8], tag: &[u8]) -> bool {
        fn one<A: AeadInOut>(
            aead: &A,
            nonce: &[u8],
            beside: &[u8],
            data: &mut [u8],
            tag: &[u8],
        ) -> bool {
            let (Ok(nonce), Ok(tag)) = (<&Nonce<A>>::try_from(nonce), <&Tag<A>>::try_from(tag))
            else {
                return false;
            };
            aead.decrypt_inout_detached(nonce, beside, data.into(), tag)
                .is_ok()
        }
        match self {
            Self::Aes128Gcm(aead) => one(&**aead, nonce, beside, data, tag),
            Self::Aes256Gcm(aead) => one(&**aead, nonce, beside, data, tag),
            Self::ChaCha20(aead) => one(&**aead, nonce, beside, data, tag),
            Self::Aes128Ccm(aead) => one(&**aead, nonce, beside, data, tag),
            Self::Aes256Ccm(aead) => one(&**aead, nonce, beside, data, tag),
            Self::Aes128Ccm8(aead) => one(&**aead, nonce, beside, data, tag),
            Self::Aes256Ccm8(aead) => one(&**aead, nonce, beside, data, tag),
        }
    }
}

impl Cbc {
    fn open(
        &self,
        number: u64,
        header: Header,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Opened, Why> {
        let mac_len = self.mac.len();
        let mut sealed = body;
        if self.encrypt_then_mac {
            let len = body.len().checked_sub(mac_len).ok_or(Why::Short)?;
            let (covered, mac) = body.split_at_checked(len).ok_or(Why::Short)?;
            let beside = beside(number, header, covered.len());
            if *self.mac(&[&beside, covered]) != *mac {
                return Err(Why::Tag);
            }
            sealed = covered;
        }
        let (iv, sealed) = match &self.chained {
            Some(iv) => (iv, sealed),
            None => sealed.split_first_chunk().ok_or(Why::Short)?,
        };
        if sealed.is_empty() || !sealed.len().is_multiple_of(BLOCK) {
            return Err(Why::Short);
        }
        out.clear();
        out.extend_from_slice(sealed);
        let done = match self.bulk {
            Bulk::Aes128Cbc => decrypt_cbc::<cbc::Decryptor<Aes128>>(&self.key, iv, out),
            Bulk::Aes256Cbc => decrypt_cbc::<cbc::Decryptor<Aes256>>(&self.key, iv, out),
            _ => false,
        };
        let checked = match done {
            true => self.content(number, header, out),
            false => Err(Why::Tag),
        };
        if checked.is_err() {
            out.clear();
        }
        checked
    }

    /// Takes padding and MAC off what was decrypted.
    fn content(&self, number: u64, header: Header, out: &mut Vec<u8>) -> Result<Opened, Why> {
        let mac_len = if self.encrypt_then_mac {
            0
        } else {
            self.mac.len()
        };
        let count = out.last().copied().ok_or(Why::Short)?;
        let padding = usize::from(count) + 1;
        let len = out.len().checked_sub(padding + mac_len).ok_or(Why::Tag)?;
        let filled = out.get(len + mac_len..).unwrap_or_default();
        if filled.iter().any(|&byte| byte != count) {
            return Err(Why::Tag);
        }
        if !self.encrypt_then_mac {
            let beside = beside(number, header, len);
            let (content, rest) = out.split_at_checked(len).ok_or(Why::Tag)?;
            let mac = rest.get(..mac_len).ok_or(Why::Tag)?;
            if *self.mac(&[&beside, content]) != *mac {
                return Err(Why::Tag);
            }
        }
        out.truncate(len);
        let [kind, ..] = header;
        Ok(Opened { kind, len, padding })
    }

    fn mac(&self, parts: &[&[u8]]) -> Bytes {
        match self.mac {
            Mac::Sha1 => schedule::hmac::<Hmac<Sha1>>(&self.mac_key, parts),
            Mac::Sha256 => schedule::hmac::<Hmac<Sha256>>(&self.mac_key, parts),
            Mac::Sha384 => schedule::hmac::<Hmac<Sha384>>(&self.mac_key, parts),
        }
    }
}

fn decrypt_cbc<D>(key: &[u8], iv: &[u8; BLOCK], data: &mut [u8]) -> bool
where
    D: cbc::cipher::KeyIvInit + cbc::cipher::BlockModeDecrypt,
{
    D::new_from_slices(key, iv).is_ok_and(|cbc| cbc.decrypt_padded::<NoPadding>(data).is_ok())
}

/// Says which key it is, and nothing of the key itself.
impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Opener({}, {:?}, next {})",
            self.suite.name, self.phase, self.next
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
        digits
            .chunks(2)
            .map(|pair| (pair[0] * 16 + pair[1]) as u8)
            .collect()
    }

    #[test]
    fn a_record_of_rfc_8448_section_3_opens_under_its_number_alone() {
        let secret = hex("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");
        let record = hex(
            "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd5\
             4a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4",
        );
        let suite = Suite::find(0x1301).unwrap();
        let opener = Opener::tls13(suite, Phase::Data(0), &secret).unwrap();
        let (header, body) = record.split_first_chunk().unwrap();
        let mut out = Vec::new();
        let opened = opener.open(0, *header, body, &mut out).unwrap();
        assert_eq!(
            opened,
            Opened {
                kind: 23,
                len: 50,
                padding: 0
            }
        );
        assert_eq!(out, (0..50).collect::<Vec<u8>>());
        assert_eq!(opener.open(1, *header, body, &mut out), Err(Why::Tag));
        assert!(out.is_empty(), "nothing is left of what is not authentic");
        assert!(!format!("{opener:?}").contains("9e40"));
        let updated = opener.updated().unwrap();
        assert_eq!(updated.phase, Phase::Data(1));
        assert_eq!(updated.open(0, *header, body, &mut out), Err(Why::Tag));
    }

    #[test]
    fn short_records_are_no_trouble() {
        for id in [
            0x1301, 0x1303, 0x1305, 0xc02f, 0xcca8, 0xc0ae, 0x002f, 0xc028,
        ] {
            let suite = Suite::find(id).unwrap();
            for (version, etm) in [(0x0301, false), (0x0302, false), (0x0303, true)] {
                let opener =
                    Opener::before_13(suite, version, &[1; 48], [&[2; 32], &[3; 32]], true, etm);
                let opener = opener.unwrap();
                for len in 0..100 {
                    let body = vec![7; len];
                    let header = [23, 3, 3, 0, len as u8];
                    assert!(opener.open(5, header, &body, &mut Vec::new()).is_err());
                }
            }
        }
    }
}
