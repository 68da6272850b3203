//! Reads files of certificates and keys: what they hold, and why it is not usable.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::os_error;
use crate::redact::{self, log_line};
use crate::text_problem::unusual_end;
use crate::transport::certificate::{Certificate, element, elements};

const NOT_PEM: &str = "not valid PEM; check its BEGIN and END lines and its line breaks";
const ENCRYPTED: &str =
    "an encrypted private key; decrypt it with `openssl pkey -in FILE -out NEW.pem`";
const PKCS12: &str = "PKCS#12; convert it with `openssl pkcs12 -in FILE -nodes -out NEW.pem`";
const PKCS7_PEM: &str =
    "PKCS#7; convert it with `openssl pkcs7 -in FILE -print_certs -out NEW.pem`";
const PKCS7_DER: &str =
    "PKCS#7; convert it with `openssl pkcs7 -inform DER -in FILE -print_certs -out NEW.pem`";
const FOLDER_DER: &str = "not PEM, which files of a folder must be; convert it with \
                          `openssl x509 -inform DER -in FILE -out NEW.pem`";
const RULE: &str = "it must contain a certificate in PEM or DER form";

/// What a file holds.
#[derive(Default)]
pub(super) struct Contents {
    /// Certificates in their order, or why one is not usable.
    pub(super) certificates: Vec<Result<CertificateDer<'static>, &'static str>>,
    pub(super) keys: Vec<Zeroizing<Vec<u8>>>,
    /// What else it is or holds.
    pub(super) other: Option<&'static str>,
    /// Whether certificates of other labels than `CERTIFICATE` are skipped.
    only_plain: bool,
}

impl Contents {
    /// What a file of a setting holds.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self::default().read(bytes)
    }

    /// What a file of a folder or of the system holds. Only blocks of the label `CERTIFICATE` are
    /// trusted: systems keep others there too, such as those of OpenSSL that it must not trust.
    fn of_folder_entry(bytes: &[u8]) -> Self {
        Self { only_plain: true, ..Self::default() }.read(bytes)
    }

    fn read(mut self, bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let is_der =
            element(bytes).is_some_and(|(first, rest)| first.tag == 0x30 && rest.is_empty());
        if is_utf16(bytes) {
            self.other = Some("UTF-16 text; save it as UTF-8");
        } else if bytes.trim_ascii().is_empty() {
            self.other = Some("empty");
        } else if is_der && self.only_plain {
            self.other = Some(FOLDER_DER);
        } else if is_der {
            self.add_der(bytes);
        } else {
            self.add_pem(bytes);
        }
        self
    }

    /// What it is, if it contains no certificate.
    pub(super) fn without_certificate(&self) -> Option<String> {
        match self.other {
            _ if !self.certificates.is_empty() => None,
            Some(what) => Some(format!("is {what}")),
            None if self.keys.is_empty() => Some("contains no certificate".to_owned()),
            None => Some("is a private key, not a certificate".to_owned()),
        }
    }

    /// Whether it contains nothing that is known here.
    fn is_unknown(&self) -> bool {
        self.certificates.is_empty() && self.keys.is_empty() && self.other.is_none()
    }

    fn add_der(&mut self, der: &[u8]) {
        match kind_of(der) {
            Kind::Certificate => self.certificates.push(certificate(der)),
            Kind::Key => self.keys.push(Zeroizing::new(der.to_vec())),
            Kind::Other(what) => self.other = Some(what),
        }
    }

    fn add_pem(&mut self, bytes: &[u8]) {
        let mut lines = bytes
            .split(|byte| *byte == b'\n')
            .map(|line| std::str::from_utf8(line).unwrap_or_default().trim());
        // May hold a key: it does not grow, so that all of it is wiped.
        let mut body = Zeroizing::new(String::with_capacity(bytes.len()));
        let mut begin = None;
        while let Some(line) = begin.take().or_else(|| lines.next()) {
            let Some(label) = line.strip_prefix("-----BEGIN ") else { continue };
            let Some(label) = label.strip_suffix("-----").filter(|it| !it.contains("-----")) else {
                self.other = Some(NOT_PEM);
                continue;
            };
            let end = format!("-----END {label}-----");
            body.clear();
            let (mut encrypted, mut ended) = (false, false);
            for line in lines.by_ref() {
                if line == end {
                    ended = true;
                    break;
                }
                // The next block, after a file without a line end at its end or without its end.
                if let Some(at) = line.find("-----BEGIN ") {
                    ended = line[..at] == end;
                    begin = Some(&line[at..]);
                    break;
                }
                // A header, such as that of an encrypted key.
                if line.contains(':') {
                    encrypted |= line.contains("ENCRYPTED");
                } else {
                    body.extend(line.chars().filter(|c| !c.is_ascii_whitespace()));
                }
            }
            let der = if ended { decoded(&body) } else { Err("has no END line") };
            self.add_block(label, encrypted, der);
        }
        if self.is_unknown() {
            let begin = b"-----BEGIN";
            let is_pem = !self.only_plain && bytes.windows(begin.len()).any(|it| it == begin);
            self.other = is_pem.then_some(NOT_PEM);
        }
    }

    fn add_block(&mut self, label: &str, encrypted: bool, der: Decoded) {
        match label {
            "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" if self.only_plain => {}
            "CERTIFICATE" | "X509 CERTIFICATE" => {
                self.certificates.push(der.and_then(|der| certificate(&der)));
            }
            "TRUSTED CERTIFICATE" => self.certificates.push(der.and_then(|der| trusted(&der))),
            "ENCRYPTED PRIVATE KEY" => self.other = Some(ENCRYPTED),
            "PKCS7" | "CMS" => self.other = Some(PKCS7_PEM),
            "PKCS12" => self.other = Some(PKCS12),
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
                self.other = Some("a certificate request, not a certificate");
            }
            "PUBLIC KEY" => self.other = Some("a public key, not a certificate or a private key"),
            _ if label.ends_with("PRIVATE KEY") && encrypted => self.other = Some(ENCRYPTED),
            _ if label.ends_with("PRIVATE KEY") => match der {
                Ok(der) => self.keys.push(der),
                Err(_) => self.other = Some(NOT_PEM),
            },
            _ => {}
        }
    }
}

