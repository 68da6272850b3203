//! What the tests share: a client that does nothing by itself, and requests of the gateway's page.

#![allow(unreachable_pub, reason = "a test file has no other crate to export to")]
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]
#![allow(dead_code, reason = "each test file uses its own part of this")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use zignsec_sandbox::Sandbox;

pub const PHONE: &str = "+46703339954";
pub const START: &str = "/core/api/sessions/two_factor_auth/phone";
/// Longer than anything here takes, so that a hang is a failure.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The page's example request.
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

/// An HTTP client that follows no redirect and takes every status for an answer.
pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(PATIENCE))
        .build()
        .into()
}

pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
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
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Answer, ureq::Error> {
    let (head, body) = answer?.into_parts();
    let body = ureq::BodyWithConfig::read_to_vec(body.into_with_config().limit(64 << 20))?;
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
}

pub fn try_get(sandbox: &Sandbox, path: &str) -> Result<Answer, ureq::Error> {
    let url = format!("{}{path}", sandbox.url());
    read(agent().get(url).header("authorization", sandbox.api_key()).call())
}

pub fn try_post(sandbox: &Sandbox, path: &str, body: &str) -> Result<Answer, ureq::Error> {
    let url = format!("{}{path}", sandbox.url());
    let request = agent().post(url).header("authorization", sandbox.api_key());
    let kind = if path.starts_with("/2fa-ui") {
        "application/x-www-form-urlencoded"
    } else {
        "application/json"
    };
    read(request.header("content-type", kind).send(body))
}

pub fn get(sandbox: &Sandbox, path: &str) -> Answer {
    try_get(sandbox, path).unwrap()
}

pub fn post(sandbox: &Sandbox, path: &str, body: impl ToString) -> Answer {
    try_post(sandbox, path, &body.to_string()).unwrap()
}

pub fn delete(sandbox: &Sandbox, path: &str) -> Answer {
    read(agent().delete(format!("{}{path}", sandbox.url())).call()).unwrap()
}

/// Starts a session for a number and returns its id.
pub fn start(sandbox: &Sandbox, phone: &str) -> String {
    let mut body = example();
    body["metadata"]["phone_number"] = json!(phone);
    body.as_object_mut().unwrap().remove("webhook");
    let answer = post(sandbox, START, body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"]["id"].as_str().unwrap().to_owned()
}

pub fn lookup(id: &str) -> String {
    format!("/core/api/sessions/{id}")
}

/// The gateway's status of a session.
pub fn status(sandbox: &Sandbox, id: &str) -> String {
    get(sandbox, &lookup(id)).json()["data"]["status"].as_str().unwrap().to_owned()
}

/// A socket to the sandbox, for what no HTTP client does.
pub fn socket(sandbox: &Sandbox) -> TcpStream {
    let stream = TcpStream::connect(address(sandbox)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub fn address(sandbox: &Sandbox) -> &str {
    sandbox.url().split_once("://").unwrap().1
}

/// A lookup of some session as it goes over the wire.
pub fn raw_lookup(sandbox: &Sandbox, id: &str) -> String {
    let (host, key) = (address(sandbox), sandbox.api_key());
    format!("GET {} HTTP/1.1\r\nhost: {host}\r\nauthorization: {key}\r\n\r\n", lookup(id))
}

/// Sends bytes and returns all that comes back until the end, and how it ended.
pub fn exchange(sandbox: &Sandbox, request: &str) -> (Vec<u8>, std::io::Result<()>) {
    let mut stream = socket(sandbox);
    stream.write_all(request.as_bytes()).unwrap();
    let mut received = Vec::new();
    let ended = stream.read_to_end(&mut received).map(drop);
    (received, ended)
}

/// A server of the caller's own, for webhooks: it tells each request that arrives, and answers what it is told to.
pub struct Receiver {
    pub url: String,
    arrived: std::sync::mpsc::Receiver<Webhook>,
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
    /// Answers these statuses in turn, then 200 for good.
    pub fn answering(statuses: &'static [u16]) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook?a=b", listener.local_addr().unwrap());
        let (tell, arrived) = std::sync::mpsc::channel();
        // Ends with the test: the listener has nobody who would connect after that.
        std::thread::spawn(move || {
            let mut statuses = statuses.iter();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let webhook = read_webhook(&mut stream);
                let status = statuses.next().unwrap_or(&200);
                // Told first, so that whoever waits for the answer finds the webhook here.
                if tell.send(webhook).is_err() {
                    return;
                }
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
            }
        });
        Self { url, arrived }
    }

    pub fn next(&self) -> Webhook {
        self.arrived.recv_timeout(PATIENCE).unwrap()
    }

    /// The next webhook, which the sandbox sends this much later by its clock.
    pub fn next_after(&self, sandbox: &Sandbox, id: &str, seconds: u64) -> Webhook {
        sandbox.wait_for_webhook(|attempt| attempt.session_id == id, PATIENCE).unwrap();
        sandbox.advance(Duration::from_secs(seconds));
        self.next()
    }

    pub fn arrived_already(&self) -> Option<Webhook> {
        self.arrived.try_recv().ok()
    }

    /// True where nothing more has arrived by now.
    pub fn is_quiet(&self) -> bool {
        self.arrived.try_recv().is_err()
    }
}

fn read_webhook(stream: &mut TcpStream) -> Webhook {
    let mut received = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let length = stream.read(&mut piece).unwrap();
        received.extend_from_slice(&piece[..length]);
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
    let answer = post(sandbox, START, body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"]["id"].as_str().unwrap().to_owned()
}
