//! Cipher suites: those that can be opened, and names of others.   IANA, TLS Cipher Suites

/// What a suite seals records with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bulk {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20,
    Aes128Ccm,
    Aes256Ccm,
    Aes128Ccm8,
    Aes256Ccm8,
    Aes128Cbc,
    Aes256Cbc,
}

impl Bulk {
    pub fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes128Ccm | Self::Aes128Ccm8 | Self::Aes128Cbc => 16,
            Self::Aes256Gcm
            | Self::Aes256Ccm
            | Self::Aes256Ccm8
            | Self::Aes256Cbc
            | Self::ChaCha20 => 32,
        }
    }

    /// Bytes of the tag; none where a MAC is computed beside.
    pub fn tag_len(self) -> usize {
        match self {
            Self::Aes128Ccm8 | Self::Aes256Ccm8 => 8,
            Self::Aes128Cbc | Self::Aes256Cbc => 0,
            _ => 16,
        }
    }
}

/// What the records of a CBC suite are authenticated with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mac {
    Sha1,
    Sha256,
    Sha384,
}

impl Mac {
    pub fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

/// What keys are derived with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hash {
    Sha256,
    Sha384,
    /// Both of MD5 and SHA-1: TLS 1.0 and 1.1.
    Md5Sha1,
}

impl Hash {
    /// Bytes of a traffic secret.
    pub fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Md5Sha1 => 36,
        }
    }
}

/// A suite that can be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Suite {
    pub id: u16,
    pub name: &'static str,
    pub bulk: Bulk,
    pub mac: Option<Mac>,
    pub hash: Hash,
}

impl Suite {
    pub fn find(id: u16) -> Option<&'static Self> {
        let at = SUITES.binary_search_by_key(&id, |suite| suite.id).ok()?;
        SUITES.get(at)
    }

    pub fn is_tls13(&self) -> bool {
        self.id >> 8 == 0x13
    }

    /// The suites of TLS 1.3 whose secrets have this many bytes.
    pub fn tls13(len: usize) -> impl Iterator<Item = &'static Self> {
        SUITES
            .iter()
            .filter(move |suite| suite.is_tls13() && suite.hash.len() == len)
    }
}

/// The name of a suite, whether it can be opened or not.
pub fn name(id: u16) -> String {
    let other = OTHERS.iter().find(|(other, _)| *other == id);
    match (Suite::find(id), other) {
        (Some(suite), _) => suite.name.into(),
        (None, Some((_, name))) => (*name).into(),
        (None, None) => format!("0x{id:04x}"),
    }
}

