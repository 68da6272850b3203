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
use serde::de::IgnoredAny;
use zeroize::Zeroize;

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

/// A request, head and body, ready to be sent.
pub(crate) struct Encoded {
    bytes: Vec<u8>,
    /// Where the API key begins. It is wiped with all that follows: the token and the body.
    key: usize,
}

impl Encoded {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Encoded {
    fn drop(&mut self) {
        self.bytes[self.key..].zeroize();
    }
}

/// Encodes a request.
pub(crate) fn encode(config: &Config, request: &Request<'_>) -> Encoded {
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
    let before_key = [
        request.method,
        " ",
        config.base_url.path(),
        "/",
        request.path,
        " HTTP/1.1\r\nhost: ",
        config.base_url.authority(),
        "\r\naccept: application/json\r\naccept-encoding: identity\r\nuser-agent: ",
        &config.user_agent,
        "\r\n",
        request.key_header,
        ": ",
    ];
    let from_key = [
        request.key,
        csrf_header,
        csrf_token,
        &body_headers,
        "\r\n\r\n",
        request.body.unwrap_or_default(),
    ];
    let length = |parts: &[&str]| parts.iter().map(|part| part.len()).sum::<usize>();
    let key = length(&before_key);
    // Allocated once with the right size: a buffer that grows leaves copies of the key behind.
    let mut bytes = Vec::with_capacity(key + length(&from_key));
    for part in before_key.iter().chain(&from_key) {
        bytes.extend_from_slice(part.as_bytes());
    }
    Encoded { bytes, key }
}

/// Reads the response to a request. Also returns whether the connection can be reused.
///
/// It can also be called after the request could not be sent: a server that refuses a request may
/// respond and close the connection before it has read everything.
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
        keep_alive: head.keep_alive,
        request_id: head.request_id,
        content_encoding: head.content_encoding,
        declares_html: head.declares_html,
        location: head.location,
        body: body.kept,
        too_large,
    };
    match result {
        Ok(()) => {
            let is_reusable = head.persists && !too_large && connection.has_no_leftover();
            Ok((response, is_reusable))
        }
        // An error response is reported even if its body is incomplete.
        Err(error) if !response.is_success() && !error.is_cancelled() => Ok((response, false)),
        Err(error) => Err(error),
    }
}

/// The head of a response.
struct Head {
    status: u16,
    retry_after: Option<Duration>,
    keep_alive: Option<Duration>,
    request_id: Option<String>,
    content_encoding: Option<String>,
    declares_html: bool,
    location: Option<String>,
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
    let mut persists = true;
    loop {
        let head = read_until_parsed(connection, attempt, parse_head)?;
        persists &= head.persists;
        if !matches!(head.status, 100 | 102..=199) {
            return Ok(Head { persists, ..head });
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
    let message = "the server closed the connection before the end of the response";
    TransportError::Io(io::Error::new(io::ErrorKind::UnexpectedEof, message))
}

/// Parses a head. A strict parser is tried first, since it accepts the heads of nearly all servers.
fn parse_head(input: &[u8]) -> Result<Status<(usize, Head)>, &'static str> {
    let mut headers = [MaybeUninit::uninit(); MAX_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let config = ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut response, input, &mut headers) {
        Ok(Status::Complete(length)) => Ok(Status::Complete((length, read_head(&response)?))),
        Ok(Status::Partial) => Ok(Status::Partial),
        // A folded header and a space before a colon are this error.
        Err(httparse::Error::HeaderName) => parse_irregular_head(input),
        Err(error) => Err(describe(error)),
    }
}

/// Parses a head in which headers may be folded, as RFC 9112, section 5.2, demands of clients, and
/// in which spaces may precede a colon. Not in the headers that say where the body ends: parsers
/// disagree about those, and the end would be ambiguous. For the same reason the connection is not
/// used again.
fn parse_irregular_head(input: &[u8]) -> Result<Status<(usize, Head)>, &'static str> {
    let mut headers = [MaybeUninit::uninit(); MAX_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let mut config = ParserConfig::default();
    config
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true);
    match config.parse_response_with_uninit_headers(&mut response, input, &mut headers) {
        Ok(Status::Complete(length)) if has_irregular_framing(&input[..length]) => {
            Err("folded content-length or transfer-encoding, or a space before its colon")
        }
        Ok(Status::Complete(length)) => {
            let head = Head { persists: false, ..read_head(&response)? };
            Ok(Status::Complete((length, head)))
        }
        Ok(Status::Partial) => Ok(Status::Partial),
        Err(error) => Err(describe(error)),
    }
}

