//! Tunnels through SOCKS5 proxies (RFC 1928), with a user and password (RFC 1929).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use zeroize::Zeroizing;

use super::attempt::Attempt;
use super::config::Login;
use super::error::TransportError;
use super::no_answer::NoAnswer;
use super::refusal::{self, ProxyError};
use super::stream::Stream;
use crate::url;

const VERSION: u8 = 5;
const LOGIN_VERSION: u8 = 1;
const NO_LOGIN: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const IP_V4: u8 = 1;
const NAME: u8 = 3;
const IP_V6: u8 = 4;

/// The longest host name, user or password: its length is one byte.
pub(crate) const MAX_LENGTH: usize = 255;

/// What the proxy connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Address(SocketAddr),
    /// A host name, which the proxy looks up, and a port.
    Name(String, u16),
}

impl Target {
    /// The host of a URL, without a lookup.
    pub(crate) fn of_host(host: &str, port: u16) -> Self {
        let address = match url::ip_v6(host) {
            Some(address) => Some(IpAddr::V6(address)),
            None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        };
        match address {
            Some(address) => Self::Address(SocketAddr::new(address, port)),
            None => Self::Name(host.to_owned(), port),
        }
    }
}

/// Opens a tunnel to the target on a stream that is connected to the proxy.
pub(crate) fn open(
    attempt: &mut Attempt,
    stream: &mut dyn Stream,
    login: Option<&Login>,
    target: &Target,
) -> Result<(), TransportError> {
    let methods: &[u8] = match login {
        Some(_) => &[VERSION, 2, NO_LOGIN, USER_AND_PASSWORD],
        None => &[VERSION, 1, NO_LOGIN],
    };
    stream.write_all(attempt, methods).map_err(|error| FIRST_ANSWER.explain(error))?;
    match (read_method(attempt, stream)?, login) {
        (NO_LOGIN, _) => {}
        (USER_AND_PASSWORD, Some(login)) => log_in(attempt, stream, login)?,
        (NO_METHOD, Some(_)) => {
            const CAUSE: &str = "the proxy accepts no login with user and password";
            return Err(ProxyError::permanent(CAUSE, refusal::CHECK_ADDRESS).into());
        }
        (NO_METHOD, None) => {
            let cause = "the proxy requires a login";
            return Err(ProxyError::permanent(cause, refusal::ADD_LOGIN).into());
        }
        _ => return Err(malformed().into()),
    }
    let request = encode(target)?;
    stream.write_all(attempt, &request).map_err(|error| ANSWER.explain(error))?;
    read_reply(attempt, stream)
}

/// The login method that the proxy chose.
fn read_method(attempt: &mut Attempt, stream: &mut dyn Stream) -> Result<u8, TransportError> {
    let mut first = [0];
    read_exact(attempt, stream, &mut first, &FIRST_ANSWER)?;
    match first[0] {
        VERSION => {}
        b'H' => {
            const ADVICE: &str = "if it is an HTTP proxy, begin its URL with http://";
            return Err(
                ProxyError::permanent("the proxy answered with HTTP, not SOCKS5", ADVICE).into()
            );
        }
        _ => return Err(malformed().into()),
    }
    let mut method = [0];
    read_exact(attempt, stream, &mut method, &FIRST_ANSWER)?;
    Ok(method[0])
}

fn log_in(
    attempt: &mut Attempt,
    stream: &mut dyn Stream,
    login: &Login,
) -> Result<(), TransportError> {
    let (user, password) = (login.user.as_bytes(), login.password.as_bytes());
    let parts = [&[LOGIN_VERSION, length(user)?], user, &[length(password)?], password];
    let request = Zeroizing::new(parts.concat());
    stream.write_all(attempt, &request).map_err(|error| ANSWER.explain(error))?;
    let mut reply = [0; 2];
    read_exact(attempt, stream, &mut reply, &ANSWER)?;
    match reply[1] {
        0 => Ok(()),
        // Never tried again: a proxy may count failed logins.
        _ => Err(ProxyError::permanent("the proxy refused the login", refusal::CHECK_LOGIN).into()),
    }
}

/// The request to connect to the target.
fn encode(target: &Target) -> Result<Vec<u8>, ProxyError> {
    let mut request = vec![VERSION, CONNECT, 0];
    let port = match target {
        Target::Address(address) => {
            match address.ip() {
                IpAddr::V4(ip) => {
                    request.push(IP_V4);
                    request.extend(ip.octets());
                }
                IpAddr::V6(ip) => {
                    request.push(IP_V6);
                    request.extend(ip.octets());
                }
            }
            address.port()
        }
        Target::Name(name, port) => {
            request.extend([NAME, length(name.as_bytes())?]);
            request.extend(name.as_bytes());
            *port
        }
    };
    request.extend(port.to_be_bytes());
    Ok(request)
}

fn length(text: &[u8]) -> Result<u8, ProxyError> {
    u8::try_from(text.len()).map_err(|_| {
        ProxyError::permanent("the host name is too long for SOCKS5", "check the base URL")
    })
}

