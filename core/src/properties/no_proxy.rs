//! `NO_PROXY` exempts what one of its entries means, and nothing else.

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
enum Place {
    Name(&'static str),
    V4(u32),
    V6(u128),
}

#[derive(Debug)]
struct Case {
    host: Place,
    port: u16,
    list: String,
    expected: bool,
}

struct Cases;

impl ValueGenerator for Cases {
    type Output = Case;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Case> {
        let (host, port) = (place(driver)?, pick(driver, &PORTS)?);
        let (mut list, mut expected) = (String::new(), false);
        for _ in 0..below(driver, 4)? {
            list += pick(driver, &[",", " ", "\t", ", ", ",,"])?;
            let (entry, exempts) = entry(driver, host, port)?;
            list += &entry;
            expected |= exempts;
        }
        Some(Case { host, port, list, expected })
    }
}

fn place<D: Driver>(driver: &mut D) -> Option<Place> {
    Some(match below(driver, 3)? {
        0 => Place::Name(pick(driver, &NAMES)?),
        1 => Place::V4(driver.produce()?),
        _ => Place::V6(driver.produce()?),
    })
}

/// An entry, and whether it means the host at the port.
fn entry<D: Driver>(driver: &mut D, host: Place, port: u16) -> Option<(String, bool)> {
    if one_in(driver, 32)? {
        return Some(("*".to_owned(), true));
    }
    // One that is near the host, since few others mean it.
    let near = if one_in(driver, 4)? { place(driver)? } else { host };
    let (mut text, exempts) = match near {
        Place::Name(_) => {
            let name = pick(driver, &NAMES)?;
            let exempts = matches!(host, Place::Name(host) if is_below(host, name));
            (format!("{}{name}", pick(driver, &["", ".", "*."])?), exempts)
        }
        Place::V4(address) => {
            let network = address ^ 1u32.checked_shl(driver.produce()?).unwrap_or(0);
            let length = below(driver, 33)?;
            let same = |host: u32| (0..length).all(|bit| host << bit >> 31 == network << bit >> 31);
            let exempts = matches!(host, Place::V4(host) if same(host));
            let network = Ipv4Addr::from(network);
            let whole = length == 32 && one_in(driver, 2)?;
            let text = if whole { network.to_string() } else { format!("{network}/{length}") };
            (text, exempts)
        }
        Place::V6(address) => {
            let network = address ^ 1u128.checked_shl(driver.produce()?).unwrap_or(0);
            let length = below(driver, 129)?;
            let same =
                |host: u128| (0..length).all(|bit| host << bit >> 127 == network << bit >> 127);
            let exempts = matches!(host, Place::V6(host) if same(host));
            (format!("{}/{length}", Ipv6Addr::from(network)), exempts)
        }
    };
    let is_v6 = matches!(near, Place::V6(_));
    let of_port = one_in(driver, 3)?;
    if is_v6 && (of_port || one_in(driver, 3)?) {
        text = format!("[{text}]");
    }
    if !of_port {
        return Some((text, exempts));
    }
    let only = pick(driver, &PORTS)?;
    Some((format!("{text}:{only}"), exempts && only == port))
}

/// Whether a host is a name or below it, label by label.
fn is_below(host: &str, name: &str) -> bool {
    let labels = |name: &str| -> Vec<String> {
        name.split('.').rev().map(str::to_ascii_lowercase).collect()
    };
    labels(host).starts_with(&labels(name))
}

#[test]
fn a_host_is_exempt_where_an_entry_means_it() {
    check!().with_generator(Cases).for_each(|Case { host, port, list, expected }| {
        let host = match host {
            Place::Name(name) => (*name).to_owned(),
            Place::V4(address) => Ipv4Addr::from(*address).to_string(),
            Place::V6(address) => format!("[{}]", Ipv6Addr::from(*address)),
        };
        assert_eq!(is_exempt(list, &host, *port), *expected, "{host}");
    });
}
