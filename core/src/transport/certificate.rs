//! What a certificate says, for error messages.
//!
//! This reads only as much of DER as the messages need, since no dependency shows it. It never
//! decides what is trusted: that is up to rustls, which parses certificates itself.

/// Parts of a certificate: the contents of DER elements, in the form that rustls has of a trust
/// anchor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Certificate<'a> {
    pub(crate) issuer: &'a [u8],
    validity: &'a [u8],
    pub(crate) subject: &'a [u8],
    pub(crate) key: &'a [u8],
}

impl<'a> Certificate<'a> {
    pub(crate) fn parse(der: &'a [u8]) -> Option<Self> {
        const VERSION: u8 = 0xa0;
        let (certificate, _) = element(der)?;
        let (signed, _) = element(certificate.content)?;
        let mut fields = elements(signed.content).filter(|field| field.tag != VERSION);
        // A serial number and the algorithm of the signature come first.
        let issuer = fields.nth(2)?.content;
        let mut next = || Some(fields.next()?.content);
        Some(Self { issuer, validity: next()?, subject: next()?, key: next()? })
    }

    /// The last day of its validity, such as 29 Nov 2026.
    pub(crate) fn last_day(&self) -> Option<String> {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        const UTC_TIME: u8 = 0x17;
        let end = elements(self.validity).nth(1)?;
        let time = str::from_utf8(end.content).ok()?;
        let number = |digits: &str| digits.parse::<u16>().ok();
        let (year, rest) = match end.tag {
            UTC_TIME => {
                let (year, rest) = time.split_at_checked(2)?;
                // From 1950 to 2049.
                let year = number(year)?;
                (if year < 50 { 2000 + year } else { 1900 + year }, rest)
            }
            _ => {
                let (year, rest) = time.split_at_checked(4)?;
                (number(year)?, rest)
            }
        };
        let month = MONTHS.get(usize::from(number(rest.get(..2)?)?).checked_sub(1)?)?;
        Some(format!("{} {month} {year}", number(rest.get(2..4)?)?))
    }

    pub(crate) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }
}

/// The common name in a name, else the organisation.
pub(crate) fn name(name: &[u8]) -> String {
    const COMMON_NAME: &[u8] = &[0x55, 4, 3];
    const ORGANISATION: &[u8] = &[0x55, 4, 10];
    const ORGANISATIONAL_UNIT: &[u8] = &[0x55, 4, 11];
    let value_of = |wanted: &[u8]| {
        elements(name).flat_map(|set| elements(set.content)).find_map(|attribute| {
            let mut parts = elements(attribute.content);
            parts.next().filter(|id| id.content == wanted)?;
            parts.next().map(text)
        })
    };
    let found = [COMMON_NAME, ORGANISATION, ORGANISATIONAL_UNIT].into_iter().find_map(value_of);
    found.unwrap_or_else(|| "(no name)".to_owned())
}

/// Why a public key cannot be used. `None` if it can.
pub(crate) fn unsupported_key(key: &[u8]) -> Option<String> {
    const SUPPORTED_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
    let mut parts = elements(key);
    let algorithm = parts.next()?.content;
    let (kind, is_supported) = key_algorithm(algorithm);
    if kind != RSA {
        return (!is_supported).then(|| format!("has {kind}, which is not supported"));
    }
    // The key is in a bit string, after a byte with the number of unused bits.
    let (numbers, _) = element(parts.next()?.content.get(1..)?)?;
    let modulus = elements(numbers.content).next()?.content;
    let modulus = &modulus[modulus.iter().position(|byte| *byte != 0)?..];
    let bits = 8 * modulus.len() - modulus[0].leading_zeros() as usize;
    (!SUPPORTED_BITS.contains(&bits))
        .then(|| format!("has an RSA key of {bits} bits, but 2048 to 8192 bits are needed"))
}

const RSA: &str = "an RSA key";

