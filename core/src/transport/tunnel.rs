//! Tunnels through HTTP proxies: sends the `CONNECT` request and reads the response.
//!
//! ureq could do it, but it reads the proxy variables of the environment whenever it is configured,
//! also if the environment must not be read, and while another thread may be changing it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use httparse::Status;
use ureq::Proxy;
use zeroize::Zeroizing;

use super::attempt::Attempt;
use super::error::TransportError;
use super::stream::Stream;
use super::tls::tls_error;
use crate::url::BaseUrl;

/// The largest head of a response that is read.
const MAX_HEAD: usize = 16 * 1024;

/// Opens a tunnel to the gateway on a stream that is connected to the proxy.
pub(crate) fn open(
    attempt: &mut Attempt,
    mut stream: Box<dyn Stream>,
    proxy: &Proxy,
    gateway: &BaseUrl,
    user_agent: &str,
) -> Result<Box<dyn Stream>, TransportError> {
    stream.write_all(attempt, encode(proxy, gateway, user_agent).as_bytes())?;
    let mut input = vec![0; MAX_HEAD];
    let mut length = 0;
    loop {
        let count = stream.read(attempt, &mut input[length..])?;
        length += count;
        let mut headers = [httparse::EMPTY_HEADER; 100];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(&input[..length]);
        // The status line is parsed first, so the status is known even if a header is invalid or
        // cut off.
        let refused = response.code.filter(|status| *status != 200);
        let problem = match parsed {
            Ok(Status::Partial) if count > 0 && length < MAX_HEAD => continue,
            Ok(Status::Complete(head)) if refused.is_none() => {
                if head == length {
                    return Ok(stream);
                }
                // A TLS server waits for the client, so these bytes are not TLS.
                return Err(tls_error("the proxy sent bytes after its response").into());
            }
            Ok(Status::Partial) if count > 0 => {
                "response headers of the proxy too large".to_owned()
            }
            Ok(_) => "the proxy closed the connection without a response".to_owned(),
            Err(error) => format!("malformed response of the proxy: {error}"),
        };
        // Only the status is reported: the reason may quote the request.
        return Err(match refused {
            Some(status) => TransportError::ProxyStatus(status),
            None => TransportError::Proxy(problem),
        });
    }
}

/// The request. It can contain the password of the proxy.
fn encode(proxy: &Proxy, gateway: &BaseUrl, user_agent: &str) -> Zeroizing<String> {
    let port = gateway.port().to_string();
    let host = gateway.host();
    let login = login(proxy);
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

/// User and password for the proxy, in the form of basic authentication.
fn login(proxy: &Proxy) -> Option<Zeroizing<String>> {
    if proxy.username().is_none() && proxy.password().is_none() {
        return None;
    }
    let parts = [proxy.username().unwrap_or_default(), ":", proxy.password().unwrap_or_default()];
    let plain = Zeroizing::new(parts.concat());
    Some(Zeroizing::new(BASE64_STANDARD.encode(plain.as_bytes())))
}

#[cfg(test)]
mod tests {
    use std::{io, ptr};

    use super::*;
    use crate::error::ErrorKind;
    use crate::transport::cancel::{CancelSource, Cancelled};
    use crate::transport::error::AttemptError;
    use crate::transport::mock_stream::{MockStream, attempt, attempt_with};

    const OK: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

    /// Opens a tunnel to gateway.test through a proxy that requires a login.
    fn open_with(
        attempt: &mut Attempt,
        stream: Box<dyn Stream>,
    ) -> Result<Box<dyn Stream>, TransportError> {
        let proxy = Proxy::new("http://user:secret@proxy.test:3128").unwrap();
        let gateway = BaseUrl::parse("https://gateway.test/path").unwrap();
        open(attempt, stream, &proxy, &gateway, "test/1.0")
    }

    fn error_for(stream: MockStream) -> TransportError {
        match open_with(&mut attempt(), Box::new(stream)) {
            Ok(_) => panic!("the tunnel was opened"),
            Err(error) => error,
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
        let error = AttemptError::new(&attempt(), error_for(stream), &[]);
        assert_eq!(error.kind, ErrorKind::Tls);
        assert!(!error.is_transient);
        assert!(error.message.contains("the proxy sent bytes after its response"));
    }

    #[test]
    fn a_status_other_than_200_is_returned() {
        for (response, expected) in [
            ("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n", 407),
            ("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\n\r\nbad", 502),
            ("HTTP/1.1 429 Too Many Requests\r\n bad header\0\r\n\r\n", 429),
            // The proxy closed the connection within the headers.
            ("HTTP/1.1 403 Forbidden\r\nserver: squ", 403),
        ] {
            match error_for(MockStream::new([response.as_bytes()])) {
                TransportError::ProxyStatus(status) => assert_eq!(status, expected),
                other => panic!("{response:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_response_that_is_missing_or_not_http_is_an_error() {
        for response in ["", "HTTP/1.1 2", "SSH-2.0-OpenSSH_9.9\r\n", "\0\0\0\0"] {
            match error_for(MockStream::new([response.as_bytes()])) {
                error @ TransportError::Proxy(_) => {
                    let error = AttemptError::new(&attempt(), error, &[]);
                    assert_eq!(error.kind, ErrorKind::Connect, "{response:?}");
                    assert!(error.message.contains("proxy"), "{response:?}: {}", error.message);
                }
                other => panic!("{response:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn an_error_of_the_stream_is_returned_unchanged() {
        for pieces in [&[][..], &[&OK[..9]]] {
            let stream = MockStream::new(pieces.iter().copied());
            match error_for(stream.fail(io::ErrorKind::ConnectionReset)) {
                TransportError::Io(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                }
                other => panic!("{other:?}"),
            }
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
