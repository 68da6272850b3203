//! The table of faults against outcome, `tests/vectors/answers.json`, run by Rust.

#![allow(clippy::unwrap_used, reason = "a test ends where it cannot be set up")]

mod common;

use std::collections::BTreeSet;
use std::io::ErrorKind::WouldBlock;
use std::net::{SocketAddr, TcpListener};
use std::sync::Mutex;
use std::time::Duration;

use common::capture;
use common::cases::cases;
use common::{arm, listed};
use serde::Deserialize;
use serde_json::Value;
use zignsec::{Client, Error, Phone2faRequest, Session};
use zignsec_sandbox::Sandbox;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    fault: Option<Value>,
    fault_before: Option<Value>,
    setup: Option<Setup>,
    #[serde(default)]
    tls: bool,
    #[serde(default)]
    client_certificate: bool,
    #[serde(default)]
    old_key: bool,
    timeout_ms: Option<u64>,
    #[serde(default)]
    max_retries: u32,
    start: Option<Outcome>,
    get: Option<Outcome>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Setup {
    Refused,
    Full,
    Silent,
    SilentTls,
    UnknownHost,
    HttpsToHttp,
    HttpToHttps,
    Untrusted,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Outcome {
    kind: Option<String>,
    status: Option<String>,
    verified: bool,
    attempts: Option<u32>,
    in_doubt: bool,
    http_status: Option<u16>,
    retry_after_s: Option<u64>,
    says: Option<String>,
    requests: Option<usize>,
    connections: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Start,
    Get,
}

impl Call {
    fn make(self, client: &Client, id: &str) -> Result<Session, Error> {
        match self {
            Self::Start => open(client, "+46701740605"),
            Self::Get => client.get_session(id),
        }
    }
}

const NO_SESSION: &str = "55c20771-9d75-4241-8e0f-94d3a37671ca";
/// The sandbox accepts the sessions of this number at once, so that they can be verified.
const ACCEPTED: &str = "+46701740606";

fn open(client: &Client, phone_number: &str) -> Result<Session, Error> {
    let (ok, no) = ("https://a.example/ok", "https://a.example/no");
    client.start_phone_2fa(
        &Phone2faRequest::new(phone_number).redirect_success(ok).redirect_failure(no),
    )
}

/// A port of our own, and what holds it as it is.
struct Port {
    socket: socket2::Socket,
    _waiting: Vec<socket2::Socket>,
}

impl Port {
    fn socket() -> socket2::Socket {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    }

    /// One that nobody listens on.
    fn refused() -> Self {
        let socket = Self::socket();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        Self { socket, _waiting: Vec::new() }
    }

    /// One that takes connections and says nothing.
    fn silent() -> Self {
        let port = Self::refused();
        port.socket.listen(16).unwrap();
        port
    }

    /// One whose queue is full: no more connections are taken, and none is refused.
    fn full() -> Self {
        let mut port = Self::refused();
        port.socket.listen(0).unwrap();
        let address = port.socket.local_addr().unwrap();
        port._waiting.resize_with(8, Self::socket);
        for socket in &port._waiting {
            let _ = socket.connect(&address);
        }
        port
    }

    fn authority(&self) -> SocketAddr {
        self.socket.local_addr().unwrap().as_socket().unwrap()
    }

    fn connections(&self) -> usize {
        std::iter::from_fn(|| self.socket.accept().ok()).count()
    }
}

/// The servers of one thread: a row must not meet another's faults.
struct Servers {
    plain: Sandbox,
    secure: Sandbox,
}

impl Servers {
    fn start() -> Self {
        let secure = Sandbox::builder().tls(true).start().unwrap();
        Self { plain: Sandbox::start().unwrap(), secure }
    }

    fn run(&self, row: &Row, call: Call, expected: &Outcome) -> Outcome {
        use Setup as S;
        let of_secure = row.tls || matches!(row.setup, Some(S::HttpToHttps | S::Untrusted));
        let sandbox = if of_secure { &self.secure } else { &self.plain };
        let port = match row.setup {
            Some(S::Silent | S::SilentTls) => Port::silent(),
            Some(S::Full) => Port::full(),
            _ => Port::refused(),
        };
        let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
        elsewhere.set_nonblocking(true).unwrap();
        let base_url = match row.setup {
            None | Some(S::Untrusted) => sandbox.url().to_owned(),
            Some(S::Refused | S::Full | S::Silent) => format!("http://{}", port.authority()),
            Some(S::SilentTls) => format!("https://{}", port.authority()),
            // No name has a part of 64 letters: the look-up fails without asking anybody.
            Some(S::UnknownHost) => format!("https://{}.example", "a".repeat(64)),
            Some(S::HttpsToHttp) => sandbox.url().replacen("http:", "https:", 1),
            Some(S::HttpToHttps) => sandbox.url().replacen("https:", "http:", 1),
        };

        sandbox.reset();
        let mut builder =
            Client::builder(sandbox.api_key()).base_url(base_url).max_retries(row.max_retries);
        if row.setup != Some(S::Untrusted) {
            // Without TLS too: the system's own store takes long to read.
            builder = builder.ca_file(self.secure.ca_file().unwrap());
        }
        if row.client_certificate {
            let (certificate, key) = sandbox.client_certificate().unwrap();
            builder = builder.client_cert(certificate, key);
        }
        let other = builder.clone().build().unwrap();
        if row.old_key {
            builder = builder.api_key("retired-key").secondary_api_key(sandbox.api_key());
        }
        if let Some(limit) = row.timeout_ms {
            builder = builder.attempt_timeout(Duration::from_millis(limit));
        }
        let client = builder.build().unwrap();

        let mut id = NO_SESSION.to_owned();
        if let Some(fault) = &row.fault_before {
            arm(sandbox, fault);
            id = open(&client, ACCEPTED).unwrap().id().to_owned();
        } else if row.setup.is_none() {
            id = open(&other, ACCEPTED).unwrap().id().to_owned();
        }
        let before = requests(sandbox);
        if let Some(fault) = &row.fault {
            let url = format!("http://{}", elsewhere.local_addr().unwrap());
            let fault = fault.to_string().replace("{elsewhere}", &url);
            arm(sandbox, &serde_json::from_str(&fault).unwrap());
        }
        let outcome = call.make(&client, &id);
        let seen = requests(sandbox) - before;

        assert_eq!(elsewhere.accept().unwrap_err().kind(), WouldBlock, "a redirect was followed");
        if row.setup.is_none() {
            // Whatever it met, the client's next call is right.
            sandbox.clear_faults();
            let session = client.get_session(&id).unwrap_or_else(|error| panic!("{error:?}"));
            assert!(session.id() == id && session.is_verified(), "{session:?}");
        }
        let counted =
            matches!(row.setup, None | Some(S::HttpsToHttp | S::HttpToHttps | S::Untrusted));
        let silent = matches!(row.setup, Some(S::Silent | S::SilentTls));
        Outcome {
            requests: counted.then_some(seen),
            connections: silent.then(|| port.connections()),
            ..told(outcome, expected)
        }
    }
}

/// How many requests the sandbox saw.
fn requests(sandbox: &Sandbox) -> usize {
    listed(sandbox, "requests").as_array().unwrap().len()
}

/// What a call says for itself.
fn told(outcome: Result<Session, Error>, expected: &Outcome) -> Outcome {
    let error = match outcome {
        Ok(session) => {
            return Outcome {
                status: Some(session.status().to_string()),
                verified: session.is_verified(),
                ..Outcome::default()
            };
        }
        Err(error) => error,
    };
    assert_eq!(error.body().is_some(), error.http_status().is_some(), "{error:?}");
    capture::keep(&format!("{error} {error:?}"));
    let says = expected.says.clone();
    Outcome {
        kind: Some(format!("{:?}", error.kind())),
        attempts: Some(error.attempts()),
        in_doubt: error.in_doubt(),
        http_status: error.http_status(),
        retry_after_s: error.retry_after().map(|told| near(told, expected.retry_after_s)),
        says: Some(says.filter(|says| error.message().contains(says)))
            .filter(|_| expected.says.is_some())
            .map(|says| says.unwrap_or_else(|| error.message().to_owned())),
        ..Outcome::default()
    }
}

/// A date has whole seconds, and some time passes: what is less than two seconds short is right.
fn near(told: Duration, expected: Option<u64>) -> u64 {
    match expected {
        Some(seconds) if (0.0..2.0).contains(&(seconds as f64 - told.as_secs_f64())) => seconds,
        _ => told.as_secs(),
    }
}

#[test]
fn every_fault_ends_as_the_table_says() {
    let rows = cases::<Row>("answers.json");
    let calls = rows.iter().flat_map(|row| {
        let start = row.start.clone().map(|outcome| (row.clone(), Call::Start, outcome));
        let get = row.get.clone().map(|outcome| (row.clone(), Call::Get, outcome));
        [start, get].into_iter().flatten()
    });
    // Many wait for a time limit, so they are made side by side.
    let calls = Mutex::new(calls);
    let next = || calls.lock().unwrap().next();
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                let servers = Servers::start();
                while let Some((row, call, expected)) = next() {
                    let told = servers.run(&row, call, &expected);
                    assert_eq!(told, expected, "{} ({call:?})", row.name);
                }
            });
        }
    });
}

#[test]
fn every_fault_of_the_sandbox_that_meets_a_call_is_in_the_table() {
    let sandbox = Sandbox::start().unwrap();
    let listed = listed(&sandbox, "faults");
    let of_calls = ["domain", "json", "http", "socket", "tls"];
    let listed: BTreeSet<String> = listed["faults"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|fault| of_calls.contains(&fault["level"].as_str().unwrap()))
        .map(|fault| fault["name"].as_str().unwrap().to_owned())
        .collect();
    let armed: BTreeSet<String> = cases::<Row>("answers.json")
        .iter()
        .flat_map(|row| [&row.fault, &row.fault_before])
        .flatten()
        .map(|fault| fault["fault"].as_str().unwrap())
        .map(|name| if name.starts_with("http-") { "http-NNN" } else { name }.to_owned())
        .collect();
    assert_eq!(armed, listed);
}
