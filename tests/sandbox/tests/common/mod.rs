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
