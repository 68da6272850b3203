//! TLS on top of another stream.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ProtocolVersion, RootCertStore};

use super::attempt::{Attempt, Phase};
use super::stream::{Idle, StdRead, Stream, closed_by_peer};
use super::tls_error::{self, Context, TlsError};
use super::verifier::Verifier;

/// Returns the trust roots. It is called at the first TLS connection, since reading the system's
/// store is slow. After an error it is called again.
pub(crate) type RootSource = Box<dyn Fn() -> io::Result<Arc<RootCertStore>> + Send + Sync>;

/// The TLS settings of a client.
pub(crate) struct TlsConfig {
    pub(crate) roots: RootSource,
    /// The setting that names the roots, such as `ca_file`. `None` for the system's store.
    pub(crate) roots_setting: Option<&'static str>,
    pub(crate) client_cert: Option<Arc<dyn ResolvesClientCert>>,
}

/// What connections to one peer have in common.
pub(crate) struct TlsSettings {
    pub(crate) config: ClientConfig,
    pub(crate) verifier: Arc<Verifier>,
}

impl TlsConfig {
    pub(crate) fn for_gateway(&self) -> io::Result<TlsSettings> {
        self.settings(self.client_cert.clone())
    }

    /// A proxy is never shown the client certificate, which is meant for the gateway.
    pub(crate) fn for_proxy(&self) -> io::Result<TlsSettings> {
        self.settings(None)
    }

    fn settings(
        &self,
        client_cert: Option<Arc<dyn ResolvesClientCert>>,
    ) -> io::Result<TlsSettings> {
        let roots = (self.roots)()?;
        let verifier =
            WebPkiServerVerifier::builder_with_provider(roots.clone(), crypto_provider())
                .build()
                .map_err(|_| tls_error(TlsError::new("there is no CA to trust; set ca_file")))?;
        let verifier = Arc::new(Verifier::new(verifier, roots, self.roots_setting));
        let config = ClientConfig::builder_with_provider(crypto_provider())
            .with_safe_default_protocol_versions()
            .expect("ring supports the cipher suites of TLS 1.2 and 1.3")
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone());
        let mut config = match client_cert {
            Some(resolver) => config.with_client_cert_resolver(resolver),
            None => config.with_no_client_auth(),
        };
        // Some servers accept no client that offers nothing.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsSettings { config, verifier })
    }
}

/// The library's own provider, whatever default the host program has installed.
pub(crate) fn crypto_provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A TLS connection over `S`.
pub(crate) struct Tls<S> {
    session: ClientConnection,
    stream: S,
    /// Outgoing records, sent with one write.
    records: Vec<u8>,
    /// For the text of an error.
    context: Context,
}

impl<S: Stream> Tls<S> {
    /// Performs the handshake. Its last message may be held back, to be sent together with the
    /// request.
    pub(crate) fn handshake(
        attempt: &mut Attempt,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        stream: S,
    ) -> io::Result<Self> {
        let context = Context {
            is_proxy: attempt.phase() == Phase::ProxyTls,
            has_client_cert: config.client_auth_cert_resolver.has_certs(),
            ..Context::default()
        };
        let session = ClientConnection::new(config, name)
            .map_err(|error| tls_error(tls_error::describe(&error, context)))?;
        let mut tls = Self { session, stream, records: Vec::new(), context };
        while tls.session.is_handshaking() {
            tls.send_records(attempt)?;
            if !tls.receive_records(attempt)? {
                let message = "the server closed the connection during the handshake";
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
            }
        }
        Ok(tls)
    }

    pub(crate) fn session(&self) -> &ClientConnection {
        &self.session
    }

    fn send_records(&mut self, attempt: &mut Attempt) -> io::Result<()> {
        self.records.clear();
        while self.session.wants_write() {
            self.session.write_tls(&mut self.records)?;
        }
        let sent = self.stream.write_all(attempt, &self.records);
        sent.map_err(|error| self.pending_alert(attempt, error))
    }

