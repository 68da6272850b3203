//! HTTP as a gateway or a stranger on the way may speak it.

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
    /// Where it is cut into pieces.
    cuts: Vec<usize>,
}

struct Cases;

impl ValueGenerator for Cases {
    type Output = Case;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Case> {
        let mut input = answer(driver)?.into_bytes();
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

/// An answer that keeps the rules of HTTP, or misses them by one of the usual mistakes.
fn answer<D: Driver>(driver: &mut D) -> Option<String> {
    const EARLY: &[&str] =
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
    let mut answer = pick(driver, EARLY)?.to_owned();
    answer += pick(driver, STATUS)?;
    answer += "\r\n";
    for _ in 0..below(driver, 4)? {
        answer += pick(driver, HEADERS)?;
        answer += "\r\n";
    }
    answer += "\r\n";
    answer += pick(driver, BODY)?;
    Some(answer)
}

#[test]
fn an_answer_is_read_alike_however_it_arrives() {
    check!().with_generator(Cases).for_each(|Case { input: Bytes(input), cuts }| {
        let whole = mock_stream::read_response([input.as_slice()]);
        let ends = cuts.iter().copied().chain([input.len()]);
        let starts = [0].into_iter().chain(cuts.iter().copied());
        let pieces =
            mock_stream::read_response(starts.zip(ends).map(|(start, end)| &input[start..end]));
        match (&whole, &pieces) {
            (Ok((one, _)), Ok((other, _))) => assert_eq!(one, other),
            (Err(one), Err(other)) => assert_eq!(format!("{one:?}"), format!("{other:?}")),
            _ => panic!("{whole:?}, in pieces {pieces:?}"),
        }
    });
}

/// ureq is a second opinion on what an answer says and where it ends.
#[test]
fn an_answer_is_read_as_ureq_reads_it_or_refused() {
    check!().with_generator(Cases).for_each(|Case { input: Bytes(input), .. }| {
        // A line may end without its carriage return: RFC 9112, section 2.2. ureq thinks so of some.
        let lines = input.split(|byte| *byte == b'\n').rev().skip(1);
        if lines.into_iter().any(|line| !line.ends_with(b"\r")) {
            return;
        }
        let Ok((answer, _)) = mock_stream::read_response([input.as_slice()]) else { return };
        if answer.is_success() {
            let Response { status, body, .. } = answer;
            match by_ureq(input) {
                Ok(by_ureq) => assert_eq!((status, body), by_ureq),
                // ureq refuses a 100 that has headers.
                Err(error) => assert!(error.to_string().contains("with 100-continue"), "{error}"),
            }
        }
    });
}

fn by_ureq(input: &[u8]) -> Result<(u16, Vec<u8>), ureq::Error> {
    let config = ureq::Agent::config_builder().max_redirects(0).http_status_as_error(false).build();
    let agent = ureq::Agent::with_parts(config, Canned(input.to_vec()), Nowhere);
    let mut answer = agent.get("http://gateway.test/").call()?;
    let mut body = Vec::new();
    answer.body_mut().as_reader().read_to_end(&mut body)?;
    Ok((answer.status().as_u16(), body))
}

#[derive(Debug)]
struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(
        &self,
        _: &ureq::http::Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}

/// Connections on which everything that arrives is known beforehand.
#[derive(Debug)]
struct Canned(Vec<u8>);

impl Connector for Canned {
    type Out = Line;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Line>, ureq::Error> {
        Ok(Some(Line { input: self.0.clone(), buffers: LazyBuffers::new(1 << 14, 1 << 14) }))
    }
}

struct Line {
    input: Vec<u8>,
    buffers: LazyBuffers,
}

impl Transport for Line {
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

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}
