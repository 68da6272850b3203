//! No key and no phone number is left in a text that was redacted, and the rest of it is.

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

/// The text as it is, as JSON, or as JSON within JSON.
fn escaped<D: Driver>(driver: &mut D, text: &str) -> Option<String> {
    let mut text = text.to_owned();
    for _ in 0..below(driver, 3)? {
        let json = serde_json::to_string(&text).unwrap();
        text = json[1..json.len() - 1].replace('/', pick(driver, &["/", "\\/", "\\u002f"])?);
    }
    Some(text)
}

#[test]
fn no_key_and_no_number_is_left() {
    check!().with_generator(Texts).for_each(|text: &String| {
        let shown = redact::text(text, &KEYS);
        assert!(!KEYS.iter().any(|key| shown.contains(key)), "{shown}");
        // The most digits in a row, whatever may stand between those of a phone number.
        let mut row = 0;
        for c in shown.chars() {
            if c.is_numeric() {
                row += 1;
                assert!(row < 7, "{shown}");
            } else if !c.is_whitespace() && !"-.()_,/\u{2011}".contains(c) {
                row = 0;
            }
        }
        assert!(!shown.chars().any(char::is_control));
    });
}

#[test]
fn a_text_without_them_stays_as_it_is() {
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