/// DER, which may be a key, or what is wrong with the PEM block that contains it.
type Decoded = Result<Zeroizing<Vec<u8>>, &'static str>;

fn decoded(base64: &str) -> Decoded {
    let mut der = Zeroizing::new(vec![0; base64::decoded_len_estimate(base64.len())]);
    let length = STANDARD.decode_slice(base64, &mut der).map_err(|_| "is not valid base64")?;
    der.truncate(length);
    Ok(der)
}

/// The certificate of a block of OpenSSL, which has the uses that it is trusted for behind it.
fn trusted(der: &[u8]) -> Result<CertificateDer<'static>, &'static str> {
    const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
    const ANY_USE: &[u8] = &[0x55, 0x1d, 0x25, 0];
    let (_, rest) = element(der).ok_or("is not a certificate")?;
    let uses = element(rest).map_or(&[][..], |(uses, _)| uses.content);
    for part in elements(uses) {
        let is_for_servers =
            || elements(part.content).any(|it| [SERVER_AUTH, ANY_USE].contains(&it.content));
        match part.tag {
            0x30 if !is_for_servers() => return Err("is not trusted for servers"),
            0xa0 => return Err("is rejected for a use"),
            _ => {}
        }
    }
    certificate(&der[..der.len() - rest.len()])
}

/// The certificate, if it can be a root.
fn certificate(der: &[u8]) -> Result<CertificateDer<'static>, &'static str> {
    let (whole, rest) = element(der).ok_or("is cut or not a certificate")?;
    if !rest.is_empty() {
        return Err("has bytes after its end");
    }
    Certificate::parse(der).ok_or("is not a certificate")?;
    let mut parts = elements(whole.content);
    let inner = parts
        .next()
        .and_then(|signed| elements(signed.content).filter(|field| field.tag != 0xa0).nth(1));
    if inner.map(|it| it.content) != parts.next().map(|it| it.content) {
        return Err("names two different signature algorithms");
    }
    let certificate = CertificateDer::from(der.to_vec());
    let parsed = RootCertStore::empty().add(certificate.clone());
    parsed.map(|()| certificate).map_err(|_| "is malformed")
}

