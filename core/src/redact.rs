//! Redaction: removes keys, phone numbers and the private parts of URLs from text that is shown.

/// A phone number as it may be logged: `+46*****954`.
pub(crate) fn phone(number: &str) -> String {
    const SHOWN_AT_EACH_END: usize = 3;
    // Both ends of a short number would be nearly all of it.
    const SHORTEST_WITH_BOTH_ENDS: usize = 10;
    let characters: Vec<char> = number.chars().filter(|c| *c == '+' || c.is_numeric()).collect();
    let start: String = characters.iter().take(SHOWN_AT_EACH_END).collect();
    if characters.len() < SHORTEST_WITH_BOTH_ENDS {
        return format!("{start}*****");
    }
    let end: String = characters[characters.len() - SHOWN_AT_EACH_END..].iter().collect();
    format!("{start}*****{end}")
}

/// Redacts untrusted text (the gateway's) for a message: removes `secrets`, phone numbers,
/// invisible characters, and the user info, query and fragment of URLs.
pub(crate) fn text(text: &str, secrets: &[&str]) -> String {
    // An escape or an invisible character inside a secret would hide it from the search. A secret
    // may itself look like an escape, so keys are removed before and after unescaping.
    let mut plain = unescaped(&keys(text, secrets));
    plain.retain(|c| !c.is_control() && !is_invisible(c));
    phone_numbers(&urls(&keys(&plain, secrets)))
}

/// Resolves the escapes that JSON, or JSON within JSON, may use in a key, number or URL.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let behind = rest[at..].trim_start_matches('\\');
        let code = behind.strip_prefix('u').and_then(|code| code.get(..4));
        let escaped = code.and_then(|code| char::from_u32(u32::from_str_radix(code, 16).ok()?));
        out.push_str(&rest[..at]);
        if let Some(c) = escaped {
            out.push(c);
            rest = &behind["u0000".len()..];
        } else {
            if !behind.starts_with(['/', '"']) {
                out.push_str(&rest[at..rest.len() - behind.len()]);
            }
            rest = behind;
        }
    }
    out.push_str(rest);
    out
}

/// Whether a character is invisible or changes the direction of the text.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
    )
}

/// Replaces each secret. If several match at one position, the longest is replaced: one key may be
/// the prefix of another.
fn keys(text: &str, secrets: &[&str]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let here = secrets.iter().filter(|secret| rest.starts_with(**secret));
        let (shown, length) = match here.map(|secret| secret.len()).max() {
            Some(length) => ("[key]", length),
            None => (&rest[..first.len_utf8()], first.len_utf8()),
        };
        out.push_str(shown);
        rest = &rest[length..];
    }
    out
}

/// Removes `user:password@` and everything from `?` or `#` on from each URL.
fn urls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`'))
            .unwrap_or(after.len());
        let (url, behind) = after.split_at(end);
        let shown = &url[..url.find(['?', '#']).unwrap_or(url.len())];
        let authority = shown.find('/').unwrap_or(shown.len());
        let host = shown[..authority].rfind('@').map_or(0, |at| at + 1);
        out.push_str(&shown[host..]);
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// Masks what could be a phone number: seven digits or more, with any separators. An id or a date
/// that looks like one is masked too.
fn phone_numbers(text: &str) -> String {
    const FEWEST_DIGITS: usize = 7;
    fn separates(c: char) -> bool {
        c.is_whitespace()
            || matches!(c, '-' | '.' | '(' | ')' | '_' | ',' | '/' | '\u{2010}'..='\u{2015}')
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c == '+' || c.is_numeric()) {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let inside = rest.strip_prefix('+').unwrap_or(rest);
        let end = inside.find(|c: char| !c.is_numeric() && !separates(c)).unwrap_or(inside.len());
        let length = rest.len() - inside.len() + inside[..end].trim_end_matches(separates).len();
        let (run, behind) = rest.split_at(length);
        if run.chars().filter(|c| c.is_numeric()).count() >= FEWEST_DIGITS {
            out.push_str(&phone(run));
        } else {
            out.push_str(run);
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_phone_number_keeps_its_country_and_its_end() {
        assert_eq!(phone("+46703339954"), "+46*****954");
        assert_eq!(phone("+4670333"), "+46*****");
        assert_eq!(phone(""), "*****");
    }

    #[test]
    fn untrusted_text_loses_keys_numbers_and_private_parts_of_urls() {
        for (given, shown) in [
            ("key k-1 is unknown", "key [key] is unknown"),
            ("key k-12 is unknown", "key [key] is unknown"),
            ("070 333 99 54", "070*****954"),
            ("+46_703_339_954", "+46*****954"),
            ("https:\\/\\/a.example\\/ok?t=S", "https://a.example/ok"),
            ("{\\\"a\\\":\\\"\\\\u002B46701740605", "{\"a\":\"+46*****605"),
            ("k-\\u0031 \\ud800 \\n \\u12", "[key] \\ud800 \\n \\u12"),
            ("k-\u{200b}1\u{1} at +46\u{ad}701\u{feff}740\u{202d}605", "[key] at +46*****605"),
            ("k\\/2", "[key]"),
            ("phone +46703339954 is blocked", "phone +46*****954 is blocked"),
            ("call +46 70 333-99 54.", "call +46*****954."),
            ("call 070/333\u{2011}9954", "call 070*****954"),
            ("to=%2B46703339954", "to=%2B467*****954"),
            ("see https://u:p@a.example/b?c=d#e now", "see https://a.example/b now"),
            ("\"https://a.example?x\"", "\"https://a.example\""),
            ("a+b = 12 of 100", "a+b = 12 of 100"),
            ("http://127.0.0.1:46701/x", "http://127.0.0.1:46701/x"),
        ] {
            assert_eq!(text(given, &["k-1", "k-12", "k\\/2"]), shown);
        }
    }
}
