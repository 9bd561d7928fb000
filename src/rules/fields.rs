//! Values of header fields, taken to the letter: what a judge must read exactly.   RFC 9110 section 5.6

use crate::model::Request;

/// Whether the request asks for WebSocket, however wrongly.
pub fn asks(request: &Request) -> bool {
    let upgrade = has_token(request.all("upgrade"), b"websocket");
    let means_it = ["sec-websocket-key", "sec-websocket-version"]
        .iter()
        .any(|name| request.all(name).next().is_some());
    upgrade || means_it
}

/// Whether one of these comma lists has this token, in any case.
pub fn has_token<'a>(values: impl Iterator<Item = &'a [u8]>, token: &[u8]) -> bool {
    values
        .flat_map(elements)
        .any(|element| element.eq_ignore_ascii_case(token))
}

/// The elements of a comma list, empty ones too.
pub fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii)
}

/// Whether all of it is one token.   RFC 9110 section 5.6.2
pub fn is_token(value: &[u8]) -> bool {
    let tchar = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !value.is_empty() && value.iter().all(tchar)
}

/// An extension with its parameters, as one side wrote it.   RFC 6455 section 9.1
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extension {
    pub name: Vec<u8>,
    pub params: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Extension {
    /// The value of this parameter, in any case: none where it is absent.
    pub fn param(&self, name: &str) -> Option<Option<&[u8]>> {
        let (_, value) = self
            .params
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))?;
        Some(value.as_deref())
    }
}

/// Reads an extension list.   RFC 6455 section 9.1
///
/// # Errors
/// What does not follow the grammar.
pub fn extensions(value: &[u8]) -> Result<Vec<Extension>, String> {
    split(value, b',').into_iter().map(extension).collect()
}

fn extension(text: &[u8]) -> Result<Extension, String> {
    let mut parts = split(text, b';').into_iter();
    let name = parts.next().unwrap_or_default();
    if !is_token(name) {
        return Err(format!("{:?} is no extension name", show(name)));
    }
    Ok(Extension {
        name: name.to_vec(),
        params: parts.map(param).collect::<Result<_, _>>()?,
    })
}

fn param(text: &[u8]) -> Result<(Vec<u8>, Option<Vec<u8>>), String> {
    let (name, value) = match text.iter().position(|&byte| byte == b'=') {
        Some(at) => (&text[..at], Some(text[at + 1..].trim_ascii())),
        None => (text, None),
    };
    let name = name.trim_ascii();
    if !is_token(name) {
        return Err(format!("{:?} is no parameter", show(text)));
    }
    let value = match value {
        Some([b'"', inner @ .., b'"']) => Some(inner),
        value => value,
    };
    match value {
        Some(value) if !is_token(value) => {
            Err(format!("{:?} is no value of {}", show(value), show(name)))
        }
        value => Ok((name.to_vec(), value.map(<[u8]>::to_vec))),
    }
}

/// Splits where no quoted string is.
fn split(value: &[u8], at: u8) -> Vec<&[u8]> {
    let mut quoted = false;
    value
        .split(|&byte| {
            quoted ^= byte == b'"';
            byte == at && !quoted
        })
        .map(<[u8]>::trim_ascii)
        .collect()
}

/// The values of a repeated field, as one.   RFC 9110 section 5.3
pub fn joined<'a>(values: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let values: Vec<_> = values.collect();
    (!values.is_empty()).then(|| values.join(&b", "[..]))
}

/// Bytes that ought to be text, for a message.
pub fn show(bytes: &[u8]) -> String {
    const SHOWN: usize = 80;
    let text = String::from_utf8_lossy(bytes.get(..SHOWN).unwrap_or(bytes)).into_owned();
    match bytes.len() > SHOWN {
        true => text + "…",
        false => text,
    }
}
