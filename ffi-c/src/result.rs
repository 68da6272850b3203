//! How a call went.

use std::ffi::{CStr, c_char};

use zignsec_core::ErrorKind;

/// How a call went. The numbers are frozen; new ones may be added.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum zs_result {
    /// It worked.
    ZS_OK = 0,
    /// An argument is NULL, not UTF-8 or malformed. Nothing was sent.
    ZS_ERROR_INVALID_ARGUMENT = 1,
    /// The client cannot be set up: no key, an unreadable file, plain http to a host that is not
    /// loopback. Nothing was sent.
    ZS_ERROR_CONFIGURATION = 2,
    /// Name look-up, TCP or a proxy failed. Nothing was sent.
    ZS_ERROR_CONNECT = 10,
    /// The TLS handshake or a certificate was refused, or the peer sent a TLS alert.
    ZS_ERROR_TLS = 11,
    /// A time limit ran out.
    ZS_ERROR_TIMEOUT = 12,
    /// The connection broke after the request began.
    ZS_ERROR_IO = 13,
    /// The answer is not one of the gateway's: not HTTP, too large, not JSON, no id.
    ZS_ERROR_PROTOCOL = 14,
    /// The gateway refused the request: 400, 409, 422, or a 4xx without a number of its own.
    ZS_ERROR_INVALID_REQUEST = 20,
    /// 401: the gateway does not know the API key.
    ZS_ERROR_AUTHENTICATION = 21,
    /// 403: the key may not do this.
    ZS_ERROR_PERMISSION = 22,
    /// 404: the gateway knows no such session.
    ZS_ERROR_NOT_FOUND = 23,
    /// 429: too many requests. See zs_error_retry_after_ms().
    ZS_ERROR_RATE_LIMITED = 24,
    /// 5xx: the gateway failed.
    ZS_ERROR_SERVER = 25,
    /// An HTTP status that has no place in this protocol: 101, 3xx and others.
    ZS_ERROR_UNEXPECTED_STATUS = 26,
    /// The session was not final in time.
    ZS_ERROR_WAIT_TIMEOUT = 30,
    /// The caller stopped the call.
    ZS_ERROR_CANCELLED = 31,
    /// The signature of a webhook is missing, malformed, wrong or stale.
    ZS_ERROR_WEBHOOK_SIGNATURE = 40,
    /// A bug in the library, caught.
    ZS_ERROR_INTERNAL = 99,
}

use zs_result::*;

impl zs_result {
    const ALL: [(Self, &'static CStr); 19] = [
        (ZS_OK, c"ZS_OK"),
        (ZS_ERROR_INVALID_ARGUMENT, c"ZS_ERROR_INVALID_ARGUMENT"),
        (ZS_ERROR_CONFIGURATION, c"ZS_ERROR_CONFIGURATION"),
        (ZS_ERROR_CONNECT, c"ZS_ERROR_CONNECT"),
        (ZS_ERROR_TLS, c"ZS_ERROR_TLS"),
        (ZS_ERROR_TIMEOUT, c"ZS_ERROR_TIMEOUT"),
        (ZS_ERROR_IO, c"ZS_ERROR_IO"),
        (ZS_ERROR_PROTOCOL, c"ZS_ERROR_PROTOCOL"),
        (ZS_ERROR_INVALID_REQUEST, c"ZS_ERROR_INVALID_REQUEST"),
        (ZS_ERROR_AUTHENTICATION, c"ZS_ERROR_AUTHENTICATION"),
        (ZS_ERROR_PERMISSION, c"ZS_ERROR_PERMISSION"),
        (ZS_ERROR_NOT_FOUND, c"ZS_ERROR_NOT_FOUND"),
        (ZS_ERROR_RATE_LIMITED, c"ZS_ERROR_RATE_LIMITED"),
        (ZS_ERROR_SERVER, c"ZS_ERROR_SERVER"),
        (ZS_ERROR_UNEXPECTED_STATUS, c"ZS_ERROR_UNEXPECTED_STATUS"),
        (ZS_ERROR_WAIT_TIMEOUT, c"ZS_ERROR_WAIT_TIMEOUT"),
        (ZS_ERROR_CANCELLED, c"ZS_ERROR_CANCELLED"),
        (ZS_ERROR_WEBHOOK_SIGNATURE, c"ZS_ERROR_WEBHOOK_SIGNATURE"),
        (ZS_ERROR_INTERNAL, c"ZS_ERROR_INTERNAL"),
    ];

    fn find(number: i32) -> Option<(Self, &'static CStr)> {
        Self::ALL.into_iter().find(|(result, _)| *result as i32 == number)
    }

    pub(crate) fn of(kind: ErrorKind) -> Self {
        Self::find(kind.code()).map_or(ZS_ERROR_INTERNAL, |(result, _)| result)
    }
}

/// The name of a result, as in this header: "ZS_ERROR_TIMEOUT".
///
/// @param result  A zs_result, or any other number.
/// @return A string that lives for ever; "ZS_ERROR_UNKNOWN" for a number that is no zs_result of
///         this version. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zs_result_name(result: i32) -> *const c_char {
    zs_result::find(result).map_or(c"ZS_ERROR_UNKNOWN", |(_, name)| name).as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_a_result_of_its_number() {
        let kinds = [
            (ErrorKind::InvalidArgument, ZS_ERROR_INVALID_ARGUMENT),
            (ErrorKind::Configuration, ZS_ERROR_CONFIGURATION),
            (ErrorKind::Connect, ZS_ERROR_CONNECT),
            (ErrorKind::Tls, ZS_ERROR_TLS),
            (ErrorKind::Timeout, ZS_ERROR_TIMEOUT),
            (ErrorKind::Io, ZS_ERROR_IO),
            (ErrorKind::Protocol, ZS_ERROR_PROTOCOL),
            (ErrorKind::InvalidRequest, ZS_ERROR_INVALID_REQUEST),
            (ErrorKind::Authentication, ZS_ERROR_AUTHENTICATION),
            (ErrorKind::Permission, ZS_ERROR_PERMISSION),
            (ErrorKind::NotFound, ZS_ERROR_NOT_FOUND),
            (ErrorKind::RateLimited, ZS_ERROR_RATE_LIMITED),
            (ErrorKind::Server, ZS_ERROR_SERVER),
            (ErrorKind::UnexpectedStatus, ZS_ERROR_UNEXPECTED_STATUS),
            (ErrorKind::WaitTimeout, ZS_ERROR_WAIT_TIMEOUT),
            (ErrorKind::Cancelled, ZS_ERROR_CANCELLED),
            (ErrorKind::WebhookSignature, ZS_ERROR_WEBHOOK_SIGNATURE),
            (ErrorKind::Internal, ZS_ERROR_INTERNAL),
        ];
        for (kind, result) in kinds {
            assert_eq!(zs_result::of(kind), result);
        }
        assert_eq!(kinds.len() + 1, zs_result::ALL.len());
    }

    #[test]
    fn every_name_is_that_of_its_variant() {
        for (result, name) in zs_result::ALL {
            assert_eq!(format!("{result:?}"), name.to_str().unwrap());
        }
    }
}
