//! Redaction removes every key and phone number from a text, and nothing else.

use std::fmt::Write;

use bolero::{Driver, ValueGenerator, check};
use regex::{Captures, Regex};
use rustls::CertificateError;
use rustls::pki_types::ServerName;

use super::{below, one_in, pick, pieces};
use crate::endpoint::ApiRequest;
use crate::error::Error;
use crate::redact::{self, OneLine};
use crate::response;
use crate::transport::mock_stream::certificate_error;
use crate::transport::{AttemptError, Response};
use crate::url::BaseUrl;

const KEYS: [&str; 3] = ["0123456789abcdef", "0123456789", "a/b+c=\\d\"e"];

const WORDS: [&str; 30] = [
    "070",
    "174",
    "06",
    "05",
    "+46",
    "1",
    "99",
    "٤٦٧",
    "²",
    " ",
    "\u{a0}",
    "-",
    ".",
    "(",
    ")",
    "_",
    ",",
    "/",
    "\u{2011}",
    "x",
    ":",
    "?",
    "#",
    "@",
    "https://",
    "u:p@a.example",
    "é",
    "\\",
    "*",
    "[key]",
];

struct Texts;

impl ValueGenerator for Texts {
    type Output = String;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<String> {
        let mut text = String::new();
        for _ in 0..below(driver, 4)? {
            text += &pieces(driver, 12, &WORDS)?;
            if one_in(driver, 2)? {
                let key = pick(driver, &KEYS)?;
                text += &escaped(driver, key)?;
            }
        }
        Some(text)
    }
}

/// The text unchanged, escaped as in JSON, or escaped twice.
fn escaped<D: Driver>(driver: &mut D, text: &str) -> Option<String> {
    let mut text = text.to_owned();
    for _ in 0..below(driver, 3)? {
        let json = serde_json::to_string(&text).unwrap();
        text = json[1..json.len() - 1].replace('/', pick(driver, &["/", "\\/", "\\u002f"])?);
    }
    Some(text)
}

#[test]
fn no_key_and_no_phone_number_remains() {
    check!().with_generator(Texts).for_each(|text: &String| {
        let redacted = redact::text(text, &KEYS);
        assert!(!KEYS.iter().any(|key| redacted.contains(key)), "{redacted}");
        // Counts digits in a row, whatever separates them but letters.
        let mut digits = 0;
        for c in redacted.chars() {
            if c.is_numeric() {
                digits += 1;
                assert!(digits < 7, "{redacted}");
            } else if c.is_ascii_alphabetic() {
                digits = 0;
            }
        }
        assert!(!redacted.chars().any(char::is_control));
    });
}

#[test]
fn a_text_without_secrets_is_unchanged() {
    struct Harmless;
    impl ValueGenerator for Harmless {
        type Output = String;

        fn generate<D: Driver>(&self, driver: &mut D) -> Option<String> {
            const WORDS: [&str; 16] = [
                "the",
                "session",
                " ",
                "-",
                "+",
                "404",
                "a@b",
                "c:\\new",
                "https://a.example/b",
                "\n",
                "é",
                "?",
                "50 %",
                "&",
                "%C3%A5",
                "; try again, or raise the time limits",
            ];
            let text = pieces(driver, 16, &WORDS)?;
            Some(text.replace('\n', "."))
        }
    }
    check!().with_generator(Harmless).for_each(|text: &String| {
        let has_url = text.contains("://");
        let digits = text.chars().filter(|c| c.is_numeric()).count();
        if !has_url && digits < 7 {
            assert_eq!(redact::text(text, &KEYS), *text);
        }
    });
}

const SEPARATORS: [&str; 40] = [
    "",
    " ",
    "-",
    ".",
    ",",
    ":",
    ";",
    "*",
    "|",
    "=",
    "~",
    "'",
    "\\",
    "+",
    "\"",
    "[",
    "]",
    "(",
    "/",
    "_",
    "&",
    "%",
    "#",
    "·",
    "•",
    "−",
    "－",
    "\u{a0}",
    "\u{2009}",
    "\u{200b}",
    "\u{ad}",
    "\u{61c}",
    "\u{34f}",
    "\u{180e}",
    "\u{3164}",
    "\u{fe0f}",
    "\u{fffa}",
    "\u{e0041}",
    "<br>",
    " - \t",
];

type Encode = fn(&str) -> String;