enum Kind {
    Certificate,
    Key,
    Other(&'static str),
}

/// What DER is, by the first elements of it.
fn kind_of(der: &[u8]) -> Kind {
    const INTEGER: u8 = 2;
    const OCTETS: u8 = 4;
    const OBJECT_IDENTIFIER: u8 = 6;
    const SEQUENCE: u8 = 0x30;
    let content = element(der).map_or(&[][..], |(whole, _)| whole.content);
    let mut parts = elements(content);
    let (first, second) = (parts.next(), parts.next().map(|part| part.tag));
    match first.map(|first| (first.tag, first.content)) {
        Some((OBJECT_IDENTIFIER, _)) => Kind::Other(PKCS7_DER),
        Some((INTEGER, [3])) if second == Some(SEQUENCE) => Kind::Other(PKCS12),
        Some((INTEGER, _)) => Kind::Key,
        Some((SEQUENCE, _)) if second == Some(OCTETS) => Kind::Other(ENCRYPTED),
        _ => Kind::Certificate,
    }
}

fn is_utf16(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'-', 0, b'-', 0, ..] | [0, b'-', 0, b'-', ..]
    )
}

/// Where a file comes from. It decides what is read of it and what the log says about it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The file of a setting.
    Named,
    /// A file of the system, or one of a folder which has a name of certificates.
    Listed,
    /// Another file of a folder: what is not usable in it is not named.
    Other,
}

/// The certificates that files and folders hold, and what is not usable in them.
#[derive(Default)]
pub(super) struct Found {
    certificates: BTreeSet<Vec<u8>>,
    problems: Vec<String>,
}

