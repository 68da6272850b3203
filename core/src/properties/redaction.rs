//! Redaction removes every key and phone number from a text, and nothing else.

use bolero::{Driver, ValueGenerator, check};

use super::{below, one_in, pick, pieces};
use crate::redact;

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
        // Counts digits in a row, ignoring the separators of phone numbers.
        let mut digits = 0;
        for c in redacted.chars() {
            if c.is_numeric() {
                digits += 1;
                assert!(digits < 7, "{redacted}");
            } else if !c.is_whitespace() && !"-.()_,/\u{2011}".contains(c) {
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
            const WORDS: [&str; 12] = [
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
