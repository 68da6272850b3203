//! The rule for values that are sent in an HTTP header.

/// The longest value that is sent in a header. Servers commonly refuse headers of more than 8 KiB.
const MAX_LENGTH: usize = 4096;

/// The rule of [`is_header_value`], for error messages.
pub(crate) const HEADER_RULE: &str = "printable ASCII of at most 4096 characters";

/// Whether `text` can be sent in a header as it is.
pub(crate) fn is_header_value(text: &str) -> bool {
    text.len() <= MAX_LENGTH && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_contains_the_maximum_length() {
        assert!(HEADER_RULE.contains(&format!(" {MAX_LENGTH} ")));
        assert!(is_header_value(&"a".repeat(MAX_LENGTH)));
        assert!(!is_header_value(&"a".repeat(MAX_LENGTH + 1)));
    }
}
