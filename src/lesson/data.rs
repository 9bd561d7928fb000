//! The file of a lesson.

use super::Source;
use crate::explain::Lang;
use crate::field::Filter;
use crate::forge::Order;
use crate::model::EventId;
use serde::{Deserialize, Deserializer, de};

/// A text in every language.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    en: String,
    zh: String,
}

impl Said {
    /// The text in this language.
    #[must_use]
    pub fn in_lang(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.en,
            Lang::Zh => &self.zh,
        }
    }
}

/// A lesson.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lesson {
    /// Its number, from 1.
    pub number: u32,
    /// What it is called.
    pub title: Said,
    /// What it is about, in a sentence.
    pub about: Said,
    capture: Option<String>,
    #[serde(rename = "gen")]
    order: Option<Order>,
    /// Which events the ladder has, where not the usual ones.
    #[serde(default, deserialize_with = "filter")]
    pub rows: Option<Filter>,
    /// Its steps.
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
}

/// A step of a lesson.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What it is called.
    pub title: Said,
    /// What it says.
    pub text: Said,
    /// The events that it points at.
    #[serde(default, deserialize_with = "ids")]
    pub at: Vec<EventId>,
    /// What is worked out of them.
    #[serde(default)]
    pub show: Vec<Show>,
    /// What must be true of an event, so that the text is.
    #[serde(default, deserialize_with = "expectations")]
    pub expect: Vec<(EventId, Filter)>,
    /// What `wscope print` must say of an event: a part of its line.
    #[serde(default, deserialize_with = "lines")]
    pub says: Vec<(EventId, String)>,
    /// How many events must pass a filter.
    #[serde(default, deserialize_with = "counts")]
    pub count: Vec<(Filter, usize)>,
    /// Where to read more.
    #[serde(default)]
    pub see: Vec<String>,
    /// Another capture, from this step on.
    capture: Option<String>,
    #[serde(rename = "gen")]
    order: Option<Order>,
    /// The ladder also has packets that carry only a part of something.
    #[serde(default)]
    pub data: bool,
    /// Which events the ladder has, where not those of the lesson.
    #[serde(default, deserialize_with = "filter")]
    pub rows: Option<Filter>,
}

/// What is worked out of an event's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Show {
    /// What `wscope print` says of each.
    Line,
    /// The header of a frame, bit by bit.
    Bits,
    /// The accept value, from the key.
    Accept,
    /// The first bytes of a masked payload, unmasked.
    Unmask,
    /// The bytes as they were captured.
    Hex,
    /// An HTTP head, line by line.
    Head,
    /// What an acknowledgement adds up to.
    Sum,
    /// The frames of a message.
    Frames,
    /// Sizes of compressed messages, from this one on.
    Sizes,
    /// Where the bytes of a compressed message came from.
    Copies,
}

impl Lesson {
    /// Reads the file of a lesson.
    ///
    /// # Errors
    /// What is wrong with it, with its line.
    pub fn read(text: &str) -> Result<Self, String> {
        let lesson: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let first = lesson.steps.first().ok_or("there is no step")?;
        if lesson.source().is_none() && source(&first.capture, &first.order).is_none() {
            return Err("neither `capture` nor `gen` says what there is to see".to_owned());
        }
        Ok(lesson)
    }

    fn source(&self) -> Option<Source> {
        source(&self.capture, &self.order)
    }

    /// The capture of each step.
    pub(super) fn sources(&self) -> Vec<Source> {
        let mut now = self.source();
        let of = |step: &Step| {
            now = source(&step.capture, &step.order).or(now.take());
            now.clone()
        };
        self.steps.iter().filter_map(of).collect()
    }
}

fn source(capture: &Option<String>, order: &Option<Order>) -> Option<Source> {
    match (capture, order) {
        (Some(name), _) => Some(Source::Recorded(name.clone())),
        (None, Some(order)) => Some(Source::Forged(Box::new(order.clone()))),
        (None, None) => None,
    }
}

fn filter<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Filter>, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).map(Some)
}

fn parse<E: de::Error>(text: &str) -> Result<Filter, E> {
    Filter::new(text).map_err(|problem| E::custom(format!("{text:?}: {problem}")))
}

fn id<E: de::Error>(text: &str) -> Result<EventId, E> {
    text.parse()
        .map_err(|why| E::custom(format!("{text:?}: {why}")))
}

fn ids<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<EventId>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    texts.iter().map(|text| id(text)).collect()
}

/// `ID: FILTER`
fn expectations<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(EventId, Filter)>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let read = |text: &String| {
        let (event, filter) = text
            .split_once(": ")
            .ok_or_else(|| de::Error::custom(format!("{text:?}: write ID: FILTER")))?;
        Ok((id(event)?, parse(filter)?))
    };
    texts.iter().map(read).collect()
}

/// `ID: WORDS`
fn lines<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(EventId, String)>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let read = |text: &String| {
        let (event, words) = text
            .split_once(": ")
            .ok_or_else(|| de::Error::custom(format!("{text:?}: write ID: WORDS")))?;
        Ok((id(event)?, words.to_owned()))
    };
    texts.iter().map(read).collect()
}

/// `COUNT: FILTER`
fn counts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(Filter, usize)>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let read = |text: &String| {
        let (count, filter) = text
            .split_once(": ")
            .ok_or_else(|| de::Error::custom(format!("{text:?}: write COUNT: FILTER")))?;
        let count = count
            .parse()
            .map_err(|_| de::Error::custom(format!("{count:?} is no number")))?;
        Ok((parse(filter)?, count))
    };
    texts.iter().map(read).collect()
}
