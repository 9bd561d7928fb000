//! What a rule demands, why, and what usually causes a breach, in either language.

use super::{Lang, texts};
use crate::rules::Rule;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A rule in one language.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Worded {
    /// The rule itself.
    pub title: &'static str,
    /// Why it is there.
    pub why: &'static str,
    /// What usually causes a breach.
    pub cause: &'static str,
}

const WHY: &str = include_str!("texts/why.toml");

/// Why each rule is there and what usually causes a breach, in Chinese.
static CHINESE: LazyLock<BTreeMap<String, [String; 2]>> = LazyLock::new(|| {
    let table: toml::Table = WHY.parse().unwrap_or_default();
    let entries = table.into_iter().filter_map(|(rule, texts)| {
        let text = |key: &str| texts.get(key)?.as_str().map(str::to_owned);
        Some((rule, [text("why")?, text("cause")?]))
    });
    entries.collect()
});

/// What a rule says, in this language; in English where there is no other text for it.
#[must_use]
pub fn of_rule(lang: Lang, rule: &'static Rule) -> Worded {
    let english = Worded {
        title: rule.title,
        why: rule.why,
        cause: rule.cause,
    };
    match lang {
        Lang::En => english,
        Lang::Zh => {
            let title = texts::find(&format!("rule.{}", rule.id));
            let [why, cause] = match CHINESE.get(rule.id) {
                Some([why, cause]) => [why.as_str(), cause.as_str()],
                None => [rule.why, rule.cause],
            };
            Worded {
                title: title.map_or(rule.title, |text| text.in_lang(lang)),
                why,
                cause,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::rules;

    #[test]
    fn every_rule_is_there_in_chinese() {
        for rule in rules() {
            let zh = of_rule(Lang::Zh, rule);
            let en = of_rule(Lang::En, rule);
            assert_eq!(
                (en.title, en.why, en.cause),
                (rule.title, rule.why, rule.cause)
            );
            for (en, zh) in [(en.title, zh.title), (en.why, zh.why), (en.cause, zh.cause)] {
                let chinese = zh.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
                assert!(
                    chinese && zh != en && !zh.ends_with('。'),
                    "{}: {zh}",
                    rule.id
                );
            }
        }
        assert_eq!(CHINESE.len(), rules().count());
    }
}
