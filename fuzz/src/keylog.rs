//! Key logs: whatever is in one, what was read of it reads back.

use wscope::model::{By, Keys};

/// Reads the bytes as a key log.
pub fn run(bytes: &[u8]) {
    let keys = Keys::default();
    keys.lines(bytes);
    let again = Keys::default();
    let mut whole = 0;
    for random in keys.randoms() {
        let log = keys.log_of(&random);
        assert_eq!(again.lines(log.as_bytes()), []);
        whole += log.lines().count() as u64;
        assert!(again.knows(&random, By::END));
    }
    assert!(again.count() <= keys.count() && again.count() == whole);
}