/// Whether a content-length or transfer-encoding is folded or has a space before its colon.
fn has_irregular_framing(head: &[u8]) -> bool {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let mut lines = head.split(|byte| *byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        let end = line.iter().position(|byte| *byte == b':' || is_blank(byte));
        let (name, rest) = line.split_at(end.unwrap_or(line.len()));
        let is_framing = name.eq_ignore_ascii_case(b"content-length")
            || name.eq_ignore_ascii_case(b"transfer-encoding");
        let is_folded = lines.peek().and_then(|next| next.first()).is_some_and(is_blank);
        if is_framing && (is_folded || rest.first().is_none_or(is_blank)) {
            return true;
        }
    }
    false
}

fn read_head(response: &httparse::Response<'_, '_>) -> Result<Head, &'static str> {
    let headers = Headers::new(response.headers);
    let status = response.code.filter(|status| *status >= 100).ok_or("invalid status")?;
    let is_1_1 = response.version == Some(1);
    let (framing, is_exact) = framing(status, is_1_1, &headers)?;
    let closes = headers.elements("connection").any(|option| option.eq_ignore_ascii_case(b"close"));
    let persists = is_1_1 && status != 101 && framing != Framing::UntilClose && is_exact && !closes;
    Ok(Head {
        status,
        retry_after: headers.first("retry-after").and_then(retry_after),
        keep_alive: keep_alive(&headers),
        request_id: request_id(&headers),
        content_encoding: content_encoding(&headers),
        declares_html: headers.first("content-type").is_some_and(is_html),
        location: headers.first("location").map(|url| String::from_utf8_lossy(url).into_owned()),
        framing,
        persists,
    })
}

/// The coding of the body, if it has one.
fn content_encoding(headers: &Headers<'_>) -> Option<String> {
    let codings = headers.first("content-encoding")?.split(|byte| *byte == b',');
    let mut codings = codings.map(<[u8]>::trim_ascii);
    let coding =
        codings.find(|name| !name.is_empty() && !name.eq_ignore_ascii_case(b"identity"))?;
    Some(String::from_utf8_lossy(coding).into_owned())
}

