//! The choice of the proxy.

use super::env::Env;
use super::no_proxy::is_exempt;
use super::proxy_url;
use crate::error::Error;
use crate::text_problem::{is_blank, is_quotation_mark};
use crate::transport::Proxy;
use crate::url::BaseUrl;

/// The value that means a direct connection.
pub(crate) const DIRECT: &str = "none";

/// Chooses the proxy: the option, else `HTTPS_PROXY` or `ALL_PROXY` unless `NO_PROXY` exempts the
/// gateway. Loopback is never proxied: a sandbox is always reached directly.
pub(super) fn choose(
    option: Option<&str>,
    base_url: &BaseUrl,
    env: &Env,
) -> Result<Option<Proxy>, Error> {
    if let Some(option) = option.map(trim).filter(|text| !text.is_empty()) {
        let proxy = parse("proxy", option)?;
        return Ok(proxy.filter(|_| !base_url.is_loopback()));
    }
    // A variable applies to every program of its user, so it is checked only if it is used.
    if base_url.is_loopback() {
        return Ok(None);
    }
    let mut proxies =
        ["HTTPS_PROXY", "ALL_PROXY"].map(|name| (name, variable(name, env))).into_iter();
    let Some((name, url)) = proxies.find(|(_, url)| !matches!(url, Ok(None))) else {
        return Ok(None);
    };
    let exempt = variable("NO_PROXY", env)?;
    if exempt.is_some_and(|list| is_exempt(&list, base_url.host(), base_url.port())) {
        return Ok(None);
    }
    url?.map_or(Ok(None), |url| parse(name, &url))
}

/// A proxy variable. As in curl, the lower-case spelling wins. It also wins if it is empty: users
/// empty a variable to turn a proxy off.
fn variable(name: &str, env: &Env) -> Result<Option<String>, Error> {
    let lower_case = name.to_ascii_lowercase();
    let value = if env.is_set(&lower_case) { env.get(&lower_case)? } else { env.get(name)? };
    Ok(value.map(|value| trim(&value).to_owned()).filter(|value| !value.is_empty()))
}

/// Removes blanks, line ends and quotation marks around a value, which are left over from a file
/// or a shell.
fn trim(value: &str) -> &str {
    value.trim_matches(|c| is_blank(c) || is_quotation_mark(c))
}

