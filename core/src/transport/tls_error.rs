//! Errors of TLS, in words.

use std::fmt;

use rustls::{AlertDescription, Error, InvalidMessage, PeerIncompatible};

use crate::redact;

/// What failed, and what to do: the library's own words, and names from certificates in them.
#[derive(Clone, Debug)]
pub(crate) struct TlsError {
    /// With a [`NAME`] in place of each name.
    words: String,
    names: Vec<String>,
}

/// The place of a name in the words of a [`TlsError`].
pub(crate) const NAME: char = '\u{fffc}';

/// Words for a refused certificate. The verifier has better ones.
const REFUSED: &str = "the server's certificate was refused; check it";

impl TlsError {
    pub(crate) fn new(words: impl Into<String>) -> Self {
        Self::with_names(words, [])
    }

    pub(crate) fn with_names(
        words: impl Into<String>,
        names: impl IntoIterator<Item = String>,
    ) -> Self {
        Self { words: words.into(), names: names.into_iter().collect() }
    }

    /// Whether a certificate was refused, for a reason that only the verifier knows.
    pub(crate) fn is_refusal(&self) -> bool {
        self.words == REFUSED
    }

    /// The text, with redacted and shortened names.
    pub(crate) fn text(&self, secrets: &[&str]) -> String {
        const MAX_LENGTH: usize = 40;
        let mut parts = self.words.split(NAME);
        let mut text = parts.next().unwrap_or_default().to_owned();
        for (name, words) in self.names.iter().zip(parts) {
            // Redacted as a whole: what is left of a key that was cut would not be found.
            let name = redact::text(name, secrets);
            match name.char_indices().nth(MAX_LENGTH) {
                Some((end, _)) => text.extend([&name[..end], "..."]),
                None => text += &name,
            }
            text += words;
        }
        text
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(&[]))
    }
}

impl std::error::Error for TlsError {}

/// What is known about a connection when it fails.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Context {
    /// Whether the server is a proxy, which is never shown the client certificate.
    pub(crate) is_proxy: bool,
    /// Whether there is a client certificate for this server.
    pub(crate) has_client_cert: bool,
    /// Whether the server asked to renegotiate, which rustls declines.
    pub(crate) was_asked_to_renegotiate: bool,
    /// Whether the first bytes of the server were those of plain HTTP, if it sent any.
    pub(crate) is_http: Option<bool>,
}

const CHECK_NETWORK: &str = "check for a firewall or proxy that changes TLS on the way";

/// The error in words. They never contain the debug form of the error.
pub(crate) fn describe(error: &Error, context: Context) -> TlsError {
    let words = match error {
        Error::InvalidCertificate(_) => REFUSED.to_owned(),
        Error::AlertReceived(alert) => describe_alert(*alert, context),
        Error::InvalidMessage(InvalidMessage::CertificatePayloadTooLarge)
        | Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge) => {
            "the server's certificates are larger than 64 KiB; install only its own chain"
                .to_owned()
        }
        Error::InvalidMessage(_) if context.is_http == Some(true) => {
            "the server answered in plain HTTP, not TLS; check the scheme and the port".to_owned()
        }
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => "the server did not answer in TLS; check the scheme and the port".to_owned(),
        Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            PROTOCOL_VERSION.to_owned()
        }
        Error::PeerIncompatible(_) => {
            "the server has no TLS settings in common with this client; check its TLS settings"
                .to_owned()
        }
        Error::NoCertificatesPresented => {
            "the server sent no certificate; install one on the server".to_owned()
        }
        Error::PeerSentOversizedRecord | Error::DecryptError => {
            format!("a TLS record was damaged on the way; {CHECK_NETWORK}")
        }
        Error::InvalidMessage(_)
        | Error::PeerMisbehaved(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. } => {
            format!("the server violated the TLS protocol; {CHECK_NETWORK}")
        }
        Error::FailedToGetCurrentTime => {
            "this machine's clock could not be read; check it".to_owned()
        }
        Error::FailedToGetRandomBytes => {
            "the system provided no random numbers; check the sandbox of this process".to_owned()
        }
        _ => format!("TLS is not possible with this server; {CHECK_NETWORK}"),
    };
    TlsError::new(words)
}

const PROTOCOL_VERSION: &str =
    "the server speaks neither TLS 1.2 nor TLS 1.3; enable one of them on the server";

