//! The part of HTTP/1.1 that the two calls need: a request out, an answer in.
//!
//! Messages are parsed by httparse; where they end is RFC 9112, section 6.3. An agent such as ureq's
//! does the same for any request and any answer, and takes twice the instructions of a whole call:
//! `make bench`.

use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::time::{Duration, SystemTime};

use httparse::{Header, ParserConfig, Response, Status};
use zeroize::Zeroizing;

use super::connection::Connection;
use super::failure::Fault;
use super::{Answer, Call};
use crate::options::{Key, Settings};

/// The largest answer that is read.
const BODY_LIMIT: usize = 1024 * 1024;
/// More than any gateway sends.
const HEADER_COUNT: usize = 100;

/// The request of a call, head and body, which holds the key.
pub(crate) fn request(settings: &Settings, call: &Call<'_>, key: &Key) -> Zeroizing<String> {
    let (token_header, token) = match call.csrf_token {
        Some(token) => ("\r\nx-csrf-token: ", token),
        None => ("", ""),
    };
    let about_body = match &call.body {
        Some(body) => {
            format!("\r\ncontent-type: application/json\r\ncontent-length: {}", body.len())
        }
        None => String::new(),
    };
    let parts = [
        call.method(),
        " ",
        settings.base_url.path(),
        "/",
        &call.path,
        " HTTP/1.1\r\nhost: ",
        settings.base_url.authority(),
        "\r\naccept: application/json\r\nuser-agent: ",
        &settings.user_agent,
        "\r\n",
        settings.auth_scheme.header(),
        ": ",
        key.as_str(),
        token_header,
        token,
        &about_body,
        "\r\n\r\n",
        call.body.as_deref().unwrap_or_default(),
    ];
    // In one piece of the right size: one that grew would leave copies of the key behind.
    Zeroizing::new(parts.concat())
}

/// Reads the answer to a request. Tells whether the connection can serve again.
pub(crate) fn answer(connection: &mut Connection) -> Result<(Answer, bool), Fault> {
    let head = final_head(connection)?;
    let mut body = Vec::new();
    let read = read_body(connection, head.framing, &mut body);
    let too_large = body.len() > BODY_LIMIT;
    let answer = Answer {
        status: head.status,
        retry_after: head.retry_after,
        request_id: head.request_id,
        body,
        too_large,
    };
    match read {
        Ok(()) => Ok((answer, head.persists && !too_large && connection.is_clean())),
        // What an error answer says is worth more than how it ended.
        Err(_) if !answer.is_success() => Ok((answer, false)),
        Err(fault) => Err(fault),
    }
}

/// What the head of an answer tells.
struct Head {
    status: u16,
    retry_after: Option<Duration>,
    request_id: Option<String>,
    framing: Framing,
    /// Whether the connection may serve again after the body.
    persists: bool,
}

/// Where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked,
    /// With the connection.
    Open,
}

/// The head of the answer itself, after those that only say that one is to come.
fn final_head(connection: &mut Connection) -> Result<Head, Fault> {
    loop {
        let head = next(connection, head)?;
        if !matches!(head.status, 100 | 102..=199) {
            return Ok(head);
        }
    }
}

/// Reads on until `parse` has found what it looks for at the start of the input.
fn next<T>(
    connection: &mut Connection,
    parse: impl Fn(&[u8]) -> Result<Status<(usize, T)>, &'static str>,
) -> Result<T, Fault> {
    loop {
        match parse(connection.input()).map_err(Fault::NotHttp)? {
            Status::Complete((length, found)) => {
                connection.consume(length);
                return Ok(found);
            }
            Status::Partial if connection.is_full() => {
                return Err(Fault::NotHttp("its head is too large"));
            }
            Status::Partial => {
                if !connection.receive()? {
                    return Err(cut_short());
                }
            }
        }
    }
}

fn cut_short() -> Fault {
    Fault::Wire(io::ErrorKind::UnexpectedEof.into())
}