/// Parses a value. `DIRECT` is the word of proxy scripts (PAC) for `none`.
fn parse(name: &str, value: &str) -> Result<Option<Proxy>, Error> {
    if [DIRECT, "direct"].iter().any(|word| value.eq_ignore_ascii_case(word)) {
        return Ok(None);
    }
    proxy_url::parse(name, value).map(Some)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::ffi::OsString;

    use super::*;

    fn chosen(
        option: Option<&str>,
        base_url: &str,
        env: fn(&str) -> Option<OsString>,
    ) -> Option<String> {
        choose(option, &BaseUrl::parse(base_url).unwrap(), &Env::of(env))
            .unwrap()
            .map(|proxy| proxy.host)
    }

    #[test]
    fn the_option_wins_over_the_variables_and_none_means_direct() {
        let variables = |name: &str| match name {
            "HTTPS_PROXY" => Some("http://upper:1".into()),
            "https_proxy" => Some("http://lower:1".into()),
            "NO_PROXY" => Some("gateway.example".into()),
            _ => None,
        };
        let direct = "https://gateway.example";
        let other = "https://other.example";
        assert_eq!(chosen(None, direct, variables), None);
        assert_eq!(chosen(None, other, variables).as_deref(), Some("lower"));
        // NO_PROXY applies to the variables, not to the option.
        assert_eq!(chosen(Some("option:3128"), direct, variables).as_deref(), Some("option"));
        assert_eq!(chosen(Some("none"), other, variables), None);
    }

    #[test]
    fn loopback_is_never_proxied() {
        let all = |name: &str| (name == "ALL_PROXY").then(|| "http://proxy:1".into());
        assert_eq!(chosen(None, "https://gateway.example", all).as_deref(), Some("proxy"));
        for loopback in ["http://127.0.0.1:1", "https://localhost", "http://[::1]:1"] {
            assert_eq!(chosen(None, loopback, all), None);
            assert_eq!(chosen(Some("http://proxy:1"), loopback, all), None);
        }
    }

    #[test]
    fn a_variable_that_is_not_used_is_not_checked() {
        let ftp = |name: &str| match name {
            "ALL_PROXY" => Some("ftp://127.0.0.1".into()),
            "NO_PROXY" => Some("gateway.example".into()),
            _ => None,
        };
        assert_eq!(chosen(None, "https://gateway.example", ftp), None);
        assert_eq!(chosen(None, "http://127.0.0.1:1", ftp), None);
        let other = BaseUrl::parse("https://other.example").unwrap();
        assert!(choose(None, &other, &Env::of(ftp)).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn no_proxy_is_checked_only_if_there_is_a_proxy() {
        use std::os::unix::ffi::OsStringExt;
        let latin_1 = |name: &str| match name {
            "NO_PROXY" => Some(OsString::from_vec(b"caf\xe9.example".to_vec())),
            _ => None,
        };
        assert_eq!(chosen(None, "https://gateway.example", latin_1), None);
        let both = |name: &str| match name {
            "NO_PROXY" => Some(OsString::from_vec(b"caf\xe9.example".to_vec())),
            "ALL_PROXY" => Some("http://proxy:1".into()),
            _ => None,
        };
        assert_eq!(chosen(None, "http://127.0.0.1:1", both), None);
        let gateway = BaseUrl::parse("https://gateway.example").unwrap();
        let error = choose(None, &gateway, &Env::of(both)).err().unwrap();
        assert!(error.message().starts_with("NO_PROXY is not valid UTF-8"), "{error}");
    }

    #[test]
    fn an_invalid_proxy_is_an_error_without_its_password() {
        let base_url = BaseUrl::parse("https://gateway.example").unwrap();
        for bad in ["socks4://u:secret@p:1", "http://", "http://u:secret@p:99999", "http://p p"] {
            let error = choose(Some(bad), &base_url, &Env::NONE).map(|_| ()).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Configuration);
            assert!(!error.message().contains("secret"), "{error}");
        }
    }

    fn with_variables(variables: &'static [(&str, &str)], base_url: &str) -> Option<String> {
        VARIABLES.set(variables);
        chosen(None, base_url, |asked| {
            let mut variables = VARIABLES.get().iter();
            variables.find(|(name, _)| *name == asked).map(|(_, value)| value.into())
        })
    }

    thread_local! {
        static VARIABLES: Cell<&'static [(&'static str, &'static str)]> = const { Cell::new(&[]) };
    }

    #[test]
    fn an_empty_lower_case_variable_means_none() {
        for (variables, expected) in [
            (&[("https_proxy", ""), ("HTTPS_PROXY", "upper")][..], None),
            (&[("https_proxy", " \r\n"), ("HTTPS_PROXY", "upper")], None),
            (&[("all_proxy", "\"\""), ("ALL_PROXY", "upper")], None),
            // It is only about the variable itself.
            (&[("https_proxy", ""), ("HTTPS_PROXY", "upper"), ("ALL_PROXY", "all")], Some("all")),
            (&[("all_proxy", ""), ("HTTPS_PROXY", "upper")], Some("upper")),
            (&[("HTTPS_PROXY", ""), ("ALL_PROXY", "all")], Some("all")),
            (&[("HTTPS_PROXY", ""), ("https_proxy", "lower")], Some("lower")),
            (&[("no_proxy", ""), ("NO_PROXY", "*"), ("HTTPS_PROXY", "upper")], Some("upper")),
            (&[("NO_PROXY", ""), ("no_proxy", "*"), ("HTTPS_PROXY", "upper")], None),
        ] {
            let found = with_variables(variables, "https://gateway.example");
            assert_eq!(found.as_deref(), expected, "{variables:?}");
        }
    }

    #[test]
    fn blanks_line_ends_and_quotation_marks_around_a_value_are_removed() {
        let base_url = BaseUrl::parse("https://gateway.example").unwrap();
        for (before, after) in [
            (" ", " "),
            ("", "\r"),
            ("\t", "\r\n"),
            ("\u{feff}", "\u{a0}"),
            ("\"", "\""),
            ("'", "'\n"),
            ("\u{201c}", "\u{201d}"),
        ] {
            let value = format!("{before}http://proxy:1{after}");
            let proxy = choose(Some(&value), &base_url, &Env::NONE).unwrap().unwrap();
            assert_eq!(proxy.to_string(), "http://proxy:1", "{value:?}");
        }
        let variables =
            &[("HTTPS_PROXY", " 'http://proxy:1'\r\n"), ("NO_PROXY", "\"b.example\"\r")];
        assert_eq!(with_variables(variables, "https://a.example").as_deref(), Some("proxy"));
        assert_eq!(with_variables(variables, "https://b.example"), None);
    }

    #[test]
    fn none_and_direct_mean_a_direct_connection_in_variables_too() {
        for word in ["none", "None", "DIRECT", " direct\r"] {
            let base_url = BaseUrl::parse("https://gateway.example").unwrap();
            assert!(choose(Some(word), &base_url, &Env::NONE).unwrap().is_none());
        }
        for variables in [
            &[("HTTPS_PROXY", "none"), ("ALL_PROXY", "http://proxy:1")][..],
            &[("all_proxy", "DIRECT")],
        ] {
            assert_eq!(with_variables(variables, "https://gateway.example"), None);
        }
    }
}
