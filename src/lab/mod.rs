//! Numbered questions about a capture, with answers worked out from it; and the marking of what students answer.
//!
//! A question is asked only where the capture decides it: nothing about a session whose bytes were lost in part,
//! nothing that rests on what was not captured. The seed chooses the questions and their numbers, so that each
//! student gets others; the same capture and the same seed give the same sheet.
#![deny(clippy::disallowed_methods)]

mod ask;
mod facts;
mod mark;
mod write;

pub use facts::{Facts, Left, Room};
pub use mark::{Answers, Marked, Verdict};
pub use write::report;

use crate::explain::Lang;
use crate::forge::Random;
use serde::{Deserialize, Serialize};

/// A text in every language.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Both {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

impl Both {
    fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self {
            en: en.into(),
            zh: zh.into(),
        }
    }

    /// The text in this language.
    #[must_use]
    pub fn in_lang(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.en,
            Lang::Zh => &self.zh,
        }
    }
}

/// What an answer looks like, and so how two are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A number, such as that of a packet.
    Number,
    /// Several numbers, in order.
    Numbers,
    /// Bytes in hexadecimal digits.
    Hex,
    /// `client` or `server`.
    Side,
    /// Text, to the letter.
    Exact,
}

/// A question.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Question {
    /// 1 to look up, 2 to put together, 3 to work out.
    pub level: u8,
    /// What it is about: no sheet asks twice in the same way about the same thing.
    pub topic: String,
    /// What is asked.
    pub ask: Both,
    /// Where to look.
    pub hint: Both,
    /// How answers are compared.
    pub form: Form,
    /// The right answer.
    pub answer: String,
    /// Why it is right.
    pub why: Both,
    /// Wrong answers that tell what went wrong.
    #[serde(default)]
    pub slips: Vec<Slip>,
}

/// A wrong answer that tells what went wrong.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Slip {
    /// The answer.
    pub answer: String,
    /// What went wrong.
    pub why: Both,
}

/// What a sheet was made of: the same order on the same capture gives the same sheet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The capture, as its file is called.
    pub capture: String,
    /// Chooses questions and numbers.
    pub seed: u64,
    /// The hardest level, 1 to 3.
    pub level: u8,
    /// How many questions, where the capture gives so many.
    pub count: usize,
}

/// A sheet with its key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lab {
    /// What it was made of.
    pub order: Order,
    /// What of a large capture nothing is asked about.
    #[serde(default, skip_serializing_if = "Left::is_nothing")]
    pub left: Left,
    /// The questions, easy ones first.
    #[serde(rename = "question")]
    pub questions: Vec<Question>,
}

impl Lab {
    /// Chooses questions about what a capture shows.
    #[must_use]
    pub fn make(facts: &Facts, order: Order) -> Self {
        let mut random = Random::new(order.seed ^ LAB);
        let mut all = ask::all(facts, &mut random);
        all.retain(|question| question.level <= order.level);
        // Fisher and Yates.
        for last in (1..all.len()).rev() {
            all.swap(last, random.below(last as u64 + 1) as usize);
        }
        // Each topic once before any comes twice.
        let mut chosen: Vec<Question> = Vec::new();
        for round in 1..=2 {
            for question in &all {
                let same = |it: &&Question| it.topic == question.topic;
                let asked = chosen.iter().filter(same).count();
                let fresh = !chosen.iter().any(|it| it.ask == question.ask);
                if chosen.len() < order.count && asked < round && fresh {
                    chosen.push(question.clone());
                }
            }
        }
        chosen.sort_by_key(|question| question.level);
        Self {
            order,
            left: facts.left(),
            questions: chosen,
        }
    }
}

const LAB: u64 = 0x6c_6162;
