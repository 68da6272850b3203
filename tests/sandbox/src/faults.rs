//! The faults: their names, descriptions and targets.

mod armed;
mod effect;
mod scripted_answer;

use serde::Serialize;
use strum::{EnumIter, EnumMessage, EnumProperty, EnumString, IntoEnumIterator, IntoStaticStr};

pub(crate) use armed::{ArmFaultRequest, Armed, ArmedFault};
pub(crate) use effect::RESPONSE_DELAY;
pub use scripted_answer::ScriptedAnswer;

use crate::problem::Problem;

/// An error of the gateway or the network that can be injected. The documentation of each variant
/// is its description in `GET /_sandbox/faults`.
#[derive(
    Clone, Debug, PartialEq, Eq, EnumIter, EnumMessage, EnumProperty, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "kebab-case")]
#[non_exhaustive]
pub enum Fault {
    /// The ID of another session instead of the requested one
    #[strum(props(level = "domain"))]
    OtherId,
    /// An undocumented status: `on_hold`
    #[strum(props(level = "domain"))]
    UnknownStatus,
    /// The status in upper case
    #[strum(props(level = "domain"))]
    UpperCaseStatus,
    /// The success status together with a `data.errors` that is not empty
    #[strum(props(level = "domain"))]
    AcceptedWithErrors,
    /// The success status together with a `data.result.status` of `failed`
    #[strum(props(level = "domain"))]
    ResultDisagrees,

    /// No `data`
    #[strum(props(level = "json"))]
    NoData,
    /// No `data.id`
    #[strum(props(level = "json"))]
    NoId,
    /// No `data.status`
    #[strum(props(level = "json"))]
    NoStatus,
    /// The content of `data` without the envelope
    #[strum(props(level = "json"))]
    BareObject,
    /// Undocumented fields and nulls in addition to the correct fields
    #[strum(props(level = "json"))]
    ExtraFields,
    /// A number as `data.id` and an array as `data.status`
    #[strum(props(level = "json"))]
    WrongTypes,
    /// `data.status` twice, with different values
    #[strum(props(level = "json"))]
    RepeatedKey,
    /// A NUL character (U+0000) in `data.id`
    #[strum(props(level = "json"))]
    NulInString,
    /// A line break in `data.redirect_url`
    #[strum(props(level = "json"))]
    ControlInUrl,
    /// A `javascript:` URL as `data.redirect_url`
    #[strum(props(level = "json"))]
    ScriptUrl,
    /// A body that is not valid UTF-8
    #[strum(props(level = "json"))]
    BadUtf8,
    /// A byte order mark before the JSON
    #[strum(props(level = "json"))]
    ByteOrderMark,
    /// An undocumented field with arrays nested 100,000 deep
    #[strum(props(level = "json"))]
    DeepJson,
    /// Truncated JSON, with a matching `Content-Length`
    #[strum(props(level = "json"))]
    CutJson,
    /// A body that is not JSON, sent as `application/json`
    #[strum(props(level = "json"))]
    NotJson,
    /// An empty body
    #[strum(props(level = "json"))]
    EmptyBody,

    /// Status NNN (200 to 599) with an error body
    #[strum(serialize = "http-NNN", props(level = "http"))]
    Http(u16),
    /// The response in the fields `status`, `headers` and `body` (or `body_hex`)
    #[strum(props(level = "http"))]
    Answer(ScriptedAnswer),
    /// 429 with `Retry-After` in seconds
    #[strum(props(level = "http"))]
    RateLimitedSeconds,
    /// 429 with `Retry-After` as a date
    #[strum(props(level = "http"))]
    RateLimitedDate,
    /// 503 with `Retry-After`
    #[strum(props(level = "http"))]
    UnavailableRetryAfter,
    /// 502 with an HTML body, as from a proxy
    #[strum(props(level = "http"))]
    BadGatewayHtml,
    /// 302 to another host
    #[strum(props(level = "http"))]
    Redirect,
    /// A body of 2 MiB
    #[strum(props(level = "http"))]
    TooLarge,
    /// The normal response, one second late
    #[strum(props(level = "http"))]
    LateAnswer,
    /// 103 before the normal response
    #[strum(props(level = "http"))]
    EarlyHints,
    /// 103 again and again, without a final response
    #[strum(props(level = "http"))]
    EndlessInformational,
    /// 101 instead of a response
    #[strum(props(level = "http"))]
    SwitchingProtocols,
    /// 1000 headers
    #[strum(props(level = "http"))]
    ManyHeaders,
    /// A header of 256 KiB
    #[strum(props(level = "http"))]
    HugeHeader,
    /// Two different `Content-Length` headers
    #[strum(props(level = "http"))]
    TwoLengths,
    /// `Content-Length` 10 bytes too large; the connection stays open
    #[strum(props(level = "http"))]
    LengthTooLong,
    /// `Content-Length` 10 bytes too small; the connection stays open
    #[strum(props(level = "http"))]
    LengthTooShort,
    /// The normal response, followed by an unrequested one for another session
    #[strum(props(level = "http"))]
    UnaskedAnswer,
    /// A header that never ends
    #[strum(props(level = "http"))]
    EndlessHeader,
    /// A chunk with an invalid size
    #[strum(props(level = "http"))]
    BadChunk,
    /// Chunked encoding that ends without the last chunk
    #[strum(props(level = "http"))]
    CutChunks,
    /// The normal response without a length, ended by FIN
    #[strum(props(level = "http"))]
    NoLength,
    /// Half of the body without a length, ended by FIN
    #[strum(props(level = "http"))]
    CutWithoutLength,

