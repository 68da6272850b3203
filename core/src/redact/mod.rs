//! Redaction: removes keys, phone numbers, the private parts of URLs and invisible characters from
//! text that is not the library's own, before it becomes part of a message.

mod find;
mod invisible;
mod layer;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::error::Error as StdError;
use std::fmt;
use std::ops::Range;

pub(crate) use invisible::is_invisible;
use layer::Char;

/// What is shown instead of a key.
const KEY: &str = "[key]";

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

/// Redacts text of the gateway, a certificate, a proxy or the environment for a message. What is
/// written with escapes is removed too; the rest stays as it is written.
pub(crate) fn text(text: &str, secrets: &[&str]) -> String {
    /// More than any message shows.
    const MAX_LENGTH: usize = 4096;
    /// What is left may be a number or a key only because something between was cut out.
    const MAX_PASSES: usize = 8;
    let (source, mut is_cut) = truncated(text, MAX_LENGTH, false);
    let mut shown = one_line(source.to_owned());
    let mut secrets = secrets.to_vec();
    for _ in 0..MAX_PASSES {
        let mut cuts = Cuts::default();
        let is_decoded = layer::for_each_layer(&shown, |layer| {
            cuts.add_keys(layer, &secrets, find::part_at_end(is_cut));
            find::private_parts_of_urls(layer, |found| cuts.add(found, ""));
            find::numbers(layer, is_cut, |found| {
                let number: String = found.iter().map(|char| char.c).collect();
                cuts.add(found, phone(&number));
            });
        });
        if !is_decoded {
            break;
        }
        if cuts.found.is_empty() {
            return shown;
        }
        shown = cuts.apply(shown);
        is_cut = false;
        secrets.retain(|secret| !KEY.contains(secret));
    }
    "[encoded text]".to_owned()
}

/// The body of a response as an error keeps it: without keys and NUL. A body of at least `limit`
/// bytes was cut, or is cut here.
pub(crate) fn body(body: &[u8], limit: usize, secrets: &[&str]) -> String {
    let mut received = String::with_capacity(body.len().min(limit));
    let mut is_cut = body.len() >= limit;
    'received: for chunk in body.utf8_chunks() {
        let replaced = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
        for c in chunk.valid().chars().chain(replaced) {
            let c = if c == '\0' { char::REPLACEMENT_CHARACTER } else { c };
            if received.len() + c.len_utf8() > limit {
                is_cut = true;
                break 'received;
            }
            received.push(c);
        }
    }
    let length = truncated(&received, limit, is_cut).0.len();
    received.truncate(length);
    without_keys(received, secrets, is_cut, limit)
}

/// A request id as an error reports it: with a key or a phone number in it masked. A UUID stays,
/// although it may contain as many digits as a phone number.
pub(crate) fn request_id(id: &str, secrets: &[&str]) -> Option<String> {
    let shown = match is_uuid(id) {
        true => without_keys(id.to_owned(), secrets, false, usize::MAX),
        false => text(id, secrets),
    };
    is_request_id(shown.as_bytes()).then_some(shown)
}

/// Whether a header contains a request id: 1 to 128 visible characters of ASCII.
pub(crate) fn is_request_id(id: &[u8]) -> bool {
    (1..=128).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            // The version and the variant.
            14 => matches!(byte, b'1'..=b'8'),
            19 => matches!(byte, b'8' | b'9' | b'a' | b'b' | b'A' | b'B'),
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The cause of an error, or only its redacted text if the cause shows anything more: in its text,
/// in its `Debug` output, or in its own causes.
pub(crate) fn source(
    error: Box<dyn StdError + Send + Sync>,
    secrets: &[&str],
) -> Box<dyn StdError + Send + Sync> {
    let shows_nothing = |shown: String| text(&shown, secrets) == shown;
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&*error);
    while let Some(error) =
        cause.filter(|it| shows_nothing(format!("{it}")) && shows_nothing(format!("{it:?}")))
    {
        cause = error.source();
    }
    match cause {
        None => error,
        Some(_) => text(&error.to_string(), secrets).into(),
    }
}

/// A text in one line, without invisible characters.
pub(crate) fn one_line(text: String) -> String {
    if text.contains(is_invisible) { OneLine(text).to_string() } else { text }
}

/// Logs a line, which is formatted as by `format!`. Everything that the library logs goes through
/// it. Text that is not the library's own must be [redacted](text) before.
macro_rules! log_line {
    ($level:expr, $($text:tt)+) => {
        log::log!(
            target: "zignsec",
            $level,
            "{}",
            crate::redact::OneLine(format_args!($($text)+))
        )
    };
}

