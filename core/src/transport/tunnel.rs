//! A tunnel through a proxy. What is said to the proxy is ureq's, by way of its extension points.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::time::Instant;
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, LazyBuffers, NextTimeout,
    Transport, TransportAdapter,
};
use ureq::{Agent, Error, Proxy};
use zeroize::{Zeroize, Zeroizing};

use super::failure::Broken;
use super::wire::{State, Wire};
use crate::url::BaseUrl;

/// The room for what is said to a proxy, and for what is on its way through the tunnel.
const BUFFER: usize = 16 * 1024;

/// Asks a proxy, on the wire that leads to it, for a tunnel to the gateway.
pub(crate) fn open(
    to_proxy: impl Wire,
    proxy: &Proxy,
    gateway: &BaseUrl,
    user_agent: &str,
) -> Result<TransportAdapter, Error> {
    let config = Agent::config_builder().proxy(Some(proxy.clone())).user_agent(user_agent).build();
    let to_proxy = Mutex::new(Some(ToProxy {
        wire: to_proxy,
        buffers: LazyBuffers::new(BUFFER, BUFFER),
        pending: Zeroizing::new(Vec::with_capacity(BUFFER)),
    }));
    let details = ConnectionDetails {
        uri: gateway.uri(),
        addrs: Nowhere.empty(),
        config: &config,
        request_level: false,
        resolver: &Nowhere,
        now: Instant::now(),
        timeout: NextTimeout::default(),
        current_time: Arc::new(Instant::now),
        // What ureq asks for here is there already.
        run_connector: Arc::new(move |_| {
            let to_proxy = to_proxy.lock().unwrap_or_else(PoisonError::into_inner).take();
            to_proxy.map(Transport::boxed).ok_or(Error::ConnectionFailed)
        }),
        register_shutdown: Arc::new(|_| Ok(())),
    };
    let nothing: Option<()> = None;
    let tunnel = ConnectProxyConnector::default().connect(&details, nothing)?;
    let tunnel = tunnel.ok_or(Error::ConnectionFailed)?;
    Ok(TransportAdapter::new(tunnel.boxed(), details.current_time))
}

/// Looks up nothing: the proxy looks the gateway up.
#[derive(Debug)]
struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}

/// ureq's view of a wire: buffers in and out.
struct ToProxy<W> {
    wire: W,
    buffers: LazyBuffers,
    /// What was written, kept until an answer is awaited, so that it leaves in one go. The proxy's
    /// password can be in it.
    pending: Zeroizing<Vec<u8>>,
}

impl<W: Wire> ToProxy<W> {
    fn send_pending(&mut self) -> Result<(), Error> {
        let outcome = self.wire.write_all(&self.pending);
        // Only what was written: to wipe the whole buffer would cost more than all else.
        self.pending.as_mut_slice().zeroize();
        self.pending.clear();
        outcome.map_err(Broken::by)
    }
}

impl<W: Wire> Transport for ToProxy<W> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        // Never more than fits: a buffer that grew would leave copies behind.
        if self.pending.len() + amount > self.pending.capacity() {
            self.send_pending()?;
        }
        let output = &mut self.buffers.output()[..amount];
        self.pending.extend_from_slice(output);
        output.zeroize();
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        self.send_pending()?;
        let input = self.buffers.input_append_buf();
        let count = self.wire.read(input).map_err(Broken::by)?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        self.wire.state() == State::Quiet
    }
}

impl<W> fmt::Debug for ToProxy<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ToProxy")
    }
}

/// Bytes through a tunnel.
impl Wire for TransportAdapter {
    fn state(&mut self) -> State {
        if self.get_mut().is_open() { State::Quiet } else { State::Ended }
    }
}
