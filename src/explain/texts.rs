//! What wscope says, as data: one key per thing, its languages side by side.
//!
//! ```toml
//! ["frame.fin"]
//! see = ["RFC 6455 5.2"]
//! en = "This is the last frame of its message of {n} {n|byte|bytes}."
//! zh = "这是该消息的最后一帧，消息共 {n} 字节。"
//! ```
//! `{name}` stands for a value; `{name|one|many}` for the first word where that value is 1, else for the second.

use super::Lang;
use crate::sink::Escaped;
use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::sync::LazyLock;

/// A text in every language.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Text {
    /// Where to read more, such as `RFC 6455 5.2`.
    pub see: Vec<String>,
    en: String,
    zh: String,
}

impl Text {
    /// The text as it is written, values not filled in.
    #[must_use]
    pub fn in_lang(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.en,
            Lang::Zh => &self.zh,
        }
    }
}

/// The tables, each with its file's name.
const TABLES: &[(&str, &str)] = &[
    ("words", include_str!("texts/words.toml")),
    ("tcp", include_str!("texts/tcp.toml")),
    ("http", include_str!("texts/http.toml")),
    ("frame", include_str!("texts/frame.toml")),
    ("message", include_str!("texts/message.toml")),
    ("others", include_str!("texts/others.toml")),
    ("page", include_str!("texts/page.toml")),
    ("rules", include_str!("texts/rules.toml")),
    ("ui", include_str!("texts/ui.toml")),
];

static TEXTS: LazyLock<BTreeMap<String, Text>> = LazyLock::new(|| {
    let mut texts = BTreeMap::new();
    for (_, table) in TABLES {
        // A test reads every table: what is embedded here parses.
        texts.extend(read(table).unwrap_or_default());
    }
    texts
});

/// Reads a table: keys with `en`, `zh`, and perhaps `see`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn read(table: &str) -> Result<Vec<(String, Text)>, String> {
    let table: toml::Table = table.parse().map_err(|error| format!("{error}"))?;
    let mut texts = Vec::new();
    for (key, value) in table {
        let in_lang = |lang: Lang| {
            let text = value.get(lang.word()).and_then(toml::Value::as_str);
            text.map(str::to_owned)
                .ok_or_else(|| format!("{key}: there is no {lang}"))
        };
        let see = value.get("see").and_then(toml::Value::as_array);
        let see = see.into_iter().flatten().filter_map(toml::Value::as_str);
        let text = Text {
            see: see.map(str::to_owned).collect(),
            en: in_lang(Lang::En)?,
            zh: in_lang(Lang::Zh)?,
        };
        texts.push((key, text));
    }
    Ok(texts)
}

/// The text under this key.
#[must_use]
pub fn find(key: &str) -> Option<&'static Text> {
    TEXTS.get(key)
}

/// Every key with its text, in the order of the keys.
pub fn all() -> impl Iterator<Item = (&'static str, &'static Text)> {
    TEXTS.iter().map(|(key, text)| (key.as_str(), text))
}

/// A value for a placeholder.
pub type Value<'a> = (&'a str, &'a dyn Display);

