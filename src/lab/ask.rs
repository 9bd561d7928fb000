//! The questions. Each function looks at what the capture shows and asks what it decides.

mod compute;
mod look;
mod relate;

use super::facts::Facts;
use super::{Both, Form, Question, Slip};
use crate::forge::Random;

/// All questions that this capture decides.
pub fn all(facts: &Facts, random: &mut Random) -> Vec<Question> {
    let mut questions = Vec::new();
    look::ask(facts, &mut questions);
    relate::ask(facts, &mut questions);
    compute::ask(facts, random, &mut questions);
    questions
}

/// A question on its way.
fn question(level: u8, topic: &str, form: Form, ask: Both) -> Question {
    Question {
        level,
        topic: topic.to_owned(),
        ask,
        hint: Both::new("", ""),
        form,
        answer: String::new(),
        why: Both::new("", ""),
        slips: Vec::new(),
    }
}

impl Question {
    fn hint(mut self, en: impl Into<String>, zh: impl Into<String>) -> Self {
        self.hint = Both::new(en, zh);
        self
    }

    fn answer(mut self, answer: impl ToString) -> Self {
        self.answer = answer.to_string();
        self
    }

    fn why(mut self, en: impl Into<String>, zh: impl Into<String>) -> Self {
        self.why = Both::new(en, zh);
        self
    }

    /// An answer that is wrong for this reason; nothing where it is the right one.
    fn slip(mut self, answer: impl ToString, en: impl Into<String>, zh: impl Into<String>) -> Self {
        let answer = answer.to_string();
        if answer != self.answer && self.slips.iter().all(|slip| slip.answer != answer) {
            self.slips.push(Slip {
                answer,
                why: Both::new(en, zh),
            });
        }
        self
    }
}

/// The word for who sends, in both languages.
fn side(dir: crate::model::Dir) -> (&'static str, &'static str) {
    match dir {
        crate::model::Dir::C2s => ("client", "客户端"),
        crate::model::Dir::S2c => ("server", "服务器"),
    }
}

/// Bytes in hexadecimal digits, with spaces between.
fn digits(bytes: &[u8]) -> String {
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(" ")
}
