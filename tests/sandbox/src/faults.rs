//! The faults that there are: their names, what each does in a line, and where it strikes.

mod answer;
mod armed;
mod effect;

use serde::Serialize;
use strum::{EnumIter, EnumMessage, EnumProperty, EnumString, IntoEnumIterator, IntoStaticStr};

pub use answer::ScriptedAnswer;
pub(crate) use armed::{Armed, ArmedFault, Order};
pub(crate) use effect::LATENESS;

use crate::problem::Problem;

/// A way in which the gateway, or the road to it, can go wrong. The first line of each is what `GET /_sandbox/faults` says.
#[derive(
    Clone, Debug, PartialEq, Eq, EnumIter, EnumMessage, EnumProperty, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "kebab-case")]
#[non_exhaustive]
pub enum Fault {
    /// Another session's id in place of the one asked for
    #[strum(props(level = "domain"))]
    OtherId,
    /// A status that no page documents: `on_hold`
    #[strum(props(level = "domain"))]
    UnknownStatus,
    /// The status in capitals
    #[strum(props(level = "domain"))]
    UpperCaseStatus,
    /// The success status beside a `data.errors` that is not empty
    #[strum(props(level = "domain"))]
    AcceptedWithErrors,
    /// The success status beside a `data.result.status` of `failed`
    #[strum(props(level = "domain"))]
    ResultDisagrees,

    /// Leaves out `data`
    #[strum(props(level = "json"))]
    NoData,
    /// Leaves out `data.id`
    #[strum(props(level = "json"))]
    NoId,
    /// Leaves out `data.status`
    #[strum(props(level = "json"))]
    NoStatus,
    /// What belongs in `data`, without the envelope
    #[strum(props(level = "json"))]
    BareObject,
    /// Fields that no page documents, and nulls, beside the right ones
    #[strum(props(level = "json"))]
    ExtraFields,
    /// A number for `data.id` and a list for `data.status`
    #[strum(props(level = "json"))]
    WrongTypes,
    /// `data.status` twice, with two values
    #[strum(props(level = "json"))]
    RepeatedKey,
    /// U+0000 within `data.id`
    #[strum(props(level = "json"))]
    NulInString,
    /// A line end within `data.redirect_url`
    #[strum(props(level = "json"))]
    ControlInUrl,
    /// A `javascript:` URL for `data.redirect_url`
    #[strum(props(level = "json"))]
    ScriptUrl,
    /// A body that is not UTF-8
    #[strum(props(level = "json"))]
    BadUtf8,
    /// A byte order mark before the JSON
    #[strum(props(level = "json"))]
    ByteOrderMark,
    /// A field that no page documents, with a hundred thousand lists, one in the other
    #[strum(props(level = "json"))]
    DeepJson,
    /// JSON that ends in its middle, in a body that is whole
    #[strum(props(level = "json"))]
    CutJson,
    /// A body that says it is JSON and is not
    #[strum(props(level = "json"))]
    NotJson,
    /// No body at all
    #[strum(props(level = "json"))]
    EmptyBody,

    /// Answers with the status NNN, 200 to 599, and an error body
    #[strum(serialize = "http-NNN", props(level = "http"))]
    Http(u16),
    /// Answers as told: `status`, `headers` and `body` (or `body_hex`) beside the fault's name
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
    /// 502 with a web page for a body, as from a proxy
    #[strum(props(level = "http"))]
    BadGatewayHtml,
    /// 302 to another host
    #[strum(props(level = "http"))]
    Redirect,
    /// A body of 2 MiB
    #[strum(props(level = "http"))]
    TooLarge,
    /// The right answer, a second late
    #[strum(props(level = "http"))]
    LateAnswer,
    /// 103 before the right answer
    #[strum(props(level = "http"))]
    EarlyHints,
    /// 103 again and again, and never an answer
    #[strum(props(level = "http"))]
    EndlessInformational,
    /// 101 in place of an answer
    #[strum(props(level = "http"))]
    SwitchingProtocols,
    /// A thousand headers
    #[strum(props(level = "http"))]
    ManyHeaders,
    /// A header of 256 KiB
    #[strum(props(level = "http"))]
    HugeHeader,
    /// Two `Content-Length` headers that differ
    #[strum(props(level = "http"))]
    TwoLengths,
    /// `Content-Length` ten bytes too long, on a connection that stays open
    #[strum(props(level = "http"))]
    LengthTooLong,
    /// `Content-Length` ten bytes too short, on a connection that stays open
    #[strum(props(level = "http"))]
    LengthTooShort,
    /// The right answer, and right behind it another session's, which nobody asked for
    #[strum(props(level = "http"))]
    UnaskedAnswer,
    /// A header that never ends
    #[strum(props(level = "http"))]
    EndlessHeader,
    /// A chunk whose length is not a number
    #[strum(props(level = "http"))]
    BadChunk,
    /// Chunks that end before the last one
    #[strum(props(level = "http"))]
    CutChunks,
    /// The right answer without a length, ended by FIN
    #[strum(props(level = "http"))]
    NoLength,
    /// Half of the body without a length, ended by FIN
    #[strum(props(level = "http"))]
    CutWithoutLength,

