//! What was typed, as a value of the field's type.

use super::super::registry::{Field, Type, distance};
use super::lex::{Token, What};
use super::{Literal, Op, Pattern, Problem};
use std::net::IpAddr;

/// Bytes that a compiled regular expression may take.
const PATTERN: usize = 1 << 20;

/// Reads the token as something to compare the field with.
pub fn literal(field: &'static Field, op: Op, token: &Token) -> Result<Literal, Problem> {
    let wrong = |what: String, hint: Option<String>| Problem {
        at: token.at.clone(),
        what,
        hint,
    };
    let (text, quoted) = match &token.what {
        What::Word(word) => (word.as_str(), false),
        What::Text(text) => (text.as_str(), true),
        What::Sign(sign) => return Err(wrong(format!("a value is missing before `{sign}`"), None)),
    };
    if op == Op::Matches {
        return pattern(text)
            .map(Literal::Pattern)
            .map_err(|why| wrong(why, None));
    }
    let found = match field.ty {
        Type::Bool => match text {
            "1" | "true" | "yes" if !quoted => Some(Literal::Bool(true)),
            "0" | "false" | "no" if !quoted => Some(Literal::Bool(false)),
            _ => None,
        },
        Type::Number => number(text)
            .or_else(|| named(field, text))
            .filter(|_| !quoted)
            .map(Literal::Number),
        Type::Text => {
            let known = field.words.is_empty() || op != Op::Eq && op != Op::Ne && op != Op::In;
            if !known && named(field, text).is_none() {
                let what = format!("{} is never {text:?}", field.name);
                return Err(wrong(what, Some(choices(field, text))));
            }
            Some(Literal::Text(text.into()))
        }
        Type::Bytes if quoted => Some(Literal::Bytes(text.into())),
        Type::Bytes => octets(text).map(Literal::Bytes),
        Type::Ip => net(text)
            .filter(|_| !quoted)
            .map(|(ip, bits)| Literal::Net(ip, bits)),
        Type::Time => time(text).map(Literal::Time),
        Type::Span => span(text).filter(|_| !quoted).map(Literal::Span),
    };
    let found = found.ok_or_else(|| {
        let hint = match field.ty {
            Type::Bool => "write true or false".into(),
            Type::Number if !field.words.is_empty() => choices(field, text),
            Type::Number => "such as 1000 or 0x3e8".into(),
            Type::Text => "put it in quotes".into(),
            Type::Bytes => "write 81:96:df, or text in quotes".into(),
            Type::Ip => "such as 10.0.0.1, 10.0.0.0/8 or fe80::1".into(),
            Type::Time => "such as 2026-11-21T09:42:41Z, or with a space in quotes".into(),
            Type::Span => "such as 1.5, 250ms or 2min".into(),
        };
        wrong(
            format!("{} is a {}, and this is none", field.name, field.ty.word()),
            Some(hint),
        )
    })?;
    if let Literal::Net(ip, _) = found
        && (field.name.starts_with("ip.") && ip.is_ipv6()
            || field.name.starts_with("ipv6.") && ip.is_ipv4())
    {
        let (other, rest) = if ip.is_ipv6() { ("ipv6", 3) } else { ("ip", 5) };
        let name = field.name.get(rest..).unwrap_or_default();
        let what = format!("{} is an address of the other IP version", field.name);
        return Err(wrong(
            what,
            Some(format!("use {other}.{name} or wscope.addr")),
        ));
    }
    Ok(found)
}

fn named(field: &Field, word: &str) -> Option<u64> {
    field
        .words
        .iter()
        .find(|(name, _)| *name == word)
        .map(|&(_, number)| number)
}

/// The words that a field knows, the nearest first where one is near.
fn choices(field: &Field, word: &str) -> String {
    let near = field
        .words
        .iter()
        .map(|(name, _)| (distance(name, word), *name))
        .filter(|&(distance, _)| distance < 3)
        .min();
    match near {
        Some((_, name)) => format!("did you mean {name}?"),
        None => {
            let names: Vec<_> = field.words.iter().map(|&(name, _)| name).collect();
            format!("there are {}", names.join(", "))
        }
    }
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) if digits.chars().all(|c| c.is_ascii_hexdigit()) => {
            u64::from_str_radix(digits, 16).ok()
        }
        Some(_) => None,
        None => text.parse().ok().filter(|_| !text.starts_with('+')),
    }
}

