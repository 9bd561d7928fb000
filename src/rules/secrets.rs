//! A secret, and text that someone else chose, in one compressed message: what CRIME and BREACH need.
//! RFC 7692 section 8
//!
//! What is a secret only the application knows. A string value of some length under a name such as
//! `token` is taken for one; text counts as chosen by another where the other side sent it first, as a
//! string value of a message or as a value in the query of the request.

use memchr::memmem;

/// Names under which secrets are kept, in lower case.
const NAMES: [&str; 10] = [
    "token",
    "secret",
    "password",
    "passwd",
    "session",
    "cookie",
    "authorization",
    "apikey",
    "api_key",
    "csrf",
];

/// How long a value must be to be a secret, and another's text to be told from a common word.
const SECRET: usize = 16;
const CHOSEN: usize = 12;

/// How many bytes of a message are looked at.
const LOOK: usize = 4096;

/// A name, and the value that stands under it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Secret<'a> {
    pub name: &'a str,
    pub value: &'a str,
}

/// The first string value of a JSON text that looks like a secret.
pub fn secret(text: &str) -> Option<Secret<'_>> {
    let parts: Vec<&str> = strings(text).collect();
    parts.windows(2).find_map(|pair| {
        let &[name, value] = pair else { return None };
        let lower = name.to_ascii_lowercase();
        let named = NAMES.iter().any(|word| lower.ends_with(word)) && is_name(text, name);
        let opaque = value.len() >= SECRET
            && value.bytes().all(|byte| byte.is_ascii_graphic())
            && value.bytes().any(|byte| byte.is_ascii_digit());
        (named && opaque).then_some(Secret { name, value })
    })
}

/// The values that another side chose: of a JSON text its string values.
pub fn chosen(text: &str) -> impl Iterator<Item = &str> {
    strings(text).filter(move |it| it.len() >= CHOSEN && !is_name(text, it))
}

/// The values in the query of a request target.
pub fn in_query(target: &[u8]) -> impl Iterator<Item = &str> {
    let query = target.splitn(2, |&byte| byte == b'?').nth(1);
    let pairs = query.unwrap_or_default().split(|&byte| byte == b'&');
    pairs
        .filter_map(|pair| pair.splitn(2, |&byte| byte == b'=').nth(1))
        .filter_map(|value| std::str::from_utf8(value).ok())
        .filter(|value| value.len() >= CHOSEN)
}

/// Whether this text stands in that one outside the secret.
pub fn beside(text: &str, secret: Secret<'_>, chosen: &str) -> bool {
    !secret.value.contains(chosen) && memmem::find(text.as_bytes(), chosen.as_bytes()).is_some()
}

/// The beginning of a text that is looked at.
pub fn beginning(payload: &[u8]) -> &str {
    let front = payload.get(..LOOK).unwrap_or(payload);
    let valid = front.utf8_chunks().next();
    valid.map_or("", |chunk| chunk.valid())
}

/// What stands between quotation marks; escapes end it, which only makes it shorter.
fn strings(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

/// Whether what this string says is the name of something: a colon follows.
fn is_name(text: &str, string: &str) -> bool {
    // It was cut out of the text: it lies where the addresses say.
    let end = (string.as_ptr().addr() - text.as_ptr().addr()) + string.len();
    let behind = text.get(end + 1..).unwrap_or_default();
    behind.trim_start().starts_with(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        r#"{"type":"welcome to all","sessionToken":"k3jf9a8sdf7a6s5d","name":"attacker-chose-it"}"#;

    #[test]
    fn a_secret_has_a_name_and_looks_like_one() {
        let found = secret(TEXT).unwrap();
        assert_eq!(
            (found.name, found.value),
            ("sessionToken", "k3jf9a8sdf7a6s5d")
        );
        assert_eq!(secret(r#"{"token":"short1"}"#), None);
        assert_eq!(secret(r#"{"say":"token","x":"k3jf9a8sdf7a6s5d"}"#), None);
        assert_eq!(secret(r#"{"token":"a sentence about 7 things"}"#), None);
    }

    #[test]
    fn what_another_chose_is_a_value_of_some_length() {
        let values: Vec<_> =
            chosen(r#"{"a_long_name_of_it":"hi","b":"attacker-chose-it"}"#).collect();
        assert_eq!(values, ["attacker-chose-it"]);
        let query: Vec<_> = in_query(b"/chat?x=1&name=attacker-chose-it").collect();
        assert_eq!(query, ["attacker-chose-it"]);
        let found = secret(TEXT).unwrap();
        assert!(beside(TEXT, found, "attacker-chose-it"));
        assert!(!beside(TEXT, found, "something else"));
        assert!(!beside(TEXT, found, "k3jf9a8sdf7a"), "the secret itself");
    }
}
