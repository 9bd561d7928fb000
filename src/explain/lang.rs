//! The languages that wscope speaks.

use std::fmt;

/// A language.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Chinese, simplified.
    Zh,
}

impl Lang {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::En, Self::Zh];

    /// The word for it, as `--lang` takes it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }

    /// The tag for it, as HTML takes it.   BCP 47
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh-Hans",
        }
    }

    /// The language of messages in this locale: the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that says
    /// anything decides, as POSIX has it. English where it is a language that wscope does not speak.
    #[must_use]
    pub fn of_locale(var: impl Fn(&str) -> Option<String>) -> Self {
        let set = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .find_map(|name| var(name).filter(|value| !value.is_empty()));
        let language = set.unwrap_or_default().to_ascii_lowercase();
        match language.split(['_', '.', '-', '@']).next() {
            Some("zh") => Self::Zh,
            _ => Self::En,
        }
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl std::str::FromStr for Lang {
    type Err = UnknownLang;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|lang| lang.word() == word)
            .ok_or(UnknownLang)
    }
}

/// What was typed is no language that wscope speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("wscope speaks en and zh")]
pub struct UnknownLang;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_says_anything_decides() {
        let of = |vars: &[(&str, &str)]| {
            Lang::of_locale(|name| {
                let found = vars.iter().find(|(var, _)| *var == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8")]), Lang::Zh);
        assert_eq!(of(&[("LANG", "zh")]), Lang::Zh);
        assert_eq!(of(&[("LANG", "de_DE.UTF-8")]), Lang::En);
        assert_eq!(of(&[("LANG", "zha_CN.UTF-8")]), Lang::En);
        assert_eq!(of(&[]), Lang::En);
        assert_eq!(of(&[("LC_ALL", "C"), ("LANG", "zh_CN.UTF-8")]), Lang::En);
        assert_eq!(of(&[("LC_ALL", ""), ("LC_MESSAGES", "zh_TW")]), Lang::Zh);
    }

    #[test]
    fn every_word_reads_back() {
        for lang in Lang::ALL {
            assert_eq!(lang.word().parse(), Ok(lang));
        }
        assert!("fr".parse::<Lang>().is_err());
    }
}