pub(crate) use log_line;

/// Displays its content in one line, without invisible characters.
pub(crate) struct OneLine<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for OneLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Visible<'a, 'b>(&'a mut fmt::Formatter<'b>);
        impl fmt::Write for Visible<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                for part in text.split_inclusive(is_invisible) {
                    let visible = part.trim_end_matches(is_invisible);
                    self.0.write_str(visible)?;
                    if part[visible.len()..].starts_with(char::is_whitespace) {
                        self.0.write_str(" ")?;
                    }
                }
                Ok(())
            }
        }
        fmt::write(&mut Visible(f), format_args!("{}", self.0))
    }
}

/// The start of a text that is longer than `limit`, without its last characters if they could be a
/// part of an escape; and whether the text was cut, here or before.
fn truncated(text: &str, limit: usize, was_cut: bool) -> (&str, bool) {
    const LONGEST_ESCAPE: usize = 16;
    if !was_cut && text.len() <= limit {
        return (text, false);
    }
    let text = &text[..text.floor_char_boundary(limit)];
    let tail = text.floor_char_boundary(text.len().saturating_sub(LONGEST_ESCAPE));
    let end = text[tail..].rfind(['%', '&', '\\']).map_or(text.len(), |at| tail + at);
    (&text[..end], true)
}

/// Removes the keys from a text that may be long, and that may consist of nothing else. It is read
/// in windows, because a layer takes much memory. They overlap by half: a key in any spelling fits
/// into that. The result is cut at `limit`.
fn without_keys(source: String, secrets: &[&str], is_cut: bool, limit: usize) -> String {
    const SMALLEST_OVERLAP: usize = 1024;
    const LONGEST_SPELLING: usize = 16;
    let longest = secrets.iter().map(|secret| secret.len()).max().unwrap_or_default();
    let overlap = SMALLEST_OVERLAP.max(longest * LONGEST_SPELLING);
    let mut out = String::new();
    // Of the source.
    let (mut offset, mut written) = (0, 0);
    let mut keys: Vec<Range<usize>> = Vec::new();
    loop {
        let rest = &source[offset..];
        let window = &rest[..rest.floor_char_boundary(2 * overlap)];
        let is_last = window.len() == rest.len();
        let part = if is_last { find::part_at_end(is_cut) } else { None };
        layer::for_each_layer(window, |layer| {
            find::keys(layer, secrets, part, |found| {
                keys.extend(range(found).map(|it| offset + it.start..offset + it.end));
            });
            merge(&mut keys);
        });
        offset = if is_last { source.len() } else { offset + rest.floor_char_boundary(overlap) };
        // The next window may extend the others.
        let complete = keys.iter().take_while(|key| key.end <= offset).count();
        for key in keys.drain(..complete) {
            // Once: what is shown instead of a short key is longer than the key.
            out.reserve_exact(limit.min(KEY.len() * source.len()) - out.len());
            if !push(&mut out, &source[written..key.start], limit) || !push(&mut out, KEY, limit) {
                return out;
            }
            written = key.end;
        }
        if is_last {
            break;
        }
    }
    if written == 0 {
        return source;
    }
    push(&mut out, &source[written..], limit);
    out
}

/// Appends a text, or as much of it as the limit allows. Returns whether it was all.
fn push(out: &mut String, text: &str, limit: usize) -> bool {
    let fitting = text.floor_char_boundary(limit - out.len());
    out.push_str(&text[..fitting]);
    fitting == text.len()
}

/// Sorts the ranges, and merges those that overlap.
fn merge(ranges: &mut Vec<Range<usize>>) {
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.dedup_by(|next, range| {
        let overlaps = next.start < range.end;
        if overlaps {
            range.end = range.end.max(next.end);
        }
        overlaps
    });
}

/// Where these characters are in the source.
fn range(found: &[Char]) -> Option<Range<usize>> {
    Some(found.first()?.start as usize..found.last()?.end as usize)
}

/// What to cut out of a text, and what to show instead.
#[derive(Default)]
struct Cuts {
    found: Vec<(Range<usize>, Cow<'static, str>)>,
}

impl Cuts {
    fn add(&mut self, found: &[Char], shown: impl Into<Cow<'static, str>>) {
        self.found.extend(range(found).map(|range| (range, shown.into())));
    }

