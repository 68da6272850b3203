//! The memory that hostile responses take, and what happens if there is not enough of it.

#![allow(clippy::unwrap_used, reason = "a test ends when its setup fails")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cap::Cap;
use peak_alloc::PeakAlloc;
use ring::hmac;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use zignsec::webhook::{self, Tolerance, WebhookEvent};
use zignsec::{Client, Error, ErrorKind, Phone2faRequest, Session};

#[global_allocator]
static MEMORY: Cap<PeakAlloc> = Cap::new(PeakAlloc, usize::MAX);

/// The measurements are of the whole process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

const MIB: usize = 1024 * 1024;
/// The largest body that is read.
const LIMIT: usize = MIB;
/// What reading a body may take beyond the body.
const ALLOWED: usize = 8 * MIB;
const KEY: &str = "key";
const SECRET: &str = "a-secret-of-hooks";

/// A hostile response.
struct Hostile {
    name: String,
    status: u16,
    body: Vec<u8>,
    framing: Framing,
}

#[derive(Clone, Copy, PartialEq)]
enum Framing {
    Length,
    /// Chunks of this size.
    Chunked(usize),
    UntilClose,
    /// The body ends before the declared length.
    CutOff,
    /// The body is sent as headers.
    Head,
}

/// `unit` repeated between `start` and `end`, up to the limit of a body.
fn fill(start: &str, unit: &str, end: &str) -> String {
    let count = (LIMIT - start.len() - end.len()) / unit.len();
    [start, &unit.repeat(count), end].concat()
}

