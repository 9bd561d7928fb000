//! What students answered, read and compared.

use super::{Both, Form, Lab, Question};
use crate::explain::Lang;

/// What a student filled in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Answers {
    /// Who it is.
    pub name: String,
    /// The numbers of questions, from 1, with what was answered.
    given: Vec<(usize, String)>,
}

/// An answer that was marked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Marked<'a> {
    /// The question's number, from 1.
    pub number: usize,
    /// The question.
    pub question: &'a Question,
    /// What was answered; empty where nothing was.
    pub given: &'a str,
    /// How good it is.
    pub verdict: Verdict,
    /// What went wrong, where that can be told.
    pub slip: Option<&'a Both>,
}

/// How good an answer is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Verdict {
    /// Right.
    Right,
    /// Wrong.
    Wrong,
    /// There is none.
    Empty,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub fn word(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Self::Right, Lang::En) => "right",
            (Self::Right, Lang::Zh) => "正确",
            (Self::Wrong, Lang::En) => "wrong",
            (Self::Wrong, Lang::Zh) => "错误",
            (Self::Empty, Lang::En) => "no answer",
            (Self::Empty, Lang::Zh) => "未作答",
        }
    }
}

impl Answers {
    /// Reads a form: lines such as `3: 17`; `#` begins a comment. Later lines count where one number comes twice.
    ///
    /// # Errors
    /// A line that is no answer, with its number.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut answers = Self::default();
        let text = text.trim_start_matches('\u{feff}');
        for (nth, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (number, given) = line
                .split_once([':', '：', '.'])
                .ok_or_else(|| format!("line {nth}: write NUMBER: ANSWER"))?;
            let given = given.trim().to_owned();
            match number.trim().parse() {
                Ok(number) => {
                    answers.given.retain(|(other, _)| *other != number);
                    answers.given.push((number, given));
                }
                Err(_) if number.trim().eq_ignore_ascii_case("name") => answers.name = given,
                Err(_) => {
                    return Err(format!(
                        "line {nth}: {:?} is no question's number",
                        number.trim()
                    ));
                }
            }
        }
        Ok(answers)
    }

    /// The answer to a question, from 1; empty where there is none.
    #[must_use]
    pub fn get(&self, number: usize) -> &str {
        let found = self.given.iter().find(|(other, _)| *other == number);
        found.map_or("", |(_, given)| given)
    }
}

impl Lab {
    /// Marks what a student answered.
    #[must_use]
    pub fn mark<'a>(&'a self, answers: &'a Answers) -> Vec<Marked<'a>> {
        let mark = |(number, question): (usize, &'a Question)| {
            let given = answers.get(number);
            let verdict = if given.is_empty() {
                Verdict::Empty
            } else if question.form.same(&question.answer, given) {
                Verdict::Right
            } else {
                Verdict::Wrong
            };
            let slip = question
                .slips
                .iter()
                .find(|slip| verdict == Verdict::Wrong && question.form.same(&slip.answer, given));
            Marked {
                number,
                question,
                given,
                verdict,
                slip: slip.map(|slip| &slip.why),
            }
        };
        (1..).zip(&self.questions).map(mark).collect()
    }
}

impl Form {
    /// Whether two answers are the same, however they are written.
    fn same(self, right: &str, given: &str) -> bool {
        match self {
            Self::Number => number(given).is_some_and(|given| Some(given) == number(right)),
            Self::Numbers => {
                let all = |text: &str| -> Option<Vec<u64>> {
                    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '#');
                    words.filter(|word| !word.is_empty()).map(number).collect()
                };
                all(given).is_some_and(|given| !given.is_empty() && Some(given) == all(right))
            }
            Self::Hex => hex(given).is_some_and(|given| Some(given) == hex(right)),
            Self::Side => side(given).is_some_and(|given| Some(given) == side(right)),
            Self::Exact => right == given.trim_matches(['"', '\'', '“', '”', '`']),
        }
    }
}

/// `17`, `#17`, `0x11`, `packet 17`, `1,448`
fn number(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let text = text
        .strip_prefix("packet")
        .or(text.strip_prefix("no."))
        .unwrap_or(&text);
    let text = text.trim().trim_start_matches('#');
    let text = text.trim_end_matches([' ', '.', '。']);
    let text = text
        .strip_suffix("bytes")
        .or(text.strip_suffix("字节"))
        .unwrap_or(text)
        .trim();
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.replace([',', '_'], "").parse().ok(),
    }
}

/// `df 89 48 36`, `DF:89:48:36`, `0xdf894836`, `0xdf, 0x89, …`
fn hex(text: &str) -> Option<Vec<u8>> {
    let text = text.to_ascii_lowercase().replace("0x", "");
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !" :-,".contains(*c))
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    Some(pairs.iter().map(|[high, low]| high * 16 + low).collect())
}

fn side(text: &str) -> Option<&'static str> {
    let text = text.trim().to_lowercase();
    let text = text.strip_prefix("the ").unwrap_or(&text);
    match text.trim_end_matches(['.', '。']) {
        "client" | "c" | "客户端" | "browser" | "浏览器" => Some("client"),
        "server" | "s" | "服务器" | "服务端" => Some("server"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_may_be_written_in_many_ways() {
        for text in ["17", "#17", " packet 17. ", "0x11", "17 bytes", "17 字节"] {
            assert!(Form::Number.same("17", text), "{text:?}");
        }
        assert!(Form::Number.same("1448", "1,448"));
        for text in [
            "df 89 48 36",
            "DF:89:48:36",
            "0xdf894836",
            "0xdf, 0x89, 0x48, 0x36",
        ] {
            assert!(Form::Hex.same("df 89 48 36", text), "{text:?}");
        }
        assert!(Form::Numbers.same("1 2 3", "1, 2, 3") && Form::Numbers.same("1 2 3", "#1 #2 #3"));
        assert!(Form::Side.same("server", "The server.") && Form::Side.same("client", "客户端"));
        assert!(Form::Exact.same("frame", "\"frame\""));
        for (form, right, given) in [
            (Form::Number, "17", "18"),
            (Form::Number, "17", ""),
            (Form::Number, "17", "17 18"),
            (Form::Hex, "df 89", "df 8"),
            (Form::Hex, "df 89", "89 df"),
            (Form::Numbers, "1 2 3", "1 3 2"),
            (Form::Numbers, "1 2 3", "1 2"),
            (Form::Side, "server", "client"),
            (Form::Side, "server", "proxy"),
            (Form::Exact, "aB=", "ab="),
        ] {
            assert!(!form.same(right, given), "{given:?}");
        }
    }

    #[test]
    fn a_form_is_read_as_it_was_filled_in() {
        let form = "\u{feff}# a comment\nname: 李雷\n\n1: 17\n2：server\n1: 18\n3:\n";
        let answers = Answers::read(form).unwrap();
        assert_eq!(answers.name, "李雷");
        assert_eq!(
            [
                answers.get(1),
                answers.get(2),
                answers.get(3),
                answers.get(4)
            ],
            ["18", "server", "", ""]
        );
        assert!(Answers::read("17").unwrap_err().contains("line 1"));
        assert!(
            Answers::read("one: 17")
                .unwrap_err()
                .contains("no question's number")
        );
    }
}