/// The text under this key in this language, with its values; they are escaped, wherever they come from.
///
/// A key that does not exist is shown itself, and a placeholder without a value stays: a test sees to it that
/// neither happens.
#[must_use]
pub fn say(lang: Lang, key: &str, values: &[Value<'_>]) -> String {
    match find(key) {
        Some(text) => fill(text.in_lang(lang), values),
        None => {
            debug_assert!(false, "no text is called {key}");
            format!("{{{key}}}")
        }
    }
}

/// A text of the screen by its English, in this language; the tables have it under `ui.`.
///
/// What is in no table is shown as it is.
#[must_use]
pub fn tr(lang: Lang, english: &str, values: &[Value<'_>]) -> String {
    let text = match lang {
        Lang::En => english,
        Lang::Zh => BY_ENGLISH
            .get(english)
            .map_or(english, |text| text.in_lang(lang)),
    };
    fill(text, values)
}

/// Whether the tables have this English for the screen.
#[must_use]
pub fn knows(english: &str) -> bool {
    BY_ENGLISH.contains_key(english)
}

static BY_ENGLISH: LazyLock<BTreeMap<&'static str, &'static Text>> = LazyLock::new(|| {
    let of_screen = all().filter(|(key, _)| key.starts_with("ui."));
    of_screen
        .map(|(_, text)| (text.en.as_str(), text))
        .collect()
});

/// Puts values into a text.
#[must_use]
pub fn fill(text: &str, values: &[Value<'_>]) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    for piece in pieces(text) {
        let (name, words) = match piece {
            Piece::Plain(plain) => {
                out.push_str(plain);
                continue;
            }
            Piece::Value(name) => (name, None),
            Piece::Plural { name, one, many } => (name, Some((one, many))),
        };
        let value = values.iter().find(|(known, _)| *known == name);
        let value = value.map(|(_, value)| cut(value.to_string()));
        // Writing to a string does not fail.
        let _ = match (value, words) {
            (Some(value), None) => write!(out, "{}", Escaped(&value)),
            (Some(value), Some((one, many))) => {
                write!(out, "{}", if value == "1" { one } else { many })
            }
            (None, _) => {
                debug_assert!(false, "{name} has no value in {text:?}");
                write!(out, "{{{name}}}")
            }
        };
    }
    out
}

/// Characters of a value that are shown; there is no text that needs more.
const LONGEST: usize = 600;

fn cut(mut value: String) -> String {
    if let Some((at, _)) = value.char_indices().nth(LONGEST) {
        value.truncate(at);
        value.push('…');
    }
    value
}

/// The names of a text's placeholders, in order, each once.
#[must_use]
pub fn placeholders(text: &str) -> Vec<&str> {
    let mut names: Vec<_> = pieces(text)
        .filter_map(|piece| match piece {
            Piece::Plain(_) => None,
            Piece::Value(name) | Piece::Plural { name, .. } => Some(name),
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

enum Piece<'a> {
    Plain(&'a str),
    Value(&'a str),
    Plural {
        name: &'a str,
        one: &'a str,
        many: &'a str,
    },
}

/// Cuts a text at its placeholders; a brace that opens none is plain.
fn pieces(mut text: &str) -> impl Iterator<Item = Piece<'_>> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        if let Some(inner) = text.strip_prefix('{')
            && let Some((name, rest)) = inner.split_once('}')
        {
            text = rest;
            let mut parts = name.split('|');
            return Some(match (parts.next(), parts.next(), parts.next()) {
                (Some(name), Some(one), Some(many)) => Piece::Plural { name, one, many },
                _ => Piece::Value(name),
            });
        }
        let first = text.chars().next().map_or(0, char::len_utf8);
        let end = text
            .get(first..)
            .and_then(|rest| rest.find('{'))
            .map_or(text.len(), |at| at + first);
        let (plain, rest) = text.split_at(end);
        text = rest;
        Some(Piece::Plain(plain))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_in_and_escaped() {
        let text = "{n} {n|byte|bytes} of {who}: } stays, and {";
        assert_eq!(
            fill(text, &[("n", &1), ("who", &"a\x1b[2J")]),
            "1 byte of a\\u{1b}[2J: } stays, and {"
        );
        assert_eq!(fill("{n} {n|byte|bytes}。", &[("n", &2)]), "2 bytes。");
        assert_eq!(placeholders(text), ["n", "who"]);
    }

    #[test]
    fn every_table_parses_and_no_key_is_there_twice() {
        let mut seen = BTreeMap::new();
        for (name, table) in TABLES {
            for (key, _) in read(table).unwrap_or_else(|error| panic!("{name}: {error}")) {
                if let Some(other) = seen.insert(key.clone(), *name) {
                    panic!("{key} is in {name} and in {other}");
                }
            }
        }
        assert!(!seen.is_empty());
    }

    #[test]
    fn every_text_has_the_same_placeholders_in_both_languages() {
        for (key, text) in all() {
            let [en, zh] = Lang::ALL.map(|lang| placeholders(text.in_lang(lang)));
            assert_eq!(en, zh, "{key}");
            for name in en {
                assert!(
                    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'),
                    "{key}: {name:?} is no placeholder"
                );
            }
            for lang in Lang::ALL {
                let text = text.in_lang(lang);
                assert!(!text.is_empty(), "{key}: no {lang}");
                let ends = key.starts_with("ui.") || text == text.trim();
                assert!(ends, "{key} in {lang}");
                assert!(!text.chars().any(char::is_control), "{key} in {lang}");
            }
        }
    }

    #[test]
    fn chinese_texts_have_chinese_punctuation() {
        for (key, text) in all() {
            let zh = text.in_lang(Lang::Zh);
            let mut before = ' ';
            for c in zh.chars() {
                let chinese = ('\u{4e00}'..='\u{9fff}').contains(&before);
                assert!(
                    !(chinese && matches!(c, ',' | ';' | '?' | '!')),
                    "{key}: {zh}"
                );
                before = c;
            }
        }
    }
}
