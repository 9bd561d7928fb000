//! From secrets to keys.   RFC 8446 section 7, RFC 5246 section 5, RFC 2246 section 5

use super::suites::Hash;
use hkdf::Hkdf;
use hmac::Hmac;
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384};
use zeroize::Zeroizing;

/// Bytes of a key, cleared when they go.
pub type Bytes = Zeroizing<Vec<u8>>;

/// HKDF-Expand-Label with an empty context.   RFC 8446 section 7.1
pub fn expand_label(hash: Hash, secret: &[u8], label: &str, len: usize) -> Bytes {
    let mut info = Vec::with_capacity(64);
    info.extend_from_slice(&(len as u16).to_be_bytes());
    info.push(6 + label.len() as u8);
    info.extend_from_slice(b"tls13 ");
    info.extend_from_slice(label.as_bytes());
    info.push(0);
    let mut out = Zeroizing::new(vec![0; len]);
    // Fails only for secrets shorter than a hash, which the caller has ruled out.
    match hash {
        Hash::Sha384 => {
            let _ = Hkdf::<Sha384>::from_prk(secret).map(|hkdf| hkdf.expand(&info, &mut out));
        }
        Hash::Sha256 | Hash::Md5Sha1 => {
            let _ = Hkdf::<Sha256>::from_prk(secret).map(|hkdf| hkdf.expand(&info, &mut out));
        }
    }
    out
}

/// The pseudorandom function of TLS 1.2 and before.   RFC 5246 section 5
pub fn prf(hash: Hash, secret: &[u8], label: &str, seed: &[&[u8]], len: usize) -> Bytes {
    let mut whole = label.as_bytes().to_vec();
    for part in seed {
        whole.extend_from_slice(part);
    }
    match hash {
        Hash::Sha256 => stretch(hmac::<Hmac<Sha256>>, secret, &whole, len),
        Hash::Sha384 => stretch(hmac::<Hmac<Sha384>>, secret, &whole, len),
        Hash::Md5Sha1 => {
            // Each half of the secret, one byte shared where it is odd.   RFC 2246 section 5
            let half = secret.len().div_ceil(2);
            let first = secret.get(..half).unwrap_or_default();
            let second = secret.get(secret.len() - half..).unwrap_or_default();
            let mut out = stretch(hmac::<Hmac<Md5>>, first, &whole, len);
            let other = stretch(hmac::<Hmac<Sha1>>, second, &whole, len);
            for (byte, other) in out.iter_mut().zip(other.iter()) {
                *byte ^= other;
            }
            out
        }
    }
}

/// P_hash: as many bytes as are wanted.
fn stretch(
    hmac: impl Fn(&[u8], &[&[u8]]) -> Bytes,
    secret: &[u8],
    seed: &[u8],
    len: usize,
) -> Bytes {
    let mut out = Zeroizing::new(Vec::with_capacity(len + 64));
    let mut a = hmac(secret, &[seed]);
    while out.len() < len {
        out.extend_from_slice(&hmac(secret, &[&a, seed]));
        a = hmac(secret, &[&a]);
    }
    out.truncate(len);
    out
}

/// HMAC over parts.   RFC 2104
pub fn hmac<M: hmac::KeyInit + hmac::Mac>(key: &[u8], parts: &[&[u8]]) -> Bytes {
    // A key of any length will do.
    let Ok(mut mac) = <M as hmac::KeyInit>::new_from_slice(key) else {
        return Bytes::default();
    };
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().to_vec())
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
    fn traffic_keys_as_rfc_8448_section_3() {
        let cases = [
            (
                "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21",
                "dbfaa693d1762c5b666af5d950258d01",
                "5bd3c71b836e0b76bb73265f",
            ),
            (
                "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38",
                "3fce516009c21727d0f2e4e86ee403bc",
                "5d313eb2671276ee13000b30",
            ),
            (
                "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
                "17422dda596ed5d9acd890e3c63f5051",
                "5b78923dee08579033e523d9",
            ),
            (
                "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
                "9f02283b6c9c07efc26bb9f2ac92e356",
                "cf782b88dd83549aadf1e984",
            ),
        ];
        for (secret, key, iv) in cases {
            let secret = hex(secret);
            assert_eq!(*expand_label(Hash::Sha256, &secret, "key", 16), hex(key));
            assert_eq!(*expand_label(Hash::Sha256, &secret, "iv", 12), hex(iv));
        }
    }

    #[test]
    fn the_pseudorandom_function_of_tls_1_2() {
        let out = prf(
            Hash::Sha256,
            &hex("9bbe436ba940f017b17652849a71db35"),
            "test label",
            &[&hex("a0ba9f936cda311827a6f796ffd5198c")],
            100,
        );
        assert_eq!(out[..16], hex("e3f229ba727be17b8d122620557cd453"));
        assert_eq!(out.len(), 100);
    }
}
