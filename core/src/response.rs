//! Turns a response of the gateway into a session or an error.

use std::fmt;

use crate::decode;
use crate::endpoint::ApiRequest;
use crate::error::{Error, ErrorKind};
use crate::memory;
use crate::reason::reason;
use crate::redact;
use crate::session::Session;
use crate::transport::{MAX_ERROR_BODY, Response};

/// Reads the session in the response to `request`. `secrets` are removed from error messages.
pub(crate) fn read(
    request: &ApiRequest<'_>,
    response: &Response,
    secrets: &[&str],
) -> Result<Session, Error> {
    let error = |kind, what: &dyn fmt::Display, in_doubt: bool| {
        // Without memory to read the body, there may be none for a copy.
        let body = if kind == ErrorKind::Internal { &[] } else { &*response.body };
        Error::failed(kind, what, request.creates() && in_doubt).with_http(
            response.status,
            redact::body(body, MAX_ERROR_BODY, secrets),
            response.request_id.as_deref().and_then(|id| redact::request_id(id, secrets)),
            response.retry_after,
        )
    };
    if !response.is_success() {
        let what = match reason(&response.body, secrets) {
            Some(reason) => format!("the gateway returned HTTP {}: {reason}", response.status),
            None => format!("the gateway returned HTTP {}", response.status),
        };
        let kind = ErrorKind::of_http_status(response.status);
        return Err(error(kind, &what, may_have_created(response)));
    }
    let invalid = |reason: &dyn fmt::Display| error(ErrorKind::Protocol, reason, true);
    if response.too_large {
        return Err(invalid(&"the response is larger than 1 MiB"));
    }
    let body =
        std::str::from_utf8(&response.body).map_err(|_| invalid(&"the response is not UTF-8"))?;
    memory::check(body.len()).map_err(|cause| error(ErrorKind::Internal, &cause, true))?;
    decode::decode(body, request).map_err(|error| invalid(&format_args!("the response {error}")))
}

/// Whether a POST that failed with this response may have created a session: not if the gateway
/// refused the request or asked to repeat it later.
fn may_have_created(response: &Response) -> bool {
    match response.status {
        400..=499 => false,
        503 => response.retry_after.is_none(),
        _ => true,
    }
}
