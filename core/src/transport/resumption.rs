//! TLS sessions that are resumed, and for how long.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use once_cell::race::OnceBox;
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, HandshakeKind};

use super::attempt::Attempt;
use super::clock::Now;
use super::stream::Stream;
use super::tls::{self, Tls, TlsSettings};
use super::tls_error::TlsError;

/// How long after a full handshake its session is resumed, and sessions that came from it are. A
/// resumed session skips the check of the certificate.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);
/// How many sessions are stored: those of one server.
const MAX_SESSIONS: usize = 8;

/// TLS with one peer: the gateway or the proxy.
///
/// Sessions are stored per period. A period begins with an empty store, so with a full handshake,
/// and ends after [`MAX_AGE`]. A session that is resumed again and again does not outlive it: each
/// resumption gets a new ticket from the server, but in the store of the same period.
pub(crate) struct TlsPeer {
    /// Created with the first connection.
    settings: OnceBox<TlsSettings>,
    period: Mutex<Option<Period>>,
}

struct Period {
    since: Now,
    config: Arc<ClientConfig>,
}

impl TlsPeer {
    pub(crate) const fn new() -> Self {
        Self { settings: OnceBox::new(), period: Mutex::new(None) }
    }

    /// Performs a handshake, which resumes a session if there is one.
    pub(crate) fn handshake<S: Stream>(
        &self,
        attempt: &mut Attempt,
        settings: impl Fn() -> io::Result<TlsSettings>,
        host: &str,
        stream: S,
    ) -> io::Result<Tls<S>> {
        const INVALID_HOST: &str = "no certificate can be for this host name; check the host name";
        let settings = self.settings.get_or_try_init(|| settings().map(Box::new))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| tls::tls_error(TlsError::new(INVALID_HOST)))?;
        let config = self.config(settings, Now::read());
        let connection =
            Tls::handshake(attempt, config, name.clone(), stream).map_err(|error| {
                let is_refusal = tls::as_tls_error(&error).is_some_and(TlsError::is_refusal);
                let refusal = settings.verifier.last_refusal().filter(|_| is_refusal);
                refusal.map_or(error, tls::tls_error)
            })?;
        self.end_period_if_expiring(settings, connection.session(), &name, Now::read());
        Ok(connection)
    }

    fn config(&self, settings: &TlsSettings, now: Now) -> Arc<ClientConfig> {
        let mut period = self.period();
        let is_current =
            |period: &&Period| now.since(period.since).is_some_and(|age| age < MAX_AGE);
        if let Some(current) = period.as_ref().filter(is_current) {
            return current.config.clone();
        }
        let mut config = settings.config.clone();
        config.resumption = Resumption::in_memory_sessions(MAX_SESSIONS);
        let config = Arc::new(config);
        *period = Some(Period { since: now, config: config.clone() });
        config
    }

    /// Ends the period after a full handshake with a certificate that expires during it, so that no
    /// session outlives its certificate.
    fn end_period_if_expiring(
        &self,
        settings: &TlsSettings,
        session: &ClientConnection,
        name: &ServerName<'_>,
        now: Now,
    ) {
        if session.handshake_kind() == Some(HandshakeKind::Resumed) {
            return;
        }
        let end = (now.system + MAX_AGE).duration_since(SystemTime::UNIX_EPOCH);
        let end = end.map(UnixTime::since_unix_epoch);
        let is_valid_until_the_end = match (end, session.peer_certificates()) {
            (Ok(end), Some([certificate, chain @ ..])) => settings
                .verifier
                .rustls
                .verify_server_cert(certificate, chain, name, &[], end)
                .is_ok(),
            _ => false,
        };
        if !is_valid_until_the_end {
            *self.period() = None;
        }
    }

    fn period(&self) -> MutexGuard<'_, Option<Period>> {
        self.period.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use rustls::{RootCertStore, ServerConfig, ServerConnection};

    use super::*;
    use crate::transport::TlsConfig;
    use crate::transport::tls::crypto_provider;

    /// A server in memory with a certificate that expires at the end of 2099, and a client.
    struct Fixture {
        server: Arc<ServerConfig>,
        settings: TlsSettings,
        peer: TlsPeer,
        start: Now,
    }

    impl Fixture {
        fn new(version: &'static rustls::SupportedProtocolVersion) -> Self {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
            params.not_after = date_time_ymd(2100, 1, 1);
            let certificate = params.self_signed(&key).unwrap().der().clone();
            let mut roots = RootCertStore::empty();
            roots.add(certificate.clone()).unwrap();
            let roots = Arc::new(roots);
            let config = TlsConfig {
                roots: Box::new(move || Ok(roots.clone())),
                roots_setting: None,
                client_cert: None,
            };
            let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
            let server = ServerConfig::builder_with_provider(crypto_provider())
                .with_protocol_versions(&[version])
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certificate], key)
                .unwrap();
            Self {
                server: Arc::new(server),
                settings: config.for_proxy().unwrap(),
                peer: TlsPeer::new(),
                start: Now::read(),
            }
        }

        fn connect(&self, now: Now) -> HandshakeKind {
            let name = ServerName::try_from("localhost").unwrap();
            let config = self.peer.config(&self.settings, now);
            let mut client = ClientConnection::new(config, name.clone()).unwrap();
            let mut server = ServerConnection::new(self.server.clone()).unwrap();
            while client.wants_write() || server.wants_write() {
                let mut bytes = Vec::new();
                client.write_tls(&mut bytes).unwrap();
                server.read_tls(&mut bytes.as_slice()).unwrap();
                server.process_new_packets().unwrap();
                let mut bytes = Vec::new();
                server.write_tls(&mut bytes).unwrap();
                client.read_tls(&mut bytes.as_slice()).unwrap();
                client.process_new_packets().unwrap();
            }
            assert!(!client.is_handshaking());
            self.peer.end_period_if_expiring(&self.settings, &client, &name, now);
            client.handshake_kind().unwrap()
        }

        fn after(&self, minutes: u64) -> Now {
            self.start + Duration::from_secs(60 * minutes)
        }
    }

    const VERSIONS: [&rustls::SupportedProtocolVersion; 2] =
        [&rustls::version::TLS12, &rustls::version::TLS13];

    #[test]
    fn a_chain_of_resumed_sessions_ends_an_hour_after_the_full_handshake() {
        for version in VERSIONS {
            let tls = Fixture::new(version);
            let is_resumed = |minutes| tls.connect(tls.after(minutes)) == HandshakeKind::Resumed;
            let resumed = [0, 1, 30, 59, 60, 61, 119, 121].map(is_resumed);
            assert_eq!(resumed, [false, true, true, true, false, true, true, false], "{version:?}");
        }
    }

    #[test]
    fn an_hour_is_over_when_one_of_the_clocks_says_so() {
        let tls = Fixture::new(&rustls::version::TLS13);
        let mut now = tls.start;
        let mut is_resumed = |change: fn(&mut Now)| {
            change(&mut now);
            tls.connect(now) == HandshakeKind::Resumed
        };
        assert!(!is_resumed(|_| {}));
        assert!(is_resumed(|now| now.system += MAX_AGE / 2));
        assert!(!is_resumed(|now| now.system += MAX_AGE));
        assert!(!is_resumed(|now| now.instant += MAX_AGE));
        assert!(!is_resumed(|now| now.system -= Duration::from_secs(1)));
        assert!(is_resumed(|_| {}));
    }

    #[test]
    fn a_session_is_not_resumed_if_its_certificate_expires_within_the_hour() {
        for version in VERSIONS {
            let tls = Fixture::new(version);
            let expiry = Duration::from_secs(4_102_444_800);
            let before = |minutes: u64| Now {
                instant: tls.start.instant,
                system: SystemTime::UNIX_EPOCH + expiry - Duration::from_secs(60 * minutes),
            };
            let kinds = [90, 89, 29, 28, 27].map(|minutes| tls.connect(before(minutes)));
            use HandshakeKind::{Full, Resumed};
            assert_eq!(kinds, [Full, Resumed, Full, Full, Full], "{version:?}");
        }
    }

    #[test]
    fn early_data_is_off() {
        let tls = Fixture::new(&rustls::version::TLS13);
        assert!(!tls.peer.config(&tls.settings, tls.start).enable_early_data);
    }
}
