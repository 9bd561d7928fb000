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
use super::said::pairs;
pub use crate::sink::{Piece, Value, fill, pieces, placeholders};
use std::collections::BTreeMap;
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

/// A text of the screen or of a line by its English, in this language; the tables have it under `ui.`, or by
/// its English alone.
///
/// What is in no table is shown as it is.
#[must_use]
pub fn tr(lang: Lang, english: &str, values: &[Value<'_>]) -> String {
    let text = match lang {
        Lang::En => english,
        Lang::Zh => CHINESE.get(english).copied().unwrap_or(english),
    };
    fill(text, values)
}

/// A word of ours that means something else elsewhere: the tables have it as `context|word`.
#[must_use]
pub fn word(lang: Lang, context: &str, english: &str) -> String {
    let chinese = || CHINESE.get(format!("{context}|{english}").as_str());
    match lang {
        Lang::En => english.to_owned(),
        Lang::Zh => chinese().copied().unwrap_or(english).to_owned(),
    }
}

/// Whether the tables have this English for the screen or for a line.
#[must_use]
pub fn knows(english: &str) -> bool {
    CHINESE.contains_key(english)
}

/// The pieces of text output: `"English" = "Chinese"`.
const LINES: &str = include_str!("texts/lines.toml");

/// Every piece of text output: its English, its Chinese.
pub fn of_lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    pairs(LINES)
}

static CHINESE: LazyLock<BTreeMap<&'static str, &'static str>> = LazyLock::new(|| {
    let of_screen = all().filter(|(key, _)| key.starts_with("ui."));
    let of_screen = of_screen.map(|(_, text)| (text.en.as_str(), text.zh.as_str()));
    of_lines().chain(of_screen).collect()
});

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
