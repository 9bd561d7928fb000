//! JSON as a small tree: what tells one message from another, and no more.   RFC 8259

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use std::fmt;

/// A value, as far as it is kept.
#[derive(Clone, PartialEq, Debug)]
pub enum Node {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as text.
    Number(String),
    /// A string, at most 200 characters of it.
    Text(String),
    /// An array, its first members.
    List(Vec<Node>),
    /// An object, its first members in order.
    Object(Vec<(String, Node)>),
    /// Too deep inside, or behind too many others.
    More,
}

/// Levels that are kept.
const DEPTH: u8 = 4;

/// Members of one array or object that are kept.
const MEMBERS: usize = 64;

/// Characters of a string that are kept.
const TEXT: usize = 200;

/// Reads a text that is one JSON value; none for others.
pub fn read(text: &str) -> Option<Node> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let node = Level(DEPTH).deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(node)
}

impl Node {
    /// The member of an object with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members
                .iter()
                .find_map(|(member, value)| (member == name).then_some(value)),
            _ => None,
        }
    }

    /// The entry of an array at this place.
    #[must_use]
    pub fn at(&self, place: usize) -> Option<&Self> {
        match self {
            Self::List(entries) => entries.get(place),
            _ => None,
        }
    }

    /// The text of a string.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// An id as JSON writes it: a string stays apart from a number; none for what is no id.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        match self {
            Self::Null => Some("null".to_owned()),
            Self::Number(number) => Some(number.clone()),
            Self::Text(text) => Some(format!("\"{text}\"")),
            Self::Bool(_) | Self::List(_) | Self::Object(_) | Self::More => None,
        }
    }
}

/// How many levels may still be kept.
#[derive(Clone, Copy)]
struct Level(u8);

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Node, D::Error> {
        if self.0 == 0 {
            return IgnoredAny::deserialize(from).map(|_| Node::More);
        }
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.chars().take(TEXT).collect()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while entries.len() < MEMBERS {
            match from.next_element_seed(Self(self.0 - 1))? {
                Some(entry) => entries.push(entry),
                None => return Ok(Node::List(entries)),
            }
        }
        while from.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Node::List(entries))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while members.len() < MEMBERS {
            let Some(name) = from.next_key::<String>()? else {
                return Ok(Node::Object(members));
            };
            let value = from.next_value_seed(Self(self.0 - 1))?;
            members.push((name, value));
        }
        while from.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Node::Object(members))
    }
}