fn describe_alert(alert: AlertDescription, context: Context) -> String {
    use AlertDescription as A;
    const SET_CLIENT_CERT: &str = "set client_cert_file and client_key_file";
    const NOT_FOR_PROXY: &str = "use another proxy: yours is shown to the gateway only";
    let reason = match alert {
        A::HandshakeFailure if context.was_asked_to_renegotiate => {
            return "the server asked to renegotiate TLS 1.2, which is not supported; enable TLS 1.3, \
                    or ask for client certificates on the whole host"
                .to_owned();
        }
        A::HandshakeFailure | A::InsufficientSecurity if context.has_client_cert => {
            return "the server found no common cipher, key type or curve (RSA-PSS and P-521 are not \
                    supported), or refused the client certificate; check both"
                .to_owned();
        }
        A::HandshakeFailure | A::InsufficientSecurity if context.is_proxy => {
            return "the proxy found no common cipher, key type or curve (RSA-PSS and P-521 are not \
                    supported), or wants a client certificate, which only the gateway is shown; use \
                    another proxy"
                .to_owned();
        }
        A::HandshakeFailure | A::InsufficientSecurity => {
            return "the server found no common cipher, key type or curve (RSA-PSS and P-521 are not \
                    supported), or wants a client certificate; check its TLS settings, or set a \
                    client certificate"
                .to_owned();
        }
        A::ProtocolVersion => return PROTOCOL_VERSION.to_owned(),
        A::UnrecognisedName => {
            return "the server does not know this host name; check the host name".to_owned();
        }
        A::NoApplicationProtocol => {
            return "the server does not offer HTTP/1.1 on this port (ALPN); check the port"
                .to_owned();
        }
        A::InternalError => {
            return "the server failed in the TLS handshake (internal_error); try again later, or \
                    check its log"
                .to_owned();
        }
        A::CloseNotify | A::UserCanceled => {
            return format!("the server ended the TLS handshake; {CHECK_NETWORK}");
        }
        A::CertificateRequired | A::BadCertificate | A::AccessDenied
            if !context.has_client_cert =>
        {
            let advice = if context.is_proxy { NOT_FOR_PROXY } else { SET_CLIENT_CERT };
            return format!("the server asks for a client certificate; {advice}");
        }
        A::UnknownCA => "its issuer is unknown to the server",
        A::CertificateExpired => "it has expired",
        A::CertificateRevoked => "it was revoked",
        A::UnsupportedCertificate => "its kind or purpose is not supported",
        A::BadCertificate | A::CertificateUnknown => "it is not acceptable",
        A::CertificateRequired => "none was sent that the server accepts",
        A::AccessDenied => "access is denied",
        _ => "",
    };
    if context.has_client_cert && !reason.is_empty() {
        format!("the server refused the client certificate: {reason}; check client_cert_file")
    } else {
        let number = u8::from(alert);
        format!("the server refused the handshake (TLS alert {number}); check its TLS settings")
    }
}

#[cfg(test)]
mod tests {
    use rustls::{CertificateError, PeerMisbehaved};

    use super::*;

    fn text(error: &Error, context: Context) -> String {
        describe(error, context).text(&[])
    }

    #[test]
    fn errors_are_described_in_words() {
        let client_cert = Context { has_client_cert: true, ..Context::default() };
        let proxy = Context { is_proxy: true, ..Context::default() };
        let http = Context { is_http: Some(true), ..Context::default() };
        let renegotiation = Context { was_asked_to_renegotiate: true, ..Context::default() };
        let alert = Error::AlertReceived;
        for (error, context, expected) in [
            (alert(AlertDescription::ProtocolVersion), Context::default(), "neither TLS 1.2 nor"),
            (alert(AlertDescription::HandshakeFailure), renegotiation, "asked to renegotiate"),
            (alert(AlertDescription::HandshakeFailure), client_cert, "or refused the client cert"),
            (alert(AlertDescription::BadCertificate), Context::default(), "set client_cert_file"),
            (alert(AlertDescription::BadCertificate), client_cert, "refused the client cert"),
            (alert(AlertDescription::UnknownCA), client_cert, "its issuer is unknown"),
            (alert(AlertDescription::UnknownCA), Context::default(), "(TLS alert 48)"),
            (alert(AlertDescription::HandshakeFailure), proxy, "which only the gateway is shown"),
            (alert(AlertDescription::CertificateRequired), proxy, "shown to the gateway only"),
            (Error::InvalidMessage(InvalidMessage::InvalidContentType), http, "in plain HTTP"),
            (
                Error::InvalidMessage(InvalidMessage::InvalidContentType),
                Context::default(),
                "did not answer in TLS",
            ),
            (
                Error::PeerMisbehaved(PeerMisbehaved::TooManyRenegotiationRequests),
                Context::default(),
                "violated the TLS protocol",
            ),
            (Error::General("Foo { a: b::C }".to_owned()), Context::default(), "is not possible"),
        ] {
            let text = text(&error, context);
            assert!(text.contains(expected), "{error:?}: {text}");
        }
    }

    #[test]
    fn every_text_is_short_and_says_what_to_do() {
        let alerts = (0..=u8::MAX).map(|number| Error::AlertReceived(number.into()));
        let others = [
            Error::InvalidCertificate(CertificateError::Revoked),
            Error::NoCertificatesPresented,
            Error::PeerSentOversizedRecord,
            Error::PeerIncompatible(PeerIncompatible::NoKxGroupsInCommon),
            Error::FailedToGetCurrentTime,
            Error::FailedToGetRandomBytes,
        ];
        for error in alerts.chain(others) {
            for has_client_cert in [false, true] {
                let context = Context { has_client_cert, ..Context::default() };
                let text = text(&error, context);
                assert!(text.len() <= 200 && text.contains("; "), "{error:?}: {text}");
                assert!(!text.contains(['{', '[']) && !text.contains("::"), "{error:?}: {text}");
            }
        }
    }

    #[test]
    fn a_name_is_redacted_before_it_is_shortened() {
        let text = |name: &str| {
            let error = TlsError::with_names(format!("the CA {NAME} is bad"), [name.to_owned()]);
            error.text(&["0123456789abcdef"])
        };
        assert_eq!(text("Root"), "the CA Root is bad");
        assert_eq!(text(&"x".repeat(41)), format!("the CA {}... is bad", "x".repeat(40)));
        let key = format!("{} 0123456789abcdef", "x".repeat(32));
        assert_eq!(text(&key), format!("the CA {} [key] is bad", "x".repeat(32)));
        assert_eq!(text("CA of +46701740605"), "the CA CA of +46*****605 is bad");
    }
}