/// A session with a field that is as large as it can be.
fn session(before: &str, unit: &str, after: &str) -> String {
    fill(&format!(r#"{{"data":{{"id":"a","status":"pending",{before}"#), unit, after)
}

/// Objects or lists inside each other, as deep as it is allowed below a session.
fn nested(open: &str, close: &str) -> String {
    const LEVELS: usize = 124;
    format!("{}0{},", open.repeat(LEVELS), close.repeat(LEVELS))
}

/// Bodies that a parser could need much memory for.
fn bodies() -> Vec<(&'static str, String)> {
    let escaped = r"\u0041";
    vec![
        ("objects of one key, side by side", session(r#""x":["#, r#"{"":0},"#, "0]}}")),
        ("objects of one known key", session(r#""x":["#, r#"{"id":0},"#, "0]}}")),
        ("fields of one key in objects", session("", r#""":{"":0},"#, r#""x":0}}"#)),
        ("chains of objects", session(r#""x":["#, &nested(r#"{"":"#, "}"), "0]}}")),
        ("chains of known fields", session(r#""x":["#, &nested(r#"{"data":"#, "}"), "0]}}")),
        ("deep lists, side by side", session(r#""x":["#, &nested("[", "]"), "0]}}")),
        ("too deep", session(r#""x":"#, "[", "")),
        ("empty lists", session(r#""x":["#, "[],", "0]}}")),
        ("empty objects", session(r#""x":["#, "{},", "0]}}")),
        ("numbers", session(r#""x":["#, "1,", "0]}}")),
        ("floating-point numbers", session(r#""x":["#, "1e-7,", "0]}}")),
        ("a number of a million digits", session(r#""x":"#, "1", "}}")),
        ("a million digits after the point", session(r#""x":0."#, "1", "}}")),
        ("a long id", session(r#""id":""#, "a", r#""}}"#)),
        ("an id of escapes", fill(r#"{"data":{"id":""#, escaped, r#"","status":"pending"}}"#)),
        ("a status of escapes", fill(r#"{"data":{"id":"a","status":""#, escaped, r#""}}"#)),
        ("a long status", fill(r#"{"data":{"id":"a","status":""#, "a", r#""}}"#)),
        ("a status in newlines", fill(r#"{"data":{"id":"a","status":""#, r"\n", r#""}}"#)),
        ("a phone number of escapes", session(r#""phone_number":""#, escaped, r#""}}"#)),
        ("a long phone number", session(r#""phone_number":""#, "4", r#""}}"#)),
        ("a redirect_url of escapes", session(r#""redirect_url":"https://a/"#, r"\/", r#""}}"#)),
        ("a long redirect_url", session(r#""redirect_url":"https://a/"#, "a", r#""}}"#)),
        (
            "a relay_state in newlines",
            session(r#""request_data":{"relay_state":""#, r"\n", r#""}}}"#),
        ),
        ("known fields of escapes", {
            let text = r"\n".repeat(LIMIT / 2 / 8);
            let names = ["locale", "redirect_success", "redirect_failure", "relay_state"];
            let fields = names.map(|name| format!(r#""{name}":"{text}","#)).concat();
            session(
                &format!(r#""phone_number":"{text}","request_data":{{{fields}"x":"#),
                " ",
                "0}}}",
            )
        }),
        ("a text of escapes", session(r#""x":""#, escaped, r#""}}"#)),
        ("a text in surrogates", session(r#""x":""#, r"\ud83d\ude00", r#""}}"#)),
        ("a lone surrogate at the end", session(r#""x":""#, "a", r#"\ud800"}}"#)),
        ("a key of escapes", session("\"", escaped, r#"":0}}"#)),
        ("keys of escapes", session("", r#""\n":0,"#, r#""x":0}}"#)),
        ("duplicate known keys", session("", r#""id":"a","#, r#""x":0}}"#)),
        ("duplicate keys of objects", session("", r#""request_data":{},"#, r#""x":0}}"#)),
        ("many errors", session(r#""errors":["#, r#"{"code":"c"},"#, "0]}}")),
        ("errors of escapes", session(r#""errors":""#, r"\n", r#""}}"#)),
        ("result of escapes", session(r#""result":{"status":""#, r"\n", r#""}}}"#)),
        ("an envelope of escapes", fill(r#"{"data":""#, r"\n", r#""}"#)),
        ("a bare session", fill(r#"{"id":"a","status":"pending","x":["#, "[],", "0]}")),
        (
            "a long text after data",
            fill(r#"{"data":{"id":"a","status":"p"},"x":""#, r"\n", r#""}"#),
        ),
        ("spaces", fill("", " ", "")),
        ("spaces around a session", fill(r#"{"data":{"id":"a","status":"p"}"#, " ", "}")),
        ("an unfinished text", fill(r#"{"data":{"id":"a","status":"pending","x":""#, r"\n", "")),
        ("a byte order mark", fill("\u{feff}{\"x\":\"", "a", "\"}")),
        ("HTML", fill("<html>", "<p>error</p>", "</html>")),
        ("one line of text", fill("", "error ", "")),
        ("phone numbers", fill("", "+46701740605 ", "")),
        ("digits", fill("", "4", "")),
        ("keys", fill("", KEY, "")),
        ("keys in another spelling", fill("", "k%65y", "")),
        ("keys in a reason", fill(r#"{"errors":""#, KEY, r#""}"#)),
        ("errors in errors", fill("", r#"{"errors":["#, "")),
        ("a reason of escapes", fill(r#"{"errors":[{"message":""#, escaped, r#""}]}"#)),
        ("reasons in objects", fill(r#"{"error":["#, r#"{"type":{"code":""}},"#, "0]}")),
        ("many reasons", fill("{", r#""message":"a","#, r#""x":0}"#)),
        ("100,000 errors", fill(r#"{"errors":["#, r#"{"a":""},"#, r#"{"code":"c"}]}"#)),
    ]
}

/// Hostile responses: each body as a success and as an error, and some in other framings.
fn hostile() -> Vec<Hostile> {
    let mut all = Vec::new();
    for (name, body) in bodies() {
        assert!(body.len() <= LIMIT && body.len() > LIMIT - 4096, "{name}");
        for status in [200, 422] {
            let (name, body) = (name.to_owned(), body.clone().into_bytes());
            all.push(Hostile { name, status, body, framing: Framing::Length });
        }
    }
    let text = session(r#""x":""#, r"\n", r#""}}"#).into_bytes();
    let binary: Vec<u8> =
        (0..LIMIT as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let gzip = [&[0x1f, 0x8b, 8, 0][..], &binary[4..]].concat();
    let mut invalid = text.clone();
    invalid[LIMIT / 2] = 0xff;
    let over = vec![b' '; LIMIT + 1];
    for status in [200, 422, 500] {
        for (name, body, framing) in [
            ("one-byte chunks", &text, Framing::Chunked(1)),
            ("chunks", &text, Framing::Chunked(50_000)),
            ("until the connection closes", &text, Framing::UntilClose),
            ("cut off", &text, Framing::CutOff),
            ("one byte over the limit", &over, Framing::Length),
            ("one byte over the limit, chunked", &over, Framing::Chunked(4096)),
            ("one byte over the limit, until closed", &over, Framing::UntilClose),
            ("invalid UTF-8", &invalid, Framing::Length),
            ("binary", &binary, Framing::Length),
            ("like gzip", &gzip, Framing::Length),
            ("zeros", &vec![0; LIMIT], Framing::Length),
            ("not UTF-8 at all", &vec![0xff; LIMIT], Framing::Length),
            ("in the head", &text, Framing::Head),
        ] {
            all.push(Hostile { name: name.to_owned(), status, body: body.clone(), framing });
        }
    }
    all
}

impl Hostile {
    /// The whole response.
    fn message(&self) -> Vec<u8> {
        let Self { status, body, framing, .. } = self;
        let mut message = format!("HTTP/1.1 {status} x\r\nconnection: close\r\n").into_bytes();
        match *framing {
            Framing::Length => {
                write!(message, "content-length: {}\r\n\r\n", body.len()).unwrap();
                message.extend(body);
            }
            Framing::CutOff => {
                write!(message, "content-length: {}\r\n\r\n", body.len()).unwrap();
                message.extend(&body[..body.len() - 1]);
            }
            Framing::Chunked(size) => {
                message.extend(b"transfer-encoding: chunked\r\n\r\n");
                for chunk in body.chunks(size) {
                    write!(message, "{:x}\r\n", chunk.len()).unwrap();
                    message.extend(chunk);
                    message.extend(b"\r\n");
                }
                message.extend(b"0\r\n\r\n");
            }
            Framing::UntilClose => {
                message.extend(b"\r\n");
                message.extend(body);
            }
            Framing::Head => {
                message.extend(b"x: ");
                message.extend(body.iter().filter(|byte| byte.is_ascii_alphanumeric()));
                message.extend(b"\r\n\r\n");
            }
        }
        message
    }
}

/// A server that returns the same response to every request.
struct Server {
    client: Client,
    response: Arc<Mutex<Arc<Vec<u8>>>>,
}

impl Server {
    fn start(tls: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let response: Arc<Mutex<Arc<Vec<u8>>>> = Arc::default();
        let mut builder = Client::builder(KEY).max_retries(0);
        let mut config = None;
        if tls {
            let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let ca_file = folder.path().join("ca.pem");
            std::fs::write(&ca_file, certificate.cert.pem()).unwrap();
            builder = builder.base_url(format!("https://localhost:{port}")).ca_file(ca_file);
            config = Some(tls_config(&certificate));
            let client = builder.build().unwrap();
            serve(listener, config, response.clone());
            return Self { client, response };
        }
        let client = builder.base_url(format!("http://127.0.0.1:{port}")).build().unwrap();
        serve(listener, config, response.clone());
        Self { client, response }
    }

    fn set(&self, hostile: &Hostile) {
        *self.response.lock().unwrap() = Arc::new(hostile.message());
    }

    fn call(&self, creates: bool) -> Result<Session, Error> {
        if creates {
            let request = Phone2faRequest::new("+46701740605")
                .redirect_success("https://a.example/ok")
                .redirect_failure("https://a.example/no");
            self.client.start_phone_2fa(&request)
        } else {
            self.client.get_session("a")
        }
    }
}

fn tls_config(certificate: &rcgen::CertifiedKey<rcgen::KeyPair>) -> Arc<ServerConfig> {
    let key = PrivatePkcs8KeyDer::from(certificate.signing_key.serialize_der());
    let config =
        ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.cert.der().clone()], PrivateKeyDer::from(key));
    Arc::new(config.unwrap())
}

/// Without TLS it allocates nothing between two calls of the client.
fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    response: Arc<Mutex<Arc<Vec<u8>>>>,
) {
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // Under Wine, a write hangs at times if the client has closed the connection.
            stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
            match &tls {
                None => respond(&mut stream, &response),
                Some(config) => {
                    let session = ServerConnection::new(config.clone()).unwrap();
                    let mut stream = StreamOwned::new(session, stream);
                    respond(&mut stream, &response);
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            }
        }
    });
}

/// Sends the response to one request. A client that has read enough closes the connection.
fn respond(stream: &mut (impl Read + Write), response: &Mutex<Arc<Vec<u8>>>) {
    let (mut request, mut length) = ([0; 4096], 0);
    while !request[..length].ends_with(b"\r\n\r\n") && !request[..length].ends_with(b"}") {
        match stream.read(&mut request[length..]) {
            Ok(count) if count > 0 => length += count,
            _ => return,
        }
    }
    let response = response.lock().unwrap().clone();
    let _ = stream.write_all(&response).and_then(|()| stream.flush());
}

/// The result of a call, and the most memory that was in use during it, beyond that before.
fn measure<T>(call: impl FnOnce() -> T) -> (T, usize) {
    let before = PeakAlloc.current_usage();
    PeakAlloc.reset_peak_usage();
    let result = call();
    (result, PeakAlloc.peak_usage().saturating_sub(before))
}

fn outcome<T>(result: &Result<T, Error>) -> String {
    match result {
        Ok(_) => "read".to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

fn sign(body: &[u8]) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let digest = hmac::sign(&key, &[format!("{now}.").as_bytes(), body].concat());
    format!("t={now},v1={}", hex::encode(digest))
}

fn verify(body: &[u8], signature: &str) -> Result<WebhookEvent, Error> {
    webhook::verify(body, signature, SECRET, Tolerance::default())
}

#[test]
#[ignore = "prints a table: tests/rust/run.sh runs it"]
fn a_response_takes_at_most_8_mib_beyond_its_body() {
    let _alone = ALONE.lock();
    let servers = [("", Server::start(false)), (", TLS", Server::start(true))];
    println!("{:44} status    body  peak  outcome of GET, of POST (sizes in KiB)", "response");
    let mut most = 0;
    for (at, hostile) in hostile().iter().enumerate() {
        // Some of them over TLS too, with the memory of the server.
        for (tls, server) in &servers[..if at % 8 == 0 { 2 } else { 1 }] {
            server.set(hostile);
            let (get, peak) = measure(|| server.call(false));
            let (post, peak_of_post) = measure(|| server.call(true));
            let (body, peak) = (hostile.body.len(), peak.max(peak_of_post));
            most = most.max(peak);
            println!(
                "{:44} {:6} {:7} {:5}  {}, {}",
                format!("{}{tls}", hostile.name),
                hostile.status,
                body / 1024,
                peak / 1024,
                outcome(&get),
                outcome(&post)
            );
            assert!(peak <= body + ALLOWED, "{}: {peak}", hostile.name);
            let is_error = hostile.status != 200;
            assert!(!is_error || peak <= MIB, "{}: {peak}", hostile.name);
            assert!(get.is_err() || !is_error);
        }
    }
    println!("at most {} KiB", most / 1024);
}

#[test]
#[ignore = "prints a table: tests/rust/run.sh runs it"]
fn text_of_the_host_takes_at_most_8_mib_beyond_it() {
    let _alone = ALONE.lock();
    println!("{:44}    text  from_json  webhook (peaks in KiB)", "text");
    for (name, body) in bodies() {
        let signature = sign(body.as_bytes());
        let (_, session) = measure(|| Session::from_json(&body));
        let (_, event) = measure(|| verify(body.as_bytes(), &signature));
        println!("{name:44} {:7} {:10} {:8}", body.len() / 1024, session / 1024, event / 1024);
        assert!(session.max(event) <= ALLOWED, "{name}: {session}, {event}");
    }
    let header = format!("t=1,{}", "v1=,".repeat(MIB / 4));
    let (result, peak) = measure(|| verify(b"{}", &header));
    assert_eq!(outcome(&result), "WebhookSignature");
    println!("{:44} {:7} {:>10} {:8}", "signatures in one header", MIB / 1024, "-", peak / 1024);
    assert!(peak <= ALLOWED, "{peak}");
}

/// Runs a call that can allocate only this much more.
fn with_memory<T>(spare: usize, call: impl FnOnce() -> T) -> T {
    MEMORY.set_limit(MEMORY.allocated() + spare).unwrap();
    let result = call();
    MEMORY.set_limit(usize::MAX).unwrap();
    result
}

/// The memory to spare: from what small allocations need to what every response needs.
fn spare_memory() -> impl Iterator<Item = usize> {
    (1..=11).map(|step| step * MIB / 2 - MIB / 4)
}

#[test]
fn a_call_without_enough_memory_is_an_error() {
    let _alone = ALONE.lock();
    let server = Server::start(false);
    let mut refused = 0;
    for (at, hostile) in hostile().iter().enumerate() {
        server.set(hostile);
        let normal = [false, true].map(|creates| outcome(&server.call(creates)));
        for (step, spare) in spare_memory().enumerate() {
            let creates = (at + step) % 2 == 1;
            let result = with_memory(spare, || server.call(creates));
            let name = format!("{} ({}), {spare} bytes", hostile.name, hostile.status);
            match result {
                Err(error) if error.kind() == ErrorKind::Internal => {
                    refused += 1;
                    assert!(error.message().contains("not enough memory"), "{name}: {error}");
                    assert_eq!(error.in_doubt(), creates, "{name}");
                    assert!(hostile.status == 200 && spare < 6 * MIB, "{name}");
                }
                result => assert_eq!(outcome(&result), normal[usize::from(creates)], "{name}"),
            }
        }
    }
    println!("{refused} calls without enough memory");
    assert!(refused > 500);
}

#[test]
fn text_of_the_host_that_does_not_fit_is_an_error() {
    let _alone = ALONE.lock();
    for (name, body) in bodies() {
        let signature = sign(body.as_bytes());
        let normal =
            [outcome(&Session::from_json(&body)), outcome(&verify(body.as_bytes(), &signature))];
        for spare in spare_memory() {
            let with_little = [
                with_memory(spare, || outcome(&Session::from_json(&body))),
                with_memory(spare, || outcome(&verify(body.as_bytes(), &signature))),
            ];
            let is_enough = spare >= 5 * MIB;
            let expected =
                if is_enough { normal.clone() } else { ["Internal"; 2].map(str::to_owned) };
            if is_enough || spare < 4 * MIB {
                assert_eq!(with_little, expected, "{name}, {spare} bytes");
            }
        }
    }
}