/// Suites that are not opened, or none at all.
const OTHERS: &[(u16, &str)] = &[
    (0x0004, "TLS_RSA_WITH_RC4_128_MD5"),
    (0x0005, "TLS_RSA_WITH_RC4_128_SHA"),
    (0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0041, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA"),
    (0x0084, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA"),
    (0x00ff, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"),
    (0x5600, "TLS_FALLBACK_SCSV"),
    (0xc008, "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA"),
    (0xc011, "TLS_ECDHE_RSA_WITH_RC4_128_SHA"),
    (0xc012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
];

/// In order of their numbers.
#[rustfmt::skip]
const SUITES: &[Suite] = &[
    suite(0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA", Bulk::Aes128Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0x0030, "TLS_DH_DSS_WITH_AES_128_CBC_SHA", Bulk::Aes128Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0x0031, "TLS_DH_RSA_WITH_AES_128_CBC_SHA", Bulk::Aes128Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0x0032, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA", Bulk::Aes128Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", Bulk::Aes128Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0x0034, "TLS_DH_anon_WITH_AES_128_CBC_SHA", Bulk::Aes128Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA", Bulk::Aes256Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0x0036, "TLS_DH_DSS_WITH_AES_256_CBC_SHA", Bulk::Aes256Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0x0037, "TLS_DH_RSA_WITH_AES_256_CBC_SHA", Bulk::Aes256Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0x0038, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA", Bulk::Aes256Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", Bulk::Aes256Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0x003a, "TLS_DH_anon_WITH_AES_256_CBC_SHA", Bulk::Aes256Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256", Bulk::Aes128Cbc, Some(Mac::Sha256), Hash::Sha256),
    suite(0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256", Bulk::Aes256Cbc, Some(Mac::Sha256), Hash::Sha256),
    suite(0x003e, "TLS_DH_DSS_WITH_AES_128_CBC_SHA256", Bulk::Aes128Cbc, Some(Mac::Sha256), Hash::Sha256),
    suite(0x003f, "TLS_DH_RSA_WITH_AES_128_CBC_SHA256", Bulk::Aes128Cbc, Some(Mac::Sha256), Hash::Sha256),
    suite(0x0040, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA256", Bulk::Aes128Cbc, Some(Mac::Sha256), Hash::Sha256),
    suite(0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256", Bulk::Aes128Cbc, Some(Mac::Sha256), Hash::Sha256),
    suite(0x0068, "TLS_DH_DSS_WITH_AES_256_CBC_SHA256", Bulk::Aes256Cbc, Some(Mac::Sha256), Hash::Sha256),
    suite(0x0069, "TLS_DH_RSA_WITH_AES_256_CBC_SHA256", Bulk::Aes256Cbc, Some(Mac::Sha256), Hash::Sha256),
    suite(0x006a, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA256", Bulk::Aes256Cbc, Some(Mac::Sha256), Hash::Sha256),
    suite(0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", Bulk::Aes256Cbc, Some(Mac::Sha256), Hash::Sha256),
    suite(0x006c, "TLS_DH_anon_WITH_AES_128_CBC_SHA256", Bulk::Aes128Cbc, Some(Mac::Sha256), Hash::Sha256),
    suite(0x006d, "TLS_DH_anon_WITH_AES_256_CBC_SHA256", Bulk::Aes256Cbc, Some(Mac::Sha256), Hash::Sha256),
    suite(0x008c, "TLS_PSK_WITH_AES_128_CBC_SHA", Bulk::Aes128Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0x008d, "TLS_PSK_WITH_AES_256_CBC_SHA", Bulk::Aes256Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0x0090, "TLS_DHE_PSK_WITH_AES_128_CBC_SHA", Bulk::Aes128Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0x0091, "TLS_DHE_PSK_WITH_AES_256_CBC_SHA", Bulk::Aes256Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0x0094, "TLS_RSA_PSK_WITH_AES_128_CBC_SHA", Bulk::Aes128Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0x0095, "TLS_RSA_PSK_WITH_AES_256_CBC_SHA", Bulk::Aes256Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256", Bulk::Aes128Gcm, None, Hash::Sha256),
    suite(0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384", Bulk::Aes256Gcm, None, Hash::Sha384),
    suite(0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", Bulk::Aes128Gcm, None, Hash::Sha256),
    suite(0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", Bulk::Aes256Gcm, None, Hash::Sha384),
    suite(0x00a0, "TLS_DH_RSA_WITH_AES_128_GCM_SHA256", Bulk::Aes128Gcm, None, Hash::Sha256),
    suite(0x00a1, "TLS_DH_RSA_WITH_AES_256_GCM_SHA384", Bulk::Aes256Gcm, None, Hash::Sha384),
    suite(0x00a2, "TLS_DHE_DSS_WITH_AES_128_GCM_SHA256", Bulk::Aes128Gcm, None, Hash::Sha256),
    suite(0x00a3, "TLS_DHE_DSS_WITH_AES_256_GCM_SHA384", Bulk::Aes256Gcm, None, Hash::Sha384),
    suite(0x00a4, "TLS_DH_DSS_WITH_AES_128_GCM_SHA256", Bulk::Aes128Gcm, None, Hash::Sha256),
    suite(0x00a5, "TLS_DH_DSS_WITH_AES_256_GCM_SHA384", Bulk::Aes256Gcm, None, Hash::Sha384),
    suite(0x00a6, "TLS_DH_anon_WITH_AES_128_GCM_SHA256", Bulk::Aes128Gcm, None, Hash::Sha256),
    suite(0x00a7, "TLS_DH_anon_WITH_AES_256_GCM_SHA384", Bulk::Aes256Gcm, None, Hash::Sha384),
    suite(0x00a8, "TLS_PSK_WITH_AES_128_GCM_SHA256", Bulk::Aes128Gcm, None, Hash::Sha256),
    suite(0x00a9, "TLS_PSK_WITH_AES_256_GCM_SHA384", Bulk::Aes256Gcm, None, Hash::Sha384),
    suite(0x00aa, "TLS_DHE_PSK_WITH_AES_128_GCM_SHA256", Bulk::Aes128Gcm, None, Hash::Sha256),
    suite(0x00ab, "TLS_DHE_PSK_WITH_AES_256_GCM_SHA384", Bulk::Aes256Gcm, None, Hash::Sha384),
    suite(0x00ac, "TLS_RSA_PSK_WITH_AES_128_GCM_SHA256", Bulk::Aes128Gcm, None, Hash::Sha256),
    suite(0x00ad, "TLS_RSA_PSK_WITH_AES_256_GCM_SHA384", Bulk::Aes256Gcm, None, Hash::Sha384),
    suite(0x00ae, "TLS_PSK_WITH_AES_128_CBC_SHA256", Bulk::Aes128Cbc, Some(Mac::Sha256), Hash::Sha256),
    suite(0x00af, "TLS_PSK_WITH_AES_256_CBC_SHA384", Bulk::Aes256Cbc, Some(Mac::Sha384), Hash::Sha384),
    suite(0x00b2, "TLS_DHE_PSK_WITH_AES_128_CBC_SHA256", Bulk::Aes128Cbc, Some(Mac::Sha256), Hash::Sha256),
    suite(0x00b3, "TLS_DHE_PSK_WITH_AES_256_CBC_SHA384", Bulk::Aes256Cbc, Some(Mac::Sha384), Hash::Sha384),
    suite(0x00b6, "TLS_RSA_PSK_WITH_AES_128_CBC_SHA256", Bulk::Aes128Cbc, Some(Mac::Sha256), Hash::Sha256),
    suite(0x00b7, "TLS_RSA_PSK_WITH_AES_256_CBC_SHA384", Bulk::Aes256Cbc, Some(Mac::Sha384), Hash::Sha384),
    suite(0x1301, "TLS_AES_128_GCM_SHA256", Bulk::Aes128Gcm, None, Hash::Sha256),
    suite(0x1302, "TLS_AES_256_GCM_SHA384", Bulk::Aes256Gcm, None, Hash::Sha384),
    suite(0x1303, "TLS_CHACHA20_POLY1305_SHA256", Bulk::ChaCha20, None, Hash::Sha256),
    suite(0x1304, "TLS_AES_128_CCM_SHA256", Bulk::Aes128Ccm, None, Hash::Sha256),
    suite(0x1305, "TLS_AES_128_CCM_8_SHA256", Bulk::Aes128Ccm8, None, Hash::Sha256),
    suite(0xc004, "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA", Bulk::Aes128Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0xc005, "TLS_ECDH_ECDSA_WITH_AES_256_CBC_SHA", Bulk::Aes256Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", Bulk::Aes128Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", Bulk::Aes256Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0xc00e, "TLS_ECDH_RSA_WITH_AES_128_CBC_SHA", Bulk::Aes128Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0xc00f, "TLS_ECDH_RSA_WITH_AES_256_CBC_SHA", Bulk::Aes256Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", Bulk::Aes128Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", Bulk::Aes256Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0xc018, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA", Bulk::Aes128Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0xc019, "TLS_ECDH_anon_WITH_AES_256_CBC_SHA", Bulk::Aes256Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", Bulk::Aes128Cbc, Some(Mac::Sha256), Hash::Sha256),
    suite(0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", Bulk::Aes256Cbc, Some(Mac::Sha384), Hash::Sha384),
    suite(0xc025, "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA256", Bulk::Aes128Cbc, Some(Mac::Sha256), Hash::Sha256),
    suite(0xc026, "TLS_ECDH_ECDSA_WITH_AES_256_CBC_SHA384", Bulk::Aes256Cbc, Some(Mac::Sha384), Hash::Sha384),
    suite(0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", Bulk::Aes128Cbc, Some(Mac::Sha256), Hash::Sha256),
    suite(0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", Bulk::Aes256Cbc, Some(Mac::Sha384), Hash::Sha384),
    suite(0xc029, "TLS_ECDH_RSA_WITH_AES_128_CBC_SHA256", Bulk::Aes128Cbc, Some(Mac::Sha256), Hash::Sha256),
    suite(0xc02a, "TLS_ECDH_RSA_WITH_AES_256_CBC_SHA384", Bulk::Aes256Cbc, Some(Mac::Sha384), Hash::Sha384),
    suite(0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", Bulk::Aes128Gcm, None, Hash::Sha256),
    suite(0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", Bulk::Aes256Gcm, None, Hash::Sha384),
    suite(0xc02d, "TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256", Bulk::Aes128Gcm, None, Hash::Sha256),
    suite(0xc02e, "TLS_ECDH_ECDSA_WITH_AES_256_GCM_SHA384", Bulk::Aes256Gcm, None, Hash::Sha384),
    suite(0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Bulk::Aes128Gcm, None, Hash::Sha256),
    suite(0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", Bulk::Aes256Gcm, None, Hash::Sha384),
    suite(0xc031, "TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256", Bulk::Aes128Gcm, None, Hash::Sha256),
    suite(0xc032, "TLS_ECDH_RSA_WITH_AES_256_GCM_SHA384", Bulk::Aes256Gcm, None, Hash::Sha384),
    suite(0xc035, "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA", Bulk::Aes128Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0xc036, "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA", Bulk::Aes256Cbc, Some(Mac::Sha1), Hash::Sha256),
    suite(0xc037, "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256", Bulk::Aes128Cbc, Some(Mac::Sha256), Hash::Sha256),
    suite(0xc038, "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA384", Bulk::Aes256Cbc, Some(Mac::Sha384), Hash::Sha384),
    suite(0xc09c, "TLS_RSA_WITH_AES_128_CCM", Bulk::Aes128Ccm, None, Hash::Sha256),
    suite(0xc09d, "TLS_RSA_WITH_AES_256_CCM", Bulk::Aes256Ccm, None, Hash::Sha256),
    suite(0xc09e, "TLS_DHE_RSA_WITH_AES_128_CCM", Bulk::Aes128Ccm, None, Hash::Sha256),
    suite(0xc09f, "TLS_DHE_RSA_WITH_AES_256_CCM", Bulk::Aes256Ccm, None, Hash::Sha256),
    suite(0xc0a0, "TLS_RSA_WITH_AES_128_CCM_8", Bulk::Aes128Ccm8, None, Hash::Sha256),
    suite(0xc0a1, "TLS_RSA_WITH_AES_256_CCM_8", Bulk::Aes256Ccm8, None, Hash::Sha256),
    suite(0xc0a2, "TLS_DHE_RSA_WITH_AES_128_CCM_8", Bulk::Aes128Ccm8, None, Hash::Sha256),
    suite(0xc0a3, "TLS_DHE_RSA_WITH_AES_256_CCM_8", Bulk::Aes256Ccm8, None, Hash::Sha256),
    suite(0xc0a4, "TLS_PSK_WITH_AES_128_CCM", Bulk::Aes128Ccm, None, Hash::Sha256),
    suite(0xc0a5, "TLS_PSK_WITH_AES_256_CCM", Bulk::Aes256Ccm, None, Hash::Sha256),
    suite(0xc0a6, "TLS_DHE_PSK_WITH_AES_128_CCM", Bulk::Aes128Ccm, None, Hash::Sha256),
    suite(0xc0a7, "TLS_DHE_PSK_WITH_AES_256_CCM", Bulk::Aes256Ccm, None, Hash::Sha256),
    suite(0xc0a8, "TLS_PSK_WITH_AES_128_CCM_8", Bulk::Aes128Ccm8, None, Hash::Sha256),
    suite(0xc0a9, "TLS_PSK_WITH_AES_256_CCM_8", Bulk::Aes256Ccm8, None, Hash::Sha256),
    suite(0xc0aa, "TLS_PSK_DHE_WITH_AES_128_CCM_8", Bulk::Aes128Ccm8, None, Hash::Sha256),
    suite(0xc0ab, "TLS_PSK_DHE_WITH_AES_256_CCM_8", Bulk::Aes256Ccm8, None, Hash::Sha256),
    suite(0xc0ac, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM", Bulk::Aes128Ccm, None, Hash::Sha256),
    suite(0xc0ad, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM", Bulk::Aes256Ccm, None, Hash::Sha256),
    suite(0xc0ae, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", Bulk::Aes128Ccm8, None, Hash::Sha256),
    suite(0xc0af, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8", Bulk::Aes256Ccm8, None, Hash::Sha256),
    suite(0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", Bulk::ChaCha20, None, Hash::Sha256),
    suite(0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", Bulk::ChaCha20, None, Hash::Sha256),
    suite(0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", Bulk::ChaCha20, None, Hash::Sha256),
    suite(0xccab, "TLS_PSK_WITH_CHACHA20_POLY1305_SHA256", Bulk::ChaCha20, None, Hash::Sha256),
    suite(0xccac, "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256", Bulk::ChaCha20, None, Hash::Sha256),
    suite(0xccad, "TLS_DHE_PSK_WITH_CHACHA20_POLY1305_SHA256", Bulk::ChaCha20, None, Hash::Sha256),
    suite(0xccae, "TLS_RSA_PSK_WITH_CHACHA20_POLY1305_SHA256", Bulk::ChaCha20, None, Hash::Sha256),
    suite(0xd001, "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256", Bulk::Aes128Gcm, None, Hash::Sha256),
    suite(0xd002, "TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384", Bulk::Aes256Gcm, None, Hash::Sha384),
];

const fn suite(id: u16, name: &'static str, bulk: Bulk, mac: Option<Mac>, hash: Hash) -> Suite {
    Suite {
        id,
        name,
        bulk,
        mac,
        hash,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(SUITES.is_sorted_by(|a, b| a.id < b.id));
        assert_eq!(name(0x1301), "TLS_AES_128_GCM_SHA256");
        assert_eq!(name(0x000a), "TLS_RSA_WITH_3DES_EDE_CBC_SHA");
        assert_eq!(name(0xfefe), "0xfefe");
    }
}