    fn add_keys(&mut self, layer: &[Char], secrets: &[&str], part_at_end: Option<usize>) {
        find::keys(layer, secrets, part_at_end, |found| self.add(found, KEY));
    }

    /// Of cuts that overlap, the longest one is shown.
    fn apply(mut self, source: String) -> String {
        if self.found.is_empty() {
            return source;
        }
        self.found.sort_by_key(|(range, _)| (range.start, Reverse(range.end)));
        let mut out = String::with_capacity(source.len());
        let mut end = 0;
        let mut cuts = self.found.into_iter().peekable();
        while let Some((mut longest, mut shown)) = cuts.next() {
            out.push_str(&source[end..longest.start]);
            end = longest.end;
            while let Some((range, other)) = cuts.next_if(|(range, _)| range.start < end) {
                end = end.max(range.end);
                if range.len() > longest.len() {
                    (longest, shown) = (range, other);
                }
            }
            out.push_str(&shown);
        }
        out.push_str(&source[end..]);
        out
    }
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

    const LIMIT: usize = 64 * 1024;
    const KEYS: [&str; 6] = ["k-1", "k-12", "k\\/2", "k\\n3", "S3cret-0f-the-test", ""];

    #[test]
    fn untrusted_text_loses_keys_numbers_and_private_parts_of_urls() {
        for (given, shown) in [
            ("key k-1 is unknown", "key [key] is unknown"),
            ("key k-12 is unknown", "key [key] is unknown"),
            ("key s3cret 0F-the_test is unknown", "key [key] is unknown"),
            ("070 333 99 54", "070*****954"),
            ("+46_703_339_954", "+46*****954"),
            ("phone +46703339954 is blocked", "phone +46*****954 is blocked"),
            ("call +46 70 333-99 54.", "call +46*****954."),
            ("call 070/333\u{2011}9954", "call 070*****954"),
            ("call 070:333;99|54", "call 070*****954"),
            ("<b>070</b><br>333<i class='x'>9954", "<b>070*****954"),
            ("070<!-- <b>a</b> -->333<!---->9954", "070*****954"),
            ("key S3cret-0f<!-- <b>a</b> -->-the-test", "key [key]"),
            ("see https://u:p@a.example/b?c=d#e now", "see https://a.example/b now"),
            ("\"https://a.example?x\"", "\"https://a.example\""),
            ("['//a.example?x','//b.example?y'] 'c'", "['//a.example','//b.example'] 'c'"),
            ("https://a.example/b?name=O'Brien&token=c now", "https://a.example/b now"),
            ("//u:p@a.example/b?c", "//a.example/b"),
            ("GET a.example/b?c now", "GET a.example/b now"),
            ("GET ?token=c now", "GET  now"),
            ("cb#token=c", "cb"),
            ("k-\u{200b}1\u{1} at +46\u{ad}701\u{feff}740\u{202d}605", "[key] at +46*****605"),
            ("one\r\ntwo\tthree\u{2028}four\u{1b}[31m", "one  two three four[31m"),
        ] {
            assert_eq!(text(given, &KEYS), shown);
        }
    }

    #[test]
    fn what_is_written_with_escapes_is_removed_too() {
        for (given, shown) in [
            ("https:\\/\\/a.example\\/ok?t=S", "https:\\/\\/a.example\\/ok"),
            ("https%3A%2F%2Fu:p%40a.example%2Fok%3Ft=S", "https%3A%2F%2Fa.example%2Fok"),
            (
                "https%3A%2F%2Fa.example%3Fc%3Dx%20y%22%27%26t%3DS now",
                "https%3A%2F%2Fa.example now",
            ),
            ("{\\\"a\\\":\\\"\\\\u002B46701740605", "{\\\"a\\\":\\\"+46*****605"),
            ("k-\\u0031 \\ud800 \\n \\u12", "[key] \\ud800 \\n \\u12"),
            ("k\\/2 k%5C/2 k&bsol;&#47;2", "[key] [key] [key]"),
            ("k\\n3 k\\\\n3 k%5Cn3", "[key] [key] [key]"),
            (
                "k%2D1 k%252d1 k&#45;1 k&#x2D;1 k\\x2d1 k\\0551",
                "[key] [key] [key] [key] [key] [key]",
            ),
            ("to=%2B46703339954.", "to=+46*****954."),
            ("%2B46%2070%20174%2006%2005", "+46*****605"),
            ("+46&nbsp;70&ndash;174&NewLine;0605", "+46*****605"),
            ("46%70%174%2D06=05", "467*****605"),
            ("&#x2B;&#52;&#54;&#55;&#48;&#49;&#55;&#52;&#48;", "+46*****"),
            ("\\ud835\\udfd2\\ud835\\udfd4 70 174", "\u{1d7d2}\u{1d7d4}7*****"),
            ("%26%2343%3B%26%2352%3B670174", "+46*****"),
            ("%FF%C3%A5 %u00e5 &aring; &nosuchname &;", "%FF%C3%A5 %u00e5 &aring; &nosuchname &;"),
        ] {
            assert_eq!(text(given, &KEYS), shown);
        }
        let nested = |depth| format!("&{}lt;", "amp;".repeat(depth));
        assert_eq!(text(&nested(7), &KEYS), nested(7));
        assert_eq!(text(&nested(100), &KEYS), "[encoded text]");
    }

