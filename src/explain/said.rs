//! What the engine puts together in English, said in another language.
//!
//! The engine speaks English: a finding's text, why a session ended, what could not be seen. A table has each of
//! these sentences with holes, and the same sentence in Chinese. A sentence is translated where all of it fits one
//! line of the table, or where each of its parts between semicolons does; anything else stays as it is. What stands
//! in a hole is copied, letter by letter, unless it is one of our own words.

use super::Lang;
use crate::sink::{Piece, fill, pieces};
use std::fmt::Display;
use std::sync::LazyLock;

const TABLE: &str = include_str!("texts/said.toml");

/// A sentence with holes.
struct Template {
    english: &'static str,
    pieces: Vec<Piece<'static>>,
    chinese: &'static str,
}

static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(|| {
    let mut templates: Vec<_> = pairs(TABLE)
        .map(|(english, chinese)| Template {
            english,
            pieces: pieces(english).collect(),
            chinese,
        })
        .collect();
    // What says most by itself comes first: the fewest words are left to holes.
    templates.sort_by_key(|it| std::cmp::Reverse(plain(&it.pieces)));
    templates
});

/// A table of the form `"English" = "Chinese"`, for as long as the program runs.
pub(super) fn pairs(table: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    // A test reads every table: what is embedded parses.
    let table: toml::Table = table.parse().unwrap_or_default();
    table.into_iter().filter_map(|(english, chinese)| {
        let chinese = chinese.as_str()?.to_owned();
        Some((&*english.leak(), &*chinese.leak()))
    })
}

/// Letters that stand in a template itself.
fn plain(pieces: &[Piece<'_>]) -> usize {
    let lengths = pieces.iter().map(|piece| match piece {
        Piece::Plain(text) => text.len(),
        Piece::Value(_) | Piece::Plural { .. } => 0,
    });
    lengths.sum()
}

/// Every sentence with holes: its English, its Chinese.
pub fn sentences() -> impl Iterator<Item = (&'static str, &'static str)> {
    TEMPLATES.iter().map(|it| (it.english, it.chinese))
}

/// A sentence of the engine in this language; as it is where no line of the table fits.
#[must_use]
pub fn said(lang: Lang, english: &str) -> String {
    match lang {
        Lang::En => english.to_owned(),
        Lang::Zh => translated(english).unwrap_or_else(|| english.to_owned()),
    }
}

/// A sentence of the engine in Chinese; none where no line of the table fits.
#[must_use]
pub fn translated(english: &str) -> Option<String> {
    within(english, DEPTH)
}

const LAST: &str = "; what comes after this is not listed";

/// How deep sentences stand in sentences at most.
const DEPTH: u32 = 12;

fn within(english: &str, depth: u32) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    // The judge puts this behind the last sentence of its kind, whatever that says.
    if let Some(text) = english.strip_suffix(LAST) {
        return Some(format!("{}；此后的不再列出", within(text, depth)?));
    }
    // Where in a filter something is wrong stands before all that is said of it.
    if let Some((column, text)) = english
        .strip_prefix("column ")
        .and_then(|rest| rest.split_once(": "))
        .filter(|(column, _)| column.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return Some(format!("第 {column} 列：{}", within(text, depth)?));
    }
    if let Some(whole) = TEMPLATES.iter().find_map(|it| it.take(english, depth)) {
        return Some(whole);
    }
    // The first part as long as may be: some sentences have a semicolon of their own.
    let ends = english.rmatch_indices("; ").map(|(at, _)| at);
    ends.filter(|at| !quoted(english, *at)).find_map(|at| {
        let (first, rest) = (english.get(..at)?, english.get(at + 2..)?);
        let first = TEMPLATES.iter().find_map(|it| it.take(first, depth))?;
        Some(format!("{first}；{}", within(rest, depth)?))
    })
}

/// Whether this place lies inside quotes.
fn quoted(text: &str, at: usize) -> bool {
    let mut inside = false;
    let mut escaped = false;
    for byte in text.bytes().take(at) {
        inside ^= byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
    }
    inside
}