const ENCODINGS: [Encode; 6] = [
    str::to_owned,
    |text| encode_bytes(text, "%", "%"),
    |text| encode_bytes(text, "%25", "%25"),
    |text| each(text, |c| format!("&#{};", u32::from(c))),
    |text| each(text, |c| format!("&#x{:X};", u32::from(c))),
    |text| {
        let unit = |unit: u16| format!("\\u{unit:04x}");
        each(text, |c| c.encode_utf16(&mut [0; 2]).iter().map(|it| unit(*it)).collect())
    },
];

fn each(text: &str, encode: impl Fn(char) -> String) -> String {
    text.chars().map(encode).collect()
}

/// Upper-case and lower-case digits in turn.
fn encode_bytes(text: &str, upper: &str, lower: &str) -> String {
    let mut out = String::new();
    for (at, byte) in text.bytes().enumerate() {
        match at % 2 {
            0 => write!(out, "{upper}{byte:02X}"),
            _ => write!(out, "{lower}{byte:02x}"),
        }
        .unwrap();
    }
    out
}

/// Random numbers, the same ones in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[self.below(alphabet.len())])).collect()
    }

    /// A phone number, and a key of letters, digits and a few signs.
    fn secrets(&mut self) -> (String, String) {
        const LETTERS: &[u8] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let length = 8 + self.below(7);
        let number = self.text(b"123456789", 1) + &self.text(b"0123456789", length);
        let length = 15 + self.below(20);
        let mut key = self.text(LETTERS, length);
        key.insert(8, char::from(b"-_.+/="[self.below(6)]));
        (number, key)
    }

    /// The text in groups of one to four characters, with the separator between them. All of it is
    /// encoded, or only the groups, or only the separators.
    fn written(&mut self, text: &str, separator: &str, encode: Encode) -> String {
        let (of_group, of_separator): (Encode, Encode) = match self.below(3) {
            0 => (encode, encode),
            1 => (encode, str::to_owned),
            _ => (str::to_owned, encode),
        };
        let mut rest = text;
        let mut out = String::new();
        while !rest.is_empty() {
            let (group, behind) = rest.split_at((1 + self.below(4)).min(rest.len()));
            out += &of_group(group);
            if !behind.is_empty() {
                out += &of_separator(separator);
            }
            rest = behind;
        }
        out
    }
}

type Decode = fn(&str) -> Option<char>;

/// Everything that a text says, to a program that decodes it: independent of the decoder of the
/// library.
struct Reader {
    /// The first character of an escape, its form, and the decoder of its code.
    escapes: [(char, Regex, Decode); 3],
    tags: Regex,
}

impl Reader {
    fn new() -> Self {
        fn number(digits: &str, radix: u32) -> Option<char> {
            char::from_u32(u32::from_str_radix(digits, radix).ok()?)
        }
        Self {
            escapes: [
                ('%', Regex::new("%([0-9a-fA-F]{2})").unwrap(), |code| number(code, 16)),
                ('&', Regex::new("&#(x[0-9a-fA-F]+|[0-9]+);?").unwrap(), |code| {
                    match code.strip_prefix('x') {
                        Some(code) => number(code, 16),
                        None => number(code, 10),
                    }
                }),
                ('\\', Regex::new(r"\\+u([0-9a-fA-F]{4})").unwrap(), |code| number(code, 16)),
            ],
            tags: Regex::new("<[a-z/]+>").unwrap(),
        }
    }

    fn readings(&self, text: &str) -> Vec<String> {
        let mut all = vec![text.to_owned()];
        for _ in 0..3 {
            let mut text = all[all.len() - 1].clone();
            for (first, escape, decode) in &self.escapes {
                if !text.contains(*first) {
                    continue;
                }
                let decoded = |found: &Captures<'_>| {
                    decode(&found[1]).map_or_else(|| found[0].to_owned(), String::from)
                };
                text = escape.replace_all(&text, decoded).into_owned();
            }
            if all.contains(&text) {
                break;
            }
            all.push(text);
        }
        all.iter().map(|text| self.tags.replace_all(text, "").into_owned()).collect()
    }

    /// Asserts that nobody can read more than the ends of the number, or a part of the key.
    fn assert_safe(&self, shown: &str, number: &str, key: &str, written: &str) {
        const PART: usize = 6;
        let fail = |what| panic!("{what}: {number} {key}\nwritten {written}\nshown   {shown}");
        for reading in self.readings(shown) {
            let is_digit = |c: char| c.is_ascii_digit();
            let mut digits = String::new();
            // A masked number shows up to three digits at its ends.
            for (at, part) in reading.split("*****").enumerate() {
                let part: String = part.matches(is_digit).collect();
                digits.truncate(digits.len().saturating_sub(if at > 0 { 3 } else { 0 }));
                digits += part.get(if at > 0 { 3 } else { 0 }..).unwrap_or_default();
            }
            if (PART..=number.len()).any(|end| digits.contains(&number[end - PART..end])) {
                fail("number");
            }
            let letters: String = reading.chars().filter(char::is_ascii_alphanumeric).collect();
            let of_key: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
            let part = PART + 2;
            if (part..=of_key.len()).any(|end| letters.contains(&of_key[end - part..end])) {
                fail("key");
            }
        }
    }
}