    #[test]
    fn harmless_text_is_unchanged() {
        for given in [
            "a+b = 12 of 100",
            "why? because of #12, 50 % of R&D; a@b.example",
            "http://127.0.0.1:46701/x",
            "C:\\new\\x41",
            "the session is not final after 300s; try again, or raise the time limits",
            "f\u{f6}rs\u{f6}k igen \u{2014} \u{65e5}\u{672c}",
            "",
        ] {
            assert_eq!(text(given, &KEYS), given);
        }
    }

    #[test]
    fn a_cut_text_does_not_end_with_a_part_of_a_key_or_a_number() {
        let key = "S3cret-0f-the-test";
        for written in [key.to_owned(), key.replace('-', "%2D"), "+46701740605".to_owned()] {
            for shift in 0..written.len() {
                let padding = LIMIT - written.len() + shift;
                let sent = format!("{}{written} and more", " ".repeat(padding));
                let kept = body(sent.as_bytes(), LIMIT, &KEYS);
                assert!(!kept.contains("S3") && kept.len() <= LIMIT, "{}", kept.trim());
                let sent = &sent[60 * 1024..];
                let shown = text(sent, &KEYS);
                assert!(!shown.contains("S3") && !shown.contains("4670"), "{}", shown.trim());
            }
        }
        // By the sender.
        assert_eq!(text("the key is S3cret-0f-", &KEYS), "the key is [key]");
        assert_eq!(body(b"the key is S3cret%2D0f", LIMIT, &KEYS), "the key is [key]");
    }

    #[test]
    fn a_body_is_kept_as_received_but_for_keys_and_nul() {
        assert_eq!(
            body(b"a\0b\xff\x1b\n+46701740605", LIMIT, &KEYS),
            "a\u{fffd}b\u{fffd}\x1b\n+46701740605"
        );
        assert_eq!(
            body(b"{\"a\":\"k%2d1\",\"b\":\"k\\u002d1\"}", LIMIT, &KEYS),
            r#"{"a":"[key]","b":"[key]"}"#
        );
        assert!(body(&[b'\xff'; 100_000], LIMIT, &KEYS).len() <= LIMIT);
    }

    #[test]
    fn a_request_id_is_redacted() {
        let uuid = "10000000-2000-4000-8000-300000000000";
        for (id, shown) in [
            ("0HMVD3E:1", Some("0HMVD3E:1")),
            (uuid, Some(uuid)),
            ("id-46701740605", Some("id-467*****605")),
            ("k-1", Some("[key]")),
            ("a%20b", Some("a%20b")),
            ("https://a.example?x=y", Some("https://a.example")),
            ("?x=y", None),
        ] {
            assert_eq!(request_id(id, &KEYS).as_deref(), shown);
        }
        assert_eq!(request_id(uuid, &[uuid]).as_deref(), Some("[key]"));
    }

    #[test]
    fn a_cause_is_kept_if_it_shows_nothing_private() {
        let kept = source(std::io::Error::from_raw_os_error(111).into(), &KEYS);
        assert!(kept.is::<std::io::Error>());
        let shows = std::io::Error::other("x\u{1b}[31m\n+46701740605");
        let cause = source(shows.into(), &KEYS);
        assert_eq!(cause.to_string(), "x[31m +46*****605");
        assert_eq!(format!("{cause:?}"), "\"x[31m +46*****605\"");
    }

    #[test]
    fn a_line_has_no_invisible_characters() {
        let line = format!("{}", OneLine(format_args!("a{}c", "\r\n\u{200b}b\u{1b}")));
        assert_eq!(line, "a  bc");
    }
}