impl Template {
    /// The Chinese of this text, where it fits.
    fn take(&self, text: &str, depth: u32) -> Option<String> {
        let mut found = Vec::new();
        fits(&self.pieces, text, depth, &mut found).then(|| {
            let values: Vec<_> = found
                .iter()
                .map(|(name, value)| (*name, value as &dyn Display))
                .collect();
            fill(self.chinese, &values).trim().to_owned()
        })
    }
}

/// Whether the text fits these pieces; what stands in the holes is found on the way.
fn fits<'a>(
    pieces: &[Piece<'a>],
    text: &str,
    depth: u32,
    found: &mut Vec<(&'a str, String)>,
) -> bool {
    let Some((first, rest)) = pieces.split_first() else {
        return text.is_empty();
    };
    match *first {
        Piece::Plain(plain) => text
            .strip_prefix(plain)
            .is_some_and(|text| fits(rest, text, depth, found)),
        Piece::Plural { one, many, .. } => [one, many].into_iter().any(|word| {
            text.strip_prefix(word)
                .is_some_and(|text| fits(rest, text, depth, found))
        }),
        Piece::Value(name) => {
            let ends: Vec<usize> = match rest.first() {
                None => vec![text.len()],
                Some(Piece::Plain(plain)) => text.match_indices(plain).map(|(at, _)| at).collect(),
                Some(_) => Vec::new(),
            };
            ends.into_iter().any(|end| {
                let (Some(inside), Some(after)) = (text.get(..end), text.get(end..)) else {
                    return false;
                };
                let Some(value) = hole(name, inside, depth) else {
                    return false;
                };
                found.push((name, value));
                if fits(rest, after, depth, found) {
                    return true;
                }
                found.pop();
                false
            })
        }
    }
}

/// What stands in a hole of this name, in Chinese where it is a word of ours; none where it may not stand there.
fn hole(name: &str, text: &str, depth: u32) -> Option<String> {
    let all = |fine: fn(char) -> bool| !text.is_empty() && text.chars().all(fine);
    let fine = match name.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "n" => all(|c| c.is_ascii_digit()),
        "hex" => all(|c| c.is_ascii_hexdigit() || matches!(c, 'x' | ' ')),
        "id" => all(|c| c.is_ascii_digit() || c == '.') || text.starts_with("end."),
        "time" => text.split_once(' ').is_some_and(|(number, unit)| {
            number.parse::<f64>().is_ok() && matches!(unit, "ns" | "µs" | "ms" | "s")
        }),
        "rule" => all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || "-, ".contains(c)),
        "side" => return side(text),
        "kind" => return kind(text),
        "code" => return code(text),
        "q" if text == "absent" => return Some("没有".to_owned()),
        "q" => {
            let inner = text
                .strip_prefix('"')
                .and_then(|text| text.strip_suffix('"'));
            inner.is_some_and(|_| !quoted(text, text.len()) && text.len() > 1)
        }
        "say" => return within(text, depth),
        // What the system says is said as it is where we have no word for it.
        "err" if !text.is_empty() => {
            return Some(within(text, depth).unwrap_or_else(|| text.to_owned()));
        }
        "any" => !text.is_empty(),
        _ => false,
    };
    fine.then(|| text.to_owned())
}

fn side(text: &str) -> Option<String> {
    let side = match text {
        "client" => "客户端",
        "server" => "服务器",
        _ => return None,
    };
    Some(side.to_owned())
}

/// The kind of a frame, before 帧 or 消息.
fn kind(text: &str) -> Option<String> {
    let kind = match text {
        "continuation" => "延续",
        "text" => "文本",
        "binary" => "二进制",
        "close" => "关闭",
        "ping" => " ping ",
        "pong" => " pong ",
        other => {
            let number = other.strip_prefix("opcode ")?;
            return Some(format!("操作码 {number} 的"));
        }
    };
    Some(kind.to_owned())
}

