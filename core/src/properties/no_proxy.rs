//! A host is exempt from the proxy if, and only if, an entry of `NO_PROXY` matches it.

use std::net::{Ipv4Addr, Ipv6Addr};

use bolero::{Driver, ValueGenerator, check};

use super::{below, one_in, pick};
use crate::config::is_exempt;

const NAMES: [&str; 7] = [
    "example",
    "a.example",
    "b.a.example",
    "xa.example",
    "a.example.org",
    "A.Example",
    "10.example",
];
const PORTS: [u16; 3] = [80, 443, 8443];

#[derive(Clone, Copy, Debug)]
enum Host {
    Name(&'static str),
    V4(u32),
    V6(u128),
}

#[derive(Debug)]
struct Case {
    host: Host,
    port: u16,
    list: String,
    expected: bool,
}

struct Cases;

impl ValueGenerator for Cases {
    type Output = Case;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Case> {
        let (host, port) = (random_host(driver)?, pick(driver, &PORTS)?);
        let (mut list, mut expected) = (String::new(), false);
        for _ in 0..below(driver, 4)? {
            list += pick(driver, &[",", " ", "\t", ", ", ",,", "\r\n"])?;
            let (entry, matches) = entry(driver, host, port)?;
            list += &entry;
            expected |= matches;
        }
        Some(Case { host, port, list, expected })
    }
}

fn random_host<D: Driver>(driver: &mut D) -> Option<Host> {
    Some(match below(driver, 3)? {
        0 => Host::Name(pick(driver, &NAMES)?),
        1 => Host::V4(driver.produce()?),
        _ => Host::V6(driver.produce()?),
    })
}

/// An entry, and whether it matches the host and the port.
fn entry<D: Driver>(driver: &mut D, host: Host, port: u16) -> Option<(String, bool)> {
    if one_in(driver, 32)? {
        return Some(("*".to_owned(), true));
    }
    // Most entries are similar to the host: few others would match it.
    let similar = if one_in(driver, 4)? { random_host(driver)? } else { host };
    let (mut text, matches) = match similar {
        Host::Name(_) => {
            let name = pick(driver, &NAMES)?;
            let matches = matches!(host, Host::Name(host) if is_in_domain(host, name));
            let (start, end) = (pick(driver, &["", ".", "*."])?, pick(driver, &["", "."])?);
            (format!("{start}{name}{end}"), matches)
        }
        Host::V4(address) if one_in(driver, 4)? => {
            let octets = Ipv4Addr::from(address).octets();
            let count = 1 + below(driver, 3)?;
            let matches = matches!(host, Host::V4(host)
                if Ipv4Addr::from(host).octets()[..count] == octets[..count]);
            let start: Vec<String> = octets[..count].iter().map(u8::to_string).collect();
            let stars = if one_in(driver, 2)? { 1 } else { 4 - count };
            (start.join(".") + &".*".repeat(stars), matches)
        }
        Host::V4(address) => {
            let network = address ^ 1u32.checked_shl(driver.produce()?).unwrap_or(0);
            let length = below(driver, 35)?;
            let same = |host: u32| {
                length <= 32 && (0..length).all(|bit| host << bit >> 31 == network << bit >> 31)
            };
            let matches = matches!(host, Host::V4(host) if same(host));
            let network = Ipv4Addr::from(network);
            let is_address = length == 32 && one_in(driver, 2)?;
            let text = if is_address { network.to_string() } else { format!("{network}/{length}") };
            (text, matches)
        }
        Host::V6(address) => {
            let network = address ^ 1u128.checked_shl(driver.produce()?).unwrap_or(0);
            let length = below(driver, 131)?;
            let same = |host: u128| {
                length <= 128 && (0..length).all(|bit| host << bit >> 127 == network << bit >> 127)
            };
            let matches = matches!(host, Host::V6(host) if same(host));
            (format!("{}/{length}", Ipv6Addr::from(network)), matches)
        }
    };
    let is_v6 = matches!(similar, Host::V6(_));
    let has_port = one_in(driver, 3)?;
    if is_v6 && (has_port || one_in(driver, 3)?) {
        text = format!("[{text}]");
    }
    if !has_port {
        return Some((text, matches));
    }
    let entry_port = pick(driver, &PORTS)?;
    Some((format!("{text}:{entry_port}"), matches && entry_port == port))
}

/// Whether a host is the name or a subdomain of it. Compares label by label.
fn is_in_domain(host: &str, name: &str) -> bool {
    let labels = |name: &str| -> Vec<String> {
        name.split('.').rev().map(str::to_ascii_lowercase).collect()
    };
    labels(host).starts_with(&labels(name))
}

#[test]
fn a_host_is_exempt_if_an_entry_matches_it() {
    check!().with_generator(Cases).for_each(|Case { host, port, list, expected }| {
        let host = match host {
            Host::Name(name) => (*name).to_owned(),
            Host::V4(address) => Ipv4Addr::from(*address).to_string(),
            Host::V6(address) => format!("[{}]", Ipv6Addr::from(*address)),
        };
        assert_eq!(is_exempt(list, &host, *port), *expected, "{host}");
    });
}
