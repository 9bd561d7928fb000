//! The recorded captures, and whether tshark is there.

use std::path::{Path, PathBuf};
use std::process::Command;

/// None where tshark is not installed, unless it has to be.
pub fn tshark_version() -> Option<String> {
    let Ok(output) = Command::new("tshark").arg("--version").output() else {
        let needed = std::env::var_os("WSCOPE_NEED_TSHARK").is_some();
        assert!(!needed, "tshark is not installed");
        #[allow(clippy::print_stderr)] // a test that is skipped says so aloud
        {
            eprintln!("skipped: tshark is not installed");
        }
        return None;
    };
    Some(
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .next()?
            .to_owned(),
    )
}

pub fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let is_capture = |path: &PathBuf| {
        path.extension()
            .is_some_and(|ext| ext == "pcap" || ext == "pcapng")
    };
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(is_capture)
        .collect();
    found.sort();
    assert!(found.len() > 40);
    found
}
