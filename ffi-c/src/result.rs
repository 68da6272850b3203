//! The result of a call.

use std::ffi::{CStr, c_char};

use zignsec_core::ErrorKind;

/// The result of a call. The numbers never change; new ones may be added.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum zs_result {
    /// Success.
    ZS_OK = 0,
    /// An argument is NULL, not UTF-8 or malformed. Nothing was sent.
    ZS_ERROR_INVALID_ARGUMENT = 1,
    /// The client cannot be created: no API key, an unreadable file, plain http to a host that is
    /// not loopback. Nothing was sent.
    ZS_ERROR_CONFIGURATION = 2,
    /// The client was closed. Nothing was sent. The functions of this header never return it,
    /// because C has no function that closes a client without freeing it.
    ZS_ERROR_CLOSED = 3,
    /// Name resolution, TCP or the proxy failed. Nothing was sent.
    ZS_ERROR_CONNECT = 10,
    /// The TLS handshake failed, a certificate was rejected, or the peer sent a TLS alert.
    ZS_ERROR_TLS = 11,
    /// A time limit was exceeded.
    ZS_ERROR_TIMEOUT = 12,
    /// The connection was lost after the first byte of the request was sent.
    ZS_ERROR_IO = 13,
    /// Invalid response: not HTTP, too large, not JSON, no session ID.
    ZS_ERROR_PROTOCOL = 14,
    /// The gateway rejected the request: 400, 409, 422, or another 4xx that has no number here.
    ZS_ERROR_INVALID_REQUEST = 20,
    /// 401: the gateway rejected the API key.
    ZS_ERROR_AUTHENTICATION = 21,
    /// 403: the API key does not permit this request.
    ZS_ERROR_PERMISSION = 22,
    /// 404: the gateway does not know the session.
    ZS_ERROR_NOT_FOUND = 23,
    /// 429: too many requests. See zs_error_retry_after_ms().
    ZS_ERROR_RATE_LIMITED = 24,
    /// 5xx: the gateway failed.
    ZS_ERROR_SERVER = 25,
    /// An HTTP status that this protocol does not use: 101, 3xx and others.
    ZS_ERROR_UNEXPECTED_STATUS = 26,
    /// The session was not final in time.
    ZS_ERROR_WAIT_TIMEOUT = 30,
    /// The caller cancelled the call.
    ZS_ERROR_CANCELLED = 31,
    /// The signature of a webhook is missing, malformed, wrong, or outside the tolerance.
    ZS_ERROR_WEBHOOK_SIGNATURE = 40,
    /// There was not enough memory for a response, or a bug in the library (a panic) was caught.
    ZS_ERROR_INTERNAL = 99,
}

use zs_result::*;

const UNKNOWN: &CStr = c"ZS_ERROR_UNKNOWN";

impl zs_result {
    const ALL: [(Self, &'static CStr); 20] = [
        (ZS_OK, c"ZS_OK"),
        (ZS_ERROR_INVALID_ARGUMENT, c"ZS_ERROR_INVALID_ARGUMENT"),
        (ZS_ERROR_CONFIGURATION, c"ZS_ERROR_CONFIGURATION"),
        (ZS_ERROR_CLOSED, c"ZS_ERROR_CLOSED"),
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

    pub(crate) fn name(self) -> &'static CStr {
        Self::find(self as i32).map_or(UNKNOWN, |(_, name)| name)
    }
}

/// The name of a result, as in this header: "ZS_ERROR_TIMEOUT".
///
/// @param result  A zs_result, or any other number.
/// @return A static string; do not free. "ZS_ERROR_UNKNOWN" for a number that is not a zs_result of
///         this version. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn zs_result_name(result: i32) -> *const c_char {
    zs_result::find(result).map_or(UNKNOWN, |(_, name)| name).as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_kind_has_a_result_with_the_same_number() {
        let kinds = [
            (ErrorKind::InvalidArgument, ZS_ERROR_INVALID_ARGUMENT),
            (ErrorKind::Configuration, ZS_ERROR_CONFIGURATION),
            (ErrorKind::Closed, ZS_ERROR_CLOSED),
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
    fn every_result_has_its_name() {
        for (result, name) in zs_result::ALL {
            assert_eq!(format!("{result:?}"), name.to_str().unwrap());
            assert_eq!(result.name(), name);
        }
    }
}
