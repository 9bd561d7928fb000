//! What a file that is no capture looks like.

/// What the first bytes of a file look like, in words that may follow "it looks like".
pub(super) fn like(head: &[u8]) -> Option<&'static str> {
    SIGNS
        .iter()
        .find(|(sign, _)| head.starts_with(sign))
        .map(|&(_, like)| like)
        .or_else(|| text(head))
}

fn text(head: &[u8]) -> Option<&'static str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The head may end inside a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    match text.trim_start().chars().next()? {
        _ if text.contains(control) => None,
        '{' => Some("JSON"),
        '[' if json_array(text) => Some("JSON"),
        '<' => Some("HTML or XML"),
        _ => Some("text"),
    }
}

/// Other text may begin with a bracket as well.
fn json_array(text: &str) -> bool {
    let mut rest = text.chars().filter(|c| !c.is_whitespace()).skip(1);
    rest.next()
        .is_some_and(|c| matches!(c, '{' | '[' | ']' | '"' | '0'..='9'))
}

const SIGNS: &[(&[u8], &str)] = &[
    (
        b"\x1f\x8b",
        "gzip inside a compressed file: unpack it first",
    ),
    (
        b"\x28\xb5\x2f\xfd",
        "zstd inside a compressed file: unpack it first",
    ),
    (b"\xfd7zXZ\0", "xz: unpack it first"),
    (b"BZh", "bzip2: unpack it first"),
    (b"\x04\x22\x4d\x18", "lz4: unpack it first"),
    (b"PK\x03\x04", "zip: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "7z: unpack it first"),
    (b"snoop\0\0\0", "snoop: convert it with editcap"),
    (
        b"GMBU",
        "Microsoft Network Monitor: convert it with editcap",
    ),
    (
        b"RTSS",
        "Microsoft Network Monitor: convert it with editcap",
    ),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"%PDF", "PDF"),
    (b"\x89PNG", "PNG"),
];

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn common_files_are_called_by_their_names() {
        assert_eq!(like(b"{\"log\":{}}"), Some("JSON"));
        assert_eq!(like(b"[ {\"frame\":1}]"), Some("JSON"));
        assert_eq!(like(b"[package]"), Some("text"));
        assert_eq!(like(b"<!doctype html>"), Some("HTML or XML"));
        assert_eq!(like("Grüße".as_bytes()), Some("text"));
        assert_eq!(like(&"Grüße".as_bytes()[..3]), Some("text"));
        assert_eq!(like(b"BZh91AY"), Some("bzip2: unpack it first"));
        assert_eq!(like(b"\x00\x01\x02\x03"), None);
        assert_eq!(like(b"\xff\xfe\xfd"), None);
        assert_eq!(like(b""), None);
    }
}
