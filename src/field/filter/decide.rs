//! What can be said of an event before its payload is read, and of a connection before its events are.
//!
//! Three answers, as Kleene joins them: yes, no, and not yet (none). Where something is said, the whole filter
//! says the same.

use super::super::registry::{Field, View};
use super::eval;
use super::{Expr, Item, Literal, Op, Test};
use crate::model::{EventKind, Kind, Message, Ws};

/// With everything but the payload.
pub fn event(expr: &Expr, view: &View<'_>) -> Option<bool> {
    join(expr, &|leaf| match leaf_field(leaf) {
        Some(field) if field.payload => match &view.event.kind {
            EventKind::Ws(Ws::Message(message)) if may(leaf, field, message) => None,
            _ => Some(false),
        },
        _ => Some(eval::passes(leaf, view)),
    })
}

/// With nothing but the two ends and the number of a connection.
pub fn conn(expr: &Expr, view: &View<'_>) -> Option<bool> {
    join(expr, &|leaf| {
        leaf_field(leaf)
            .is_some_and(|field| field.conn)
            .then(|| eval::passes(leaf, view))
    })
}

fn leaf_field(leaf: &Expr) -> Option<&'static Field> {
    match leaf {
        Expr::Has(field) => Some(field),
        Expr::Test(test) => Some(test.field),
        Expr::Any(_) | Expr::All(_) | Expr::Not(_) => None,
    }
}

fn join(expr: &Expr, leaf: &impl Fn(&Expr) -> Option<bool>) -> Option<bool> {
    // The first that decides, else whether all were decided the other way.
    let first = |list: &[Expr], decides: bool| {
        let mut open = false;
        for expr in list {
            match join(expr, leaf) {
                Some(said) if said == decides => return Some(decides),
                Some(_) => {}
                None => open = true,
            }
        }
        (!open).then_some(!decides)
    };
    match expr {
        Expr::Any(list) => first(list, true),
        Expr::All(list) => first(list, false),
        Expr::Not(inner) => join(inner, leaf).map(|said| !said),
        Expr::Has(_) | Expr::Test(_) => leaf(expr),
    }
}

/// Whether the payload of such a message may be what is asked for; no where its kind or its length rules it out.
fn may(leaf: &Expr, field: &Field, message: &Message) -> bool {
    if !message.complete || field.kind.is_some_and(|kind| kind != message.kind) {
        return false;
    }
    match leaf {
        Expr::Test(test) => long_enough(test, message),
        Expr::Any(_) | Expr::All(_) | Expr::Not(_) | Expr::Has(_) => true,
    }
}

fn long_enough(test: &Test, message: &Message) -> bool {
    // Of a close frame the field is not the payload as it stands.
    if message.kind == Kind::Close {
        return true;
    }
    let needed = test.with.iter().map(|item| match item {
        Item::One(Literal::Text(text)) => text.len() as u64,
        Item::One(Literal::Bytes(bytes)) => bytes.len() as u64,
        Item::One(_) | Item::Range(..) => 0,
    });
    match test.op {
        Op::Contains => needed.min().is_none_or(|least| least <= message.length),
        Op::Eq => needed.min().is_none_or(|least| least == message.length),
        Op::Ne | Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Matches | Op::In => true,
    }
}
