//! The sheet, the form, the key, and what is said of a student's answers.

use super::{Form, Lab, Marked, Order, Verdict};
use crate::explain::Lang;
use crate::sink::Escaped;
use std::fmt::Write as _;

impl Lab {
    /// The sheet, as Markdown.
    #[must_use]
    pub fn sheet(&self, lang: Lang) -> String {
        let mut out = String::new();
        let Order { capture, seed, .. } = &self.order;
        let capture = Escaped(capture);
        // Writing into a string does not fail.
        let _ = match lang {
            Lang::En => writeln!(
                out,
                "# WebSocket lab\n\nCapture: `{capture}` · sheet {seed}\n\nName:\n\nAnswer in `answers.txt`. Packets are \
                 numbered from 1, as in Wireshark; connections are called as `tcp.stream` is, sessions are counted from 0. \
                 `wscope {capture}` shows the capture, `wscope print --acks {capture}` lists every acknowledgement."
            ),
            Lang::Zh => writeln!(
                out,
                "# WebSocket 实验\n\n抓包：`{capture}` · 第 {seed} 号卷\n\n姓名：\n\n答案写在 `answers.txt` 里。包从 1 开始编号，\
                 与 Wireshark 相同；连接按 `tcp.stream` 称呼，会话从 0 数起。`wscope {capture}` 打开抓包，\
                 `wscope print --acks {capture}` 列出每一个确认。"
            ),
        };
        let left = self.left.words(lang);
        if !left.is_empty() {
            let _ = writeln!(out, "\n{left}");
        }
        let mut level = 0;
        for (number, question) in (1..).zip(&self.questions) {
            if question.level != level {
                level = question.level;
                let heading = match (lang, level) {
                    (Lang::En, 1) => "Level 1: look it up",
                    (Lang::En, 2) => "Level 2: put it together",
                    (Lang::En, _) => "Level 3: work it out",
                    (Lang::Zh, 1) => "第一级：查找",
                    (Lang::Zh, 2) => "第二级：对照",
                    (Lang::Zh, _) => "第三级：计算",
                };
                let _ = writeln!(out, "\n## {heading}");
            }
            let _ = writeln!(out, "\n{number}. {}", question.ask.in_lang(lang));
        }
        let heading = match lang {
            Lang::En => "Hints",
            Lang::Zh => "提示",
        };
        let _ = writeln!(out, "\n---\n\n## {heading}\n");
        for (number, question) in (1..).zip(&self.questions) {
            let _ = writeln!(out, "{number}. {}", question.hint.in_lang(lang));
        }
        out
    }

    /// The form that a student fills in.
    #[must_use]
    pub fn form(&self, lang: Lang) -> String {
        let Order {
            capture,
            seed,
            level,
            count,
        } = &self.order;
        let mut out = String::new();
        let words = match lang {
            Lang::En => "# Write your answer behind each colon.",
            Lang::Zh => "# 答案写在冒号后面。",
        };
        let capture = Escaped(capture);
        let _ = writeln!(
            out,
            "{words}\n# lab seed={seed} level={level} count={count} capture={capture}\nname:"
        );
        for (number, question) in (1..).zip(&self.questions) {
            let unit = match (question.form, lang) {
                (Form::Number | Form::Exact, _) => "",
                (Form::Numbers, Lang::En) => "   # numbers",
                (Form::Numbers, Lang::Zh) => "   # 几个数",
                (Form::Hex, Lang::En) => "   # bytes in hexadecimal",
                (Form::Hex, Lang::Zh) => "   # 十六进制字节",
                (Form::Side, Lang::En) => "   # client or server",
                (Form::Side, Lang::Zh) => "   # client 或 server",
            };
            let _ = writeln!(
                out,
                "{}{number}:",
                if unit.is_empty() {
                    String::new()
                } else {
                    format!("{}\n", unit.trim())
                }
            );
        }
        out
    }

    /// The key, as TOML: for people, and for [`Lab::read_key`].
    ///
    /// # Errors
    /// It cannot be written as TOML.
    pub fn key(&self) -> Result<String, String> {
        let text = toml::to_string(self).map_err(|error| error.to_string())?;
        Ok(format!("# Answers: not for students.\n\n{text}"))
    }

    /// Reads a key.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read_key(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }
}

impl Order {
    /// What the form says that its sheet was made of; the capture is only named.
    #[must_use]
    pub fn of_form(text: &str) -> Option<Self> {
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("# lab "))?;
        let (numbers, capture) = line.split_once(" capture=")?;
        let value = |name: &str| {
            let mut words = numbers.split_whitespace();
            words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
        };
        Some(Self {
            capture: capture.to_owned(),
            seed: value("seed")?.parse().ok()?,
            level: value("level")?.parse().ok()?,
            count: value("count")?.parse().ok()?,
        })
    }
}

/// What is said of a student's answers, as text.
#[must_use]
pub fn report(name: &str, marked: &[Marked<'_>], lang: Lang) -> String {
    let mut out = String::new();
    if !name.is_empty() {
        let _ = writeln!(out, "{}", Escaped(name));
    }
    for it in marked {
        let question = it.question;
        let _ = writeln!(out, "{:>3}  {}", it.number, it.verdict.word(lang));
        if it.verdict == Verdict::Right {
            continue;
        }
        let _ = writeln!(out, "     {}", question.ask.in_lang(lang));
        if it.verdict == Verdict::Wrong {
            let yours = match lang {
                Lang::En => "yours:",
                Lang::Zh => "你的答案：",
            };
            let _ = writeln!(out, "     {yours} {}", Escaped(it.given));
            if let Some(slip) = it.slip {
                let _ = writeln!(out, "     {}", slip.in_lang(lang));
            }
        }
        let right = match lang {
            Lang::En => "right:",
            Lang::Zh => "正确答案：",
        };
        let _ = writeln!(out, "     {right} {}", question.answer);
        let _ = writeln!(out, "     {}", question.why.in_lang(lang));
    }
    let right = marked
        .iter()
        .filter(|it| it.verdict == Verdict::Right)
        .count();
    let _ = match lang {
        Lang::En => writeln!(out, "{right} of {} right", marked.len()),
        Lang::Zh => writeln!(out, "{} 题答对 {right} 题", marked.len()),
    };
    out
}
