use super::{Owned, gzip, pcapng, read_bytes, three, words, zstd};

#[test]
fn what_is_not_a_capture_is_called_by_its_name() {
    assert_eq!(complaint(""), "test: the file is empty");
    assert_eq!(
        complaint("{\"log\": {}}"),
        "test: not a pcap or pcapng capture; it looks like JSON"
    );
    assert_eq!(
        complaint(*b"\x00\x00"),
        "test: not a pcap or pcapng capture"
    );
    assert_eq!(
        complaint(gzip(&gzip(b"x"))),
        "test: not a pcap or pcapng capture; \
         it looks like gzip inside a compressed file: unpack it first"
    );
}

#[test]
fn damage_is_told_with_its_place() {
    let good = pcapng(&three());
    let with = |at: usize, word: u32| {
        let mut file = good.clone();
        file[at..at + 4].copy_from_slice(&word.to_le_bytes());
        file
    };
    // Section 28, interface 32 bytes; then the first packet, 36.
    assert_eq!(
        complaint(with(60 + 36 + 4, 0)),
        "test: at byte 96 (after 1 packet): \
         broken block: it claims a length of 0, which no block can have"
    );
    assert_eq!(
        complaint(with(60 + 32, 99)),
        "test: at byte 60 (after 0 packets): \
         broken block: its length is 36 at its start but 99 at its end"
    );
    assert_eq!(
        complaint(with(60 + 4, 0x7fff_fffc)),
        "test: at byte 60 (after 0 packets): a block of 2147483644 bytes \
         is larger than the limit of 67108864: the file is probably damaged"
    );
    assert_eq!(
        complaint(with(60 + 8, 3)),
        "test: at byte 60 (after 0 packets): \
         broken packet block: it names interface 3, but the section has described 1"
    );
    assert_eq!(
        complaint(with(60 + 20, 30)),
        "test: at byte 60 (after 0 packets): \
         broken packet block: 30 bytes of data do not fit into a block of 36"
    );
    assert_eq!(
        complaint(with(8, 0x0102_0304)),
        "test: broken section header: its byte-order magic is 0x04030201"
    );
    assert_eq!(
        complaint(with(12, 2)),
        "test: pcapng version 2.0 is not supported"
    );
    assert_eq!(
        complaint(words([0xa1b2_c3d4, 0x0004_0001, 0, 0, 0, 1])),
        "test: pcap version 1.4 is not supported"
    );
}

#[test]
fn gzip_and_zstd_are_known_by_their_content() {
    let plain = pcapng(&three());
    let (head, tail) = plain.split_at(50);
    let gzip_members = [gzip(head), gzip(tail)].concat();
    // A skippable frame of two bytes, then two frames.
    let zstd_frames = [
        vec![0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2],
        zstd(head),
        zstd(tail),
    ]
    .concat();
    for packed in [gzip(&plain), gzip_members, zstd(&plain), zstd_frames] {
        let (packets, error) = read_bytes(packed);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(packets, three());
    }
}

#[test]
fn damage_in_the_middle_of_a_compressed_file_costs_little_of_what_came_before() {
    // Bytes that do not compress, so that places in and out of the compressed file agree.
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let many: Vec<Owned> = (1..=3000)
        .map(|no| {
            let data: Vec<u8> = (0..100).map(|_| noise()).collect();
            Owned::new(no, no as i64, &data)
        })
        .collect();
    let mut packed = gzip(&pcapng(&many));
    let middle = packed.len() / 2;
    packed[middle..middle + 2000].fill(0xff);
    let (packets, error) = read_bytes(packed);
    assert!(error.is_some());
    assert!(packets.len() > 1300, "{}", packets.len());
}

#[test]
fn a_compressed_stream_that_breaks_delivers_what_came_before() {
    let many: Vec<Owned> = (1..500)
        .map(|no| Owned::new(no, no as i64, &[7; 100]))
        .collect();
    let plain = pcapng(&many);
    let packed = gzip(&plain);
    let (packets, error) = read_bytes(&packed[..packed.len() - 12]);
    let error = error.unwrap().to_string();
    assert!(error.contains("cannot decompress any further"), "{error}");
    assert!(packets.len() > 450);
    assert_eq!(packets, many[..packets.len()]);
    // The capture lies in the first block; the frame ends too early in a later one.
    let packed = zstd(&[plain.clone(), vec![0; 100_000]].concat());
    let (packets, error) = read_bytes(&packed[..packed.len() - 5]);
    assert_eq!(packets, many);
    let error = error.unwrap().to_string();
    assert!(error.contains("broken block"), "{error}");
    // A checksum that does not match is told, after every packet.
    let mut packed = gzip(&plain);
    let at = packed.len() - 8;
    packed[at] ^= 1;
    let (packets, error) = read_bytes(packed);
    assert_eq!(packets, many);
    assert!(error.is_some());
    // Nothing came at all.
    for packed in [gzip(b"x"), zstd(b"x")] {
        let error = complaint(&packed[..packed.len() - 9]);
        assert!(error.contains("cannot decompress any further"), "{error}");
    }
}

/// What `read_bytes` says went wrong.
fn complaint(file: impl Into<Vec<u8>>) -> String {
    let (_, error) = read_bytes(file);
    error.expect("an error").to_string()
}
