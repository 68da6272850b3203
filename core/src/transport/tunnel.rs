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
    let status = response_status(&exchange.response);
    match (result, exchange.stream.take()) {
        (Ok(0), Some(stream)) => Ok(stream),
        // TLS servers wait for the client: these bytes are not from the gateway.
        (Ok(_), _) => Err(TransportError::Proxy("the proxy sent bytes after its response".into())),
        // ureq's message is used only without a status: it may quote what the proxy sent.
        (Err(_), _) if status.is_some_and(|status| status != 200) => {
            Err(TransportError::ProxyStatus(status.unwrap_or_default()))
        }
        (Err(error), _) => Err(TransportError::Proxy(describe(&error))),
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

/// The status of the proxy's response, if its head is complete.
fn response_status(input: &[u8]) -> Option<u16> {
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut response = httparse::Response::new(&mut headers);
    // The status line is parsed first, so the status is known even if a header is invalid.
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
    /// What ureq wrote, held back until it waits for the response, so that it is sent at once. It can
    /// contain the password of the proxy.
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
