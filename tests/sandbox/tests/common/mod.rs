//! Helpers of the tests: an HTTP client without redirects and retries, example requests, and a
//! webhook receiver.

#![allow(unreachable_pub, reason = "test crates export nothing")]
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails the test")]
#![allow(dead_code, reason = "no test file uses all helpers")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use zignsec_sandbox::Sandbox;

pub const PHONE: &str = "+46703339954";
pub const START: &str = "/core/api/sessions/two_factor_auth/phone";
/// Longer than any operation here takes, so that a hang fails the test.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// The example request of the gateway's documentation.
pub fn example() -> Value {
    json!({
        "locale": "En",
        "metadata": {"phone_number": PHONE},
        "redirect_failure": "https://my_failure_url.com",
        "redirect_success": "https://my_success_url.com",
        "relay_state": "Tulasi_V5_SMS",
        "webhook": "https://webhook.site/zignsec",
    })
}

/// An HTTP client that follows no redirects and returns error statuses as responses.
pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(TIMEOUT))
        .build()
        .into()
}

pub struct Response {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub body: Vec<u8>,
}

impl Response {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

fn read(
    response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Response, ureq::Error> {
    let (head, body) = response?.into_parts();
    let body = ureq::BodyWithConfig::read_to_vec(body.into_with_config().limit(64 << 20))?;
    Ok(Response { status: head.status.as_u16(), headers: head.headers, body })
}

pub fn try_get(sandbox: &Sandbox, path: &str) -> Result<Response, ureq::Error> {
    let url = format!("{}{path}", sandbox.url());
    read(agent().get(url).header("authorization", sandbox.api_key()).call())
}

pub fn try_post(sandbox: &Sandbox, path: &str, body: &str) -> Result<Response, ureq::Error> {
    let url = format!("{}{path}", sandbox.url());
    let request = agent().post(url).header("authorization", sandbox.api_key());
    let kind = if path.starts_with("/2fa-ui") {
        "application/x-www-form-urlencoded"
    } else {
        "application/json"
    };
    read(request.header("content-type", kind).send(body))
}

pub fn get(sandbox: &Sandbox, path: &str) -> Response {
    try_get(sandbox, path).unwrap()
}

pub fn post(sandbox: &Sandbox, path: &str, body: impl ToString) -> Response {
    try_post(sandbox, path, &body.to_string()).unwrap()
}

pub fn delete(sandbox: &Sandbox, path: &str) -> Response {
    read(agent().delete(format!("{}{path}", sandbox.url())).call()).unwrap()
}

/// Starts a session for a phone number and returns its ID.
pub fn start(sandbox: &Sandbox, phone: &str) -> String {
    let mut body = example();
    body["metadata"]["phone_number"] = json!(phone);
    body.as_object_mut().unwrap().remove("webhook");
    let response = post(sandbox, START, body);
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["data"]["id"].as_str().unwrap().to_owned()
}

pub fn lookup(id: &str) -> String {
    format!("/core/api/sessions/{id}")
}

/// The status of a session, from the gateway's endpoint.
pub fn status(sandbox: &Sandbox, id: &str) -> String {
    get(sandbox, &lookup(id)).json()["data"]["status"].as_str().unwrap().to_owned()
}

/// A socket to the sandbox, for what an HTTP client cannot do.
pub fn socket(sandbox: &Sandbox) -> TcpStream {
    let stream = TcpStream::connect(address(sandbox)).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream
}

pub fn address(sandbox: &Sandbox) -> &str {
    sandbox.url().split_once("://").unwrap().1
}

/// The bytes of a GET for a session.
pub fn raw_lookup(sandbox: &Sandbox, id: &str) -> String {
    let (host, key) = (address(sandbox), sandbox.api_key());
    format!("GET {} HTTP/1.1\r\nhost: {host}\r\nauthorization: {key}\r\n\r\n", lookup(id))
}

/// Sends bytes and returns all received bytes and how the connection ended.
pub fn exchange(sandbox: &Sandbox, request: &str) -> (Vec<u8>, std::io::Result<()>) {
    let mut stream = socket(sandbox);
    stream.write_all(request.as_bytes()).unwrap();
    let mut received = Vec::new();
    let ended = stream.read_to_end(&mut received).map(drop);
    (received, ended)
}

/// A server that receives webhooks and responds with the given statuses.
pub struct Receiver {
    pub url: String,
    received: std::sync::mpsc::Receiver<Webhook>,
}

pub struct Webhook {
    pub signature: String,
    pub body: Vec<u8>,
}

impl Webhook {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn event(&self) -> String {
        self.json()["event"].as_str().unwrap().to_owned()
    }
}

impl Receiver {
    /// Responds with these statuses in turn, then always with 200.
    pub fn responding(statuses: &'static [u16]) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook?a=b", listener.local_addr().unwrap());
        let (sender, received) = std::sync::mpsc::channel();
        // The thread ends with the test process.
        std::thread::spawn(move || {
            let mut statuses = statuses.iter();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let webhook = read_webhook(&mut stream);
                let status = statuses.next().unwrap_or(&200);
                // Before the response, so that a test that waits for the attempt finds the webhook.
                if sender.send(webhook).is_err() {
                    return;
                }
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
            }
        });
        Self { url, received }
    }

    pub fn next(&self) -> Webhook {
        self.received.recv_timeout(TIMEOUT).unwrap()
    }

    /// The next webhook, after advancing the sandbox's clock by this many seconds.
    pub fn next_after(&self, sandbox: &Sandbox, id: &str, seconds: u64) -> Webhook {
        sandbox.wait_for_webhook(|attempt| attempt.session_id == id, TIMEOUT).unwrap();
        sandbox.advance(Duration::from_secs(seconds));
        self.next()
    }

    pub fn already_received(&self) -> Option<Webhook> {
        self.received.try_recv().ok()
    }

    /// Whether no other webhook has been received yet.
    pub fn is_empty(&self) -> bool {
        self.received.try_recv().is_err()
    }
}

fn read_webhook(stream: &mut TcpStream) -> Webhook {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let length = stream.read(&mut buffer).unwrap();
        received.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&received).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let field = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.trim_start_matches(':').trim().to_owned()
        };
        assert!(head.starts_with("POST /hook?a=b HTTP/1.1"), "{head}");
        if body.len() == field("content-length").parse::<usize>().unwrap() {
            return Webhook {
                signature: field("x-zignsec-hmac-sha256"),
                body: body.as_bytes().to_vec(),
            };
        }
    }
}

/// Starts a session with a webhook.
pub fn start_with_webhook(sandbox: &Sandbox, phone: &str, webhook: &str) -> String {
    let mut body = example();
    body["metadata"]["phone_number"] = json!(phone);
    body["webhook"] = json!(webhook);
    let response = post(sandbox, START, body);
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["data"]["id"].as_str().unwrap().to_owned()
}
