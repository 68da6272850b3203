//! The defaults that the documentation quotes are those of the code.

#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

use std::path::Path;
use std::time::Duration;

use zignsec::bindings::defaults;

/// The text of a file of the repository, without line breaks and comment markers.
fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let text = std::fs::read_to_string(path).unwrap();
    text.replace("///", " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The documentation of an item: the text before it, from the end of the previous item.
fn documentation<'a>(text: &'a str, item: &str) -> &'a str {
    let before = &text[..text.find(item).unwrap()];
    &before[before.rfind('}').unwrap()..]
}

fn seconds(duration: Duration) -> String {
    format!("{} seconds", duration.as_secs())
}

#[test]
fn rustdoc_quotes_the_defaults() {
    let client = text("core/src/client.rs");
    for (setter, default) in [
        ("pub fn connect_timeout(", seconds(defaults::CONNECT_TIMEOUT)),
        ("pub fn attempt_timeout(", seconds(defaults::ATTEMPT_TIMEOUT)),
        ("pub fn timeout(", seconds(defaults::TIMEOUT)),
        ("pub fn max_retries(", defaults::MAX_RETRIES.to_string()),
    ] {
        let expected = format!("The default is {default}.");
        assert!(documentation(&client, setter).contains(&expected), "{setter} {expected}");
    }
    let wait = text("core/src/wait.rs");
    for (setter, default) in [
        ("pub fn timeout(", defaults::WAIT_TIMEOUT),
        ("pub fn poll_interval(", defaults::POLL_INTERVAL),
    ] {
        let expected = format!("The default is {}.", seconds(default));
        assert!(documentation(&wait, setter).contains(&expected), "{setter} {expected}");
    }
    let request = text("core/src/request.rs");
    let expected = format!("The default is `{}`", defaults::LOCALE);
    assert!(documentation(&request, "pub fn locale(").contains(&expected));
    let webhook = text("core/src/webhook/mod.rs");
    let expected = format!("The default is {}.", seconds(defaults::WEBHOOK_TOLERANCE));
    assert!(webhook.contains(&expected));
}

#[test]
fn the_readme_quotes_the_defaults() {
    let readme = text("README.md");
    let retries = match defaults::MAX_RETRIES {
        2 => "two",
        other => panic!("the README says two, not {other}"),
    };
    for expected in [
        format!(
            "{} to connect, {} for an attempt, {} in total",
            seconds(defaults::CONNECT_TIMEOUT),
            seconds(defaults::ATTEMPT_TIMEOUT),
            seconds(defaults::TIMEOUT),
        ),
        format!("up to {retries} times"),
        format!(
            "polls every {} until the session is final, for at most {} minutes",
            seconds(defaults::POLL_INTERVAL),
            defaults::WAIT_TIMEOUT.as_secs() / 60,
        ),
        format!("more than {}", seconds(defaults::WEBHOOK_TOLERANCE)),
    ] {
        assert!(readme.contains(&expected), "{expected}");
    }
}
