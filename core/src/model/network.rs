//! The gateway and the network: what they can do, and what follows for the gateway.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::call::{ID, NUMBER, RELAY_STATE, Request};
use crate::Client;
use crate::transport::mock_stream::{Connection, Idle, Phase, Stream, TransportError};
use crate::transport::{Attempt, ProxyError};

/// Where a call depends on the gateway and the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Question {
    Idle,
    Connect,
    Write,
    Read,
}

/// What happens there. `Cancel` is a cancellation by the caller while the call blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Event {
    Idle(OnIdle),
    Connect(OnConnect),
    Write(OnWrite),
    Read(OnRead),
}

/// The state of an idle connection when it is checked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum OnIdle {
    Quiet,
    Closed,
    /// An unexpected response.
    Unrequested,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum OnConnect {
    Open,
    Refused,
    TimeOut,
    ProxyRefused,
    ProxyFailed,
    HandshakeLost,
    HandshakeTimeOut,
    CertificateRejected,
    Cancel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum OnWrite {
    Complete,
    LostBefore,
    TimeOutBefore,
    CancelBefore,
    /// Some bytes were sent. The gateway may have all of them.
    LostWithin,
    TimeOutWithin,
    CancelWithin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum OnRead {
    /// A whole response. The gateway keeps the connection.
    Response(Response),
    /// The same, and the caller cancels the call when the last byte has arrived.
    ResponseThenCancel(Response),
    /// The body of a response with this status is incomplete.
    CutResponse(u16),
    NotHttp,
    Closed,
    Reset,
    Alert,
    TimeOut,
    Cancel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Response {
    Session(Body),
    /// 2xx that is no session.
    Unreadable(&'static str),
    Status(u16),
    /// A status with `Retry-After`: 0 or an hour, which no call has.
    RetryAfter(u16, u32),
}

/// The session in a 2xx response, where it differs from a pending one for this id and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Body {
    Pending,
    Accepted,
    Finished,
    AcceptedWithoutNumber,
    AcceptedForAnotherNumber,
    AcceptedForAnotherRelayState,
    AcceptedForAnotherId,
    AcceptedAndContradicted,
    Failed,
}

const RESPONSES: [Response; 36] = {
    use Body::*;
    use Response::*;
    [
        Session(Pending),
        Session(Accepted),
        Session(Finished),
        Session(AcceptedWithoutNumber),
        Session(AcceptedForAnotherNumber),
        Session(AcceptedForAnotherRelayState),
        Session(AcceptedForAnotherId),
        Session(AcceptedAndContradicted),
        Session(Failed),
        Unreadable(""),
        Unreadable("<html>"),
        Unreadable(r#"{"data":{}}"#),
        Status(101),
        Status(204),
        Status(302),
        Status(400),
        Status(401),
        Status(403),
        Status(404),
        Status(408),
        Status(409),
        Status(425),
        Status(429),
        Status(500),
        Status(501),
        Status(502),
        Status(503),
        Status(504),
        Status(505),
        Status(599),
        RetryAfter(429, 0),
        RetryAfter(429, 3600),
        RetryAfter(503, 0),
        RetryAfter(503, 3600),
        RetryAfter(500, 0),
        RetryAfter(504, 3600),
    ]
};

impl Question {
    pub(super) fn answers(self) -> Vec<Event> {
        match self {
            Self::Idle => {
                use OnIdle::*;
                [Quiet, Closed, Unrequested].map(Event::Idle).into()
            }
            Self::Connect => {
                use OnConnect::*;
                [
                    Open,
                    Refused,
                    TimeOut,
                    ProxyRefused,
                    ProxyFailed,
                    HandshakeLost,
                    HandshakeTimeOut,
                    CertificateRejected,
                    Cancel,
                ]
                .map(Event::Connect)
                .into()
            }
            Self::Write => {
                use OnWrite::*;
                [
                    Complete,
                    LostBefore,
                    TimeOutBefore,
                    CancelBefore,
                    LostWithin,
                    TimeOutWithin,
                    CancelWithin,
                ]
                .map(Event::Write)
                .into()
            }
            Self::Read => {
                use OnRead::*;
                let mut all = vec![
                    CutResponse(200),
                    CutResponse(302),
                    CutResponse(404),
                    CutResponse(500),
                    NotHttp,
                    Closed,
                    Reset,
                    Alert,
                    TimeOut,
                    Cancel,
                ];
                all.extend(RESPONSES.map(Response));
                all.extend(RESPONSES.map(ResponseThenCancel));
                all.into_iter().map(Event::Read).collect()
            }
        }
    }
}

impl Event {
    /// Whether the attempt ends with this event.
    pub(super) fn ends_attempt(&self) -> bool {
        !matches!(
            self,
            Self::Idle(_) | Self::Connect(OnConnect::Open) | Self::Write(OnWrite::Complete)
        )
    }

    /// The whole response that arrives, if one does.
    pub(super) fn response(&self) -> Option<Response> {
        match self {
            Self::Read(OnRead::Response(response) | OnRead::ResponseThenCancel(response)) => {
                Some(*response)
            }
            _ => None,
        }
    }
}

/// What the documentation of the gateway promises. This is the model's own table: it shares no code
/// with the library.
impl Response {
    fn status(self) -> u16 {
        match self {
            Self::Session(_) | Self::Unreadable(_) => 200,
            Self::Status(status) | Self::RetryAfter(status, _) => status,
        }
    }

    /// Whether the gateway may have created a session for a start that it answers like this.
    fn may_have_created(self) -> bool {
        match self {
            Self::RetryAfter(503, _) => false,
            _ => !(400..=499).contains(&self.status()),
        }
    }

    pub(super) fn verifies(self) -> bool {
        use Body::{
            Accepted, AcceptedForAnotherNumber, AcceptedForAnotherRelayState,
            AcceptedWithoutNumber, Finished,
        };
        matches!(
            self,
            Self::Session(
                Accepted
                    | Finished
                    | AcceptedWithoutNumber
                    | AcceptedForAnotherNumber
                    | AcceptedForAnotherRelayState
            )
        )
    }

    pub(super) fn verifies_the_number(self) -> bool {
        use Body::{AcceptedForAnotherNumber, AcceptedWithoutNumber};
        self.verifies()
            && !matches!(self, Self::Session(AcceptedWithoutNumber | AcceptedForAnotherNumber))
    }

    /// Whether the session is the one that the request is about. A start does not know its id yet;
    /// a lookup knows nothing but the id.
    pub(super) fn is_session_of(self, request: Request) -> bool {
        use Body::{AcceptedForAnotherId, AcceptedForAnotherNumber, AcceptedForAnotherRelayState};
        match (self, request) {
            (Self::Session(body), Request::Start) => {
                !matches!(body, AcceptedForAnotherNumber | AcceptedForAnotherRelayState)
            }
            (Self::Session(body), Request::Lookup) => body != AcceptedForAnotherId,
            _ => false,
        }
    }

    fn bytes(self) -> Vec<u8> {
        let (status, body) = (self.status(), self.body());
        let retry_after = match self {
            Self::RetryAfter(_, seconds) => format!("retry-after: {seconds}\r\n"),
            _ => String::new(),
        };
        // These statuses have no body.
        let body = if matches!(status, 101 | 204) { String::new() } else { body };
        let length = body.len();
        format!("HTTP/1.1 {status} x\r\n{retry_after}content-length: {length}\r\n\r\n{body}").into()
    }

    fn body(self) -> String {
        let Self::Session(body) = self else {
            return match self {
                Self::Unreadable(body) => body.to_owned(),
                _ => r#"{"errors":[{"description":"why"}]}"#.to_owned(),
            };
        };
        let id = if body == Body::AcceptedForAnotherId { "another-id" } else { ID };
        let relay_state = match body {
            Body::AcceptedForAnotherRelayState => "another state",
            _ => RELAY_STATE,
        };
        let number = match body {
            Body::AcceptedWithoutNumber => String::new(),
            Body::AcceptedForAnotherNumber => r#""phone_number":"+46701740606","#.to_owned(),
            _ => format!(r#""phone_number":"{NUMBER}","#),
        };
        let status = match body {
            Body::Pending => "pending",
            Body::Failed => "failed",
            Body::Finished => "finished",
            _ => "accepted",
        };
        let errors = match body {
            Body::AcceptedAndContradicted => r#"[{"code":"x"}]"#,
            _ => "[]",
        };
        format!(
            r#"{{"data":{{"id":"{id}","status":"{status}",{number}"errors":{errors},
            "redirect_url":"https://gateway.example/{id}",
            "request_data":{{"relay_state":"{relay_state}"}}}}}}"#
        )
    }
}

/// What was seen at the gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Record {
    /// Attempts that were begun: a connection was opened or reused, or could not be opened.
    pub(super) attempts: u32,
    /// How many sessions may exist: one for each attempt that may have created one.
    pub(super) sessions: u32,
    pub(super) unauthorized: u32,
    /// How often the key changed from one attempt to the next.
    pub(super) key_changes: u8,
    pub(super) reused: bool,
    /// How often a reused connection of a lookup broke before the response.
    pub(super) stale: u32,
    pub(super) reused_after_loss: bool,
    pub(super) reused_unclean: bool,
    pub(super) sent_after_cancelling: bool,
    /// The last attempt got no response.
    pub(super) is_lost: bool,
    /// How many connections the client keeps.
    pub(super) connections: u32,
}

