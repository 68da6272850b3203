//! Finds keys, numbers and the private parts of URLs in a layer of a text.

use super::layer::{Char, count, escape};

/// How many letters and digits of a key are no coincidence: in another spelling, and at the end of a
/// text that another program may have cut.
const FEWEST_LETTERS: usize = 8;

/// How much of the start of a key counts as the key at the end of a text: anything if the text is
/// known to be longer.
pub(super) fn part_at_end(is_cut: bool) -> Option<usize> {
    Some(if is_cut { 1 } else { FEWEST_LETTERS })
}

/// Calls `found` with each occurrence of a key, also of its start at the end of the text if that has
/// at least `part_at_end` characters.
pub(super) fn keys(
    layer: &[Char],
    secrets: &[&str],
    part_at_end: Option<usize>,
    mut found: impl FnMut(&[Char]),
) {
    let shortest = part_at_end.unwrap_or(usize::MAX);
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        let secret: Vec<char> = secret.chars().collect();
        occurrences(layer, &secret, shortest, |a, b| a == b, &mut found);
        if secret.contains(&'\\') {
            // As in JSON. Decoding would take `\\n` for a line break.
            let secret: String = secret.iter().collect();
            let secret: Vec<char> = secret.replace('\\', "\\\\").chars().collect();
            occurrences(layer, &secret, shortest, |a, b| a == b, &mut found);
        }
    }
    // Then the letters and digits alone, whatever separates them.
    let mut letters = Vec::new();
    for secret in secrets {
        let secret: Vec<char> = secret.chars().filter(char::is_ascii_alphanumeric).collect();
        if secret.len() < FEWEST_LETTERS {
            continue;
        }
        if letters.is_empty() {
            letters = without_separators(layer);
        }
        let equal = |a: char, b: char| a.eq_ignore_ascii_case(&b);
        occurrences(&letters, &secret, shortest.max(FEWEST_LETTERS), equal, &mut found);
    }
}

/// Calls `found` with each occurrence of `secret`, also where at least `shortest` characters of it
/// end the text.
fn occurrences(
    text: &[Char],
    secret: &[char],
    shortest: usize,
    equal: impl Fn(char, char) -> bool,
    found: &mut impl FnMut(&[Char]),
) {
    for (start, first) in text.iter().enumerate() {
        if !equal(first.c, secret[0]) {
            continue;
        }
        let rest = &text[start..];
        let length = rest.iter().zip(secret).take_while(|(char, c)| equal(char.c, **c)).count();
        if length == secret.len() || (length == rest.len() && length >= shortest) {
            found(&rest[..length]);
        }
    }
}

fn without_separators(layer: &[Char]) -> Vec<Char> {
    let mut letters = Vec::with_capacity(layer.len());
    let mut rest = layer;
    while let [first, behind @ ..] = rest {
        if first.c.is_ascii_alphanumeric() {
            letters.push(*first);
        }
        rest = tag(rest).map_or(behind, |length| &rest[length..]);
    }
    letters
}

/// The length of the HTML tag at the start of a text, such as `<br>`, or of the comment.
fn tag(text: &[Char]) -> Option<usize> {
    /// About as much as a message shows.
    const MAX_LENGTH: usize = 256;
    let text = &text[..text.len().min(MAX_LENGTH)];
    let is = |text: &[Char], expected: &str| text.iter().map(|char| char.c).eq(expected.chars());
    (text.first()?.c == '<').then_some(())?;
    if text.get(..4).is_some_and(|start| is(start, "<!--")) {
        return text.windows(3).position(|end| is(end, "-->")).map(|at| at + 3);
    }
    let inside = count(&text[1..], |c| !matches!(c, '<' | '>'));
    (text.get(1 + inside)?.c == '>').then_some(inside + 2)
}

/// Calls `found` with each run of digits that could be a phone number: seven or more, whatever
/// separates them, but for letters of ASCII outside escapes and tags. An id or a date that looks
/// like one is found too. If `is_cut`, the text was longer, and a run at its end is found with fewer
/// digits.
pub(super) fn numbers(layer: &[Char], is_cut: bool, mut found: impl FnMut(&[Char])) {
    runs_of_digits(layer, is_cut, separator, &mut found);
    // What looks like an escape may be meant as it is written.
    runs_of_digits(layer, is_cut, |_| 1, &mut found);
}