/// The kind of a key, and whether ring supports it.
pub(crate) fn key_algorithm(algorithm: &[u8]) -> (&'static str, bool) {
    const EC: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
    const OBJECT_IDENTIFIER: u8 = 6;
    let mut parts = elements(algorithm);
    let id = parts.next().map(|id| id.content);
    let curve = parts.next();
    match (id, curve) {
        (Some(EC), Some(curve)) if curve.tag != OBJECT_IDENTIFIER => {
            return ("a key with explicit curve parameters", false);
        }
        _ => {}
    }
    let id = if id == Some(EC) { curve.map(|curve| curve.content) } else { id };
    match id {
        Some(b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01") => (RSA, true),
        Some(b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a") => ("an RSA-PSS key", false),
        Some(b"\x2a\x86\x48\xce\x3d\x03\x01\x07") => ("a P-256 key", true),
        Some(b"\x2b\x81\x04\x00\x22") => ("a P-384 key", true),
        Some(b"\x2b\x81\x04\x00\x23") => ("a P-521 key", false),
        Some(b"\x2b\x81\x04\x00\x21") => ("a P-224 key", false),
        Some(b"\x2b\x81\x04\x00\x0a") => ("a secp256k1 key", false),
        Some([0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, ..]) => ("a key on a Brainpool curve", false),
        Some(b"\x2b\x65\x70") => ("an Ed25519 key", true),
        Some(b"\x2b\x65\x71") => ("an Ed448 key", false),
        Some(b"\x2a\x86\x48\xce\x38\x04\x01") => ("a DSA key", false),
        Some([0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11..=0x13]) => {
            ("an ML-DSA key", false)
        }
        Some(b"\x2a\x81\x1c\xcf\x55\x01\x82\x2d") => ("an SM2 key", false),
        _ => ("a key of an unknown kind", false),
    }
}

/// The name of the algorithm of a signature.
pub(crate) fn signature_algorithm(algorithm: &[u8]) -> &'static str {
    match elements(algorithm).next().map_or(&[][..], |id| id.content) {
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, number] => match number {
            0x02 => "RSA with MD2",
            0x04 => "RSA with MD5",
            0x05 => "RSA with SHA-1",
            0x0a => "RSA-PSS with an unusual hash",
            0x0b => "RSA with SHA-256",
            0x0c => "RSA with SHA-384",
            0x0d => "RSA with SHA-512",
            0x0e => "RSA with SHA-224",
            _ => "an unknown kind of RSA signature",
        },
        b"\x2b\x0e\x03\x02\x1d" => "RSA with SHA-1",
        b"\x2a\x86\x48\xce\x3d\x04\x01" => "ECDSA with SHA-1",
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, number] => match number {
            1 => "ECDSA with SHA-224",
            2 => "ECDSA with SHA-256",
            3 => "ECDSA with SHA-384",
            4 => "ECDSA with SHA-512",
            _ => "an unknown kind of ECDSA signature",
        },
        b"\x2a\x86\x48\xce\x38\x04\x03" => "DSA with SHA-1",
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, number] => match number {
            0x01..=0x08 => "DSA with SHA-2 or SHA-3",
            0x09..=0x0c => "ECDSA with SHA-3",
            0x0d..=0x10 => "RSA with SHA-3",
            0x11..=0x13 => "ML-DSA",
            _ => "an unknown algorithm",
        },
        b"\x2b\x65\x70" => "Ed25519",
        b"\x2b\x65\x71" => "Ed448",
        b"\x2a\x81\x1c\xcf\x55\x01\x83\x75" => "SM2",
        _ => "an unknown algorithm",
    }
}

/// An element of DER.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
}

/// The first element of a text, and what follows it.
pub(crate) fn element(input: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&[tag, length], rest) = input.split_first_chunk()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        // A length in one to three bytes.
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((Element { tag, content }, rest))
}

/// The elements of a sequence, up to the first one that is malformed.
pub(crate) fn elements(mut input: &[u8]) -> impl Iterator<Item = Element<'_>> {
    std::iter::from_fn(move || {
        let (first, rest) = element(input)?;
        input = rest;
        Some(first)
    })
}

fn text(value: Element<'_>) -> String {
    const BMP_STRING: u8 = 0x1e;
    match value.tag {
        BMP_STRING => {
            let units = value.content.as_chunks().0.iter().map(|unit| u16::from_be_bytes(*unit));
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        _ => String::from_utf8_lossy(value.content).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair};

    use super::*;

    fn certificate(common_name: DnValue) -> Vec<u8> {
        let mut params = CertificateParams::new(["a.example".to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "An organisation");
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn a_certificate_is_read() {
        let bmp = rcgen::string::BmpString::try_from("R\u{e4}ksm\u{f6}rg\u{e5}s CA").unwrap();
        for (common_name, expected) in [
            (DnValue::from("A CA"), "A CA"),
            (DnValue::BmpString(bmp), "R\u{e4}ksm\u{f6}rg\u{e5}s CA"),
        ] {
            let der = certificate(common_name);
            let certificate = Certificate::parse(&der).unwrap();
            assert!(certificate.is_self_issued());
            assert_eq!(name(certificate.subject), expected);
            assert_eq!(certificate.last_day().as_deref(), Some("1 Jan 4096"));
            assert_eq!(unsupported_key(certificate.key), None);
            let anchor = rustls::pki_types::CertificateDer::from(der.as_slice());
            let mut roots = rustls::RootCertStore::empty();
            roots.add(anchor).unwrap();
            assert_eq!(roots.roots[0].subject.as_ref(), certificate.subject);
            assert_eq!(roots.roots[0].subject_public_key_info.as_ref(), certificate.key);
        }
        assert_eq!(name(b""), "(no name)");
    }

    fn read(bytes: &[u8]) {
        let certificate = Certificate::parse(bytes);
        certificate.map(|it| (name(it.issuer), unsupported_key(it.key), it.last_day()));
        name(bytes);
        unsupported_key(bytes);
        key_algorithm(bytes);
        signature_algorithm(bytes);
    }

    #[test]
    fn a_certificate_that_is_cut_or_changed_is_read_without_a_panic() {
        let der = certificate(DnValue::from("A CA"));
        for at in 0..der.len() {
            read(&der[..at]);
            read(&der[at..]);
        }
        bolero::check!().with_type::<Vec<(u16, u8)>>().for_each(|changes| {
            let mut changed = der.clone();
            for (at, byte) in changes {
                let at = usize::from(*at) % changed.len();
                changed[at] = *byte;
            }
            read(&changed);
        });
    }
}