impl Found {
    pub(super) fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    pub(super) fn certificates(self) -> Vec<CertificateDer<'static>> {
        self.certificates.into_iter().map(CertificateDer::from).collect()
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.certificates.append(&mut other.certificates);
        self.problems.append(&mut other.problems);
    }

    /// Adds the certificates of a file. It fails only if a resource ran out.
    pub(super) fn add_file(
        &mut self,
        setting: &str,
        path: &Path,
        origin: Origin,
    ) -> io::Result<()> {
        let bytes = match std::fs::read(path).map(Zeroizing::new) {
            Ok(bytes) => bytes,
            Err(error) => return self.skip(setting, path, origin, error),
        };
        let contents = match origin {
            Origin::Named => Contents::of(&bytes),
            Origin::Listed | Origin::Other => Contents::of_folder_entry(&bytes),
        };
        if let Some(what) = contents.without_certificate() {
            // Systems keep files with certificates of other labels in their folders.
            let is_expected = origin == Origin::Listed && contents.is_unknown();
            if origin != Origin::Other && !is_expected {
                self.problems.push(format!("{setting} ({}) {what}", shown(path)));
            }
        }
        for (number, certificate) in contents.certificates.into_iter().enumerate() {
            match certificate {
                Ok(certificate) => {
                    self.certificates.insert(certificate.to_vec());
                }
                Err(why) if origin != Origin::Other => self.problems.push(format!(
                    "certificate {} of {setting} ({}) {why}",
                    number + 1,
                    shown(path)
                )),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Adds the certificates of the files in a folder, each once however many links it has.
    pub(super) fn add_folder(&mut self, setting: &str, folder: &Path) -> io::Result<()> {
        let read = std::fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = match read {
            Ok(entries) => entries,
            Err(error) => return self.skip(setting, folder, Origin::Listed, error),
        };
        let mut paths: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
        paths.sort_unstable();
        let mut seen = BTreeSet::new();
        for path in paths {
            let origin = if is_of_certificates(&path) { Origin::Listed } else { Origin::Other };
            let file = path.canonicalize().and_then(|file| Ok((file.metadata()?.is_file(), file)));
            match file {
                Ok((true, file)) => {
                    if seen.insert(file) {
                        self.add_file(setting, &path, origin)?;
                    }
                }
                Ok(_) => {}
                Err(error) => self.skip(setting, &path, origin, error)?,
            }
        }
        Ok(())
    }

    fn skip(
        &mut self,
        setting: &str,
        path: &Path,
        origin: Origin,
        error: io::Error,
    ) -> io::Result<()> {
        if os_error::advice(&error).is_some() {
            return Err(error);
        }
        if origin != Origin::Other {
            let cause = os_error::describe(&error);
            self.problems.push(format!("cannot read {setting} ({}): {cause}", shown(path)));
        }
        Ok(())
    }

    /// Names in the log what is left out.
    pub(super) fn warn(&self) {
        for problem in &self.problems {
            log_line!(log::Level::Warn, "{problem}; it is left out");
        }
    }

    /// The error if nothing is usable: names as much as a message may hold.
    pub(super) fn error(&self, setting: &str) -> Error {
        const MAX_LENGTH: usize = 230;
        let mut message = String::new();
        let mut named = 0;
        for problem in &self.problems {
            if named > 0 && message.chars().count() + problem.chars().count() > MAX_LENGTH {
                break;
            }
            if named > 0 {
                message.push_str("; ");
            }
            message.push_str(problem);
            named += 1;
        }
        match self.problems.len() - named {
            _ if named == 0 => message = format!("{setting} contains no certificate"),
            0 => {}
            more => message.push_str(&format!("; and {more} more")),
        }
        Error::configuration(format!("{message}; {RULE}"))
    }
}

/// Whether a file of a folder should hold certificates, by its name: a hash of OpenSSL, or an
/// ending.
fn is_of_certificates(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let is_hash = stem.len() == 8 && stem.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_number = !ending.is_empty() && ending.bytes().all(|byte| byte.is_ascii_digit());
    is_hash && is_number || ["pem", "crt", "cer"].contains(&ending)
}

/// A path for a message: its end, which says more than its beginning. A blank at an end is not
/// shown, but is a part of the name.
pub(super) fn shown(path: &Path) -> String {
    const MAX_SHOWN: usize = 100;
    let path = path.to_string_lossy();
    let end = unusual_end(&path).map_or_else(String::new, |end| format!(", which {end}"));
    let path = redact::text(&path, &[]);
    match path.chars().count().checked_sub(MAX_SHOWN) {
        Some(hidden @ 1..) => format!("...{}{end}", path.chars().skip(hidden).collect::<String>()),
        _ => path + &end,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    #[test]
    fn a_damaged_block_does_not_take_the_next_one_with_it() {
        let pem = || {
            let params = CertificateParams::new(["a.example".to_owned()]).unwrap();
            params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem().trim_end().to_owned()
        };
        let (first, second) = (pem(), pem());
        let results = |text: &str| -> Vec<Result<(), &'static str>> {
            let contents = Contents::of(text.as_bytes());
            contents.certificates.into_iter().map(|it| it.map(drop)).collect()
        };
        assert_eq!(results(&format!("{first}\n{second}")), [Ok(()), Ok(())]);
        // `cat a.pem b.pem`, if a.pem has no line end at its end.
        assert_eq!(results(&format!("{first}{second}")), [Ok(()), Ok(())]);
        let without_end = first.strip_suffix("-----END CERTIFICATE-----").unwrap();
        for between in ["", "\n", "\n\n"] {
            let cut = format!("{}{between}{second}", without_end.trim_end());
            assert_eq!(results(&cut), [Err("has no END line"), Ok(())]);
        }
        assert_eq!(results(without_end), [Err("has no END line")]);
        let letters = first.replacen("\nMI", "\n!!", 1);
        assert_eq!(results(&letters), [Err("is not valid base64")]);
    }
}
