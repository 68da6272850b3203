//! JSON that any reader can read, read once.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Reads a text that is one JSON value. Refuses what JSON allows and readers of it do not: more than
/// 127 levels, numbers beyond a double, halves of surrogate pairs. What a session is read from is
/// handed on as it is, to languages whose own readers would fail, each at another place.
pub(crate) fn read(text: &str) -> Result<Value<'_>, serde_json::Error> {
    serde_json::from_str(text)
}

/// As much of a JSON value as this library has a use for. Text without escapes is borrowed.
pub(crate) enum Value<'a> {
    Null,
    Text(Cow<'a, str>),
    Object(Object<'a>),
    List {
        is_empty: bool,
    },
    /// A number or a truth value.
    Other,
}

/// The fields of an object, in their order.
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

/// A key stands twice, and which of the two counts must not be a question.
pub(crate) struct Repeated;

impl<'a> Object<'a> {
    pub(crate) fn get(&self, name: &str) -> Result<Option<&Value<'a>>, Repeated> {
        let mut found = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
        match (found.next(), found.next()) {
            (first, None) => Ok(first),
            (_, Some(_)) => Err(Repeated),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ReadValue;

        impl<'de> Visitor<'de> for ReadValue {
            type Value = Value<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Value<'de>, E> {
                Ok(Value::Null)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Value<'de>, E> {
                Ok(Value::Other)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Value<'de>, E> {
                Ok(Value::Other)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Value<'de>, E> {
                Ok(Value::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Value<'de>, E> {
                Ok(Value::Other)
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
                Ok(Value::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
                Ok(Value::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value<'de>, A::Error> {
                let mut is_empty = true;
                while list.next_element::<Value<'de>>()?.is_some() {
                    is_empty = false;
                }
                Ok(Value::List { is_empty })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
                // More than the gateway's objects have.
                const COMMON: usize = 8;
                let mut fields = Vec::new();
                while let Some((Key(key), value)) = map.next_entry()? {
                    if fields.is_empty() {
                        fields.reserve(COMMON);
                    }
                    fields.push((key, value));
                }
                Ok(Value::Object(Object(fields)))
            }
        }

        deserializer.deserialize_any(ReadValue)
    }
}

/// The key of a field. Serde's own `Cow` is never borrowed.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ReadKey;

        impl<'de> Visitor<'de> for ReadKey {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(ReadKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        format!("{}{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn what_every_reader_can_read_is_let_through() {
        for text in ["null", " true ", "-1", "1.5e308", r#""\ud83d\ude00""#, r#"{"a":[{},"b",1]}"#]
        {
            if let Err(error) = read(text) {
                panic!("{text}: {error}");
            }
        }
        assert!(read(&nested(127)).is_ok());
    }

    #[test]
    fn what_some_readers_cannot_read_is_refused() {
        let long = "1".repeat(400);
        for text in [
            nested(128).as_str(),
            &nested(100_000),
            "1e999",
            &long,
            r#"{"a":"\ud800"}"#,
            r#"{"\udc00":1}"#,
            "{} x",
            "",
        ] {
            assert!(read(text).is_err(), "{}", &text[..text.len().min(20)]);
        }
    }

    #[test]
    fn a_field_is_found_unless_it_stands_twice() {
        let Ok(Value::Object(object)) = read(r#"{"a": "x", "\u0062": [], "c": 1, "\u0063": 2}"#)
        else {
            panic!("not read");
        };
        assert!(matches!(object.get("a"), Ok(Some(Value::Text(Cow::Borrowed("x"))))));
        assert!(matches!(object.get("b"), Ok(Some(Value::List { is_empty: true }))));
        assert!(matches!(object.get("c"), Err(Repeated)));
        assert!(matches!(object.get("d"), Ok(None)));
    }
}
