//! What is wrong with a text that somebody typed, pasted or read from a file, and where.
//!
//! Positions count characters from 1. A description names only the kind of a character, and never a
//! letter or a digit: the text may be a phone number or contain a secret.

use std::borrow::Cow;

use crate::redact::is_invisible;

/// Describes the first character that is not allowed, such as `has a space at character 4`.
pub(crate) fn find(text: &str, is_allowed: &dyn Fn(char) -> bool) -> Option<String> {
    let (at, c) = text.char_indices().find(|(_, c)| !is_allowed(*c))?;
    Some(match (wrapping(text), at_end(text, at)) {
        (Some(marks), _) => marks.to_owned(),
        (None, Some(end)) => end,
        (None, None) => has(text, at, c),
    })
}

/// Describes the character at the byte `at`.
pub(crate) fn has(text: &str, at: usize, c: char) -> String {
    format!("has {} at character {}", kind(c), position(text, at))
}

/// The position of the character at the byte `at`.
pub(crate) fn position(text: &str, at: usize) -> usize {
    text[..at].chars().count() + 1
}

/// Describes the rest of a text, from the byte `at` on, if it is not seen.
fn at_end(text: &str, at: usize) -> Option<String> {
    let rest = &text[at..];
    let first = rest.chars().next()?;
    if at == 0 || !rest.chars().all(is_blank) {
        return None;
    }
    Some(match rest.contains('\r') {
        true => format!("has {CARRIAGE_RETURN_AT_END}"),
        false => format!("has {} at the end (character {})", kind(first), position(text, at)),
    })
}

const CARRIAGE_RETURN_AT_END: &str =
    "a carriage return at the end (a file with Windows line ends?)";

/// Describes a secret that contains a character that is not allowed. The place is named only at
/// its beginning and its end.
pub(crate) fn find_in_secret(secret: &str, is_allowed: &dyn Fn(char) -> bool) -> Option<String> {
    let found = secret.chars().find(|c| !is_allowed(*c))?;
    let is_suspect = |c| !is_allowed(c) || is_quotation_mark(c);
    Some(at_ends(secret, &is_suspect).unwrap_or_else(|| match found {
        c if c.is_ascii() || is_blank(c) => format!("contains {}", kind(c)),
        _ => "contains a character that is not ASCII".to_owned(),
    }))
}

/// Describes a blank or a quotation mark at the beginning or the end of a text, which is probably left
/// over from a file or a shell.
pub(crate) fn unusual_end(text: &str) -> Option<String> {
    at_ends(text, &|c| is_blank(c) || is_quotation_mark(c))
}

fn at_ends(text: &str, is_suspect: &dyn Fn(char) -> bool) -> Option<String> {
    let (first, last) = (text.chars().next()?, text.chars().next_back()?);
    if is_suspect(last) && !is_quotation_mark(last) {
        if last == '\r' || text.ends_with("\r\n") {
            return Some("ends with a carriage return (a file with Windows line ends?)".to_owned());
        }
        return Some(format!("ends with {}", kind(last)));
    }
    if is_suspect(first) {
        return Some(format!("begins with {}", kind(first)));
    }
    is_suspect(last).then(|| format!("ends with {}", kind(last)))
}

/// Describes the marks around a text: they are left over from a file, a shell or a document.
fn wrapping(text: &str) -> Option<&'static str> {
    let mut chars = text.trim_matches(is_blank).chars();
    match (chars.next()?, chars.next_back()?) {
        ('<', '>') => Some("has angle brackets around it"),
        (first, last) if is_quotation_mark(first) && is_quotation_mark(last) => {
            Some("has quotation marks around it")
        }
        _ => None,
    }
}

/// Text that is not UTF-8, `valid_up_to` this byte. The place in a secret is not named.
pub(crate) fn not_utf8(name: &str, valid_up_to: usize) -> String {
    match is_secret(name) {
        true => "is not valid UTF-8".to_owned(),
        false => format!("is not valid UTF-8 at byte {}", valid_up_to + 1),
    }
}