/// The network of one call, which plays the events in their order.
pub(super) struct Network {
    client: Arc<Client>,
    creates: bool,
    events: std::vec::IntoIter<Event>,
    /// What the call depends on after the last event.
    pub(super) question: Option<Question>,
    pub(super) record: Record,
    key: Option<String>,
    is_cancelled: bool,
}

/// A connection to the gateway of the model.
struct Pipe {
    network: Arc<Mutex<Network>>,
    /// What has arrived and was not read yet.
    input: Vec<u8>,
    /// Whether the gateway closes the connection after the input.
    is_at_end: bool,
    is_used: bool,
    /// Whether its request is not the first.
    is_reused: bool,
    /// Whether its request was lost on the way. A response may still arrive.
    is_cut: bool,
    /// Whether the client looked at it since it was used.
    is_checked: bool,
}

impl Network {
    pub(super) fn new(client: Arc<Client>, request: Request, events: Vec<Event>) -> Self {
        Self {
            client,
            creates: request == Request::Start,
            events: events.into_iter(),
            question: None,
            record: Record::default(),
            key: None,
            is_cancelled: false,
        }
    }

    /// The next event. If there is none, the call is cancelled: the caller ignores its result.
    fn next(&mut self, question: Question) -> Option<Event> {
        let event = self.events.next();
        if event.is_none() {
            self.question.get_or_insert(question);
            self.client.cancel();
        }
        event
    }

