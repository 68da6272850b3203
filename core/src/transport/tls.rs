//! A TLS session on top of a wire.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::wire::{State, Wire};

/// A TLS session on top of a wire.
pub(crate) struct Tls<W> {
    session: ClientConnection,
    wire: W,
    /// Records on their way out, all of which leave in one go.
    records: Vec<u8>,
}

impl<W: Wire> Tls<W> {
    /// Shakes hands. The last flight may be kept back, to leave together with the request.
    pub(crate) fn handshake(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        wire: W,
    ) -> io::Result<Self> {
        let session = ClientConnection::new(config, name).map_err(bad)?;
        let mut tls = Self { session, wire, records: Vec::new() };
        while tls.session.is_handshaking() {
            tls.send_records()?;
            if !tls.receive_records()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(tls)
    }

    fn send_records(&mut self) -> io::Result<()> {
        self.records.clear();
        while self.session.wants_write() {
            self.session.write_tls(&mut self.records)?;
        }
        self.wire.write_all(&self.records).map_err(|error| self.reason_behind(error))
    }

    /// Reads on. False at the end of the wire.
    fn receive_records(&mut self) -> io::Result<bool> {
        let count = self.session.read_tls(&mut self.wire)?;
        self.session.process_new_packets().map_err(|error| {
            // Tell the peer why. That it may not hear it is no news.
            self.records.clear();
            let _ = self.session.write_tls(&mut self.records);
            let _ = self.wire.write_all(&self.records);
            bad(error)
        })?;
        Ok(count > 0)
    }

    /// A peer that refuses says so and closes at once, so to send can fail before the reason was
    /// read.
    fn reason_behind(&mut self, error: io::Error) -> io::Error {
        if !matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) {
            return error;
        }
        loop {
            match self.receive_records() {
                Ok(true) => {}
                Err(reason) if as_tls(&reason).is_some() => return reason,
                Ok(false) | Err(_) => return error,
            }
        }
    }
}

impl<W: Wire> Read for Tls<W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            if self.session.wants_write() {
                self.send_records()?;
            }
            // At the end of the wire, the reader tells whether the peer meant it.
            self.receive_records()?;
        }
    }
}

impl<W: Wire> Write for Tls<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.session.writer().write(bytes)?;
        self.send_records()?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Wire> Wire for Tls<W> {
    fn state(&mut self) -> State {
        /// A peer may send a few records of its own accord, such as tickets for later sessions.
        const ENOUGH: usize = 4;
        for _ in 0..ENOUGH {
            if self.has_ended() {
                return State::Ended;
            }
            match self.wire.state() {
                State::Data => match self.session.read_tls(&mut self.wire) {
                    Ok(1..) => {}
                    _ => return State::Ended,
                },
                state => return state,
            }
        }
        State::Data
    }

    fn has_ended(&mut self) -> bool {
        match self.session.process_new_packets() {
            Ok(state) => state.peer_has_closed() || state.plaintext_bytes_to_read() > 0,
            Err(_) => true,
        }
    }
}

/// A failure of TLS itself, in the form that wires have their errors in.
pub(crate) fn bad(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// The failure of TLS itself in an error of a wire.
pub(crate) fn as_tls(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}
