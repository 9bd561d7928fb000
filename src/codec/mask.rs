//! Masking: each payload byte is XORed with one of four key bytes.   RFC 6455 section 5.3

/// Applies a masking key, which also removes it. `phase` is how many payload bytes came before.
pub fn apply(bytes: &mut [u8], key: [u8; 4], phase: u64) {
    let mut key = key;
    key.rotate_left((phase % 4) as usize);
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_masked_hello_of_the_rfc() {
        // RFC 6455 section 5.7
        let mut bytes = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        apply(&mut bytes, [0x37, 0xfa, 0x21, 0x3d], 0);
        assert_eq!(&bytes, b"Hello");
    }

    proptest! {
        #[test]
        fn every_cut_gives_what_byte_by_byte_gives(
            bytes: Vec<u8>, key: [u8; 4], cut: prop::sample::Index, before in 0u64..9
        ) {
            let plain: Vec<u8> = bytes
                .iter()
                .enumerate()
                .map(|(i, byte)| byte ^ key[(i + before as usize) % 4])
                .collect();
            let mut got = bytes;
            let cut = cut.index(got.len() + 1);
            let (left, right) = got.split_at_mut(cut);
            apply(left, key, before);
            apply(right, key, before + cut as u64);
            prop_assert_eq!(got, plain);
        }
    }
}
