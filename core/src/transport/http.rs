//! The part of HTTP/1.1 that the two endpoints need: send a request, read a response.
//!
//! httparse parses the heads; where a body ends is defined by RFC 9112, section 6.3. The exchange
//! is this library's own, not an HTTP client's, for five reasons:
//!
//! - `in_doubt` is exact: the library knows whether a byte of the request was sent.
//! - A blocked call can be cancelled at any point.
//! - Framing is strict: if the end of a response is ambiguous, the response is refused, so that one
//!   response cannot be smuggled into another.
//! - Buffers that contain the API key are wiped.
//! - It takes half the instructions of a call through an HTTP client (`make bench`).

use std::io;
use std::mem::MaybeUninit;
use std::time::{Duration, SystemTime};

use httparse::{Header, ParserConfig, Status};
use zeroize::Zeroizing;

use super::attempt::Attempt;
use super::config::Config;
use super::connection::Connection;
use super::error::TransportError;
use super::message::{self, MAX_ERROR_BODY, Request, Response};
use crate::memory::{self, OutOfMemory};
use crate::redact;

/// The largest response body that is read.
const MAX_BODY: usize = 1024 * 1024;
/// The largest number of headers in a response. Gateways send far fewer.
const MAX_HEADERS: usize = 100;

/// A request, head and body, ready to be sent. It contains the API key.
pub(crate) fn encode(config: &Config, request: &Request<'_>) -> Zeroizing<String> {
    let (csrf_header, csrf_token) = match request.csrf_token {
        Some(token) => ("\r\nx-csrf-token: ", token),
        None => ("", ""),
    };
    let body_headers = match request.body {
        Some(body) => {
            format!("\r\ncontent-type: application/json\r\ncontent-length: {}", body.len())
        }
        None => String::new(),
    };
    let parts = [
        request.method,
        " ",
        config.base_url.path(),
        "/",
        request.path,
        " HTTP/1.1\r\nhost: ",
        config.base_url.authority(),
        "\r\naccept: application/json\r\nuser-agent: ",
        &config.user_agent,
        "\r\n",
        request.key_header,
        ": ",
        request.key,
        csrf_header,
        csrf_token,
        &body_headers,
        "\r\n\r\n",
        request.body.unwrap_or_default(),
    ];
    // Allocated once with the right size: a buffer that grows leaves copies of the key behind.
    Zeroizing::new(parts.concat())
}

/// Reads the response to a request. Also returns whether the connection can be reused.
pub(crate) fn read_response(
    connection: &mut Connection,
    attempt: &mut Attempt,
) -> Result<(Response, bool), TransportError> {
    let head = read_final_head(connection, attempt)?;
    let mut body = Body::new(head.status);
    let result = read_body(connection, attempt, head.framing, &mut body);
    let too_large = body.is_too_large();
    let response = Response {
        status: head.status,
        retry_after: head.retry_after,
        request_id: head.request_id,
        body: body.kept,
        too_large,
    };
    match result {
        Ok(()) => {
            let is_reusable = head.persists && !too_large && connection.has_no_leftover();
            Ok((response, is_reusable))
        }
        // An error response is reported even if its body is incomplete.
        Err(_) if !response.is_success() => Ok((response, false)),
        Err(error) => Err(error),
    }
}

/// The head of a response.
struct Head {
    status: u16,
    retry_after: Option<Duration>,
    request_id: Option<String>,
    framing: Framing,
    /// Whether the connection can be used again after the body.
    persists: bool,
}

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked,
    /// At the end of the connection.
    UntilClose,
}

/// The head of the final response, after any interim responses (1xx).
fn read_final_head(
    connection: &mut Connection,
    attempt: &mut Attempt,
) -> Result<Head, TransportError> {
    loop {
        let head = read_until_parsed(connection, attempt, parse_head)?;
        if !matches!(head.status, 100 | 102..=199) {
            return Ok(head);
        }
    }
}

/// Receives until `parse` finds a complete element at the start of the input, and consumes it.
fn read_until_parsed<T>(
    connection: &mut Connection,
    attempt: &mut Attempt,
    parse: impl Fn(&[u8]) -> Result<Status<(usize, T)>, &'static str>,
) -> Result<T, TransportError> {
    loop {
        match parse(connection.input()).map_err(TransportError::MalformedResponse)? {
            Status::Complete((length, element)) => {
                connection.consume(length);
                return Ok(element);
            }
            Status::Partial if connection.is_full() => {
                return Err(TransportError::MalformedResponse("response headers too large"));
            }
            Status::Partial => {
                if !connection.receive(attempt)? {
                    return Err(unexpected_end());
                }
            }
        }
    }
}

