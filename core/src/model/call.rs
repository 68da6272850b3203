//! One call of a real client over the network of the model.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use zeroize::Zeroizing;

use super::network::{Event, Network, OnConnect, OnRead, OnWrite, Question, Record, Response};
use crate::config::Options;
use crate::transport::mock_stream;
use crate::{Client, Error, ErrorKind, Phone2faRequest, Session, random};

pub(super) const ID: &str = "55c20771-9d75-4241-8e0f-94d3a37671ca";
pub(super) const NUMBER: &str = "+46701740605";
pub(super) const RELAY_STATE: &str = "order 66";

pub(super) const MAX_RETRIES: u32 = 2;
pub(super) const MAX_KEYS: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Request {
    Start,
    Lookup,
}

/// A call, and the client that makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Call {
    pub(super) request: Request,
    pub(super) max_retries: u32,
    pub(super) keys: u32,
    /// Whether the client has two idle connections.
    pub(super) has_idle: bool,
}

impl Call {
    pub(super) fn all(request: Request) -> impl Iterator<Item = Self> {
        let of_retries = |max_retries| (1..=MAX_KEYS).map(move |keys| (max_retries, keys));
        (0..=MAX_RETRIES).flat_map(of_retries).flat_map(move |(max_retries, keys)| {
            [false, true].map(|has_idle| Self { request, max_retries, keys, has_idle })
        })
    }
}

/// What the call returned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ending {
    /// The id of the session.
    pub(super) session: Option<String>,
    pub(super) is_verified: bool,
    pub(super) is_verified_for_number: bool,
    pub(super) in_doubt: bool,
    pub(super) is_cancelled: bool,
    /// 0 if a session was returned.
    pub(super) attempts: u32,
}

impl Ending {
    fn new(result: &Result<Session, Error>) -> Self {
        let session = result.as_ref().ok();
        let error = result.as_ref().err();
        Self {
            session: session.map(|session| session.id().to_owned()),
            is_verified: session.is_some_and(Session::is_verified),
            is_verified_for_number: session.is_some_and(|session| session.is_verified_for(NUMBER)),
            in_doubt: error.is_some_and(Error::in_doubt),
            is_cancelled: error.is_some_and(|error| error.kind() == ErrorKind::Cancelled),
            attempts: error.map_or(0, Error::attempts),
        }
    }
}

/// Makes the call with these events. Returns what it depends on next or how it ended, and what the
/// gateway saw.
pub(super) fn run(call: &Call, events: &[Event]) -> (Option<Question>, Option<Ending>, Record) {
    random::FIXED.set(Some(0.0));
    let client = Arc::new(client(call));
    let network = Arc::new(Mutex::new(Network::new(client.clone(), call.request, events.to_vec())));
    if call.has_idle {
        add_idle_connections(&client, &network, call.request, events);
    }
    let on_connect = {
        let network = network.clone();
        move |attempt: &mut _| Network::connect(&network, attempt)
    };
    let result = mock_stream::with_connections(Rc::new(on_connect), || match call.request {
        Request::Start => client.start_phone_2fa(
            &Phone2faRequest::new(NUMBER)
                .redirect_success("https://app.example/yes")
                .redirect_failure("https://app.example/no")
                .relay_state(RELAY_STATE),
        ),
        Request::Lookup => client.get_session(ID),
    });
    let network = network.lock().unwrap();
    let ending = network.question.is_none().then(|| Ending::new(&result));
    (network.question, ending, network.record.clone())
}

fn client(call: &Call) -> Client {
    let key = |text: &str| Some(Zeroizing::new(text.to_owned()));
    let options = Options {
        api_key: key("first-key"),
        secondary_api_key: key("second-key").filter(|_| call.keys == 2),
        base_url: Some("http://127.0.0.1:1".to_owned()),
        max_retries: Some(call.max_retries),
        // The variables of the environment are not read.
        at_secure: Some(true),
        ..Options::default()
    };
    Client::from_options(options).unwrap()
}

/// Leaves two idle connections in the pool, so that one is left when the other is lost: makes a
/// lookup while another one connects.
fn add_idle_connections(
    client: &Arc<Client>,
    network: &Arc<Mutex<Network>>,
    request: Request,
    events: &[Event],
) {
    const NOT_FOUND: [Event; 3] = [
        Event::Connect(OnConnect::Open),
        Event::Write(OnWrite::Complete),
        Event::Read(OnRead::Response(Response::Status(404))),
    ];
    let twice = [NOT_FOUND, NOT_FOUND].concat();
    *network.lock().unwrap() = Network::new(client.clone(), Request::Lookup, twice);
    let is_second = Cell::new(false);
    let on_connect = {
        let (client, network) = (client.clone(), network.clone());
        move |attempt: &mut _| {
            if !is_second.replace(true) {
                client.get_session(ID).unwrap_err();
            }
            Network::connect(&network, attempt)
        }
    };
    mock_stream::with_connections(Rc::new(on_connect), || client.get_session(ID)).unwrap_err();
    let mut network = network.lock().unwrap();
    let connections = network.record.connections;
    assert_eq!(connections, 2);
    *network = Network::new(client.clone(), request, events.to_vec());
    network.record.connections = connections;
}