/// Text with a lone surrogate, which UTF-8 cannot encode. The place in a secret is not named.
pub(crate) fn lone_surrogate(name: &str, position: usize) -> String {
    const PROBLEM: &str = "contains a lone surrogate, not encodable as UTF-8";
    match is_secret(name) {
        true => PROBLEM.to_owned(),
        false => format!("{PROBLEM}, at character {position}"),
    }
}

/// Whether an argument or a variable with this name may contain a secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["key", "secret", "proxy", "token"].iter().any(|end| name.ends_with(end))
}

/// Whether a character is not seen: a space, a line end, a control or format character.
pub(crate) fn is_blank(c: char) -> bool {
    c.is_whitespace() || is_invisible(c)
}

pub(crate) fn is_quotation_mark(c: char) -> bool {
    matches!(c, '"' | '\'' | '`' | '«' | '»' | '\u{2018}'..='\u{201f}' | '\u{ff02}' | '\u{ff07}')
}

/// The kind of a character, with its code point if it is not ASCII. Letters and digits have none:
/// it would show a part of the text.
pub(crate) fn kind(c: char) -> Cow<'static, str> {
    if let Some(script) = script_of_digit(c) {
        return format!("{script} digit").into();
    }
    let kind: Cow<'static, str> = match c {
        '\0' | '\t' | '\n' | '\r' | ' '..='~' => return ascii_kind(c).into(),
        '\u{a0}' => "a no-break space".into(),
        '\u{202f}' => "a narrow no-break space".into(),
        '\u{3000}' => "a full-width space".into(),
        '\u{85}' | '\u{2028}' | '\u{2029}' => "a line separator".into(),
        '\u{200b}' => "a zero-width space".into(),
        '\u{feff}' => "a byte order mark".into(),
        '\u{200c}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'
        | '\u{2066}'..='\u{2069}'
        | '\u{61c}' => "a zero-width or direction mark".into(),
        '\u{ad}' => "a soft hyphen".into(),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => "a dash".into(),
        '\u{207a}' | '\u{2795}' | '\u{fe62}' => "a plus that is not ASCII".into(),
        '\u{fffd}' => "a replacement character".into(),
        '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => return "a full-width letter".into(),
        '\u{ff01}'..='\u{ff5e}' => full_width_kind(c).into(),
        _ if is_quotation_mark(c) => "a curly quotation mark".into(),
        _ if c.is_control() => "a control character".into(),
        _ if c.is_whitespace() => "an unusual space".into(),
        _ if is_invisible(c) => "an invisible character".into(),
        _ if c.is_alphanumeric() => return "a letter that is not ASCII".into(),
        _ => "a character that is not ASCII".into(),
    };
    format!("{kind} (U+{:04X})", u32::from(c)).into()
}

fn full_width_kind(c: char) -> String {
    let ascii = char::from_u32(u32::from(c) - 0xff01 + u32::from('!')).unwrap_or(c);
    // Without its article.
    let (_, kind) = ascii_kind(ascii).split_once(' ').unwrap_or_default();
    format!("a full-width {kind}")
}

fn ascii_kind(c: char) -> &'static str {
    match c {
        '\0' => "a NUL character",
        '\t' => "a tab",
        '\n' => "a line end",
        '\r' => "a carriage return",
        ' ' => "a space",
        '!' => "an exclamation mark",
        '"' => "a quotation mark",
        '#' => "a number sign (#)",
        '$' => "a dollar sign",
        '%' => "a percent sign",
        '&' => "an ampersand",
        '\'' => "an apostrophe",
        '(' | ')' => "a parenthesis",
        '*' => "an asterisk",
        '+' => "a plus",
        ',' => "a comma",
        '-' => "a hyphen",
        '.' => "a full stop",
        '/' => "a slash",
        ':' => "a colon",
        ';' => "a semicolon",
        '<' | '>' => "an angle bracket",
        '=' => "an equals sign",
        '?' => "a question mark",
        '@' => "an at sign",
        '[' | ']' => "a square bracket",
        '\\' => "a backslash",
        '^' => "a caret",
        '_' => "an underscore",
        '`' => "a backtick",
        '{' | '}' => "a curly bracket",
        '|' => "a vertical bar",
        '~' => "a tilde",
        '0'..='9' => "a digit",
        'a'..='z' | 'A'..='Z' => "a letter",
        _ => "a control character",
    }
}