    /// RST instead of a response
    #[strum(props(level = "socket"))]
    Reset,
    /// FIN instead of a response
    #[strum(props(level = "socket"))]
    Close,
    /// No response; the connection stays open
    #[strum(props(level = "socket"))]
    Stall,
    /// Half of the response headers, then FIN
    #[strum(props(level = "socket"))]
    CutHead,
    /// Half of the response headers, then RST
    #[strum(props(level = "socket"))]
    ResetHead,
    /// The response headers, then RST
    #[strum(props(level = "socket"))]
    ResetAfterHead,
    /// Half of the body, then FIN
    #[strum(props(level = "socket"))]
    CutBody,
    /// Half of the body, then RST
    #[strum(props(level = "socket"))]
    ResetBody,
    /// Bytes that are not HTTP, then FIN
    #[strum(props(level = "socket"))]
    Garbage,
    /// The response headers byte by byte, one every 100 ms
    #[strum(props(level = "socket"))]
    DripHead,
    /// The response body byte by byte, one every 100 ms
    #[strum(props(level = "socket"))]
    DripBody,
    /// The normal response without `Connection: close`, then FIN
    #[strum(props(level = "socket"))]
    CloseAfterAnswer,
    /// As `close-after-answer`; with TLS, `close_notify` is in the packet of the response
    #[strum(props(level = "socket"))]
    CloseWithAnswer,
    /// The normal response, then FIN when the connection is reused
    #[strum(props(level = "socket"))]
    CloseWhenReused,
    /// The normal response, then RST when the connection is reused
    #[strum(props(level = "socket"))]
    ResetWhenReused,
    /// RST on the next new connection, before the request is read
    #[strum(props(level = "socket"))]
    ResetOnAccept,
    /// FIN on the next new connection, before the request is read
    #[strum(props(level = "socket"))]
    CloseOnAccept,

    /// An expired certificate
    #[strum(props(level = "tls"))]
    TlsExpired,
    /// A certificate for another host name
    #[strum(props(level = "tls"))]
    TlsWrongName,
    /// A certificate of an unknown authority
    #[strum(props(level = "tls"))]
    TlsUnknownIssuer,
    /// Only TLS 1.2
    #[strum(serialize = "tls-1.2-only", props(level = "tls"))]
    TlsOnlyV12,
    /// Only TLS 1.3
    #[strum(serialize = "tls-1.3-only", props(level = "tls"))]
    TlsOnlyV13,
    /// Requires a client certificate of the sandbox's authority
    #[strum(props(level = "tls"))]
    TlsClientCertificate,
    /// As `tls-client-certificate`, with TLS 1.2 only
    #[strum(serialize = "tls-1.2-client-certificate", props(level = "tls"))]
    TlsClientCertificateV12,
    /// No response to the handshake
    #[strum(props(level = "tls"))]
    TlsStall,
    /// RST during the handshake
    #[strum(props(level = "tls"))]
    TlsReset,
    /// A plain HTTP response to the handshake
    #[strum(props(level = "tls"))]
    TlsPlainHttp,

    /// 503 instead of a hosted page or of the response to its form
    #[strum(props(level = "page"))]
    PageUnavailable,
    /// A hosted page one second late
    #[strum(props(level = "page"))]
    PageLate,

    /// The next SMS is not delivered
    #[strum(props(level = "sms"))]
    SmsLost,
    /// The next SMS is delivered 10 seconds late, on the sandbox's clock
    #[strum(props(level = "sms"))]
    SmsLate,

    /// The next webhook is not sent
    #[strum(props(level = "webhook"))]
    WebhookLost,
    /// The next webhook is sent a second time
    #[strum(props(level = "webhook"))]
    WebhookTwice,
    /// The next webhook is sent one minute late, on the sandbox's clock
    #[strum(props(level = "webhook"))]
    WebhookLate,
    /// The `session_created` of the next session is sent after its `session_finished`
    #[strum(props(level = "webhook"))]
    WebhookOutOfOrder,
    /// The `session_created` of the next session is sent before the response to its POST
    #[strum(props(level = "webhook"))]
    WebhookBeforeAnswer,
    /// The next webhook is signed with a different secret
    #[strum(props(level = "webhook"))]
    WebhookBadSignature,
    /// The signature of the next webhook is 10 minutes old
    #[strum(props(level = "webhook"))]
    WebhookStale,
    /// The next webhook has no signature
    #[strum(props(level = "webhook"))]
    WebhookUnsigned,
}