/// Reads the reply to the request, and no byte more: the next ones belong to the gateway.
fn read_reply(attempt: &mut Attempt, stream: &mut dyn Stream) -> Result<(), TransportError> {
    let mut head = [0; 4];
    read_exact(attempt, stream, &mut head, &ANSWER)?;
    let [version, code, _, kind] = head;
    if version != VERSION {
        return Err(malformed().into());
    }
    if code != 0 {
        return Err(refused(code).into());
    }
    // The address from which the proxy connects, which is not needed.
    let address = match kind {
        IP_V4 => 4,
        IP_V6 => 16,
        NAME => {
            let mut length = [0];
            read_exact(attempt, stream, &mut length, &ANSWER)?;
            usize::from(length[0])
        }
        _ => return Err(malformed().into()),
    };
    read_exact(attempt, stream, &mut [0; MAX_LENGTH + 2][..address + 2], &ANSWER)?;
    Ok(())
}

/// The error for a reply code of RFC 1928, section 6. It is transient if the gateway may be reached
/// later or at another address.
fn refused(code: u8) -> ProxyError {
    use refusal::{ALLOW_GATEWAY, CHECK_ACCESS, CHECK_ADDRESS};
    const USE_NAME: &str = "begin the proxy URL with socks5h://";
    let (cause, advice, is_transient) = match code {
        1 => ("the proxy reported a general failure", CHECK_ACCESS, true),
        2 => ("connection not allowed by the ruleset of the proxy", ALLOW_GATEWAY, false),
        3 => ("the proxy could not reach the network of the gateway", CHECK_ACCESS, true),
        4 => ("the proxy could not reach the host", CHECK_ACCESS, true),
        5 => ("the gateway refused the connection of the proxy", CHECK_ACCESS, true),
        6 => ("the connection of the proxy to the gateway timed out", CHECK_ACCESS, true),
        7 => ("the proxy does not support CONNECT", CHECK_ADDRESS, false),
        8 => ("the proxy does not support this type of address", USE_NAME, true),
        _ => ("the proxy returned an unknown error", CHECK_ACCESS, true),
    };
    let cause = format!("{cause} (SOCKS5 reply {code})");
    match is_transient {
        true => ProxyError::transient(cause, advice),
        false => ProxyError::permanent(cause, advice),
    }
}

fn malformed() -> ProxyError {
    ProxyError::permanent("the proxy did not answer SOCKS5", USE_OTHER_SCHEME)
}

/// A proxy of another kind waits for more, answers in its own protocol or closes the connection.
const USE_OTHER_SCHEME: &str =
    "if it is not a SOCKS5 proxy, begin its URL with http:// or https://";
const FIRST_ANSWER: NoAnswer = NoAnswer { closed: USE_OTHER_SCHEME, silent: USE_OTHER_SCHEME };
const ANSWER: NoAnswer = NoAnswer { closed: refusal::CHECK_ACCESS, silent: refusal::TRY_AGAIN };

