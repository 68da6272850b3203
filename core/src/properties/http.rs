//! The HTTP parser, on responses that may be untrusted or malformed.

use std::fmt;
use std::io::Read;

use bolero::{Driver, ValueGenerator, check};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

use super::{Bytes, below, one_in, pick};
use crate::transport::{Response, mock_stream};

#[derive(Debug)]
struct Case {
    input: Bytes,
    /// The positions at which it is cut into pieces.
    cuts: Vec<usize>,
}

struct Cases;

impl ValueGenerator for Cases {
    type Output = Case;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Case> {
        let mut input = response(driver)?.into_bytes();
        if one_in(driver, 3)? {
            let at = below(driver, input.len())?;
            let end = (at + below(driver, 4)?).min(input.len());
            let token = pick(driver, &["", "\r\n", "\n", "0", "\0", ":", "\u{e9}", " ", "f", ","])?;
            input.splice(at..end, token.bytes());
        }
        let count = below(driver, 6)?;
        let mut cuts: Vec<usize> =
            (0..count).map(|_| below(driver, input.len() + 1)).collect::<Option<_>>()?;
        cuts.sort_unstable();
        Some(Case { input: Bytes(input), cuts })
    }
}

/// A response that is valid HTTP, or contains one of the usual mistakes.
fn response<D: Driver>(driver: &mut D) -> Option<String> {
    const INTERIM: &[&str] =
        &["", "", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 x\r\na: b\r\n\r\n"];
    const STATUS: &[&str] = &[
        "HTTP/1.1 200 OK",
        "HTTP/1.1 200 OK",
        "HTTP/1.1 200",
        "HTTP/1.0 201 x",
        "HTTP/1.1 204 x",
        "HTTP/1.1 302 x",
        "HTTP/1.1 500 x",
        "HTTP/1.1 101 x",
    ];
    const HEADERS: &[&str] = &[
        "content-length: 3",
        "content-length: 3",
        "Content-Length: 3, 3",
        "content-length: 4",
        "content-length: 0",
        "transfer-encoding: chunked",
        "Transfer-Encoding:  Chunked ",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: identity",
        "connection: close",
        "connection: keep-alive",
        "date: today",
        "x-request-id: a",
        "retry-after: 7",
        "location: /",
        "csp : a",
        " folded",
    ];
    const BODY: &[&str] = &[
        "abc",
        "abc",
        "",
        "ab",
        "abcd",
        "3\r\nabc\r\n0\r\n\r\n",
        "2\r\nab\r\n1;x\r\nc\r\n0\r\na: b\r\n\r\n",
        "3\r\nabc\r\n",
        "3\r\nab",
    ];
    let mut response = pick(driver, INTERIM)?.to_owned();
    response += pick(driver, STATUS)?;
    response += "\r\n";
    for _ in 0..below(driver, 4)? {
        response += pick(driver, HEADERS)?;
        response += "\r\n";
    }
    response += "\r\n";
    response += pick(driver, BODY)?;
    Some(response)
}

#[test]
fn a_response_is_parsed_the_same_however_it_is_split() {
    check!().with_generator(Cases).for_each(|Case { input: Bytes(input), cuts }| {
        let at_once = mock_stream::read_response([input.as_slice()]);
        let ends = cuts.iter().copied().chain([input.len()]);
        let starts = [0].into_iter().chain(cuts.iter().copied());
        let pieces =
            mock_stream::read_response(starts.zip(ends).map(|(start, end)| &input[start..end]));
        match (&at_once, &pieces) {
            (Ok((one, _)), Ok((other, _))) => assert_eq!(one, other),
            (Err(one), Err(other)) => assert_eq!(format!("{one:?}"), format!("{other:?}")),
            _ => panic!("{at_once:?}, in pieces {pieces:?}"),
        }
    });
}

/// Compares with ureq what a response contains and where it ends.
#[test]
fn a_response_is_parsed_like_ureq_does_or_is_an_error() {
    check!().with_generator(Cases).for_each(|Case { input: Bytes(input), .. }| {
        // RFC 9112, section 2.2, allows lines without a carriage return. ureq accepts only some.
        let lines = input.split(|byte| *byte == b'\n').rev().skip(1);
        if lines.into_iter().any(|line| !line.ends_with(b"\r")) {
            return;
        }
        let Ok((response, is_reusable)) = mock_stream::read_response([input.as_slice()]) else {
            return;
        };
        if response.is_success() {
            let Response { status, body, .. } = response;
            match read_by_ureq(input) {
                Ok(expected) => assert_eq!((status, body), expected),
                // ureq rejects a 100 response with headers, and every irregular head.
                Err(error) => {
                    let is_known = error.to_string().contains("with 100-continue")
                        || (is_irregular(input) && !is_reusable);
                    assert!(is_known, "{error}");
                }
            }
        }
    });
}

/// Whether a header is folded, has a space before its colon, or repeats the length.
fn is_irregular(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input).to_ascii_lowercase();
    text.contains("\n ")
        || text.contains(" :")
        || text.contains("3, 3")
        || text.matches("content-length").count() > 1
}

fn read_by_ureq(input: &[u8]) -> Result<(u16, Vec<u8>), ureq::Error> {
    let config = ureq::Agent::config_builder().max_redirects(0).http_status_as_error(false).build();
    let agent = ureq::Agent::with_parts(config, KnownResponse(input.to_vec()), NoResolver);
    let mut response = agent.get("http://gateway.test/").call()?;
    let mut body = Vec::new();
    response.body_mut().as_reader().read_to_end(&mut body)?;
    Ok((response.status().as_u16(), body))
}

#[derive(Debug)]
struct NoResolver;

impl Resolver for NoResolver {
    fn resolve(
        &self,
        _: &ureq::http::Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}

/// Opens connections on which a known response arrives.
#[derive(Debug)]
struct KnownResponse(Vec<u8>);

impl Connector for KnownResponse {
    type Out = KnownTransport;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<KnownTransport>, ureq::Error> {
        Ok(Some(KnownTransport {
            input: self.0.clone(),
            buffers: LazyBuffers::new(1 << 14, 1 << 14),
        }))
    }
}

struct KnownTransport {
    input: Vec<u8>,
    buffers: LazyBuffers,
}

impl Transport for KnownTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let count = self.input.as_slice().read(self.buffers.input_append_buf())?;
        self.input.drain(..count);
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        false
    }
}

impl fmt::Debug for KnownTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownTransport")
    }
}
