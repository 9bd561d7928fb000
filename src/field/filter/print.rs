//! An expression as text that reads back as the same expression.

use super::{Expr, Item, Literal, Op, Test};
use crate::model::Timestamp;
use std::fmt;

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any(list) => join(f, list, " || ", |part| matches!(part, Self::Any(_))),
            Self::All(list) => join(f, list, " && ", |part| {
                matches!(part, Self::Any(_) | Self::All(_))
            }),
            Self::Not(inner) if matches!(**inner, Self::Any(_) | Self::All(_)) => {
                write!(f, "!({inner})")
            }
            Self::Not(inner) => write!(f, "!{inner}"),
            Self::Has(field) => f.write_str(field.name),
            Self::Test(test) => test.fmt(f),
        }
    }
}

fn join(
    f: &mut fmt::Formatter<'_>,
    list: &[Expr],
    sign: &str,
    inner: fn(&Expr) -> bool,
) -> fmt::Result {
    for (at, part) in list.iter().enumerate() {
        if at > 0 {
            f.write_str(sign)?;
        }
        if inner(part) {
            write!(f, "({part})")?;
        } else {
            write!(f, "{part}")?;
        }
    }
    Ok(())
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.field.name, self.op.sign())?;
        if self.op == Op::In {
            f.write_str("{")?;
        }
        for (at, item) in self.with.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            match item {
                Item::One(literal) => literal.fmt(f)?,
                Item::Range(from, to) => write!(f, "{from}..{to}")?,
            }
        }
        if self.op == Op::In {
            f.write_str("}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(yes) => yes.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => quote(f, text),
            Self::Pattern(pattern) => quote(f, &pattern.source),
            Self::Bytes(bytes) if bytes.is_empty() => f.write_str("\"\""),
            Self::Bytes(bytes) => {
                for (at, byte) in bytes.iter().enumerate() {
                    write!(f, "{}{byte:02x}", if at > 0 { ":" } else { "" })?;
                }
                Ok(())
            }
            Self::Net(ip, bits) => {
                let most = if ip.is_ipv4() { 32 } else { 128 };
                if *bits == most {
                    ip.fmt(f)
                } else {
                    write!(f, "{ip}/{bits}")
                }
            }
            Self::Time(nanos) => Timestamp(*nanos).fmt(f),
            Self::Span(nanos) => write!(f, "{nanos}ns"),
        }
    }
}

fn quote(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() => write!(f, "\\u{{{:x}}}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}