/// The script of a digit that is not ASCII, with an article.
pub(crate) fn script_of_digit(c: char) -> Option<&'static str> {
    match c {
        _ if c.is_ascii() || !c.is_numeric() => None,
        '\u{660}'..='\u{669}' => Some("an Arabic"),
        '\u{6f0}'..='\u{6f9}' => Some("a Persian"),
        '\u{966}'..='\u{96f}' => Some("a Devanagari"),
        '\u{9e6}'..='\u{9ef}' => Some("a Bengali"),
        '\u{ff10}'..='\u{ff19}' => Some("a full-width"),
        _ => Some("a non-ASCII"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_has_a_kind_that_shows_no_letter_and_no_digit_of_a_text() {
        for c in '\0'..=char::MAX {
            let kind = kind(c);
            assert!(kind.is_ascii() && kind.starts_with('a'), "{kind}");
            assert!(kind.split_once(' ').is_some_and(|(_, rest)| !rest.is_empty()), "{kind}");
            let is_known = matches!(c, '\0' | '\t' | '\n' | '\r' | ' '..='~');
            let is_content = c.is_alphanumeric() && !is_invisible(c);
            assert_eq!(kind.contains("(U+"), !is_known && !is_content, "{kind}");
        }
    }

    #[test]
    fn a_position_counts_characters() {
        let no_space = |c| c != ' ';
        assert_eq!(find("åäö ab", &no_space).unwrap(), "has a space at character 4");
        assert_eq!(find("\u{1f600} ab", &no_space).unwrap(), "has a space at character 2");
        assert_eq!(find("ab", &no_space), None);
    }

    #[test]
    fn what_is_at_the_end_or_around_a_text_is_said_so() {
        let graphic = |c: char| c.is_ascii_graphic() && c != '"';
        for (text, expected) in [
            ("ab\n", "has a line end at the end (character 3)"),
            ("ab \n", "has a space at the end (character 3)"),
            ("ab\r", "has a carriage return at the end (a file with Windows line ends?)"),
            ("ab\r\n", "has a carriage return at the end (a file with Windows line ends?)"),
            ("ab\u{200e}", "has a zero-width or direction mark (U+200E) at the end (character 3)"),
            ("\"ab\"", "has quotation marks around it"),
            ("\"ab\"\n", "has quotation marks around it"),
            ("\u{201c}ab\u{201d}", "has quotation marks around it"),
            ("\u{feff}ab", "has a byte order mark (U+FEFF) at character 1"),
            ("a\nb", "has a line end at character 2"),
            (" ", "has a space at character 1"),
            ("\"", "has a quotation mark at character 1"),
        ] {
            assert_eq!(find(text, &graphic).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn of_a_secret_only_the_ends_are_described() {
        let graphic = |c: char| c.is_ascii_graphic();
        for (secret, expected) in [
            ("ab\n", "ends with a line end"),
            ("\"ab\"\n", "ends with a line end"),
            ("ab\r\n", "ends with a carriage return (a file with Windows line ends?)"),
            (" ab", "begins with a space"),
            ("\u{feff}ab", "begins with a byte order mark (U+FEFF)"),
            ("\"a b\"", "begins with a quotation mark"),
            ("a b", "contains a space"),
            ("a\u{2013}b", "contains a character that is not ASCII"),
            ("ab\u{e5}", "ends with a letter that is not ASCII"),
        ] {
            assert_eq!(find_in_secret(secret, &graphic).unwrap(), expected, "{secret:?}");
        }
        assert_eq!(find_in_secret("\"ab\"", &graphic), None);
        assert_eq!(unusual_end("\"ab\"").unwrap(), "begins with a quotation mark");
        assert_eq!(unusual_end("a b"), None);
    }

    #[test]
    fn the_place_in_a_secret_is_not_named() {
        assert_eq!(not_utf8("locale", 2), "is not valid UTF-8 at byte 3");
        assert!(lone_surrogate("locale", 3).ends_with("at character 3"));
        for name in ["api_key", "secret", "ZIGNSEC_API_KEY", "proxy", "csrf_token"] {
            assert!(!not_utf8(name, 2).contains('3') && !lone_surrogate(name, 3).contains('3'));
        }
    }
}
