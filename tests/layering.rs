//! Who may know whom: every module of the library names only those that this table allows it.

use std::collections::BTreeMap;
use std::path::Path;

/// A module, and what it may use besides `model`, which everybody may.
const ALLOWED: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("codec", &[]),
    ("error", &[]),
    ("source", &["error"]),
    ("decode", &[]),
    ("tcp", &[]),
    ("proto", &["codec"]),
    ("field", &[]),
    ("sink", &["field"]),
    ("rules", &[]),
    ("insight", &["payload"]),
    ("payload", &[]),
    ("forge", &["source", "error"]),
    ("explain", &["codec", "field", "proto", "rules", "sink"]),
    ("lab", &["codec", "explain", "forge", "sink"]),
    (
        "lesson",
        &[
            "codec", "engine", "error", "explain", "field", "forge", "sink", "source",
        ],
    ),
    (
        "engine",
        &[
            "codec", "decode", "error", "insight", "proto", "rules", "source", "tcp",
        ],
    ),
];

#[test]
fn every_module_knows_only_what_it_may() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let mut wrong = Vec::new();
    for (module, file, text) in files(&src) {
        let Some(allowed) = allowed.get(module.as_str()) else {
            wrong.push(format!(
                "{file}: the table does not know the module {module}"
            ));
            continue;
        };
        for used in text.split("crate::").skip(1).map(first_word) {
            let fine = used == module || used == "model" || allowed.contains(&used.as_str());
            // A file at the top may be named by the types that `lib.rs` gives out.
            if !fine && used.chars().next().is_some_and(char::is_lowercase) {
                wrong.push(format!("{file}: {module} uses {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every source file of the library: its module, its name, its text without the tests.
fn files(src: &Path) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![src.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(src).unwrap().to_str().unwrap().to_owned();
            // The binary sees the library from outside: the compiler guards that wall.
            if ["main.rs", "lib.rs", "cli", "tui"].contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let module = name.split(['/', '.']).next().unwrap().to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text
                .split("#[cfg(test)]\nmod tests {")
                .next()
                .unwrap()
                .to_owned();
            if !name.ends_with("tests.rs") && !name.contains("/tests/") {
                found.push((module, name, text));
            }
        }
    }
    assert!(found.len() > 20);
    found
}

fn first_word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}
