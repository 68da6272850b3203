//! The shared cases of `tests/vectors`.

use serde::de::DeserializeOwned;

/// Reads the cases of one file.
pub(crate) fn cases<T: DeserializeOwned>(file: &str) -> Vec<T> {
    let path = format!("{}/../tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}
