//! Whether an event passes.

use super::super::registry::{Datum, View};
use super::{Expr, Item, Literal, Op, Test};
use memchr::memmem;
use std::cmp::Ordering;
use std::net::IpAddr;

pub fn passes(expr: &Expr, view: &View<'_>) -> bool {
    match expr {
        Expr::Any(list) => list.iter().any(|expr| passes(expr, view)),
        Expr::All(list) => list.iter().all(|expr| passes(expr, view)),
        Expr::Not(inner) => !passes(inner, view),
        Expr::Has(field) => {
            let mut found = false;
            field.visit(view, &mut |_| found = true);
            found
        }
        Expr::Test(test) => holds(test, view),
    }
}

fn holds(test: &Test, view: &View<'_>) -> bool {
    let (mut values, mut hits) = (0_u32, 0_u32);
    // `!=` asks whether no value is equal.
    let op = if test.op == Op::Ne { Op::Eq } else { test.op };
    test.field.visit(view, &mut |datum| {
        values += 1;
        hits += u32::from(test.with.iter().any(|item| hit(op, &datum, item)));
    });
    match test.op {
        Op::Ne => values > 0 && hits == 0,
        _ => hits > 0,
    }
}

fn hit(op: Op, datum: &Datum<'_>, item: &Item) -> bool {
    match item {
        Item::One(literal) => one(op, datum, literal),
        Item::Range(from, to) => {
            order(datum, from).is_some_and(Ordering::is_ge)
                && order(datum, to).is_some_and(Ordering::is_le)
        }
    }
}

fn one(op: Op, datum: &Datum<'_>, literal: &Literal) -> bool {
    match op {
        Op::Contains => match (bytes(datum), literal) {
            (Some(hay), Literal::Text(needle)) => memmem::find(hay, needle.as_bytes()).is_some(),
            (Some(hay), Literal::Bytes(needle)) => memmem::find(hay, needle).is_some(),
            _ => false,
        },
        Op::Matches => match (bytes(datum), literal) {
            (Some(hay), Literal::Pattern(pattern)) => pattern.regex.is_match(hay),
            _ => false,
        },
        Op::Eq | Op::Ne | Op::In => match (datum, literal) {
            (Datum::Ip(ip), Literal::Net(net, bits)) => within(*ip, *net, *bits),
            _ => order(datum, literal) == Some(Ordering::Equal),
        },
        Op::Lt => order(datum, literal) == Some(Ordering::Less),
        Op::Le => order(datum, literal).is_some_and(Ordering::is_le),
        Op::Gt => order(datum, literal) == Some(Ordering::Greater),
        Op::Ge => order(datum, literal).is_some_and(Ordering::is_ge),
    }
}

fn bytes<'a>(datum: &'a Datum<'_>) -> Option<&'a [u8]> {
    match datum {
        Datum::Text(text) => Some(text.as_bytes()),
        Datum::Bytes(bytes) => Some(bytes),
        Datum::Bool(_) | Datum::Number(_) | Datum::Ip(_) | Datum::Time(_) | Datum::Span(_) => None,
    }
}

fn order(datum: &Datum<'_>, literal: &Literal) -> Option<Ordering> {
    Some(match (datum, literal) {
        (Datum::Bool(a), Literal::Bool(b)) => a.cmp(b),
        (Datum::Number(a), Literal::Number(b)) => a.cmp(b),
        (Datum::Text(a), Literal::Text(b)) => a.as_ref().cmp(b.as_str()),
        (Datum::Bytes(a), Literal::Bytes(b)) => a.as_ref().cmp(b.as_slice()),
        (Datum::Time(a), Literal::Time(b)) => a.0.cmp(b),
        (Datum::Span(a), Literal::Span(b)) => a.cmp(b),
        _ => return None,
    })
}

/// Whether the first so many bits of two addresses are the same.
fn within(ip: IpAddr, net: IpAddr, bits: u8) -> bool {
    let first = |number: u128, width: u32| {
        let rest = width.saturating_sub(bits.into());
        number.checked_shr(rest).unwrap_or(0)
    };
    match (ip, net) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            first(a.to_bits().into(), 32) == first(b.to_bits().into(), 32)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => first(a.to_bits(), 128) == first(b.to_bits(), 128),
        _ => false,
    }
}
