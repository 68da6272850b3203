//! The client's certificate and its private key.

use std::path::Path;
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use zeroize::Zeroizing;

use super::certificates::{Contents, shown};
use crate::error::Error;
use crate::os_error;
use crate::transport::certificate::{element, elements, key_algorithm};

const CERT: &str = "client_cert_file";
const KEY: &str = "client_key_file";

/// Reads the client's certificate chain and private key, and checks that they match.
pub(super) fn read(
    cert_file: Option<&Path>,
    key_file: Option<&Path>,
) -> Result<Option<Arc<dyn ResolvesClientCert>>, Error> {
    let (cert_file, key_file) = match (cert_file, key_file) {
        (None, None) => return Ok(None),
        (Some(cert_file), Some(key_file)) => (cert_file, key_file),
        _ => {
            return Err(Error::configuration(
                "client_cert_file and client_key_file must be set together",
            ));
        }
    };
    let (of_cert, of_key) = (contents(CERT, cert_file)?, contents(KEY, key_file)?);
    let is_key = of_cert.certificates.is_empty() && !of_cert.keys.is_empty();
    let is_certificate = of_key.keys.is_empty() && !of_key.certificates.is_empty();
    if is_key && is_certificate {
        let message = format!("{CERT} and {KEY} are swapped; exchange them");
        return Err(Error::configuration(message));
    }
    let chain = chain(of_cert)?;
    let key = signing_key(&of_key)?;
    check_match(&chain, &key)?;
    Ok(Some(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key)))))
}

fn contents(setting: &str, path: &Path) -> Result<Contents, Error> {
    let bytes = std::fs::read(path).map(Zeroizing::new).map_err(|error| {
        let cause = os_error::describe(&error);
        let advice = os_error::advice(&error).map(|it| format!("; {it}")).unwrap_or_default();
        let path = shown(path);
        Error::configuration(format!("cannot read {setting} ({path}): {cause}{advice}"))
            .with_source(Box::new(error))
    })?;
    Ok(Contents::of(&bytes))
}

fn chain(contents: Contents) -> Result<Vec<CertificateDer<'static>>, Error> {
    if let Some(what) = contents.without_certificate() {
        const RULE: &str = "it must contain the client's certificate in PEM or DER form";
        return Err(Error::configuration(format!("{CERT} {what}; {RULE}")));
    }
    let numbered = contents.certificates.into_iter().enumerate();
    let usable = numbered.map(|(index, certificate)| {
        certificate.map_err(|why| {
            let number = index + 1;
            Error::configuration(format!("certificate {number} of {CERT} {why}; replace it"))
        })
    });
    usable.collect()
}

/// The first usable key of the file.
fn signing_key(contents: &Contents) -> Result<Arc<dyn SigningKey>, Error> {
    let load = |der: &Zeroizing<Vec<u8>>| {
        // Not through the provider, which takes a copy of the key.
        any_supported_type(&PrivateKeyDer::try_from(der.as_slice()).ok()?).ok()
    };
    if let Some(key) = contents.keys.iter().find_map(load) {
        return Ok(key);
    }
    let what = match (contents.keys.first(), contents.other) {
        (Some(key), _) => format!(
            "is {}, which is not supported; use P-256, P-384, Ed25519 or RSA of 2048 to 4096 bits",
            kind(key)
        ),
        (None, Some(what)) => format!("is {what}"),
        (None, None) if contents.certificates.is_empty() => "contains no private key".to_owned(),
        (None, None) => "is a certificate, not a private key".to_owned(),
    };
    const RULE: &str = "it must contain a private key in PEM or DER form";
    Err(Error::configuration(format!("{KEY} {what}; {RULE}")))
}

fn check_match(chain: &[CertificateDer<'static>], key: &Arc<dyn SigningKey>) -> Result<(), Error> {
    let is_of = |certificate: &CertificateDer<'static>| {
        let pair = CertifiedKey::new(vec![certificate.clone()], key.clone());
        !matches!(
            pair.keys_match(),
            Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch))
        )
    };
    match chain.iter().position(is_of) {
        Some(0) => Ok(()),
        Some(_) => Err(Error::configuration(format!(
            "the first certificate of {CERT} must be the client's own, then those of its issuers"
        ))),
        None => Err(Error::configuration(format!(
            "{CERT} and {KEY} do not match; use the key that the certificate was requested with"
        ))),
    }
}

/// The kind of a private key: PKCS#8, else SEC1 or PKCS#1.
fn kind(der: &[u8]) -> String {
    const OCTETS: u8 = 4;
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 2;
    /// The identifier of keys on a curve, as an element.
    const EC: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";
    let content = |der| element(der).map_or(&[][..], |(whole, _)| whole.content);
    let whole = content(der);
    let Some(second) = elements(whole).nth(1) else { return "not a private key".to_owned() };
    match second.tag {
        SEQUENCE => match (key_algorithm(second.content).0, elements(whole).nth(2)) {
            ("an RSA key", Some(key)) => kind(key.content),
            (name, _) => name.to_owned(),
        },
        OCTETS => {
            let curve =
                elements(whole).find(|part| part.tag == 0xa0).map_or(&[][..], |it| it.content);
            key_algorithm(&[EC, curve].concat()).0.to_owned()
        }
        INTEGER => {
            let skipped = second.content.iter().take_while(|byte| **byte == 0).count();
            format!("an RSA key of {} bits", 8 * (second.content.len() - skipped))
        }
        _ => "a key of an unknown kind".to_owned(),
    }
}