fn head(input: &[u8]) -> Result<Status<(usize, Head)>, &'static str> {
    let mut room = [MaybeUninit::uninit(); HEADER_COUNT];
    let mut response = Response::new(&mut []);
    let parsed =
        ParserConfig::default().parse_response_with_uninit_headers(&mut response, input, &mut room);
    let length = match parsed {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(Status::Partial),
        Err(error) => return Err(words(error)),
    };
    let headers = Headers(response.headers);
    let status = response.code.filter(|status| *status >= 100).ok_or("invalid status")?;
    let is_1_1 = response.version == Some(1);
    let framing = framing(status, is_1_1, &headers)?;
    let closes = headers.lists("connection").any(|option| option.eq_ignore_ascii_case(b"close"));
    let persists = is_1_1 && status != 101 && framing != Framing::Open && !closes;
    let head = Head {
        status,
        retry_after: headers.first("retry-after").and_then(retry_after),
        request_id: request_id(&headers),
        framing,
        persists,
    };
    Ok(Status::Complete((length, head)))
}

fn words(error: httparse::Error) -> &'static str {
    use httparse::Error as E;
    match error {
        E::HeaderName => "invalid header name",
        E::HeaderValue => "invalid header value",
        E::NewLine => "invalid new line",
        E::Status => "invalid response status",
        E::Token => "invalid token",
        E::TooManyHeaders => "too many headers",
        E::Version => "invalid HTTP version",
    }
}