/// A close code and its name, such as `1000 (normal closure)`.
fn code(text: &str) -> Option<String> {
    if text == "no code" {
        return Some("空的关闭帧".to_owned());
    }
    let (number, name) = text.strip_suffix(')')?.split_once(" (")?;
    let number: u16 = number.parse().ok()?;
    if !name.chars().all(|c| c.is_ascii_alphabetic() || c == ' ') {
        return None;
    }
    Some(format!(" {number}（{}）", code_name(name)))
}

/// The name of a close code in Chinese.
fn code_name(name: &str) -> &str {
    match name {
        "normal closure" => "正常关闭",
        "going away" => "离开",
        "protocol error" => "协议错误",
        "unsupported data" => "不支持的数据",
        "no status received" => "没有收到关闭码",
        "abnormal closure" => "异常关闭",
        "invalid payload" => "载荷无效",
        "policy violation" => "违反规定",
        "message too big" => "消息太大",
        "mandatory extension" => "缺少必需的扩展",
        "internal error" => "内部错误",
        "service restart" => "服务重启",
        "try again later" => "稍后再试",
        "bad gateway" => "网关错误",
        "TLS handshake" => "TLS 握手失败",
        "unauthorized" => "未授权",
        "forbidden" => "禁止",
        "timeout" => "超时",
        "for libraries and frameworks" => "供库和框架使用",
        "private use" => "私用",
        "not assigned" => "未分配",
        other => other,
    }
}

/// The name of a close code in this language.
pub(super) fn close_name(lang: Lang, name: &'static str) -> &'static str {
    match lang {
        Lang::En => name,
        Lang::Zh => code_name(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::placeholders;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_parses_and_its_holes_agree() {
        let table: toml::Table = TABLE.parse().unwrap();
        assert_eq!(table.len(), TEMPLATES.len());
        for (english, chinese) in sentences() {
            let named = |text| {
                let names = placeholders(text).into_iter();
                names.map(str::to_owned).collect::<BTreeSet<_>>()
            };
            assert_eq!(named(english), named(chinese), "{english}");
            let pieces: Vec<_> = pieces(english).collect();
            for pair in pieces.windows(2) {
                let [before, after] = pair else { continue };
                assert!(
                    matches!(before, Piece::Plain(_)) || matches!(after, Piece::Plain(_)),
                    "{english}: two holes with nothing between"
                );
            }
            for name in placeholders(english) {
                let kind = name.trim_end_matches(|c: char| c.is_ascii_digit());
                assert!(
                    [
                        "n", "hex", "id", "time", "side", "kind", "code", "rule", "q", "say",
                        "err", "any"
                    ]
                    .contains(&kind),
                    "{english}: {name} says nothing about what may stand there"
                );
            }
            assert!(
                !chinese.ends_with('。') && !english.ends_with('.'),
                "{english}"
            );
        }
    }

    #[test]
    fn a_sentence_is_translated_whole_or_in_its_parts() {
        let zh = |text| said(Lang::Zh, text);
        assert_eq!(
            zh(
                "the client closed with 1000 (normal closure), the server answered with no code; the server ended TCP with FIN"
            ),
            "客户端以 1000（正常关闭）关闭，服务器以空的关闭帧应答；服务器用 FIN 结束 TCP"
        );
        assert_eq!(
            zh("this text frame is masked with df894836; what comes after this is not listed"),
            "这个文本帧用 df894836 加了掩码；此后的不再列出"
        );
        assert_eq!(
            zh("this ping frame has 126 bytes"),
            "这个 ping 帧有 126 字节"
        );
        assert_eq!(said(Lang::En, "anything; at all"), "anything; at all");
    }

    #[test]
    fn what_was_on_the_wire_stays_letter_by_letter() {
        let hostile = r#""the client reset TCP; a surrogate \" it occurs 3 times""#;
        let text = format!("the key is {hostile}");
        assert_eq!(said(Lang::Zh, &text), format!("key 是 {hostile}"));
        // What fits no line is not touched, not even in part.
        let other = "nobody said so; the client reset TCP";
        assert_eq!(said(Lang::Zh, other), other);
    }
}