    /// Receives records. Returns false at the end of the stream.
    fn receive_records(&mut self, attempt: &mut Attempt) -> io::Result<bool> {
        let source = StdRead(&mut self.stream, attempt);
        let is_http = &mut self.context.is_http;
        let count = self.session.read_tls(&mut FirstBytes { source, is_http })?;
        if let Err(error) = self.session.process_new_packets() {
            // Send the peer an alert, best effort.
            self.records.clear();
            let _ = self.session.write_tls(&mut self.records);
            let _ = self.stream.write_all(attempt, &self.records);
            return Err(tls_error(tls_error::describe(&error, self.context)));
        }
        Ok(count > 0)
    }

    /// Whether the server asked to renegotiate, which TLS 1.2 allows at any time. rustls declines
    /// with a warning, and many servers then close the connection.
    fn is_declining_to_renegotiate(&self) -> bool {
        self.session.protocol_version() == Some(ProtocolVersion::TLSv1_2)
            && self.session.wants_write()
    }

    /// The alert that explains a failed write, if there is one: a peer that refuses the client
    /// sends an alert and closes the connection, so a write can fail before the alert was read.
    fn pending_alert(&mut self, attempt: &mut Attempt, write_error: io::Error) -> io::Error {
        if !closed_by_peer(write_error.kind()) {
            return write_error;
        }
        loop {
            match self.receive_records(attempt) {
                Ok(true) => {}
                Err(error) if as_tls_error(&error).is_some() => return error,
                Ok(false) | Err(_) => return write_error,
            }
        }
    }
}

impl<S: Stream> Stream for Tls<S> {
    fn read(&mut self, attempt: &mut Attempt, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    // The text of rustls is a link to its documentation.
                    let message = "the connection ended without close_notify";
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
                }
                done => return done,
            }
            if self.session.wants_write() {
                self.context.was_asked_to_renegotiate |= self.is_declining_to_renegotiate();
                self.send_records(attempt)?;
            }
            // At the end of the stream, the reader reports whether the peer closed it properly.
            self.receive_records(attempt)?;
        }
    }

    fn write_all(&mut self, attempt: &mut Attempt, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = self.session.writer().write(bytes)?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.send_records(attempt)?;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    fn idle_state(&mut self, attempt: &mut Attempt) -> Idle {
        /// A server may send a few records without a request, such as session tickets.
        const MAX_RECORDS: usize = 4;
        for _ in 0..MAX_RECORDS {
            match self.session.process_new_packets() {
                Ok(_) if self.is_declining_to_renegotiate() => return Idle::Closed,
                Ok(state) if state.plaintext_bytes_to_read() > 0 => return Idle::Readable,
                Ok(state) if !state.peer_has_closed() => {}
                _ => return Idle::Closed,
            }
            match self.stream.idle_state(attempt) {
                Idle::Readable => {
                    match self.session.read_tls(&mut StdRead(&mut self.stream, attempt)) {
                        Ok(1..) => {}
                        _ => return Idle::Closed,
                    }
                }
                state => return state,
            }
        }
        Idle::Readable
    }

    fn is_spent(&mut self) -> bool {
        match self.session.process_new_packets() {
            Ok(state) => {
                state.peer_has_closed()
                    || state.plaintext_bytes_to_read() > 0
                    || self.is_declining_to_renegotiate()
            }
            Err(_) => true,
        }
    }
}

/// Reads for rustls, and notes whether the first bytes are those of plain HTTP.
struct FirstBytes<'a, R> {
    source: R,
    is_http: &'a mut Option<bool>,
}

impl<R: Read> Read for FirstBytes<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.is_http.get_or_insert_with(|| buffer[..count].starts_with(b"HTTP/"));
        Ok(count)
    }
}

/// An error of TLS itself, not of the stream below, as an I/O error.
pub(crate) fn tls_error(error: TlsError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// The error of TLS itself in an I/O error.
pub(crate) fn as_tls_error(error: &io::Error) -> Option<&TlsError> {
    error.get_ref()?.downcast_ref()
}