/// What a fault is injected into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A request to one of the two endpoints, or its response.
    Request,
    /// A new connection for such a request, or for TLS.
    Connection,
    /// A TLS handshake.
    Handshake,
    Page,
    Sms,
    Webhook,
    /// The first webhook of a session.
    FirstWebhook,
}

/// The faults that chaos injects into requests: a client can recover from each of them.
pub(crate) const REQUEST_CHAOS: [Fault; 12] = [
    Fault::Http(500),
    Fault::Http(503),
    Fault::Http(504),
    Fault::RateLimitedSeconds,
    Fault::RateLimitedDate,
    Fault::UnavailableRetryAfter,
    Fault::BadGatewayHtml,
    Fault::LateAnswer,
    Fault::Reset,
    Fault::Close,
    Fault::CutBody,
    Fault::CloseAfterAnswer,
];
pub(crate) const PAGE_CHAOS: [Fault; 2] = [Fault::PageUnavailable, Fault::PageLate];
pub(crate) const WEBHOOK_CHAOS: [Fault; 3] =
    [Fault::WebhookLost, Fault::WebhookTwice, Fault::WebhookLate];

impl Fault {
    /// The name of the fault, such as `reset` or `http-503`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Http(status) => format!("http-{status}"),
            other => <&'static str>::from(other).to_owned(),
        }
    }

    /// Returns the fault of a name. `answer` is an error, because it also needs a status.
    pub fn from_name(name: &str) -> Result<Self, Problem> {
        if let Some(status) = name.strip_prefix("http-").and_then(|status| status.parse().ok()) {
            let fault = Self::Http(status);
            return fault.validate().map(|()| fault);
        }
        match name.parse() {
            Ok(Self::Answer(_)) => {
                Err(Problem::invalid_field("fault", "\"answer\" requires a status"))
            }
            Ok(Self::Http(_)) | Err(_) => {
                let reason = "must be one of the names in GET /_sandbox/faults";
                Err(Problem::invalid_field("fault", reason))
            }
            Ok(fault) => Ok(fault),
        }
    }

    pub(crate) fn validate(&self) -> Result<(), Problem> {
        match self {
            Self::Http(status) if !(200..=599).contains(status) => {
                Err(Problem::invalid_field("fault", "must be http-200 to http-599"))
            }
            Self::Answer(answer) => answer.validate(),
            _ => Ok(()),
        }
    }

    pub(crate) fn target(&self) -> Target {
        match (self, self.level()) {
            (Self::ResetOnAccept | Self::CloseOnAccept, _) => Target::Connection,
            (Self::WebhookOutOfOrder | Self::WebhookBeforeAnswer, _) => Target::FirstWebhook,
            (_, "tls") => Target::Handshake,
            (_, "page") => Target::Page,
            (_, "sms") => Target::Sms,
            (_, "webhook") => Target::Webhook,
            _ => Target::Request,
        }
    }

    fn level(&self) -> &'static str {
        self.get_str("level").unwrap_or_default()
    }
}

/// The description of a fault.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FaultHelp {
    pub(crate) name: &'static str,
    pub(crate) level: &'static str,
    pub(crate) what: &'static str,
}

/// Every fault, with its description.
pub(crate) fn list() -> Vec<FaultHelp> {
    Fault::iter()
        .map(|fault| FaultHelp {
            name: (&fault).into(),
            level: fault.level(),
            what: fault.get_documentation().unwrap_or_default(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_level_a_description_and_a_name() {
        for fault in list() {
            assert!(
                ["domain", "json", "http", "socket", "tls", "page", "sms", "webhook"]
                    .contains(&fault.level),
                "{}",
                fault.name
            );
            assert!(!fault.what.is_empty(), "{}", fault.name);
            match fault.name {
                "http-NNN" => assert_eq!(Fault::from_name("http-503").unwrap(), Fault::Http(503)),
                "answer" => {
                    assert!(Fault::from_name("answer").unwrap_err().description.contains("status"))
                }
                name => assert_eq!(Fault::from_name(name).unwrap().name(), name),
            }
        }
    }

    #[test]
    fn only_final_statuses_are_accepted() {
        for name in ["http-199", "http-600", "http-70000", "http-", "http-NNN", "nonsense", ""] {
            assert_eq!(Fault::from_name(name).unwrap_err().status, 422, "{name}");
        }
    }
}
