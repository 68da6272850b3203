//! What may be shown of what must not be: keys, phone numbers and the private parts of URLs.

/// A phone number as it may be logged: `+46*****954`.
pub(crate) fn phone(number: &str) -> String {
    const SHOWN_AT_EACH_END: usize = 3;
    // Of a short number both ends would be nearly all of it.
    const SHORTEST_WITH_BOTH_ENDS: usize = 10;
    let characters: Vec<char> =
        number.chars().filter(|c| *c == '+' || c.is_ascii_digit()).collect();
    let start: String = characters.iter().take(SHOWN_AT_EACH_END).collect();
    if characters.len() < SHORTEST_WITH_BOTH_ENDS {
        return format!("{start}*****");
    }
    let end: String = characters[characters.len() - SHOWN_AT_EACH_END..].iter().collect();
    format!("{start}*****{end}")
}

/// Somebody else's text (the gateway's, the system's) as it may stand in a message: without
/// `secrets`, phone numbers, and the user info, query and fragment of URLs.
pub(crate) fn text(text: &str, secrets: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        text = text.replace(secret, "[key]");
    }
    phone_numbers(&urls(&text))
}

/// Cuts `user:password@` and everything from `?` or `#` on out of each URL.
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

/// Masks what could be a phone number: a plus and its digits, however spaced, or seven digits in
/// a row. An id or a time that looks like one is masked too: better than the other way round.
fn phone_numbers(text: &str) -> String {
    const FEWEST_DIGITS: usize = 7;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c == '+' || c.is_ascii_digit()) {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let spaced = rest.starts_with('+');
        let end = rest[1..]
            .find(|c: char| {
                !(c.is_ascii_digit() || (spaced && matches!(c, ' ' | '-' | '.' | '(' | ')')))
            })
            .map_or(rest.len(), |end| end + 1);
        let run = rest[..end].trim_end_matches([' ', '-', '.', '(', ')']);
        if run.bytes().filter(u8::is_ascii_digit).count() >= FEWEST_DIGITS {
            out.push_str(&phone(run));
        } else {
            out.push_str(run);
        }
        rest = &rest[run.len()..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_number_keeps_its_country_and_its_end() {
        assert_eq!(phone("+46703339954"), "+46*****954");
        assert_eq!(phone("+4670333"), "+46*****");
        assert_eq!(phone(""), "*****");
    }

    #[test]
    fn text_of_others_loses_keys_numbers_and_private_parts_of_urls() {
        for (given, shown) in [
            ("key k-1 is unknown", "key [key] is unknown"),
            ("phone +46703339954 is blocked", "phone +46*****954 is blocked"),
            ("call +46 70 333-99 54.", "call +46*****954."),
            ("to=%2B46703339954", "to=%2B467*****954"),
            ("see https://u:p@a.example/b?c=d#e now", "see https://a.example/b now"),
            ("\"https://a.example?x\"", "\"https://a.example\""),
            ("a+b = 12 of 100", "a+b = 12 of 100"),
            ("http://127.0.0.1:46701/x", "http://127.0.0.1:46701/x"),
        ] {
            assert_eq!(text(given, &["k-1"]), shown);
        }
    }
}
