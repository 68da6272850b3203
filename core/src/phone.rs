//! Phone numbers: their form in a request, and their comparison with those in a response.

use crate::error::Error;
use crate::json::Value;
use crate::text_problem::{self, has, is_blank, position, script_of_digit};

/// The rule of [`is_e164`], for error messages.
const E164_RULE: &str = "it must be in E.164 form, + and 7 to 15 digits, the first not \
                                    0: libphonenumber (in Python, phonenumbers) converts numbers";

/// Whether a number has the form of a request, E.164: `+`, then 7 to 15 digits, the first not 0.
pub(crate) fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}

/// Checks a number that is sent, or compared with one that was sent.
pub(crate) fn check(number: &str) -> Result<(), Error> {
    match problem(number) {
        None => Ok(()),
        Some(problem) => {
            Err(Error::invalid_argument("phone_number", &format!("{problem}; {E164_RULE}")))
        }
    }
}

/// What is wrong with a number that is not in E.164 form, without any digit of it.
fn problem(number: &str) -> Option<String> {
    if is_e164(number) {
        return None;
    }
    if number.is_empty() {
        return Some("must not be empty".to_owned());
    }
    if let Some(scheme) = scheme(number) {
        return Some(format!("has \"{scheme}\" at the beginning"));
    }
    Some(match (prefix_problem(number), character_problem(number)) {
        (None, None) => count_problem(number),
        (Some(problem), None) | (None, Some(problem)) => problem,
        (Some(prefix), Some(character)) => format!("{prefix}, and {character}"),
    })
}

/// What comes before a number in a link.
fn scheme(number: &str) -> Option<&'static str> {
    let number = number.trim_start_matches(is_blank);
    ["tel:", "callto:", "sms:", "sip:", "whatsapp:"].into_iter().find(|scheme| {
        number.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}

/// What is wrong with the beginning of a number, apart from single characters.
fn prefix_problem(number: &str) -> Option<String> {
    if let Some(rest) = number.strip_prefix(' ')
        && rest.starts_with(|c: char| matches!(c, '1'..='9'))
    {
        return Some("has no + at the beginning (in the query of a URL, write it as %2B)".into());
    }
    let is_skipped = |c| is_blank(c) || matches!(c, '"' | '\'' | '(' | '\u{2018}'..='\u{201f}');
    let digits = number.trim_start_matches(is_skipped);
    let percent = digits.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("%2b"));
    let problem = match digits {
        _ if percent => "has \"%2B\" in place of \"+\": it is percent-encoded",
        _ if digits.starts_with("00") => "has \"00\" in place of \"+\"",
        _ if digits.starts_with('0') => {
            "is a national number (it starts with 0): add + and the country code"
        }
        _ if digits.starts_with("+0") => "has a 0 after the +, where the country code begins",
        _ if digits.starts_with(|c: char| c.is_ascii_digit()) => {
            "has no + at the beginning: add + and the country code"
        }
        _ => return None,
    };
    Some(problem.to_owned())
}

/// Describes the first character that is not allowed.
fn character_problem(number: &str) -> Option<String> {
    let mut chars = number.char_indices();
    let (at, c) = chars.find(|(at, c)| !(c.is_ascii_digit() || (*c == '+' && *at == 0)))?;
    let rest = &number[at..];
    let place = position(number, at);
    if let Some(skipped) = extension(rest).filter(|_| at > SHORTEST) {
        return Some(format!("has an extension at character {}", place + skipped));
    }
    let is_followed = rest.chars().skip(1).any(|c| c.is_ascii_digit());
    // What is before may be a whole number.
    let is_second = at > SHORTEST && is_followed;
    Some(match c {
        '%' if at == 0 => return None,
        ',' | ';' | '/' | '|' if is_second => has(number, at, c) + " (several numbers?)",
        _ if is_second && rest[c.len_utf8()..].contains('+') => {
            has(number, at, c) + " (several numbers?)"
        }
        '+' if is_second => format!("has a second + at character {place} (several numbers?)"),
        '+' if number[..at].contains('+') => format!("has a second + at character {place}"),
        '*' => has(number, at, c) + " (a masked number?)",
        '.' if is_decimal(rest) => has(number, at, c) + " (a number from a spreadsheet?)",
        _ if number.contains("(0)") => has(number, at, c) + " (leave out the \"(0)\" too)",
        _ if let Some(script) = script_of_digit(c) => {
            // Without its article.
            let (_, script) = script.split_once(' ').unwrap_or_default();
            format!("has {script} digits, the first at character {place}")
        }
        _ if c.is_ascii_alphabetic() && number.matches(|c: char| c.is_alphabetic()).count() > 1 => {
            format!("has letters, the first at character {place}")
        }
        _ => text_problem::find(number, &|c| c.is_ascii_digit() || c == '+')?,
    })
}

/// The fewest digits of a number.
const SHORTEST: usize = 7;

/// How many characters of what follows the digits come before an extension, such as ` ext. 12`.
fn extension(rest: &str) -> Option<usize> {
    let text = rest.trim_start_matches([' ', ',', ';', '(']);
    let lower = text.to_ascii_lowercase();
    let mark =
        ["extension", "extn", "ext", "x", "#"].into_iter().find(|it| lower.starts_with(it))?;
    let number = lower[mark.len()..].trim_start_matches([' ', '.', ':', '=']);
    let skipped = rest.chars().count() - text.chars().count();
    number.starts_with(|c: char| c.is_ascii_digit()).then_some(skipped)
}

/// Whether a decimal point and only digits follow, or an exponent: `.0`, `.67E+10`.
fn is_decimal(rest: &str) -> bool {
    let digits = rest[1..].trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() == 2 && digits.is_empty() || digits.starts_with(['e', 'E'])
}

fn count_problem(number: &str) -> String {
    let count = number.bytes().filter(u8::is_ascii_digit).count();
    match count {
        0 => "has no digits".to_owned(),
        1 => "is too short: it has 1 digit".to_owned(),
        _ if count < SHORTEST => format!("is too short: it has {count} digits"),
        _ => format!("is too long: it has {count} digits"),
    }
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