fn runs_of_digits(
    layer: &[Char],
    is_cut: bool,
    separator: impl Fn(&[Char]) -> usize,
    found: &mut impl FnMut(&[Char]),
) {
    const FEWEST_DIGITS: usize = 7;
    let mut start = 0;
    while let Some(skipped) = layer[start..].iter().position(|char| char.c.is_numeric()) {
        start += skipped;
        let (mut digits, mut last, mut next) = (0, start, start);
        while let Some(char) = layer.get(next).filter(|char| !char.c.is_ascii_alphabetic()) {
            if char.c.is_numeric() {
                digits += 1;
                last = next;
            }
            next += separator(&layer[next..]);
        }
        if start > 0 && layer[start - 1].c == '+' {
            start -= 1;
        }
        let is_at_cut = is_cut && next == layer.len();
        if (digits >= FEWEST_DIGITS || is_at_cut) && !is_sandbox(layer, start, last) {
            found(&layer[start..=last]);
        }
        start = next;
    }
}

/// The length of a tag or of an escape that contains letters; 1 for any other character.
fn separator(text: &[Char]) -> usize {
    let has_letter =
        |length: &usize| text[..*length].iter().any(|char| char.c.is_ascii_alphabetic());
    let escape = escape(text).map(|(_, length)| length).filter(has_letter);
    escape.or_else(|| tag(text)).unwrap_or(1)
}

/// Whether a run of digits is the address of a server on this machine, as in
/// `http://127.0.0.1:8466`.
fn is_sandbox(layer: &[Char], start: usize, last: usize) -> bool {
    let text = |chars: &[Char]| chars.iter().map(|char| char.c).collect::<String>();
    let is_url = start >= 3 && text(&layer[start - 3..start]) == "://";
    is_url
        && text(&layer[start..=last])
            .strip_prefix("127.0.0.1:")
            .is_some_and(|port| port.parse::<u16>().is_ok_and(|number| number.to_string() == port))
}

/// Calls `found` with the user info, the query and the fragment of each URL, also of a URL without
/// a scheme or without a host.
pub(super) fn private_parts_of_urls(layer: &[Char], mut found: impl FnMut(&[Char])) {
    // What is percent-encoded in a URL does not end it.
    let is_encoded = |char: &Char| char.c.is_ascii() && char.end - char.start == "%20".len() as u32;
    let ends = |char: &Char| {
        let c = char.c;
        (c.is_whitespace() || matches!(c, '"' | '<' | '>' | '`')) && !is_encoded(char)
    };
    let is_quote = |char: &Char| char.c == '\'' && !is_encoded(char);
    for word in layer.split(ends) {
        // A URL may contain `'`. It ends the URL if another one was before it.
        let is_quoted = word
            .iter()
            .position(is_quote)
            .is_some_and(|at| word[..at].last().is_none_or(|before| !before.c.is_alphanumeric()));
        if is_quoted {
            word.split(is_quote).for_each(|word| private_parts_of_url(word, &mut found));
        } else {
            private_parts_of_url(word, &mut found);
        }
    }
}

fn private_parts_of_url(word: &[Char], found: &mut impl FnMut(&[Char])) {
    let mut has_host = false;
    let mut start = 0;
    while let Some(at) = word[start..].windows(2).position(|two| two.iter().all(is_slash)) {
        has_host = true;
        start += at + 2;
        let authority = &word[start..];
        let length = count(authority, |c| !matches!(c, '/' | '\\' | '?' | '#'));
        if let Some(at) = authority[..length].iter().rposition(|char| char.c == '@') {
            found(&authority[..=at]);
        }
    }
    let is_path = has_host || word.iter().any(is_slash);
    let query = word.iter().enumerate().position(|(at, char)| match char.c {
        '?' => is_path || is_assignment(&word[at + 1..]),
        '#' => has_host || is_assignment(&word[at + 1..]),
        _ => false,
    });
    if let Some(at) = query {
        found(&word[at..]);
    }
}

fn is_slash(char: &Char) -> bool {
    char.c == '/'
}

/// Whether a text begins as `name=value`.
fn is_assignment(text: &[Char]) -> bool {
    let length = count(text, |c| !matches!(c, '=' | '?' | '#' | '&'));
    length > 0 && text.get(length).is_some_and(|next| next.c == '=')
}
