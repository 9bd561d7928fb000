//! The screen in Chinese: no pane of any capture holds a run of English words that is not a peer's own.

use super::fixture::{Bench, LARGE, SMALL};
use insta::assert_snapshot;
use std::collections::BTreeMap;
use wscope::explain::Lang;

fn bench(capture: &str, size: (u16, u16)) -> Bench {
    let mut bench = Bench::new(capture, size);
    bench.app.lang = Lang::Zh;
    bench
}

/// A run of at least four English words.
fn english(line: &str) -> Option<String> {
    let is_word = |word: &&str| {
        let bare = word.trim_end_matches([',', ';', ':']);
        let hex = bare.len() == 2 && bare.chars().all(|c| c.is_ascii_hexdigit());
        let listed = ["gzip", "deflate", "br", "zstd"].contains(&bare);
        bare.len() > 1 && !hex && !listed && bare.chars().all(|c| c.is_ascii_lowercase())
    };
    let words: Vec<_> = line.split(' ').collect();
    let run = words.windows(4).find(|run| run.iter().all(is_word))?;
    Some(run.join(" "))
}

/// All that peers say in a capture, as far as it is text.
fn payloads(capture: &str) -> String {
    let path = format!("{}/captures/{capture}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).unwrap();
    let mut text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    // What is masked or compressed is not in the file.
    let mut bench = Bench::new(capture, LARGE);
    for _ in 0..2 {
        text += &bench.screen();
        bench.press("f");
    }
    text
}

#[test]
fn no_pane_has_a_run_of_english_words() {
    let mut left = BTreeMap::new();
    for capture in [
        "tour.pcapng",
        "violations.pcapng",
        "closes.pcapng",
        "reset.pcapng",
        "lossy.pcapng",
        "refused.pcapng",
        "tls13.pcapng",
        "idle.pcapng",
    ] {
        let own = payloads(capture);
        for size in [SMALL, LARGE] {
            let mut bench = bench(capture, size);
            for keys in [
                "", "f", "f", "f", "G", "e", "G", "<<", "F", "j", "\n", "<", "i", "<", "?", "G",
                "<", "\t", "z", "G", "z", "\t", "v", "v", "&", "<", "/", "<", ":", "<", "<<", "G",
                "\n",
            ] {
                bench.press(keys);
                for line in bench.screen().lines() {
                    // What a message says stands in quotes, and in the pane of its bytes.
                    let before = line.split(['"', '“']).next().unwrap_or_default();
                    if let Some(run) = english(before)
                        && !own.contains(&run)
                    {
                        left.insert(line.to_owned(), format!("{capture} {size:?} {keys:?}"));
                    }
                }
            }
        }
    }
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn a_search_finds_what_the_screen_says() {
    let mut bench = bench("tour.pcapng", LARGE);
    let screen = bench.press("ff/保活探测\n").screen();
    let selected = screen
        .lines()
        .find(|line| line.starts_with('▸') && line.contains("保活探测"));
    assert!(selected.is_some(), "{screen}");
}

#[test]
fn findings_and_details_on_a_small_screen() {
    let mut bench = bench("violations.pcapng", SMALL);
    let findings = bench.press("Fjj").screen();
    let timeline = bench.press("\n").screen();
    assert_snapshot!(format!("{findings}\n{timeline}"));
}

#[test]
fn a_loss_and_an_end_on_a_small_screen() {
    let mut bench = bench("reset.pcapng", SMALL);
    assert_snapshot!(bench.press("fffG").screen());
}