fn unexpected_end() -> TransportError {
    TransportError::Io(io::ErrorKind::UnexpectedEof.into())
}

fn parse_head(input: &[u8]) -> Result<Status<(usize, Head)>, &'static str> {
    let mut headers = [MaybeUninit::uninit(); MAX_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        input,
        &mut headers,
    );
    let length = match parsed {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(Status::Partial),
        Err(error) => return Err(describe(error)),
    };
    let headers = Headers(response.headers);
    let status = response.code.filter(|status| *status >= 100).ok_or("invalid status")?;
    let is_1_1 = response.version == Some(1);
    let framing = framing(status, is_1_1, &headers)?;
    let closes = headers.elements("connection").any(|option| option.eq_ignore_ascii_case(b"close"));
    let persists = is_1_1 && status != 101 && framing != Framing::UntilClose && !closes;
    let head = Head {
        status,
        retry_after: headers.first("retry-after").and_then(retry_after),
        request_id: request_id(&headers),
        framing,
        persists,
    };
    Ok(Status::Complete((length, head)))
}

fn describe(error: httparse::Error) -> &'static str {
    use httparse::Error as E;
    match error {
        E::HeaderName => "invalid header name",
        E::HeaderValue => "invalid header value",
        E::NewLine => "invalid line ending",
        E::Status => "invalid response status",
        E::Token => "invalid token",
        E::TooManyHeaders => "too many headers",
        E::Version => "invalid HTTP version",
    }
}

