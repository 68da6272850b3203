//! Runs `tests/vectors/answers.json`: a table of faults and of the outcome of calls that meet them.

#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

mod common;

use std::collections::BTreeSet;
use std::io::ErrorKind::WouldBlock;
use std::net::{SocketAddr, TcpListener};
use std::sync::Mutex;
use std::time::Duration;

use common::capture;
use common::cases::cases;
use common::{arm, get_admin};
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
enum Endpoint {
    Start,
    Get,
}

impl Endpoint {
    fn call(self, client: &Client, id: &str) -> Result<Session, Error> {
        match self {
            Self::Start => start(client, "+46701740605"),
            Self::Get => client.get_session(id),
        }
    }
}

const UNKNOWN_SESSION: &str = "55c20771-9d75-4241-8e0f-94d3a37671ca";
/// The sandbox accepts the sessions of this number at once, so that they can be verified.
const ACCEPTED: &str = "+46701740606";

fn start(client: &Client, phone_number: &str) -> Result<Session, Error> {
    let (ok, no) = ("https://a.example/ok", "https://a.example/no");
    client.start_phone_2fa(
        &Phone2faRequest::new(phone_number).redirect_success(ok).redirect_failure(no),
    )
}

/// A port that never responds, in one of three ways.
struct Port {
    socket: socket2::Socket,
    /// Fills the backlog.
    _waiting: Vec<socket2::Socket>,
}

impl Port {
    fn socket() -> socket2::Socket {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    }

    /// Refuses connections: nothing listens on the port.
    fn refused() -> Self {
        let socket = Self::socket();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        Self { socket, _waiting: Vec::new() }
    }

    /// Accepts connections, and sends nothing.
    fn silent() -> Self {
        let port = Self::refused();
        port.socket.listen(16).unwrap();
        port
    }

    /// Neither accepts nor refuses connections: the backlog is full.
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

/// The servers of one thread, so that a row cannot meet the faults of another row.
struct Servers {
    plain: Sandbox,
    secure: Sandbox,
}

impl Servers {
    fn start() -> Self {
        let secure = Sandbox::builder().tls(true).start().unwrap();
        Self { plain: Sandbox::start().unwrap(), secure }
    }

    fn run(&self, row: &Row, endpoint: Endpoint, expected: &Outcome) -> Outcome {
        use Setup as S;
        let is_secure = row.tls || matches!(row.setup, Some(S::HttpToHttps | S::Untrusted));
        let sandbox = if is_secure { &self.secure } else { &self.plain };
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
            // A label of a host name has at most 63 letters: DNS fails without a query.
            Some(S::UnknownHost) => format!("https://{}.example", "a".repeat(64)),
            Some(S::HttpsToHttp) => sandbox.url().replacen("http:", "https:", 1),
            Some(S::HttpToHttps) => sandbox.url().replacen("https:", "http:", 1),
        };

        sandbox.reset();
        let mut builder =
            Client::builder(sandbox.api_key()).base_url(base_url).max_retries(row.max_retries);
        if row.setup != Some(S::Untrusted) {
            // Without TLS too: reading the system's store is slow.
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

        let mut id = UNKNOWN_SESSION.to_owned();
        if let Some(fault) = &row.fault_before {
            arm(sandbox, fault);
            id = start(&client, ACCEPTED).unwrap().id().to_owned();
        } else if row.setup.is_none() {
            id = start(&other, ACCEPTED).unwrap().id().to_owned();
        }
        let before = requests(sandbox);
        if let Some(fault) = &row.fault {
            let url = format!("http://{}", elsewhere.local_addr().unwrap());
            let fault = fault.to_string().replace("{elsewhere}", &url);
            arm(sandbox, &serde_json::from_str(&fault).unwrap());
        }
        let outcome = endpoint.call(&client, &id);
        let seen = requests(sandbox) - before;

        assert_eq!(elsewhere.accept().unwrap_err().kind(), WouldBlock, "a redirect was followed");
        if row.setup.is_none() {
            // The client's next call succeeds.
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
            ..reported(outcome, expected)
        }
    }
}

/// The number of requests that the sandbox received.
fn requests(sandbox: &Sandbox) -> usize {
    get_admin(sandbox, "requests").as_array().unwrap().len()
}

/// What the session or the error of a call reports.
fn reported(outcome: Result<Session, Error>, expected: &Outcome) -> Outcome {
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
    capture::write_to_file(&format!("{error} {error:?}"));
    let says = expected.says.clone();
    Outcome {
        kind: Some(format!("{:?}", error.kind())),
        attempts: Some(error.attempts()),
        in_doubt: error.in_doubt(),
        http_status: error.http_status(),
        retry_after_s: error.retry_after().map(|time| nearly(time, expected.retry_after_s)),
        says: Some(says.filter(|says| error.message().contains(says)))
            .filter(|_| expected.says.is_some())
            .map(|says| says.unwrap_or_else(|| error.message().to_owned())),
        ..Outcome::default()
    }
}

/// The expected seconds if the time is less than two seconds shorter: dates have whole seconds, and
/// some time passes.
fn nearly(time: Duration, expected: Option<u64>) -> u64 {
    match expected {
        Some(seconds) if (0.0..2.0).contains(&(seconds as f64 - time.as_secs_f64())) => seconds,
        _ => time.as_secs(),
    }
}

#[test]
fn each_fault_has_the_outcome_of_the_table() {
    let rows = cases::<Row>("answers.json");
    let calls = rows.iter().flat_map(|row| {
        let start = row.start.clone().map(|outcome| (row.clone(), Endpoint::Start, outcome));
        let get = row.get.clone().map(|outcome| (row.clone(), Endpoint::Get, outcome));
        [start, get].into_iter().flatten()
    });
    // Many calls wait for a timeout, so they run in parallel. The limits are too short for that many
    // TLS handshakes that QEMU runs.
    let is_emulated = std::env::var_os("ZIGNSEC_EMULATE").is_some_and(|name| !name.is_empty());
    let count = if is_emulated { 2 } else { 8 };
    let calls = Mutex::new(calls);
    let next = || calls.lock().unwrap().next();
    std::thread::scope(|threads| {
        for _ in 0..count {
            threads.spawn(|| {
                let servers = Servers::start();
                while let Some((row, endpoint, expected)) = next() {
                    let outcome = servers.run(&row, endpoint, &expected);
                    assert_eq!(outcome, expected, "{} ({endpoint:?})", row.name);
                }
            });
        }
    });
}

#[test]
fn the_table_contains_every_fault_that_affects_calls() {
    let sandbox = Sandbox::start().unwrap();
    let help = get_admin(&sandbox, "faults");
    let levels = ["domain", "json", "http", "socket", "tls"];
    let available: BTreeSet<String> = help["faults"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|fault| levels.contains(&fault["level"].as_str().unwrap()))
        .map(|fault| fault["name"].as_str().unwrap().to_owned())
        .collect();
    let armed: BTreeSet<String> = cases::<Row>("answers.json")
        .iter()
        .flat_map(|row| [&row.fault, &row.fault_before])
        .flatten()
        .map(|fault| fault["fault"].as_str().unwrap())
        .map(|name| if name.starts_with("http-") { "http-NNN" } else { name }.to_owned())
        .collect();
    assert_eq!(armed, available);
}
