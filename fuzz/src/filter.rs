//! Any text as a display filter: refused at a place within it, or printed so that it reads back as the same.

use wscope::field::Filter;
use wscope::field::filter::complete;

/// Reads the bytes as a filter, and completes it at every tenth place.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let chars = text.chars().count();
    match Filter::new(&text) {
        Ok(filter) => {
            let printed = filter.to_string();
            assert_eq!(Filter::new(&printed).as_ref(), Ok(&filter), "{printed}");
            let _ = filter.needs_payload();
        }
        Err(problem) => {
            assert!(problem.at.start <= problem.at.end);
            assert!(problem.at.end <= chars.max(problem.at.start));
        }
    }
    for end in (0..=chars).step_by(10) {
        let before: String = text.chars().take(end).collect();
        for completion in complete(&before) {
            assert!(completion.from <= end);
        }
    }
}
