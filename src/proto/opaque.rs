//! Bytes that are passed over: another protocol, or nothing that could be told.

use super::Step;
use crate::model::{Cx, Dir, Input};

/// Passes over everything.
#[derive(Clone, Debug, Default)]
pub struct Opaque;

impl Opaque {
    pub fn feed(&mut self, _: Dir, input: Input<'_>, _: &mut Cx<'_>) -> Step {
        match input {
            Input::Bytes { bytes, .. } => Step::Took(bytes.len()),
            Input::Gap { .. } | Input::End(_) => Step::Took(0),
        }
    }
}
