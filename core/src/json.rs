//! A strict JSON parser that keeps only the fields that the library reads. All others are checked
//! and skipped.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Parses one JSON value, and the fields `F` if it is an object. Refuses what JSON allows but some
/// parsers do not: more than 127 levels, numbers beyond the range of a double, lone surrogates. The
/// JSON of a session is passed on unchanged to other languages, whose parsers must accept it.
pub(crate) fn parse<'a, F: Fields<'a>>(text: &'a str) -> Result<Field<'a, F>, serde_json::Error> {
    let mut field = Field::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    field.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(field)
}

/// The fields of an object that the library reads.
pub(crate) trait Fields<'a>: Default {
    /// Reads the value of a field. Returns false if the field is not one of these.
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>;
}

/// No field.
impl<'a> Fields<'a> for () {
    fn read<A: MapAccess<'a>>(&mut self, _: &str, _: &mut A) -> Result<bool, A::Error> {
        Ok(false)
    }
}

/// A JSON value. Text without escapes is borrowed.
pub(crate) enum Value<'a> {
    Null,
    Text(Cow<'a, str>),
    Object {
        is_empty: bool,
    },
    List {
        is_empty: bool,
    },
    /// A whole number that is not negative.
    Integer(u64),
    /// Another number or a boolean.
    Other,
}

impl Value<'_> {
    /// Whether the value is null, `""`, `[]` or `{}`.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            Self::List { is_empty } | Self::Object { is_empty } => *is_empty,
            Self::Integer(_) | Self::Other => false,
        }
    }
}

/// A field of an object, with the fields `F` of its value. The value may be missing.
///
/// It is parsed in place: it can be large, and moving it is slow.
#[derive(Default)]
pub(crate) struct Field<'a, F = ()> {
    value: Option<Value<'a>>,
    fields: F,
    is_duplicate: bool,
}

/// A key occurs twice. Parsers disagree on which of the two counts.
pub(crate) struct DuplicateKey;

impl<'a, F: Fields<'a>> Field<'a, F> {
    pub(crate) fn read<A: MapAccess<'a>>(&mut self, map: &mut A) -> Result<bool, A::Error> {
        self.is_duplicate = self.value.is_some();
        map.next_value_seed(self)?;
        Ok(true)
    }

    pub(crate) fn value(&self) -> Result<Option<&Value<'a>>, DuplicateKey> {
        if self.is_duplicate { Err(DuplicateKey) } else { Ok(self.value.as_ref()) }
    }

    /// The fields of the value, if it is an object.
    pub(crate) fn object(&self) -> Result<Option<&F>, DuplicateKey> {
        let is_object = matches!(self.value()?, Some(Value::Object { .. }));
        Ok(is_object.then_some(&self.fields))
    }
}

impl<'de, F: Fields<'de>> DeserializeSeed<'de> for &mut Field<'de, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: Fields<'de>> Visitor<'de> for &mut Field<'de, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.value = Some(Value::Null);
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.value = Some(Value::Other);
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.value = Some(Value::Other);
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.value = Some(Value::Integer(number));
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.value = Some(Value::Other);
        Ok(())
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.value = Some(Value::Text(Cow::Borrowed(text)));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.value = Some(Value::Text(Cow::Owned(text.to_owned())));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut is_empty = true;
        while list.next_element_seed(&mut Field::<()>::default())?.is_some() {
            is_empty = false;
        }
        self.value = Some(Value::List { is_empty });
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut is_empty = true;
        while let Some(Key(key)) = map.next_key()? {
            is_empty = false;
            if !self.fields.read(&key, &mut map)? {
                map.next_value_seed(&mut Field::<()>::default())?;
            }
        }
        self.value = Some(Value::Object { is_empty });
        Ok(())
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
            if let Err(error) = parse::<()>(text) {
                panic!("{text}: {error}");
            }
        }
        assert!(parse::<()>(&nested(127)).is_ok());
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
            assert!(parse::<()>(text).is_err(), "{}", &text[..text.len().min(20)]);
        }
    }

    #[test]
    fn a_field_is_found_unless_its_key_is_duplicated() {
        #[derive(Default)]
        struct Letters<'a> {
            a: Field<'a>,
            b: Field<'a>,
            c: Field<'a>,
            d: Field<'a>,
        }
        impl<'a> Fields<'a> for Letters<'a> {
            fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
                match key {
                    "a" => self.a.read(map),
                    "b" => self.b.read(map),
                    "c" => self.c.read(map),
                    "d" => self.d.read(map),
                    _ => Ok(false),
                }
            }
        }
        let json = r#"{"a": "x", "\u0062": [], "c": 1, "e": {"d": 1}, "\u0063": 2, "e": 1}"#;
        let Ok(field) = parse::<Letters<'_>>(json) else { panic!("not parsed") };
        assert!(matches!(field.value(), Ok(Some(Value::Object { is_empty: false }))));
        let Ok(Some(fields)) = field.object() else { panic!("not an object") };
        assert!(matches!(fields.a.value(), Ok(Some(Value::Text(Cow::Borrowed("x"))))));
        assert!(matches!(fields.b.value(), Ok(Some(Value::List { is_empty: true }))));
        assert!(matches!(fields.c.value(), Err(DuplicateKey)));
        assert!(matches!(fields.d.value(), Ok(None)));
    }
}
