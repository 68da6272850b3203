//! The rule for values that are sent in an HTTP header.

use crate::text_problem;

/// The longest value that is sent in a header. Servers commonly refuse headers of more than 8 KiB.
const MAX_LENGTH: usize = 4096;

/// The rule of [`problem`], for error messages.
pub(crate) const HEADER_RULE: &str = "printable ASCII of at most 4096 characters";

/// What is wrong with a value that cannot be sent in a header.
pub(crate) fn problem(text: &str) -> Option<String> {
    too_long(text).or_else(|| text_problem::find(text, &is_printable))
}

/// What is wrong with an API key that cannot be sent in a header, or that contains a space.
pub(crate) fn problem_of_key(key: &str) -> Option<String> {
    too_long(key).or_else(|| text_problem::find_in_secret(key, &|c| c.is_ascii_graphic()))
}

/// What is wrong with a token that cannot be sent in a header.
pub(crate) fn problem_of_token(token: &str) -> Option<String> {
    too_long(token).or_else(|| text_problem::find_in_secret(token, &is_printable))
}

fn is_printable(c: char) -> bool {
    (' '..='~').contains(&c)
}

fn too_long(text: &str) -> Option<String> {
    (text.len() > MAX_LENGTH).then(|| format!("is longer than {MAX_LENGTH} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_contains_the_maximum_length() {
        assert!(HEADER_RULE.contains(&format!(" {MAX_LENGTH} ")));
        assert_eq!(problem(&"a".repeat(MAX_LENGTH)), None);
        assert!(problem(&"a".repeat(MAX_LENGTH + 1)).is_some());
        assert!(problem_of_key(&"a".repeat(MAX_LENGTH + 1)).is_some());
    }
}
