//! Puts the lessons, and the captures that they name, into the program: whatever is in `lessons/`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo says where the crate is");
    let root = Path::new(&root);
    let mut files: Vec<_> = fs::read_dir(root.join("lessons"))
        .expect("there is a folder of lessons")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    files.sort();
    let mut captures = BTreeSet::new();
    for name in &files {
        let text = fs::read_to_string(root.join("lessons").join(name)).expect("a lesson is text");
        let named = text
            .lines()
            .filter_map(|line| line.strip_prefix("capture = \""));
        captures.extend(
            named
                .filter_map(|rest| rest.split('"').next())
                .map(str::to_owned),
        );
    }
    let mut code = "/// Every lesson: its file's name, and its text.\n".to_owned();
    code.push_str("pub(super) static FILES: &[(&str, &str)] = &[\n");
    for name in &files {
        let path = format!("concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/lessons/{name}\")");
        let _ = writeln!(code, "    ({name:?}, include_str!({path})),");
    }
    code.push_str("];\n\n/// The captures that they name.\n");
    code.push_str("pub(super) static CAPTURES: &[(&str, &[u8])] = &[\n");
    for name in &captures {
        let path = format!("concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/captures/{name}\")");
        let _ = writeln!(code, "    ({name:?}, include_bytes!({path})),");
    }
    code.push_str("];\n");
    let out = env::var("OUT_DIR").expect("cargo says where to write");
    fs::write(Path::new(&out).join("lessons.rs"), code).expect("what cargo gave can be written to");
    println!("cargo:rerun-if-changed=lessons");
    println!("cargo:rerun-if-changed=build.rs");
}
