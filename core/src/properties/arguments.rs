//! Which arguments are valid, and that they are sent unchanged.

use std::sync::LazyLock;

use bolero::{Driver, ValueGenerator, check};
use regex::Regex;
use serde_json::{Value, json};

use super::{below, one_in, pieces};
use crate::error::ErrorKind;
use crate::request::Phone2faRequest;
use crate::session;

/// Texts that are valid or almost valid. The second field is the maximum number of pieces.
struct Pieces(&'static [&'static str], usize);

impl ValueGenerator for Pieces {
    type Output = String;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<String> {
        pieces(driver, self.1, self.0)
    }
}

#[test]
fn a_phone_number_is_plus_and_seven_to_fifteen_digits() {
    struct Numbers;
    impl ValueGenerator for Numbers {
        type Output = String;

        fn generate<D: Driver>(&self, driver: &mut D) -> Option<String> {
            const DIGITS: [&str; 6] = ["0", "1", "46", "70", "9", "5"];
            let mut number = pieces(driver, 1, &["+", "+", "+", "00", "", " +"])?;
            number += &pieces(driver, 16, &DIGITS)?;
            if one_in(driver, 4)? {
                number += &pieces(driver, 2, &[" ", "-", "\n", "+", "٤", "x", "\0", "５"])?;
            }
            Some(number)
        }
    }
    static E164: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\A\+[1-9][0-9]{6,14}\z").unwrap());
    check!().with_generator(Numbers).for_each(|number: &String| {
        let check = |number| {
            Phone2faRequest::new(number)
                .redirect_success("https://a.example")
                .redirect_failure("https://b.example")
                .check()
        };
        let result = check(number.as_str());
        assert_eq!(result.is_ok(), E164.is_match(number));
        if let Err(error) = result {
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            // The message is the same for every number, so it contains none.
            assert_eq!(error.message(), check("").unwrap_err().message());
        }
    });
}

#[test]
fn a_session_id_is_up_to_64_letters_digits_and_hyphens() {
    const PIECES: &[&str] =
        &["a", "Z", "0", "-", "55c20771-9d75", "0123456789abcdef", "/", ".", "é"];
    static ID: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\A[A-Za-z0-9-]{1,64}\z").unwrap());
    check!().with_generator(Pieces(PIECES, 12)).for_each(|id: &String| {
        assert_eq!(session::is_valid_id(id), ID.is_match(id));
    });
}

#[test]
fn a_csrf_token_is_printable_ascii() {
    const PIECES: &[&str] = &["a", "~", " ", "\"", "\t", "\r\n", "\0", "\u{7f}", "é"];
    check!().with_generator(Pieces(PIECES, 6)).for_each(|token: &String| {
        let request = Phone2faRequest::new("+46701740605")
            .redirect_success("https://a.example")
            .redirect_failure("https://b.example")
            .csrf_token(token);
        assert_eq!(
            request.check().is_ok(),
            token.chars().all(|c| c == ' ' || c.is_ascii_graphic())
        );
    });
}

#[test]
fn the_request_contains_the_arguments_unchanged() {
    #[derive(Debug)]
    struct Arguments {
        locale: String,
        relay_state: String,
        webhook: bool,
    }
    struct Any;
    impl ValueGenerator for Any {
        type Output = Arguments;

        fn generate<D: Driver>(&self, driver: &mut D) -> Option<Arguments> {
            let mut text = || -> Option<String> {
                let count = below(driver, 12)?;
                (0..count).map(|_| driver.produce::<char>()).collect()
            };
            let (locale, relay_state) = (text()?, text()?);
            Some(Arguments { locale, relay_state, webhook: one_in(driver, 2)? })
        }
    }
    check!().with_generator(Any).for_each(|Arguments { locale, relay_state, webhook }| {
        let webhook = if *webhook { "https://c.example/hook?a=%22&b=\\" } else { "" };
        let request = Phone2faRequest::new("+46701740605")
            .redirect_success("https://a.example/?a=b#c")
            .redirect_failure("http://b.example")
            .locale(locale)
            .relay_state(relay_state)
            .webhook(webhook);
        let has_nul = locale.contains('\0') || relay_state.contains('\0');
        assert_eq!(request.check().is_err(), has_nul);

        let sent: Value = serde_json::from_str(&request.to_json()).unwrap();
        let mut expected = json!({
            "locale": if locale.is_empty() { "En" } else { locale },
            "metadata": { "phone_number": "+46701740605" },
            "redirect_success": "https://a.example/?a=b#c",
            "redirect_failure": "http://b.example",
        });
        for (name, text) in [("relay_state", relay_state.as_str()), ("webhook", webhook)] {
            if !text.is_empty() {
                expected[name] = text.into();
            }
        }
        assert_eq!(sent, expected);
    });
}
