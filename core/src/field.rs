//! Reads fields of JSON by the rules for responses.

use std::borrow::Cow;
use std::fmt;

use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::json::{DuplicateKey, Field, Fields, Value};

/// Why JSON of the gateway is refused. The text continues a sentence that names the JSON.
#[derive(Debug)]
pub(crate) enum DecodeError {
    Json(serde_json::Error),
    Rule(&'static str),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The position of the error, but never the text there.
            Self::Json(error) => {
                let what = match error.classify() {
                    Category::Eof => "is JSON that ends too early",
                    _ if (error.line(), error.column()) == (1, 1) => "is not JSON",
                    _ => "is not valid JSON",
                };
                write!(f, "{what}, at line {} column {}", error.line(), error.column())
            }
            Self::Rule(rule) => f.write_str(rule),
        }
    }
}

impl From<serde_json::Error> for DecodeError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

impl From<DuplicateKey> for DecodeError {
    fn from(_: DuplicateKey) -> Self {
        Self::Rule("contains a duplicate key")
    }
}

/// The fields of a value that must be an object.
pub(crate) fn object<'a, 'b, F: Fields<'a>>(
    parsed: &'b Field<'a, F>,
) -> Result<&'b F, DecodeError> {
    parsed.object()?.ok_or(DecodeError::Rule("is not a JSON object"))
}

/// The text of a JSON value as the parser delimits it: without the spaces around it.
pub(crate) fn raw_text(text: &str) -> Result<&str, DecodeError> {
    Ok(serde_json::from_str::<&RawValue>(text)?.get())
}

/// A string. A value of another type counts as absent.
pub(crate) fn string<'a>(field: &'a Field<'_>) -> Result<Option<&'a str>, DecodeError> {
    match field.value()? {
        // C would end the string there, and other languages would not. Only an escape can produce
        // it, and text with escapes is owned.
        Some(Value::Text(Cow::Owned(text))) if text.contains('\0') => {
            Err(DecodeError::Rule("contains a NUL character"))
        }
        Some(Value::Text(text)) => Ok(Some(text)),
        _ => Ok(None),
    }
}

pub(crate) fn owned(field: &Field<'_>) -> Result<Option<String>, DecodeError> {
    Ok(string(field)?.map(str::to_owned))
}
