//! The version of the library.

use std::ffi::{CStr, c_char};

/// The major part of this header's version.
pub const ZS_VERSION_MAJOR: u32 = 0;
/// The minor part of this header's version. While the major part is 0, a new minor version can
/// change the ABI.
pub const ZS_VERSION_MINOR: u32 = 1;
/// The patch part of this header's version.
pub const ZS_VERSION_PATCH: u32 = 0;
/// This header's version as one number, for comparison: 0x000102 is 0.1.2.
pub const ZS_VERSION_NUMBER: u32 =
    (ZS_VERSION_MAJOR << 16) | (ZS_VERSION_MINOR << 8) | ZS_VERSION_PATCH;

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("a version contains no NUL"),
    };

/// The version of the loaded library, which can differ from the version of the header: "0.1.0".
///
/// @return A static string; do not free.
#[unsafe(no_mangle)]
pub extern "C" fn zs_version() -> *const c_char {
    VERSION.as_ptr()
}

/// The version of the loaded library, in the form of ZS_VERSION_NUMBER.
#[unsafe(no_mangle)]
pub extern "C" fn zs_version_number() -> u32 {
    ZS_VERSION_NUMBER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_version_of_the_package() {
        let text = format!("{ZS_VERSION_MAJOR}.{ZS_VERSION_MINOR}.{ZS_VERSION_PATCH}");
        assert_eq!(VERSION.to_str().unwrap(), text);
        assert_eq!(ZS_VERSION_NUMBER, 0x00_01_00);
    }
}
