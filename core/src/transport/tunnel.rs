//! Tunnels through HTTP proxies: sends the `CONNECT` request and reads the response.
//!
//! ureq could do it, but it reads the proxy variables of the environment whenever it is configured,
//! also if the environment must not be read, and while another thread may be changing it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use httparse::{Header, ParserConfig, Response, Status};
use zeroize::Zeroizing;

use super::attempt::Attempt;
use super::config::{Login, Proxy, ProxyScheme};
use super::error::TransportError;
use super::no_answer::NoAnswer;
use super::refusal::{CHECK_ADDRESS, ProxyError, TRY_AGAIN};
use super::stream::Stream;
use crate::error::ErrorKind;
use crate::url::BaseUrl;

/// The largest head of a response that is read.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 100;

/// Opens a tunnel to the gateway on a stream that is connected to the proxy.
pub(crate) fn open(
    attempt: &mut Attempt,
    mut stream: Box<dyn Stream>,
    proxy: &Proxy,
    gateway: &BaseUrl,
    user_agent: &str,
) -> Result<Box<dyn Stream>, TransportError> {
    let no_answer = NoAnswer { closed: advice_if_closed(proxy), silent: TRY_AGAIN };
    let of_proxy = |error| no_answer.explain(error);
    stream.write_all(attempt, encode(proxy, gateway, user_agent).as_bytes()).map_err(of_proxy)?;
    let mut input = vec![0; MAX_HEAD];
    let mut length = 0;
    loop {
        let count = stream.read(attempt, &mut input[length..]).map_err(of_proxy)?;
        length += count;
        // One read may bring several interim responses.
        loop {
            match parse(&input[..length], count == 0, proxy)? {
                Parsed::Partial => break,
                Parsed::Interim(head) => {
                    input.copy_within(head..length, 0);
                    length -= head;
                }
                Parsed::Open(head) if head == length => return Ok(stream),
                // A TLS server waits for the client, so these bytes are not TLS.
                Parsed::Open(_) => {
                    const CAUSE: &str = "the proxy sent bytes after its response";
                    let error = ProxyError::permanent(CAUSE, CHECK_ADDRESS);
                    return Err(ProxyError { kind: ErrorKind::Tls, ..error }.into());
                }
            }
        }
    }
}

/// What was received. The numbers are the length of the head.
enum Parsed {
    Partial,
    /// A response that precedes the final one (1xx).
    Interim(usize),
    /// The proxy has opened the tunnel. RFC 9110, section 9.3.6: with every status 2xx, and then
    /// the response has no body, whatever its headers say.
    Open(usize),
}

fn parse(input: &[u8], is_end: bool, proxy: &Proxy) -> Result<Parsed, ProxyError> {
    // A proxy of another kind: its first byte is not that of an HTTP response.
    let other = match input.first() {
        // An alert or a handshake message.
        Some(0x15 | 0x16) => Some(("TLS", "if it is a TLS proxy, begin its URL with https://")),
        Some(5) => Some(("SOCKS5", "begin its URL with socks5h://")),
        _ => None,
    };
    if let Some((protocol, advice)) = other {
        let cause = format!("the proxy answered with {protocol}, not HTTP");
        return Err(ProxyError::permanent(cause, advice));
    }
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = Response::new(&mut headers);
    let mut parser = ParserConfig::default();
    // As other clients do.
    parser.allow_spaces_after_header_name_in_responses(true);
    parser.allow_obsolete_multiline_headers_in_responses(true);
    let parsed = parser.parse_response(&mut response, input);
    // The status line is parsed first, so the status is known even if a header is invalid or cut
    // off.
    let refused = |status: u16, headers: &[Header<'_>]| {
        ProxyError::status(status, headers, proxy.login.is_some())
    };
    let problem = match (parsed, response.code) {
        (Ok(Status::Complete(head)), Some(200..=299)) => return Ok(Parsed::Open(head)),
        (Ok(Status::Complete(head)), Some(100 | 102..=199)) => return Ok(Parsed::Interim(head)),
        (Ok(Status::Complete(_)), Some(status)) => return Err(refused(status, response.headers)),
        (Ok(Status::Partial), _) if !is_end && input.len() < MAX_HEAD => {
            return Ok(Parsed::Partial);
        }
        (_, Some(status @ (101 | 300..))) => return Err(refused(status, &[])),
        (Ok(_), _) if input.is_empty() => {
            return Err(ProxyError::closed(None, advice_if_closed(proxy)));
        }
        (Ok(_), _) if is_end => "the proxy closed the connection within its response".to_owned(),
        (Ok(_), _) => "the proxy sent more than 16 KiB of headers".to_owned(),
        (Err(httparse::Error::TooManyHeaders), _) => {
            format!("the proxy sent more than {MAX_HEADERS} headers")
        }
        (Err(error), _) => format!("malformed response of the proxy: {error}"),
    };
    Err(ProxyError::transient(problem, CHECK_ADDRESS))
}