/// Whether a content type is that of HTML.
fn is_html(content_type: &[u8]) -> bool {
    let end = content_type.iter().position(|byte| *byte == b';').unwrap_or(content_type.len());
    let name = content_type[..end].trim_ascii();
    name.eq_ignore_ascii_case(b"text/html") || name.eq_ignore_ascii_case(b"application/xhtml+xml")
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
/// Also returns false if the length is stated several times, always the same: RFC 9110, section 8.6,
/// allows to accept that, but what repeats it may make other mistakes.
fn framing(
    status: u16,
    is_1_1: bool,
    headers: &Headers<'_>,
) -> Result<(Framing, bool), &'static str> {
    const CONTRADICTION: &str = "more than one content-length or transfer-encoding";
    let mut is_exact = true;
    let mut codings = headers.elements("transfer-encoding");
    let mut lengths = headers.elements("content-length");
    let framing = match (codings.next(), lengths.next()) {
        (None, None) => Framing::UntilClose,
        (None, Some(length)) => {
            let number = parse_number(length).ok_or("invalid content-length")?;
            for repeated in lengths {
                if repeated != length {
                    return Err(CONTRADICTION);
                }
                is_exact = false;
            }
            Framing::Length(number)
        }
        (Some(coding), None) if is_1_1 && coding.eq_ignore_ascii_case(b"chunked") => {
            Framing::Chunked
        }
        (Some(_), None) => return Err("unsupported transfer-encoding"),
        (Some(_), Some(_)) => return Err("both content-length and transfer-encoding"),
    };
    if codings.next().is_some() {
        return Err(CONTRADICTION);
    }
    // Responses with these statuses have no body, whatever their headers say.
    let has_no_body = matches!(status, 100..=199 | 204 | 304);
    Ok((if has_no_body { Framing::Length(0) } else { framing }, is_exact))
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

/// The `timeout` of the header `Keep-Alive` (RFC 2068, section 19.7.1.1).
fn keep_alive(headers: &Headers<'_>) -> Option<Duration> {
    headers.first("keep-alive")?.split(|byte| *byte == b',').find_map(|parameter| {
        let parameter = parameter.trim_ascii();
        let (name, value) = parameter.split_at_checked("timeout".len())?;
        let value = value.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
        let seconds = parse_number(value).filter(|_| name.eq_ignore_ascii_case(b"timeout"))?;
        Some(Duration::from_secs(seconds))
    })
}

fn request_id(headers: &Headers<'_>) -> Option<String> {
    ["x-request-id", "x-correlation-id", "request-id"]
        .into_iter()
        .filter_map(|name| headers.first(name))
        .find(|id| redact::is_request_id(id))
        .and_then(|id| String::from_utf8(id.to_vec()).ok())
}

struct Headers<'a> {
    list: &'a [Header<'a>],
    /// Bit n is set if a name has n bytes. Most headers that are looked up are absent.
    lengths: u64,
}

impl<'a> Headers<'a> {
    fn new(list: &'a [Header<'a>]) -> Self {
        let lengths = list.iter().fold(0, |lengths, header| lengths | length_bit(header.name));
        Self { list, lengths }
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let list = if self.lengths & length_bit(name) == 0 { &[] } else { self.list };
        let has_name = move |header: &&Header<'_>| header.name.eq_ignore_ascii_case(name);
        list.iter().filter(has_name).map(|header| header.value)
    }

    fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The elements of a header whose value is a list, in one line or in several.
    fn elements(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.all(name).flat_map(|value| value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
    }
}

fn length_bit(name: &str) -> u64 {
    1 << name.len().min(63)
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
        Framing::UntilClose => read_until_close(connection, attempt, body),
    }
}