    /// RST in place of an answer
    #[strum(props(level = "socket"))]
    Reset,
    /// FIN in place of an answer
    #[strum(props(level = "socket"))]
    Close,
    /// No answer, on a connection that stays open
    #[strum(props(level = "socket"))]
    Stall,
    /// Half of the answer's head, then FIN
    #[strum(props(level = "socket"))]
    CutHead,
    /// Half of the answer's head, then RST
    #[strum(props(level = "socket"))]
    ResetHead,
    /// The answer's head, then RST
    #[strum(props(level = "socket"))]
    ResetAfterHead,
    /// Half of the body that was promised, then FIN
    #[strum(props(level = "socket"))]
    CutBody,
    /// Half of the body that was promised, then RST
    #[strum(props(level = "socket"))]
    ResetBody,
    /// Bytes that are not HTTP, then FIN
    #[strum(props(level = "socket"))]
    Garbage,
    /// The head of the answer a byte at a time, one each 100 ms
    #[strum(props(level = "socket"))]
    DripHead,
    /// The body of the answer a byte at a time, one each 100 ms
    #[strum(props(level = "socket"))]
    DripBody,
    /// The right answer with nothing said of closing, then FIN
    #[strum(props(level = "socket"))]
    CloseAfterAnswer,
    /// The right answer with nothing said of closing, then FIN; under TLS, `close_notify` in the answer's own packet
    #[strum(props(level = "socket"))]
    CloseWithAnswer,
    /// The right answer, then FIN when the connection is used again
    #[strum(props(level = "socket"))]
    CloseWhenReused,
    /// The right answer, then RST when the connection is used again
    #[strum(props(level = "socket"))]
    ResetWhenReused,
    /// RST before any of the request is read; meets the next new connection
    #[strum(props(level = "socket"))]
    ResetOnAccept,
    /// FIN before any of the request is read; meets the next new connection
    #[strum(props(level = "socket"))]
    CloseOnAccept,

    /// A certificate that has expired
    #[strum(props(level = "tls"))]
    TlsExpired,
    /// A certificate for another name
    #[strum(props(level = "tls"))]
    TlsWrongName,
    /// A certificate of an authority that nobody trusts
    #[strum(props(level = "tls"))]
    TlsUnknownIssuer,
    /// TLS 1.2 and nothing newer
    #[strum(serialize = "tls-1.2-only", props(level = "tls"))]
    TlsOnlyV12,
    /// TLS 1.3 and nothing older
    #[strum(serialize = "tls-1.3-only", props(level = "tls"))]
    TlsOnlyV13,
    /// Asks for a client certificate of the sandbox's authority and refuses who has none
    #[strum(props(level = "tls"))]
    TlsClientCertificate,
    /// As `tls-client-certificate`, under TLS 1.2
    #[strum(serialize = "tls-1.2-client-certificate", props(level = "tls"))]
    TlsClientCertificateV12,
    /// No answer to the handshake
    #[strum(props(level = "tls"))]
    TlsStall,
    /// RST in the handshake
    #[strum(props(level = "tls"))]
    TlsReset,
    /// Plain HTTP in answer to the handshake
    #[strum(props(level = "tls"))]
    TlsPlainHttp,

    /// 503 in place of a hosted page, or of the answer to its form
    #[strum(props(level = "page"))]
    PageUnavailable,
    /// A hosted page a second late
    #[strum(props(level = "page"))]
    PageLate,

    /// The next SMS never arrives
    #[strum(props(level = "sms"))]
    SmsLost,
    /// The next SMS arrives ten seconds late, by the sandbox's clock
    #[strum(props(level = "sms"))]
    SmsLate,

