//! The rule for values that are sent in an HTTP header.

/// The longest value that is sent in a header. Servers commonly refuse headers of more than 8 KiB.
const MAX_LENGTH: usize = 4096;

/// Whether `text` can be sent in a header as it is: printable ASCII, at most 4096 characters.
pub(crate) fn is_header_value(text: &str) -> bool {
    text.len() <= MAX_LENGTH && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}
