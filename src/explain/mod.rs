//! What events mean, in words and with their own values, in English and in Chinese.
#![deny(clippy::disallowed_methods)]

mod lang;
pub mod texts;

pub use lang::{Lang, UnknownLang};
