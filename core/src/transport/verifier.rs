//! Verifies the certificate of a server, and says why it is refused.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::certificate::{self, Certificate, key_algorithm, name, signature_algorithm};
use super::tls_error::{NAME, TlsError};

/// Decides as rustls does, and remembers the reason when it refuses.
#[derive(Debug)]
pub(crate) struct Verifier {
    pub(crate) rustls: Arc<WebPkiServerVerifier>,
    roots: Arc<RootCertStore>,
    /// The setting that the roots come from. `None` for the system's store.
    setting: Option<&'static str>,
    /// rustls hands on only the error of the verifier, which selects the alert for the server, and
    /// keeps no refused certificate.
    last_refusal: Mutex<Option<TlsError>>,
}

impl Verifier {
    pub(crate) fn new(
        rustls: Arc<WebPkiServerVerifier>,
        roots: Arc<RootCertStore>,
        setting: Option<&'static str>,
    ) -> Self {
        Self { rustls, roots, setting, last_refusal: Mutex::new(None) }
    }

    /// Why a certificate of this peer was refused last. If two handshakes fail at once for
    /// different reasons, this may be that of the other one.
    pub(crate) fn last_refusal(&self) -> Option<TlsError> {
        self.last_refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers why a certificate was refused, or, without the others that were `sent`, a
    /// signature of the handshake.
    fn remember(
        &self,
        error: &rustls::Error,
        server: &CertificateDer<'_>,
        sent: Option<&[CertificateDer<'_>]>,
    ) {
        if let rustls::Error::InvalidCertificate(error) = error {
            let server = Certificate::parse(server);
            let is_handshake = sent.is_none();
            let sent = sent.unwrap_or_default().iter();
            let sent = sent.filter_map(|der| Certificate::parse(der)).collect();
            let chain = server.map(|server| Chain { server, sent, is_handshake, verifier: self });
            let refusal = describe(error, chain.as_ref());
            *self.last_refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.rustls
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .inspect_err(|error| self.remember(error, end_entity, Some(intermediates)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.rustls
            .verify_tls12_signature(message, cert, dss)
            .inspect_err(|error| self.remember(error, cert, None))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.rustls
            .verify_tls13_signature(message, cert, dss)
            .inspect_err(|error| self.remember(error, cert, None))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.rustls.supported_verify_schemes()
    }
}

/// Why a certificate was refused, and what to do. `chain` is known if the certificate can be read.
pub(crate) fn describe(error: &CertificateError, chain: Option<&Chain<'_>>) -> TlsError {
    use CertificateError as E;
    const SIGN_WITH: &str = "sign it with RSA or ECDSA (P-256 or P-384) and SHA-256 or SHA-384";
    TlsError::new(match (error, chain) {
        (E::UnknownIssuer, Some(chain)) => return chain.unknown_issuer(),
        (E::UnknownIssuer, None) => {
            "the issuer of the server's certificate is not known; check ca_file".to_owned()
        }
        (E::BadSignature, Some(chain)) => return chain.bad_signature(),
        (E::NotValidForNameContext { presented, .. }, _) => return wrong_name(presented),
        (E::ExpiredContext { time, not_after }, chain) => {
            return expired(*time, *not_after, chain);
        }
        (E::NotValidYetContext { time, not_before }, _) => format!(
            "the server's certificate is not valid before {}, and this machine's clock says {}; \
             check this machine's clock",
            date(*not_before),
            date(*time)
        ),
        (E::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. }, _) => format!(
            "a certificate of the server is signed by {}, which is not supported; {SIGN_WITH}",
            signature_algorithm(signature_algorithm_id)
        ),
        (
            E::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id,
                public_key_algorithm_id,
            },
            _,
        ) => format!(
            "a certificate of the server is signed by {} and {}, which is not supported; \
             {SIGN_WITH}",
            signature_algorithm(signature_algorithm_id),
            key_algorithm(public_key_algorithm_id).0
        ),
        (E::InvalidPurposeContext { .. } | E::InvalidPurpose, _) => {
            "the server's certificate is not meant for servers; issue one whose extendedKeyUsage \
             contains serverAuth"
                .to_owned()
        }
        (E::BadEncoding, _) => {
            "the server's certificate is malformed (not valid DER); issue a new one".to_owned()
        }
        (E::Other(error), _) => {
            let error = error.0.downcast_ref::<webpki::Error>();
            error.map_or(NOT_ACCEPTED, describe_webpki).to_owned()
        }
        _ => NOT_ACCEPTED.to_owned(),
    })
}

const NOT_ACCEPTED: &str =
    "the server's certificate is malformed or not supported; issue a new one";

/// The errors for which rustls has no variant.
fn describe_webpki(error: &webpki::Error) -> &'static str {
    use webpki::Error as E;
    match error {
        E::CaUsedAsEndEntity => {
            "the server's certificate is a CA certificate (CA:TRUE); make it with `openssl req \
             -x509 -addext basicConstraints=critical,CA:FALSE`, or sign one with this CA"
        }
        E::EndEntityUsedAsCa => {
            "the server's certificate was issued by a certificate that is not a CA; set CA:TRUE in \
             the basicConstraints of the issuer"
        }
        E::NameConstraintViolation => {
            "the name constraints of a CA exclude the server's certificate, or are directory names, \
             which are not supported; use a CA without them"
        }
        E::PathLenConstraintViolated => {
            "the server's chain is longer than a CA in it allows (pathlen); use a shorter chain"
        }
        E::MaximumPathDepthExceeded => {
            "the server's chain is too long: at most 6 intermediate certificates are supported; use \
             a shorter chain"
        }
        E::MaximumSignatureChecksExceeded
        | E::MaximumPathBuildCallsExceeded
        | E::MaximumNameConstraintComparisonsExceeded => {
            "the server's certificates take too many checks; install only its own chain on the \
             server"
        }
        E::UnsupportedCertVersion => {
            "a certificate of the server is not of X.509 version 3; sign it with `openssl x509 -req \
             -extfile`, which adds extensions"
        }
        E::UnsupportedCriticalExtension => {
            "a certificate of the server has a critical extension that is not supported; issue one \
             without it"
        }
        E::SignatureAlgorithmMismatch => {
            "a certificate of the server names two different signature algorithms; issue a new one"
        }
        _ => NOT_ACCEPTED,
    }
}

fn expired(now: UnixTime, not_after: UnixTime, chain: Option<&Chain<'_>>) -> TlsError {
    let (end, now) = (date(not_after), date(now));
    let words = format!(
        " expired on {end}, and this machine's clock says {now}; renew it, or check this machine's \
         clock"
    );
    // rustls does not say which one of the chain it is.
    let certificate = chain.and_then(|chain| {
        let mut others = chain.path().into_iter().skip(1);
        others.find(|certificate| certificate.last_day().as_ref() == Some(&end))
    });
    match certificate {
        Some(certificate) => TlsError::with_names(
            format!("the issuer \"{NAME}\" of the server's certificate{words}"),
            [name(certificate.subject)],
        ),
        None => TlsError::new(format!("the server's certificate{words}")),
    }
}

fn wrong_name(names: &[String]) -> TlsError {
    const MAX_SHOWN: usize = 3;
    if names.is_empty() {
        return TlsError::new(
            "the server's certificate has no host name in its subjectAltName; issue one with `-addext \
             subjectAltName=DNS:...`",
        );
    }
    let shown = names.iter().take(MAX_SHOWN).map(|name| plain_name(name).to_owned());
    let places = vec![NAME.to_string(); names.len().min(MAX_SHOWN)].join(", ");
    let more = match names.len().saturating_sub(MAX_SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    TlsError::with_names(
        format!(
            "the server's certificate is not for this host name, but for {places}{more}; check the \
             host name"
        ),
        shown,
    )
}

/// The name in the form of webpki, such as `DnsName("a.example")`.
fn plain_name(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

/// A day such as 29 Nov 2026. A date in numbers would look like a phone number.
fn date(time: UnixTime) -> String {
    const END_OF_YEAR_9999: u64 = 253_402_300_799;
    let time = Duration::from_secs(time.as_secs().min(END_OF_YEAR_9999));
    // Such as `Sun, 29 Nov 2026 12:00:00 GMT`.
    let time = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + time);
    time[5..16].trim_start_matches('0').to_owned()
}

/// What a server presented, and what was trusted.
pub(crate) struct Chain<'a> {
    server: Certificate<'a>,
    /// The other certificates that it sent.
    sent: Vec<Certificate<'a>>,
    /// Whether the signature of the handshake was refused, not one of a certificate.
    is_handshake: bool,
    verifier: &'a Verifier,
}

impl<'a> Chain<'a> {
    /// The certificate of the server, its issuer, and so on, as far as the server sent them.
    fn path(&self) -> Vec<Certificate<'a>> {
        let mut path = vec![self.server];
        let mut last = self.server;
        // It ends even if certificates issue each other.
        for _ in &self.sent {
            let issuer = self.sent.iter().find(|issuer| issuer.subject == last.issuer);
            let Some(issuer) = issuer.filter(|_| !last.is_self_issued()) else { break };
            last = *issuer;
            path.push(last);
        }
        path
    }

    fn unknown_issuer(&self) -> TlsError {
        let path = self.path();
        let last = path.last().unwrap_or(&self.server);
        let is_own = last.is_self_issued() && path.len() == 1;
        let is_trusted_itself = self.verifier.roots.roots.iter().any(|root| {
            !is_own
                && root.subject.as_ref() == self.server.subject
                && root.subject_public_key_info.as_ref() == self.server.key
        });
        let words = match self.verifier.setting {
            Some(setting) if is_trusted_itself => format!(
                "{setting} contains the server's certificate, but not that of its issuer \
                 \"{NAME}\"; add the issuer's certificate to it"
            ),
            Some(setting) if is_own => format!(
                "the server's certificate \"{NAME}\" is self-signed and not in {setting}; add it, \
                 if you trust it"
            ),
            None if is_own => format!(
                "the server's certificate \"{NAME}\" is self-signed and not trusted; if you trust \
                 it, set ca_file to it"
            ),
            Some(setting) if last.is_self_issued() => format!(
                "{setting} does not contain the CA \"{NAME}\"; if a proxy inspects TLS or the CA is \
                 private, add its certificate there"
            ),
            None if last.is_self_issued() => format!(
                "the CA \"{NAME}\" is not trusted; if a proxy inspects TLS or the CA is private, \
                 set ca_file to its certificate"
            ),
            Some(setting) => format!(
                "the server sent no intermediate certificate for the issuer \"{NAME}\", and \
                 {setting} does not contain it; install the full chain on the server, or add the CA"
            ),
            None => format!(
                "the server sent no certificate of its issuer \"{NAME}\", which is not trusted; install \
                 the full chain on the server, or, if a proxy inspects TLS or the CA is private, set \
                 ca_file to its certificate"
            ),
        };
        TlsError::with_names(words, [name(last.issuer)])
    }

    fn bad_signature(&self) -> TlsError {
        let setting = self.verifier.setting.unwrap_or("the system's store");
        let path = self.path();
        for certificate in &path {
            if let Some(problem) = certificate::unsupported_key(certificate.key) {
                return TlsError::with_names(
                    format!("the certificate \"{NAME}\" {problem}; issue one with another key"),
                    [name(certificate.subject)],
                );
            }
        }
        let issuer = path.last().unwrap_or(&self.server).issuer;
        let roots = &self.verifier.roots.roots;
        let mut roots = roots.iter().filter(|_| !self.is_handshake);
        let Some(root) = roots.find(|root| root.subject.as_ref() == issuer) else {
            return TlsError::new(
                "a signature of the server does not match its certificate or the issuer's; install \
                 the right certificates and key on the server",
            );
        };
        let words = match certificate::unsupported_key(&root.subject_public_key_info) {
            Some(problem) => {
                format!("the CA \"{NAME}\" in {setting} {problem}; use another CA")
            }
            None => format!(
                "the CA \"{NAME}\" in {setting} has another key than the CA of this name that \
                 signed the server's certificate; replace it there"
            ),
        };
        TlsError::with_names(words, [name(issuer)])
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    use rustls::OtherError;

    use super::*;
    use crate::transport::tls::crypto_provider;

    #[test]
    fn a_wrong_signature_of_the_handshake_is_not_blamed_on_the_ca() {
        let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name.push(DnType::CommonName, "A CA");
        let mut roots = RootCertStore::empty();
        roots.add(ca.self_signed(&ca_key).unwrap().der().clone()).unwrap();
        let roots = Arc::new(roots);
        let server = CertificateParams::new(["a.example".to_owned()]).unwrap();
        let server = server.signed_by(&key, &Issuer::from_params(&ca, &ca_key)).unwrap();

        let rustls =
            WebPkiServerVerifier::builder_with_provider(roots.clone(), crypto_provider()).build();
        let verifier = Verifier::new(rustls.unwrap(), roots, Some("ca_file"));
        let error = rustls::Error::InvalidCertificate(CertificateError::BadSignature);
        let text = |sent| {
            verifier.remember(&error, server.der(), sent);
            verifier.last_refusal().unwrap().text(&[])
        };
        assert!(text(Some(&[])).contains("the CA \"A CA\" in ca_file has another key"));
        assert!(text(None).contains("a signature of the server does not match its certificate"));
    }

    #[test]
    fn a_certificate_that_cannot_be_read_is_described_too() {
        for (error, expected) in [
            (CertificateError::BadEncoding, "is malformed (not valid DER)"),
            (
                CertificateError::UnknownIssuer,
                "the issuer of the server's certificate is not known",
            ),
            (CertificateError::BadSignature, NOT_ACCEPTED),
            (CertificateError::Expired, NOT_ACCEPTED),
            (CertificateError::Other(OtherError(Arc::new(webpki::Error::BadDer))), NOT_ACCEPTED),
            (CertificateError::Other(OtherError(Arc::new(std::fmt::Error))), NOT_ACCEPTED),
        ] {
            let text = describe(&error, None).text(&[]);
            assert!(text.contains(expected) && text.contains("; "), "{error:?}: {text}");
        }
    }

    #[test]
    fn at_most_three_names_are_shown() {
        let text = |count| {
            let names: Vec<_> = (0..count).map(|it| format!("DnsName(\"{it}.example\")")).collect();
            wrong_name(&names).text(&[])
        };
        assert!(text(0).contains("no host name"), "{}", text(0));
        assert!(text(1).contains("but for 0.example; check"), "{}", text(1));
        assert!(text(3).contains("but for 0.example, 1.example, 2.example; check"), "{}", text(3));
        assert!(text(900).contains(", 2.example and 897 more; check"), "{}", text(900));
        assert_eq!(plain_name("IpAddress(10.0.0.1)"), "10.0.0.1");
        assert_eq!(plain_name("DirectoryName"), "DirectoryName");
    }

    #[test]
    fn a_date_has_no_more_digits_in_a_row_than_a_year() {
        let date = |seconds| date(UnixTime::since_unix_epoch(Duration::from_secs(seconds)));
        assert_eq!(date(0), "1 Jan 1970");
        assert_eq!(date(1_795_953_600), "29 Nov 2026");
        assert_eq!(date(u64::MAX), "31 Dec 9999");
    }
}