/// Where the body ends. What leaves that in doubt is how one answer is smuggled into another.
fn framing(status: u16, is_1_1: bool, headers: &Headers<'_>) -> Result<Framing, &'static str> {
    let mut codings = headers.lists("transfer-encoding");
    let mut lengths = headers.lists("content-length");
    let framing = match (codings.next(), lengths.next()) {
        (None, None) => Framing::Open,
        (None, Some(length)) => Framing::Length(number(length).ok_or("invalid content-length")?),
        (Some(coding), None) if is_1_1 && coding.eq_ignore_ascii_case(b"chunked") => {
            Framing::Chunked
        }
        (Some(_), None) => return Err("a transfer encoding that was not asked for"),
        (Some(_), Some(_)) => return Err("both a length and a transfer encoding"),
    };
    if codings.next().is_some() || lengths.next().is_some() {
        return Err("more than one length or transfer encoding");
    }
    // These have no body, whatever they say.
    let is_empty = matches!(status, 100..=199 | 204 | 304);
    Ok(if is_empty { Framing::Length(0) } else { framing })
}

/// Digits and nothing else.
fn number(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `Retry-After` in seconds or as an HTTP date; what cannot be read counts as absent.
pub(crate) fn retry_after(value: &[u8]) -> Option<Duration> {
    if let Some(seconds) = number(value) {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()?;
    Some(at.duration_since(SystemTime::now()).unwrap_or_default())
}

fn request_id(headers: &Headers<'_>) -> Option<String> {
    ["x-request-id", "x-correlation-id", "request-id"]
        .into_iter()
        .filter_map(|name| headers.first(name))
        .find(|id| !id.is_empty() && id.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t')))
        .and_then(|id| String::from_utf8(id.to_vec()).ok())
}

struct Headers<'a>(&'a [Header<'a>]);

impl<'a> Headers<'a> {
    fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let of_that_name = move |header: &&Header<'_>| header.name.eq_ignore_ascii_case(name);
        self.0.iter().filter(of_that_name).map(|header| header.value)
    }

    fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The elements of a header that is a list, in one line or in several.
    fn lists(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.all(name).flat_map(|value| value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
    }
}

/// Reads a body, but not on where it is over the limit.
fn read_body(
    connection: &mut Connection,
    framing: Framing,
    body: &mut Vec<u8>,
) -> Result<(), Fault> {
    match framing {
        Framing::Length(length) => read_exactly(connection, length, body),
        Framing::Chunked => read_chunks(connection, body),
        Framing::Open => {
            connection.by_ref().take(room_in(body)).read_to_end(body)?;
            Ok(())
        }
    }
}

/// How much of a body is still read: one byte over the limit shows that it is.
fn room_in(body: &[u8]) -> u64 {
    (BODY_LIMIT + 1 - body.len()) as u64
}

fn read_exactly(connection: &mut Connection, length: u64, body: &mut Vec<u8>) -> Result<(), Fault> {
    /// The standard library probes with a small read of its own where there is less room than this.
    const SPARE: usize = 32;
    let length = length.min(room_in(body));
    body.reserve(usize::try_from(length).unwrap_or_default() + SPARE);
    let count = connection.by_ref().take(length).read_to_end(body)?;
    if (count as u64) < length {
        return Err(cut_short());
    }
    Ok(())
}

fn read_chunks(connection: &mut Connection, body: &mut Vec<u8>) -> Result<(), Fault> {
    loop {
        let size = next(connection, chunk_size)?;
        if size == 0 {
            return next(connection, trailers);
        }
        read_exactly(connection, size, body)?;
        if body.len() > BODY_LIMIT {
            return Ok(());
        }
        next(connection, end_of_chunk)?;
    }
}

fn chunk_size(input: &[u8]) -> Result<Status<(usize, u64)>, &'static str> {
    const WORDS: &str = "invalid chunk size";
    // The parser takes a line without a number for a zero, and so for the end.
    if input.first().is_some_and(|byte| !byte.is_ascii_hexdigit()) {
        return Err(WORDS);
    }
    httparse::parse_chunk_size(input).map_err(|_| WORDS)
}

fn end_of_chunk(input: &[u8]) -> Result<Status<(usize, ())>, &'static str> {
    match input {
        [b'\r', b'\n', ..] => Ok(Status::Complete((2, ()))),
        [] | [b'\r'] => Ok(Status::Partial),
        _ => Err("a chunk that is longer than it says"),
    }
}

fn trailers(input: &[u8]) -> Result<Status<(usize, ())>, &'static str> {
    let mut room = [httparse::EMPTY_HEADER; HEADER_COUNT];
    match httparse::parse_headers(input, &mut room).map_err(words)? {
        Status::Complete((length, _)) => Ok(Status::Complete((length, ()))),
        Status::Partial => Ok(Status::Partial),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::script;

    const OK: &str = "HTTP/1.1 200 OK\r\n";

    /// The body of an answer that arrives in pieces, and whether its connection can serve again.
    fn read(pieces: &[&str]) -> Result<(String, bool), Fault> {
        let (answer, can_serve_again) = script::read(pieces.iter().map(|piece| piece.as_bytes()))?;
        Ok((String::from_utf8(answer.body).unwrap(), can_serve_again))
    }

    fn read_after_ok(rest: &str) -> Result<(String, bool), Fault> {
        read(&[OK, rest])
    }

    #[test]
    fn a_body_ends_where_its_head_says() {
        for (rest, body, can_serve_again) in [
            ("Content-Length: 2\r\n\r\nab", "ab", true),
            ("content-length: 2\r\nconnection: x, Close\r\n\r\nab", "ab", false),
            ("content-length: 2\r\n\r\nabc", "ab", false),
            ("Transfer-Encoding: Chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n", "abc", true),
            ("transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx: y\r\n\r\n", "a", true),
            ("\r\nab", "ab", false),
        ] {
            let (read, again) = read_after_ok(rest).unwrap();
            assert_eq!((read.as_str(), again), (body, can_serve_again), "{rest:?}");
        }
        let (body, can_serve_again) =
            read(&["HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\na"]).unwrap();
        assert_eq!((body.as_str(), can_serve_again), ("a", false));
    }

    #[test]
    fn an_answer_without_a_body_has_none() {
        for (status, can_serve_again) in [(204, true), (304, true), (101, false)] {
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: 5\r\n\r\n");
            assert_eq!(read(&[&head]).unwrap(), (String::new(), can_serve_again), "{status}");
        }
    }

    #[test]
    fn heads_that_only_announce_an_answer_are_passed_over() {
        let early = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
        let announced = [early, "HTTP/1.1 100 Continue\r\n\r\n", OK, "content-length: 1\r\n\r\na"];
        assert_eq!(read(&announced).unwrap(), ("a".to_owned(), true));
        assert_eq!(read(&[&announced.concat()]).unwrap(), ("a".to_owned(), true));
    }

    #[test]
    fn a_body_that_ends_too_early_is_no_answer() {
        for rest in [
            "",
            "content-length: 3\r\n",
            "content-length: 3\r\n\r\nab",
            "transfer-encoding: chunked\r\n\r\n3\r\nab",
            "transfer-encoding: chunked\r\n\r\n2\r\nab\r\n",
            "transfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n",
        ] {
            match read_after_ok(rest) {
                Err(Fault::Wire(error)) => {
                    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{rest:?}");
                }
                other => panic!("{rest:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_an_error_says_is_kept_although_it_ends_too_early() {
        let cut = "HTTP/1.1 500 x\r\ncontent-length: 9\r\n\r\nsorry";
        assert_eq!(read(&[cut]).unwrap(), ("sorry".to_owned(), false));
    }

    #[test]
    fn an_answer_that_breaks_the_rules_is_refused() {
        for (answer, flaw) in [
            ("HTTP/2 200 OK\r\n\r\n", "version"),
            ("HTTP/1.1 099 x\r\n\r\n", "status"),
            ("HTTP/1.1 2x0 OK\r\n\r\n", "status"),
            ("HTTP/1.1 200 OK\r\na b: c\r\n\r\n", "name"),
            ("HTTP/1.1 200 OK\r\na: \0\r\n\r\n", "value"),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
                "more than one length",
            ),
            ("HTTP/1.1 200 OK\r\ncontent-length: 1, x\r\n\r\na", "more than one length"),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nContent-Length: 1\r\n\r\na",
                "more than one length",
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
            match read(&[answer]) {
                Err(Fault::NotHttp(words)) => assert!(words.contains(flaw), "{answer:?}: {words}"),
                other => panic!("{answer:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn neither_a_head_nor_a_line_may_be_without_an_end() {
        let long = "a".repeat(64 * 1024);
        for answer in [
            format!("HTTP/1.1 200 OK\r\nx: {long}"),
            format!("HTTP/1.1 200 {long}"),
            format!("{OK}transfer-encoding: chunked\r\n\r\n1;{long}"),
            format!("{OK}transfer-encoding: chunked\r\n\r\n0\r\nx: {long}"),
        ] {
            assert!(matches!(read(&[&answer]), Err(Fault::NotHttp("its head is too large"))));
        }
        let many = format!("{OK}{}\r\n", "a: b\r\n".repeat(HEADER_COUNT + 1));
        assert!(matches!(read(&[&many]), Err(Fault::NotHttp("too many headers"))));
    }

    #[test]
    fn one_byte_over_the_limit_is_too_large_however_it_is_framed() {
        for (size, too_large) in [(BODY_LIMIT, false), (BODY_LIMIT + 1, true)] {
            let body = "a".repeat(size);
            for answer in [
                format!("{OK}content-length: {size}\r\n\r\n{body}"),
                format!("{OK}transfer-encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n0\r\n\r\n"),
                format!("{OK}\r\n{body}"),
            ] {
                let (answer, can_serve_again) = script::read([answer.as_bytes()]).unwrap();
                assert_eq!(answer.too_large, too_large);
                assert!(!(too_large && can_serve_again));
            }
        }
    }

    #[test]
    fn retry_after_is_read_in_both_forms_and_nonsense_is_not() {
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
    fn the_request_id_is_the_first_of_its_headers() {
        let header = |name, value: &'static str| Header { name, value: value.as_bytes() };
        let last = header("Request-Id", "last");
        for (headers, expected) in [
            (vec![last], Some("last")),
            (vec![last, header("x-request-id", "")], Some("last")),
            (vec![last, header("x-request-id", "é")], Some("last")),
            (vec![last, header("X-Request-ID", "first")], Some("first")),
            (vec![], None),
        ] {
            assert_eq!(request_id(&Headers(&headers)).as_deref(), expected);
        }
    }
}
