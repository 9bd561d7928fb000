//! Where the bytes of a compressed message came from, copy by copy: lines for a panel.

use super::watch::{Seen, Watched};
use crate::explain::{Copied, Lang, Traced};
use crate::model::{Dir, EventKind, Ws};
use crate::sink::Escaped;

/// Copies that are shown.
const SHOWN: usize = 8;

/// Columns for what a copy says.
const TEXT: usize = 34;

/// The copies of a message; nothing where it is not compressed, or cannot be followed.
pub fn copies(seen: &Seen, watched: &Watched, lang: Lang) -> Vec<String> {
    let EventKind::Ws(Ws::Message(message)) = &seen.event.kind else {
        return Vec::new();
    };
    let dir = seen.event.dir.unwrap_or(Dir::C2s);
    let traced = watched.told(seen.event.id, |_, _, _, talk| {
        let trace = dir.of(&talk.trace).as_deref()?;
        trace.last.clone()
    });
    let Some(traced) = traced.flatten().filter(|_| message.compressed) else {
        return Vec::new();
    };
    let copied: u64 = traced.copies.iter().map(|it| u64::from(it.length)).sum();
    let own = literals(&traced).join(" ");
    let mut lines = vec![match lang {
        Lang::En => format!(
            "{} bytes came, {} go out: {} of their own ({own}), {copied} are copies",
            traced.input, traced.output_len, traced.literals
        ),
        Lang::Zh => format!(
            "到达 {} 字节，解压出 {} 字节：{} 个自带（{own}），{copied} 个是抄来的",
            traced.input, traced.output_len, traced.literals
        ),
    }];
    for copy in traced.copies.iter().take(SHOWN) {
        let whence = whence(copy, lang);
        let text = text(copy, &traced);
        lines.push(match lang {
            Lang::En => format!(
                "at {:>3} {:>3} bytes, {:>3} back, {whence:<12} {text}",
                copy.at, copy.length, copy.distance
            ),
            Lang::Zh => format!(
                "{:>3} 起 {:>3} 字节，往回 {:>3}，{whence}  {text}",
                copy.at, copy.length, copy.distance
            ),
        });
    }
    lines
}

/// Which message a copy comes from.
fn whence(copy: &Copied, lang: Lang) -> String {
    match (copy.from, lang) {
        (Some((Some(source), _)), Lang::En) => format!("message {}", source.nth),
        (Some((Some(source), _)), Lang::Zh) => format!("第 {:>2} 条", source.nth),
        (Some((None, _)), Lang::En) => "unknown".to_owned(),
        (Some((None, _)), Lang::Zh) => "来源不明".to_owned(),
        (None, Lang::En) => "this one".to_owned(),
        (None, Lang::Zh) => "  本条".to_owned(),
    }
}

/// What a copy says.
fn text(copy: &Copied, traced: &Traced) -> String {
    let from = usize::try_from(copy.at).unwrap_or(usize::MAX);
    let bytes = traced.output.iter().skip(from).take(copy.length as usize);
    let bytes: Vec<u8> = bytes.copied().collect();
    let text = String::from_utf8_lossy(&bytes);
    let cut: String = text.chars().take(TEXT).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("{}{more}", Escaped(&cut))
}

/// What stands for itself, piece by piece.
fn literals(traced: &Traced) -> Vec<String> {
    let mut at = 0;
    let mut pieces = Vec::new();
    let ends = traced.copies.iter().map(|it| (it.at, u64::from(it.length)));
    for (next, length) in ends.chain([(traced.output_len, 0)]) {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        if let Some(bytes @ [_, ..]) = traced.output.get(place(at)..place(next)) {
            pieces.push(Escaped(&String::from_utf8_lossy(bytes)).to_string());
        }
        at = next + length;
    }
    pieces
}
