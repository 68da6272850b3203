//! Phone numbers: their form in a request, and their comparison with those in a response.

use crate::json::Value;

/// Whether a number has the form of a request, E.164: `+`, then 7 to 15 digits, the first not 0.
pub(crate) fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}

/// The phone number that a response names, in one field or in several. Numbers are compared by
/// their digits only: the gateway may format them.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq, Hash)]
pub(crate) enum NamedNumber {
    /// The response names no number.
    #[default]
    None,
    /// All fields name this number.
    One(u64),
    /// Fields differ, or one of them is not a number that a request can contain.
    Other,
}

impl NamedNumber {
    pub(crate) fn of(number: &str) -> Self {
        let is_other_digit = |c: char| c.is_numeric() && !c.is_ascii();
        if !number.is_ascii() && number.contains(is_other_digit) {
            return Self::Other;
        }
        let mut digits = 0;
        for digit in number.bytes().filter(u8::is_ascii_digit) {
            // E.164 allows no zero at the start, which would be lost here, and at most 15 digits.
            if (digits == 0 && digit == b'0') || digits >= 10u64.pow(14) {
                return Self::Other;
            }
            digits = digits * 10 + u64::from(digit - b'0');
        }
        if digits > 0 { Self::One(digits) } else { Self::Other }
    }

    /// The number in one field. Null and empty values count as absent.
    pub(crate) fn of_value(value: Option<&Value<'_>>) -> Self {
        match value {
            Some(value) if !value.is_empty() => match value {
                Value::Text(text) => Self::of(text),
                Value::Integer(number) => Self::of(&number.to_string()),
                _ => Self::Other,
            },
            _ => Self::None,
        }
    }

    /// For storage, with [`from_stored`](Self::from_stored).
    pub(crate) fn stored(self) -> i64 {
        match self {
            Self::None => 0,
            Self::One(number) => number.try_into().unwrap_or(-1),
            Self::Other => -1,
        }
    }

    pub(crate) fn from_stored(stored: i64) -> Self {
        match u64::try_from(stored) {
            Ok(0) => Self::None,
            Ok(number) => Self::One(number),
            Err(_) => Self::Other,
        }
    }

    /// Combines the numbers of two fields.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, named) | (named, Self::None) => named,
            (first, second) if first == second => first,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_by_their_digits() {
        let number = NamedNumber::One(46701740605);
        for same in ["+46701740605", "46701740605", "+46 (70) 174-06.05", "tel:+46701740605"] {
            assert_eq!(NamedNumber::of(same), number, "{same}");
        }
        for other in [
            "+46701740606",
            "+4670174060",
            "+467017406050",
            "0046701740605",
            "0701740605",
            "+46*****605",
            // The sixth digit is not ASCII.
            "+46701\u{667}40605",
            "+46701740605\u{665}",
            "99999999999999999999999",
            "unknown",
            " ",
        ] {
            assert_ne!(NamedNumber::of(other), number, "{other}");
            assert_ne!(NamedNumber::of(other), NamedNumber::None, "{other}");
        }
    }

    #[test]
    fn numbers_that_differ_are_no_number() {
        let (first, second) = (NamedNumber::One(1), NamedNumber::One(2));
        assert_eq!(first.and(first), first);
        assert_eq!(first.and(NamedNumber::None), first);
        assert_eq!(NamedNumber::None.and(first), first);
        assert_eq!(first.and(second), NamedNumber::Other);
        assert_eq!(first.and(NamedNumber::Other), NamedNumber::Other);
        assert_eq!(NamedNumber::Other.and(first), NamedNumber::Other);
    }
}
