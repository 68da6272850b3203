//! Tunnels through HTTP proxies. ureq sends the `CONNECT` request and reads the response; then the
//! stream is handed back and nothing passes through ureq any more.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::time::Instant;
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, LazyBuffers, NextTimeout,
    Transport,
};
use ureq::{Agent, Error, Proxy};
use zeroize::{Zeroize, Zeroizing};

use super::attempt::Attempt;
use super::error::TransportError;
use super::stream::Stream;
use super::tls::tls_error;
use crate::url::BaseUrl;

/// The size of the buffers for the request to the proxy and for its response.
const BUFFER_SIZE: usize = 16 * 1024;

/// Opens a tunnel to the gateway on a stream that is connected to the proxy.
pub(crate) fn open(
    attempt: &mut Attempt,
    stream: Box<dyn Stream>,
    proxy: &Proxy,
    gateway: &BaseUrl,
    user_agent: &str,
) -> Result<Box<dyn Stream>, TransportError> {
    let exchange = Arc::new(Mutex::new(Exchange {
        stream: Some(stream),
        attempt: attempt.clone(),
        response: Vec::new(),
        error: None,
    }));
    let result = connect(&exchange, proxy, gateway, user_agent);
    let mut exchange = lock(&exchange);
    *attempt = exchange.attempt.clone();
    if let Some(error) = exchange.error.take() {
        return Err(TransportError::Io(error));
    }
    match (result, exchange.stream.take()) {
        (Ok(0), Some(stream)) => Ok(stream),
        // A TLS server waits for the client, so these bytes are not TLS.
        (Ok(_), _) => Err(tls_error("the proxy sent bytes after its response").into()),
        (Err(error), _) => Err(match response_status(&exchange.response) {
            // Only the status is reported: ureq's message may quote the proxy.
            Some(status) if status != 200 => TransportError::ProxyStatus(status),
            _ => TransportError::Proxy(describe(&error)),
        }),
    }
}

/// Lets ureq send `CONNECT` and read the response. Returns how many bytes follow the response.
fn connect(
    exchange: &Arc<Mutex<Exchange>>,
    proxy: &Proxy,
    gateway: &BaseUrl,
    user_agent: &str,
) -> Result<usize, Error> {
    let config = Agent::config_builder().proxy(Some(proxy.clone())).user_agent(user_agent).build();
    let exchange = exchange.clone();
    let details = ConnectionDetails {
        uri: gateway.uri(),
        addrs: NoResolver.empty(),
        config: &config,
        request_level: false,
        resolver: &NoResolver,
        now: Instant::now(),
        timeout: NextTimeout::default(),
        current_time: Arc::new(Instant::now),
        // The connection that ureq asks for already exists.
        run_connector: Arc::new(move |_| Ok(ProxyTransport::new(exchange.clone()).boxed())),
        register_shutdown: Arc::new(|_| Ok(())),
    };
    let nothing: Option<()> = None;
    let tunnel = ConnectProxyConnector::default().connect(&details, nothing)?;
    let mut tunnel = tunnel.ok_or(Error::ConnectionFailed)?;
    Ok(tunnel.buffers().input().len())
}

/// The status of the proxy's response, if its status line is complete.
fn response_status(input: &[u8]) -> Option<u16> {
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut response = httparse::Response::new(&mut headers);
    // The status line is parsed first, so the status is known even if a header is invalid or cut off.
    let _ = response.parse(input);
    response.code
}

fn describe(error: &Error) -> String {
    match error {
        Error::ConnectProxyFailed(reason) => format!("the proxy failed: {reason}"),
        Error::Protocol(error) => format!("malformed response of the proxy: {error}"),
        _ => "the proxy failed".to_owned(),
    }
}

/// The exchange with the proxy, shared with the transport that ureq owns.
struct Exchange {
    /// Handed back when the tunnel is open.
    stream: Option<Box<dyn Stream>>,
    attempt: Attempt,
    /// What the proxy sent.
    response: Vec<u8>,
    /// The error of the stream. ureq would hide some of them.
    error: Option<io::Error>,
}