/// How the end of the body is found. An ambiguous end is refused: it allows response smuggling.
fn framing(status: u16, is_1_1: bool, headers: &Headers<'_>) -> Result<Framing, &'static str> {
    let mut codings = headers.elements("transfer-encoding");
    let mut lengths = headers.elements("content-length");
    let framing = match (codings.next(), lengths.next()) {
        (None, None) => Framing::UntilClose,
        (None, Some(length)) => {
            Framing::Length(parse_number(length).ok_or("invalid content-length")?)
        }
        (Some(coding), None) if is_1_1 && coding.eq_ignore_ascii_case(b"chunked") => {
            Framing::Chunked
        }
        (Some(_), None) => return Err("unsupported transfer-encoding"),
        (Some(_), Some(_)) => return Err("both content-length and transfer-encoding"),
    };
    if codings.next().is_some() || lengths.next().is_some() {
        return Err("more than one content-length or transfer-encoding");
    }
    // Responses with these statuses have no body, whatever their headers say.
    let has_no_body = matches!(status, 100..=199 | 204 | 304);
    Ok(if has_no_body { Framing::Length(0) } else { framing })
}

/// A number of decimal digits, without a sign.
fn parse_number(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `Retry-After` in seconds or as an HTTP date. An invalid value counts as absent.
pub(crate) fn retry_after(value: &[u8]) -> Option<Duration> {
    if let Some(seconds) = parse_number(value) {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()?;
    Some(at.duration_since(SystemTime::now()).unwrap_or_default())
}

fn request_id(headers: &Headers<'_>) -> Option<String> {
    ["x-request-id", "x-correlation-id", "request-id"]
        .into_iter()
        .filter_map(|name| headers.first(name))
        .find(|id| redact::is_request_id(id))
        .and_then(|id| String::from_utf8(id.to_vec()).ok())
}

struct Headers<'a>(&'a [Header<'a>]);

impl<'a> Headers<'a> {
    fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let has_name = move |header: &&Header<'_>| header.name.eq_ignore_ascii_case(name);
        self.0.iter().filter(has_name).map(|header| header.value)
    }

    fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The elements of a header whose value is a list, in one line or in several.
    fn elements(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.all(name).flat_map(|value| value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
    }
}

/// The body of a response while it is received.
struct Body {
    kept: Vec<u8>,
    /// How many bytes are kept. The others are only counted.
    limit: usize,
    received: usize,
}

impl Body {
    fn new(status: u16) -> Self {
        let limit = if message::is_success(status) { MAX_BODY } else { MAX_ERROR_BODY };
        Self { kept: Vec::new(), limit, received: 0 }
    }

    fn is_too_large(&self) -> bool {
        self.received > MAX_BODY
    }

    /// How many more bytes are read. One byte after the limit shows that the body is too large.
    fn room(&self) -> usize {
        MAX_BODY + 1 - self.received
    }

    /// Allocates the memory for `count` more bytes.
    fn reserve(&mut self, count: usize) -> Result<(), OutOfMemory> {
        let length = (self.kept.len() + count).min(self.limit);
        if length <= self.kept.capacity() {
            return Ok(());
        }
        // Doubled, so that a body in small pieces is not copied for each piece.
        let capacity = length.max(2 * self.kept.capacity()).min(self.limit);
        memory::check_for_body(capacity)?;
        self.kept.try_reserve_exact(capacity - self.kept.len()).map_err(|_| OutOfMemory)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), OutOfMemory> {
        let kept = &bytes[..bytes.len().min(self.limit - self.kept.len())];
        if kept.len() > self.kept.capacity() - self.kept.len() {
            self.reserve(kept.len())?;
        }
        self.kept.extend_from_slice(kept);
        self.received += bytes.len();
        Ok(())
    }
}

/// Reads a body, until its end or until it is too large.
fn read_body(
    connection: &mut Connection,
    attempt: &mut Attempt,
    framing: Framing,
    body: &mut Body,
) -> Result<(), TransportError> {
    match framing {
        Framing::Length(length) => read_exactly(connection, attempt, length, body),
        Framing::Chunked => read_chunks(connection, attempt, body),
        Framing::UntilClose => {
            while !body.is_too_large() {
                if connection.input().is_empty() && !connection.receive(attempt)? {
                    break;
                }
                append_input(connection, body.room(), body)?;
            }
            Ok(())
        }
    }
}

/// Moves up to `limit` bytes of the input to the body.
fn append_input(
    connection: &mut Connection,
    limit: usize,
    body: &mut Body,
) -> Result<(), OutOfMemory> {
    let input = connection.input();
    let count = input.len().min(limit);
    body.append(&input[..count])?;
    connection.consume(count);
    Ok(())
}

fn read_exactly(
    connection: &mut Connection,
    attempt: &mut Attempt,
    length: u64,
    body: &mut Body,
) -> Result<(), TransportError> {
    let length = usize::try_from(length).unwrap_or(usize::MAX).min(body.room());
    body.reserve(length)?;
    let end = body.received + length;
    while body.received < end {
        if connection.input().is_empty() && !connection.receive(attempt)? {
            return Err(unexpected_end());
        }
        append_input(connection, end - body.received, body)?;
    }
    Ok(())
}

fn read_chunks(
    connection: &mut Connection,
    attempt: &mut Attempt,
    body: &mut Body,
) -> Result<(), TransportError> {
    loop {
        let size = read_until_parsed(connection, attempt, parse_chunk_size)?;
        if size == 0 {
            return read_until_parsed(connection, attempt, parse_trailers);
        }
        read_exactly(connection, attempt, size, body)?;
        if body.is_too_large() {
            return Ok(());
        }
        read_until_parsed(connection, attempt, parse_chunk_end)?;
    }
}

fn parse_chunk_size(input: &[u8]) -> Result<Status<(usize, u64)>, &'static str> {
    const ERROR: &str = "invalid chunk size";
    // httparse reads a line without a number as zero, which is the end of the body.
    if input.first().is_some_and(|byte| !byte.is_ascii_hexdigit()) {
        return Err(ERROR);
    }
    httparse::parse_chunk_size(input).map_err(|_| ERROR)
}

fn parse_chunk_end(input: &[u8]) -> Result<Status<(usize, ())>, &'static str> {
    match input {
        [b'\r', b'\n', ..] => Ok(Status::Complete((2, ()))),
        [] | [b'\r'] => Ok(Status::Partial),
        _ => Err("chunk longer than its declared size"),
    }
}

fn parse_trailers(input: &[u8]) -> Result<Status<(usize, ())>, &'static str> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    match httparse::parse_headers(input, &mut headers).map_err(describe)? {
        Status::Complete((length, _)) => Ok(Status::Complete((length, ()))),
        Status::Partial => Ok(Status::Partial),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::mock_stream;
    use crate::transport::tls::TlsConfig;
    use crate::url::BaseUrl;

    const OK: &str = "HTTP/1.1 200 OK\r\n";

    /// The body of a response that arrives in pieces, and whether its connection can be reused.
    fn read(pieces: &[&str]) -> Result<(String, bool), TransportError> {
        let pieces = pieces.iter().map(|piece| piece.as_bytes());
        let (response, is_reusable) = mock_stream::read_response(pieces)?;
        Ok((String::from_utf8(response.body).unwrap(), is_reusable))
    }

    fn read_after_ok(rest: &str) -> Result<(String, bool), TransportError> {
        read(&[OK, rest])
    }

    #[test]
    fn a_request_is_encoded_byte_for_byte() {
        let config = Config {
            base_url: BaseUrl::parse("http://127.0.0.1:8466/base/").unwrap(),
            user_agent: "agent/1".to_owned(),
            proxy: None,
            tls: TlsConfig { roots: Box::new(|| unreachable!()), client_cert: None },
        };
        let get = Request {
            method: "GET",
            path: "path/id",
            key_header: "authorization",
            key: "key",
            secrets: ["key", ""],
            csrf_token: None,
            body: None,
        };
        let post = Request { method: "POST", csrf_token: Some("a b"), body: Some("{}"), ..get };
        assert_eq!(
            *encode(&config, &get),
            "GET /base/path/id HTTP/1.1\r\nhost: 127.0.0.1:8466\r\naccept: application/json\r\n\
             user-agent: agent/1\r\nauthorization: key\r\n\r\n"
        );
        assert_eq!(
            *encode(&config, &post),
            "POST /base/path/id HTTP/1.1\r\nhost: 127.0.0.1:8466\r\naccept: application/json\r\n\
             user-agent: agent/1\r\nauthorization: key\r\nx-csrf-token: a b\r\n\
             content-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
        );
    }

    #[test]
    fn a_body_ends_as_its_head_declares() {
        for (rest, body, is_reusable) in [
            ("Content-Length: 2\r\n\r\nab", "ab", true),
            ("content-length: 2\r\nconnection: x, Close\r\n\r\nab", "ab", false),
            ("content-length: 2\r\n\r\nabc", "ab", false),
            ("Transfer-Encoding: Chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n", "abc", true),
            ("transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx: y\r\n\r\n", "a", true),
            ("\r\nab", "ab", false),
        ] {
            let (read, again) = read_after_ok(rest).unwrap();
            assert_eq!((read.as_str(), again), (body, is_reusable), "{rest:?}");
        }
        let (body, is_reusable) = read(&["HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\na"]).unwrap();
        assert_eq!((body.as_str(), is_reusable), ("a", false));
    }

    #[test]
    fn some_statuses_have_no_body() {
        for (status, is_reusable) in [(204, true), (304, true), (101, false)] {
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: 5\r\n\r\n");
            assert_eq!(read(&[&head]).unwrap(), (String::new(), is_reusable), "{status}");
        }
    }

    #[test]
    fn interim_responses_are_skipped() {
        let early = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
        let interim = [early, "HTTP/1.1 100 Continue\r\n\r\n", OK, "content-length: 1\r\n\r\na"];
        assert_eq!(read(&interim).unwrap(), ("a".to_owned(), true));
        assert_eq!(read(&[&interim.concat()]).unwrap(), ("a".to_owned(), true));
    }

    #[test]
    fn an_incomplete_body_is_an_error() {
        for rest in [
            "",
            "content-length: 3\r\n",
            "content-length: 3\r\n\r\nab",
            "transfer-encoding: chunked\r\n\r\n3\r\nab",
            "transfer-encoding: chunked\r\n\r\n2\r\nab\r\n",
            "transfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n",
        ] {
            match read_after_ok(rest) {
                Err(TransportError::Io(error)) => {
                    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{rest:?}");
                }
                other => panic!("{rest:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_incomplete_body_of_an_error_response_is_kept() {
        let cut = "HTTP/1.1 500 x\r\ncontent-length: 9\r\n\r\nsorry";
        assert_eq!(read(&[cut]).unwrap(), ("sorry".to_owned(), false));
    }

    #[test]
    fn a_malformed_response_is_an_error() {
        for (response, rule) in [
            ("HTTP/2 200 OK\r\n\r\n", "version"),
            ("HTTP/1.1 099 x\r\n\r\n", "status"),
            ("HTTP/1.1 2x0 OK\r\n\r\n", "status"),
            ("HTTP/1.1 200 OK\r\na b: c\r\n\r\n", "name"),
            ("HTTP/1.1 200 OK\r\na: \0\r\n\r\n", "value"),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
                "more than one content-length",
            ),
            ("HTTP/1.1 200 OK\r\ncontent-length: 1, x\r\n\r\na", "more than one content-length"),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nContent-Length: 1\r\n\r\na",
                "more than one content-length",
            ),
            ("HTTP/1.1 200 OK\r\ncontent-length : 1\r\n\r\na", "name"),
            ("HTTP/1.1 200 OK\r\na: b\r\n content-length: 1\r\n\r\na", "name"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n 2\r\n\r\na", "name"),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 1, 2\r\n\r\n",
                "both",
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
                "more",
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
                "both",
            ),
            ("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "encoding"),
            ("HTTP/1.1 204 x\r\ncontent-length: x\r\n\r\n", "content-length"),
            ("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\na", "content-length"),
            ("HTTP/1.1 200 OK\r\ncontent-length: \r\n\r\na", "content-length"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\na", "content-length"),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "encoding"),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\na", "encoding"),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n\r\n", "chunk"),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n", "chunk"),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n", "chunk"),
        ] {
            match read(&[response]) {
                Err(TransportError::MalformedResponse(message)) => {
                    assert!(message.contains(rule), "{response:?}: {message}");
                }
                other => panic!("{response:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn heads_and_lines_have_a_maximum_length() {
        let long = "a".repeat(64 * 1024);
        for response in [
            format!("HTTP/1.1 200 OK\r\nx: {long}"),
            format!("HTTP/1.1 200 {long}"),
            format!("{OK}transfer-encoding: chunked\r\n\r\n1;{long}"),
            format!("{OK}transfer-encoding: chunked\r\n\r\n0\r\nx: {long}"),
        ] {
            assert!(matches!(
                read(&[&response]),
                Err(TransportError::MalformedResponse("response headers too large"))
            ));
        }
        let many = format!("{OK}{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
        assert!(matches!(
            read(&[&many]),
            Err(TransportError::MalformedResponse("too many headers"))
        ));
    }

    #[test]
    fn one_byte_over_the_limit_is_too_large_with_any_framing() {
        for (size, too_large) in [(MAX_BODY, false), (MAX_BODY + 1, true)] {
            let body = "a".repeat(size);
            for response in [
                format!("{OK}content-length: {size}\r\n\r\n{body}"),
                format!("{OK}transfer-encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n0\r\n\r\n"),
                format!("{OK}\r\n{body}"),
            ] {
                let (response, is_reusable) =
                    mock_stream::read_response([response.as_bytes()]).unwrap();
                assert_eq!(response.too_large, too_large);
                assert!(!(too_large && is_reusable));
            }
        }
    }

    #[test]
    fn retry_after_is_parsed_in_both_forms_and_invalid_values_are_ignored() {
        for (text, expected) in [
            ("0", Some(Duration::ZERO)),
            ("120", Some(Duration::from_secs(120))),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(Duration::ZERO)),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("soon", None),
            ("99999999999999999999", None),
            ("", None),
        ] {
            assert_eq!(retry_after(text.as_bytes()), expected, "{text}");
        }
        let in_an_hour = SystemTime::now() + Duration::from_secs(3600);
        let left = retry_after(httpdate::fmt_http_date(in_an_hour).as_bytes()).unwrap();
        assert!(left > Duration::from_secs(3590) && left <= Duration::from_secs(3600), "{left:?}");
    }

    #[test]
    fn the_request_id_is_taken_from_the_first_valid_header() {
        fn header<'a>(name: &'a str, value: &'a str) -> Header<'a> {
            Header { name, value: value.as_bytes() }
        }
        let (longest, too_long) = ("~".repeat(128), "!".repeat(129));
        let last = header("Request-Id", "last");
        for (headers, expected) in [
            (vec![last], Some("last")),
            (vec![last, header("x-request-id", "")], Some("last")),
            (vec![last, header("x-request-id", "é")], Some("last")),
            (vec![last, header("x-request-id", "two words")], Some("last")),
            (vec![last, header("x-request-id", "\t")], Some("last")),
            (vec![last, header("x-request-id", &too_long)], Some("last")),
            (vec![last, header("x-correlation-id", &longest)], Some(&*longest)),
            (vec![last, header("X-Request-ID", "first")], Some("first")),
            (vec![], None),
        ] {
            assert_eq!(request_id(&Headers(&headers)).as_deref(), expected);
        }
    }
}
