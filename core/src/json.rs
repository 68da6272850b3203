//! JSON that every parser accepts, parsed once.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Parses one JSON value. Refuses what JSON allows but some parsers do not: more than 127 levels,
/// numbers beyond the range of a double, lone surrogates. The JSON of a session is passed on
/// unchanged to other languages, whose parsers must accept it.
pub(crate) fn parse(text: &str) -> Result<Value<'_>, serde_json::Error> {
    serde_json::from_str(text)
}

/// The parts of a JSON value that this library uses. Text without escapes is borrowed.
pub(crate) enum Value<'a> {
    Null,
    Text(Cow<'a, str>),
    Object(Object<'a>),
    List {
        is_empty: bool,
    },
    /// A number or a boolean.
    Other,
}

/// The fields of an object, in the order of the text.
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

/// A key occurs twice. Parsers disagree on which of the two counts.
pub(crate) struct DuplicateKey;

impl<'a> Object<'a> {
    pub(crate) fn get(&self, name: &str) -> Result<Option<&Value<'a>>, DuplicateKey> {
        let mut found = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
        match (found.next(), found.next()) {
            (first, None) => Ok(first),
            (_, Some(_)) => Err(DuplicateKey),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValueVisitor;

        impl<'de> Visitor<'de> for ValueVisitor {
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
                // The gateway's objects have fewer fields.
                const CAPACITY: usize = 8;
                let mut fields = Vec::new();
                while let Some((Key(key), value)) = map.next_entry()? {
                    if fields.is_empty() {
                        fields.reserve(CAPACITY);
                    }
                    fields.push((key, value));
                }
                Ok(Value::Object(Object(fields)))
            }
        }

        deserializer.deserialize_any(ValueVisitor)
    }
}

/// The key of a field. Serde never borrows a plain `Cow`.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
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

        deserializer.deserialize_str(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        format!("{}{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn json_that_every_parser_accepts_is_accepted() {
        for text in ["null", " true ", "-1", "1.5e308", r#""\ud83d\ude00""#, r#"{"a":[{},"b",1]}"#]
        {
            if let Err(error) = parse(text) {
                panic!("{text}: {error}");
            }
        }
        assert!(parse(&nested(127)).is_ok());
    }

    #[test]
    fn json_that_some_parsers_refuse_is_refused() {
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
            assert!(parse(text).is_err(), "{}", &text[..text.len().min(20)]);
        }
    }

    #[test]
    fn a_field_is_found_unless_its_key_is_duplicated() {
        let Ok(Value::Object(object)) = parse(r#"{"a": "x", "\u0062": [], "c": 1, "\u0063": 2}"#)
        else {
            panic!("not parsed");
        };
        assert!(matches!(object.get("a"), Ok(Some(Value::Text(Cow::Borrowed("x"))))));
        assert!(matches!(object.get("b"), Ok(Some(Value::List { is_empty: true }))));
        assert!(matches!(object.get("c"), Err(DuplicateKey)));
        assert!(matches!(object.get("d"), Ok(None)));
    }
}