impl Exchange {
    fn io<T>(
        &mut self,
        operation: impl FnOnce(&mut dyn Stream, &mut Attempt) -> io::Result<T>,
    ) -> Result<T, Error> {
        let stream = self.stream.as_deref_mut().ok_or(Error::ConnectionFailed)?;
        operation(stream, &mut self.attempt).map_err(|error| {
            self.error = Some(error);
            Error::ConnectionFailed
        })
    }
}

fn lock(exchange: &Mutex<Exchange>) -> MutexGuard<'_, Exchange> {
    exchange.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Resolves nothing: the proxy resolves the gateway's name.
#[derive(Debug)]
struct NoResolver;

impl Resolver for NoResolver {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}

/// Adapts the stream to the proxy to ureq's transport. ureq passes no context to a transport, so it
/// works with the attempt of the exchange.
struct ProxyTransport {
    exchange: Arc<Mutex<Exchange>>,
    buffers: LazyBuffers,
    /// What ureq wrote, kept until ureq waits for the response, so that all of it is sent with one
    /// write. It can contain the password of the proxy.
    unsent: Zeroizing<Vec<u8>>,
}

impl ProxyTransport {
    fn new(exchange: Arc<Mutex<Exchange>>) -> Self {
        Self {
            exchange,
            buffers: LazyBuffers::new(BUFFER_SIZE, BUFFER_SIZE),
            unsent: Zeroizing::new(Vec::with_capacity(BUFFER_SIZE)),
        }
    }

    fn flush(&mut self) -> Result<(), Error> {
        let unsent = &self.unsent;
        let sent = lock(&self.exchange).io(|stream, attempt| stream.write_all(attempt, unsent));
        // Wipes what was written, not the whole buffer, which would be slow.
        self.unsent.as_mut_slice().zeroize();
        self.unsent.clear();
        sent
    }
}

impl Transport for ProxyTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        // Never more than fits: a buffer that grows leaves copies of the password behind.
        if self.unsent.len() + amount > self.unsent.capacity() {
            self.flush()?;
        }
        let output = &mut self.buffers.output()[..amount];
        self.unsent.extend_from_slice(output);
        output.zeroize();
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        self.flush()?;
        let buffer = self.buffers.input_append_buf();
        let mut exchange = lock(&self.exchange);
        let count = exchange.io(|stream, attempt| stream.read(attempt, buffer))?;
        exchange.response.extend_from_slice(&buffer[..count]);
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        true
    }
}