/// A proxy of another kind does not understand the request.
fn advice_if_closed(proxy: &Proxy) -> &'static str {
    match proxy.scheme {
        ProxyScheme::Http => {
            "if it is a TLS or SOCKS proxy, begin its URL with https:// or socks5h://"
        }
        _ => CHECK_ADDRESS,
    }
}

/// The request. It can contain the password of the proxy.
fn encode(proxy: &Proxy, gateway: &BaseUrl, user_agent: &str) -> Zeroizing<String> {
    let port = gateway.port().to_string();
    let host = gateway.host();
    let login = proxy.login.as_ref().map(basic);
    let (login_header, login) = match &login {
        Some(login) => ("\r\nProxy-Authorization: Basic ", login.as_str()),
        None => ("", ""),
    };
    let parts = [
        "CONNECT ",
        host,
        ":",
        &port,
        " HTTP/1.1\r\nHost: ",
        host,
        ":",
        &port,
        "\r\nUser-Agent: ",
        user_agent,
        "\r\nProxy-Connection: Keep-Alive",
        login_header,
        login,
        "\r\n\r\n",
    ];
    // Allocated once with the right size: a buffer that grows leaves copies of the password behind.
    Zeroizing::new(parts.concat())
}

/// A login in the form of basic authentication.
fn basic(login: &Login) -> Zeroizing<String> {
    let plain = Zeroizing::new([&*login.user, ":", &*login.password].concat());
    Zeroizing::new(BASE64_STANDARD.encode(plain.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::{io, ptr};

    use super::*;
    use crate::transport::cancel::{CancelSource, Cancelled};
    use crate::transport::error::AttemptError;
    use crate::transport::mock_stream::{MockStream, attempt, attempt_with};

    const OK: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

    /// Opens a tunnel to gateway.test through a proxy that requires a login.
    fn open_with(
        attempt: &mut Attempt,
        stream: Box<dyn Stream>,
    ) -> Result<Box<dyn Stream>, TransportError> {
        let login = Login { user: "user".to_owned().into(), password: "secret".to_owned().into() };
        let proxy = Proxy {
            scheme: ProxyScheme::Http,
            host: "proxy.test".to_owned(),
            port: 3128,
            login: Some(login),
        };
        let gateway = BaseUrl::parse("https://gateway.test/path").unwrap();
        open(attempt, stream, &proxy, &gateway, "test/1.0")
    }

    fn error_for(stream: MockStream) -> TransportError {
        match open_with(&mut attempt(), Box::new(stream)) {
            Ok(_) => panic!("the tunnel was opened"),
            Err(error) => error,
        }
    }

    fn problem_with(response: &[u8]) -> ProxyError {
        match error_for(MockStream::new([response])) {
            TransportError::Proxy(error) => error,
            other => panic!("{other:?}"),
        }
    }

    fn address(stream: &dyn Stream) -> *const () {
        ptr::from_ref(stream).cast()
    }

    #[test]
    fn an_open_tunnel_is_the_stream_itself() {
        let stream = MockStream::new([&OK[..9], &OK[9..], b"server hello"]);
        let output = stream.output();
        let stream: Box<dyn Stream> = Box::new(stream);
        let before = address(&*stream);
        let attempt = &mut attempt();

        let mut stream = open_with(attempt, stream).unwrap();
        assert_eq!(address(&*stream), before);
        output.lock().unwrap().clear();
        for bytes in [&b"\x16\x03\x01 client hello"[..], b"\r\n\r\n", &[0; 100_000]] {
            stream.write_all(attempt, bytes).unwrap();
            assert!(*output.lock().unwrap() == bytes, "written unchanged and at once");
            output.lock().unwrap().clear();
        }
        let mut buffer = [0; 100];
        let count = stream.read(attempt, &mut buffer).unwrap();
        assert_eq!(&buffer[..count], b"server hello");
    }

    #[test]
    fn the_request_to_the_proxy_names_the_gateway_and_contains_the_login() {
        let stream = MockStream::new([OK]);
        let output = stream.output();
        open_with(&mut attempt(), Box::new(stream)).map(drop).unwrap();
        let request = String::from_utf8(output.lock().unwrap().clone()).unwrap();
        let (line, headers) = request.split_once("\r\n").unwrap();
        assert_eq!(line, "CONNECT gateway.test:443 HTTP/1.1");
        // The base64 form of user:secret.
        let login = "\r\nproxy-authorization: basic dXNlcjpzZWNyZXQ=\r\n".to_lowercase();
        let headers = format!("\r\n{}", headers.to_lowercase());
        assert!(headers.contains(&login), "{headers}");
        assert!(headers.contains("\r\nuser-agent: test/1.0\r\n"), "{headers}");
        assert!(!headers.contains("\r\nauthorization:"), "{headers}");
        assert!(headers.ends_with("\r\n\r\n"), "{headers}");
    }

    #[test]
    fn bytes_after_the_response_are_an_error() {
        let stream = MockStream::new([&[OK, b"server hello"].concat()[..]]);
        let error = AttemptError::new(&attempt(), error_for(stream), None, &[]);
        assert_eq!(error.kind, ErrorKind::Tls);
        assert!(!error.is_transient);
        assert!(error.message.contains("the proxy sent bytes after its response"));
    }

    #[test]
    fn every_successful_status_opens_the_tunnel() {
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS));
        for response in [
            "HTTP/1.1 200\r\n\r\n",
            "HTTP/1.0 200 Connection established\r\n\r\n",
            "HTTP/1.1 201 Created\r\ncontent-length: 5\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 299 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nvia: a,\r\n b\r\nserver : c\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\na: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            &many,
        ] {
            for size in [1, 7, response.len()] {
                let stream = MockStream::new(response.as_bytes().chunks(size));
                let opened = open_with(&mut attempt(), Box::new(stream)).map(drop);
                assert!(opened.is_ok(), "{response:?}: {opened:?}");
            }
        }
    }

    #[test]
    fn a_refusal_is_reported_with_its_status() {
        let large = format!("HTTP/1.1 502 Bad\r\nx: {}\r\n\r\n", "a".repeat(MAX_HEAD));
        for (response, expected) in [
            (
                "HTTP/1.1 407 x\r\nproxy-authenticate: Basic realm=x\r\ncontent-length: 3\r\n\r\nbad",
                "the proxy returned HTTP 407: it offers Basic",
            ),
            ("HTTP/1.1 502 Bad Gateway\r\n\r\n", "the proxy returned HTTP 502"),
            ("HTTP/1.1 101 Switching\r\n\r\n", "the proxy returned HTTP 101"),
            (
                "HTTP/1.1 429 Too Many Requests\r\nbad header\0\r\n\r\n",
                "the proxy returned HTTP 429",
            ),
            // The proxy closed the connection within the headers.
            ("HTTP/1.1 403 Forbidden\r\nserver: squ", "the proxy returned HTTP 403"),
            (&large, "the proxy returned HTTP 502"),
        ] {
            assert_eq!(problem_with(response.as_bytes()).cause, expected);
        }
    }

    #[test]
    fn a_response_that_is_missing_or_not_http_is_explained() {
        let large = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "a".repeat(MAX_HEAD));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
        for (response, cause, advice) in [
            (&b""[..], "closed the connection without a response", "socks5h://"),
            (b"HTTP/1.1 2", "closed the connection within its response", "check the proxy"),
            (b"SSH-2.0-OpenSSH_9.9\r\n", "malformed response of the proxy", "check the proxy"),
            (b"\0\0\0\0", "malformed response of the proxy", "check the proxy"),
            (b"\x05\xff", "the proxy answered with SOCKS5", "socks5h://"),
            (b"\x15\x03\x01\0\x02\x02\x0a", "the proxy answered with TLS", "https://"),
            (large.as_bytes(), "sent more than 16 KiB of headers", "check the proxy"),
            (many.as_bytes(), "sent more than 100 headers", "check the proxy"),
        ] {
            let error = problem_with(response);
            assert!(error.cause.contains(cause), "{response:?}: {}", error.cause);
            assert!(error.advice.contains(advice), "{response:?}: {}", error.advice);
            let error = AttemptError::new(&attempt(), error.into(), None, &[]);
            assert_eq!(error.kind, ErrorKind::Connect, "{response:?}");
        }
    }

    #[test]
    fn a_proxy_that_resets_the_connection_is_like_one_that_closes_it() {
        for kind in [io::ErrorKind::ConnectionReset, io::ErrorKind::UnexpectedEof] {
            match error_for(MockStream::new([]).fail(kind)) {
                TransportError::Proxy(error) => {
                    assert_eq!(error.cause, "the proxy closed the connection without a response");
                    assert!(error.is_transient);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_silent_proxy_is_a_time_out() {
        for pieces in [&[][..], &[&OK[..9]]] {
            let stream = MockStream::new(pieces.iter().copied());
            match error_for(stream.fail(io::ErrorKind::TimedOut)) {
                TransportError::Proxy(error) => {
                    assert_eq!((error.kind, error.is_transient), (ErrorKind::Timeout, true));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_tls_alert_is_a_refusal() {
        match error_for(MockStream::new([]).fail(io::ErrorKind::InvalidData)) {
            TransportError::Proxy(error) => {
                assert_eq!((error.kind, error.is_transient), (ErrorKind::Tls, false));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn another_error_of_the_stream_is_returned_unchanged() {
        match error_for(MockStream::new([]).fail(io::ErrorKind::PermissionDenied)) {
            TransportError::Io(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn cancelling_the_attempt_cancels_the_exchange_with_the_proxy() {
        let source = CancelSource::default();
        let mut attempt = attempt_with(source.token(None).unwrap());
        source.cancel();
        let stream = MockStream::new([OK]);
        let output = stream.output();
        match open_with(&mut attempt, Box::new(stream)).map(drop) {
            Err(TransportError::Io(error)) => {
                assert!(error.get_ref().is_some_and(|inner| inner.is::<Cancelled>()), "{error}");
            }
            other => panic!("{other:?}"),
        }
        assert!(output.lock().unwrap().is_empty());
    }
}
