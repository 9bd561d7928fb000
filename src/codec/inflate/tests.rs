use super::*;

#[test]
fn hello() {
    let mut text = Vec::new();
    let mut inflate = Inflate::new(15);
    inflate
        .feed(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], &mut |p| {
            text.extend_from_slice(p.bytes)
        })
        .unwrap();
    assert!(inflate.end_message().ending.is_clean());
    inflate
        .feed(&[0xf2, 0x00, 0x11, 0x00, 0x00], &mut |p| {
            text.extend_from_slice(p.bytes)
        })
        .unwrap();
    assert!(inflate.end_message().ending.is_clean());
    assert_eq!(text, b"HelloHello");
}
