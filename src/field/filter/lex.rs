//! Characters → tokens, each with its place.

use super::Problem;
use std::ops::Range;

/// A token, and the characters that it is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    pub at: Range<usize>,
    pub what: What,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// A field, a number, an address, a word.
    Word(String),
    /// In quotes.
    Text(String),
    /// `==`, `&&`, `(` and the like.
    Sign(&'static str),
}

/// Longer ones first.
const SIGNS: &[&str] = &[
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "~", "(", ")", "{", "}", ",",
];

/// What is often typed instead of a sign.
const SLIPS: &[(char, &str)] = &[
    ('=', "`==`"),
    ('&', "`&&`"),
    ('|', "`||`"),
    ('\'', "quotes are \""),
    ('[', "ranges are written `in {1..5}`"),
    (';', "`,`"),
    ('^', "`!`"),
];

pub fn lex(text: &str) -> Result<Vec<Token>, Problem> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        if c.is_whitespace() {
            at += 1;
            continue;
        }
        let raw = c == 'r' && chars.get(at + 1) == Some(&'"');
        let (what, end) = if c == '"' || raw {
            let (text, end) = quoted(&chars, at + usize::from(raw), raw)?;
            (What::Text(text), end)
        } else if let Some(sign) = sign(&chars, at) {
            (What::Sign(sign), at + sign.len())
        } else if is_word(c) {
            let end = (at..chars.len())
                .find(|&at| chars.get(at).is_none_or(|&c| !is_word(c)))
                .unwrap_or(chars.len());
            let word = chars.get(at..end).unwrap_or_default().iter().collect();
            (What::Word(word), end)
        } else {
            let slip = SLIPS.iter().find(|&&(slip, _)| slip == c);
            return Err(Problem {
                at: at..at + 1,
                what: format!("{c:?} means nothing here"),
                hint: slip.map(|(_, meant)| format!("did you mean {meant}?")),
            });
        };
        tokens.push(Token { at: at..end, what });
        at = end;
    }
    Ok(tokens)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "_.:/-+%µ*".contains(c)
}

fn sign(chars: &[char], at: usize) -> Option<&'static str> {
    SIGNS.iter().copied().find(|sign| {
        sign.chars()
            .enumerate()
            .all(|(offset, c)| chars.get(at + offset) == Some(&c))
    })
}

/// A text in quotes that begin at `start`; answers with the place behind.
fn quoted(chars: &[char], start: usize, raw: bool) -> Result<(String, usize), Problem> {
    let mut text = String::new();
    let mut at = start + 1;
    let wrong = |at: Range<usize>, what: &str, hint: &str| Problem {
        at,
        what: what.into(),
        hint: Some(hint.into()),
    };
    loop {
        let Some(&c) = chars.get(at) else {
            let end = chars.len();
            return Err(wrong(
                start..end,
                "the text does not end",
                "a `\"` is missing",
            ));
        };
        at += 1;
        match c {
            '"' => return Ok((text, at)),
            '\\' if raw => {
                text.push('\\');
                if chars.get(at) == Some(&'"') {
                    text.push('"');
                    at += 1;
                }
            }
            '\\' => {
                let escape = chars.get(at).copied();
                let from = at - 1;
                at += 1;
                match escape {
                    Some('n') => text.push('\n'),
                    Some('r') => text.push('\r'),
                    Some('t') => text.push('\t'),
                    Some('0') => text.push('\0'),
                    Some(same @ ('"' | '\\')) => text.push(same),
                    Some('u') if chars.get(at) == Some(&'{') => {
                        let digits: String = chars
                            .get(at + 1..)
                            .unwrap_or_default()
                            .iter()
                            .take_while(|c| c.is_ascii_hexdigit())
                            .take(6)
                            .collect();
                        at += digits.len() + 2;
                        let c = u32::from_str_radix(&digits, 16)
                            .ok()
                            .and_then(char::from_u32);
                        match c.filter(|_| chars.get(at - 1) == Some(&'}')) {
                            Some(c) => text.push(c),
                            None => {
                                return Err(wrong(
                                    from..at.min(chars.len()),
                                    "no character",
                                    "write \\u{4f60}",
                                ));
                            }
                        }
                    }
                    _ => {
                        let end = at.min(chars.len());
                        let hint = "escapes are \\n \\r \\t \\0 \\\" \\\\ \\u{…}; in r\"…\" a \\ is itself";
                        return Err(wrong(from..end, "an escape that means nothing", hint));
                    }
                }
            }
            other => text.push(other),
        }
    }
}
