//! The parser of `Retry-After`, on any value.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use bolero::{Driver, ValueGenerator, check};
use regex::Regex;

use super::{Bytes, below, one_in, pick, pieces};
use crate::transport::http::retry_after;

const TOKENS: [&str; 32] = [
    "0",
    "1",
    "9",
    "18446744073709551615",
    "18446744073709551616",
    "-",
    "+",
    ".",
    "e",
    "x",
    " ",
    "\t",
    ",",
    ":",
    "Sun",
    "Monday",
    "Nov",
    "Feb",
    " GMT",
    "UTC",
    "06",
    "29",
    "31",
    "60",
    "24:00:00",
    "08:49:37",
    "1969",
    "1994",
    "2000",
    "9999",
    "10000",
    "é",
];

struct Values;

impl ValueGenerator for Values {
    type Output = Bytes;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Bytes> {
        let mut value = match below(driver, 4)? {
            0 => pieces(driver, 40, &["0", "1", "5", "9"])?,
            1 => pieces(driver, 8, &TOKENS)?,
            _ => date(driver)?,
        }
        .into_bytes();
        if one_in(driver, 3)? && !value.is_empty() {
            let at = below(driver, value.len())?;
            let token = pick(driver, &TOKENS)?;
            let end = (at + below(driver, 5)?).min(value.len());
            value.splice(at..end, token.bytes());
        }
        Some(Bytes(value))
    }
}

/// A date in one of the three formats of HTTP (RFC 9110, section 5.6.7).
fn date<D: Driver>(driver: &mut D) -> Option<String> {
    const DAYS: [&str; 7] =
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let year = pick(driver, &[1970, 1994, 2000, 2026, 2069, 2100, 9999])?;
    let month = pick(driver, &MONTHS)?;
    let day = 1 + below(driver, 31)?;
    let weekday = pick(driver, &DAYS)?;
    let short = &weekday[..3];
    let (hour, minute, second) = (below(driver, 25)?, below(driver, 61)?, below(driver, 62)?);
    let time = format!("{hour:02}:{minute:02}:{second:02}");
    Some(match below(driver, 3)? {
        0 => format!("{short}, {day:02} {month} {year} {time} GMT"),
        1 => format!("{weekday}, {day:02}-{month}-{:02} {time} GMT", year % 100),
        _ => format!("{short} {month} {day:2} {time} {year}"),
    })
}

#[test]
fn retry_after_is_a_whole_number_a_date_or_nothing() {
    check!().with_generator(Values).for_each(|Bytes(value)| {
        let value = value.trim_ascii();
        let start = SystemTime::now();
        let parsed = retry_after(value);
        let text = &*String::from_utf8_lossy(value);
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            assert_eq!(parsed, seconds(text).map(Duration::from_secs));
        } else if let Some(parsed) = parsed {
            let at = parse_date(text).unwrap();
            let latest = at.duration_since(start).unwrap_or_default();
            let earliest = at.duration_since(SystemTime::now()).unwrap_or_default();
            assert!(earliest <= parsed && parsed <= latest, "{parsed:?}");
        } else {
            let is_date = parse_date(text).is_some_and(|at| httpdate::fmt_http_date(at) == text);
            assert!(!is_date);
        }
    });
}

/// The value of decimal digits. `None` if it does not fit.
fn seconds(digits: &str) -> Option<u64> {
    digits.bytes().try_fold(0u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })
}

/// Parses a date of HTTP. `None` if it is not valid.
fn parse_date(text: &str) -> Option<SystemTime> {
    // The library's parser ignores the character after a year of two digits.
    const FORMATS: [&str; 3] = [
        r"\A[A-Z][a-z]{2}, (?<day>\d\d) (?<month>[A-Z][a-z]{2}) (?<year>\d{4}) (?<time>[\d:]{8}) GMT\z",
        r"\A[A-Z][a-z]+day, (?<day>\d\d)-(?<month>[A-Z][a-z]{2})-(?<year>\d\d).(?<time>[\d:]{8}) GMT\z",
        r"\A[A-Z][a-z]{2} (?<month>[A-Z][a-z]{2}) (?<day>[ \d]\d) (?<time>[\d:]{8}) (?<year>\d{4})\z",
    ];
    static COMPILED: LazyLock<[Regex; 3]> =
        LazyLock::new(|| FORMATS.map(|format| Regex::new(format).unwrap()));
    let found = COMPILED.iter().find_map(|format| format.captures(text))?;
    let number = |text: &str| text.trim().parse::<i64>().ok();
    let mut year = number(&found["year"])?;
    if found["year"].len() == 2 {
        year += if year < 70 { 2000 } else { 1900 };
    }
    let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let month = i64::try_from(months.find(&found["month"])? / 3).ok()? + 1;
    let day = number(&found["day"])?;
    // Days since 1970. A year starts in March here, so that leap days come last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 719_469;
    let mut time = found["time"].split(':').map(number);
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    if !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let since = u64::try_from(days * 86_400 + hour * 3600 + minute * 60 + second).ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(since))
}