impl fmt::Debug for ProxyTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyTransport")
    }
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::*;
    use crate::error::ErrorKind;
    use crate::transport::cancel::{CancelSource, Cancelled};
    use crate::transport::error::AttemptError;
    use crate::transport::mock_stream::{MockStream, attempt, attempt_with};

    const OK: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

    /// Opens a tunnel to gateway.test through a proxy that requires a login.
    fn open_with(
        attempt: &mut Attempt,
        stream: Box<dyn Stream>,
    ) -> Result<Box<dyn Stream>, TransportError> {
        let proxy = Proxy::new("http://user:secret@proxy.test:3128").unwrap();
        let gateway = BaseUrl::parse("https://gateway.test/path").unwrap();
        open(attempt, stream, &proxy, &gateway, "test/1.0")
    }

    fn error_for(stream: MockStream) -> TransportError {
        match open_with(&mut attempt(), Box::new(stream)) {
            Ok(_) => panic!("the tunnel was opened"),
            Err(error) => error,
        }
    }

    fn address(stream: &dyn Stream) -> *const () {
        ptr::from_ref(stream).cast()
    }

    #[test]
    fn an_open_tunnel_is_the_stream_itself_and_ureq_is_not_in_between() {
        let stream = MockStream::new([&OK[..9], &OK[9..], b"server hello"]);
        let output = stream.output();
        let stream: Box<dyn Stream> = Box::new(stream);
        let before = address(&*stream);
        let attempt = &mut attempt();

        let mut stream = open_with(attempt, stream).unwrap();
        assert_eq!(address(&*stream), before);
        output.lock().unwrap().clear();
        for bytes in [&b"\x16\x03\x01 client hello"[..], b"\r\n\r\n", &[0; 100_000]] {
            stream.write_all(attempt, bytes).unwrap();
            assert!(*output.lock().unwrap() == bytes, "written unchanged and at once");
            output.lock().unwrap().clear();
        }
        let mut buffer = [0; 100];
        let count = stream.read(attempt, &mut buffer).unwrap();
        assert_eq!(&buffer[..count], b"server hello");
    }

    #[test]
    fn the_request_to_the_proxy_names_the_gateway_and_contains_the_login() {
        let stream = MockStream::new([OK]);
        let output = stream.output();
        open_with(&mut attempt(), Box::new(stream)).map(drop).unwrap();
        let request = String::from_utf8(output.lock().unwrap().clone()).unwrap();
        let (line, headers) = request.split_once("\r\n").unwrap();
        assert_eq!(line, "CONNECT gateway.test:443 HTTP/1.1");
        // The base64 form of user:secret.
        let login = "\r\nproxy-authorization: basic dXNlcjpzZWNyZXQ=\r\n".to_lowercase();
        let headers = format!("\r\n{}", headers.to_lowercase());
        assert!(headers.contains(&login), "{headers}");
        assert!(headers.contains("\r\nuser-agent: test/1.0\r\n"), "{headers}");
        assert!(!headers.contains("\r\nauthorization:"), "{headers}");
        assert!(headers.ends_with("\r\n\r\n"), "{headers}");
    }

    #[test]
    fn bytes_after_the_response_are_an_error() {
        let stream = MockStream::new([&[OK, b"server hello"].concat()[..]]);
        let error = AttemptError::new(&attempt(), error_for(stream));
        assert_eq!(error.kind, ErrorKind::Tls);
        assert!(!error.is_transient);
        assert!(error.message.contains("the proxy sent bytes after its response"));
    }

    #[test]
    fn a_status_other_than_200_is_returned() {
        for (response, expected) in [
            ("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n", 407),
            ("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\n\r\nbad", 502),
            // The proxy closed the connection within the headers.
            ("HTTP/1.1 403 Forbidden\r\nserver: squ", 403),
        ] {
            match error_for(MockStream::new([response.as_bytes()])) {
                TransportError::ProxyStatus(status) => assert_eq!(status, expected),
                other => panic!("{response:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_response_that_is_missing_or_not_http_is_an_error() {
        for response in ["", "HTTP/1.1 2", "SSH-2.0-OpenSSH_9.9\r\n", "\0\0\0\0"] {
            match error_for(MockStream::new([response.as_bytes()])) {
                error @ TransportError::Proxy(_) => {
                    let error = AttemptError::new(&attempt(), error);
                    assert_eq!(error.kind, ErrorKind::Connect, "{response:?}");
                    assert!(error.message.contains("proxy"), "{response:?}: {}", error.message);
                }
                other => panic!("{response:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn an_error_of_the_stream_is_returned_unchanged() {
        for pieces in [&[][..], &[&OK[..9]]] {
            let stream = MockStream::new(pieces.iter().copied());
            match error_for(stream.fail(io::ErrorKind::ConnectionReset)) {
                TransportError::Io(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn cancelling_the_attempt_cancels_the_exchange_with_the_proxy() {
        let source = CancelSource::default();
        let mut attempt = attempt_with(source.token(None).unwrap());
        source.cancel();
        let stream = MockStream::new([OK]);
        let output = stream.output();
        match open_with(&mut attempt, Box::new(stream)).map(drop) {
            Err(TransportError::Io(error)) => {
                assert!(error.get_ref().is_some_and(|inner| inner.is::<Cancelled>()), "{error}");
            }
            other => panic!("{other:?}"),
        }
        assert!(output.lock().unwrap().is_empty());
    }
}