fn response(body: String, request_id: Option<String>) -> Response {
    Response { status: 400, request_id, body: body.into(), ..Response::default() }
}

/// The texts that a user or a log may see of this text.
fn shown_from_the_gateway(written: &str, form: usize, key: &str) -> Vec<String> {
    let body = match form {
        0 => written.to_owned(),
        1 => serde_json::json!({ "error": written }).to_string(),
        2 => serde_json::json!({ "errors": [{ "code": "c", "description": written }] }).to_string(),
        3 => serde_json::json!({ "message": { "detail": written } }).to_string(),
        _ => format!("<html><title>{written}</title>"),
    };
    let received = response(body, Some(written.to_owned()));
    let request = ApiRequest::Get { session_id: "a" };
    let base_url = BaseUrl::parse("https://gateway.example").unwrap();
    let error = response::read(&request, &received, &base_url, &[key]).unwrap_err();
    all_of(&error)
}

fn shown_from_a_certificate(written: &str, key: &str) -> Vec<String> {
    let error = CertificateError::NotValidForNameContext {
        expected: ServerName::try_from("gateway.example").unwrap(),
        presented: vec![written.to_owned(), "a.example".to_owned()],
    };
    let AttemptError { kind, message, source, .. } = certificate_error(error, &[key]);
    let logged = OneLine(&message).to_string();
    let error = Error::failed(kind, message, false).with_source(source.unwrap());
    [vec![logged], all_of(&error)].concat()
}

fn all_of(error: &Error) -> Vec<String> {
    let source = std::error::Error::source(error).map(|it| format!("{it} {it:?}"));
    let request_id = error.request_id().unwrap_or_default().to_owned();
    vec![error.to_string(), format!("{error:?}"), request_id, source.unwrap_or_default()]
}

/// Random secrets, each through all separators and encodings. Prints what was tried.
fn look_for_secrets(seed: u64, count: usize, show: impl Fn(&str, usize, &str) -> Vec<String>) {
    let random = &mut Random(seed);
    let reader = Reader::new();
    let mut texts = 0;
    for value in 0..count {
        let (number, key) = random.secrets();
        for separator in SEPARATORS {
            for encode in ENCODINGS {
                let of_number = random.written(&format!("+{number}"), separator, encode);
                let of_key = random.written(&key, separator, encode);
                let written = format!("the number {of_number} and the key {of_key} are unknown");
                for shown in show(&written, value % 5, &key) {
                    reader.assert_safe(&shown, &number, &key, &written);
                    texts += 1;
                }
            }
        }
    }
    println!(
        "{count} values x {} separators x {} encodings: 0 found in {texts} texts",
        SEPARATORS.len(),
        ENCODINGS.len()
    );
}

#[test]
#[ignore = "takes half a minute: tests/rust/run.sh runs it"]
fn no_random_number_or_key_is_found_in_any_text() {
    look_for_secrets(1, 1000, |written, _, key| vec![redact::text(written, &[key])]);
}

#[test]
fn no_random_number_or_key_is_found_in_an_error_of_the_gateway() {
    look_for_secrets(2, 20, shown_from_the_gateway);
}

#[test]
fn no_random_number_or_key_is_found_in_an_error_about_a_certificate() {
    look_for_secrets(3, 10, |written, _, key| shown_from_a_certificate(written, key));
}

#[test]
fn no_random_key_is_found_in_a_kept_body() {
    look_for_secrets(4, 20, |written, _, key| {
        // Phone numbers stay in a body.
        let (_, of_key) = written.split_once(" and ").unwrap();
        vec![redact::body(of_key.as_bytes(), 64 * 1024, &[key])]
    });
}
