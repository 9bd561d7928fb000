//! `wscope fields`: what a display filter may ask for.

use super::args::FieldsArgs;
use super::{Done, stdout};
use anyhow::ensure;
use std::io::Write as _;
use wscope::field::FIELDS;

pub fn run(args: &FieldsArgs) -> Done {
    let mut out = stdout();
    let word = args.word.as_deref().unwrap_or_default();
    let mut fields = FIELDS
        .iter()
        .filter(|field| field.name.contains(word))
        .peekable();
    ensure!(
        fields.peek().is_some(),
        "no field has {word:?} in its name: `wscope fields` lists them all"
    );
    for field in fields {
        write!(
            out,
            "{:<40} {:<11} {}",
            field.name,
            field.ty.word(),
            field.doc
        )?;
        let words: Vec<_> = field.words.iter().map(|&(word, _)| word).collect();
        if !words.is_empty() {
            write!(out, ": {}", words.join(", "))?;
        }
        writeln!(out)?;
    }
    out.flush()?;
    Ok(Vec::new())
}
