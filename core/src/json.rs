//! JSON that any reader can read.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Refuses what JSON allows and readers of it do not: more than 127 levels, numbers beyond a double,
/// halves of surrogate pairs. What a session is read from is handed on as it is, to languages whose
/// own readers would fail, each at another place.
pub(crate) fn check_is_readable(text: &str) -> Result<(), serde_json::Error> {
    serde_json::from_str(text).map(|Anything| ())
}

/// Any value, read and dropped. Serde's own `IgnoredAny` is skipped over, not read.
struct Anything;

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Anything {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while let Some(Self) = list.next_element()? {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while let Some((Self, Self)) = map.next_entry()? {}
        Ok(self)
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
            check_is_readable(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
        check_is_readable(&nested(127)).unwrap();
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
            assert!(check_is_readable(text).is_err(), "{}", &text[..text.len().min(20)]);
        }
    }
}