fn read_until_close(
    connection: &mut Connection,
    attempt: &mut Attempt,
    body: &mut Body,
) -> Result<(), TransportError> {
    while !body.is_too_large() {
        if connection.input().is_empty() {
            match connection.receive(attempt) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                // Without close_notify, somebody between may have cut the body, but not one that is
                // whole. Some servers never send it.
                Err(error)
                    if error.kind() == io::ErrorKind::UnexpectedEof
                        && is_json_object(&body.kept) =>
                {
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
        append_input(connection, body.room(), body)?;
    }
    Ok(())
}

/// Whether a body is one JSON object, and so whole.
fn is_json_object(body: &[u8]) -> bool {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    body.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(body).is_ok()
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
            tls: TlsConfig {
                roots: Box::new(|| unreachable!()),
                roots_setting: None,
                client_cert: None,
            },
        };
        let get = Request {
            method: "GET",
            path: "path/id",
            key_header: "authorization",
            key: "key",
            secrets: ["key", ""],
            csrf_token: None,
            body: None,
            creates: false,
        };
        let post = Request { method: "POST", csrf_token: Some("a b"), body: Some("{}"), ..get };
        let text = |request| String::from_utf8(encode(&config, request).bytes.clone()).unwrap();
        assert_eq!(
            text(&get),
            "GET /base/path/id HTTP/1.1\r\nhost: 127.0.0.1:8466\r\naccept: application/json\r\n\
             accept-encoding: identity\r\nuser-agent: agent/1\r\nauthorization: key\r\n\r\n"
        );
        assert_eq!(
            text(&post),
            "POST /base/path/id HTTP/1.1\r\nhost: 127.0.0.1:8466\r\naccept: application/json\r\n\
             accept-encoding: identity\r\nuser-agent: agent/1\r\nauthorization: key\r\nx-csrf-token: a b\r\n\
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
            ("HTTP/1.1 200 OK\r\ncontent-length: 1, 01\r\n\r\na", "more than one content-length"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 1,\r\n\r\na", "more than one content-length"),
            ("HTTP/1.1 200 OK\r\ncontent-length : 1\r\n\r\na", "space before its colon"),
            ("HTTP/1.1 200 OK\r\nContent-Length\t: 1\r\n\r\na", "space before its colon"),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n", "its colon"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n 2\r\n\r\na", "folded content-length"),
            ("HTTP/1.1 200 OK\r\ncontent-length:\r\n 1\r\n\r\na", "folded content-length"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n \r\n\r\na", "folded content-length"),
            ("HTTP/1.1 200 OK\ncontent-length: 1\n\t2\n\na", "folded content-length"),
            (
                "HTTP/1.1 200 OK\r\na: b\r\n c\r\ntransfer-encoding:\r\n\tchunked\r\n\r\n0\r\n\r\n",
                "transfer-encoding",
            ),
            (
                "HTTP/1.1 200 OK\r\na : b\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
                "both",
            ),
            ("HTTP/1.1 200 OK\r\n content-length: 1\r\n\r\na", "name"),
            ("HTTP/1.1 200 OK\r\na b: c\r\n d\r\n\r\n", "name"),
            ("HTTP/1.1 200 OK\r\na: b\r\n \0\r\n\r\n", "value"),
            ("HTTP/1.1 200 OK\r\na(b): c\r\n\r\n", "name"),
            ("HTTP/1.1  200 OK\r\na: b\r\n c\r\n\r\n", "status"),
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
    fn an_irregular_head_is_accepted_but_its_connection_is_not_reused() {
        for (head, body) in [
            ("csp: a;\r\n  b\r\ncontent-length: 2\r\n", "ab"),
            ("csp:\r\n\ta\r\n b\r\ncontent-length: 2\r\n", "ab"),
            ("content-length: 2\r\ncsp: a\r\n content-length: 1\r\n", "ab"),
            ("csp: a\r\n transfer-encoding: chunked\r\n", "ab"),
            ("x : y\r\ncontent-length: 2\r\n", "ab"),
            ("x \t: y\r\ncontent-length: 2\r\n", "ab"),
            ("content-length: 2\r\nContent-Length: 2\r\n", "ab"),
            ("content-length: 2, 2\r\n", "ab"),
            ("content-length: 2,2\r\ncontent-length: 2\r\n", "ab"),
        ] {
            let response = format!("{OK}{head}\r\nab");
            assert_eq!(read(&[&response]).unwrap(), (body.to_owned(), false), "{head:?}");
            let bytes: Vec<_> = response.chars().map(String::from).collect();
            let bytes: Vec<_> = bytes.iter().map(String::as_str).collect();
            assert_eq!(read(&bytes).unwrap(), (body.to_owned(), false), "{head:?} byte by byte");
        }
        let chunked = "csp: a;\r\n b\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";
        assert_eq!(read_after_ok(chunked).unwrap(), ("a".to_owned(), false));
        for interim in ["link: a\r\n b\r\n", "link : a\r\n"] {
            let interim = format!("HTTP/1.1 103 x\r\n{interim}\r\n{OK}content-length: 1\r\n\r\na");
            assert_eq!(read(&[&interim]).unwrap(), ("a".to_owned(), false), "{interim:?}");
        }
        let interim = "HTTP/1.1 103 x\r\nlink: a\r\n b\r\n\r\n";
        let last = "HTTP/1.1 401 x\r\nx-request-id : r\r\ncontent-length: 0\r\n\r\n";
        let (response, _) =
            mock_stream::read_response([interim.as_bytes(), last.as_bytes()]).unwrap();
        assert_eq!((response.status, response.request_id.as_deref()), (401, Some("r")));
    }

    /// What is read of `input`, after which the stream fails.
    fn read_before(error: io::ErrorKind, input: &str) -> Result<Response, TransportError> {
        let stream = mock_stream::MockStream::new([input.as_bytes()]).fail(error);
        let mut connection = Connection::new(Box::new(stream));
        read_response(&mut connection, &mut mock_stream::attempt()).map(|(response, _)| response)
    }

    #[test]
    fn an_end_without_close_notify_is_accepted_after_a_whole_object() {
        let end = io::ErrorKind::UnexpectedEof;
        for body in ["{}", " {\"a\": [1]}\r\n", "\u{feff}{\"a\":\"}\"}"] {
            let response = read_before(end, &format!("{OK}\r\n{body}")).unwrap();
            assert_eq!(response.body, body.as_bytes());
        }
        for rest in
            ["", "\r\n", "\r\n{", "\r\n{}{", "\r\n[]", "\r\n1", "content-length: 3\r\n\r\n{}"]
        {
            match read_before(end, &format!("{OK}{rest}")) {
                Err(TransportError::Io(error)) => assert_eq!(error.kind(), end, "{rest:?}"),
                other => panic!("{rest:?}: {other:?}"),
            }
        }
        let reset = io::ErrorKind::ConnectionReset;
        assert!(read_before(reset, &format!("{OK}\r\n{{}}")).is_err());
    }

    #[test]
    fn a_response_before_a_reset_is_read() {
        let reset = io::ErrorKind::ConnectionReset;
        for head in ["content-length: 4\r\n", "", "content-length: 9\r\n"] {
            let early = format!("HTTP/1.1 413 x\r\n{head}\r\nlong");
            let response = read_before(reset, &early).unwrap();
            assert_eq!((response.status, response.body.as_slice()), (413, &b"long"[..]), "{head}");
        }
        assert!(read_before(reset, "HTTP/1.1 413 x\r\n").is_err());
    }

    #[test]
    fn headers_that_explain_a_response_are_kept() {
        let read = |head: &str| {
            let response = format!("{OK}{head}content-length: 0\r\n\r\n");
            mock_stream::read_response([response.as_bytes()]).unwrap().0
        };
        for (value, expected) in
            [("gzip", Some("gzip")), ("identity, br", Some("br")), ("Identity", None), ("", None)]
        {
            let response = read(&format!("content-encoding: {value}\r\n"));
            assert_eq!(response.content_encoding.as_deref(), expected, "{value}");
        }
        for (value, is_html) in [
            ("Text/HTML", true),
            ("text/html;charset=utf-8", true),
            ("application/xhtml+xml ; a", true),
            ("text/htmlx", false),
            ("application/json", false),
        ] {
            assert_eq!(read(&format!("content-type: {value}\r\n")).declares_html, is_html);
        }
        assert_eq!(read("location: /a\r\n").location.as_deref(), Some("/a"));
        assert_eq!(read("").location, None);
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
    fn the_time_that_a_connection_is_kept_is_parsed() {
        for (value, expected) in [
            ("timeout=5", Some(5)),
            ("timeout=5, max=100", Some(5)),
            ("max=100,Timeout = 15", Some(15)),
            ("timeout=0", Some(0)),
            ("timeout=", None),
            ("timeout=-1", None),
            ("timeout=5s", None),
            ("timeouts=5", None),
            ("time", None),
            ("5", None),
            ("", None),
        ] {
            let header = Header { name: "Keep-Alive", value: value.as_bytes() };
            assert_eq!(
                keep_alive(&Headers::new(&[header])),
                expected.map(Duration::from_secs),
                "{value}"
            );
        }
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
            assert_eq!(request_id(&Headers::new(&headers)).as_deref(), expected);
        }
    }
}
