//! Which arguments are valid, and that they are sent unchanged.

use std::sync::LazyLock;

use bolero::{Driver, ValueGenerator, check};
use regex::Regex;
use serde_json::{Value, json};

use super::{below, one_in, pieces};
use crate::error::ErrorKind;
use crate::request::Phone2faRequest;
use crate::{header, session};

/// Texts that are valid or almost valid. The second field is the maximum number of pieces.
struct Pieces(&'static [&'static str], usize);

impl ValueGenerator for Pieces {
    type Output = String;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<String> {
        pieces(driver, self.1, self.0)
    }
}

/// A message names the argument, what is wrong and where, in one line that is not too long.
fn assert_explained(message: &str, name: &str) {
    assert!(message.starts_with(&format!("{name} ")), "{message}");
    assert!(message.len() <= 300, "{message}");
    assert!(message.is_ascii() && !message.contains(char::is_control), "{message}");
    const REASONS: &[&str] = &[
        "at character ",
        "at the end",
        "at the beginning",
        "around it",
        "in place of",
        "must not be empty",
        "is required",
        "is too long",
        "is too short",
        "is longer than",
        "has no ",
        "(it starts with 0)",
        "after the +",
    ];
    assert!(REASONS.iter().any(|reason| message.contains(reason)), "{message}");
}

#[test]
fn a_phone_number_is_plus_and_seven_to_fifteen_digits() {
    struct Numbers;
    impl ValueGenerator for Numbers {
        type Output = String;

        fn generate<D: Driver>(&self, driver: &mut D) -> Option<String> {
            const DIGITS: [&str; 6] = ["0", "1", "46", "70", "9", "5"];
            const STARTS: [&str; 10] =
                ["+", "+", "+", "00", "", " +", "tel:+", "(", "\u{202d}+", "＋"];
            const OTHERS: [&str; 20] = [
                " ", "-", "\n", "\r\n", "+", "٤", "x", "\0", "５", "\u{a0}", "\u{200e}", "(0)",
                "/", ",", " ext. 12", "#", "*", "\"", ".", "E+",
            ];
            let mut number = pieces(driver, 1, &STARTS)?;
            number += &pieces(driver, 16, &DIGITS)?;
            if one_in(driver, 3)? {
                number += &pieces(driver, 2, &OTHERS)?;
                number += &pieces(driver, 3, &DIGITS)?;
                number += &pieces(driver, 1, &OTHERS)?;
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
            assert_explained(error.message(), "phone_number");
            // No digits of the number: the message counts digits and characters, names code points,
            // and contains the form E.164 and its limits.
            assert!(error.message().split(|c: char| !c.is_ascii_digit()).all(|run| run.len() < 5));
            let longest = number.split(|c: char| !c.is_numeric()).max_by_key(|run| run.len());
            assert!(longest.is_none_or(|run| run.len() < 5 || !error.message().contains(run)));
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
        let problem = session::id_problem(id);
        assert_eq!(problem.is_none(), ID.is_match(id));
        if let Some(problem) = problem {
            assert_explained(&format!("session_id {problem}"), "session_id");
        }
    });
}

/// Of a secret, no place is named but its beginning and its end.
fn assert_of_a_secret(problem: &str) {
    let starts = ["begins with ", "ends with ", "contains "];
    assert!(starts.iter().any(|start| problem.starts_with(start)), "{problem}");
    assert!(!problem.contains("at character"), "{problem}");
}

#[test]
fn a_csrf_token_is_printable_ascii() {
    const PIECES: &[&str] = &["a", "~", " ", "\"", "\t", "\r\n", "\0", "\u{7f}", "é"];
    check!().with_generator(Pieces(PIECES, 6)).for_each(|token: &String| {
        let request = Phone2faRequest::new("+46701740605")
            .redirect_success("https://a.example")
            .redirect_failure("https://b.example")
            .csrf_token(token);
        let result = request.check();
        assert_eq!(result.is_ok(), token.chars().all(|c| c == ' ' || c.is_ascii_graphic()));
        if let Err(error) = result {
            let problem = error.message().strip_prefix("csrf_token ").unwrap();
            assert_of_a_secret(problem);
        }
    });
}

#[test]
fn a_key_is_visible_ascii_and_a_message_says_only_how_it_begins_or_ends() {
    const PIECES: &[&str] =
        &["k3y", "~", " ", "\"", "\t", "\r\n", "\0", "\u{201c}", "é", "\u{feff}"];
    check!().with_generator(Pieces(PIECES, 6)).for_each(|key: &String| {
        let problem = header::problem_of_key(key);
        assert_eq!(problem.is_none(), key.chars().all(|c| c.is_ascii_graphic()));
        let Some(problem) = problem else { return };
        assert_of_a_secret(problem.as_str());
        assert!(!problem.contains("k3y"), "{problem}");
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
        let webhook = if *webhook { "https://c.example/hook?a=%22&b[]=\'" } else { "" };
        let request = Phone2faRequest::new("+46701740605")
            .redirect_success("https://a.example/?a=b#c")
            .redirect_failure("http://b.example")
            .locale(locale)
            .relay_state(relay_state)
            .webhook(webhook);
        let is_refused = locale.contains(char::is_control) || relay_state.contains('\0');
        assert_eq!(request.check().is_err(), is_refused);

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