    fn cancel(&mut self) {
        self.is_cancelled = true;
        self.client.cancel();
    }

    fn may_have_created(&mut self) {
        self.record.sessions += u32::from(self.creates);
    }

    fn lose(&mut self, error: io::ErrorKind) -> io::Error {
        self.record.is_lost = true;
        error.into()
    }

    /// Opens a connection. The phases are those of the connector.
    pub(super) fn connect(
        network: &Arc<Mutex<Self>>,
        attempt: &mut Attempt,
    ) -> Result<Connection, TransportError> {
        let mut this = lock(network);
        this.record.attempts += 1;
        attempt.time_left()?;
        let Some(Event::Connect(event)) = this.next(Question::Connect) else {
            return Err(ended(attempt).into());
        };
        attempt.set_phase(match event {
            OnConnect::HandshakeLost
            | OnConnect::HandshakeTimeOut
            | OnConnect::CertificateRejected => Phase::Tls,
            _ => Phase::Connect,
        });
        Err(match event {
            OnConnect::Open => return Ok(this.open(network)),
            OnConnect::Refused => this.lose(io::ErrorKind::ConnectionRefused).into(),
            OnConnect::TimeOut | OnConnect::HandshakeTimeOut => {
                this.lose(io::ErrorKind::TimedOut).into()
            }
            OnConnect::ProxyRefused => ProxyError::status(407, &[], true).into(),
            OnConnect::ProxyFailed => ProxyError::status(502, &[], true).into(),
            OnConnect::HandshakeLost => this.lose(io::ErrorKind::UnexpectedEof).into(),
            OnConnect::CertificateRejected => this.lose(io::ErrorKind::InvalidData).into(),
            OnConnect::Cancel => {
                this.cancel();
                ended(attempt).into()
            }
        })
    }

    fn open(&mut self, network: &Arc<Mutex<Self>>) -> Connection {
        self.record.connections += 1;
        Connection::new(Box::new(Pipe {
            network: network.clone(),
            input: Vec::new(),
            is_at_end: false,
            is_used: false,
            is_reused: false,
            is_cut: false,
            is_checked: false,
        }))
    }
}

impl Pipe {
    /// The connection breaks before the response.
    fn lose(&self, network: &mut Network, error: io::ErrorKind) -> io::Error {
        network.record.stale += u32::from(self.is_reused && !network.creates);
        network.lose(error)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        lock(&self.network).record.connections -= 1;
    }
}

fn lock(network: &Mutex<Network>) -> MutexGuard<'_, Network> {
    network.lock().unwrap()
}

/// The error of an attempt whose call was just cancelled.
fn ended(attempt: &mut Attempt) -> io::Error {
    attempt.time_left().unwrap_err()
}

