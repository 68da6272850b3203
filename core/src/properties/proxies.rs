//! What proxies send, which is untrusted, and the URLs that name them.

use std::fmt::Write;

use bolero::{Driver, ValueGenerator, check};

use super::{Bytes, below, one_in, pick, pieces};
use crate::config::parse_proxy;
use crate::transport::mock_stream::{open_socks, open_tunnel};

#[derive(Debug)]
struct Input(Bytes);

/// Responses to `CONNECT`, valid or with the usual mistakes.
struct Responses;

impl ValueGenerator for Responses {
    type Output = Input;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Input> {
        let mut input =
            pieces(driver, 2, &["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103\r\n\r\n"])?;
        input += pick(
            driver,
            &["HTTP/1.1 200 OK", "HTTP/1.0 204", "HTTP/1.1 407 x", "HTTP/1.1 302 x", "HTTP/1.1 x"],
        )?;
        input += "\r\n";
        input += &pieces(
            driver,
            4,
            &[
                "content-length: 3\r\n",
                "via: a,\r\n b\r\n",
                "server : c\r\n",
                "proxy-authenticate: Digest realm=\"a, Basic\", NTLM\r\n",
                "location: https://portal.example/x?y\r\n",
                "location: //\r\n",
                "no header\r\n",
                "\u{e5}: \0\r\n",
            ],
        )?;
        input += pick(driver, &["\r\n", "\r\n", "\n", "", "\r\nmore"])?;
        Some(Input(Bytes(changed(driver, input.into_bytes())?)))
    }
}

/// Replies of SOCKS5 proxies, valid or with the usual mistakes.
struct Replies;

impl ValueGenerator for Replies {
    type Output = Input;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Input> {
        let method: &[u8] = pick(driver, &[&[5, 0][..], &[5, 2, 1, 0], &[5, 2, 1, 1], &[5, 255]])?;
        let code = pick(driver, &[0, 0, 0, 1, 2, 5, 8, 99])?;
        let address: &[u8] =
            pick(driver, &[&[1; 7][..], &[4; 19], &[3, 1, b'a', 0, 0], &[3, 0, 0, 0], &[2]])?;
        let input = [method, &[5, code, 0], address, b"more"].concat();
        Some(Input(Bytes(changed(driver, input)?)))
    }
}

/// Sometimes replaces a few bytes, or cuts the input short.
fn changed<D: Driver>(driver: &mut D, mut input: Vec<u8>) -> Option<Vec<u8>> {
    if one_in(driver, 3)? {
        let at = below(driver, input.len())?;
        input[at] = driver.produce()?;
    }
    if one_in(driver, 4)? {
        input.truncate(below(driver, input.len() + 1)?);
    }
    Some(input)
}

#[test]
fn a_response_to_connect_means_the_same_in_whatever_pieces_it_arrives() {
    check!().with_generator(Responses).for_each(|Input(Bytes(input))| {
        let (at_once, rest) = open_tunnel([&input[..]]);
        let (bytewise, rest_bytewise) = open_tunnel(input.chunks(1));
        // Bytes after the head are known to be there only if they arrive with it.
        if at_once.is_err() && bytewise.is_ok() {
            assert!(!rest_bytewise.is_empty());
            return;
        }
        assert_eq!(at_once, bytewise);
        assert!(at_once.is_err() || rest == rest_bytewise);
    });
}

#[test]
fn a_reply_of_a_socks_proxy_means_the_same_in_whatever_pieces_it_arrives() {
    check!().with_generator(Replies).for_each(|Input(Bytes(input))| {
        let (result, rest) = open_socks([&input[..]]);
        assert!(input.ends_with(&rest));
        assert_eq!((result, rest), open_socks(input.chunks(1)));
    });
}

/// User and password, as they are and in a URL.
#[derive(Debug)]
struct Login {
    plain: [String; 2],
    in_url: String,
}

struct Logins;

impl ValueGenerator for Logins {
    type Output = Login;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Login> {
        // The others are ambiguous, or invisible.
        const NEED_NO_ENCODING: &str = "aZ09-._~!$&'()*+,;=\\\"<>[]^`{|}@\u{e5}\u{4e2d}";
        const CHARS: [char; 12] =
            ['a', 'Z', '%', ':', '/', '?', '#', '@', '\\', '\u{e5}', '\u{4e2d}', ' '];
        let mut login = Login { plain: Default::default(), in_url: String::new() };
        for (part, text) in login.plain.iter_mut().enumerate() {
            for _ in 0..1 + below(driver, 4)? {
                let c = match one_in(driver, 2)? {
                    true => pick(driver, &CHARS)?,
                    false => pick(driver, &NEED_NO_ENCODING.chars().collect::<Vec<_>>())?,
                };
                text.push(c);
                if NEED_NO_ENCODING.contains(c) && one_in(driver, 2)? {
                    login.in_url.push(c);
                } else {
                    for byte in c.to_string().bytes() {
                        write!(login.in_url, "%{byte:02x}").ok()?;
                    }
                }
            }
            login.in_url.push(if part == 0 { ':' } else { '@' });
        }
        Some(login)
    }
}

#[test]
fn a_login_in_a_proxy_url_is_the_same_after_parsing() {
    check!().with_generator(Logins).for_each(|Login { plain: [user, password], in_url }| {
        for scheme in ["http", "https", "socks5", "socks5h"] {
            let proxy = parse_proxy(&format!("{scheme}://{in_url}proxy.example:1")).unwrap();
            let login = proxy.login.as_ref().unwrap();
            assert_eq!((&**login.user, &**login.password), (&**user, &**password), "{in_url}");
            assert_eq!(proxy.to_string(), format!("{scheme}://proxy.example:1"));
        }
    });
}