    /// The next webhook is never sent
    #[strum(props(level = "webhook"))]
    WebhookLost,
    /// The next webhook is sent again after it was received
    #[strum(props(level = "webhook"))]
    WebhookTwice,
    /// The next webhook is a minute late, by the sandbox's clock
    #[strum(props(level = "webhook"))]
    WebhookLate,
    /// The next session's `session_created` comes after its `session_finished`
    #[strum(props(level = "webhook"))]
    WebhookOutOfOrder,
    /// The next session's `session_created` arrives before the answer to its POST
    #[strum(props(level = "webhook"))]
    WebhookBeforeAnswer,
    /// The next webhook is signed with another secret
    #[strum(props(level = "webhook"))]
    WebhookBadSignature,
    /// The next webhook's signature is ten minutes old
    #[strum(props(level = "webhook"))]
    WebhookStale,
    /// The next webhook has no signature
    #[strum(props(level = "webhook"))]
    WebhookUnsigned,
}

/// Where a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A call to one of the two endpoints.
    Call,
    /// A new connection that has yet to say what it wants.
    Accept,
    /// A TLS handshake.
    Handshake,
    Page,
    Sms,
    Webhook,
    /// A session's first webhook.
    FirstWebhook,
}

/// What chaos does to calls: each is something that a program has to live with, and gets over.
pub(crate) const CHAOS_OF_CALLS: [Fault; 12] = [
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
pub(crate) const CHAOS_OF_PAGES: [Fault; 2] = [Fault::PageUnavailable, Fault::PageLate];
pub(crate) const CHAOS_OF_WEBHOOKS: [Fault; 3] =
    [Fault::WebhookLost, Fault::WebhookTwice, Fault::WebhookLate];

impl Fault {
    /// The name that arms it, such as `reset` or `http-503`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Http(status) => format!("http-{status}"),
            other => <&'static str>::from(other).to_owned(),
        }
    }

    /// The fault of that name; `answer` needs more than its name and is not among them.
    pub fn named(name: &str) -> Result<Self, Problem> {
        if let Some(status) = name.strip_prefix("http-").and_then(|status| status.parse().ok()) {
            let fault = Self::Http(status);
            return fault.check().map(|()| fault);
        }
        match name.parse() {
            Ok(Self::Answer(_)) => Err(Problem::field("fault", "\"answer\" needs a status")),
            Ok(Self::Http(_)) | Err(_) => {
                Err(Problem::field("fault", "must be one of those that GET /_sandbox/faults lists"))
            }
            Ok(fault) => Ok(fault),
        }
    }

    pub(crate) fn check(&self) -> Result<(), Problem> {
        match self {
            Self::Http(status) if !(200..=599).contains(status) => {
                Err(Problem::field("fault", "must be http-200 to http-599"))
            }
            Self::Answer(answer) => answer.check(),
            _ => Ok(()),
        }
    }

    pub(crate) fn target(&self) -> Target {
        match (self, self.level()) {
            (Self::ResetOnAccept | Self::CloseOnAccept, _) => Target::Accept,
            (Self::WebhookOutOfOrder | Self::WebhookBeforeAnswer, _) => Target::FirstWebhook,
            (_, "tls") => Target::Handshake,
            (_, "page") => Target::Page,
            (_, "sms") => Target::Sms,
            (_, "webhook") => Target::Webhook,
            _ => Target::Call,
        }
    }

    fn level(&self) -> &'static str {
        self.get_str("level").unwrap_or_default()
    }
}

/// A fault as the list of all faults has it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FaultHelp {
    pub(crate) name: &'static str,
    pub(crate) level: &'static str,
    pub(crate) what: &'static str,
}

pub(crate) fn catalogue() -> Vec<FaultHelp> {
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
    fn every_fault_is_listed_with_its_level_and_armed_by_its_name() {
        for fault in catalogue() {
            assert!(
                ["domain", "json", "http", "socket", "tls", "page", "sms", "webhook"]
                    .contains(&fault.level),
                "{}",
                fault.name
            );
            assert!(!fault.what.is_empty(), "{}", fault.name);
            match fault.name {
                "http-NNN" => assert_eq!(Fault::named("http-503").unwrap(), Fault::Http(503)),
                "answer" => {
                    assert!(Fault::named("answer").unwrap_err().description.contains("status"))
                }
                name => assert_eq!(Fault::named(name).unwrap().name(), name),
            }
        }
    }

    #[test]
    fn only_statuses_that_end_a_call_can_be_asked_for() {
        for name in ["http-199", "http-600", "http-70000", "http-", "http-NNN", "nonsense", ""] {
            assert_eq!(Fault::named(name).unwrap_err().status, 422, "{name}");
        }
    }
}