impl Stream for Pipe {
    fn write_all(&mut self, attempt: &mut Attempt, bytes: &[u8]) -> io::Result<()> {
        let network = self.network.clone();
        let mut network = lock(&network);
        if self.is_used {
            network.record.attempts += 1;
            network.record.reused = true;
            network.record.reused_after_loss |= network.record.is_lost;
            network.record.reused_unclean |= !self.is_checked;
        }
        self.is_reused = self.is_used;
        self.is_used = true;
        self.is_checked = false;
        attempt.time_left()?;
        let Some(Event::Write(event)) = network.next(Question::Write) else {
            return Err(ended(attempt));
        };
        use OnWrite::{
            CancelBefore, CancelWithin, Complete, LostBefore, LostWithin, TimeOutBefore,
            TimeOutWithin,
        };
        if matches!(event, Complete | LostWithin | TimeOutWithin | CancelWithin) {
            network.record.sent_after_cancelling |= network.is_cancelled;
            // As a socket does it.
            attempt.mark_sent();
            let head = String::from_utf8_lossy(bytes);
            let key = head.lines().find(|line| line.starts_with("authorization: ")).unwrap();
            let before = network.key.replace(key.to_owned());
            network.record.key_changes += u8::from(before.is_some_and(|before| before != key));
        }
        if matches!(event, LostWithin | TimeOutWithin | CancelWithin) {
            network.may_have_created();
        }
        self.is_cut = event == LostWithin;
        match event {
            Complete => {
                network.record.is_lost = false;
                Ok(())
            }
            LostBefore | LostWithin => Err(self.lose(&mut network, io::ErrorKind::BrokenPipe)),
            TimeOutBefore | TimeOutWithin => Err(network.lose(io::ErrorKind::TimedOut)),
            CancelBefore | CancelWithin => {
                network.cancel();
                Err(ended(attempt))
            }
        }
    }

    fn read(&mut self, attempt: &mut Attempt, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.input.is_empty() {
            let count = self.input.len().min(buffer.len());
            buffer[..count].copy_from_slice(&self.input[..count]);
            self.input.drain(..count);
            return Ok(count);
        }
        if self.is_at_end {
            return Ok(0);
        }
        attempt.time_left()?;
        let network = self.network.clone();
        let mut network = lock(&network);
        let Some(Event::Read(event)) = network.next(Question::Read) else {
            return Err(ended(attempt));
        };
        if std::mem::take(&mut self.is_cut) {
            // What happens now decides.
            network.record.sessions -= u32::from(network.creates);
        }
        let may_have_created = match event {
            OnRead::Response(response) | OnRead::ResponseThenCancel(response) => {
                network.record.is_lost = false;
                network.record.unauthorized += u32::from(response.status() == 401);
                response.may_have_created()
            }
            OnRead::CutResponse(status) => !(400..=499).contains(&status),
            _ => true,
        };
        if may_have_created {
            network.may_have_created();
        }
        self.input = match event {
            OnRead::Response(response) => response.bytes(),
            OnRead::ResponseThenCancel(response) => {
                network.cancel();
                response.bytes()
            }
            OnRead::CutResponse(status) => {
                self.is_at_end = true;
                network.record.is_lost = status == 200;
                format!("HTTP/1.1 {status} x\r\ncontent-length: 9\r\n\r\n{{").into()
            }
            OnRead::NotHttp => b"SSH-2.0-x\r\n\r\n".to_vec(),
            OnRead::Closed => {
                self.lose(&mut network, io::ErrorKind::UnexpectedEof);
                return Ok(0);
            }
            OnRead::Reset => {
                return Err(self.lose(&mut network, io::ErrorKind::ConnectionReset));
            }
            OnRead::Alert => return Err(self.lose(&mut network, io::ErrorKind::InvalidData)),
            OnRead::TimeOut => return Err(network.lose(io::ErrorKind::TimedOut)),
            OnRead::Cancel => {
                network.cancel();
                return Err(ended(attempt));
            }
        };
        drop(network);
        self.read(attempt, buffer)
    }

    fn idle_state(&mut self, _: &mut Attempt) -> Idle {
        let mut network = lock(&self.network);
        let idle = match network.is_cancelled {
            true => Idle::Quiet,
            false => match network.next(Question::Idle) {
                Some(Event::Idle(OnIdle::Closed)) => Idle::Closed,
                Some(Event::Idle(OnIdle::Unrequested)) => Idle::Readable,
                _ => Idle::Quiet,
            },
        };
        self.is_checked = idle == Idle::Quiet;
        idle
    }
}