fn read_exact(
    attempt: &mut Attempt,
    stream: &mut dyn Stream,
    buffer: &mut [u8],
    no_answer: &NoAnswer,
) -> Result<(), TransportError> {
    let mut length = 0;
    while length < buffer.len() {
        match stream.read(attempt, &mut buffer[length..]) {
            Ok(0) => return Err(no_answer.closed()),
            Ok(count) => length += count,
            Err(error) => return Err(no_answer.explain(error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::cancel::{CancelSource, Cancelled};
    use crate::transport::mock_stream::{MockStream, attempt, attempt_with};

    const OPENED: [u8; 10] = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0];

    fn login() -> Login {
        Login { user: "user".to_owned().into(), password: "pass".to_owned().into() }
    }

    /// Opens a tunnel through a proxy that answers with `reply`. Returns the result, what was sent
    /// and what was left unread.
    fn open_with(
        reply: &[u8],
        login: Option<&Login>,
        target: &Target,
    ) -> (Result<(), TransportError>, Vec<u8>, Vec<u8>) {
        let mut stream = MockStream::new(reply.chunks(1));
        let output = stream.output();
        let result = open(&mut attempt(), &mut stream, login, target);
        let mut rest = Vec::new();
        let mut byte = [0];
        while stream.read(&mut attempt(), &mut byte).unwrap() > 0 {
            rest.extend(byte);
        }
        let sent = output.lock().unwrap().clone();
        (result, sent, rest)
    }

    fn problem_with(reply: &[u8], login: Option<&Login>) -> ProxyError {
        match open_with(reply, login, &Target::of_host("gateway.test", 443)).0 {
            Err(TransportError::Proxy(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_proxy_is_told_the_target() {
        for (host, expected) in [
            ("gateway.test", &b"\x03\x0cgateway.test\x01\xbb"[..]),
            ("192.0.2.1", b"\x01\xc0\0\x02\x01\x01\xbb"),
            ("[::1]", b"\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x01\xbb"),
        ] {
            let reply = [&[5, 0][..], &OPENED, b"next"].concat();
            let (result, sent, rest) = open_with(&reply, None, &Target::of_host(host, 443));
            result.unwrap();
            assert_eq!(sent, [b"\x05\x01\0\x05\x01\0", expected].concat(), "{host}");
            assert_eq!(rest, b"next", "what follows the reply belongs to the gateway");
        }
    }

    #[test]
    fn a_login_is_sent_if_the_proxy_asks_for_it() {
        let target = Target::of_host("192.0.2.1", 443);
        let request = b"\x05\x01\0\x01\xc0\0\x02\x01\x01\xbb";
        let login = login();
        let asked = [&[5, 2, 1, 0][..], &OPENED].concat();
        let (result, sent, _) = open_with(&asked, Some(&login), &target);
        result.unwrap();
        assert_eq!(sent, [&b"\x05\x02\0\x02\x01\x04user\x04pass"[..], request].concat());

        let not_asked = [&[5, 0][..], &OPENED].concat();
        let (result, sent, _) = open_with(&not_asked, Some(&login), &target);
        result.unwrap();
        assert_eq!(sent, [&b"\x05\x02\0\x02"[..], request].concat());
    }

    #[test]
    fn every_form_of_the_address_in_the_reply_is_skipped() {
        let target = Target::of_host("gateway.test", 443);
        for address in [&[1; 7][..], &[4; 19], &[3, 2, b'a', b'b', 0, 0], &[3, 0, 0, 0]] {
            let reply = [&[5, 0, 5, 0, 0], address, b"next"].concat();
            let (result, _, rest) = open_with(&reply, None, &target);
            assert!(result.is_ok() && rest == b"next", "{address:?}");
        }
    }

    #[test]
    fn a_refusal_is_explained() {
        let login = login();
        let login = Some(&login);
        for (reply, login, cause, advice, is_transient) in [
            (&[5, 0xff][..], None, "requires a login", refusal::ADD_LOGIN, false),
            (&[5, 0xff], login, "no login with user", refusal::CHECK_ADDRESS, false),
            (&[5, 2, 1, 1], login, "refused the login", refusal::CHECK_LOGIN, false),
            (&[5, 0, 5, 1, 0, 1], None, "general failure", refusal::CHECK_ACCESS, true),
            (&[5, 0, 5, 2, 0, 1], None, "by the ruleset", refusal::ALLOW_GATEWAY, false),
            (&[5, 0, 5, 3, 0, 1], None, "not reach the network", refusal::CHECK_ACCESS, true),
            (&[5, 0, 5, 4, 0, 1], None, "not reach the host", refusal::CHECK_ACCESS, true),
            (&[5, 0, 5, 5, 0, 1], None, "gateway refused", refusal::CHECK_ACCESS, true),
            (&[5, 0, 5, 6, 0, 1], None, "timed out", refusal::CHECK_ACCESS, true),
            (&[5, 0, 5, 7, 0, 1], None, "not support CONNECT", refusal::CHECK_ADDRESS, false),
            (&[5, 0, 5, 8, 0, 1], None, "type of address", "socks5h://", true),
            (&[5, 0, 5, 99, 0, 1], None, "unknown error (SOCKS5 reply 99)", "", true),
            (b"HTTP/1.1 400 Bad Request\r\n", None, "answered with HTTP", "http://", false),
            (b"\x04\x5b", None, "did not answer SOCKS5", "http:// or https://", false),
            (&[5, 2], None, "did not answer SOCKS5", "http:// or https://", false),
            (&[5, 0, 4, 0, 0, 1], None, "did not answer SOCKS5", "http:// or https://", false),
            (&[5, 0, 5, 0, 0, 9], None, "did not answer SOCKS5", "http:// or https://", false),
            (b"", None, "closed the connection", "http:// or https://", true),
            (&[5, 0, 5, 0, 0, 1, 0], None, "closed the connection", "", true),
        ] {
            let error = problem_with(reply, login);
            assert!(error.cause.contains(cause), "{reply:?}: {}", error.cause);
            assert!(error.advice.contains(advice), "{reply:?}: {}", error.advice);
            assert_eq!(error.is_transient, is_transient, "{reply:?}");
        }
    }

    #[test]
    fn a_name_that_is_too_long_is_an_error() {
        let target = Target::of_host(&"a".repeat(256), 443);
        let (result, ..) = open_with(&[5, 0], None, &target);
        assert!(
            matches!(result, Err(TransportError::Proxy(error)) if error.cause.contains("long"))
        );
    }

    #[test]
    fn cancelling_the_attempt_cancels_the_exchange_with_the_proxy() {
        let source = CancelSource::default();
        let mut attempt = attempt_with(source.token(None).unwrap());
        source.cancel();
        let mut stream = MockStream::new([&OPENED[..]]);
        let target = Target::of_host("gateway.test", 443);
        match open(&mut attempt, &mut stream, None, &target) {
            Err(TransportError::Io(error)) => {
                assert!(error.get_ref().is_some_and(|inner| inner.is::<Cancelled>()), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
}