/// `81:96:df`, `8196df`, `81-96-df`
fn octets(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !matches!(c, ':' | '-'))
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    (rest.is_empty() && !pairs.is_empty())
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

fn net(text: &str) -> Option<(IpAddr, u8)> {
    let (ip, bits) = match text.split_once('/') {
        Some((ip, bits)) => (ip.parse().ok()?, Some(bits.parse::<u8>().ok()?)),
        None => (text.parse().ok()?, None),
    };
    let most = if matches!(ip, IpAddr::V4(_)) { 32 } else { 128 };
    let bits = bits.unwrap_or(most);
    (bits <= most).then_some((ip, bits))
}

const UNITS: &[(&str, i128)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("min", 60_000_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Nanoseconds; a number without a unit is seconds.
fn span(text: &str) -> Option<i64> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (digits, unit) = UNITS
        .iter()
        .find_map(|&(name, unit)| text.strip_suffix(name).map(|digits| (digits, unit)))
        .unwrap_or((text, 1_000_000_000));
    let nanos = decimal(digits, unit)?;
    i64::try_from(if negative { -nanos } else { nanos }).ok()
}

/// A decimal number of units, exactly; what is finer than a nanosecond is cut.
fn decimal(digits: &str, unit: i128) -> Option<i128> {
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let fine = all_digits(whole) && all_digits(part) && whole.len() <= 20 && part.len() <= 15;
    if !fine || whole.is_empty() && part.is_empty() {
        return None;
    }
    let whole: i128 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let scale = 10_i128.checked_pow(part.len() as u32)?;
    let part: i128 = if part.is_empty() {
        0
    } else {
        part.parse().ok()?
    };
    Some(whole.checked_mul(unit)? + part.checked_mul(unit)? / scale)
}

/// `2026-11-21T09:42:41.447Z`, in UTC; the time of day may be left out.
fn time(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, clock) = text.split_once(['T', ' ']).unwrap_or((text, "0:0:0"));
    let part = |text: Option<&str>, range: std::ops::RangeInclusive<i64>| {
        let text =
            text.filter(|text| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()))?;
        text.parse().ok().filter(|number| range.contains(number))
    };
    let mut fields = date.split('-');
    let year = part(fields.next(), 1677..=2262)?;
    let month = part(fields.next(), 1..=12)?;
    let day = part(fields.next(), 1..=31)?;
    let mut clocks = clock.split(':');
    let hour = part(clocks.next(), 0..=23)?;
    let minute = part(clocks.next(), 0..=59)?;
    let nanos = match clocks.next() {
        None => 0,
        Some(seconds) => decimal(seconds, 1_000_000_000).filter(|&nanos| nanos < 61_000_000_000)?,
    };
    if fields.next().is_some() || clocks.next().is_some() {
        return None;
    }
    let seconds =
        i128::from(days(year, month, day)) * 86_400 + i128::from(hour * 3_600 + minute * 60);
    i64::try_from(seconds * 1_000_000_000 + nanos).ok()
}

/// Days from 1970-01-01, in the proleptic Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, from_march) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn pattern(source: &str) -> Result<Pattern, String> {
    let built = regex::bytes::RegexBuilder::new(source)
        .case_insensitive(true)
        .size_limit(PATTERN)
        .dfa_size_limit(PATTERN)
        .build();
    match built {
        Ok(regex) => Ok(Pattern {
            source: source.into(),
            regex,
        }),
        Err(regex::Error::CompiledTooBig(_)) => Err("the regular expression is too large".into()),
        Err(error) => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            Err(format!(
                "not a regular expression: {}",
                last.trim_start_matches("error: ")
            ))
        }
    }
}
